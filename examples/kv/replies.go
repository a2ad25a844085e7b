package main

import (
	"slices"
	"strconv"
)

// replies are answers in the form of RESP2, or of RESP3 after HELLO 3.
type replies struct {
	out   []byte
	resp3 bool
}

// simple answers with a short text.
func (r *replies) simple(text string) {
	r.out = append(append(append(r.out, '+'), text...), "\r\n"...)
}

// longestError is the limit of an error, which may quote what a client sent.
const longestError = 256

// fail answers with an error, whose first word is its kind. Line ends in the text become
// spaces: the text must not look like another answer.
func (r *replies) fail(text string) {
	r.out = append(r.out, '-')
	for _, b := range []byte(text[:min(len(text), longestError)]) {
		if b == '\r' || b == '\n' {
			b = ' '
		}
		r.out = append(r.out, b)
	}
	r.out = append(r.out, "\r\n"...)
}

// number appends a line of a mark and a number.
func (r *replies) number(mark byte, n int64) {
	r.out = append(strconv.AppendInt(append(r.out, mark), n, 10), "\r\n"...)
}

// integer answers with a number.
func (r *replies) integer(n int) { r.number(':', int64(n)) }

// bulk answers with any bytes.
func (r *replies) bulk(value []byte) {
	r.out = slices.Grow(r.out, len(value)+maxNumber) // at once, also for a long value
	r.number('$', int64(len(value)))
	r.out = append(append(r.out, value...), "\r\n"...)
}

// text is bulk for a string.
func (r *replies) text(s string) {
	r.number('$', int64(len(s)))
	r.out = append(append(r.out, s...), "\r\n"...)
}

// document answers with a text for people.
func (r *replies) document(s string) {
	if !r.resp3 {
		r.text(s)
		return
	}
	r.number('=', int64(len("txt:")+len(s)))
	r.out = append(append(append(r.out, "txt:"...), s...), "\r\n"...)
}

// null answers that there is nothing.
func (r *replies) null() {
	if r.resp3 {
		r.out = append(r.out, "_\r\n"...)
		return
	}
	r.out = append(r.out, "$-1\r\n"...)
}

// array begins an answer of n elements, which follow.
func (r *replies) array(n int) { r.number('*', int64(n)) }

// dictionary begins an answer of n pairs, which follow.
func (r *replies) dictionary(n int) {
	if r.resp3 {
		r.number('%', int64(n))
		return
	}
	r.array(2 * n)
}
