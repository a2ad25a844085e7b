//go:build !windows

package porttest

import "github.com/completionport/completion"

// pipePair is for Windows.
func (e *env) pipePair(*completion.Port) (*completion.Socket, *peer) {
	panic("porttest: no named pipes")
}
