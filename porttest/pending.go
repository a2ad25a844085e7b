package porttest

import (
	"io"
	"net"
	"runtime"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Things that stay in flight until the case ends them.

// never is a deadline that does not pass while the suite runs.
func never() completion.Deadline { return completion.After(time.Hour) }

// soon is a deadline that passes while the case waits.
func soon() completion.Deadline { return completion.After(5 * time.Millisecond) }

// long is one that passed long ago.
const long completion.Deadline = 1

// silentAddress is one where connects get no answer: the backlog of its
// listener is full and nobody accepts, or it is an address of the loopback that
// nobody has. Which of them answers depends on the system: FreeBSD takes what it
// has no room for and resets it then. A port of its own finds out, and holds the
// listener.
func (e *env) silentAddress() net.Addr {
	e.Helper()
	p := e.port(nil)
	l, err := completion.ListenConfig{Backlog: 1}.Listen(p, "tcp4", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	const fillers = 8
	if e.staysSilent(p, l.Addr(), fillers) {
		return l.Addr()
	}
	if b := p.Backend(); b != "kqueue" && b != "iocp" {
		e.Fatalf("a backlog of 1 took %d connections", fillers)
	}
	for _, nobody := range e.nobodies() {
		if e.staysSilent(p, nobody, 1) {
			return nobody
		}
	}
	e.Skip("no connect stays without an answer here")
	return nil
}

// nobodies are addresses of the loopback that nobody has. Packets to one that
// belongs to its network, and to no host, are dropped.
func (e *env) nobodies() []net.Addr {
	all := []net.Addr{&net.TCPAddr{IP: net.IPv4(127, 77, 77, 77), Port: 9}}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 && e.onSystem() && e.hasIPv6() {
			all = append(all, &net.TCPAddr{IP: net.ParseIP("fe80::77:77"), Port: 9, Zone: i.Name})
		}
	}
	return all
}

// networkOf is the network of sockets that can connect to an address.
func networkOf(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.To4() == nil {
		return "tcp6"
	}
	return "tcp4"
}

// staysSilent tells whether one of so many connects gets no answer.
func (e *env) staysSilent(p *completion.Port, addr net.Addr, connects int) bool {
	e.Helper()
	for range connects {
		e.submit(p, &ops.Connect{On: e.socket(p, networkOf(addr)), To: addr})
	}
	// On loopback they are answered as soon as they are sent.
	timer := &ops.Timer{After: 10 * time.Millisecond}
	e.submit(p, timer)
	for e.next(p) != completion.Operation(timer) {
	}
	return p.Stats().InFlight > 0
}

// pendingConnect submits a connect that gets no answer.
func (e *env) pendingConnect(p *completion.Port) *ops.Connect {
	e.Helper()
	c := e.unansweredConnect(p)
	e.submit(p, c)
	e.idle(p)
	return c
}

// unansweredConnect is one that will get no answer.
func (e *env) unansweredConnect(p *completion.Port) *ops.Connect {
	e.Helper()
	to := e.silentAddress()
	return &ops.Connect{On: e.socket(p, networkOf(to)), To: to}
}

// socket makes one that is not connected.
func (e *env) socket(p *completion.Port, network string) *completion.Socket {
	e.Helper()
	s, err := p.Socket(network)
	if err != nil {
		e.Fatal(err)
	}
	return s
}

// fill submits a write, or starts it, again and again until it stays in flight
// because the peer does not read. How much a system takes at once is its own
// affair: Windows takes a send of any size if there is any room. The peer's ahead
// is what it is to read before the bytes of the last.
func (e *env) fill(p *completion.Port, w *ops.Write, peer *peer, start bool) {
	e.Helper()
	for range 16 {
		if start {
			e.start(p, w)
		} else {
			e.submit(p, w)
		}
		e.connects[p]++
		is(e, p.Await(e.ctx, &ops.Timer{After: time.Millisecond}), nil) // it works meanwhile
		if w.Ticket() != (completion.Ticket{}) {
			return
		}
		if start {
			is(e, p.Wait(e.ctx, w), nil)
		} else {
			e.expect(p, w, nil)
		}
		e.connects[p]++
		peer.ahead += w.N()
	}
	e.Fatalf("the system has taken %d bytes that nobody reads", peer.ahead)
}

// sentHalf checks the count of a write that fill has submitted and that was ended
// by something else: it has sent some of its bytes, as far as the system knows.
func (e *env) sentHalf(w *ops.Write, peer *peer) {
	e.Helper()
	n, size := w.N(), w.Buf.Len()
	if n < 0 || n >= size || n == 0 && peer.ahead == 0 && e.countsCut() {
		e.Fatalf("a stuck write has sent %d of %d bytes, behind %d", n, size, peer.ahead)
	}
}

// gets checks that the peer gets what the writes to it say they have sent, and
// then the end. At most so many bytes are unknown: of writes that were cancelled.
func (e *env) gets(peer *peer, sent, unknown int) {
	e.Helper()
	if e.countsCut() {
		unknown = 0
	}
	got, err := io.Copy(io.Discard, peer)
	is(e, err, nil)
	if n := int(got); n < sent || n > sent+unknown {
		e.Fatalf("the peer gets %d bytes, want %d and at most %d more", n, sent, unknown)
	}
}

// stuckBytes is the size of a stuck write.
const stuckBytes = 4 << 20

// stuckWrite returns a write of stuckBytes in flight, to a peer that does not
// read: some of them are sent and the rest waits.
func (e *env) stuckWrite(p *completion.Port) (*ops.Write, *peer) {
	e.Helper()
	s, peer := e.pair(p)
	if err := s.SetWriteBuffer(64 << 10); err != nil {
		e.Fatal(err)
	}
	peer.setReadBuffer(64 << 10)
	w := &ops.Write{To: s, Buf: own(stuckBytes)}
	e.fill(p, w, peer, false)
	e.idle(p)
	return w, peer
}

// halfWay checks that a stuck write has sent some of its bytes, and that the
// peer gets exactly those.
func (e *env) halfWay(w *ops.Write, peer *peer) {
	e.Helper()
	e.sentHalf(w, peer)
	w.To.Close()
	e.gets(peer, peer.ahead+w.N(), stuckBytes-w.N())
}

// atEnd checks that the peer has nothing left to read but the end.
func (e *env) atEnd(peer *peer) {
	e.Helper()
	var one [1]byte
	if n, err := peer.Read(one[:]); n != 0 || err == nil {
		e.Fatalf("the peer reads %d more bytes, error %v", n, err)
	}
}

// untilParked returns when a goroutine sleeps in the port's poller.
func untilParked(p *completion.Port) {
	for !p.Stats().Parked {
		runtime.Gosched()
	}
}

// untilEnded returns when nothing is in flight. It is for started operations:
// nothing may reach the queue.
func (e *env) untilEnded(p *completion.Port) {
	e.Helper()
	for p.Stats().InFlight > 0 {
		e.poll(p)
	}
}
