package main

import (
	"bytes"
	"fmt"
	"math"
)

// The limits of a request. A client that exceeds one gets a protocol error. A parser never
// makes room for what a client only announces.
const (
	maxArguments = 1 << 20
	maxBulk      = 64 << 20  // bytes of one argument
	maxRequest   = 128 << 20 // bytes of all of them
	maxInline    = 64 << 10
	maxNumber    = 32 // bytes of a length with its line end
)

// protocolError is the mistake of a client behind which no next request can be found.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// parser finds the requests of one client in its bytes. A request may come in any number of
// pieces: the parser continues where it stopped, so no byte of an argument is looked at
// twice.
type parser struct {
	at      int    // the offset of the first byte that was not parsed
	missing int    // the number of arguments that were not parsed
	bulk    int    // the length of the argument at this offset, if begun
	begun   bool   // the length of the argument was parsed
	spans   []span // the arguments that were parsed
	args    [][]byte
}

// span is an argument as offsets: the bytes may move until the request is complete.
type span struct{ from, to int }

// manyArguments is the number of arguments that a parser keeps memory for.
const manyArguments = 64

// next returns the arguments of the request at the start of in, and its length in bytes. If
// the request is not complete, the length is 0: the next call gets the same bytes and more
// behind them. A request without arguments is to be ignored. The arguments are valid until
// in changes or next is called again.
func (p *parser) next(in []byte) (args [][]byte, n int, err error) {
	if p.missing == 0 {
		switch {
		case len(in) == 0:
			return nil, 0, nil
		case in[0] != '*':
			return p.inline(in)
		}
		count, ok, err := p.number(in, "multibulk", "mbulk", maxArguments)
		if err != nil || !ok {
			return nil, 0, err
		}
		p.missing = max(count, 0)
	}
	for p.missing > 0 {
		if ok, err := p.argument(in); err != nil || !ok {
			return nil, 0, err
		}
	}
	for _, s := range p.spans {
		p.args = append(p.args, in[s.from:s.to])
	}
	return p.complete(p.at)
}

// complete returns the request that was parsed, and prepares for the next one.
func (p *parser) complete(n int) ([][]byte, int, error) {
	args, spans := p.args, p.spans
	*p = parser{}
	if cap(args) <= manyArguments {
		p.args, p.spans = args[:0], spans[:0]
	}
	return args, n, nil
}

// needs returns a number of bytes without which the request can't be complete.
func (p *parser) needs() int { return p.at + p.bulk + len("\r\n") }

// room returns how much memory is good for a request of which n bytes have come: twice as
// much, whatever the client announces, but not much more than it needs. What it needs is
// known in its last argument only: if the room grew with each argument, a request of many
// would be copied again and again.
func (p *parser) room(n int) int {
	room := 2 * n
	if p.begun && p.missing == 1 {
		room = min(room, p.needs())
	}
	return max(room, n+inputSize)
}

// argument parses the next argument. It returns false if there is not all of it.
func (p *parser) argument(in []byte) (ok bool, err error) {
	if !p.begun {
		switch {
		case p.at == len(in):
			return false, nil
		case in[p.at] != '$':
			return false, protocolError(fmt.Sprintf("expected '$', got '%c'", in[p.at]))
		}
		n, ok, err := p.number(in, "bulk", "bulk", maxBulk)
		switch {
		case err != nil || !ok:
			return false, err
		case n < 0:
			return false, protocolError("invalid bulk length")
		case p.at+n > maxRequest:
			return false, protocolError("too big request")
		}
		p.bulk, p.begun = n, true
	}
	end := p.at + p.bulk
	switch {
	case len(in) < p.needs():
		return false, nil
	case in[end] != '\r' || in[end+1] != '\n':
		return false, protocolError("expected a line end behind an argument")
	}
	p.spans = append(p.spans, span{p.at, end})
	p.at = p.needs()
	p.missing--
	p.bulk, p.begun = 0, false
	return true, nil
}

// number parses a line with a length, such as *3 or $5. It returns false if there is not all
// of it. A negative length is returned as -1.
func (p *parser) number(in []byte, name, short string, most int64) (n int, ok bool, err error) {
	line := in[p.at+1:]
	end := bytes.IndexByte(line[:min(len(line), maxNumber)], '\r')
	switch {
	case end < 0 && len(line) >= maxNumber:
		return 0, false, protocolError("too big " + short + " count string")
	case end < 0 || end+1 == len(line):
		return 0, false, nil
	}
	value, ok := parseInt(line[:end])
	if !ok || value > most || line[end+1] != '\n' {
		return 0, false, protocolError("invalid " + name + " length")
	}
	p.at += 1 + end + 2
	return int(max(value, -1)), true, nil
}

// parseInt returns the number that b is in decimal, without anything else around it.
func parseInt(b []byte) (n int64, ok bool) {
	digits, negative := bytes.CutPrefix(b, []byte("-"))
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' || negative && digits[0] == '0' {
		return 0, false
	}
	// Towards the negative, which has one number more.
	for _, d := range digits {
		if d < '0' || d > '9' || n < (math.MinInt64+int64(d-'0'))/10 {
			return 0, false
		}
		n = 10*n - int64(d-'0')
	}
	if negative {
		return n, true
	}
	return -n, n != math.MinInt64
}

// inline parses a request that is a line of words, as a person types it.
func (p *parser) inline(in []byte) (args [][]byte, n int, err error) {
	end := bytes.IndexByte(in[:min(len(in), maxInline)], '\n')
	switch {
	case end < 0 && len(in) >= maxInline:
		return nil, 0, protocolError("too big inline request")
	case end < 0:
		return nil, 0, nil
	}
	for line := trimSpace(in[:end]); len(line) > 0; line = trimSpace(line) {
		var arg []byte
		var ok bool
		if arg, line, ok = word(line); !ok {
			return nil, 0, protocolError("unbalanced quotes in request")
		}
		p.args = append(p.args, arg)
	}
	return p.complete(end + 1)
}

func trimSpace(line []byte) []byte {
	for len(line) > 0 && isSpace(line[0]) {
		line = line[1:]
	}
	return line
}

func isSpace(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' || b == 0 }

// word returns the first word of a line and what is behind it. A word in quotes is
// unquoted in place, since that makes it shorter. A quote that has no end, or an end that
// does not end the word, is not ok.
func word(line []byte) (arg, rest []byte, ok bool) {
	arg = line[:0]
	for i := 0; i < len(line); {
		switch b := line[i]; {
		case isSpace(b):
			return arg, line[i:], true
		case b == '"' || b == '\'':
			var n int
			arg, n = unquote(arg, line[i:])
			if i += n; n == 0 || i < len(line) && !isSpace(line[i]) {
				return nil, nil, false
			}
			return arg, line[i:], true
		default:
			arg = append(arg, b)
			i++
		}
	}
	return arg, nil, true
}

// unquote appends what is between the quote at the start of quoted and the next one. It
// returns the number of bytes with both quotes, or 0 if the second one is missing.
func unquote(arg, quoted []byte) ([]byte, int) {
	quote := quoted[0]
	for i := 1; i < len(quoted); {
		b, n := quoted[i], 1
		switch {
		case b == quote:
			return arg, i + 1
		case b != '\\' || i+1 == len(quoted):
		case quote == '"':
			b, n = unescape(quoted[i:])
		case quoted[i+1] == quote:
			b, n = quote, 2
		}
		arg = append(arg, b)
		i += n
	}
	return arg, 0
}

// unescape returns the byte that an escape sequence means, and the length of the sequence.
func unescape(b []byte) (byte, int) {
	const escapes, meanings = "nrtba", "\n\r\t\b\a"
	if len(b) >= 4 && b[1] == 'x' {
		high, low := fromHex(b[2]), fromHex(b[3])
		if high >= 0 && low >= 0 {
			return byte(high<<4 | low), 4
		}
	}
	if i := bytes.IndexByte([]byte(escapes), b[1]); i >= 0 {
		return meanings[i], 2
	}
	return b[1], 2
}

// fromHex returns the value of a hexadecimal digit, or -1.
func fromHex(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return -1
}
