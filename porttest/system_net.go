package porttest

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"time"
)

// What a case asks about the system, and package net answers: a skip is about the
// system then, and not about the port.

// netPair returns both ends of a connection of package net.
func netPair() (dialled, accepted *net.TCPConn, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	d, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	a, err := l.Accept()
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	return d.(*net.TCPConn), a.(*net.TCPConn), nil
}

// resetOf is a way in which a reset meets its receiver.
type resetOf struct {
	accepted   bool // the receiver is the side that has accepted
	behindData bool // there is data to be read before it
	race       bool // a read may wait for it, or come later; else none waits
}

// needsReset skips a case on a system that reports the end of the stream instead of
// such a reset.
func (e *env) needsReset(r resetOf) {
	e.Helper()
	if e.onSystem() && !reported(r) {
		e.Skipf("the system reports the end of a stream, and no reset, to package net: %+v", r)
	}
}

var resets struct {
	mu       sync.Mutex
	reported map[resetOf]bool
}

// reported tells whether the system reports such resets. It is tried once for each.
func reported(r resetOf) bool {
	resets.mu.Lock()
	defer resets.mu.Unlock()
	yes, tried := resets.reported[r]
	if !tried {
		if resets.reported == nil {
			resets.reported = make(map[resetOf]bool)
		}
		yes = r.try()
		resets.reported[r] = yes
	}
	return yes
}

// try reports whether all of many resets are seen. Where they are not, some are: if
// a read is under way when the reset comes.
func (r resetOf) try() bool {
	tries := 20
	if r.race {
		tries = 1000 // one in a hundred is lost with Wine 10
	}
	for range tries {
		if !r.isSeen() {
			return false
		}
	}
	return true
}

func (r resetOf) isSeen() bool {
	receiver, sender, err := netPair()
	if err != nil {
		return true // the case will tell
	}
	if r.accepted {
		receiver, sender = sender, receiver
	}
	defer receiver.Close()
	if r.behindData {
		sender.Write([]byte("abc"))
	}
	sender.SetLinger(0)
	closed := make(chan error, 1)
	if r.race {
		go func() { closed <- sender.Close() }()
	} else {
		closed <- sender.Close()
	}
	for err == nil {
		_, err = receiver.Read(make([]byte, 1))
	}
	<-closed
	return errors.Is(err, connectionReset)
}

// isSlow tells that a call into this system takes far longer than on others, as one
// does under Wine, or in an emulator.
var isSlow = sync.OnceValue(func() bool {
	if runtime.GOOS == "linux" {
		return false // however slow a machine is just now
	}
	one, two, err := netPair()
	if err != nil {
		return false
	}
	defer one.Close()
	defer two.Close()
	const trips, slow = 100, 100 * time.Microsecond
	begun := time.Now()
	for range trips {
		for _, c := range [][2]*net.TCPConn{{one, two}, {two, one}} {
			c[0].Write([]byte{0})
			if _, err := c[1].Read(make([]byte, 1)); err != nil {
				return false
			}
		}
	}
	return time.Since(begun) > trips*slow
})
