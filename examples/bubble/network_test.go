package bubble

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// address is where the servers of these tests listen.
const address = "10.0.0.1:80"

// world is what a test in a bubble has.
type world struct {
	*testing.T
	network *completion.Memory
	port    *completion.Port
	dialer  *ionet.Dialer
}

// run runs a test in a bubble, with a network of its own and a port on it.
func run(t *testing.T, test func(w world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := new(completion.Memory)
		port, err := completion.Open(&completion.Config{Memory: network})
		if err != nil {
			t.Fatal(err)
		}
		defer port.Close()
		test(world{t, network, port, &ionet.Dialer{Port: port}})
	})
}

// listen returns a listener for the server.
func (w world) listen() net.Listener {
	w.Helper()
	l, err := ionet.ListenConfig{Port: w.port}.Listen(w.Context(), "tcp", address)
	w.must(err)
	return l
}

func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// took checks how long something took on the clock of the bubble.
func (w world) took(begun time.Time, want time.Duration) {
	w.Helper()
	if d := time.Since(begun); d != want {
		w.Errorf("it took %v, want %v", d, want)
	}
}
