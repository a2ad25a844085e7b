package main

import (
	"io"
	"net"
	"strings"
	"testing"
)

// talk sends requests in pieces of so many bytes, and compares all answers. Sockets send a
// piece at once, so the server may find a part of a request.
func talk(t *testing.T, address string, piece int) {
	t.Helper()
	const set, get, none = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\nnew\r\n", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "*2\r\n$3\r\nget\r\n$4\r\nnone\r\n"
	request := strings.Repeat(set+get+none, 20)
	want := strings.Repeat("+OK\r\n$3\r\nnew\r\n$-1\r\n", 20)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for len(request) > 0 {
		n := min(piece, len(request))
		if _, err := io.WriteString(conn, request[:n]); err != nil {
			t.Fatal(err)
		}
		request = request[n:]
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Errorf("%d bytes at a time: the answers are %q: %v", piece, got[:n], err)
	}
}
