package main

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/completionport/completion"
)

// command is a command that clients may send.
type command struct {
	name  string
	arity int // the number of words, or the least number as a negative one

	// What COMMAND tells of it: flags, and the words that are keys, as the first one, the
	// last one (from the end if negative) and the distance.
	flags             string
	first, last, step int

	run func(c *client, args [][]byte)
}

// commands are all commands by name. It is filled at the start, since COMMAND uses it.
var commands = make(map[string]*command)

func init() {
	for _, c := range []command{
		{"client", -2, "fast", 0, 0, 0, clientCommand},
		{"command", -1, "loading", 0, 0, 0, commandCommand},
		{"config", -2, "admin", 0, 0, 0, config},
		{"del", -2, "write", 1, -1, 1, func(c *client, args [][]byte) { c.integer(c.store.del(args[1:])) }},
		{"echo", 2, "fast", 0, 0, 0, func(c *client, args [][]byte) { c.bulk(args[1]) }},
		{"exists", -2, "readonly fast", 1, -1, 1, func(c *client, args [][]byte) { c.integer(c.store.count(args[1:])) }},
		{"expire", 3, "write fast", 1, 1, 1, expire},
		{"get", 2, "readonly fast", 1, 1, 1, get},
		{"hello", -1, "fast", 0, 0, 0, hello},
		{"incr", 2, "write fast", 1, 1, 1, increment},
		{"info", -1, "loading", 0, 0, 0, info},
		{"mget", -2, "readonly fast", 1, -1, 1, mget},
		{"mset", -3, "write", 1, -1, 2, mset},
		{"ping", -1, "fast", 0, 0, 0, ping},
		{"quit", -1, "fast", 0, 0, 0, quit},
		{"select", 2, "fast", 0, 0, 0, selectCommand},
		{"set", -3, "write", 1, 1, 1, set},
		{"ttl", 2, "readonly fast", 1, 1, 1, ttl},
	} {
		commands[c.name] = &c
	}
}

// is compares an option, which may be written in capitals.
func is(arg []byte, option string) bool { return strings.EqualFold(string(arg), option) }

func ping(c *client, args [][]byte) {
	switch len(args) {
	case 1:
		c.simple("PONG")
	case 2:
		c.bulk(args[1])
	default:
		c.fail("ERR wrong number of arguments for 'ping' command")
	}
}

func quit(c *client, _ [][]byte) {
	c.simple("OK")
	c.closing = true
}

func get(c *client, args [][]byte) {
	if value, ok := c.store.get(args[1]); ok {
		c.bulk(value)
		return
	}
	c.null()
}

// longestAnswer is the most bytes that one request may ask for. A request may name a long
// value any number of times.
const longestAnswer = 128 << 20

func mget(c *client, args [][]byte) {
	values, total := c.store.getAll(nil, args[1:])
	if total > longestAnswer {
		c.fail("ERR the values are too long for one answer")
		return
	}
	c.array(len(values))
	for _, value := range values {
		if value == nil {
			c.null()
			continue
		}
		c.bulk(value)
	}
}

func mset(c *client, args [][]byte) {
	if len(args)%2 == 0 {
		c.fail("ERR wrong number of arguments for 'mset' command")
		return
	}
	c.store.setAll(args[1:])
	c.simple("OK")
}

func set(c *client, args [][]byte) {
	when, expires := always, completion.Deadline(0)
	for options := args[3:]; len(options) > 0; options = options[1:] {
		switch option := options[0]; {
		case is(option, "nx") && when != ifPresent:
			when = ifMissing
		case is(option, "xx") && when != ifMissing:
			when = ifPresent
		case (is(option, "ex") || is(option, "px")) && expires == 0 && len(options) > 1:
			unit := time.Second
			if is(option, "px") {
				unit = time.Millisecond
			}
			options = options[1:]
			after, ok := c.duration(options[0], unit, 1, "set")
			if !ok {
				return
			}
			expires = completion.After(after)
		default:
			c.fail("ERR syntax error")
			return
		}
	}
	if !c.store.set(args[1], args[2], when, expires) {
		c.null()
		return
	}
	c.simple("OK")
}

// duration parses a number of units. It answers itself with an error if the number makes no
// sense or is below least.
func (c *client) duration(arg []byte, unit time.Duration, least int64, name string) (time.Duration, bool) {
	n, ok := parseInt(arg)
	switch {
	case !ok:
		c.fail("ERR " + errNoInteger.Error())
	case n < least || n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit):
		c.fail("ERR invalid expire time in '" + name + "' command")
		return 0, false
	}
	return time.Duration(n) * unit, ok
}

func expire(c *client, args [][]byte) {
	after, ok := c.duration(args[2], time.Second, math.MinInt64, "expire")
	switch {
	case !ok:
	case c.store.expire(args[1], completion.After(after)):
		c.integer(1)
	default:
		c.integer(0)
	}
}

// ttl answers with -2 for a missing key, and with -1 for a key that does not expire.
func ttl(c *client, args [][]byte) {
	switch at, ok := c.store.expiry(args[1]); {
	case !ok:
		c.integer(-2)
	case at == 0:
		c.integer(-1)
	default:
		left := max(at.Sub(completion.Now()), 0)
		c.integer(int((left + time.Second/2) / time.Second))
	}
}

func increment(c *client, args [][]byte) {
	n, err := c.store.increment(args[1])
	if err != nil {
		c.fail("ERR " + err.Error())
		return
	}
	c.number(':', n)
}

func selectCommand(c *client, args [][]byte) {
	switch n, ok := parseInt(args[1]); {
	case !ok:
		c.fail("ERR " + errNoInteger.Error())
	case n != 0:
		c.fail("ERR DB index is out of range")
	default:
		c.simple("OK")
	}
}

func clientCommand(c *client, args [][]byte) {
	switch {
	case is(args[1], "setname") && len(args) == 3, is(args[1], "setinfo") && len(args) == 4:
		c.simple("OK")
	case is(args[1], "id") && len(args) == 2:
		c.number(':', c.id)
	default:
		c.noSubcommand(args)
	}
}

// noSubcommand is the answer to a second word that does not exist, or has other arguments.
func (c *client) noSubcommand(args [][]byte) {
	c.fail("ERR unknown subcommand or wrong number of arguments for '" + string(shorten(args[1])) + "'")
}

func commandCommand(c *client, args [][]byte) {
	switch {
	case len(args) == 1:
		c.array(len(commands))
		for _, name := range slices.Sorted(maps.Keys(commands)) {
			c.describe(commands[name])
		}
	case is(args[1], "count") && len(args) == 2:
		c.integer(len(commands))
	case is(args[1], "docs"):
		c.dictionary(0)
	case is(args[1], "info"):
		c.array(len(args) - 2)
		for _, name := range args[2:] {
			c.describe(commands[string(bytes.ToLower(name))])
		}
	default:
		c.noSubcommand(args)
	}
}

// describe answers with the description of a command, or with null if it is nil.
func (c *client) describe(cmd *command) {
	if cmd == nil {
		c.null()
		return
	}
	c.array(6)
	c.text(cmd.name)
	c.integer(cmd.arity)
	flags := strings.Fields(cmd.flags)
	c.array(len(flags))
	for _, flag := range flags {
		c.simple(flag)
	}
	c.integer(cmd.first)
	c.integer(cmd.last)
	c.integer(cmd.step)
}
