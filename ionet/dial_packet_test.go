package ionet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// packetPipe returns both ends of a UDP association, each connected to the other.
func packetPipe(t *testing.T, p *completion.Port) (a, b net.Conn) {
	t.Helper()
	d := ionet.Dialer{Port: p, LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	first := listenPacket(t, p)
	a, err := d.Dial("udp", first.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	d.LocalAddr = first.LocalAddr()
	b, err = d.Dial("udp4", a.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// Each Read receives what one Write has sent, also nothing.
func TestDialPacketKeepsBounds(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		a, b := packetPipe(t, p)
		defer a.Close()
		defer b.Close()
		if a.RemoteAddr().String() != b.LocalAddr().String() || b.RemoteAddr().String() != a.LocalAddr().String() ||
			a.LocalAddr().Network() != "udp" {
			t.Errorf("%v - %v, %v - %v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
		}
		for _, ends := range [][2]net.Conn{{a, b}, {b, a}} {
			sent := []string{"one", "", "a longer one", "x"}
			for _, s := range sent {
				if n, err := ends[0].Write([]byte(s)); n != len(s) || err != nil {
					t.Fatalf("write: %d, %v", n, err)
				}
			}
			buf := make([]byte, 8)
			for _, s := range sent {
				n, err := ends[1].Read(buf)
				if want := s[:min(len(s), len(buf))]; string(buf[:n]) != want || err != nil {
					t.Fatalf("read %q, %v, want %q", buf[:n], err, want)
				}
			}
		}
	})
}

func checkLate(t *testing.T, err error) {
	t.Helper()
	var failure net.Error
	if !errors.As(err, &failure) || !failure.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
}

// As nettest has it: deadlines that have passed, that pass, and that are moved.
func TestDialPacketDeadlines(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		a, b := packetPipe(t, p)
		defer a.Close()
		defer b.Close()
		isLate := func(err error) { t.Helper(); checkLate(t, err) }
		a.SetDeadline(time.Unix(1, 0))
		_, err := a.Read(make([]byte, 1))
		isLate(err)
		_, err = a.Write([]byte("late"))
		isLate(err)
		a.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err = a.Read(make([]byte, 1))
		isLate(err)
		a.SetDeadline(time.Time{})
		waits := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			waits <- err
		}()
		a.SetReadDeadline(time.Unix(1, 0))
		isLate(<-waits)
		a.SetDeadline(time.Now().Add(time.Hour))
		if _, err := b.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, err := a.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// Close ends the calls that wait, and those to come.
func TestDialPacketClose(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		a, b := packetPipe(t, p)
		defer b.Close()
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("read: %v", err)
				}
			})
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		readers.Wait()
		if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
	})
}

func readOne(t *testing.T, c net.Conn) string {
	buf := make([]byte, 16)
	n, err := c.Read(buf)
	if err != nil {
		t.Errorf("read: %v", err)
	}
	return string(buf[:n])
}

// Several goroutines may use each method at a time.
func TestDialPacketConcurrent(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		a, b := packetPipe(t, p)
		defer a.Close()
		defer b.Close()
		const each = 20 // few enough that the buffers have room for all
		got := make(chan string, 4*each)
		var users sync.WaitGroup
		for i := range 4 {
			users.Go(func() {
				for j := range each {
					fmt.Fprintf(a, "%d-%d", i, j)
					a.SetWriteDeadline(time.Time{})
				}
			})
			users.Go(func() {
				for range each {
					got <- readOne(t, b)
				}
			})
		}
		users.Wait()
		seen := map[string]bool{}
		for range 4 * each {
			s := <-got
			if seen[s] {
				t.Errorf("%q comes twice", s)
			}
			seen[s] = true
		}
	})
}

// A path, and a socket with one that can be answered.
func TestDialPacketUnix(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		dir, err := os.MkdirTemp("", "ionet")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(dir)
		server, err := ionet.ListenConfig{Port: p}.ListenPacket(t.Context(), "unixgram", filepath.Join(dir, "s"))
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		d := ionet.Dialer{Port: p, LocalAddr: &net.UnixAddr{Net: "unixgram", Name: filepath.Join(dir, "c")}}
		c, err := d.Dial("unixgram", server.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("hello"))
		buf := make([]byte, 9)
		n, from, err := server.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "hello" || from.String() != c.LocalAddr().String() {
			t.Fatalf("%q of %v, %v", buf[:n], from, err)
		}
		server.WriteTo([]byte("back"), from)
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != "back" {
			t.Fatalf("%q, %v", buf[:n], err)
		}
	})
}

// Names of hosts, addresses that a dial does not use, and mistakes.
func TestDialPacketAddresses(t *testing.T) {
	var network completion.Memory
	network.SetHost("server.test", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("10.0.0.1"))
	p, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, c := range []struct {
		network, address string
		local            net.Addr
		peer             string
	}{
		{"udp", "server.test:53", nil, "[2001:db8::1]:53"},
		{"udp4", "server.test:53", nil, "10.0.0.1:53"},
		{"udp6", "server.test:53", nil, "[2001:db8::1]:53"},
		{"udp", "server.test:53", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 99}, "10.0.0.1:53"},
		{"udp", "server.test:53", &net.UDPAddr{IP: net.IPv6loopback}, "[2001:db8::1]:53"},
		{"udp", "server.test:53", &net.UDPAddr{Port: 77}, "[2001:db8::1]:53"},
		{"udp", "10.0.0.1:http", nil, "10.0.0.1:80"},
		{"udp", ":53", nil, "127.0.0.1:53"},
		{"udp6", ":53", nil, "[::1]:53"},
	} {
		d := ionet.Dialer{Port: p, LocalAddr: c.local}
		conn, err := d.Dial(c.network, c.address)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if got := conn.RemoteAddr().String(); got != c.peer {
			t.Errorf("%+v: the peer is %s", c, got)
		}
		conn.Close()
	}
}

func TestDialPacketMistakes(t *testing.T) {
	packetPorts(t, func(t *testing.T, p *completion.Port) {
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for _, c := range []struct {
			ctx              context.Context
			network, address string
			local            net.Addr
			is               error
		}{
			{t.Context(), "udp4", "[::1]:53", nil, nil},
			{t.Context(), "udp6", "127.0.0.1:53", nil, nil},
			{t.Context(), "udp", "127.0.0.1", nil, nil},
			{t.Context(), "unixgram", "", nil, nil},
			{t.Context(), "udp", "127.0.0.1:53", &net.TCPAddr{}, nil},
			{t.Context(), "tcp", "127.0.0.1:53", &net.UDPAddr{}, nil},
			{t.Context(), "udp", "[::1]:53", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil},
			{over, "udp", "127.0.0.1:53", nil, context.Canceled},
		} {
			d := ionet.Dialer{Port: p, LocalAddr: c.local}
			conn, err := d.DialContext(c.ctx, c.network, c.address)
			var op *net.OpError
			if conn != nil || !errors.As(err, &op) || op.Op != "dial" || op.Net != c.network || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%s %q: %v", c.network, c.address, err)
			}
		}
		if n := p.Stats().Handles; n != 0 {
			t.Errorf("%d handles are left", n)
		}
	})
}
