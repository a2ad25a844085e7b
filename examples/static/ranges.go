package main

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

var errBeyond = errors.New("the file ends before the range")

// setRange makes the answer the part that the client asks for. A range that is not understood,
// several of them, and one of another version of the file are ignored, which HTTP allows: the
// client gets the whole file.
func (a *answer) setRange(r *http.Request) error {
	if r.Method != http.MethodGet {
		return nil
	}
	if version := r.Header.Get("If-Range"); version != "" && version != a.modified.UTC().Format(http.TimeFormat) {
		return nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-")
	if !ok || !strings.HasPrefix(r.Header.Get("Range"), "bytes=") {
		return nil
	}
	from, err1 := number(first)
	to, err2 := number(last)
	switch {
	case first == "" && err2 == nil: // the last bytes
		if to == 0 || a.size == 0 {
			return errBeyond
		}
		from, to = max(a.size-to, 0), a.size-1
	case err1 != nil, last != "" && (err2 != nil || to < from):
		return nil
	case from >= a.size:
		return errBeyond
	case last == "" || to >= a.size:
		to = a.size - 1
	}
	a.status, a.from, a.count = http.StatusPartialContent, from, to-from+1
	return nil
}

// number parses digits. A number that is too large is as good as the largest one.
func number(digits string) (int64, error) {
	if strings.Trim(digits, "0123456789") != "" {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return n, nil
	}
	return n, err
}
