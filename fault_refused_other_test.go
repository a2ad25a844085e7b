//go:build !linux

package completion_test

import "net"

// refusingAddress is that of one end of a connection, which hears the other end only. Some
// systems drop what comes for a socket that is bound and does not listen.
func (w *world) refusingAddress() net.Addr {
	w.Helper()
	l := w.peerListener("tcp4", "127.0.0.1:0")
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, c.Close)
	return c.LocalAddr()
}
