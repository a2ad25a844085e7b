package main

import (
	"errors"
	"net/netip"
	"os/exec"
	"regexp"
	"testing"

	"github.com/completionport/completion/bench/internal/echo"
	"golang.org/x/sys/unix"
)

// works are messages below, at and far above the size of the buffers, and connections that
// come and go. The largest do not fit into the sockets.
var works = []echo.Work{
	{Messages: 300, Size: 64, Verify: true},
	{Messages: 300, Size: 4096, Verify: true},
	{Messages: 100, Size: 20_000, Verify: true},
	{Messages: 2, Size: 4 << 20, Verify: true},
	{Messages: 200, Size: 1, Verify: true, Renew: true},
	{Messages: 300, Size: 64},
}

// missing reports whether a program in C has no compiler, or no io_uring.
func missing(err error) bool {
	return errors.Is(err, exec.ErrNotFound) || err != nil && noRing.MatchString(err.Error())
}

var noRing = regexp.MustCompile("io_uring_setup: (Operation not permitted|Function not implemented|Invalid argument)$")

// raceDetector says that this program is built with -race.
var raceDetector bool

// runs skips a test of a program that does not run with the race detector, or takes long
// with it.
func runs(t *testing.T, spec echo.Spec) {
	t.Helper()
	switch {
	case raceDetector && spec.Program == "sonic":
		t.Skip("sonic has pointers at addresses that -race does not allow")
	case raceDetector && spec.Workers > 1 && !spec.HasPort():
		t.Skip("other libraries with several loops are tested without -race")
	}
}

// Every program of the default list echoes every byte. Its process tells its CPU time and its
// memory, and its sockets have TCP_NODELAY.
func TestProgramsEcho(t *testing.T) {
	for _, name := range defaultPrograms(false) {
		t.Run(name, func(t *testing.T) {
			spec, err := echo.Parse(name)
			if err != nil {
				t.Fatal(err)
			}
			runs(t, spec)
			setup, err := echo.Open(echo.ServerOptions{Spec: spec, Buffer: 4096}, echo.Anywhere, 8)
			if missing(err) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := setup.Close(); err != nil {
					t.Error(err)
				}
			}()
			checkWorks(t, setup)
			if m, err := setup.Server.Memory(); err != nil || m.Resident < 100<<10 {
				t.Errorf("memory %+v: %v", m, err)
			}
			checkNoDelay(t, setup.Server)
		})
	}
}

// checkWorks lets the load compare what comes back.
func checkWorks(t *testing.T, setup *echo.Setup) {
	for _, w := range works {
		s, err := setup.Measure(w)
		if err != nil {
			t.Fatalf("%+v: %v", w, err)
		}
		if s.ServerCPU <= 0 || s.P50 <= 0 || s.P999 < s.P99 {
			t.Errorf("%+v: %+v", w, s)
		}
	}
}

// checkNoDelay takes the sockets from the server, and looks at those that are connected.
func checkNoDelay(t *testing.T, s *echo.Server) {
	process, err := unix.PidfdOpen(s.Pid(), 0)
	if err != nil {
		t.Skip("the sockets of another process are not to be had: ", err)
	}
	defer unix.Close(process)
	found := 0
	for number := range 200 {
		fd, err := unix.PidfdGetfd(process, number, 0)
		if errors.Is(err, unix.EPERM) {
			t.Skip("the sockets of another process are not to be had: ", err)
		}
		if err != nil {
			continue
		}
		name, _ := unix.Getsockname(fd)
		if a, ok := name.(*unix.SockaddrInet4); ok && netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String() == s.Addr {
			if _, err := unix.Getpeername(fd); err == nil {
				found++
				if on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || on == 0 {
					t.Errorf("descriptor %d has TCP_NODELAY %d: %v", number, on, err)
				}
			}
		}
		unix.Close(fd)
	}
	if found < 8 {
		t.Errorf("%d connected sockets", found)
	}
}

// A message has its own answer, not only one that begins like it.
func TestKeyValuePrograms(t *testing.T) {
	for _, name := range defaultPrograms(true) {
		spec, err := echo.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if spec.Program == "floor" || nativePrograms[spec.Program] != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			runs(t, spec)
			spec.Keys = 10
			server, err := echo.StartServer(echo.ServerOptions{Spec: spec, Buffer: 4096})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := server.Close(); err != nil { // also a data race
					t.Error(err)
				}
			}()
			for _, piece := range []int{1, 7, 1000} {
				talk(t, server.Addr, piece)
			}
		})
	}
}
