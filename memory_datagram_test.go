package completion_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// mail is a port on a Memory for tests of datagrams.
type mail struct {
	*testing.T
	network completion.Memory
	port    *completion.Port
}

func newMail(t *testing.T) *mail {
	m := &mail{T: t}
	var err error
	m.port, err = completion.Open(&completion.Config{Memory: &m.network})
	must(t, err)
	return m
}

func (m *mail) listen(address string) *completion.PacketSocket {
	m.Helper()
	s, err := m.port.ListenPacket("udp", address)
	must(m.T, err)
	return s
}

func (m *mail) send(from *completion.PacketSocket, to, s string) {
	m.Helper()
	must(m.T, m.port.Await(context.Background(), &ops.WriteTo{To: from, Buf: completion.Own([]byte(s)), Addr: netip.MustParseAddrPort(to)}))
}

// got returns the next datagram of a socket, and when there is none "none".
func (m *mail) got(s *completion.PacketSocket) string {
	m.Helper()
	r := &ops.ReadFrom{From: s, Buf: completion.Own(make([]byte, 100)), Op: completion.Op{Timeout: time.Millisecond}}
	switch err := m.port.Await(context.Background(), r); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "none"
	case err != nil:
		m.Fatal(err)
	}
	return string(r.Buf.Bytes())
}

func (m *mail) wants(s *completion.PacketSocket, want ...string) {
	m.Helper()
	for _, w := range want {
		if got := m.got(s); got != w {
			m.Errorf("received %q, want %q", got, w)
		}
	}
}

// A test chooses which datagrams are lost.
func TestMemoryLose(t *testing.T) {
	m := newMail(t)
	defer m.port.Close()
	a, b := m.listen("10.0.0.1:1"), m.listen("10.0.0.2:2")
	must(t, m.network.Lose("udp", "10.0.0.2:2", 2))
	for _, s := range []string{"1", "2", "3"} {
		m.send(a, "10.0.0.2:2", s)
	}
	m.wants(b, "3", "none")
	must(t, m.network.Lose("udp", "10.0.0.2:2", -1))
	for range 3 {
		m.send(a, "10.0.0.2:2", "x")
	}
	m.wants(b, "none")
	must(t, m.network.Lose("udp", "10.0.0.2:2", 0))
	m.send(a, "10.0.0.2:2", "y")
	m.wants(b, "y", "none")
	if err := m.network.Lose("tcp", "10.0.0.2:2", 1); err == nil {
		t.Error("TCP loses no datagrams")
	}
}

// A socket that receives nothing loses what its buffer has no room for.
func TestMemoryDropsWhenFull(t *testing.T) {
	m := newMail(t)
	defer m.port.Close()
	a, b := m.listen("10.0.0.1:1"), m.listen("10.0.0.2:2")
	must(t, b.SetReadBuffer(200))
	for _, s := range []string{"1", "2", "3", "4"} {
		m.send(a, "10.0.0.2:2", s)
	}
	m.wants(b, "1", "2", "3", "none")
	m.send(a, "10.0.0.2:2", "5")
	m.wants(b, "5")
}

// Those in a group, and no others, receive what is sent to it; a broadcast all receive.
func TestMemoryGroups(t *testing.T) {
	m := newMail(t)
	defer m.port.Close()
	group := netip.MustParseAddr("239.1.2.3")
	config := completion.PacketConfig{ReusePort: true}
	var members [3]*completion.PacketSocket
	for i := range members {
		s, err := config.Listen(m.port, "udp4", ":5353")
		must(t, err)
		members[i] = s
		if i > 0 {
			must(t, s.JoinGroup(group, nil))
		}
	}
	a := m.listen("10.0.0.1:1")
	m.send(a, "239.1.2.3:5353", "hi")
	m.wants(members[0], "none")
	m.wants(members[1], "hi", "none")
	m.wants(members[2], "hi", "none")
	must(t, members[1].LeaveGroup(group, nil))
	if err := members[1].LeaveGroup(group, nil); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("left twice: %v", err)
	}
	if err := members[0].JoinGroup(netip.MustParseAddr("10.0.0.9"), nil); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("no group: %v", err)
	}
	m.send(a, "239.1.2.3:5353", "again")
	m.wants(members[1], "none")
	m.wants(members[2], "again")
	must(t, a.SetBroadcast(true))
	m.send(a, "255.255.255.255:5353", "all")
	for _, s := range members {
		m.wants(s, "all", "none")
	}
}

// The sockets that share a port get different senders, each always the same ones.
func TestMemorySharedPort(t *testing.T) {
	m := newMail(t)
	defer m.port.Close()
	config := completion.PacketConfig{ReusePort: true}
	one, err := config.Listen(m.port, "udp", "10.0.0.9:9")
	must(t, err)
	two, err := config.Listen(m.port, "udp", "10.0.0.9:9")
	must(t, err)
	if _, err := m.port.ListenPacket("udp", "10.0.0.9:9"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("one that does not share: %v", err)
	}
	a, b := m.listen("10.0.0.1:1"), m.listen("10.0.0.1:2")
	for range 2 {
		m.send(a, "10.0.0.9:9", "a")
		m.send(b, "10.0.0.9:9", "b")
	}
	m.wants(one, "b", "b", "none")
	m.wants(two, "a", "a", "none")
}

// A datagram passes the links of a Memory as a whole, and in the order of sending.
func TestMemoryDatagramLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMail(t)
		defer m.port.Close()
		a, b := m.listen("10.0.0.1:1"), m.listen("10.0.0.2:2")
		m.network.Delay(time.Second)
		must(t, m.network.LinkTo("udp", "10.0.0.2:2", completion.Link{Rate: 10}))
		began := time.Now()
		m.send(a, "10.0.0.2:2", "0123456789") // takes a second to leave
		m.send(a, "10.0.0.2:2", "01234")
		for _, after := range []time.Duration{2 * time.Second, 2500 * time.Millisecond} {
			must(t, m.port.Await(t.Context(), &ops.ReadFrom{From: b, Buf: completion.Own(make([]byte, 100))}))
			if d := time.Since(began); d != after {
				t.Errorf("received after %v, want %v", d, after)
			}
		}
	})
}

// A connected socket hears from an address that refuses, as from one that nobody has.
func TestMemoryRefusesDatagrams(t *testing.T) {
	m := newMail(t)
	defer m.port.Close()
	b := m.listen("10.0.0.2:2")
	a, err := m.port.DialPacket("udp", "10.0.0.2:2")
	must(t, err)
	must(t, m.network.Refuse("udp", "10.0.0.2:2"))
	write := &ops.WriteTo{To: a, Buf: completion.Own([]byte("x"))}
	must(t, m.port.Await(t.Context(), write))
	if err := m.port.Await(t.Context(), write); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the next WriteTo: %v", err)
	}
	must(t, m.network.Ignore("udp", "10.0.0.2:2"))
	must(t, m.port.Await(t.Context(), write))
	m.wants(a, "none")
	must(t, m.network.Restore("udp", "10.0.0.2:2"))
	must(t, m.port.Await(t.Context(), write))
	m.wants(b, "x", "none")
}

// A test injects errors of single calls.
func TestMemoryFailsDatagrams(t *testing.T) {
	m := newMail(t)
	defer m.port.Close()
	a, b := m.listen("10.0.0.1:1"), m.listen("10.0.0.2:2")
	for _, harmless := range []error{syscall.EINTR, syscall.EAGAIN} {
		m.network.Fail("send", harmless, 1)
		m.send(a, "10.0.0.2:2", "hello")
		m.network.Fail("receive", harmless, 1)
		m.wants(b, "hello")
	}
	for _, seen := range []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENOBUFS} {
		m.network.Fail("send", seen, 1)
		m.network.Fail("receive", seen, 1)
		w := &ops.WriteTo{To: a, Buf: completion.Own([]byte("x")), Addr: b.LocalAddr().(*net.UDPAddr).AddrPort()}
		r := &ops.ReadFrom{From: b, Buf: completion.Own(make([]byte, 9))}
		for _, op := range []completion.Operation{w, r} {
			if err := m.port.Await(t.Context(), op); !errors.Is(err, seen) {
				t.Errorf("%T: %v", op, err)
			}
		}
		m.send(a, "10.0.0.2:2", "next")
		m.wants(b, "next")
	}
}

// A send that waits for the room of its peer goes to the next peer, which has room.
func TestMemoryConnectWhileSending(t *testing.T) {
	m := newMail(t)
	defer m.port.Close()
	var peers [2]*completion.PacketSocket
	for i := range peers {
		s, err := m.port.ListenPacket("unixgram", fmt.Sprintf("/%d", i))
		must(t, err)
		peers[i] = s
	}
	must(t, peers[0].SetReadBuffer(1))
	a, err := m.port.DialPacket("unixgram", "/0")
	must(t, err)
	must(t, m.port.Await(t.Context(), &ops.WriteTo{To: a, Buf: completion.Own([]byte("full"))}))
	w := &ops.WriteTo{To: a, Buf: completion.Own([]byte("next"))}
	must(t, m.port.Start(w))
	m.wants(peers[1], "none") // the port has polled meanwhile
	must(t, a.Connect(peers[1].LocalAddr()))
	must(t, m.port.Wait(t.Context(), w))
	r := &ops.ReadFrom{From: peers[1], Buf: completion.Own(make([]byte, 9))}
	must(t, m.port.Await(t.Context(), r))
	if got := string(r.Buf.Bytes()); got != "next" {
		t.Errorf("received %q", got)
	}
}
