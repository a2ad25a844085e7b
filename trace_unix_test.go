//go:build unix

package completion_test

import (
	"context"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/memory"
	"github.com/completionport/completion/ops"
)

// The calls of kqueue's poller on the queue that imitates FreeBSD's.
func TestTraceOfAReadOnKqueue(t *testing.T) {
	var network completion.Memory
	trace := newReadTrace()
	port, err := completion.OpenTracedKqueue(&network, completion.Config{Observer: trace.step},
		memory.Habits{UserEvents: true, PromptConnects: true, ResetsOverflow: true}, func(call string) {
			if strings.HasSuffix(call, "no time-out)") {
				trace.wait(call)
				return
			}
			trace.call(call)
		})
	must(t, err)
	defer port.Close()
	ln, err := port.Listen("tcp", "10.0.0.1:1")
	must(t, err)
	peer, err := network.Dial("tcp", "10.0.0.1:1")
	must(t, err)
	defer peer.Close()
	accept := &ops.Accept{On: ln}
	must(t, port.Await(context.Background(), accept))
	select { // this wait was another's
	case <-trace.waits:
	default:
	}
	read := &ops.Read{From: accept.Conn, Buf: completion.Own(make([]byte, 64))}
	checkTrace(t, "kqueue", trace.record(t, port, read, peer))
}
