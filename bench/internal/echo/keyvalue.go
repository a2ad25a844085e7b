package echo

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// The part of a key-value server without connections: it handles requests of Redis'
// protocol (RESP), as many as have come, whole or in pieces.

// Store holds the values of a key-value server. Its methods may be called concurrently.
type Store struct {
	mu     sync.RWMutex
	values map[string][]byte
}

// RequestSize is the size of requests and answers in bytes. It follows from keySize and
// valueSize.
const (
	RequestSize = 64
	keySize     = RequestSize - len("*2\r\n$3\r\nGET\r\n$44\r\n") - len("\r\n")
	valueSize   = RequestSize - len("$57\r\n") - len("\r\n")
)

// keyOf returns the n-th key.
func keyOf(n int) string { return fmt.Sprintf("key:%0*d", keySize-len("key:"), n) }

// requestOf returns a request that gets the n-th key.
func requestOf(n int) []byte {
	return fmt.Appendf(nil, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", keySize, keyOf(n))
}

// putKey changes a request into one for the n-th key.
func putKey(request []byte, n int) {
	for i := RequestSize - len("\r\n") - 1; request[i] >= '0' && request[i] <= '9'; i-- {
		request[i] = byte('0' + n%10)
		n /= 10
	}
}

func valueOf(n int) []byte { return fmt.Appendf(nil, "%0*d", valueSize, n) }

// NewStore returns the store of a program, or nil for an echo server.
func (s Spec) NewStore() *Store {
	if s.Keys == 0 {
		return nil
	}
	return newStore(s.Keys)
}

func newStore(keys int) *Store {
	s := &Store{values: make(map[string][]byte, keys)}
	for n := range keys {
		s.values[keyOf(n)] = valueOf(n)
	}
	return s
}

// Answer handles the complete requests at the beginning of in. It appends the answers to
// out and returns the rest of in.
func (s *Store) Answer(in, out []byte) (rest, answers []byte, err error) {
	var arguments [4][]byte
	for len(in) > 0 {
		words, behind, err := parse(in, arguments[:0])
		if err != nil {
			return in, out, err
		}
		if words == nil {
			break
		}
		out, in = s.do(words, out), behind
	}
	return in, out, nil
}

// do performs one command.
func (s *Store) do(words [][]byte, out []byte) []byte {
	switch {
	case len(words) == 2 && bytes.EqualFold(words[0], []byte("GET")):
		s.mu.RLock()
		value, ok := s.values[string(words[1])]
		s.mu.RUnlock()
		if !ok {
			return append(out, "$-1\r\n"...)
		}
		return appendBulk(out, value)
	case len(words) == 3 && bytes.EqualFold(words[0], []byte("SET")):
		s.mu.Lock()
		s.values[string(words[1])] = bytes.Clone(words[2])
		s.mu.Unlock()
		return append(out, "+OK\r\n"...)
	}
	return append(out, "-ERR unknown command\r\n"...)
}

func appendBulk(out, value []byte) []byte {
	out = append(out, '$')
	out = strconv.AppendInt(out, int64(len(value)), 10)
	out = append(out, "\r\n"...)
	out = append(out, value...)
	return append(out, "\r\n"...)
}

var errSyntax = errors.New("echo: not a request")

// parse reads one request, an array of strings, into words. It returns no words if some
// of the request is missing.
func parse(in []byte, words [][]byte) (whole [][]byte, rest []byte, err error) {
	count, in, err := number(in, '*')
	if err != nil || in == nil {
		return nil, nil, err
	}
	if count < 1 || count > cap(words) {
		return nil, nil, errSyntax
	}
	for range count {
		var size int
		if size, in, err = number(in, '$'); err != nil || in == nil {
			return nil, nil, err
		}
		if size < 0 || size > 1<<20 {
			return nil, nil, errSyntax
		}
		if len(in) < size+2 {
			return nil, nil, nil
		}
		if in[size] != '\r' || in[size+1] != '\n' {
			return nil, nil, errSyntax
		}
		words, in = append(words, in[:size]), in[size+2:]
	}
	return words, in, nil
}

// number reads a line with a mark and a number. rest is nil if a part of the line is
// missing.
func number(in []byte, mark byte) (n int, rest []byte, err error) {
	if len(in) == 0 {
		return 0, nil, nil
	}
	if in[0] != mark {
		return 0, nil, errSyntax
	}
	for i, c := range in[1:] {
		switch {
		case c >= '0' && c <= '9' && n < 1<<24:
			n = 10*n + int(c-'0')
		case c != '\r':
			return 0, nil, errSyntax
		case len(in) < i+3:
			return 0, nil, nil
		case in[i+2] != '\n':
			return 0, nil, errSyntax
		default:
			return n, in[i+3:], nil
		}
	}
	return 0, nil, nil
}
