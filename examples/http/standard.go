package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// standard is the server of net/http.
type standard struct {
	options
	counts
	http     http.Server
	listener net.Listener
	port     *completion.Port // nil on package net
	clients  sync.WaitGroup
}

func openStandard(o options, stderr io.Writer) (*standard, error) {
	var config *tls.Config
	if o.tls {
		var err error
		if config, err = o.tlsConfig(stderr); err != nil {
			return nil, err
		}
	}
	if o.style == "net" {
		listener, err := net.Listen("tcp", o.address)
		if err != nil {
			return nil, err
		}
		return newStandard(o, config, nil, listener, stderr), nil
	}
	port, err := completion.Open(&completion.Config{Backend: o.backend})
	if err != nil {
		return nil, err
	}
	listener, err := ionet.ListenConfig{Port: port}.Listen(context.Background(), "tcp", o.address)
	if err != nil {
		port.Close()
		return nil, err
	}
	return newStandard(o, config, port, listener, stderr), nil
}

// newStandard returns a server for a listener. If it is one of a port, drain closes the port.
func newStandard(o options, config *tls.Config, port *completion.Port, listener net.Listener, stderr io.Writer) *standard {
	s := &standard{options: o, listener: listener, port: port}
	s.http = http.Server{
		Handler: s.site(), TLSConfig: config, MaxHeaderBytes: mostHead,
		ReadTimeout: o.timeout, WriteTimeout: o.timeout, IdleTimeout: o.idle,
		ErrorLog: log.New(&warner{stderr: stderr}, "", 0), ConnState: s.count,
	}
	return s
}

// count counts connections.
func (s *standard) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.accepted.Add(1)
		s.open.Add(1)
		s.clients.Add(1)
	case http.StateClosed:
		s.open.Add(-1)
		s.clients.Done()
	}
}

func (s *standard) site() http.Handler {
	site := http.NewServeMux()
	site.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		s.answer(w, plainText, []byte(welcome))
	})
	site.HandleFunc("GET /bytes", func(w http.ResponseWriter, r *http.Request) {
		n, err := size(r.URL.RawQuery)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.answer(w, anyBytes, content[:n])
	})
	site.HandleFunc("POST /echo", s.echo)
	return site
}

func (s *standard) echo(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.ContentLength < 0:
		http.Error(w, "send a Content-Length", http.StatusLengthRequired)
		return
	case r.ContentLength > mostBody:
		http.Error(w, fmt.Sprintf("the body may have %d bytes", mostBody), http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.failed.Add(1)
		panic(http.ErrAbortHandler) // the client has gone, or was too slow
	}
	s.answer(w, anyBytes, body)
}

// answer writes an answer. If the client does not take it, net/http closes the connection.
func (s *standard) answer(w http.ResponseWriter, kind string, body []byte) {
	s.answered.Add(1)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if _, err := w.Write(body); err != nil && err != http.ErrBodyNotAllowed {
		s.failed.Add(1)
	}
}

func (s *standard) addr() net.Addr { return s.listener.Addr() }

func (s *standard) name() string {
	if s.port == nil {
		return "net"
	}
	return s.port.Backend()
}

// serve returns when drain has begun and the last connection has ended.
func (s *standard) serve() {
	serve := func() error { return s.http.Serve(s.listener) }
	if s.tls {
		serve = func() error { return s.http.ServeTLS(s.listener, "", "") }
	}
	if err := serve(); err != http.ErrServerClosed {
		s.http.ErrorLog.Print(err)
	}
	s.clients.Wait()
}

// drain lets the requests end that have begun, and closes everything.
func (s *standard) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.http.Close()
	if s.port != nil {
		s.port.Close()
	}
	return err
}

// report prints the numbers of the server.
func (s *standard) report(w io.Writer, drained error) {
	s.counts.report(w, drained)
	if s.port != nil {
		reportPort(w, s.port, 0)
	}
}

func reportPort(w io.Writer, port *completion.Port, lent int) {
	st := port.Stats()
	fmt.Fprintf(w, `  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
`, st.Submitted, st.Completed, st.InFlight, st.Queued, st.Handles, lent)
}
