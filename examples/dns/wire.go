package main

import "encoding/binary"

// Numbers of the protocol: RFC 1035, RFC 3596, RFC 6891.
const (
	typeA, typeNS, typeCNAME, typeSOA, typeMX, typeTXT, typeAAAA = 1, 2, 5, 6, 15, 16, 28
	typeOPT, typeIXFR, typeAXFR, typeANY                         = 41, 251, 252, 255

	classIN = 1

	noError, formatError, nameError, notImplemented, refused, badVersion = 0, 1, 3, 4, 5, 16

	headerSize = 12
	optSize    = 11
	mostName   = 255
	mostLabel  = 63

	plainSize = 512   // of an answer over UDP to a client that announces no other size
	udpSize   = 1232  // the most over UDP: no network cuts it into fragments
	tcpSize   = 65535 // the most over TCP
)

// query is what the server needs of a message.
type query struct {
	question []byte         // its bytes in the message: name, type and class
	memory   [mostName]byte // the name in lower case
	length   int            // of it
	kind     uint16
	class    uint16

	extended bool // there is an OPT record
	size     int  // of an answer over UDP, which it announces
	version  byte
	secure   byte // its flag DO, which the answer repeats
}

func (q *query) name() []byte { return q.memory[:q.length] }

// parse parses a message with a header, and returns formatError if it is not one question.
// The header was checked not to be that of an answer.
func (q *query) parse(message []byte) (code int) {
	var counts [4]int
	for i := range counts {
		counts[i] = int(binary.BigEndian.Uint16(message[4+2*i:]))
	}
	if counts[0] != 1 || counts[1] != 0 || counts[2] != 0 {
		return formatError
	}
	rest := message[headerSize:]
	n := q.parseName(rest)
	if n == 0 || len(rest) < n+4 {
		return formatError
	}
	q.kind, q.class = binary.BigEndian.Uint16(rest[n:]), binary.BigEndian.Uint16(rest[n+2:])
	q.question, rest = rest[:n+4], rest[n+4:]
	for range counts[3] {
		if rest = q.parseExtra(rest); rest == nil {
			return formatError
		}
	}
	return noError
}

// parseName parses the name at the start of in, and returns its length there, 0 for a mistake.
// A pointer is one: a question has nothing to point to.
func (q *query) parseName(in []byte) int {
	for n := 0; n < len(in) && n < mostName; {
		size := int(in[n])
		end := n + 1 + size
		if size > mostLabel || end > len(in) || end > mostName {
			return 0
		}
		q.memory[n] = in[n]
		for i := n + 1; i < end; i++ {
			q.memory[i] = lower(in[i])
		}
		if n = end; size == 0 {
			q.length = n
			return n
		}
	}
	return 0
}

// parseExtra parses a record behind the question, and returns what is behind it, nil for a
// mistake. Only OPT is of interest. The name of any other is skipped: a pointer in it is its
// end, and is not followed.
func (q *query) parseExtra(in []byte) []byte {
	n := 0
	for {
		if n >= len(in) {
			return nil
		}
		size := int(in[n])
		if n++; size == 0 {
			break
		}
		if n += size; size > mostLabel {
			n += 1 - size
			break
		}
	}
	const fixed = 10 // type, class, TTL and the length of the rest
	if len(in) < n+fixed {
		return nil
	}
	head, end := in[n:n+fixed], n+fixed+int(binary.BigEndian.Uint16(in[n+8:]))
	if len(in) < end {
		return nil
	}
	if binary.BigEndian.Uint16(head) == typeOPT {
		if q.extended || n != 1 { // a second one, or one with a name
			return nil
		}
		q.extended, q.size = true, int(binary.BigEndian.Uint16(head[2:]))
		q.version, q.secure = head[5], head[6]&0x80
	}
	return in[end:]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
