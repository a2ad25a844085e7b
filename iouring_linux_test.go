package completion_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// forbidding is the environment variable of a process in which io_uring is forbidden.
const forbidding = "COMPLETION_TEST_NO_IO_URING"

// Where a seccomp filter forbids io_uring, as in most containers, a port opens without it, and
// one that must have it says what the likely cause is. The filter can't be removed, so the test
// runs in a child process.
func TestIOUringForbidden(t *testing.T) {
	if os.Getenv(forbidding) == "" {
		child := exec.Command(os.Args[0], "-test.run", "^TestIOUringForbidden$", "-test.v")
		child.Env = append(os.Environ(), forbidding+"=1", "COMPLETIONDEBUG=")
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.Contains(string(out), "SKIP") {
			t.Skipf("%s", out)
		}
		return
	}
	forbid(t, unix.SYS_IO_URING_SETUP)
	p, err := completion.Open(nil)
	must(t, err)
	if p.Backend() != "epoll" {
		t.Errorf("the backend is %s", p.Backend())
	}
	must(t, p.Close())
	for _, env := range []string{"", "backend=io_uring"} {
		t.Setenv("COMPLETIONDEBUG", env)
		_, err = completion.Open(&completion.Config{Backend: "io_uring"})
		var op *net.OpError
		if !errors.Is(err, syscall.EPERM) || !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &op) {
			t.Errorf("%v: %#v", err, err)
		}
		for _, part := range []string{"io_uring_setup", "seccomp", "kernel.io_uring_disabled"} {
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q does not say %s, or not in one line", err, part)
			}
		}
	}
}

// forbid makes system calls fail with EPERM in all threads of this process.
func forbid(t *testing.T, numbers ...uint32) {
	t.Helper()
	const (
		loadNumber = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS // of the call: the first field
		jumpIf     = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		result     = unix.BPF_RET | unix.BPF_K
		refuse     = 0x00050000 // SECCOMP_RET_ERRNO
		allow      = 0x7fff0000 // SECCOMP_RET_ALLOW
		setFilter  = 1          // SECCOMP_SET_MODE_FILTER
		allThreads = 1          // SECCOMP_FILTER_FLAG_TSYNC
	)
	filter := []unix.SockFilter{{Code: loadNumber}}
	for _, number := range numbers {
		filter = append(filter, unix.SockFilter{Code: jumpIf, Jf: 1, K: number},
			unix.SockFilter{Code: result, K: refuse | uint32(unix.EPERM)})
	}
	filter = append(filter, unix.SockFilter{Code: result, K: allow})
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, setFilter, allThreads, uintptr(unsafe.Pointer(program))); errno != 0 {
		t.Skipf("seccomp: %v", errno)
	}
}

// A read that waits for the device allocates nothing, and needs no goroutine.
func TestAllocationsOfDirectReads(t *testing.T) {
	defer notStrict()()
	p, err := completion.Open(&completion.Config{Backend: "io_uring"})
	if err != nil {
		t.Skip(err)
	}
	defer p.Close()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, make([]byte, 16<<10), 0o600))
	f, err := p.OpenFile(path, os.O_RDONLY|syscall.O_DIRECT, 0)
	if errors.Is(err, syscall.EINVAL) {
		t.Skip(err)
	}
	must(t, err)
	pool := p.NewAlignedPool(4096, 4, 4096)
	reads := make([]completion.Operation, 4)
	for i := range reads {
		reads[i] = &ops.ReadAt{From: f, Pool: pool, Offset: int64(i) << 12}
	}
	n := testing.AllocsPerRun(200, func() {
		must(t, p.Submit(reads...))
		for range reads {
			op, err := p.Next(context.Background())
			must(t, err)
			must(t, op.Err())
			op.(*ops.ReadAt).Release()
		}
	})
	if n != 0 && !race.Enabled {
		t.Errorf("%v allocations per run", n)
	}
}
