package memory

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// defaultTTL is the TTL of datagrams whose sender sets none.
const defaultTTL = 64

// accompany is what accompanies a datagram besides its addresses.
type accompany struct {
	ttl  int
	ecn  uint8
	time time.Time // of the arrival
}

// SetReports selects what the Control of a datagram that is received contains.
func (k Kernel) SetReports(fd int, r backend.Reports) error {
	const known = backend.ReportLocal | backend.ReportTTL | backend.ReportECN | backend.ReportTime
	k.network.lock()
	s := k.network.system.Lookup(fd)
	isUnix := s != nil && s.family == backend.Unix
	k.network.mu.Unlock()
	if r&^known != 0 || isUnix && r != 0 {
		return fmt.Errorf("reports of the kind %#x in memory: %w", uint8(r), errors.ErrUnsupported)
	}
	return k.setDatagrams(fd, func(s *Socket) backend.Errno { s.datagrams.reports = r; return 0 })
}

// checkControl returns the errno of what a datagram can't be accompanied by.
func (k *Socket) checkControl(c *backend.Control) backend.Errno {
	isInet := c.Local.IsValid() || c.Interface|c.TTL != 0 || c.ECN != 0
	switch {
	case c.HasRights() || c.SegmentSize > 0:
		return errNotSupported
	case k.family == backend.Unix && isInet:
		return errNotSupported
	case c.Interface > 1 || c.TTL < 0 || c.TTL > 255:
		return errInvalid
	}
	return 0
}

// segmentsPerCall is how many datagrams of one message a call sends.
const segmentsPerCall = 64

// sendAll is Send, of each datagram of a message that has several. The count of the message says
// where the next call goes on, if there was no room for all of them, or if they are too many for
// one call.
func (k *Socket) sendAll(m *backend.Message) (errno backend.Errno) {
	if m.Control == nil || m.Control.SegmentSize <= 0 {
		return k.Send(m)
	}
	one, c := *m, *m.Control
	c.SegmentSize, one.Control = 0, &c
	for range segmentsPerCall {
		one.Data = m.Data[m.N:min(m.N+m.Control.SegmentSize, len(m.Data))]
		if errno = k.Send(&one); errno != 0 {
			return errno
		}
		if m.N += len(one.Data); m.N == len(m.Data) { // at once, if there are no bytes
			break
		}
	}
	return 0
}

// accompanied stores in d what the sender wants.
func (d *datagram) accompanied(c *backend.Control) {
	if c == nil {
		return
	}
	if c.Local.IsValid() {
		d.from.Inet = netip.AddrPortFrom(c.Local, d.from.Inet.Port())
	}
	if c.TTL > 0 {
		d.ttl = c.TTL
	}
	if c.ECN > 0 {
		d.ecn = c.ECN - 1
	}
}

// report stores what accompanies d. There is one interface.
func (k *Socket) report(d *datagram, c *backend.Control) {
	c.Clear()
	r := k.datagrams.reports
	if r&backend.ReportLocal != 0 {
		c.Local, c.Interface = d.to.Inet.Addr(), 1
	}
	if r&backend.ReportTTL != 0 {
		c.TTL = d.ttl
	}
	if r&backend.ReportECN != 0 {
		c.ECN = d.ecn + 1
	}
	if r&backend.ReportTime != 0 {
		c.Time = d.time
	}
}
