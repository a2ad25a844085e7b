package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// array is a request in the form that clients send.
func array(args ...string) string {
	var b strings.Builder
	b.WriteString("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, arg := range args {
		b.WriteString("$" + strconv.Itoa(len(arg)) + "\r\n" + arg + "\r\n")
	}
	return b.String()
}

// parseAll returns the requests in all, which come in pieces that end at cuts. As a
// connection does, it moves the rest, so that a parser that keeps a piece of it fails.
func parseAll(all string, cuts ...int) (requests [][]string, rest int, err error) {
	var p parser
	var in []byte
	from := 0
	for _, to := range append(cuts, len(all)) {
		in = append(slices.Clone(in), all[from:to]...)
		from = to
		for {
			args, n, err := p.next(in)
			switch {
			case err != nil:
				return requests, len(in), err
			case n > len(in):
				return nil, 0, errors.New("more bytes than there are")
			case n == 0 && len(in) > 0 && p.needs() <= len(in) && in[0] == '*' && p.begun:
				return nil, 0, errors.New("it needs what it has")
			}
			if len(args) > 0 {
				request := make([]string, len(args))
				for i, arg := range args {
					request[i] = string(arg)
				}
				requests = append(requests, request)
			}
			clear(in[:n])
			in = in[n:]
			if n == 0 {
				break
			}
		}
	}
	return requests, len(in), nil
}

// parsing are bytes and what they mean: the requests, the number of bytes that are left, and
// the error.
var parsing = []struct {
	name, in string
	want     [][]string
	rest     int
	fails    string
}{
	{"Nothing", "", nil, 0, ""},
	{"One", array("GET", "key"), [][]string{{"GET", "key"}}, 0, ""},
	{"Two", array("PING") + array("SET", "k", ""), [][]string{{"PING"}, {"SET", "k", ""}}, 0, ""},
	{"AnyBytes", array("ECHO", "\r\n$*\x00\xff"), [][]string{{"ECHO", "\r\n$*\x00\xff"}}, 0, ""},
	{"NoArguments", "*0\r\n*-1\r\n*-7\r\n" + array("PING"), [][]string{{"PING"}}, 0, ""},
	{"Unfinished", array("PING") + "*2\r\n$4\r\nECHO\r\n$5\r\nhal", [][]string{{"PING"}}, 21, ""},
	{"UnfinishedNumber", "*2\r", nil, 3, ""},
	{"Inline", "PING\r\nset  k\tv \n", [][]string{{"PING"}, {"set", "k", "v"}}, 0, ""},
	{"InlineEmpty", "\r\n  \r\n\nPING\r\n", [][]string{{"PING"}}, 0, ""},
	{"InlineUnfinished", "PING\r\nPIN", [][]string{{"PING"}}, 3, ""},
	{"Quotes", `set "a b" 'c "d'` + "\n", [][]string{{"set", "a b", `c "d`}}, 0, ""},
	{"QuotesEmpty", `set k ""` + "\n", [][]string{{"set", "k", ""}}, 0, ""},
	{"QuoteInside", `a"b c"` + "\n", [][]string{{"ab c"}}, 0, ""},
	{"Escapes", `"\x41\xfF\n\r\t\b\a\q\"\\\xg1"` + "\n", [][]string{{"A\xff\n\r\t\b\aq\"\\xg1"}}, 0, ""},
	{"EscapeSingle", `'a\'b\n'` + "\n", [][]string{{`a'b\n`}}, 0, ""},
	{"BothForms", "PING\r\n" + array("PING") + "PING\n", [][]string{{"PING"}, {"PING"}, {"PING"}}, 0, ""},
	{"Longest", "*1\r\n$67108864\r\n", nil, 15, ""},

	{"Unbalanced", "PING\r\nset \"k\r\n", [][]string{{"PING"}}, 8, "unbalanced quotes in request"},
	{"UnbalancedEscape", `set "k\"` + "\n", nil, 9, "unbalanced quotes in request"},
	{"BehindQuote", `set "k"v` + "\n", nil, 9, "unbalanced quotes in request"},
	{"NoNumber", "*x\r\n", nil, 4, "invalid multibulk length"},
	{"NoDigits", "*\r\n", nil, 3, "invalid multibulk length"},
	{"Overflow", "*9223372036854775808\r\n", nil, 22, "invalid multibulk length"},
	{"ManyArguments", "*1048577\r\n", nil, 10, "invalid multibulk length"},
	{"LongNumber", "*" + strings.Repeat("1", 40), nil, -1, "too big mbulk count string"},
	{"LongBulkNumber", "*1\r\n$" + strings.Repeat("1", 40), nil, -1, "too big bulk count string"},
	{"NoLineEnd", "*1\r*", nil, 4, "invalid multibulk length"},
	{"NoBulk", "*1\r\nPING\r\n", nil, -1, "expected '$', got 'P'"},
	{"NegativeBulk", "*1\r\n$-1\r\n", nil, 9, "invalid bulk length"},
	{"LongBulk", "*1\r\n$67108865\r\n", nil, 15, "invalid bulk length"},
	{"NoBulkEnd", "*1\r\n$4\r\nPINGPONG", nil, -1, "expected a line end behind an argument"},
	{"LongInline", strings.Repeat("x", maxInline), nil, maxInline, "too big inline request"},
}

func TestRequests(t *testing.T) {
	for _, c := range parsing {
		t.Run(c.name, func(t *testing.T) {
			check := func(cuts ...int) {
				t.Helper()
				got, rest, err := parseAll(c.in, cuts...)
				if !slices.EqualFunc(got, c.want, slices.Equal) {
					t.Errorf("cut at %d: the requests are %q, want %q", cuts, got, c.want)
				}
				var failure protocolError
				errors.As(err, &failure)
				if string(failure) != c.fails || err != nil && c.fails == "" {
					t.Errorf("cut at %d: the error is %v, want %q", cuts, err, c.fails)
				}
				// In pieces, an error may come before the last one.
				if c.rest >= 0 && rest != c.rest && (c.fails == "" || len(cuts) == 0) {
					t.Errorf("cut at %d: %d bytes left, want %d", cuts, rest, c.rest)
				}
			}
			check()
			if len(c.in) > 1000 {
				return
			}
			var each []int
			for i := range c.in {
				check(i)
				each = append(each, i)
			}
			check(each...)
		})
	}
}

// The arguments of one request are limited, each by itself and all together.
func TestRequestTooBig(t *testing.T) {
	const header = "$67108864\r\n"
	const most = maxRequest - maxBulk - len(header) // what may be before the longest argument
	in := make([]byte, most+1+len(header))
	for at, want := range map[int]error{most: nil, most + 1: protocolError("too big request")} {
		copy(in[at:], header)
		p := parser{at: at, missing: 1}
		if _, n, err := p.next(in[:at+len(header)]); n != 0 || err != want {
			t.Errorf("behind %d bytes: %d, %v, want %v", at, n, err, want)
		}
	}
}

// The memory of a request is copied a few times while it grows, whatever its arguments are.
func TestRoomOfManyArguments(t *testing.T) {
	for _, size := range []int{0, 100, inputSize / 2, inputSize, 10 * inputSize} {
		n := (20 << 20) / (size + 10)
		in := []byte(fmt.Sprintf("*%d\r\n", n) + strings.Repeat(fmt.Sprintf("$%d\r\n%s\r\n", size, strings.Repeat("x", size)), n))
		var p parser
		copied := 0
		for have, room := 0, inputSize; have < len(in); p.next(in[:have]) {
			if have == room {
				room = p.room(have)
				copied += have
			}
			have = min(room, have+4*inputSize, len(in))
		}
		if copied > 2*len(in) {
			t.Errorf("arguments of %d bytes: %d bytes were copied for %d", size, copied, len(in))
		}
	}
}

// The room for a request grows with what has come, and not with what is announced.
func TestRoom(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want int
	}{
		{"*1\r\n$60000000\r\n", 100, 100 + inputSize},
		{"*1\r\n$60000000\r\n", 10_000_000, 20_000_000},
		{"*1\r\n$60000000\r\n", 40_000_000, 60_000_017},
		{"*1\r\n$60000000\r\n", 60_000_000, 60_000_000 + inputSize},
		{"*1000000\r\n", 1_000_000, 2_000_000},
		{"PING", 4, 4 + inputSize},
	} {
		var p parser
		if _, n, err := p.next([]byte(c.in)); n != 0 || err != nil {
			t.Fatalf("%q is a whole request: %d, %v", c.in, n, err)
		}
		if room := p.room(c.n); room != c.want {
			t.Errorf("%q, of which %d bytes have come, gets %d, want %d", c.in, c.n, room, c.want)
		}
	}
}

// A parser keeps no memory of a request with many arguments.
func TestParserForgets(t *testing.T) {
	var p parser
	for _, n := range []int{3, 10 * manyArguments} {
		in := []byte(array(slices.Repeat([]string{"x"}, n)...))
		if args, _, err := p.next(in); len(args) != n || err != nil {
			t.Fatalf("%d arguments, want %d, %v", len(args), n, err)
		}
		if len(p.spans) != 0 || cap(p.spans) > manyArguments || cap(p.args) > manyArguments {
			t.Errorf("after %d arguments it keeps room for %d and %d", n, cap(p.spans), cap(p.args))
		}
	}
}

func TestParseInt(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "-1": -1, "120": 120,
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64,
	} {
		if n, ok := parseInt([]byte(text)); n != want || !ok {
			t.Errorf("%q is %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"", "-", "-0", "00", "01", "-01", "+1", " 1", "1 ", "1.0", "0x1", "--1",
		"9223372036854775808", "-9223372036854775809", "10000000000000000000", "99999999999999999999"} {
		if n, ok := parseInt([]byte(text)); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
}

// The requests in any bytes do not depend on the pieces in which these come.
func FuzzRequests(f *testing.F) {
	for _, c := range parsing {
		f.Add([]byte(c.in), uint16(1), uint16(len(c.in)/2))
	}
	f.Fuzz(func(t *testing.T, in []byte, a, b uint16) {
		all := string(in)
		want, rest, err := parseAll(all)
		cuts := []int{int(a) % (len(in) + 1), int(b) % (len(in) + 1)}
		slices.Sort(cuts)
		got, restInPieces, errInPieces := parseAll(all, cuts...)
		if !slices.EqualFunc(got, want, slices.Equal) || err != errInPieces {
			t.Errorf("%q, %v; cut at %d: %q, %v", want, err, cuts, got, errInPieces)
		}
		if err == nil && rest != restInPieces {
			t.Errorf("%d bytes left; cut at %d: %d", rest, cuts, restInPieces)
		}
		if err != nil && !errors.As(err, new(protocolError)) {
			t.Error(err)
		}
		for _, args := range want {
			again, rest, err := parseAll(array(args...))
			if len(again) != 1 || !slices.Equal(again[0], args) || rest != 0 || err != nil {
				t.Errorf("%q written and parsed: %q, %d, %v", args, again, rest, err)
			}
		}
	})
}

func TestReplies(t *testing.T) {
	for _, c := range []struct {
		append       func(r *replies)
		resp2, resp3 string
	}{
		{func(r *replies) { r.simple("OK") }, "+OK\r\n", ""},
		{func(r *replies) { r.fail("ERR a\r\n+b") }, "-ERR a  +b\r\n", ""},
		{func(r *replies) { r.integer(-3) }, ":-3\r\n", ""},
		{func(r *replies) { r.bulk([]byte("a\r\n")) }, "$3\r\na\r\n\r\n", ""},
		{func(r *replies) { r.bulk(nil) }, "$0\r\n\r\n", ""},
		{func(r *replies) { r.text("abc") }, "$3\r\nabc\r\n", ""},
		{func(r *replies) { r.document("abc") }, "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n"},
		{func(r *replies) { r.null() }, "$-1\r\n", "_\r\n"},
		{func(r *replies) { r.array(2) }, "*2\r\n", ""},
		{func(r *replies) { r.dictionary(2) }, "*4\r\n", "%2\r\n"},
	} {
		if c.resp3 == "" {
			c.resp3 = c.resp2
		}
		two, three := replies{out: []byte("before")}, replies{resp3: true}
		c.append(&two)
		c.append(&three)
		if want := "before" + c.resp2; string(two.out) != want {
			t.Errorf("RESP2 %q, want %q", two.out, want)
		}
		if string(three.out) != c.resp3 {
			t.Errorf("RESP3 %q, want %q", three.out, c.resp3)
		}
	}
	var long replies
	long.fail(strings.Repeat("x", 10*longestError))
	if n := len(long.out); n != longestError+3 || !bytes.HasSuffix(long.out, []byte("\r\n")) {
		t.Errorf("a long error has %d bytes", n)
	}
}
