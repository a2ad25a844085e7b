package completion_test

import (
	"net"
	"net/netip"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// packets returns a datagram socket; nil if it can't be had.
func (w *world) packets() *completion.PacketSocket {
	w.Helper()
	s, err := w.port.ListenPacket("udp4", "127.0.0.1:0")
	if !w.right(err, nil) {
		return nil
	}
	return s
}

func udpOf(s *completion.PacketSocket) netip.AddrPort {
	return s.LocalAddr().(*net.UDPAddr).AddrPort()
}

// again submits an operation until it succeeds. A fault ends one operation of a datagram
// socket, and the next one goes on. inFlight says that it is submitted already. again calls
// failed, if not nil, after each failure.
func (w *world) again(op completion.Operation, inFlight bool, failed func()) {
	w.Helper()
	for {
		if !inFlight {
			w.submit(op)
		}
		inFlight = false // until returns at once if the operation was delivered meanwhile
		if w.until(op, nil) || w.Failed() {
			return
		}
		if failed != nil {
			failed()
		}
		if w.lasts() {
			panic(errOver)
		}
	}
}

func exchangeDatagrams(w *world) {
	a, b := w.packets(), w.packets()
	if a == nil || b == nil {
		return
	}
	pool := w.port.NewPool(64, 1)
	w.pools = append(w.pools, pool)
	reads := []*ops.ReadFrom{
		{From: b, Buf: completion.Own(make([]byte, 64))}, {From: b, Pool: pool},
		{From: b, Buf: completion.Own(make([]byte, 64))}, {From: b, Pool: pool},
	}
	for i, read := range reads {
		if i < 2 { // these wait for the datagram
			w.submit(read)
			w.poll()
		}
		w.again(&ops.WriteTo{To: a, Buf: completion.Own([]byte("hello")), Addr: udpOf(b)}, false, nil)
		w.again(read, i < 2, func() {
			if read.N() != 0 || read.Addr.IsValid() || read.Pool != nil && read.Buf != nil {
				w.Errorf("a failed ReadFrom has %d bytes from %v", read.N(), read.Addr)
			}
		})
		if w.Failed() {
			return
		}
		w.holds(read.Buf, "hello")
		if read.Addr != udpOf(a) {
			w.Errorf("the sender is %v", read.Addr)
		}
		read.Release()
	}
}

// exchangeBatches: each datagram arrives once, whichever call fails.
func exchangeBatches(w *world) {
	a, b := w.packets(), w.packets()
	if a == nil || b == nil {
		return
	}
	const n = 40 // more than one call moves
	pool := w.port.NewPool(64, 8)
	w.pools = append(w.pools, pool)
	write := &ops.WriteBatch{To: a}
	for i := range n {
		write.Messages = append(write.Messages, ops.Message{Buf: completion.Own([]byte{byte(i)}), Addr: udpOf(b)})
	}
	w.again(write, false, func() {
		if write.N() != write.Count {
			w.Errorf("%d bytes, %d datagrams", write.N(), write.Count)
		}
		write.Messages = write.Messages[write.Count:]
	})
	read := &ops.ReadBatch{From: b, Pool: pool, Messages: make([]ops.Message, 16)}
	for got := 0; got < n && !w.Failed(); got += read.Count {
		w.again(read, false, func() {
			if read.Count != 0 {
				w.Errorf("a failed ReadBatch has %d datagrams", read.Count)
			}
		})
		for i, m := range read.Messages[:read.Count] {
			w.holds(m.Buf, string([]byte{byte(got + i)}))
		}
		read.Release()
	}
}

// connectedDatagrams: a connected socket is told once of a datagram that nobody received, and
// goes on.
func connectedDatagrams(w *world) {
	a := w.packets()
	if a == nil {
		return
	}
	b, err := w.port.DialPacket("udp4", udpOf(a).String())
	if !w.right(err, nil) {
		return
	}
	write := &ops.WriteTo{To: b, Buf: completion.Own([]byte("hello"))}
	w.again(write, false, nil)
	read := &ops.ReadFrom{From: a, Buf: completion.Own(make([]byte, 64))}
	w.again(read, false, nil)
	w.holds(read.Buf, "hello")
	answer := &ops.WriteTo{To: a, Buf: completion.Own([]byte("again")), Addr: read.Addr}
	w.again(answer, false, nil)
	back := &ops.ReadFrom{From: b, Buf: completion.Own(make([]byte, 64))}
	w.again(back, false, nil)
	w.holds(back.Buf, "again")
	a.Close()
	w.again(write, false, nil)
	refused := &ops.ReadFrom{From: b, Buf: completion.Own(make([]byte, 64))}
	w.submit(refused)
	w.until(refused, syscall.ECONNREFUSED)
}

// connectRefused: nobody listens.
func connectRefused(w *world) {
	to := w.refusingAddress()
	s, err := w.port.Socket("tcp4")
	if w.right(err, nil) {
		w.talk(s, to, syscall.ECONNREFUSED)
	}
}
