package main

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/fault"
	"github.com/completionport/completion/internal/sys"
)

// lost are the errnos of a connection that is lost to a fault. None of them occurs
// without a fault between two ends in one process.
var lost = []error{
	syscall.EIO, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENOSPC, syscall.EPERM, syscall.EACCES,
	syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN,
	syscall.EMFILE, syscall.ENFILE,
}

// followUps are the errors with which a disturbed connection may end.
var followUps = []error{
	io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, completion.ErrWriteAborted,
	connectionReset, brokenPipe, notConnected,
}

func isOneOf(err error, list []error) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// highest bounds the descriptors that can be marked.
const highest = 1 << 16

// saboteur makes system calls of a port fail.
type saboteur struct {
	share  float64
	seed   uint64
	calls  atomic.Uint64
	unseen map[fault.Call][]*fault.Fault
	seen   map[fault.Call][]*fault.Fault
	// marked are the descriptors whose connection may be lost. If it is nil, all may be.
	marked *[highest]atomic.Bool

	hidden, fatal atomic.Uint64 // faults so far
}

// newSaboteur returns a saboteur with the faults of the table. With onlyMarked, a
// connection is lost only after mark was called with its descriptor.
func newSaboteur(share float64, seed uint64, onlyMarked bool) *saboteur {
	s := &saboteur{share: share, seed: seed, unseen: map[fault.Call][]*fault.Fault{}, seen: map[fault.Call][]*fault.Fault{}}
	if onlyMarked {
		s.marked = new([highest]atomic.Bool)
	}
	for i := range fault.Table {
		f := &fault.Table[i]
		switch {
		case f.Effect == fault.Unseen:
			s.unseen[f.Call] = append(s.unseen[f.Call], f)
		case isOneOf(f.Errno, lost):
			s.seen[f.Call] = append(s.seen[f.Call], f)
		}
	}
	return s
}

// open opens a port whose calls have the faults.
func (s *saboteur) open() (*completion.Port, error) {
	config := &completion.Config{Workers: workers}
	if s.share > 0 {
		defer sys.InjectFaults(fault.Wrap(s.choose))()
		defer sys.InjectUringFaults(fault.OfRing(s.choose))()
	}
	return completion.Open(config)
}

// mark allows that the connection of a descriptor is lost.
func (s *saboteur) mark(fd uintptr) {
	if s.marked != nil && fd < highest {
		s.marked[fd].Store(true)
	}
}

// choose is called for each system call. Its result depends on the seed and on the number
// of calls so far.
func (s *saboteur) choose(call fault.Call, fd int) *fault.Fault {
	if call == fault.Close && s.marked != nil && fd < highest {
		s.marked[fd].Store(false)
	}
	r := mix(s.seed ^ s.calls.Add(1))
	if float64(r>>11)/(1<<53) >= s.share {
		return nil
	}
	r = mix(r)
	faults, counter := s.unseen[call], &s.hidden
	if r%10 == 0 && s.mayLose(call, fd) {
		faults, counter = s.seen[call], &s.fatal
	}
	if len(faults) == 0 {
		return nil
	}
	counter.Add(1)
	return faults[r/10%uint64(len(faults))]
}

// mayLose reports whether a call may lose its connection. A failed accept loses nothing:
// the connection waits for the next accept.
func (s *saboteur) mayLose(call fault.Call, fd int) bool {
	if call.IsOfRing() && fd < 0 {
		return false // all connections of the port would be lost, or there would be no port
	}
	return s.marked == nil || call == fault.Accept || call == fault.RequestAccept || fd >= 0 && fd < highest && call != fault.Arm && s.marked[fd].Load()
}
