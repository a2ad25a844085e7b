package main

import (
	"net/http"
	"strconv"
	"time"
)

// appendHead appends the head of the answer, and the text if there is one.
func (a *answer) appendHead(out []byte, last bool) []byte {
	out = strconv.AppendInt(append(out, "HTTP/1.1 "...), int64(a.status), 10)
	out = append(append(out, ' '), http.StatusText(a.status)...)
	out = time.Now().UTC().AppendFormat(append(out, "\r\nDate: "...), http.TimeFormat)
	if !a.modified.IsZero() {
		out = a.modified.UTC().AppendFormat(append(out, "\r\nLast-Modified: "...), http.TimeFormat)
		out = append(out, "\r\nAccept-Ranges: bytes"...)
	}
	if a.status != http.StatusNotModified {
		out = append(append(out, "\r\nContent-Type: "...), a.kind...)
		out = strconv.AppendInt(append(out, "\r\nContent-Length: "...), a.length, 10)
	}
	switch a.status {
	case http.StatusPartialContent:
		out = strconv.AppendInt(append(out, "\r\nContent-Range: bytes "...), a.from, 10)
		out = strconv.AppendInt(append(out, '-'), a.from+a.count-1, 10)
		out = strconv.AppendInt(append(out, '/'), a.size, 10)
	case http.StatusRequestedRangeNotSatisfiable:
		out = strconv.AppendInt(append(out, "\r\nContent-Range: bytes */"...), a.size, 10)
	case http.StatusMethodNotAllowed:
		out = append(out, "\r\nAllow: GET, HEAD"...)
	case http.StatusMovedPermanently:
		out = append(append(out, "\r\nLocation: "...), a.location...)
	}
	if last {
		out = append(out, "\r\nConnection: close"...)
	}
	return append(append(out, "\r\n\r\n"...), a.text...)
}
