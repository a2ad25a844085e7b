package main

import (
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/completionport/completion"
)

// answer is what the head of an answer says, and the part of a file that is sent behind it.
type answer struct {
	status   int
	kind     string
	length   int64  // Content-Length
	text     string // the content, if there is no file
	location string

	file        *completion.File // nil if nothing of a file is sent
	modified    time.Time
	size        int64 // of the whole file
	from, count int64 // the part that is sent
}

// close closes the file.
func (a *answer) close() {
	if a.file != nil {
		a.file.Close()
		a.file = nil
	}
}

const plainText = "text/plain; charset=utf-8"

func textAnswer(status int, text string) answer {
	text += "\n"
	return answer{status: status, kind: plainText, length: int64(len(text)), text: text}
}

func answerTo(err error) answer {
	refused := &refusal{http.StatusBadRequest, err.Error()}
	errors.As(err, &refused)
	return textAnswer(refused.status, refused.why)
}

// find answers a request. Its calls block: it runs on the work pool.
func (s *server) find(r *http.Request) answer {
	a := s.answerOf(r)
	if r.Method == http.MethodHead {
		a.text, a.count = "", 0
	}
	return a
}

func (s *server) answerOf(r *http.Request) answer {
	name, ok := strings.CutPrefix(r.URL.Path, "/")
	name, isFolder := strings.CutSuffix(name, "/")
	if isFolder = isFolder || name == ""; name == "" {
		name = "."
	}
	// A path with "..", with an empty element, or on Windows with a backslash is not cleaned:
	// no client that means well sends it.
	local, err := filepath.Localize(name)
	if !ok || err != nil {
		return textAnswer(http.StatusBadRequest, "the path is not a plain one")
	}
	info, err := s.root.Stat(local)
	if err == nil && info.IsDir() && isFolder {
		local = filepath.Join(local, "index.html")
		info, err = s.root.Stat(local)
		isFolder = false
	}
	switch {
	case err != nil:
		return explain(err)
	case info.IsDir() && !isFolder && !strings.HasSuffix(local, "index.html"):
		a := textAnswer(http.StatusMovedPermanently, "the folder has a / at its end")
		a.location = (&url.URL{Path: r.URL.Path + "/"}).EscapedPath()
		return a
	case !info.Mode().IsRegular() || isFolder: // to open a pipe would block for ever
		return textAnswer(http.StatusNotFound, "there is no such file")
	}
	return s.openFile(local, r)
}

// explain answers for a file that can't be opened. One that a link outside the root leads to
// does not exist.
func explain(err error) answer {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return textAnswer(http.StatusForbidden, "the server may not read this file")
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return textAnswer(http.StatusServiceUnavailable, "the server has too many files open")
	}
	return textAnswer(http.StatusNotFound, "there is no such file")
}

// adoptFile opens a file by the root, so that no link leads out of it, and gives it to the port.
func (s *server) adoptFile(local string) (*completion.File, fs.FileInfo, error) {
	opened, err := s.root.Open(local)
	if err != nil {
		return nil, nil, err
	}
	info, err := opened.Stat()
	if err != nil {
		opened.Close()
		return nil, nil, err
	}
	file, err := s.port.AdoptFile(opened)
	if err != nil {
		opened.Close()
	}
	return file, info, err
}

func (s *server) openFile(local string, r *http.Request) answer {
	file, info, err := s.adoptFile(local)
	if err != nil {
		return explain(err)
	}
	kind := mime.TypeByExtension(filepath.Ext(local))
	if kind == "" {
		kind = "application/octet-stream"
	}
	a := answer{status: http.StatusOK, kind: kind, file: file, modified: info.ModTime().Truncate(time.Second), size: info.Size()}
	if isAnother(r, a.modified) {
		a.close()
		return textAnswer(http.StatusPreconditionFailed, "the file is not the one that the client has")
	}
	if notModified(r, a.modified) {
		a.status = http.StatusNotModified
		return a
	}
	a.count = a.size
	if err := a.setRange(r); err != nil {
		a.close()
		refused := textAnswer(http.StatusRequestedRangeNotSatisfiable, err.Error())
		refused.size = a.size
		return refused
	}
	a.length = a.count
	return a
}

// isAnother reports whether the client wants one version of the file only, and the file is not
// that one. The server has no tags, so If-Match matches only as a star. Without this, a client
// that goes on with a download could get the rest of another version.
func isAnother(r *http.Request, modified time.Time) bool {
	if tags := r.Header.Get("If-Match"); tags != "" {
		return tags != "*"
	}
	since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since"))
	return err == nil && modified.After(since)
}

// notModified reports whether the client has the file as it is. The server has no tags, so
// If-None-Match matches only as a star, and otherwise means that the client has another file.
func notModified(r *http.Request, modified time.Time) bool {
	if tags := r.Header.Get("If-None-Match"); tags != "" {
		return tags == "*"
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !modified.After(since)
}
