// Package porttest is the conformance suite of package completion. Each promise of the
// contract is a named case that every backend must pass. A test of behaviour belongs
// here, and not in the tests of a backend.
package porttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"go.uber.org/goleak"
)

// Open opens a port of the backend that is tested, as completion.Open does. config
// may be nil.
type Open func(config *completion.Config) (*completion.Port, error)

// families are the cases by the point of the contract they belong to. Each is
// defined in the file of that name.
var families = []family{
	{"Submit", submitCases},
	{"SubmitRefused", submitRefusedCases},
	{"Buffers", bufferCases},
	{"LateBuffers", lateCases},
	{"Borrow", borrowCases},
	{"Stream", streamCases},
	{"ShortReads", shortReadCases},
	{"Order", orderCases},
	{"OrderWhenFull", orderFullCases},
	{"OrderWhenBroken", orderBrokenCases},
	{"Gather", gatherCases},
	{"Vectors", vectorCases},
	{"SendFile", sendFileCases}, {"Copy", copyCases}, {"CopyEnds", copyEndCases},
	{"Connect", connectCases},
	{"Dial", dialCases},
	{"Accept", acceptCases},
	{"Cancel", cancelCases},
	{"Deadlines", deadlineCases},
	{"Errors", errorCases},
	{"Close", closeCases},
	{"Shutdown", shutdownCases},
	{"Waiting", waitingCases},
	{"Handles", handleCases},
	{"Work", workCases},
	{"Files", fileOpCases},
	{"FilesClosed", fileCloseCases},
	{"Datagrams", datagramCases},
	{"Batches", batchCases},
	{"Observer", observerCases},
}

// Run runs the whole suite as subtests of t. Each case opens its own ports. A case
// fails if it leaves anything behind: a goroutine, a descriptor, a pool's buffer that
// was not released, or an operation.
func Run(t *testing.T, open Open, options ...Option) {
	s := newSetting(open, options)
	s.warmUp(t)
	for _, family := range families {
		t.Run(family.name, func(t *testing.T) {
			for _, c := range family.cases {
				if s.leavesOut(family.name, c.name()) {
					continue
				}
				t.Run(c.name(), func(t *testing.T) { s.runCase(t, c) })
			}
		})
	}
}

func (s setting) runCase(t *testing.T, c testCase) {
	if s.wrap == nil {
		runCase(t, s, c)
		return
	}
	s.wrap(t, func(t *testing.T) { runCase(t, s, c) })
}

func runCase(t *testing.T, s setting, c testCase) {
	before := countDescriptors()
	goroutines := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(context.Background())
	e := &env{T: t, setting: s, ctx: ctx, connects: map[*completion.Port]uint64{}}
	e.watchdog = watch(e.progress, e.dump)
	defer e.watchdog.stop()
	defer func() { // also if the case fails
		e.cleanUp()
		cancel()
		if t.Skipped() || t.Failed() {
			return
		}
		if err := goleak.Find(goroutines); err != nil {
			t.Errorf("goroutines left: %v", err)
		}
		if after := countDescriptors(); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	}()
	c(e)
}

// warmUp makes the runtime open the descriptors that it keeps, and finds out
// what the port can do.
func (s *setting) warmUp(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port, err := s.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	s.adopts = true
	if s.network == (systemNetwork{}) {
		_, err = port.AdoptListener(l)
		s.adopts = !errors.Is(err, errors.ErrUnsupported)
	}
	_, err = port.Socket("unix")
	s.unix = !errors.Is(err, errors.ErrUnsupported)
	// Package net's lookups share a channel, which the first of them makes. Made
	// in a bubble of testing/synctest, it could not be used outside.
	net.LookupPort("tcp4", "no such port")
	isCoarse() // the clock of a bubble is not
	isSlow()   // nor is it slow
}

// env is what a case works with. Whatever it makes is closed and checked after
// the case.
type env struct {
	*testing.T
	setting
	ctx     context.Context // ends after the case
	ports   []*completion.Port
	pools   []*completion.Pool
	closers []func() error
	folders []string // removed when the ports, with their files, are closed

	watchdog  *watchdog
	portsLock sync.Mutex // the watchdog looks at ports, too
	waits     waits

	connects map[*completion.Port]uint64 // those of the suite itself
}

// port opens a port. config may be nil.
func (e *env) port(config *completion.Config) *completion.Port {
	e.Helper()
	p, err := e.open(config)
	if err != nil {
		e.Fatalf("open: %v", err)
	}
	e.portsLock.Lock()
	e.ports = append(e.ports, p)
	e.portsLock.Unlock()
	return p
}

// pool makes a pool whose buffers must all be back after the case.
func (e *env) pool(p *completion.Port, size, count int) *completion.Pool {
	pool := p.NewPool(size, count)
	e.pools = append(e.pools, pool)
	return pool
}

// own makes a buffer of n bytes.
func own(n int) *completion.Buffer { return completion.Own(make([]byte, n)) }

// text makes a buffer with these bytes.
func text(s string) *completion.Buffer { return completion.Own([]byte(s)) }

// listen returns a listener on a free address of "tcp4", "tcp6" or "unix".
func (e *env) listen(p *completion.Port, network string) *completion.Listener {
	e.Helper()
	l, err := p.Listen(network, e.address(network))
	if err != nil {
		e.Fatalf("listen %s: %v", network, err)
	}
	return l
}

// address is one on which a listener finds a free place.
func (e *env) address(network string) string {
	e.Helper()
	switch network {
	case "unix":
		e.needsUnix()
		dir, err := os.MkdirTemp("", "porttest")
		if err != nil { // a kernel with little around it
			dir, err = os.MkdirTemp(".", "porttest")
		}
		if err != nil {
			e.Skipf("no folder for the file of a unix socket: %v", err)
		}
		e.closers = append(e.closers, func() error { return os.RemoveAll(dir) })
		return filepath.Join(dir, "s")
	case "tcp6":
		l, err := e.network.Listen("tcp6", "[::1]:0")
		if err != nil {
			e.Skipf("no IPv6 here: %v", err)
		}
		l.Close()
		return "[::1]:0"
	}
	return "127.0.0.1:0"
}

// peer is the other end of a connection: not the port's, and blocking.
type peer struct {
	net.Conn
	e     *env
	ahead int // bytes that fill has sent it
}

// dial connects a peer to a listener.
func (e *env) dial(addr net.Addr) *peer {
	e.Helper()
	c, err := e.network.Dial(addr.Network(), addr.String())
	if err != nil {
		e.Fatalf("dial: %v", err)
	}
	e.closers = append(e.closers, c.Close)
	return &peer{Conn: c, e: e}
}

// pair returns a connected socket of the port and its peer, over TCP on IPv4.
func (e *env) pair(p *completion.Port) (*completion.Socket, *peer) {
	e.Helper()
	return e.pairOn(p, "tcp4")
}

// pairOn is pair on any network. It needs nobody to poll, but polls itself where
// the port can't adopt what package net has connected.
func (e *env) pairOn(p *completion.Port, network string) (*completion.Socket, *peer) {
	e.Helper()
	if e.overPipes {
		return e.pipePair(p)
	}
	l, err := e.network.Listen(network, e.address(network))
	if err != nil {
		e.Fatalf("listen %s: %v", network, err)
	}
	defer l.Close()
	type accepted struct {
		conn net.Conn
		err  error
	}
	done := make(chan accepted, 1)
	go func() {
		c, err := l.Accept()
		done <- accepted{c, err}
	}()
	s, err := e.connected(p, network, l.Addr())
	if err != nil {
		e.Fatalf("connect: %v", err)
	}
	other := <-done
	if other.err != nil {
		e.Fatalf("accept: %v", other.err)
	}
	e.closers = append(e.closers, other.conn.Close)
	return s, &peer{Conn: e.secured(p, s, other.conn), e: e}
}

// connected returns a socket of the port that is connected to an address.
func (e *env) connected(p *completion.Port, network string, to net.Addr) (*completion.Socket, error) {
	if e.adopts {
		c, err := e.network.Dial(network, to.String())
		if err != nil {
			return nil, err
		}
		return p.AdoptConn(c)
	}
	s, err := p.Socket(network)
	if err != nil {
		return nil, err
	}
	e.connects[p]++
	return s, p.Await(context.Background(), &ops.Connect{On: s, To: to})
}

// submitted is how many operations a case has submitted.
func (e *env) submitted(p *completion.Port) uint64 { return p.Stats().Submitted - e.connects[p] }

// completed is how many of them have ended.
func (e *env) completed(p *completion.Port) uint64 { return p.Stats().Completed - e.connects[p] }

// send writes all of s.
func (p *peer) send(s string) {
	p.e.Helper()
	if _, err := p.Write([]byte(s)); err != nil {
		p.e.Fatalf("peer write: %v", err)
	}
}

// receive reads n bytes.
func (p *peer) receive(n int) string {
	p.e.Helper()
	b := make([]byte, n)
	for got := 0; got < n; {
		m, err := p.Read(b[got:])
		if err != nil {
			p.e.Fatalf("peer read after %d of %d bytes: %v", got, n, err)
		}
		got += m
	}
	return string(b)
}

// closeWrite sends the end of the stream. The end of a pipe is closed for that.
func (p *peer) closeWrite() {
	p.e.Helper()
	if err := p.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		p.e.Fatalf("peer close write: %v", err)
	}
}

// reset closes a connection with a reset.
func (p *peer) reset() {
	p.e.Helper()
	p.e.needsSockets("the peer resets")
	if err := p.Conn.(interface{ SetLinger(int) error }).SetLinger(0); err != nil {
		p.e.Fatalf("peer linger: %v", err)
	}
	p.Close()
}

// submit fails the case if the port does not accept.
func (e *env) submit(p *completion.Port, operations ...completion.Operation) {
	e.Helper()
	if err := p.Submit(operations...); err != nil {
		e.Fatalf("submit: %v", err)
	}
}

// start fails the case if the port does not accept.
func (e *env) start(p *completion.Port, op completion.Operation) {
	e.Helper()
	if err := p.Start(op); err != nil {
		e.Fatalf("start: %v", err)
	}
}

// next dequeues one operation.
func (e *env) next(p *completion.Port) completion.Operation {
	e.Helper()
	op, err := p.Next(e.ctx)
	if err != nil {
		e.Fatalf("next: %v", err)
	}
	return op
}

// expect dequeues one operation, which must be this one, and checks its error:
// nil, or one that errors.Is finds.
func (e *env) expect(p *completion.Port, want completion.Operation, err error) {
	e.Helper()
	if got := e.next(p); got != want {
		e.Fatalf("dequeued %T %p, want %T %p", got, got, want, want)
	}
	e.outcome(want, err)
}

// expectAll dequeues as many operations as given, in any order: they must be
// these, each once, and all end with err.
func (e *env) expectAll(p *completion.Port, err error, want ...completion.Operation) {
	e.Helper()
	left := make(map[completion.Operation]bool)
	for _, op := range want {
		left[op] = true
	}
	for range want {
		op := e.next(p)
		if !left[op] {
			e.Fatalf("dequeued %T %p, not expected or twice", op, op)
		}
		delete(left, op)
		e.outcome(op, err)
	}
}

// outcome checks the error of an operation that was delivered.
func (e *env) outcome(op completion.Operation, want error) {
	e.Helper()
	is(e, op.Err(), want)
}

// is checks an error: nil, or one that errors.Is finds.
func is(e *env, got, want error) {
	e.Helper()
	if want == nil && got != nil || want != nil && !errors.Is(got, want) {
		e.Fatalf("error is %v, want %v", got, want)
	}
}

// equal checks any two values.
func equal[T comparable](e *env, what string, got, want T) {
	e.Helper()
	if got != want {
		e.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// panics checks that f panics, and returns with what.
func panics(e *env, f func()) (message string) {
	e.Helper()
	defer func() {
		e.Helper()
		r := recover()
		if r == nil {
			e.Fatal("no panic")
		}
		message = fmt.Sprint(r)
	}()
	f()
	return ""
}

// poll lets the port work once without waiting for anything of the case: it
// posts, and dequeues until the post comes. Anything else that is dequeued
// meanwhile fails the case.
func (e *env) poll(p *completion.Port) {
	e.Helper()
	// More posts than are delivered between two polls.
	for i := range 200 {
		marker := newPost(i)
		err := p.Submit(marker)
		var got completion.Operation
		if err == nil {
			got, err = p.Next(e.ctx)
		}
		if err != nil || got != completion.Operation(marker) || marker.Err() != nil {
			e.Fatalf("dequeued %T %p and %v instead of a post", got, got, err)
		}
	}
}

// idle checks that nothing is finished.
func (e *env) idle(p *completion.Port) {
	e.Helper()
	e.poll(p)
	equal(e, "queued", p.Stats().Queued, 0)
}

// cleanUp closes everything and checks that nothing is left.
func (e *env) cleanUp() {
	e.Helper()
	for _, f := range e.closers {
		f()
	}
	for _, p := range e.ports {
		if err := p.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			e.Errorf("close: %v", err)
		}
		for {
			op, err := p.Next(context.Background())
			if err != nil {
				is(e, err, net.ErrClosed)
				break
			}
			releaseBuffer(op)
		}
		s := p.Stats()
		if s.Submitted != s.Completed+uint64(s.InFlight) || s.InFlight != 0 || s.Queued != 0 || s.Handles != 0 || s.Waiting != 0 || s.Leading {
			e.Errorf("at rest: %+v", s)
		}
	}
	for _, dir := range e.folders {
		removeFolder(e, dir)
	}
	for _, pool := range e.pools {
		if n := pool.Lent(); n != 0 {
			e.Errorf("%d buffers of a pool are still lent", n)
		}
	}
}

// dump tells where a hung case stands, and ends the test.
func (e *env) dump() {
	e.portsLock.Lock()
	defer e.portsLock.Unlock()
	for i, p := range e.ports {
		fmt.Fprintf(os.Stderr, "port %d: %+v\n", i, p.Stats())
	}
	stacks := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "%s\n", stacks[:runtime.Stack(stacks, true)])
	panic("porttest: " + e.Name() + " is stuck")
}
