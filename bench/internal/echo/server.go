package echo

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion/bench/internal/system"
)

// ServerOptions select the program of a server process and configure it.
type ServerOptions struct {
	Spec
	Buffer int    // size of its buffers, 4 KiB if 0
	Hog    bool   // GOMAXPROCS=1, and a goroutine that burns CPU during measurements
	CPU    int    // the CPU to run on, if Pin
	Pin    bool   // pin the whole process to one CPU
	Trace  string // the file to which strace writes the numbers of system calls
}

// Server is a server process.
type Server struct {
	process *child
	Addr    string
}

// Memory is the memory of a server in bytes after two collections. Heap and Stack are the
// parts in use. Resident is the resident memory of the process.
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
	line, err := o.command()
	if err != nil {
		return nil, err
	}
	process, err := start("server "+o.Spec.String(), line, role{Server: &o}, cpu, wrap, env)
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

// CPU returns the CPU time of the process so far, in user and in system mode.
func (s *Server) CPU() (time.Duration, error) {
	var cpu time.Duration
	err := s.process.ask(command{Name: "cpu"}, &cpu)
	return cpu, err
}

// Memory collects garbage twice and returns the memory after that.
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

// Burned returns a number that grows while that goroutine burns CPU.
func (s *Server) Burned() (rounds uint64, err error) {
	err = s.process.ask(command{Name: "burned"}, &rounds)
	return rounds, err
}

// Pid returns the number of the process, which is that of strace with Trace.
func (s *Server) Pid() int { return s.process.cmd.Process.Pid }

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
			return system.OwnCPU()
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

// hog is a goroutine that burns CPU and never yields by itself.
type hog struct {
	burning atomic.Bool
	rounds  atomic.Uint64
	running sync.WaitGroup
}

// burn starts or stops the goroutine. If burn stops it, it has ended when burn returns.
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
	resident, err := system.ResidentOf(os.Getpid())
	return Memory{int64(m.HeapAlloc), int64(m.StackInuse), resident}, err
}
