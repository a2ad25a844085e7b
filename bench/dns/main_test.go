package main

import (
	"os"
	"testing"

	"github.com/miekg/dns"
)

// The answers are those of examples/dns.
func TestFind(t *testing.T) {
	f, err := os.Open("../../examples/dns/example.zone")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := newZone(dns.NewZoneParser(f, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		kind    uint16
		records int
		status  int
	}{
		{"www.example.test.", dns.TypeA, 3, dns.RcodeSuccess},
		{"example.test.", dns.TypeMX, 1, dns.RcodeSuccess},
		{"example.test.", dns.TypeA, 0, dns.RcodeSuccess},
		{"nobody.example.test.", dns.TypeA, 0, dns.RcodeNameError},
	} {
		answer := new(dns.Msg)
		if z.find(answer, c.name, c.kind); len(answer.Answer) != c.records || answer.Rcode != c.status {
			t.Errorf("%s: %v", c.name, answer)
		}
	}
}
