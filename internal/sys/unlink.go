package sys

import "os"

// fileRemover returns what removes the file that is at path now, unless another
// has taken its place by then: a new server may have renamed its own socket to the
// path, or removed ours and bound anew. The number that files are told apart by is
// not given to another one while ours is open, since a bound socket holds its
// file. Between the look and the removal the file may still be replaced: there is
// no call that does both.
func fileRemover(path string) (remove func()) {
	ours, err := os.Lstat(path)
	if err != nil { // somebody was faster
		return func() {}
	}
	return func() {
		if now, err := os.Lstat(path); err == nil && os.SameFile(ours, now) {
			os.Remove(path)
		}
	}
}
