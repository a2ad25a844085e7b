package ionet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/rpc"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// What the standard library builds on net.Listener and net.Conn runs here unchanged.

// site is an HTTP server on a port, and a client.
type site struct {
	*httptest.Server
	client *http.Client
	dialer *ionet.Dialer
}

// newSite starts a server, with TLS and HTTP/2 or without.
func newSite(t *testing.T, w world, p *completion.Port, secure bool, h http.Handler) *site {
	t.Helper()
	l, err := ionet.ListenConfig{Port: p}.Listen(t.Context(), w.network, w.address(t))
	must(t, err)
	s := &site{Server: httptest.NewUnstartedServer(h), dialer: &ionet.Dialer{Port: p}}
	s.Listener.Close()
	s.Listener = l
	s.EnableHTTP2 = secure
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	s.client = s.Client()
	transport := s.client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return s.dialer.DialContext(ctx, w.network, l.Addr().String())
	}
	t.Cleanup(transport.CloseIdleConnections)
	return s
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := c.Get(url)
	must(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	must(t, err)
	return r, string(body)
}

func TestHTTP(t *testing.T) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", r.Proto, r.URL.Path, len(body))
	})
	for _, secure := range []bool{false, true} {
		proto := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[secure]
		t.Run(proto, func(t *testing.T) {
			each(t, func(t *testing.T, w world) {
				s := newSite(t, w, w.open(t), secure, hello)
				base := map[bool]string{false: "http", true: "https"}[secure] + "://example.com"
				var all sync.WaitGroup
				for i := range 8 {
					all.Go(func() {
						for range 5 {
							path := fmt.Sprintf("/%d", i)
							r, err := s.client.Post(base+path, "", strings.NewReader(strings.Repeat("x", 100_000)))
							if err != nil {
								t.Error(err)
								return
							}
							body, _ := io.ReadAll(r.Body)
							r.Body.Close()
							if want := fmt.Sprintf("%s %s 100000", proto, path); string(body) != want {
								t.Errorf("got %q, want %q", body, want)
							}
						}
					})
				}
				all.Wait()
			})
		})
	}
}

func TestReverseProxy(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.open(t)
		behind := newSite(t, w, p, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "behind ", r.Header.Get("X-Forwarded-For") != "")
		}))
		to, err := url.Parse("http://example.com")
		must(t, err)
		proxy := &httputil.ReverseProxy{
			Transport: behind.client.Transport,
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(to)
				r.Out.Header.Set("X-Forwarded-For", "somebody")
			},
		}
		w.address = otherAddress(w)
		front := newSite(t, w, p, false, proxy)
		if _, got := get(t, front.client, "http://example.com/"); got != "behind true" {
			t.Fatalf("got %q", got)
		}
	})
}

// otherAddress is for a second listener.
func otherAddress(w world) func(testing.TB) string {
	if w.name == "memory unix" {
		return func(testing.TB) string { return "another text" }
	}
	return w.address
}

// Words is a service for net/rpc.
type Words struct{}

// Join joins words.
func (Words) Join(words []string, joined *string) error {
	*joined = strings.Join(words, " ")
	return nil
}

func TestRPC(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		server := rpc.NewServer()
		must(t, server.Register(Words{}))
		var all sync.WaitGroup
		all.Go(func() { server.ServeConn(a) })
		client := rpc.NewClient(b)
		var got string
		must(t, client.Call("Words.Join", []string{"so", "it", "goes"}, &got))
		if got != "so it goes" {
			t.Fatalf("got %q", got)
		}
		must(t, client.Close())
		all.Wait()
	})
}

func TestTextproto(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		go func() {
			c := textproto.NewConn(a)
			c.PrintfLine("220 ready")
			line, _ := c.ReadLine()
			c.PrintfLine("250 %s", line)
			c.Close()
		}()
		c := textproto.NewConn(b)
		_, _, err := c.ReadResponse(220)
		must(t, err)
		must(t, c.PrintfLine("HELO"))
		if _, text, err := c.ReadResponse(250); text != "HELO" || err != nil {
			t.Fatalf("got %q, %v", text, err)
		}
	})
}

// nettest can't be used: crypto/tls does not recover from a Write that has timed out,
// which its PastTimeout asks for, on connections of package net either.
func TestTLS(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		server := tls.Server(a, certificate())
		client := tls.Client(b, &tls.Config{InsecureSkipVerify: true})
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := io.Copy(server, server); err != nil {
				t.Error("the server: ", err)
			}
			server.Close()
		})
		must(t, client.Handshake())
		must(t, client.SetReadDeadline(time.Unix(1, 0)))
		_, err := client.Read(make([]byte, 1))
		failsWith(t, err, "read", os.ErrDeadlineExceeded)
		must(t, client.SetReadDeadline(time.Time{}))
		want := strings.Repeat("something that nobody else reads ", 30_000)
		all.Go(func() {
			if _, err := io.WriteString(client, want); err != nil {
				t.Error(err)
			}
			client.CloseWrite()
		})
		got, err := io.ReadAll(client)
		must(t, err)
		if string(got) != want {
			t.Fatalf("%d bytes came back, not the %d that were sent", len(got), len(want))
		}
		all.Wait()
	})
}

// certificate returns a configuration of a server that has one.
var certificate = sync.OnceValue(func() *tls.Config {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS() // which makes one
	defer s.Close()
	return s.TLS
})

// A client that goes away in the middle of everything.
func TestHTTPGarbage(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.open(t)
		s := newSite(t, w, p, false, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for _, text := range []string{"", "\x00\x01\x02\r\n\r\n", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nContent-Length: 1000000000\r\nHost: x\r\n\r\nabc"} {
			c, err := s.dialer.Dial(w.network, s.Listener.Addr().String())
			must(t, err)
			io.WriteString(c, text)
			c.(*ionet.Conn).CloseWrite()
			bufio.NewReader(c).WriteTo(io.Discard)
			c.Close()
		}
		if r, _ := get(t, s.client, "http://example.com/"); r.StatusCode != http.StatusOK {
			t.Fatalf("afterwards: %s", r.Status)
		}
	})
}
