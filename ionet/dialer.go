package ionet

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/completionport/completion"
)

// Dialer connects to addresses, as net.Dialer does. The zero value selects the defaults.
type Dialer struct {
	// Port is the port of the connection. Nil means DefaultPort.
	Port *completion.Port

	// Timeout limits the whole dial. Zero means no limit.
	Timeout time.Duration

	// Deadline is the moment at which the dial ends. The zero Time means none.
	Deadline time.Time

	// AttemptTimeout, FallbackDelay and LocalAddr are AttemptTimeout, AttemptDelay and
	// LocalAddr of completion.Dialer.
	AttemptTimeout time.Duration
	FallbackDelay  time.Duration
	LocalAddr      net.Addr

	// KeepAlive is the time for keep-alive of TCP connections. Zero means 15 s, as in
	// package net. A negative KeepAlive leaves keep-alive off.
	KeepAlive time.Duration

	// Resolver looks up names. Nil means net.DefaultResolver. On a completion.Memory,
	// names come from there.
	Resolver *net.Resolver
}

// Dial connects to an address on DefaultPort. It is net.Dial.
func Dial(network, address string) (net.Conn, error) { return new(Dialer).Dial(network, address) }

// Dial connects to an address. The networks are those of completion.Port.Dial, for which the
// connection is a *Conn, and those of completion.Dialer.DialPacket: "udp", "udp4", "udp6" and
// "unixgram". For these it is a *PacketConn with a peer: a Write sends one datagram, and a Read
// receives one. What does not fit is lost, as in package net.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext is Dial, and ends when ctx does: see completion.Port.Dial. Unlike in package net, a
// UDP socket may not send to broadcast addresses before completion.PacketSocket.SetBroadcast.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	port, err := portOr(d.Port)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if d.LocalAddr != nil && !isOf(network, d.LocalAddr) {
		err := &net.AddrError{Err: "mismatched local address type", Addr: d.LocalAddr.String()}
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if !d.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, d.Deadline)
		defer cancel()
	}
	dialer := completion.Dialer{
		Timeout:        d.Timeout,
		AttemptTimeout: d.AttemptTimeout,
		AttemptDelay:   d.FallbackDelay,
		LocalAddr:      d.LocalAddr,
		Resolver:       d.Resolver,
	}
	if hasDatagrams(network) {
		return dialPacket(ctx, dialer, port, network, address)
	}
	socket, err := dialer.Dial(ctx, port, network, address)
	if err != nil {
		return nil, err
	}
	c := NewConn(port, socket)
	setKeepAlive(c, d.KeepAlive)
	return c, nil
}

func dialPacket(ctx context.Context, d completion.Dialer, port *completion.Port, network, address string) (net.Conn, error) {
	socket, err := d.DialPacket(ctx, port, network, address)
	if err != nil {
		return nil, err
	}
	return NewPacketConn(port, socket), nil
}

// isOf reports whether an address has the type of a network. A network that is none at all
// is an error of its own.
func isOf(network string, a net.Addr) bool {
	isUnix := strings.HasPrefix(network, "unix")
	switch a.(type) {
	case *net.TCPAddr:
		return !isUnix && !hasDatagrams(network)
	case *net.UDPAddr:
		return !isUnix && !strings.HasPrefix(network, "tcp")
	case *net.UnixAddr:
		return isUnix || !strings.HasPrefix(network, "tcp") && !hasDatagrams(network)
	}
	return false
}

// hasDatagrams reports whether a network has datagrams.
func hasDatagrams(network string) bool {
	switch network {
	case "udp", "udp4", "udp6", "unixgram":
		return true
	}
	return false
}
