package echo

import (
	"fmt"
	"maps"
	"slices"
)

// Program is a program under test that a user of this package adds to Programs. It has one
// of the two functions.
type Program struct {
	// Serve starts it in a server process of this executable.
	Serve func(s Spec, buffer int) (Serving, error)

	// Command returns the command line of an executable that is the server process. On its
	// standard output it writes a line of JSON with its address, {"Value":"127.0.0.1:4242"},
	// and a line for each line that it reads: {"Value":N} for one that contains "cpu", with
	// the nanoseconds of its CPU time, and {"Value":{"Resident":N}} for one that contains
	// "memory", with its bytes of resident memory. It ends when its standard input does.
	Command func(s Spec, buffer int) ([]string, error)
}

var registered = map[string]Program{}

// Register adds a program. It must be called before RunChild, and panics if there is a
// program of that name.
func Register(name string, p Program) {
	if exists(name) {
		panic(fmt.Sprintf("echo: there is a program %q", name))
	}
	registered[name] = p
}

// exists reports whether a program is known.
func exists(name string) bool {
	_, ok := registered[name]
	return ok || slices.Contains(Programs, name)
}

// names are the names of all programs.
func names() []string {
	return append(slices.Clone(Programs), slices.Sorted(maps.Keys(registered))...)
}

// command returns the command line of a server process, without a program to begin with if
// this executable is meant.
func (o ServerOptions) command() ([]string, error) {
	if p := registered[o.Program]; p.Command != nil && o.Exe == "" {
		return p.Command(o.Spec, o.Buffer)
	}
	return []string{o.Exe}, nil
}
