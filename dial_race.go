package completion

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

const (
	// attemptDelay is the Connection Attempt Delay of RFC 8305.
	attemptDelay = 250 * time.Millisecond
	// resolutionDelay is its Resolution Delay: how long addresses of IPv4 wait for those
	// of IPv6.
	resolutionDelay = 50 * time.Millisecond
)

// race is the connects of one Dial to the addresses of a host.
type race struct {
	*dialing
	port uint16

	waiting    [2][]netip.Addr // addresses not tried yet, by family, in the resolver's order
	turn       int             // the family that is next
	isDue      bool            // the next address may be tried as soon as it is known
	isOver     bool            // the context has ended: no address is tried any more
	lookups    int             // under way
	found      chan lookup
	lookupErrs []error
	attempts   int // under way
	tried      chan attempt
	errs       dialErrors // of the attempts that have failed
	timer      *time.Timer
}

func (t *dialing) dialTCP(ctx context.Context, address string) (*Socket, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	from := t.port.resolver(t.Resolver)
	port, err := from.LookupPort(ctx, t.network, service)
	if err != nil {
		return nil, err
	}
	r := race{dialing: t, port: uint16(port)}
	if a, err := netip.ParseAddr(host); err == nil {
		r.add(a)
	} else if host == "" { // this machine
		r.add(netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
		r.turn = familyIPv4
	} else {
		r.lookUp(ctx, from, host)
	}
	return r.run(ctx, host)
}

// lookup is the answer to one question for addresses.
type lookup struct {
	addresses []netip.Addr
	err       error
}

// attempt is the end of one connect.
type attempt struct {
	socket *Socket
	err    error
}

const (
	familyIPv6 = iota
	familyIPv4
)

// add notes addresses that are to be tried. Those that the network or LocalAddr excludes
// are left out.
func (r *race) add(addresses ...netip.Addr) {
	local, _ := r.LocalAddr.(*net.TCPAddr)
	for _, a := range addresses {
		a = a.Unmap()
		family, network := familyIPv6, "tcp6"
		if a.Is4() {
			family, network = familyIPv4, "tcp4"
		}
		if r.network != "tcp" && r.network != network {
			continue
		}
		if local != nil && local.IP != nil && (local.IP.To4() != nil) != a.Is4() {
			continue
		}
		r.waiting[family] = append(r.waiting[family], a)
	}
}

// next takes the address to try next: if there is one, of the family that was not tried
// last.
func (r *race) next() (a netip.Addr, ok bool) {
	if !r.hasNext() {
		return a, false
	}
	family := r.turn
	if len(r.waiting[family]) == 0 {
		family = 1 - family
	}
	a = r.waiting[family][0]
	r.waiting[family] = r.waiting[family][1:]
	r.turn = 1 - family
	return a, true
}

// hasNext reports whether there is an address to try.
func (r *race) hasNext() bool {
	return !r.isOver && len(r.waiting[familyIPv6])+len(r.waiting[familyIPv4]) > 0
}

// run returns the first socket that is connected. All others, and all lookups, have
// ended when it returns.
func (r *race) run(ctx context.Context, host string) (winner *Socket, err error) {
	if r.lookups == 0 && len(r.waiting[familyIPv6])+len(r.waiting[familyIPv4]) == 1 {
		a, _ := r.next()
		return r.connect(ctx, r.target(a)) // without a goroutine
	}
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	r.tried = make(chan attempt)
	r.timer = time.NewTimer(attemptDelay)
	r.timer.Stop()
	r.try(ctx)
	defer func() {
		cancel()
		r.timer.Stop()
		r.drain()
	}()
	for r.attempts > 0 || r.lookups > 0 || r.hasNext() {
		select {
		case l := <-r.found:
			r.answered(ctx, l)
		case a := <-r.tried:
			r.attempts--
			if a.err == nil {
				return a.socket, nil
			}
			r.errs = append(r.errs, a.err)
			r.try(ctx)
		case <-r.timer.C:
			r.try(ctx)
		}
	}
	return nil, r.failure(outer, host)
}

// lookUp asks for the addresses of a host, of both families at the same time.
func (r *race) lookUp(ctx context.Context, from resolver, host string) {
	networks := map[string][]string{"tcp": {"ip6", "ip4"}, "tcp4": {"ip4"}, "tcp6": {"ip6"}}[r.network]
	r.found = make(chan lookup, len(networks))
	r.lookups = len(networks)
	for _, network := range networks {
		go func() {
			addresses, err := from.LookupNetIP(ctx, network, host)
			r.found <- lookup{addresses, err}
		}()
	}
}

// answered notes what a lookup has found. Addresses of IPv4 that come first wait a moment
// for those of IPv6.
func (r *race) answered(ctx context.Context, l lookup) {
	r.lookups--
	r.add(l.addresses...)
	if l.err != nil {
		r.lookupErrs = append(r.lookupErrs, l.err)
	}
	isFirst := r.attempts == 0 && len(r.errs) == 0
	switch {
	case !r.isDue: // the timer runs, or an attempt that has to end first
	case isFirst && r.lookups > 0 && len(r.waiting[familyIPv6]) == 0:
		if r.hasNext() {
			r.timer.Reset(resolutionDelay)
		}
	default:
		r.try(ctx)
	}
}

// try begins the next attempt, if there is an address, and sets the timer for the one
// after it.
func (r *race) try(ctx context.Context) {
	if ctx.Err() != nil {
		r.isOver = true
	}
	a, ok := r.next()
	if r.isDue = !ok; r.isDue {
		return
	}
	r.attempts++
	go func() {
		s, err := r.connect(ctx, r.target(a))
		r.tried <- attempt{s, err}
	}()
	switch delay := r.AttemptDelay; {
	case delay == 0:
		r.timer.Reset(attemptDelay)
	case delay > 0:
		r.timer.Reset(delay)
	default:
		r.timer.Stop() // the next one begins when this one has failed
	}
}

// drain waits for what is under way, which has been cancelled, and closes the sockets
// that were connected all the same.
func (r *race) drain() {
	for ; r.attempts > 0; r.attempts-- {
		if a := <-r.tried; a.err == nil {
			a.socket.Close()
		}
	}
	for ; r.lookups > 0; r.lookups-- {
		<-r.found
	}
}

// failure is the error of a race that nobody has won.
func (r *race) failure(ctx context.Context, host string) error {
	if ctx.Err() != nil && !errors.Is(r.errs, ctx.Err()) {
		r.errs = append(r.errs, endOfDial(ctx))
	}
	switch {
	case len(r.errs) == 1:
		return r.errs[0]
	case len(r.errs) > 0:
		return r.errs
	case len(r.lookupErrs) > 0:
		return r.lookupErrs[0]
	}
	return &net.AddrError{Err: "no suitable address found", Addr: host}
}

func (r *race) target(a netip.Addr) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, r.port))
}
