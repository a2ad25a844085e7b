package porttest

import (
	"net"
	"runtime"
	"testing"
)

// Network makes the peers of the ports: the other ends of their connections. The
// suite uses the network of the system, unless OnNetwork selects another. The
// connections from Dial and Accept must have the methods CloseWrite, SetLinger and
// SetReadBuffer, as *net.TCPConn has, and a port must be able to adopt them and what
// ListenPacket returns.
type Network interface {
	Dial(network, address string) (net.Conn, error)
	Listen(network, address string) (net.Listener, error)
	ListenPacket(network, address string) (net.PacketConn, error)
}

// Option configures a run of the suite.
type Option func(*setting)

// OnNetwork selects the network of the peers, for a backend that has its own network.
// The suite then skips cases about the system.
func OnNetwork(network Network) Option { return func(s *setting) { s.network = network } }

// Within runs each case inside a call of wrap, which must call run once. With
// synctest.Test as wrap, each case runs in its own bubble. The suite then skips cases
// that need real time.
func Within(wrap func(t *testing.T, run func(t *testing.T))) Option {
	return func(s *setting) { s.wrap = wrap }
}

// setting is what the suite is run on.
type setting struct {
	open      Open
	network   Network
	wrap      func(t *testing.T, run func(t *testing.T)) // nil for none
	adopts    bool                                       // what package net has opened
	unix      bool                                       // has unix sockets
	secure    bool                                       // connections have TLS
	overPipes bool                                       // connections are named pipes
}

func newSetting(open Open, options []Option) setting {
	s := setting{open: open, network: systemNetwork{}}
	for _, option := range options {
		option(&s)
	}
	return s
}

// systemNetwork is package net.
type systemNetwork struct{}

func (systemNetwork) Dial(network, address string) (net.Conn, error) {
	return net.Dial(network, address)
}

func (systemNetwork) Listen(network, address string) (net.Listener, error) {
	return net.Listen(network, address)
}

func (systemNetwork) ListenPacket(network, address string) (net.PacketConn, error) {
	return net.ListenPacket(network, address)
}

// onSystem tells whether the network is the system's.
func (e *env) onSystem() bool { return e.network == systemNetwork{} }

// needsSystem skips a case, or what is left of it, on any other network.
func (e *env) needsSystem(why string) {
	e.Helper()
	if !e.onSystem() {
		e.Skipf("about the system: %s", why)
	}
}

// needsOwnNetwork skips a case on the system's network, where this one can't do
// what others can.
func (e *env) needsOwnNetwork(why string) {
	e.Helper()
	if e.onSystem() {
		e.Skipf("not on %s: %s", runtime.GOOS, why)
	}
}

// needsRealTime skips a case that waits for time to pass and is busy meanwhile,
// which a bubble's clock never sees.
func (e *env) needsRealTime(why string) {
	e.Helper()
	if e.wrap != nil {
		e.Skipf("needs real time: %s", why)
	}
}

// setReadBuffer sets the size of the receive buffer.
func (p *peer) setReadBuffer(bytes int) {
	p.e.Helper()
	if err := p.Conn.(interface{ SetReadBuffer(int) error }).SetReadBuffer(bytes); err != nil {
		p.e.Fatalf("peer read buffer: %v", err)
	}
}
