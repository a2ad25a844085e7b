package echo

import (
	"net"
	"sync"
)

// goNet is the program as it is usually written in Go. Its name differs from that of
// package net.
type goNet struct {
	spec     Spec
	listener net.Listener
	buffer   int
	store    *Store // nil for an echo
	running  sync.WaitGroup
}

func serveNet(s Spec, buffer int) (Serving, error) {
	listener, err := net.Listen("tcp", anyPort)
	if err != nil {
		return nil, err
	}
	n := &goNet{spec: s, listener: listener, buffer: buffer, store: s.NewStore()}
	n.running.Go(n.run)
	return n, nil
}

func (n *goNet) Addr() string { return n.listener.Addr().String() }

// Close waits until the peers have closed. A list of connections, to close them here,
// would count as memory that package net needs.
func (n *goNet) Close() {
	n.listener.Close()
	n.running.Wait()
}

func (n *goNet) run() {
	for {
		conn, err := n.listener.Accept()
		if err != nil {
			acceptFailed(err)
			return
		}
		serve := n.serve
		if n.store != nil {
			serve = n.serveStore
		}
		n.running.Go(func() { serve(conn) })
	}
}

func (n *goNet) serve(conn net.Conn) {
	defer conn.Close()
	buffer, work := make([]byte, n.buffer), n.spec.newWork()
	for {
		count, err := conn.Read(buffer)
		if err != nil {
			return
		}
		work.do()
		if _, err := conn.Write(buffer[:count]); err != nil {
			return
		}
	}
}
