package completion

import (
	"context"
	"net"
	"net/netip"
	"strconv"
)

// resolver looks up names for Dial. *net.Resolver has the same methods.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupPort(ctx context.Context, network, service string) (int, error)
}

// resolver returns what looks up names for the port.
func (p *Port) resolver(system *net.Resolver) resolver {
	if p.memory != nil {
		return memoryResolver{p.memory}
	}
	if system == nil {
		system = net.DefaultResolver
	}
	return boundedResolver{system}
}

// lookupsAtOnce bounds the lookups that Dials of the process wait for, since each may take
// a thread. One that was given up goes on inside package net and is not counted.
const lookupsAtOnce = 16

var lookupSlots = make(chan struct{}, lookupsAtOnce)

// boundedResolver is a resolver of package net that waits for its turn.
type boundedResolver struct{ *net.Resolver }

// LookupNetIP waits for a slot, and then asks.
func (r boundedResolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	select {
	case lookupSlots <- struct{}{}:
	case <-ctx.Done():
		return nil, endOfDial(ctx)
	}
	defer func() { <-lookupSlots }()
	return r.Resolver.LookupNetIP(ctx, network, host)
}

// memoryResolver has the names of a Memory.
type memoryResolver struct{ memory *Memory }

// LookupNetIP returns the addresses that SetHost has given the host.
func (r memoryResolver) LookupNetIP(_ context.Context, network, host string) (found []netip.Addr, err error) {
	r.memory.hostsMu.Lock()
	defer r.memory.hostsMu.Unlock()
	for _, a := range r.memory.hosts[host] {
		if network == "ip" || a.Is4() == (network == "ip4") {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, nil
}

// LookupPort knows numbers, and two services. That of package net can't be asked in a
// bubble: it keeps channels.
func (memoryResolver) LookupPort(_ context.Context, _, service string) (int, error) {
	switch service {
	case "http":
		return 80, nil
	case "https":
		return 443, nil
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return 0, &net.AddrError{Err: "invalid port", Addr: service}
	}
	return int(port), nil
}
