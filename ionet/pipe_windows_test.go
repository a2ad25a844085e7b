package ionet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// HTTP runs over a named pipe, as services of Windows offer it.
func TestHTTPOverAPipe(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	l, err := ionet.ListenConfig{Port: p}.Listen(t.Context(), "pipe", fmt.Sprintf(`\\.\pipe\completion-http-%d`, os.Getpid()))
	must(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	})}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&ionet.Dialer{Port: p}).DialContext(ctx, "pipe", l.Addr().String())
	}}
	defer transport.CloseIdleConnections()
	body := make([]byte, 300<<10)
	for range 3 {
		r, err := (&http.Client{Transport: transport}).Post("http://pipe/", "", &reader{body})
		must(t, err)
		got, err := io.ReadAll(r.Body)
		must(t, err)
		r.Body.Close()
		if len(got) != len(body) {
			t.Fatalf("%d bytes came back", len(got))
		}
	}
	must(t, server.Close())
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

// reader returns bytes in small pieces.
type reader struct{ left []byte }

func (r *reader) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 5000)], r.left)
	r.left = r.left[n:]
	return n, nil
}

// Deadlines end reads of a pipe, and the connection goes on.
func TestPipeDeadline(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	l, err := ionet.ListenConfig{Port: p}.Listen(t.Context(), "pipe", fmt.Sprintf(`\\.\pipe\completion-deadline-%d`, os.Getpid()))
	must(t, err)
	client, err := (&ionet.Dialer{Port: p}).Dial("pipe", l.Addr().String())
	must(t, err)
	server, err := l.Accept()
	must(t, err)
	must(t, client.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	must(t, client.SetReadDeadline(time.Time{}))
	_, err = io.WriteString(server, "x")
	must(t, err)
	_, err = io.ReadFull(client, make([]byte, 1))
	must(t, err)
	if err := client.(*ionet.Conn).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("half close: %v", err)
	}
}
