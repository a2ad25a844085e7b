package main

import (
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/ops"
	"golang.org/x/net/dns/dnsmessage"
)

// A query over UDP and its answer allocate nothing, in the server and in the client. Other
// systems than Linux take some for each call, and a Memory for what is on its way.
func TestQueryAllocatesNothing(t *testing.T) {
	w := onSystem(t)
	defer w.begin()()
	s := w.resolver()
	write := &ops.WriteTo{To: s, Buf: completion.Own(ask(t, 1, "www.example.test.", dnsmessage.TypeA, 0))}
	read := &ops.ReadFrom{From: s, Buf: completion.Own(make([]byte, udpSize))}
	exchange := func() {
		must(t, w.test.Await(t.Context(), write))
		must(t, w.test.Await(t.Context(), read))
	}
	for range 100 {
		exchange()
	}
	if n := testing.AllocsPerRun(1000, exchange); n != 0 && !race.Enabled {
		t.Errorf("%v allocations for a query", n)
	}
}
