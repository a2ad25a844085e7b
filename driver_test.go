package completion

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
)

// On a system without a backend Open says so, with a name given or not. A Memory
// works all the same.
func TestOpenWithoutBackend(t *testing.T) {
	all := drivers
	defer func() { drivers = all }()
	drivers = nil
	for _, name := range []string{"", "epoll"} {
		if _, err := Open(&Config{Backend: name}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Open with backend %q: %v", name, err)
		}
	}
	p, err := Open(&Config{Memory: new(Memory)})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
}

// The first backend that works is taken; one that fails is no reason to give
// up, and if all fail, Open says why for each.
func TestFirstWorkingBackend(t *testing.T) {
	all := drivers
	defer func() { drivers = all }()
	refused := errors.New("refused here")
	broken := opener{"broken", func() (driver, error) { return driver{}, refused }}
	working := opener{"working", func() (driver, error) { return driver{name: "working"}, nil }}
	drivers = []opener{broken, working}
	if d, err := openDriver(""); err != nil || d.name != "working" {
		t.Errorf("took %q: %v", d.name, err)
	}
	if _, err := openDriver("broken"); !errors.Is(err, refused) {
		t.Errorf("by name: %v", err)
	}
	drivers = []opener{broken}
	if _, err := openDriver(""); !errors.Is(err, refused) {
		t.Errorf("all broken: %v", err)
	}
}

// What the system refuses to Open is an error as of any other call, also beside
// those of other backends.
func TestOpenFailsAsACall(t *testing.T) {
	all := drivers
	defer func() { drivers = all }()
	drivers = []opener{
		{"old", func() (driver, error) { return driver{}, errors.ErrUnsupported }},
		{"new", func() (driver, error) { return driver{}, os.NewSyscallError("epoll_create1", syscall.EMFILE) }},
	}
	for _, name := range []string{"", "new"} {
		_, err := Open(&Config{Backend: name})
		var op *net.OpError
		var call *os.SyscallError
		if !errors.As(err, &op) || !errors.As(err, &call) || call.Syscall != "epoll_create1" || !errors.Is(err, syscall.EMFILE) {
			t.Fatalf("%v: %#v, %#v", err, op, call)
		}
		if op.Op != "open" || op.Source != nil || op.Addr != nil {
			t.Errorf("%#v", op)
		}
		if name == "new" && !op.Temporary() {
			t.Errorf("%v may pass", op)
		}
		if errors.Is(err, errors.ErrUnsupported) != (name == "") {
			t.Errorf("%v", err)
		}
	}
}
