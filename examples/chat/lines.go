package main

import (
	"bytes"
	"iter"
	"unicode"
	"unicode/utf8"
)

// mostLine is the size at which lines are cut, in bytes.
const mostLine = 512

// lines splits what a member sends into lines. It keeps the beginning of a line that is not
// complete, and no memory if there is none. The bytes that a line has above mostLine are
// dropped.
type lines struct{ partial []byte }

// next returns the lines that data completes. A line is valid until the next one.
func (l *lines) next(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			line, rest, complete := bytes.Cut(data, []byte("\n"))
			if !complete {
				l.keep(data)
				return
			}
			if l.partial != nil {
				l.keep(line)
				line, l.partial = l.partial, nil
			}
			if !yield(cut(line)) {
				return
			}
			data = rest
		}
	}
}

// last returns what is left at the end of the stream. It is a line, too.
func (l *lines) last() []byte {
	line := l.partial
	l.partial = nil
	return cut(line)
}

// keep keeps a piece of a line. One byte above the limit shows that the line is too long.
func (l *lines) keep(piece []byte) {
	piece = piece[:min(len(piece), mostLine+1-len(l.partial))]
	if len(piece) > 0 {
		l.partial = append(l.partial, piece...)
	}
}

// cut returns a line without its end, and at most mostLine bytes of it. It leaves no part
// of a character behind.
func cut(line []byte) []byte {
	if len(line) <= mostLine {
		return bytes.TrimSuffix(line, []byte("\r"))
	}
	end := mostLine
	for end > mostLine-utf8.UTFMax && !utf8.RuneStart(line[end]) {
		end--
	}
	return line[:end]
}

// appendClean appends a line with a question mark for everything that is no text: control
// characters could command the terminals of the members.
func appendClean(to, line []byte) []byte {
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		switch {
		case r == '\t':
			to = append(to, ' ')
		case r == utf8.RuneError && size == 1, !unicode.IsPrint(r):
			to = append(to, '?')
		default:
			to = append(to, line[:size]...)
		}
		line = line[size:]
	}
	return to
}
