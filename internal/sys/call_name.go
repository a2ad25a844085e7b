//go:build !windows

package sys

import "github.com/completionport/completion/internal/core"

var callNames = [...]string{
	core.Accept:     "accept",
	core.Connect:    "connect",
	core.Read:       "read",
	core.Write:      "write",
	core.CloseWrite: "shutdown",
}

// CallName is what the call for operations of this kind is called.
func CallName(kind core.Kind) string { return callNames[kind] }
