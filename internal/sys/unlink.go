package sys

import "os"

// fileRemover returns a function that removes the file that is at path now, unless another
// file has taken its place by then: a new server may have renamed its own socket to the
// path, or removed ours and bound a new one. The file is known by its number. No other file
// gets that number while our socket is open, since a bound socket keeps its file. One race
// remains: the file may be replaced between the comparison and the removal, since no call
// does both.
func fileRemover(path string) (remove func()) {
	ours, err := os.Lstat(path)
	if err != nil { // it has been removed already
		return func() {}
	}
	return func() {
		if now, err := os.Lstat(path); err == nil && os.SameFile(ours, now) {
			os.Remove(path)
		}
	}
}
