package main

import (
	"fmt"
	"os"
	"strings"
)

// childVariable is the environment variable with the role of a child of this program, and
// what the role needs to know.
const childVariable = "COMPLETION_PROGRAMS_CHILD"

// roles are the servers that are part of this program.
var roles = map[string]func(string) error{
	"proxy": serveProxy,
	"tls":   serveTLS,
	"chat":  serveChat,
	"udp":   serveUDP,
}

// runChild does not return in a process that was started as a child.
func runChild() {
	role, ok := os.LookupEnv(childVariable)
	if !ok {
		return
	}
	name, detail, _ := strings.Cut(role, " ")
	err := roles[name](detail)
	fmt.Fprintln(os.Stderr, "programs:", name, err)
	os.Exit(1)
}

// child starts this program as a server of that role.
func (b *builder) child(name, role, detail string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.start(name, []string{self}, []string{childVariable + "=" + role + " " + detail})
}
