package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// ways are the styles, and with TLS those that have it.
var ways = [][]string{{}, {"-style", "net"}, {"-style", "hand"}, {"-tls"}, {"-style", "net", "-tls"}}

func inEachWay(t *testing.T, f func(t *testing.T, args []string)) {
	for _, args := range ways {
		t.Run(strings.Join(append([]string{"way"}, args...), " "), func(t *testing.T) { f(t, args) })
	}
}

// client returns a client of package net/http, and the address of the site.
func (s *serving) client(secure bool) (*http.Client, string) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return &http.Client{Transport: transport}, scheme + s.addr().String()
}

var long = strings.Repeat("x", mostBody)

// pages are requests and their answers.
var pages = []struct {
	method, path, body string
	status             int
	want               string // "" for any
}{
	{"GET", "/", "", 200, welcome},
	{"HEAD", "/", "", 200, ""},
	{"POST", "/echo", "hello", 200, "hello"},
	{"POST", "/echo", long, 200, long},
	{"POST", "/echo", long + "x", 413, ""},
	{"GET", "/bytes?n=0", "", 200, ""},
	{"GET", "/bytes?n=20", "", 200, "0123456789abcdef0123"},
	{"GET", "/bytes?n=1048576", "", 200, string(content)},
	{"GET", "/bytes?n=1048577", "", 400, "/bytes needs n, from 0 to 1048576\n"},
	{"GET", "/bytes?n=-1", "", 400, ""},
	{"GET", "/bytes", "", 400, ""},
	{"GET", "/echo", "", 405, ""},
	{"POST", "/", "x", 405, ""},
	{"GET", "/nowhere", "", 404, ""},
}

// The site is the same in each style, for a client of package net/http.
func TestSite(t *testing.T) {
	inEachWay(t, func(t *testing.T, args []string) {
		s := serveTCP(t, args...)
		secure := strings.Contains(strings.Join(args, " "), "-tls")
		client, base := s.client(secure)
		for _, c := range pages {
			request, err := http.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(request)
			if err != nil {
				t.Fatalf("%s %s: %v", c.method, c.path, err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil || answer.StatusCode != c.status || c.want != "" && string(body) != c.want {
				t.Errorf("%s %s: %v, %s, %.100q", c.method, c.path, err, answer.Status, body)
			}
			if major := map[bool]int{false: 1, true: 2}[secure]; answer.ProtoMajor != major {
				t.Errorf("%s %s: %s", c.method, c.path, answer.Proto)
			}
		}
		client.CloseIdleConnections()
		s.stop()
		if said := s.stderr.String(); (strings.Count(said, "self-made") == 1) != secure || strings.Count(said, "\n") > 1 {
			t.Errorf("stderr is %q", said)
		}
	})
}

// A client that keeps its connection makes all requests on it.
func TestKeepAlive(t *testing.T) {
	inEachWay(t, func(t *testing.T, args []string) {
		s := serveTCP(t, args...)
		client, base := s.client(strings.Contains(strings.Join(args, " "), "-tls"))
		for range 10 {
			answer, err := client.Post(base+"/echo", anyBytes, strings.NewReader("again"))
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "again" {
				t.Errorf("%q, %v", body, err)
			}
			answer.Body.Close()
		}
		client.CloseIdleConnections()
		s.stopWith(0)
		if n, m := s.accepted.Load(), s.answered.Load(); n != 1 || m != 10 {
			t.Errorf("%d connections for %d answers", n, m)
		}
	})
}

// A certificate from files is used, and no word about it.
func TestCertificateFiles(t *testing.T) {
	certificate, err := selfMade()
	if err != nil {
		t.Fatal(err)
	}
	cert, key := writeCertificate(t, certificate)
	s := serveTCP(t, "-tls", "-cert", cert, "-key", key)
	conn, err := tls.Dial("tcp", s.addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().PeerCertificates[0].Raw; !bytes.Equal(got, certificate.Certificate[0]) {
		t.Error("the server has another certificate")
	}
	conn.Close()
	s.stop()
	if s.stderr.Len() > 0 {
		t.Errorf("stderr is %q", s.stderr)
	}
}

// writeFile writes a file that the end of the test removes. With TempDir, Wine can't.
func writeFile(t *testing.T, text []byte) string {
	t.Helper()
	f, err := os.CreateTemp("", "http-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
