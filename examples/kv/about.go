package main

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redisVersion is the version that clients adapt themselves to.
const redisVersion = "7.0.0"

// hello selects the version of the protocol, and answers with facts about the server.
func hello(c *client, args [][]byte) {
	resp3 := c.resp3
	if len(args) > 1 {
		version, ok := parseInt(args[1])
		switch {
		case !ok:
			c.fail("ERR Protocol version is not an integer or out of range")
			return
		case version != 2 && version != 3:
			c.fail("NOPROTO unsupported protocol version")
			return
		}
		resp3 = version == 3
		for options := args[2:]; len(options) > 0; {
			switch {
			case is(options[0], "setname") && len(options) > 1:
				options = options[2:]
			case is(options[0], "auth") && len(options) > 2 && string(options[1]) == "default":
				options = options[3:] // there is no password
			case is(options[0], "auth") && len(options) > 2:
				c.fail("WRONGPASS invalid username-password pair or user is disabled.")
				return
			default:
				c.fail("ERR Syntax error in HELLO option '" + string(shorten(options[0])) + "'")
				return
			}
		}
	}
	c.resp3 = resp3
	c.introduce()
}

// introduce is the answer to HELLO.
func (c *client) introduce() {
	version := 2
	if c.resp3 {
		version = 3
	}
	c.dictionary(7)
	c.text("server")
	c.text("redis")
	c.text("version")
	c.text(redisVersion)
	c.text("proto")
	c.integer(version)
	c.text("id")
	c.number(':', c.id)
	c.text("mode")
	c.text("standalone")
	c.text("role")
	c.text("master")
	c.text("modules")
	c.array(0)
}

// settings are what CONFIG GET knows, in the order of the names.
var settings = [][2]string{
	{"appendonly", "no"},
	{"databases", "1"},
	{"maxmemory", "0"},
	{"proto-max-bulk-len", strconv.Itoa(maxBulk)},
	{"save", ""},
}

// config answers CONFIG GET, which may have several patterns.
func config(c *client, args [][]byte) {
	if !is(args[1], "get") || len(args) < 3 {
		c.noSubcommand(args)
		return
	}
	var found [][2]string
	for _, setting := range settings {
		if slices.ContainsFunc(args[2:], func(pattern []byte) bool {
			ok, err := path.Match(strings.ToLower(string(pattern)), setting[0])
			return ok && err == nil
		}) {
			found = append(found, setting)
		}
	}
	c.dictionary(len(found))
	for _, setting := range found {
		c.text(setting[0])
		c.text(setting[1])
	}
}

// info answers with facts about the server, all of them or some sections.
func info(c *client, args [][]byte) {
	var text strings.Builder
	for _, section := range c.sections() {
		name, _, _ := strings.Cut(section, "\r\n")
		wanted := len(args) == 1
		for _, arg := range args[1:] {
			wanted = wanted || is(arg, strings.TrimPrefix(name, "# ")) ||
				is(arg, "all") || is(arg, "default") || is(arg, "everything")
		}
		if wanted {
			if text.Len() > 0 {
				text.WriteString("\r\n")
			}
			text.WriteString(section)
		}
	}
	c.document(text.String())
}

// sections are the sections of INFO.
func (s *shared) sections() []string {
	keys, expiring := s.store.size()
	keyspace := ""
	if keys > 0 {
		keyspace = fmt.Sprintf("db0:keys=%d,expires=%d\r\n", keys, expiring)
	}
	return []string{
		fmt.Sprintf("# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nos:%s\r\nprocess_id:%d\r\nuptime_in_seconds:%d\r\n",
			redisVersion, runtime.GOOS, os.Getpid(), time.Since(s.begun)/time.Second),
		fmt.Sprintf("# Clients\r\nconnected_clients:%d\r\n", s.connected.Load()),
		fmt.Sprintf("# Stats\r\ntotal_connections_received:%d\r\ntotal_commands_processed:%d\r\nexpired_keys:%d\r\n",
			s.accepted.Load(), s.executed.Load(), s.expired.Load()),
		"# Keyspace\r\n" + keyspace,
	}
}
