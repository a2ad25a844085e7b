package bubble

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/completionport/completion"
)

// echo sends back what comes, and closes the connection of a client that is silent.
func echo(patience time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			ctx, cancel := context.WithTimeout(r.Context(), patience)
			kind, message, err := c.Read(ctx)
			cancel()
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, message); err != nil {
				return
			}
		}
	})
}

// dialWebSocket connects by way of a client of package net/http.
func dialWebSocket(w world, client *http.Client) *websocket.Conn {
	w.Helper()
	c, _, err := websocket.Dial(w.Context(), "ws://"+address, &websocket.DialOptions{HTTPClient: client})
	w.must(err)
	w.Cleanup(func() { c.CloseNow() })
	return c
}

func say(w world, c *websocket.Conn, message string) {
	w.Helper()
	w.must(c.Write(w.Context(), websocket.MessageText, []byte(message)))
	if _, got, err := c.Read(w.Context()); err != nil || string(got) != message {
		w.Errorf("got %q, %v", got, err)
	}
}

// A message there and back takes two delays, in pieces of three bytes as well.
func TestWebSocketFarAway(t *testing.T) {
	run(t, func(w world) {
		client := serveHTTP(w, &http.Server{Handler: echo(time.Hour)})
		c := dialWebSocket(w, client)
		w.network.Delay(time.Second)
		w.network.LimitTransfer(3)
		begun := time.Now()
		say(w, c, "hello, far away")
		w.took(begun, 2*time.Second)
		w.must(c.Close(websocket.StatusNormalClosure, "")) // waits for the answer
		w.took(begun, 4*time.Second)
	})
}

// The server closes the connection of a client whose messages take too long.
func TestWebSocketSlowClient(t *testing.T) {
	run(t, func(w world) {
		client := serveHTTP(w, &http.Server{Handler: echo(time.Minute)})
		c := dialWebSocket(w, client)
		w.network.LinkTo("tcp", address, completion.Link{Rate: 100})
		say(w, c, string(make([]byte, 1000))) // 10 s
		begun := time.Now()
		w.must(c.Write(w.Context(), websocket.MessageText, make([]byte, 10_000)))
		if _, _, err := c.Read(w.Context()); err == nil {
			t.Error("an answer to a message that takes 100 s")
		}
		w.took(begun, time.Minute)
	})
}

// A reset in the middle of a message is an error of the system, and not the end of the
// stream.
func TestWebSocketReset(t *testing.T) {
	run(t, func(w world) {
		ended := make(chan error, 1)
		client := serveHTTP(w, &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(rw, r, nil)
			if err == nil {
				defer c.CloseNow()
				_, _, err = c.Read(r.Context())
			}
			ended <- err
		})})
		var wire net.Conn // the test's own end, for Reset
		client.Transport = &http.Transport{DialContext: func(context.Context, string, string) (_ net.Conn, err error) {
			wire, err = w.network.Dial("tcp", address)
			return wire, err
		}}
		c := dialWebSocket(w, client)
		part, err := c.Writer(w.Context(), websocket.MessageText)
		w.must(err)
		part.Write(make([]byte, 10_000)) // without the end of the message
		time.AfterFunc(time.Minute, func() { w.network.Reset(wire) })
		begun := time.Now()
		if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the server's read ends with %v", err)
		}
		w.took(begun, time.Minute)
	})
}
