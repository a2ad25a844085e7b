package echo

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ServerOptions say which program a server process runs, and how.
type ServerOptions struct {
	Spec
	Buffer int    // size of its buffers, 4 KiB if 0
	Hog    bool   // with GOMAXPROCS=1, and while measured a goroutine that burns CPU
	CPU    int    // the CPU to run on, if Pin
	Pin    bool   // to one CPU, for the whole process
	Trace  string // file for strace to count its system calls in
}

// Server is a server process.
type Server struct {
	process *child
	Addr    string
}

// Memory is what a server occupies after two collections. Of the heap and the
// stacks that is what is in use; Resident is the process, seen from outside.
type Memory struct{ Heap, Stack, Resident int64 }

// StartServer starts a server process and waits until it accepts.
func StartServer(o ServerOptions) (*Server, error) {
	if o.Buffer == 0 {
		o.Buffer = BufferFor(0)
	}
	var wrap, env []string
	if o.Trace != "" {
		wrap = []string{"strace", "-f", "-qq", "-c", "-o", o.Trace}
	}
	if o.Hog {
		env = []string{"GOMAXPROCS=1"}
	}
	cpu := -1
	if o.Pin {
		cpu = o.CPU
	}
	process, err := start("server "+o.Spec.String(), o.Exe, role{Server: &o}, cpu, wrap, env)
	if err != nil {
		return nil, err
	}
	s := &Server{process: process}
	if err := process.listen(&s.Addr); err != nil {
		process.Close()
		return nil, err
	}
	return s, nil
}

// CPU is the time the process has had so far, in user and in system mode.
func (s *Server) CPU() (time.Duration, error) {
	var cpu time.Duration
	err := s.process.ask(command{Name: "cpu"}, &cpu)
	return cpu, err
}

// Memory collects garbage twice and then looks.
func (s *Server) Memory() (Memory, error) {
	var m Memory
	err := s.process.ask(command{Name: "memory"}, &m)
	return m, err
}

// Burn starts or stops the goroutine that burns CPU. It has stopped when Burn
// returns.
func (s *Server) Burn(on bool) error {
	return s.process.ask(command{Name: "burn", On: on}, nil)
}

// Burned grows while that goroutine burns.
func (s *Server) Burned() (rounds uint64, err error) {
	err = s.process.ask(command{Name: "burned"}, &rounds)
	return rounds, err
}

// Close ends the process and waits for it.
func (s *Server) Close() error { return s.process.Close() }

// runServer is the main of a server process.
func runServer(o ServerOptions) error {
	serving, err := Serve(o.Spec, o.Buffer)
	if err != nil {
		return err
	}
	var h hog
	if err := respond(serving.Addr(), nil); err != nil {
		return err
	}
	return obey(func(c command) (any, error) {
		switch c.Name {
		case "cpu":
			return OwnCPU()
		case "memory":
			return ownMemory()
		case "burn":
			h.burn(c.On)
			return nil, nil
		case "burned":
			return h.rounds.Load(), nil
		}
		return nil, fmt.Errorf("unknown command %q", c.Name)
	})
}

// hog is a goroutine that burns CPU without ever yielding it by itself.
type hog struct {
	burning atomic.Bool
	rounds  atomic.Uint64
	running sync.WaitGroup
}

// burn starts or stops it. It has ended when burn returns.
func (h *hog) burn(on bool) {
	if h.burning.Swap(on) == on {
		return
	}
	if on {
		h.running.Go(h.run)
	} else {
		h.running.Wait()
	}
}

func (h *hog) run() {
	for h.burning.Load() {
		h.rounds.Add(1)
		for i := 0; i < 1<<16 && h.burning.Load(); i++ {
		}
	}
}

func ownMemory() (Memory, error) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	resident, err := residentOf(os.Getpid())
	return Memory{int64(m.HeapAlloc), int64(m.StackInuse), resident}, err
}
