package ionet_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// inBubble runs a test with a port on a network, on the clock of a bubble.
func inBubble(t *testing.T, f func(t *testing.T, network *completion.Memory, port *completion.Port)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := new(completion.Memory)
		port, err := completion.Open(&completion.Config{Memory: network})
		must(t, err)
		defer port.Close()
		f(t, network, port)
	})
}

// slowly answers after an hour, which takes no time in a bubble.
func slowly(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(time.Hour)
	io.WriteString(w, "at last")
}

// net/http, both sides of it, over names, delays and resets that a test orders.
func TestHTTPInBubble(t *testing.T) {
	inBubble(t, func(t *testing.T, network *completion.Memory, port *completion.Port) {
		network.SetHost("shop.test", netip.MustParseAddr("10.0.0.1"))
		l, err := ionet.ListenConfig{Port: port}.Listen(t.Context(), "tcp", "10.0.0.1:80")
		must(t, err)
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(slowly)}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		dialer := &ionet.Dialer{Port: port}
		transport := &http.Transport{DialContext: dialer.DialContext}
		client := &http.Client{Transport: transport}

		began := time.Now()
		network.Delay(10 * time.Second)
		if _, body := get(t, client, "http://shop.test/"); body != "at last" {
			t.Errorf("got %q", body)
		}
		// The connect, the request and the answer take 10 s each.
		if took := time.Since(began); took != time.Hour+30*time.Second {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		request, _ := http.NewRequestWithContext(ctx, "GET", "http://shop.test/", nil)
		if _, err := client.Do(request); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a client without patience gets %v", err)
		}
		transport.CloseIdleConnections()
		must(t, server.Shutdown(t.Context()))
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
}

// A client that sends half a request is cut off by the server's time-out.
func TestSlowClientInBubble(t *testing.T) {
	inBubble(t, func(t *testing.T, network *completion.Memory, port *completion.Port) {
		l, err := ionet.ListenConfig{Port: port}.Listen(t.Context(), "tcp", "10.0.0.1:80")
		must(t, err)
		server := &http.Server{ReadTimeout: time.Minute}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		c, err := network.Dial("tcp", "10.0.0.1:80")
		must(t, err)
		began := time.Now()
		io.WriteString(c, "GET / HT")
		io.Copy(io.Discard, c)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it was cut off after %v", took)
		}
		c.Close()
		must(t, server.Close())
		<-served
	})
}

// movedDeadline sets deadlines, of which one passes after a time.
type movedDeadline struct {
	name string
	set  func()
	want time.Duration
}

func movedDeadlines(nc net.Conn) []movedDeadline {
	return []movedDeadline{
		{"before", func() { nc.SetReadDeadline(time.Now().Add(time.Second)) }, time.Second},
		{"later", func() {
			nc.SetReadDeadline(time.Now().Add(time.Second))
			time.AfterFunc(time.Second/2, func() { nc.SetReadDeadline(time.Now().Add(time.Hour)) })
		}, time.Hour + time.Second/2},
		{"earlier", func() {
			nc.SetReadDeadline(time.Now().Add(time.Hour))
			time.AfterFunc(time.Second/2, func() { nc.SetReadDeadline(time.Unix(1, 0)) })
		}, time.Second / 2},
		{"set, cleared, set", func() {
			nc.SetReadDeadline(time.Time{})
			time.AfterFunc(time.Second, func() { nc.SetReadDeadline(time.Now().Add(time.Second)) })
			time.AfterFunc(3*time.Second/2, func() { nc.SetReadDeadline(time.Time{}) })
			time.AfterFunc(5*time.Second, func() { nc.SetDeadline(time.Now()) })
		}, 5 * time.Second},
	}
}

// Deadlines pass at their time, whenever they are set.
func TestDeadlinesInBubble(t *testing.T) {
	inBubble(t, func(t *testing.T, network *completion.Memory, port *completion.Port) {
		peer, err := network.Listen("tcp", "10.0.0.1:80")
		must(t, err)
		defer peer.Close()
		nc, err := (&ionet.Dialer{Port: port}).Dial("tcp", "10.0.0.1:80")
		must(t, err)
		defer nc.Close()
		for _, c := range movedDeadlines(nc) {
			began := time.Now()
			c.set()
			_, err := nc.Read(make([]byte, 1))
			failsWith(t, err, "read", os.ErrDeadlineExceeded)
			if took := time.Since(began); took != c.want {
				t.Errorf("%s: it took %v, want %v", c.name, took, c.want)
			}
		}
	})
}

// A reset in the middle is an error of the system, and never the end of the stream.
func TestResetInBubble(t *testing.T) {
	inBubble(t, func(t *testing.T, network *completion.Memory, port *completion.Port) {
		l, err := ionet.ListenConfig{Port: port}.Listen(t.Context(), "tcp", "10.0.0.1:80")
		must(t, err)
		defer l.Close()
		c, err := network.Dial("tcp", "10.0.0.1:80")
		must(t, err)
		accepted, err := l.Accept()
		must(t, err)
		time.AfterFunc(time.Minute, func() { network.Reset(c) })
		_, err = io.ReadAll(accepted)
		var failure *net.OpError
		if !errors.As(err, &failure) || failure.Op != "read" {
			t.Errorf("it ends with %v", err)
		}
		accepted.Close()
	})
}

// A server of net/http goes on when accepts find no descriptor: it waits 5, 10 and 20 ms,
// since these errors are temporary.
func TestServeWithoutDescriptorsInBubble(t *testing.T) {
	inBubble(t, func(t *testing.T, network *completion.Memory, port *completion.Port) {
		l, err := ionet.ListenConfig{Port: port}.Listen(t.Context(), "tcp", "10.0.0.1:80")
		must(t, err)
		network.Fail("accept", syscall.EMFILE, 3)
		server := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
		served := make(chan error)
		go func() { served <- server.Serve(l) }()
		dialer := &ionet.Dialer{Port: port}
		transport := &http.Transport{DialContext: dialer.DialContext}
		began := time.Now()
		get(t, &http.Client{Transport: transport}, "http://10.0.0.1/")
		if took := time.Since(began); took != 35*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		transport.CloseIdleConnections()
		must(t, server.Close())
		<-served
	})
}
