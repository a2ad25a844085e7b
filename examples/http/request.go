package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
)

// request is what the server needs of a request. Its bytes are those of the input, valid
// until that changes.
type request struct {
	method, path, query []byte
	head                int  // bytes of the head, with the empty line at its end
	body                int  // bytes of the body, which follow
	last                bool // the connection ends behind the answer
	expects             bool // the client waits for 100 Continue before it sends the body
	old                 bool // HTTP/1.0

	hosts, lengths int
	encoding       []byte // Transfer-Encoding
}

// refusal is the answer to a request behind which no next one can be found, or that is
// more than the server takes. The connection ends with it.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return fmt.Sprint(r.status, " ", r.why) }

func bad(why string) error { return &refusal{http.StatusBadRequest, why} }

// parse parses the head at the start of in. While it is not complete, head is 0, and the
// next call gets the same bytes and more behind them. A mistake is refused as soon as it is
// there. The parser is strict: two servers that understand a request differently are the
// way to smuggle one past the first of them.
func parse(in []byte) (r request, err error) {
	for number, at := 0, 0; ; number++ {
		end := bytes.IndexByte(in[at:min(len(in), mostHead)], '\n')
		switch {
		case end < 0 && len(in) >= mostHead:
			return r, &refusal{http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("the head may have %d bytes", mostHead)}
		case end < 0:
			return r, checkText(bytes.TrimSuffix(in[at:], []byte("\r")))
		}
		line, ok := bytes.CutSuffix(in[at:at+end], []byte("\r"))
		at += end + 1
		switch {
		case !ok:
			return r, bad("a line does not end with CR and LF")
		case number == 0 && len(line) == 0:
			number-- // from a client that ends a body with an empty line
		case number == 0:
			err = r.parseFirst(line)
		case len(line) == 0:
			r.head = at
			return r, r.check()
		default:
			err = r.parseField(line)
		}
		if err != nil {
			return r, err
		}
	}
}

// parseFirst parses the first line: METHOD TARGET VERSION.
func (r *request) parseFirst(line []byte) error {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, ok := bytes.Cut(rest, []byte(" "))
	switch {
	case !isToken(method) || !ok || bytes.IndexByte(version, ' ') >= 0 || checkText(target) != nil:
		return bad("the first line is not METHOD TARGET VERSION")
	case string(version) == "HTTP/1.0":
		r.old, r.last = true, true
	case bytes.HasPrefix(version, []byte("HTTP/")) && string(version) != "HTTP/1.1":
		return &refusal{http.StatusHTTPVersionNotSupported, "the version is not HTTP/1.1"}
	case string(version) != "HTTP/1.1":
		return bad("the first line is not METHOD TARGET VERSION")
	case !bytes.HasPrefix(target, []byte("/")) && string(target) != "*":
		return bad("the target is not a path")
	}
	r.method = method
	r.path, r.query, _ = bytes.Cut(target, []byte("?"))
	return nil
}

// parseField parses a line like NAME: VALUE.
func (r *request) parseField(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	if !ok || !isToken(name) || checkText(value) != nil {
		return bad("a line of the head is not NAME: VALUE")
	}
	switch {
	case is(name, "host"):
		r.hosts++
	case is(name, "content-length"):
		r.lengths++
		return r.parseLength(value)
	case is(name, "transfer-encoding"):
		if r.encoding != nil {
			return bad("there are two lines Transfer-Encoding")
		}
		r.encoding = value
	case is(name, "connection"):
		for option := range bytes.SplitSeq(value, []byte(",")) {
			r.last = r.last || is(bytes.TrimSpace(option), "close")
		}
	case is(name, "expect"):
		if r.expects = is(value, "100-continue"); !r.expects {
			return &refusal{http.StatusExpectationFailed, "the only expectation is 100-continue"}
		}
	}
	return nil
}

func (r *request) parseLength(digits []byte) error {
	if len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return bad("Content-Length is not a number")
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil || n > mostBody {
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body may have %d bytes", mostBody)}
	}
	r.body = n
	return nil
}

// check checks what the lines of a head say together.
func (r *request) check() error {
	switch {
	case r.hosts > 1 || r.hosts == 0 && !r.old:
		return bad("there is not one line Host")
	case r.lengths > 1:
		return bad("there are two lines Content-Length")
	case r.encoding != nil && (r.lengths > 0 || r.old):
		return bad("Transfer-Encoding is with Content-Length, or in HTTP/1.0")
	case is(r.encoding, "chunked"):
		return &refusal{http.StatusLengthRequired, "send a Content-Length"}
	case r.encoding != nil:
		return &refusal{http.StatusNotImplemented, "this Transfer-Encoding is unknown"}
	case r.lengths == 0 && string(r.method) == http.MethodPost:
		return &refusal{http.StatusLengthRequired, "send a Content-Length"}
	}
	r.expects = r.expects && !r.old
	return nil
}

// is reports whether a name in any case is the one in lower case.
func is(name []byte, lower string) bool { return bytes.EqualFold(name, []byte(lower)) }

// isToken reports whether b is a name, as HTTP defines them.
func isToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' || bytes.IndexByte([]byte(`"(),/:;<=>?@[\]{}`), c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

// checkText refuses control characters.
func checkText(b []byte) error {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return bad("there is a control character")
		}
	}
	return nil
}
