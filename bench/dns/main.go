// Dns is a name server on github.com/miekg/dns, for bench/programs to compare examples/dns
// with. It is a module of its own, since the library needs no such module. It serves a zone
// file as examples/dns does, over UDP and TCP on one port.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/miekg/dns"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "`address` to listen on")
	file := flag.String("zone", "", "`file` of the zone")
	flag.Parse()
	if err := run(*address, *file); err != nil {
		fmt.Fprintln(os.Stderr, "dns:", err)
		os.Exit(1)
	}
}

func run(address, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := newZone(dns.NewZoneParser(f, "", file))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	socket, err := net.ListenPacket("udp", listener.Addr().String())
	if err != nil {
		return err
	}
	fmt.Println("listening on", socket.LocalAddr())
	failed := make(chan error)
	for _, s := range []*dns.Server{{PacketConn: socket, Handler: z}, {Listener: listener, Handler: z, MaxTCPQueries: -1}} {
		go func() { failed <- s.ActivateAndServe() }()
	}
	return <-failed
}

// zone has the records of each name.
type zone struct {
	soa   *dns.SOA
	names map[string][]dns.RR
}

func newZone(p *dns.ZoneParser) (*zone, error) {
	z := &zone{names: make(map[string][]dns.RR)}
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		name := strings.ToLower(r.Header().Name)
		z.names[name] = append(z.names[name], r)
		if soa, ok := r.(*dns.SOA); ok {
			z.soa = soa
		}
	}
	if z.soa == nil {
		return nil, fmt.Errorf("there is no SOA record: %v", p.Err())
	}
	return z, p.Err()
}

// ServeDNS answers a query.
func (z *zone) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	answer := new(dns.Msg).SetReply(query)
	answer.Authoritative = true
	question := query.Question[0]
	size := dns.MinMsgSize
	if opt := query.IsEdns0(); opt != nil {
		answer.SetEdns0(1232, opt.Do())
		size = min(max(int(opt.UDPSize()), size), 1232)
	}
	if z.find(answer, strings.ToLower(question.Name), question.Qtype); len(answer.Answer) == 0 {
		answer.Ns = []dns.RR{z.soa}
	}
	if _, overUDP := w.LocalAddr().(*net.UDPAddr); overUDP {
		answer.Truncate(size)
	}
	w.WriteMsg(answer)
}

// find adds the records of a name, and of the names that its CNAME leads to.
func (z *zone) find(answer *dns.Msg, name string, kind uint16) {
	for range 8 {
		records := z.names[name]
		if records == nil {
			answer.Rcode = dns.RcodeNameError
			return
		}
		next := ""
		for _, r := range records {
			if r.Header().Rrtype == kind {
				answer.Answer = append(answer.Answer, r)
			} else if alias, ok := r.(*dns.CNAME); ok {
				answer.Answer = append(answer.Answer, r)
				next = strings.ToLower(alias.Target)
			}
		}
		if name = next; name == "" {
			return
		}
	}
}
