package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
)

// requests are what the server finds, or does not.
var requests = []struct {
	path    string
	headers []string
	status  int
	body    string // of a status below 400
	header  string // one of the answer, and its value
	value   string
}{
	{"/", nil, 200, "<p>welcome", "Content-Type", "text/html; charset=utf-8"},
	{"/index.html", nil, 200, "<p>welcome", "Content-Length", "10"},
	{"/sub/", nil, 200, "<p>sub", "Last-Modified", "Mon, 03 Feb 2020 04:05:06 GMT"},
	{"/sub", nil, 301, "the folder has a / at its end\n", "Location", "/sub/"},
	{"/none/", nil, 404, "", "", ""},
	{"/nowhere", nil, 404, "", "", ""},
	{"/nowhere/ten.txt", nil, 404, "", "", ""},
	{"/ten.txt/", nil, 404, "", "", ""},
	{"/ten.txt/more", nil, 404, "", "", ""},
	{"/ten.txt", nil, 200, "0123456789", "Content-Type", "text/plain; charset=utf-8"},
	{"/ten.txt?v=1", nil, 200, "0123456789", "Accept-Ranges", "bytes"},
	{"/a%20b.css", nil, 200, "p {}", "Content-Type", "text/css; charset=utf-8"},
	{"/empty", nil, 200, "", "Content-Type", "application/octet-stream"},
	{"/long.bin", nil, 200, string(long), "", ""},

	{"/../secret", nil, 400, "", "", ""},
	{"/sub/../../secret", nil, 400, "", "", ""},
	{"/%2e%2e/secret", nil, 400, "", "", ""},
	{"/..%2fsecret", nil, 400, "", "", ""},
	{"//ten.txt", nil, 400, "", "", ""},
	{"/ten.txt%00", nil, 400, "", "", ""},

	{"/ten.txt", []string{"Range", "bytes=2-4"}, 206, "234", "Content-Range", "bytes 2-4/10"},
	{"/ten.txt", []string{"Range", "bytes=0-0"}, 206, "0", "Content-Length", "1"},
	{"/ten.txt", []string{"Range", "bytes=7-"}, 206, "789", "Content-Range", "bytes 7-9/10"},
	{"/ten.txt", []string{"Range", "bytes=7-99999999999999999999"}, 206, "789", "Content-Range", "bytes 7-9/10"},
	{"/ten.txt", []string{"Range", "bytes=-3"}, 206, "789", "Content-Range", "bytes 7-9/10"},
	{"/ten.txt", []string{"Range", "bytes=-30"}, 206, "0123456789", "Content-Range", "bytes 0-9/10"},
	{"/ten.txt", []string{"Range", "bytes=10-"}, 416, "", "Content-Range", "bytes */10"},
	{"/ten.txt", []string{"Range", "bytes=-0"}, 416, "", "Content-Range", "bytes */10"},
	{"/empty", []string{"Range", "bytes=-1"}, 416, "", "Content-Range", "bytes */0"},
	{"/empty", []string{"Range", "bytes=0-"}, 416, "", "Content-Range", "bytes */0"},
	{"/ten.txt", []string{"Range", "bytes=4-2"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"Range", "bytes=0-1,4-5"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"Range", "lines=0-1"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"Range", "bytes=-"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"Range", "bytes=+1-2"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"Range", "bytes=1-1", "If-Range", "Mon, 03 Feb 2020 04:05:06 GMT"}, 206, "1", "", ""},
	{"/ten.txt", []string{"Range", "bytes=1-1", "If-Range", `"a tag"`}, 200, "0123456789", "", ""},
	{"/long.bin", []string{"Range", "bytes=1000-"}, 206, string(long[1000:]), "", ""},

	{"/ten.txt", []string{"If-Modified-Since", "Mon, 03 Feb 2020 04:05:06 GMT"}, 304, "", "Content-Length", ""},
	{"/ten.txt", []string{"If-Modified-Since", "Mon, 03 Feb 2020 04:05:05 GMT"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"If-Modified-Since", "yesterday"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"If-Modified-Since", "Mon, 03 Feb 2020 04:05:06 GMT", "If-None-Match", `"a tag"`}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"If-None-Match", "*"}, 304, "", "Last-Modified", "Mon, 03 Feb 2020 04:05:06 GMT"},

	{"/ten.txt", []string{"If-Unmodified-Since", "Mon, 03 Feb 2020 04:05:06 GMT"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"If-Unmodified-Since", "Mon, 03 Feb 2020 04:05:05 GMT"}, 412, "", "Last-Modified", ""},
	{"/ten.txt", []string{"If-Unmodified-Since", "Mon, 03 Feb 2020 04:05:05 GMT", "Range", "bytes=1-1"}, 412, "", "Content-Range", ""},
	{"/ten.txt", []string{"If-Unmodified-Since", "yesterday"}, 200, "0123456789", "", ""},
	{"/ten.txt", []string{"If-Match", `"a tag"`, "Range", "bytes=1-1"}, 412, "", "Content-Range", ""},
	{"/ten.txt", []string{"If-Match", "*", "If-Unmodified-Since", "Mon, 03 Feb 2020 04:05:05 GMT"}, 200, "0123456789", "", ""},
	{"/nothing", []string{"If-Match", "*"}, 404, "", "", ""},
}

// All on one connection, as GET and as HEAD.
func TestFiles(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		for _, c := range requests {
			got, body := s.get("GET", c.path, c.headers...)
			if got.StatusCode != c.status || c.status < 400 && body != c.body || c.header != "" && got.Header.Get(c.header) != c.value {
				t.Errorf("GET %s %q: %d, %.100q, %v", c.path, c.headers, got.StatusCode, body, got.Header)
			}
			want := got.Header
			if got.StatusCode == http.StatusPartialContent || got.StatusCode == http.StatusRequestedRangeNotSatisfiable {
				continue // ranges are of GET only
			}
			got, body = s.get("HEAD", c.path, c.headers...)
			if got.StatusCode != c.status || body != "" || got.Header.Get("Content-Length") != want.Get("Content-Length") {
				t.Errorf("HEAD %s: %d, %.100q, %v, GET has %v", c.path, got.StatusCode, body, got.Header, want)
			}
		}
		if n := s.accepted.Load(); n != 1 {
			t.Errorf("%d connections, want one", n)
		}
		synctest.Wait()
		if st := s.port.Stats(); st.InFlight != 2 || s.inputs.Lent()+s.heads.Lent() != 0 {
			t.Errorf("an idle connection has %d operations, and %d buffers", st.InFlight-1, s.inputs.Lent()+s.heads.Lent())
		}
		s.stop(0)
	})
}

// A link within the folder is followed, and one that leads out of it is not.
func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a link takes a privilege to make, and under Wine package os does not find it again")
	}
	inBubble(t, func(t *testing.T, s *serving) {
		for name, to := range map[string]string{
			"inside": "sub/index.html", "outside": "../secret", "absolute": filepath.Join(s.folder, "ten.txt"), "up": "..",
		} {
			link := filepath.Join(s.folder, name)
			must(t, os.Symlink(to, link))
			defer os.Remove(link)
		}
		if got, body := s.get("GET", "/inside"); got.StatusCode != 200 || body != "<p>sub" {
			t.Errorf("inside: %s, %q", got.Status, body)
		}
		for _, path := range []string{"/outside", "/absolute", "/up/secret", "/up/site/ten.txt"} {
			if got, body := s.get("GET", path); got.StatusCode != 404 {
				t.Errorf("%s: %s, %q", path, got.Status, body)
			}
		}
		s.stop(0)
	})
}
