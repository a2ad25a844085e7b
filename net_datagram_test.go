package completion_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// eachWithNet runs f on each backend of a system where package net has sockets of UDP.
func eachWithNet(t *testing.T, f func(t *testing.T, p *completion.Port, peer *net.UDPConn)) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Skipf("package net: %v", err) // under Wine
		}
		defer peer.Close()
		peer.SetDeadline(time.Now().Add(time.Minute))
		p, err := open(nil)
		must(t, err)
		defer p.Close()
		f(t, p, peer)
	})
}

// A socket of package net and one of a port exchange datagrams.
func TestDatagramsWithNet(t *testing.T) {
	eachWithNet(t, func(t *testing.T, p *completion.Port, peer *net.UDPConn) {
		s, err := p.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		to := peer.LocalAddr().(*net.UDPAddr).AddrPort()
		must(t, p.Await(t.Context(), &ops.WriteTo{To: s, Buf: completion.Own([]byte("hello")), Addr: to}))
		b := make([]byte, 100)
		n, from, err := peer.ReadFromUDPAddrPort(b)
		if err != nil || string(b[:n]) != "hello" || from != s.LocalAddr().(*net.UDPAddr).AddrPort() {
			t.Fatalf("package net received %q from %v: %v", b[:n], from, err)
		}
		if _, err := peer.WriteToUDPAddrPort([]byte("back"), from); err != nil {
			t.Fatal(err)
		}
		r := &ops.ReadFrom{From: s, Buf: completion.Own(make([]byte, 100))}
		must(t, p.Await(t.Context(), r))
		if string(r.Buf.Bytes()) != "back" || r.Addr != to {
			t.Errorf("received %q from %v", r.Buf.Bytes(), r.Addr)
		}
	})
}

// A member of a group receives what package net sends to it, until it leaves the group.
func TestGroupWithNet(t *testing.T) {
	eachWithNet(t, func(t *testing.T, p *completion.Port, peer *net.UDPConn) {
		group := netip.MustParseAddr("239.77.66.55")
		s, err := p.ListenPacket("udp4", "239.77.66.55:0")
		must(t, err)
		ifi := loopbackInterface(t)
		if err := s.JoinGroup(group, ifi); err != nil {
			t.Skipf("no multicast here: %v", err)
		}
		to := netip.AddrPortFrom(group, s.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		r := &ops.ReadFrom{From: s, Buf: completion.Own(make([]byte, 100)), Op: completion.Op{Timeout: time.Second}}
		if _, err := peer.WriteToUDPAddrPort([]byte("hi"), to); err != nil {
			t.Skipf("no route to a group: %v", err)
		}
		if err := p.Await(t.Context(), r); err != nil {
			t.Skipf("the system sends multicast elsewhere: %v", err)
		}
		if string(r.Buf.Bytes()) != "hi" {
			t.Errorf("received %q", r.Buf.Bytes())
		}
		must(t, s.LeaveGroup(group, ifi))
		if err := s.LeaveGroup(group, ifi); err == nil {
			t.Error("left twice")
		}
		var op *net.OpError
		if err := s.JoinGroup(netip.MustParseAddr("127.0.0.1"), ifi); !errors.As(err, &op) {
			t.Errorf("joined no group: %v", err)
		}
	})
}

func loopbackInterface(t *testing.T) *net.Interface {
	all, err := net.Interfaces()
	must(t, err)
	for _, ifi := range all {
		if ifi.Flags&net.FlagLoopback != 0 {
			return &ifi
		}
	}
	t.Skip("no loopback interface")
	return nil
}
