package main

import (
	"fmt"
	"strings"
	"testing"
)

// talks are conversations, each with an empty store: requests as lines, and the answers.
var talks = []struct {
	name  string
	lines [][2]string
}{
	{"Ping", [][2]string{
		{"PING", "+PONG"}, {"ping hello", "$5 hello"}, {"PING a b", "-ERR wrong number of arguments for 'ping' command"},
	}},
	{"Echo", [][2]string{{"echo hello", "$5 hello"}, {"echo", "-ERR wrong number of arguments for 'echo' command"}}},
	{"GetSet", [][2]string{
		{"GET k", "$-1"}, {"SET k v", "+OK"}, {"GET k", "$1 v"}, {"SET k longer", "+OK"}, {"get k", "$6 longer"},
		{`SET k ""`, "+OK"}, {"GET k", "$0 "}, {"SET k", "-ERR wrong number of arguments for 'set' command"},
		{"GET a b", "-ERR wrong number of arguments for 'get' command"},
	}},
	{"SetConditions", [][2]string{
		{"SET k v XX", "$-1"}, {"GET k", "$-1"}, {"SET k v nx", "+OK"}, {"SET k w NX", "$-1"}, {"GET k", "$1 v"},
		{"SET k w xx", "+OK"}, {"GET k", "$1 w"}, {"SET k x NX XX", "-ERR syntax error"},
		{"SET k x XX NX", "-ERR syntax error"}, {"SET k x FOO", "-ERR syntax error"}, {"GET k", "$1 w"},
	}},
	{"SetExpiry", [][2]string{
		{"SET k v EX 100", "+OK"}, {"TTL k", ":100"}, {"SET k v PX 100000 NX", "$-1"}, {"SET k v XX px 50000", "+OK"},
		{"TTL k", ":50"}, {"SET k v", "+OK"}, {"TTL k", ":-1"}, {"TTL missing", ":-2"},
		{"SET k w EX 0", "-ERR invalid expire time in 'set' command"},
		{"SET k w PX -1", "-ERR invalid expire time in 'set' command"},
		{"SET k w EX 9223372037", "-ERR invalid expire time in 'set' command"},
		{"SET k w EX soon", "-ERR value is not an integer or out of range"},
		{"SET k w EX", "-ERR syntax error"}, {"SET k w EX 1 PX 1", "-ERR syntax error"}, {"GET k", "$1 v"},
	}},
	{"DelExists", [][2]string{
		{"MSET a 1 b 2 c 3", "+OK"}, {"EXISTS a b a d", ":3"}, {"DEL a d c", ":2"}, {"EXISTS a b c", ":1"}, {"DEL a", ":0"},
	}},
	{"Incr", [][2]string{
		{"INCR n", ":1"}, {"INCR n", ":2"}, {"GET n", "$1 2"}, {"SET n -1", "+OK"}, {"INCR n", ":0"},
		{"SET n x", "+OK"}, {"INCR n", "-ERR value is not an integer or out of range"},
		{"SET n 9223372036854775806", "+OK"}, {"INCR n", ":9223372036854775807"},
		{"INCR n", "-ERR increment or decrement would overflow"}, {"GET n", "$19 9223372036854775807"},
		{"SET n 1 EX 100", "+OK"}, {"INCR n", ":2"}, {"TTL n", ":100"},
	}},
	{"Mget", [][2]string{
		{"MSET a 1 b 2", "+OK"}, {"MGET a x b", "*3 $1 1 $-1 $1 2"},
		{"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"},
		{"EXPIRE a 100", ":1"}, {"MSET a 2", "+OK"}, {"TTL a", ":-1"},
	}},
	{"Expire", [][2]string{
		{"EXPIRE k 10", ":0"}, {"SET k v", "+OK"}, {"EXPIRE k 10", ":1"}, {"TTL k", ":10"},
		{"EXPIRE k 20", ":1"}, {"TTL k", ":20"}, {"EXPIRE k x", "-ERR value is not an integer or out of range"},
		{"EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command"},
		{"EXPIRE k -9223372036854775808", "-ERR invalid expire time in 'expire' command"},
		{"EXPIRE k 0", ":1"}, {"EXISTS k", ":0"}, {"SET k v", "+OK"}, {"EXPIRE k -5", ":1"}, {"GET k", "$-1"},
	}},
	{"Select", [][2]string{
		{"SELECT 0", "+OK"}, {"SELECT 1", "-ERR DB index is out of range"},
		{"SELECT x", "-ERR value is not an integer or out of range"},
	}},
	{"Client", [][2]string{
		{"CLIENT SETNAME me", "+OK"}, {"client setinfo LIB-NAME x", "+OK"}, {"CLIENT ID", ":1"},
		{"CLIENT SETNAME", "-ERR unknown subcommand or wrong number of arguments for 'SETNAME'"},
		{"CLIENT", "-ERR wrong number of arguments for 'client' command"},
	}},
	{"Config", [][2]string{
		{"CONFIG GET save", "*2 $4 save $0 "}, {"config get SAV? append*", "*4 $10 appendonly $2 no $4 save $0 "},
		{"CONFIG GET [", "*0"}, {"CONFIG GET none", "*0"},
		{"CONFIG GET", "-ERR unknown subcommand or wrong number of arguments for 'GET'"},
		{"CONFIG SET a b", "-ERR unknown subcommand or wrong number of arguments for 'SET'"},
	}},
	{"Command", [][2]string{
		{"COMMAND COUNT", ":18"}, {"COMMAND DOCS get", "*0"},
		{"COMMAND INFO MGET none", "*2 *6 $4 mget :-2 *2 +readonly +fast :1 :-1 :1 $-1"},
		{"COMMAND x", "-ERR unknown subcommand or wrong number of arguments for 'x'"},
	}},
	{"Unknown", [][2]string{
		{"FOO", "-ERR unknown command 'FOO', with args beginning with: "},
		{"FOO a b", "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' "},
		{`"a\r\n+OK" b`, "-ERR unknown command 'a  +OK', with args beginning with: 'b' "},
		{"averyveryverylongname", "-ERR unknown command 'averyveryverylongname', with args beginning with: "},
	}},
	{"Hello", [][2]string{
		{"HELLO", "*14 " + hello2}, {"HELLO 2", "*14 " + hello2}, {"HELLO 3", "%7 " + hello3}, {"HELLO", "%7 " + hello3},
		{"GET k", "_"}, {"SET k v XX", "_"}, {"MGET k", "*1 _"}, {"CONFIG GET save", "%1 $4 save $0 "},
		{"HELLO 4", "-NOPROTO unsupported protocol version"}, {"COMMAND DOCS", "%0"},
		{"HELLO x", "-ERR Protocol version is not an integer or out of range"},
		{"HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'"}, {"GET k", "_"},
		{"HELLO 2 AUTH other x", "-WRONGPASS invalid username-password pair or user is disabled."}, {"GET k", "_"},
		{"HELLO 2 AUTH default x SETNAME me", "*14 " + hello2}, {"GET k", "$-1"},
	}},
}

const (
	hello2 = "$6 server $5 redis $7 version $5 7.0.0 $5 proto :2 " + hello9
	hello3 = "$6 server $5 redis $7 version $5 7.0.0 $5 proto :3 " + hello9
	hello9 = "$2 id :1 $4 mode $10 standalone $4 role $6 master $7 modules *0"
)

// answer returns an answer of the table as the server sends it. A space stands for a line
// end, except in simple strings and errors.
func answer(text string) string {
	if text[0] != '-' && text[0] != '+' {
		text = strings.ReplaceAll(text, " ", "\r\n")
	}
	return text + "\r\n"
}

// ways are servers to test: on a Memory with each number of workers, and on the loopback.
var ways = map[string]func(t *testing.T) *serving{
	"Memory":  func(t *testing.T) *serving { return serveMemory(t, 1) },
	"Workers": func(t *testing.T) *serving { return serveMemory(t, 4) },
	"Short": func(t *testing.T) *serving {
		s := serveMemory(t, 2)
		s.network.LimitTransfer(1) // no call moves more than a byte
		return s
	},
	"TCP":    func(t *testing.T) *serving { return serveTCP(t) },
	"NetTCP": func(t *testing.T) *serving { return serveTCP(t, "-style", "net") },
}

// inEachWay runs a test in each way.
func inEachWay(t *testing.T, test func(t *testing.T, serve func(t *testing.T) *serving)) {
	for name, serve := range ways {
		t.Run(name, func(t *testing.T) { test(t, serve) })
	}
}

// Each conversation in each way: request by request, as one pipeline, and in pieces.
func TestCommands(t *testing.T) {
	inEachWay(t, func(t *testing.T, serve func(t *testing.T) *serving) {
		for _, talk := range talks {
			t.Run(talk.name, func(t *testing.T) {
				var requests, answers string
				one := serve(t)
				p := one.dial()
				for _, line := range talk.lines {
					t.Log(line[0])
					p.ask(line[0]+"\r\n", answer(line[1]))
					requests, answers = requests+line[0]+"\n", answers+answer(line[1])
				}
				p.Close()
				one.stopWith(0)

				pipeline := serve(t)
				p = pipeline.dial()
				p.ask(requests, answers)
				p.Close()
				pipeline.stopWith(0)
			})
		}
	})
}

// The same requests as arrays.
func TestArrays(t *testing.T) {
	inEachWay(t, func(t *testing.T, serve func(t *testing.T) *serving) {
		s := serve(t)
		p := s.dial()
		value := "any\r\nbytes\x00\xff"
		p.ask(array("SET", "a key", value), "+OK\r\n")
		p.ask(array("get", "a key"), fmt.Sprintf("$%d\r\n%s\r\n", len(value), value))
		p.ask("*0\r\n*-1\r\n\r\n", "")
		p.Close()
		s.stopWith(0)
	})
}

// Requests that come byte by byte, or are cut once anywhere, are answered as whole ones.
func TestPieces(t *testing.T) {
	requests := array("SET", "k", "value") + "GET k\r\n" + array("MGET", "k", "none")
	answers := "+OK\r\n$5\r\nvalue\r\n*2\r\n$5\r\nvalue\r\n$-1\r\n"
	inEachWay(t, func(t *testing.T, serve func(t *testing.T) *serving) {
		s := serve(t)
		p := s.dial()
		for cut := range requests {
			p.send(requests[:cut])
			p.send(requests[cut:])
			p.expect(answers)
		}
		for _, b := range []byte(requests) {
			p.send(string(b))
		}
		p.expect(answers)
		p.Close()
		s.stopWith(0)
	})
}

// info returns the answer to INFO, which begins with this mark.
func (p *peer) info(args, mark string) string {
	p.t.Helper()
	p.send("INFO " + args + "\r\n")
	p.expect(mark)
	n := 0
	for b := byte(0); b != '\n'; {
		b = p.byte()
		if '0' <= b && b <= '9' {
			n = 10*n + int(b-'0')
		}
	}
	text := make([]byte, n)
	for i := range text {
		text[i] = p.byte()
	}
	p.expect("\r\n")
	return string(text)
}

// INFO has its sections, and the numbers are those of the server.
func TestInfo(t *testing.T) {
	s := serveMemory(t, 1)
	p := s.dial()
	p.ask("MSET a 1 b 2\r\nEXPIRE b 10\r\n", "+OK\r\n:1\r\n")
	const keyspace = "# Keyspace\r\ndb0:keys=2,expires=1\r\n"
	for _, c := range []struct{ args, begins, has string }{
		{"", "# Server\r\nredis_version:", "# Clients\r\nconnected_clients:1\r\n"},
		{"everything", "# Server\r\nredis_version:", "\r\n\r\n" + keyspace},
		{"KEYSPACE", keyspace, ""},
		{"clients keyspace", "# Clients\r\n", "\r\n\r\n" + keyspace},
		// 3 commands before, and 4 of these.
		{"stats", "# Stats\r\n", "total_connections_received:1\r\ntotal_commands_processed:7\r\n"},
	} {
		if got := p.info(c.args, "$"); !strings.HasPrefix(got, c.begins) || !strings.Contains(got, c.has) {
			t.Errorf("INFO %s begins not with %q, or has no %q: %q", c.args, c.begins, c.has, got)
		}
	}
	if got := p.info("none", "$"); got != "" {
		t.Errorf("INFO none is %q", got)
	}
	p.ask("HELLO 3\r\n", answer("%7 "+hello3))
	if got := p.info("keyspace", "="); got != "txt:"+keyspace {
		t.Errorf("in RESP3 it is %q", got)
	}
	p.Close()
	s.stopWith(0)
}

// byte reads a byte.
func (p *peer) byte() byte {
	p.t.Helper()
	var b [1]byte
	if _, err := p.Read(b[:]); err != nil {
		p.t.Fatal(err)
	}
	return b[0]
}

// COMMAND describes all commands, in one order.
func TestCommandList(t *testing.T) {
	s := serveMemory(t, 1)
	p := s.dial()
	p.send("COMMAND\r\n")
	p.expect("*18\r\n*6\r\n$6\r\nclient\r\n:-2\r\n*1\r\n+fast\r\n:0\r\n:0\r\n:0\r\n*6\r\n$7\r\ncommand\r\n")
	p.Close()
	s.stop()
}
