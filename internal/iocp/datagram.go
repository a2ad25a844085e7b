//go:build windows

package iocp

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// datagramSocket is what a datagram socket has besides. Its operations never use the skip
// mode, which is documented for TCP only.
type datagramSocket struct{ in, out datagramSide }

// datagramSide is one direction. The engine makes one call about it at a time, and the leader
// compares packets with block at any time.
type datagramSide struct {
	block atomic.Pointer[sys.Datagram]
	// aside has the blocks of operations that have ended in the call that began them, and that
	// may have a packet all the same. Packets leave a port in their order, so a packet of a
	// later operation means that theirs have left it, too.
	aside []*sys.Datagram
}

// mostAside is how many blocks may be set aside before a receive looks for a datagram without a
// block. Without this limit, a sender of datagrams that are too large would make their number
// grow as long as no receive finds the socket empty.
const mostAside = 16

func (d *datagramSocket) side(kind backend.Kind) *datagramSide {
	if kind == backend.Receive {
		return &d.in
	}
	return &d.out
}

// get returns the block of the next operation.
func (d *datagramSide) get() *sys.Datagram {
	b := d.block.Load()
	if b == nil {
		b = new(sys.Datagram)
		d.block.Store(b)
	}
	return b
}

// setAside keeps the block until it can have no packet any more. The next operation gets
// another block: a packet of this one is not a packet of that operation.
func (d *datagramSide) setAside() {
	d.aside = append(d.aside, d.block.Load())
	d.block.Store(nil)
}

// PacketSocket opens a socket, and leaves a mark for Arm.
func (k *Kernel) PacketSocket(family backend.Family, at backend.Address, o backend.PacketOptions) (int, error) {
	fd, err := k.Kernel.PacketSocket(family, at, o)
	if err == nil {
		k.port.sockets.Set(fd, &socket{datagrams: new(datagramSocket)})
	}
	return fd, err
}

// StartMessage begins to receive or to send a datagram, as Start begins other operations.
func (k *Kernel) StartMessage(fd int, kind backend.Kind, m *backend.Message) (n int, errno syscall.Errno, pending bool) {
	side := k.port.sockets.Get(fd).datagrams.side(kind)
	if kind == backend.Receive && len(side.aside) >= mostAside && len(m.Data) > 0 {
		n, errno = k.Receive(fd, unsafe.Slice(m, 1))
		if n == 1 || k.Classify(kind, errno) == backend.Failed {
			return n, errno, false
		}
	}
	block := side.get()
	if kind == backend.Receive {
		errno = block.Receive(fd, m)
	} else {
		errno = block.Send(fd, m)
	}
	switch {
	case errno == sys.Pending || errno == 0:
		return 0, 0, true
	case kind == backend.Receive && sys.MaybeQueued(errno):
		side.setAside()
		errno = block.Received(0, errno)
		block.Failed()
		return 1, errno, false
	}
	block.Failed()
	return 0, errno, false
}

// finishMessage returns the result of an operation on a datagram.
func (d *datagramSocket) finishMessage(fd int, kind backend.Kind) (int, syscall.Errno) {
	side := d.side(kind)
	side.aside = nil
	block := side.block.Load()
	n, errno := block.Result(fd)
	if kind == backend.Receive {
		return 1, block.Received(n, errno)
	}
	return 1, block.Sent(n, errno)
}

// endedOf returns which operation a packet reports the end of, 0 if none.
func (d *datagramSocket) endedOf(packet *sys.Packet) backend.Readiness {
	if b := d.in.block.Load(); b != nil && packet.IsOf(&b.Transfer) {
		return backend.EndedIn
	}
	if b := d.out.block.Load(); b != nil && packet.IsOf(&b.Transfer) {
		return backend.EndedOut
	}
	return 0
}

// close passes the blocks that were set aside to the port, which keeps them reachable until it is closed:
// the system may write to them when their packets leave the port.
func (d *datagramSocket) close(p *Poller) {
	if lost := append(d.in.aside, d.out.aside...); len(lost) > 0 {
		p.lost.Store(d, lost)
	}
}
