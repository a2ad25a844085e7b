package porttest

import (
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

// stuckBytes is more than the buffers of a stuck connection hold.
const stuckBytes = 4 << 20

// stuckWrite submits a write of stuckBytes to a peer that does not read: some
// of them are sent and the rest waits.
func (e *env) stuckWrite(p *completion.Port) (*ops.Write, *peer) {
	e.Helper()
	s, peer := e.pair(p)
	if err := s.SetWriteBuffer(64 << 10); err != nil {
		e.Fatal(err)
	}
	peer.setReadBuffer(64 << 10)
	w := &ops.Write{To: s, Buf: own(stuckBytes)}
	e.submit(p, w)
	e.idle(p)
	return w, peer
}

// halfWay checks that a stuck write has sent some of its bytes, and that the
// peer gets exactly those.
func (e *env) halfWay(w *ops.Write, peer *peer) {
	e.Helper()
	if n := w.N(); n <= 0 || n >= stuckBytes {
		e.Fatalf("a stuck write sent %d of %d bytes", n, stuckBytes)
	}
	w.To.Close()
	peer.receive(w.N())
	e.atEnd(peer)
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
