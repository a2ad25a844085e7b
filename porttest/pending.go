package porttest

import (
	"bytes"
	"fmt"
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

// silence is an address where one of so many connects may get no answer.
type silence struct {
	at       net.Addr
	connects int
}

// silentAddress is one where connects get no answer. Which of the candidates that
// is depends on the system; a port of its own finds out, and holds the listener.
func (e *env) silentAddress() net.Addr {
	e.Helper()
	p := e.port(nil)
	candidates := e.silences(p)
	if at := firstSilent(candidates, func(s silence) bool { return e.staysSilent(p, s) }); at != nil {
		return at
	}
	if b := p.Backend(); b != "kqueue" && b != "iocp" || !e.onSystem() {
		e.Fatalf("all %d candidates answer", len(candidates))
	}
	e.Skip("no connect stays without an answer here")
	return nil
}

// firstSilent asks one after the other, and no more of them than it must.
func firstSilent(candidates []silence, staysSilent func(silence) bool) net.Addr {
	for _, s := range candidates {
		if staysSilent(s) {
			return s.at
		}
	}
	return nil
}

// silences are the candidates: a listener whose backlog is full, addresses of the
// loopback that nobody has, and one that a socket has which does not listen.
// FreeBSD and OpenBSD take what they have no room for in a backlog and reset it
// then. Packets to an address that belongs to the loopback's network, and to no
// host, are dropped by FreeBSD; those to a socket that does not listen, by NetBSD
// and OpenBSD. A network of the suite's own is told to be silent.
func (e *env) silences(p *completion.Port) []silence {
	e.Helper()
	l, err := completion.ListenConfig{Backlog: 1}.Listen(p, "tcp4", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	all := []silence{
		{l.Addr(), 8},
		{&net.TCPAddr{IP: net.IPv4(127, 77, 77, 77), Port: 9}, 1},
	}
	if !e.onSystem() {
		return append(all, e.orderedSilence()...)
	}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 && e.hasIPv6() {
			all = append(all, silence{&net.TCPAddr{IP: net.ParseIP("fe80::77:77"), Port: 9, Zone: i.Name}, 1})
		}
	}
	if bound := e.boundAddress(); bound != nil {
		all = append(all, silence{bound, 1})
	}
	return all
}

// orderedSilence is an address that a network was told to be silent about, if it
// can be told.
func (e *env) orderedSilence() []silence {
	e.Helper()
	n, ok := e.network.(interface {
		Ignore(network, address string) error
	})
	if !ok {
		return nil
	}
	at := &net.TCPAddr{IP: net.IPv4(127, 88, 88, 88), Port: 9}
	is(e, n.Ignore("tcp4", at.String()), nil)
	return []silence{{at, 1}}
}

// networkOf is the network of sockets that can connect to an address.
func networkOf(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.To4() == nil {
		return "tcp6"
	}
	return "tcp4"
}

// staysSilent tells whether one of so many connects gets no answer.
func (e *env) staysSilent(p *completion.Port, s silence) bool {
	e.Helper()
	for range s.connects {
		e.submit(p, &ops.Connect{On: e.socket(p, networkOf(s.at)), To: s.at})
	}
	// On loopback they are answered as soon as they are sent, and before the
	// answers to a connect that is sent after them; the time is for systems that
	// have several threads for that.
	last := &ops.Connect{On: e.socket(p, "tcp4"), To: e.listen(p, "tcp4").Addr()}
	timer := &ops.Timer{After: 10 * time.Millisecond}
	e.submit(p, last, timer)
	for left := 2; left > 0; {
		if op := e.next(p); op == completion.Operation(last) || op == completion.Operation(timer) {
			left--
		}
	}
	is(e, last.Err(), nil)
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
	e.endedAfterCut(err)
	if n := int(got); n < sent || n > sent+unknown {
		e.Fatalf("the peer gets %d bytes, want %d and at most %d more", n, sent, unknown)
	}
}

// behindCut lets the peer read what a write of zeros has sent that was cut short, n
// bytes or, where the system does not count them, more, and reports the so many
// bytes that come behind them.
func (e *env) behindCut(peer *peer, n, behind int) <-chan string {
	read := make(chan string, 1)
	go func() {
		zeros, text, part := 0, "", make([]byte, 64<<10)
		for len(text) < behind {
			got, err := peer.Read(part)
			if err != nil {
				read <- err.Error()
				return
			}
			rest := bytes.TrimLeft(part[:got], "\x00")
			zeros += got - len(rest)
			text += string(rest)
		}
		if zeros < n || zeros > n && e.countsCut() {
			text = fmt.Sprintf("%d bytes, want %d", zeros, n)
		}
		read <- text
	}()
	return read
}

// stuckBytes is the size of a stuck write.
const stuckBytes = 4 << 20

// stuckWrite returns a write of stuckBytes in flight, to a peer that does not
// read: some of them are sent and the rest waits.
func (e *env) stuckWrite(p *completion.Port) (*ops.Write, *peer) {
	e.Helper()
	s, peer := e.pair(p)
	e.setWriteBuffer(s, 64<<10)
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
	defer e.wait()()
	for p.Stats().InFlight > 0 {
		e.poll(p)
	}
}
