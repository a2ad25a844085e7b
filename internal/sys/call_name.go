//go:build !windows

package sys

import (
	"github.com/completionport/completion/internal/backend"
)

var callNames = [...]string{
	backend.Accept:     "accept",
	backend.Connect:    "connect",
	backend.Read:       "read",
	backend.Write:      "write",
	backend.CloseWrite: "shutdown",
	backend.Receive:    "recvmsg",
	backend.Send:       "sendmsg",
	backend.Copy:       "write",
	backend.CopyIn:     "read",
}

// CallName returns the name of the system call for operations of this kind.
func CallName(kind backend.Kind) string { return callNames[kind] }
