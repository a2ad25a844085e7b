package echo

import "time"

// Load is a load process: a client with a number of connections to one server.
type Load struct{ process *child }

// Work is one measurement: a closed loop, in which each connection has one message under
// way until Messages have come back on all connections together.
type Work struct {
	Messages int
	Size     int
	Verify   bool // compare every byte with a pattern that differs between messages
	Keys     int  // messages are requests of 64 bytes for one of this many keys; 0 for an echo
	Renew    bool // each message uses a new connection, which is closed after it
}

// Result is the load's result of one Work.
type Result struct {
	Elapsed time.Duration
	CPU     time.Duration // of the load process
	// From the send of a message until its last byte is back.
	P50, P99, P999, Max time.Duration
}

// StartLoad starts a load process for the server at that address. With a CPU of -1 the
// system chooses.
func StartLoad(addr string, cpu int) (*Load, error) {
	process, err := start("load", []string{""}, role{Target: addr}, cpu, nil, nil)
	if err != nil {
		return nil, err
	}
	return &Load{process}, nil
}

// Connect makes conns more connections. On each of them a byte makes a round trip before
// the next one is made, so afterwards the server waits on all of them.
func (l *Load) Connect(conns int) error { return l.ConnectKeys(conns, 0) }

// ConnectKeys is Connect to a key-value server: it sends requests instead of bytes.
func (l *Load) ConnectKeys(conns, keys int) error {
	return l.process.ask(command{Name: "connect", Conns: conns, Keys: keys}, nil)
}

// Run performs the work on all connections.
func (l *Load) Run(w Work) (Result, error) {
	var r Result
	err := l.process.ask(command{Name: "run", Work: &w}, &r)
	return r, err
}

// Close ends the process, which resets its connections, and waits for it.
func (l *Load) Close() error { return l.process.Close() }

// pattern returns one byte of a message, from its connection i, serial number and
// position.
func pattern(i, serial, place int) byte {
	x := uint32(i)*2654435761 ^ uint32(serial)*2246822519 ^ uint32(place)*3266489917
	return byte(x>>24 ^ x>>13)
}
