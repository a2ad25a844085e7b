package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// enough is the length of answers at which a client has to read them before more of its
// requests are executed.
const enough = 1 << 20

// client is what the server knows about a client, whatever the connection is made of. One
// goroutine uses it at a time.
type client struct {
	replies
	*shared
	requests parser
	id       int64
	closing  bool // the client gets its answers, and then the connection ends
	stopped  bool // there were enough answers, and there is input left
}

// shared is what all connections of a server share.
type shared struct {
	store *store
	begun time.Time

	lastID, connected, executed, expired, accepted, failed atomic.Int64
}

func newShared() *shared { return &shared{store: newStore(), begun: time.Now()} }

// welcome counts a new client.
func (s *shared) welcome() client {
	s.accepted.Add(1)
	s.connected.Add(1)
	return client{shared: s, id: s.lastID.Add(1)}
}

// answer executes the requests in in and appends the answers to out. It returns the number
// of bytes of the requests that it has executed. The rest is a request that is not complete,
// unless there were enough answers.
func (c *client) answer(in []byte, out []byte) (consumed int, answers []byte) {
	c.out, c.stopped = out[:0], false
	var executed int64
	for !c.closing && !c.stopped {
		args, n, err := c.requests.next(in[consumed:])
		switch {
		case err != nil:
			c.fail("ERR " + err.Error())
			c.closing = true
		case len(args) > 0:
			c.execute(args)
			executed++
		}
		if n == 0 {
			break
		}
		consumed += n
		c.stopped = len(c.out) >= enough && consumed < len(in)
	}
	c.shared.executed.Add(executed)
	out, c.out = c.out, nil
	return consumed, out
}

// longestName is the length of the longest name of a command.
const longestName = 16

// execute executes a request.
func (c *client) execute(args [][]byte) {
	var lower [longestName]byte
	name := args[0]
	if len(name) <= len(lower) {
		for i, b := range name {
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			lower[i] = b
		}
		name = lower[:len(name)]
	}
	switch cmd := commands[string(name)]; {
	case cmd == nil:
		c.fail(unknown(args))
		c.closing = isHTTP(name)
	case cmd.arity >= 0 && len(args) != cmd.arity, len(args) < -cmd.arity:
		c.fail("ERR wrong number of arguments for '" + cmd.name + "' command")
	default:
		cmd.run(c, args)
	}
}

// isHTTP reports whether a line is from a browser, which a page made send it. No command
// behind it is executed.
func isHTTP(name []byte) bool { return string(name) == "post" || string(name) == "host:" }

// unknown is the error for a command that does not exist.
func unknown(args [][]byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%s', with args beginning with: ", shorten(args[0]))
	for _, arg := range args[1:] {
		if b.Len() >= longestError {
			break
		}
		fmt.Fprintf(&b, "'%s' ", shorten(arg))
	}
	return b.String()
}

// shorten returns the beginning of an argument for an error.
func shorten(arg []byte) []byte { return arg[:min(len(arg), longestError/2)] }
