package echo

import (
	"errors"
	"fmt"
	"time"

	"github.com/completionport/completion/bench/internal/system"
)

// Place has the CPUs of server and load, -1 for any.
type Place struct{ Server, Load int }

// Anywhere lets the system choose.
var Anywhere = Place{-1, -1}

// Pinned puts the server on the first CPU and the load on the second.
func Pinned() (Place, error) {
	cpus, err := system.CPUs()
	if err != nil {
		return Place{}, err
	}
	if len(cpus) < 2 {
		return Place{}, fmt.Errorf("echo: pinning takes two CPUs, there is %d", len(cpus))
	}
	return Place{cpus[0], cpus[1]}, nil
}

// Setup is a server with a load that has connections to it.
type Setup struct {
	Server *Server
	Load   *Load
	hog    bool
}

// Sample is one measurement of a Setup.
type Sample struct {
	Result
	Messages  int
	ServerCPU time.Duration
}

// PerMessage returns d divided by the number of messages, in nanoseconds.
func (s Sample) PerMessage(d time.Duration) float64 { return float64(d) / float64(s.Messages) }

// Open starts both processes and makes the connections.
func Open(o ServerOptions, p Place, conns int) (*Setup, error) {
	o.CPU, o.Pin = p.Server, p.Server >= 0
	server, err := StartServer(o)
	if err != nil {
		return nil, err
	}
	s := &Setup{Server: server, hog: o.Hog}
	if s.Load, err = StartLoad(server.Addr, p.Load); err == nil {
		err = s.Load.ConnectKeys(conns, o.Keys)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Measure performs the work and reads the server's CPU time before and after it, when
// nothing is under way.
func (s *Setup) Measure(w Work) (Sample, error) {
	before, err := s.Server.CPU()
	if err != nil {
		return Sample{}, err
	}
	result, err := s.run(w)
	if err != nil {
		return Sample{}, err
	}
	after, err := s.Server.CPU()
	return Sample{result, w.Messages, after - before}, err
}

// clocks are the clocks that are read together before and after a measurement.
type clocks struct {
	time         time.Time
	machine, own time.Duration
}

func watch() (clocks, error) {
	machine, err := system.MachineCPU()
	own, ownErr := system.OwnCPU()
	return clocks{time.Now(), machine, own}, errors.Join(err, ownErr)
}

// Watch is Measure. It also returns the share of one CPU that programs other than server,
// load and this process used meanwhile.
func (s *Setup) Watch(w Work) (sample Sample, foreign float64, err error) {
	before, err := watch()
	if err != nil {
		return Sample{}, 0, err
	}
	if sample, err = s.Measure(w); err != nil {
		return Sample{}, 0, err
	}
	after, err := watch()
	own := sample.ServerCPU + sample.CPU + after.own - before.own
	return sample, float64(after.machine-before.machine-own) / float64(after.time.Sub(before.time)), err
}

// run performs the work, beside the hog if there is one. Hogs of other servers do not run
// meanwhile.
func (s *Setup) run(w Work) (Result, error) {
	if !s.hog {
		return s.Load.Run(w)
	}
	if err := s.Server.Burn(true); err != nil {
		return Result{}, err
	}
	result, err := s.Load.Run(w)
	return result, errors.Join(err, s.Server.Burn(false))
}

// Calibrate warms both sides up and returns how many messages of that work take about
// that long.
func (s *Setup) Calibrate(w Work, about time.Duration) (int, error) {
	for w.Messages = 64; ; w.Messages *= 2 {
		r, err := s.run(w)
		if err != nil {
			return 0, err
		}
		if r.Elapsed >= about/3 {
			return max(1, int(float64(w.Messages)*float64(about)/float64(r.Elapsed))), nil
		}
	}
}

// Close ends both processes, the load first.
func (s *Setup) Close() error {
	var err error
	if s.Load != nil {
		err = s.Load.Close()
	}
	return errors.Join(err, s.Server.Close())
}
