package completion

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// On a system without a backend Open says so, with a name given or not. A Memory
// works all the same.
func TestOpenWithoutBackend(t *testing.T) {
	all := backends
	defer func() { backends = all }()
	backends = nil
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
// up, and if all fail, Open says why for each. A name that does not exist is answered with
// those that do.
func TestFirstWorkingBackend(t *testing.T) {
	all := backends
	defer func() { backends = all }()
	refused := errors.New("refused here")
	broken := opener{"broken", func() (backend.Backend, error) { return backend.Backend{}, refused }}
	working := opener{"working", func() (backend.Backend, error) { return backend.Backend{Name: "working"}, nil }}
	backends = []opener{broken, working}
	if b, err := openBackend(""); err != nil || b.Name != "working" {
		t.Errorf("took %q: %v", b.Name, err)
	}
	if _, err := openBackend("broken"); !errors.Is(err, refused) {
		t.Errorf("by name: %v", err)
	}
	if _, err := openBackend("workin"); err == nil || !strings.Contains(err.Error(), "broken, working") {
		t.Errorf("a name that is not there: %v", err)
	}
	backends = []opener{broken}
	if _, err := openBackend(""); !errors.Is(err, refused) {
		t.Errorf("all broken: %v", err)
	}
}

// What the system refuses to Open is an error as of any other call, also beside
// those of other backends.
func TestOpenFailsAsACall(t *testing.T) {
	t.Setenv("COMPLETIONDEBUG", "") // which may name another backend than these
	all := backends
	defer func() { backends = all }()
	backends = []opener{
		{"old", func() (backend.Backend, error) { return backend.Backend{}, errors.ErrUnsupported }},
		{"new", func() (backend.Backend, error) {
			return backend.Backend{}, os.NewSyscallError("epoll_create1", syscall.EMFILE)
		}},
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
