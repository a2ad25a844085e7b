package completion

import (
	"errors"
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
