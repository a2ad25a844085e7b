package echo

import (
	"io"
	"net"
	"strings"
	"testing"
)

// Each program answers requests that come many at once, or byte by byte.
func TestKeyValue(t *testing.T) {
	request := string(requestOf(3)) + "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\nnew\r\n" + "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" +
		"*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n" + "*1\r\n$4\r\nPING\r\n"
	want := "$57\r\n" + string(valueOf(3)) + "\r\n+OK\r\n$3\r\nnew\r\n$-1\r\n-ERR unknown command\r\n"
	for _, program := range []string{"queue", "await", "net"} {
		for _, piece := range []int{1, 7, len(request)} {
			if got := talk(t, program, request, piece); got != want {
				t.Errorf("%s, %d bytes at a time: the answer is %q, want %q", program, piece, got, want)
			}
		}
		for _, bad := range []string{"GET k\r\n", "*9\r\n", "*1\r\n$x\r\n", "*1\r\n$1\r\nabc", "*0\r\n", "*1\r\n$99999999\r\n", "*1\rx"} {
			if got := talk(t, program, bad, len(bad)); got != "" {
				t.Errorf("%s: the answer to %q is %q", program, bad, got)
			}
		}
	}
}

// talk sends the request in pieces and returns what it receives until the server closes.
func talk(t *testing.T, program, request string, piece int) string {
	t.Helper()
	s, err := Serve(Spec{Program: program, Keys: 10}, 4096)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for len(request) > 0 {
		n := min(piece, len(request))
		if _, err := io.WriteString(conn, request[:n]); err != nil {
			break // the server has closed
		}
		request = request[n:]
	}
	conn.(*net.TCPConn).CloseWrite()
	var got strings.Builder
	io.Copy(&got, conn) // ends with a reset if the server closed before it had read everything
	conn.Close()
	s.Close()
	return got.String()
}

func TestPutKey(t *testing.T) {
	request := requestOf(0)
	for _, n := range []int{7, 123456, 9} {
		if putKey(request, n); string(request) != string(requestOf(n)) {
			t.Errorf("the request for key %d is %q", n, request)
		}
	}
	if len(request) != RequestSize || len(appendBulk(nil, valueOf(1))) != RequestSize {
		t.Errorf("a request has %d bytes, an answer %d", len(request), len(appendBulk(nil, valueOf(1))))
	}
}
