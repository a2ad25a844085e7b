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
}

// CallName is what the call for operations of this kind is called.
func CallName(kind backend.Kind) string { return callNames[kind] }
