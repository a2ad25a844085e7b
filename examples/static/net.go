package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// counts are what a server of either style counts.
type counts struct{ accepted, failed, open, answered atomic.Int64 }

func (c *counts) report(w io.Writer, drained error) {
	end := "all written"
	if drained != nil {
		end = "cut short: " + drained.Error()
	}
	fmt.Fprintf(w, "stopped, %s\n  connections  %d accepted, %d failed, %d open\n  requests     %d answered\n",
		end, c.accepted.Load(), c.failed.Load(), c.open.Load(), c.answered.Load())
}

// netServer is the server of net/http on package net.
type netServer struct {
	options
	counts
	root     *os.Root
	http     http.Server
	listener net.Listener
	clients  sync.WaitGroup
}

func openNet(o options, root *os.Root, stderr io.Writer) (*netServer, error) {
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, err
	}
	s := &netServer{options: o, root: root, listener: listener}
	files := http.FileServer(rooted{root})
	s.http = http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.answered.Add(1)
			files.ServeHTTP(w, r)
		}),
		MaxHeaderBytes: mostHead, ReadTimeout: o.timeout, IdleTimeout: o.idle,
		ErrorLog: log.New(stderr, "static: ", 0), ConnState: s.count,
	}
	return s, nil
}

// rooted is a root as net/http wants it. Its files are *os.File, which net/http sends with
// sendfile(2); those of http.FS are not.
type rooted struct{ root *os.Root }

func (r rooted) Open(name string) (http.File, error) {
	return r.root.Open("." + strings.TrimSuffix(name, "/"))
}

// count counts connections.
func (s *netServer) count(_ net.Conn, state http.ConnState) {
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

func (s *netServer) addr() net.Addr { return s.listener.Addr() }
func (s *netServer) name() string   { return "net" }

// serve returns when drain has begun and the last connection has ended.
func (s *netServer) serve() {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.http.ErrorLog.Print(err)
	}
	s.clients.Wait()
	s.root.Close()
}

// drain lets the requests end that have begun, and closes everything.
func (s *netServer) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.http.Close()
	return err
}
