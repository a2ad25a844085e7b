package porttest

import "net"

// Network makes the other ends of connections, which are not the port's. The
// suite uses the system's, unless it is told otherwise. What Dial and Accept
// return must have CloseWrite, SetLinger and SetReadBuffer, as *net.TCPConn
// does, and a port must be able to adopt it.
type Network interface {
	Dial(network, address string) (net.Conn, error)
	Listen(network, address string) (net.Listener, error)
}

// Option changes what the suite is run on.
type Option func(*setting)

// OnNetwork runs the suite for a backend with a network of its own. Cases about
// the system itself are skipped.
func OnNetwork(n Network) Option { return func(s *setting) { s.network = n } }

// setting is what the suite is run on.
type setting struct {
	open    Open
	network Network
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

// onSystem tells whether the network is the system's.
func (e *env) onSystem() bool { return e.network == systemNetwork{} }

// needsSystem skips a case, or what is left of it, on any other network.
func (e *env) needsSystem(why string) {
	e.Helper()
	if !e.onSystem() {
		e.Skipf("about the system: %s", why)
	}
}
