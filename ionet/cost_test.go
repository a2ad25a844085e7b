package ionet_test

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// A message there and back allocates nothing. A Memory does: it keeps the bytes.
func TestAllocations(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		if strings.HasPrefix(w.name, "memory") {
			return
		}
		a, b := w.pair(t)
		p := make([]byte, 64)
		round := func() {
			if _, err := a.Write(p); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(b, p); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(500, round); n != 0 {
			t.Errorf("%v allocations for each message", n)
		}
	})
}

// BenchmarkIdleConn reports the memory of a connection that nobody uses. A goroutine
// that waits in Read or ReadReady is not in it.
func BenchmarkIdleConn(b *testing.B) {
	const n = 1000
	for range b.N {
		port, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
		must(b, err)
		var sockets []*completion.Socket
		for range n {
			s, err := port.Socket("tcp")
			must(b, err)
			sockets = append(sockets, s)
		}
		before := inUse()
		conns := make([]*ionet.Conn, n)
		for i, s := range sockets {
			conns[i] = ionet.NewConn(port, s)
		}
		b.ReportMetric(float64(inUse()-before)/n, "B/conn")
		runtime.KeepAlive(conns)
		port.Close()
	}
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
