package completion_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/fault"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
	"go.uber.org/goleak"
)

// Each system call of each scenario fails once, in each way it can: the k-th
// call of a kind, for k = 1, 2, 3… until the scenario ends without the fault
// having come. Whatever happens, the contract holds.
func TestEveryCallFails(t *testing.T) {
	if len(fault.Table) == 0 {
		t.Skip("no backend of this system can be made to fail")
	}
	for _, wait := range []string{"park", "block"} {
		t.Run(wait, func(t *testing.T) {
			porttest.EachBackend(t, func(t *testing.T, _ porttest.Open) {
				backend := name(t)
				t.Setenv("COMPLETIONDEBUG", "backend="+backend+",wait="+wait)
				fired := make(map[*fault.Fault]int)
				faults := faultsOf(backend, wait)
				for _, s := range faultScenarios {
					t.Run(s.name, func(t *testing.T) { failEveryCall(t, s, faults, fired) })
				}
				total := 0
				for _, f := range faults {
					if fired[f] == 0 && !t.Failed() {
						t.Errorf("%v never failed with %v", f.Call, f.Errno)
					}
					total += fired[f]
				}
				t.Logf("%d scenarios, %d ways to fail, %d faults", len(faultScenarios), len(faults), total)
			})
		})
	}
}

type faultScenario struct {
	name string
	run  func(w *world)
}

// faultsOf returns the faults of calls that a port with this backend makes.
func faultsOf(backend, wait string) (faults []*fault.Fault) {
	for i := range fault.Table {
		f, isRing := &fault.Table[i], backend == "io_uring"
		switch f.Call {
		case fault.Arm, fault.Wait, fault.OpenPipe, fault.SpliceIn, fault.SpliceOut:
			if isRing {
				continue
			}
		case fault.RingWait:
			if wait != "block" {
				continue
			}
		}
		if isRing || !f.Call.IsOfRing() {
			faults = append(faults, f)
		}
	}
	return faults
}

func failEveryCall(t *testing.T, s faultScenario, faults []*fault.Fault, fired map[*fault.Fault]int) {
	goroutines := goleak.IgnoreCurrent()
	run(t, s, nil, 0) // untouched
	for _, f := range faults {
		for k := 1; !t.Failed() && run(t, s, f, k); k++ {
			fired[f]++
		}
	}
	if err := goleak.Find(goroutines); err != nil {
		t.Errorf("goroutines left: %v", err)
	}
}

// run runs a scenario with one fault, nil for none, and reports whether it came.
func run(t *testing.T, s faultScenario, f *fault.Fault, k int) (came bool) {
	t.Helper()
	w := &world{T: t, fault: f, left: k, outstanding: make(map[completion.Operation]bool)}
	watchdog := time.AfterFunc(5*time.Minute, func() { w.dump(s) })
	defer watchdog.Stop()
	descriptors := countOpen()
	if w.open() {
		undo := sys.InjectFileFaults(fault.ChooseOfFiles(w.choose))
		w.perform(s)
		undo()
		w.finish()
	}
	if after := countOpen(); after != descriptors {
		w.Errorf("%d descriptors before, %d after", descriptors, after)
	}
	if t.Failed() {
		t.Logf("call %d of %v", k, w)
	}
	return w.came
}

// open opens the port, and reports false if that has met the fault.
func (w *world) open() bool {
	w.Helper()
	defer sys.InjectFaults(fault.Wrap(w.choose))()
	defer sys.InjectUringFaults(fault.OfRing(w.choose))()
	var err error
	w.port, err = completion.Open(nil)
	if err != nil && !(w.came && w.fault.Effect == fault.Seen && errors.Is(err, w.fault.Errno)) {
		w.Fatal(err)
	}
	return err == nil
}

// world is what one run of a scenario works with.
type world struct {
	*testing.T
	port    *completion.Port
	closers []func() error
	peers   sync.WaitGroup // goroutines of the other side
	pools   []*completion.Pool

	fault *fault.Fault

	mu          sync.Mutex // guards all below
	left        int        // calls of the fault's kind until it comes
	came        bool
	seen        bool // some error was the fault's
	outstanding map[completion.Operation]bool
}

func (w *world) String() string {
	if w.fault == nil {
		return "none"
	}
	return fmt.Sprintf("%v, %v (%s), which came: %v", w.fault.Call, w.fault.Errno, w.fault.Means, w.came)
}

// companions are faults that always come beside those of a call, which is not made otherwise.
var companions = map[fault.Call]*fault.Fault{
	fault.Accept:      {Call: fault.RequestAccept, Errno: syscall.EAGAIN}, // old versions of Linux
	fault.RequestRead: {Call: fault.FileTry, Errno: syscall.EAGAIN},       // not in the page cache
}

func (w *world) choose(call fault.Call, _ int) *fault.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		return nil
	}
	if c := companions[w.fault.Call]; c != nil && c.Call == call {
		return c
	}
	if w.came || call != w.fault.Call {
		return nil
	}
	if w.left--; w.left > 0 {
		return nil
	}
	w.came = true
	return w.fault
}

// consequences are what others may meet after something failed.
var consequences = []error{
	io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, completion.ErrWriteAborted,
	syscall.EPIPE, syscall.ECONNRESET, syscall.ENOTCONN,
}

// right judges an error: it must be the one wanted, nil for none. Then right
// reports true. If the fault has come and can be seen, the error may also be
// the fault's or one that follows from it: the scenario is over.
func (w *world) right(err, want error) bool {
	w.Helper()
	if err == nil && want == nil || want != nil && errors.Is(err, want) {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	excused := w.came && w.fault.Effect == fault.Seen
	if excused && errors.Is(err, w.fault.Errno) {
		w.seen = true
		return false
	}
	for _, c := range consequences {
		if excused && errors.Is(err, c) {
			return false
		}
	}
	w.Errorf("error is %v, want %v", err, want)
	return false
}

// errOver ends a scenario in which nothing can succeed any more.
var errOver = errors.New("the scenario is over")

func (w *world) perform(s faultScenario) {
	defer func() {
		if r := recover(); r != nil && r != errOver {
			panic(r)
		}
	}()
	s.run(w)
}

// lasts reports whether the fault has come, and all later operations fail as well.
func (w *world) lasts() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.came && w.fault.How&fault.Lasts != 0
}

// meetLasting checks that one more operation meets a fault that lasts, unless the port is closed.
func (w *world) meetLasting() {
	w.Helper()
	if !w.lasts() {
		return
	}
	l, err := w.port.Listen("tcp4", "127.0.0.1:0")
	if errors.Is(err, net.ErrClosed) {
		return
	}
	if err != nil {
		w.Fatal(err)
	}
	op := &ops.Accept{On: l}
	if w.submit(op); !w.until(op, w.fault.Errno) {
		w.Errorf("an accept ends with %v", op.Err())
	}
}

// submit gives operations to the port, which must take them.
func (w *world) submit(operations ...completion.Operation) {
	w.Helper()
	w.mu.Lock()
	for _, op := range operations {
		w.outstanding[op] = true
	}
	w.mu.Unlock()
	if err := w.port.Submit(operations...); err != nil {
		w.Fatalf("submit: %v", err)
	}
}

// handOut notes that an operation is the program's again.
func (w *world) handOut(op completion.Operation) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.outstanding[op] {
		w.Errorf("%T was delivered twice, or never submitted", op)
	}
	delete(w.outstanding, op)
	if w.came && errors.Is(op.Err(), w.fault.Errno) {
		w.seen = true
	}
	if read, ok := op.(*ops.Read); ok && read.Pool != nil {
		w.takeLate(read)
	}
}

// takeLate checks what a pooled read has delivered, and releases its buffer at
// once: others may be waiting for it.
func (w *world) takeLate(read *ops.Read) {
	w.Helper()
	if (read.Buf != nil) != (read.N() > 0) {
		w.Errorf("%d bytes, and the buffer is %v", read.N(), read.Buf)
	}
	if read.Buf != nil {
		w.holds(read.Buf, "hello")
		read.Buf.Release()
		read.Buf = nil
	}
}

// until dequeues until op is delivered, and judges its error.
func (w *world) until(op completion.Operation, want error) bool {
	w.Helper()
	for w.isOut(op) {
		got, err := w.port.Next(context.Background())
		if err != nil {
			w.Fatalf("next: %v", err)
		}
		w.handOut(got)
	}
	return w.right(op.Err(), want)
}

func (w *world) isOut(op completion.Operation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outstanding[op]
}

// poll lets the port look at I/O.
func (w *world) poll() {
	w.Helper()
	for range 70 { // more than are delivered between two polls
		post := &ops.Post{}
		w.submit(post)
		w.until(post, nil)
	}
}

// finish closes everything and checks that every operation has come back, and
// that nothing is left.
func (w *world) finish() {
	w.Helper()
	w.meetLasting()
	if err := w.port.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		w.Errorf("close: %v", err)
	}
	for _, f := range w.closers {
		f()
	}
	w.peers.Wait()
	for {
		op, err := w.port.Next(context.Background())
		if err != nil {
			break
		}
		w.handOut(op)
		if err := op.Err(); err != nil {
			w.right(err, net.ErrClosed)
		}
	}
	for op := range w.outstanding {
		w.Errorf("%T was never delivered", op)
	}
	for _, pool := range w.pools {
		if n := pool.Lent(); n != 0 {
			w.Errorf("%d buffers are still lent", n)
		}
	}
	if w.came && w.fault.Effect == fault.Seen && !w.seen && w.fault.How&fault.Lasts == 0 {
		w.Errorf("nobody was told of the fault")
	}
	w.atRest()
}

func (w *world) atRest() {
	w.Helper()
	s := w.port.Stats()
	if s.Submitted != s.Completed || s.InFlight != 0 || s.Queued != 0 || s.Handles != 0 || s.Waiting != 0 || s.Leading {
		w.Errorf("at rest: %+v", s)
	}
}

// dump tells where a hung run stands, and ends the test.
func (w *world) dump(s faultScenario) {
	stacks := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "%+v\n%s\n", w.port.Stats(), stacks[:runtime.Stack(stacks, true)])
	panic(fmt.Sprintf("%s is stuck; the fault: %v", s.name, w))
}

// pair returns a connected socket of the port and its peer; ok is false if the
// port could not take it over.
func (w *world) pair() (s *completion.Socket, peer *net.TCPConn, ok bool) {
	w.Helper()
	l := w.peerListener("tcp4", "127.0.0.1:0")
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	other := w.acceptFrom(l, c)
	s, err = w.port.AdoptConn(c)
	if !w.right(err, nil) {
		c.Close()
		return nil, nil, false
	}
	return s, other.(*net.TCPConn), true
}

// acceptFrom accepts c. A test of another process may try a port that was free a moment ago, and be
// here first.
func (w *world) acceptFrom(l net.Listener, c net.Conn) net.Conn {
	w.Helper()
	for {
		other, err := l.Accept()
		if err != nil {
			w.Fatal(err)
		}
		w.closers = append(w.closers, other.Close)
		if other.RemoteAddr().String() == c.LocalAddr().String() {
			return other
		}
	}
}

// peerListener is one of package net.
func (w *world) peerListener(network, address string) net.Listener {
	w.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, l.Close)
	return l
}

// send writes what fits into a socket's buffer.
func (w *world) send(c net.Conn, s string) {
	w.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		w.right(err, nil)
	}
}

// drain reads all of c, in a goroutine of its own. all waits for the end.
func (w *world) drain(c net.Conn) (all func() []byte) {
	var got bytes.Buffer
	done := make(chan struct{})
	w.peers.Go(func() {
		got.ReadFrom(c)
		close(done)
	})
	return func() []byte {
		<-done
		return got.Bytes()
	}
}

// holds checks the bytes of a buffer that was delivered.
func (w *world) holds(b *completion.Buffer, want string) {
	w.Helper()
	if got := string(b.Bytes()); got != want {
		w.Errorf("the buffer holds %q, want %q", got, want)
	}
}

// name is the last part of a test's name.
func name(t *testing.T) string {
	n := t.Name()
	for i := len(n) - 1; i >= 0; i-- {
		if n[i] == '/' {
			return n[i+1:]
		}
	}
	return n
}

// countOpen counts descriptors, where the system lists them.
func countOpen() int {
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}
