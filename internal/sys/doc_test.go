package sys

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion/internal/backend"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent")) // js/wasm's own
}

// The clock is above 0 and goes on, inside a bubble and outside, and Time is its
// inverse.
func TestClock(t *testing.T) {
	check := func(t *testing.T) {
		a := Now()
		time.Sleep(time.Millisecond)
		if b := Now(); a <= 0 || b < a+int64(time.Millisecond) {
			t.Errorf("%d, and a millisecond later %d", a, b)
		}
		if now := Now(); time.Since(Time(now)) < 0 || Time(now).Before(Time(a)) {
			t.Errorf("the moment of %d is %v", now, Time(now))
		}
	}
	check(t)
	synctest.Test(t, func(t *testing.T) {
		check(t)
		a := Now()
		time.Sleep(time.Hour)
		if b := Now(); b != a+int64(time.Hour) {
			t.Errorf("%d, and an hour later %d", a, b)
		}
	})
}

// A listener has the family that package net gives it.
func TestListenFamily(t *testing.T) {
	for _, c := range []struct {
		network, address string
		mapped, alone    backend.Family // where an IPv6 socket reaches IPv4 addresses, and where not
	}{
		{"tcp", ":1", backend.Dual, backend.Dual}, // without mapping Dual is IPv4: see Kernel.Socket
		{"tcp", "0.0.0.0:1", backend.Dual, backend.IPv4},
		{"tcp", "[::ffff:0.0.0.0]:1", backend.Dual, backend.IPv4},
		{"tcp", "[::]:1", backend.Dual, backend.IPv6},
		{"tcp", "127.0.0.1:1", backend.IPv4, backend.IPv4},
		{"tcp", "[::ffff:127.0.0.1]:1", backend.IPv4, backend.IPv4},
		{"tcp", "[::1]:1", backend.IPv6, backend.IPv6},
		{"tcp4", ":1", backend.IPv4, backend.IPv4}, {"tcp4", "0.0.0.0:1", backend.IPv4, backend.IPv4}, {"tcp4", "[::]:1", backend.IPv4, backend.IPv4},
		{"tcp6", ":1", backend.IPv6, backend.IPv6}, {"tcp6", "[::]:1", backend.IPv6, backend.IPv6},
	} {
		addr, err := net.ResolveTCPAddr(c.network, c.address)
		if err != nil {
			t.Fatal(err)
		}
		for maps, want := range map[bool]backend.Family{true: c.mapped, false: c.alone} {
			if got := ListenFamily(c.network, addr, maps); got != want {
				t.Errorf("%s %s, mapping %v: family %d, want %d", c.network, c.address, maps, got, want)
			}
		}
	}
	if got := ListenFamily("unix", &net.UnixAddr{}, false); got != backend.Unix {
		t.Errorf("unix: family %d", got)
	}
}

// A system whose clock has not been set begins in 1970.
func TestClockBefore(t *testing.T) {
	now, past := time.Now(), time.Unix(0, 0)
	if got := before(now, past); !got.Equal(past) {
		t.Errorf("%v", got)
	}
	if got := before(now, now.Add(time.Hour)); !got.Equal(now) {
		t.Errorf("%v", got)
	}
}
