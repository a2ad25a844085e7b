package completion_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
)

// dialWorld is a Memory with a port in a bubble: the times of a Dial are exact.
type dialWorld struct {
	*testing.T
	network completion.Memory
	port    *completion.Port
	began   time.Time
}

func inDialWorld(t *testing.T, f func(w *dialWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &dialWorld{T: t, began: time.Now()}
		var err error
		w.port, err = completion.Open(&completion.Config{Memory: &w.network})
		must(t, err)
		defer w.port.Close()
		f(w)
	})
}

// host gives a name addresses.
func (w *dialWorld) host(name string, addresses ...string) {
	var list []netip.Addr
	for _, a := range addresses {
		list = append(list, netip.MustParseAddr(a))
	}
	w.network.SetHost(name, list...)
}

func (w *dialWorld) listen(address string) {
	w.Helper()
	l, err := w.network.Listen("tcp", address)
	must(w.T, err)
	w.Cleanup(func() { l.Close() })
}

func (w *dialWorld) ignore(address string) { must(w.T, w.network.Ignore("tcp", address)) }

// reaches dials and checks where that leads to, and how long it takes.
func (w *dialWorld) reaches(d completion.Dialer, address, want string, after time.Duration) {
	w.Helper()
	s, err := d.Dial(w.Context(), w.port, "tcp", address)
	if err != nil {
		w.Fatal(err)
	}
	defer s.Close()
	if got := s.RemoteAddr().String(); got != want {
		w.Errorf("connected to %s, want %s", got, want)
	}
	w.took(after)
}

func (w *dialWorld) took(want time.Duration) {
	w.Helper()
	if took := time.Since(w.began); took != want {
		w.Errorf("took %v, want %v", took, want)
	}
	if n := w.port.Stats().InFlight; n != 0 {
		w.Errorf("%d operations are left", n)
	}
}

func TestDialTriesIPv6First(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.host("a.test", "10.0.0.1", "fd00::1")
		w.listen("10.0.0.1:80")
		w.listen("[fd00::1]:80")
		w.reaches(completion.Dialer{}, "a.test:80", "[fd00::1]:80", 0)
	})
}

func TestDialAlternatesFamilies(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.host("a.test", "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2")
		for _, silent := range []string{"10.0.0.1:80", "[fd00::1]:80", "[fd00::2]:80"} {
			w.ignore(silent)
		}
		w.listen("10.0.0.2:80")
		w.reaches(completion.Dialer{}, "a.test:80", "10.0.0.2:80", 750*time.Millisecond)
	})
}

func TestDialGoesOnAtOnceAfterRefusal(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.host("a.test", "10.0.0.1", "10.0.0.2", "fd00::1")
		w.listen("10.0.0.2:80")
		w.reaches(completion.Dialer{}, "a.test:80", "10.0.0.2:80", 0)
	})
}

func TestDialTakesTheFirstThatConnects(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.host("a.test", "10.0.0.1", "fd00::1")
		w.listen("10.0.0.1:80")
		w.listen("[fd00::1]:80")
		w.network.Delay(200 * time.Millisecond)
		w.reaches(completion.Dialer{}, "a.test:80", "[fd00::1]:80", 200*time.Millisecond)
	})
}

func TestDialAttemptDelay(t *testing.T) {
	for _, c := range []struct{ delay, after time.Duration }{
		{20 * time.Millisecond, 20 * time.Millisecond},
		{-1, 3 * time.Second}, // when the first attempt has timed out
	} {
		inDialWorld(t, func(w *dialWorld) {
			w.host("a.test", "10.0.0.1", "10.0.0.2")
			w.ignore("10.0.0.1:80")
			w.listen("10.0.0.2:80")
			d := completion.Dialer{AttemptDelay: c.delay, AttemptTimeout: 3 * time.Second}
			w.reaches(d, "a.test:80", "10.0.0.2:80", c.after)
		})
	}
}

func TestDialNetworkAndLocalAddrExclude(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.host("a.test", "10.0.0.1", "fd00::1")
		w.listen("10.0.0.1:80")
		w.listen("[fd00::1]:80")
		s, err := w.port.Dial(w.Context(), "tcp4", "a.test:80")
		must(w.T, err)
		if got := s.RemoteAddr().String(); got != "10.0.0.1:80" {
			w.Errorf("tcp4 leads to %s", got)
		}
		local := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 4000}
		w.reaches(completion.Dialer{LocalAddr: local}, "a.test:80", "10.0.0.1:80", 0)
		for _, network := range []string{"tcp6", "tcp"} {
			_, err = completion.Dialer{LocalAddr: local}.Dial(w.Context(), w.port, network, "[fd00::1]:80")
			dialFails(w.T, err, new(net.AddrError))
		}
	})
}

func TestDialLocalAddr(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.listen("10.0.0.1:80")
		local := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 4000}
		d := completion.Dialer{LocalAddr: local}
		s, err := d.Dial(w.Context(), w.port, "tcp", "10.0.0.1:80")
		must(w.T, err)
		if got := s.LocalAddr().String(); got != local.String() {
			w.Errorf("the local address is %s", got)
		}
		_, err = d.Dial(w.Context(), w.port, "tcp", "10.0.0.1:80")
		if !errors.Is(err, syscall.EADDRINUSE) {
			w.Errorf("with an address in use: %v", err)
		}
	})
}

// dialFails checks the form of an error, and that one of the type of like is in it.
func dialFails[E error](t *testing.T, err error, like E) {
	t.Helper()
	outer, ok := err.(*net.OpError)
	if !ok || outer.Op != "dial" {
		t.Errorf("the error is %#v, want a *net.OpError of a dial", err)
	}
	if !errors.As(err, &like) {
		t.Errorf("the error is %v, want a %T in it", err, like)
	}
}

func TestDialErrorsOfAllAddresses(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.host("a.test", "10.0.0.1", "fd00::1", "10.0.0.2")
		w.ignore("10.0.0.2:80")
		_, err := completion.Dialer{AttemptTimeout: time.Second}.Dial(w.Context(), w.port, "tcp", "a.test:80")
		if !errors.Is(err, syscall.ECONNREFUSED) || !errors.Is(err, os.ErrDeadlineExceeded) {
			w.Errorf("the error is %v", err)
		}
		for _, part := range []string{"10.0.0.1:80", "[fd00::1]:80", "10.0.0.2:80"} {
			if !strings.Contains(err.Error(), part) {
				w.Errorf("the error does not name %s: %v", part, err)
			}
		}
		if err.(net.Error).Timeout() {
			w.Errorf("not all attempts have timed out: %v", err)
		}
		w.took(time.Second)
	})
}

func TestDialUnknownHost(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		_, err := w.port.Dial(w.Context(), "tcp", "none.test:80")
		dialFails(w.T, err, new(net.DNSError))
		var dns *net.DNSError
		if errors.As(err, &dns) && !dns.IsNotFound {
			w.Errorf("the host is there: %v", err)
		}
		w.host("none.test", "10.0.0.1")
		w.host("none.test")
		_, err = w.port.Dial(w.Context(), "tcp", "none.test:80")
		dialFails(w.T, err, new(net.DNSError))
	})
}

func TestDialTimeouts(t *testing.T) {
	for name, addresses := range map[string][]string{"one": {"10.0.0.1"}, "several": {"10.0.0.1", "fd00::1", "10.0.0.2"}} {
		t.Run(name, func(t *testing.T) {
			inDialWorld(t, func(w *dialWorld) {
				w.host("a.test", addresses...)
				for _, a := range addresses {
					w.ignore(netip.AddrPortFrom(netip.MustParseAddr(a), 80).String())
				}
				_, err := completion.Dialer{Timeout: time.Minute}.Dial(w.Context(), w.port, "tcp", "a.test:80")
				if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) || !err.(net.Error).Timeout() {
					w.Errorf("the error is %v", err)
				}
				w.took(time.Minute)
			})
		})
	}
}

func TestDialCancelled(t *testing.T) {
	cause := errors.New("the cause")
	for name, addresses := range map[string][]string{"one": {"10.0.0.1"}, "several": {"10.0.0.1", "fd00::1"}} {
		t.Run(name, func(t *testing.T) {
			inDialWorld(t, func(w *dialWorld) {
				w.host("a.test", addresses...)
				for _, a := range addresses {
					w.ignore(netip.AddrPortFrom(netip.MustParseAddr(a), 80).String())
				}
				ctx, cancel := context.WithCancelCause(w.Context())
				time.AfterFunc(time.Second, func() { cancel(cause) })
				_, err := w.port.Dial(ctx, "tcp", "a.test:80")
				for _, want := range []error{completion.ErrCanceled, context.Canceled, cause} {
					if !errors.Is(err, want) {
						w.Errorf("the error is %v, want %v in it", err, want)
					}
				}
				w.took(time.Second)
				_, err = w.port.Dial(ctx, "tcp", "a.test:80") // with one that has ended
				dialFails(w.T, err, cause)
				w.took(time.Second)
			})
		})
	}
}

// A port that is closed ends a Dial.
func TestDialOnClosedPort(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		w.host("a.test", "10.0.0.1", "fd00::1")
		w.ignore("10.0.0.1:80")
		w.ignore("[fd00::1]:80")
		time.AfterFunc(time.Second, func() { w.port.Close() })
		for range 2 {
			if _, err := w.port.Dial(w.Context(), "tcp", "a.test:80"); !errors.Is(err, net.ErrClosed) {
				w.Errorf("the error is %v", err)
			}
		}
		w.took(time.Second)
	})
}

func TestDialBadAddresses(t *testing.T) {
	inDialWorld(t, func(w *dialWorld) {
		_, err := w.port.Dial(w.Context(), "udp", "10.0.0.1:80")
		dialFails(w.T, err, net.UnknownNetworkError(""))
		for _, address := range []string{"10.0.0.1", "10.0.0.1:http:80", "[fd00::1"} {
			_, err = w.port.Dial(w.Context(), "tcp", address)
			dialFails(w.T, err, new(net.AddrError))
		}
		_, err = w.port.Dial(w.Context(), "tcp", "10.0.0.1:65536")
		dialFails(w.T, err, err)
		_, err = w.port.Dial(w.Context(), "tcp4", "[fd00::1]:80")
		dialFails(w.T, err, new(net.AddrError))
		w.listen("127.0.0.1:80")
		w.reaches(completion.Dialer{}, ":http", "127.0.0.1:80", 0)
	})
}
