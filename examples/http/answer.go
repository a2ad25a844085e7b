package main

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// appendAnswer appends the answer to a request whose body is there.
func appendAnswer(out []byte, r *request, body []byte) []byte {
	method, reading := string(r.method), string(r.method) == http.MethodGet || string(r.method) == http.MethodHead
	switch path := string(r.path); {
	case path == "/" && reading:
		return appendContent(out, r, http.StatusOK, plainText, welcome)
	case path == "/bytes" && reading:
		n, err := size(string(r.query))
		if err != nil {
			return appendText(out, r, http.StatusBadRequest, err.Error())
		}
		return appendContent(out, r, http.StatusOK, anyBytes, content[:n])
	case path == "/echo" && method == http.MethodPost:
		return appendContent(out, r, http.StatusOK, anyBytes, body)
	case path == "/" || path == "/bytes":
		return appendText(append(out, statusLine(http.StatusMethodNotAllowed)+"Allow: GET, HEAD\r\n"...), r, 0, "use GET")
	case path == "/echo":
		return appendText(append(out, statusLine(http.StatusMethodNotAllowed)+"Allow: POST\r\n"...), r, 0, "use POST")
	}
	return appendText(out, r, http.StatusNotFound, "there is no such page")
}

// appendRefusal appends the last answer of a connection.
func appendRefusal(out []byte, err error) []byte {
	refused := &refusal{http.StatusBadRequest, err.Error()}
	errors.As(err, &refused)
	return appendText(out, &request{last: true}, refused.status, refused.why)
}

func appendText(out []byte, r *request, status int, text string) []byte {
	return appendContent(out, r, status, plainText, text+"\n")
}

// appendContent appends an answer. If status is 0, its first line is there.
func appendContent[B string | []byte](out []byte, r *request, status int, kind string, body B) []byte {
	if status != 0 {
		out = append(out, statusLine(status)...)
	}
	out = time.Now().UTC().AppendFormat(append(out, "Date: "...), http.TimeFormat)
	out = append(append(out, "\r\nContent-Type: "...), kind...)
	out = strconv.AppendInt(append(out, "\r\nContent-Length: "...), int64(len(body)), 10)
	if r.last {
		out = append(out, "\r\nConnection: close"...)
	}
	out = append(out, "\r\n\r\n"...)
	if string(r.method) == http.MethodHead {
		return out
	}
	return append(slices.Grow(out, len(body)), body...)
}

func statusLine(status int) string {
	if status == http.StatusOK {
		return "HTTP/1.1 200 OK\r\n"
	}
	return "HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n"
}
