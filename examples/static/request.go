package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
)

// refusal is the answer to a request behind which no next one can be found, or that is more
// than the server takes. The connection ends with it.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return fmt.Sprint(r.status, " ", r.why) }

func bad(why string) error { return &refusal{http.StatusBadRequest, why} }

// parse parses the request at the start of in, and returns its length. While the request is not
// complete, parse returns none, and the next call gets the same bytes and more behind
// them. The parser is that of net/http, and must read exactly these bytes: if two servers
// understand a request differently, an attacker can smuggle one past the first server.
func parse(parser *bufio.Reader, in []byte) (r *http.Request, n int, err error) {
	skipped := len(in) - len(bytes.TrimLeft(in, "\r\n")) // some clients end a request with more of these
	end := bytes.Index(in[skipped:], []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(in) >= mostHead:
		return nil, 0, &refusal{http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("a request may have %d bytes", mostHead)}
	case end < 0:
		return nil, 0, checkStart(in[skipped:])
	}
	head := in[skipped : skipped+end+4]
	if bytes.Count(head, []byte("\n")) != bytes.Count(head, []byte("\r\n")) {
		return nil, 0, bad("a line does not end with CR and LF")
	}
	rest := bytes.NewReader(head)
	parser.Reset(rest)
	if r, err = http.ReadRequest(parser); err != nil || parser.Buffered()+rest.Len() > 0 {
		return nil, 0, bad("this is no request of HTTP/1.1")
	}
	return r, skipped + len(head), check(r)
}

// checkStart refuses what does not begin as a request does, before the rest of it comes.
func checkStart(in []byte) error {
	line, _, _ := bytes.Cut(in, []byte("\n"))
	if i := bytes.IndexFunc(line, func(c rune) bool { return c < ' ' && c != '\r' }); i >= 0 {
		return bad("there is a control character")
	}
	return nil
}

// check refuses what the server does not do.
func check(r *http.Request) error {
	switch {
	case r.ProtoMajor != 1:
		return &refusal{http.StatusHTTPVersionNotSupported, "the version is not HTTP/1.1"}
	case r.Host == "" && r.ProtoAtLeast(1, 1):
		return bad("there is no line Host")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return &refusal{http.StatusMethodNotAllowed, "use GET"}
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return &refusal{http.StatusRequestEntityTooLarge, "a request has no body here"}
	}
	r.Close = r.Close || !r.ProtoAtLeast(1, 1) // keep-alive is for HTTP/1.1
	return nil
}
