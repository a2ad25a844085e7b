package optrace_test

import (
	"context"
	"expvar"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/optrace"
)

// record runs work on a port and writes a page about the operations of the port.
func record(name string, work func(port *completion.Port)) error {
	trace, err := optrace.Create(name)
	if err != nil {
		return err
	}
	port, err := completion.Open(&completion.Config{Observer: trace.Observer()})
	if err != nil {
		return err
	}
	work(port)
	port.Close()
	return trace.Close()
}

// publish makes the counters of a port a variable of package expvar, under /debug/vars.
func publish(name string, port *completion.Port) {
	expvar.Publish(name, expvar.Func(func() any { return port.Stats() }))
}

// metrics serves the counters of a port in the text format of Prometheus.
func metrics(port *completion.Port) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		s := port.Stats()
		counters := []any{"submitted", s.Submitted, "completed", s.Completed, "polls", s.Polls, "wakes", s.Wakes, "calls", s.Calls}
		for i := 0; i < len(counters); i += 2 {
			fmt.Fprintf(w, "# TYPE completion_%[1]s_total counter\ncompletion_%[1]s_total %[2]d\n", counters[i], counters[i+1])
		}
		gauges := []any{"in_flight", s.InFlight, "queued", s.Queued, "handles", s.Handles, "waiting", s.Waiting}
		for i := 0; i < len(gauges); i += 2 {
			fmt.Fprintf(w, "# TYPE completion_%[1]s gauge\ncompletion_%[1]s %[2]d\n", gauges[i], gauges[i+1])
		}
	}
}

// dump serves what a port waits for, as text.
func dump(port *completion.Port) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { port.Dump(w) }
}

// A program records the operations of its port, and writes a page about them at the end.
func ExampleCreate() {
	file, err := os.CreateTemp("", "trace*.html")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	file.Close()
	err = record(file.Name(), func(port *completion.Port) {
		port.Await(context.Background(), &ops.Timer{After: time.Millisecond})
	})
	text, _ := os.ReadFile(file.Name())
	fmt.Println(err, strings.Contains(string(text), `"kind":"timer"`))
	// Output: <nil> true
}

// A port's counters as a variable of package expvar.
func Example_expvar() {
	port, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	publish("port", port)
	port.Submit(&ops.Timer{After: time.Hour}, &ops.Post{})
	fmt.Println(expvar.Get("port"))
	// Output: {"Submitted":2,"Completed":1,"InFlight":1,"Queued":1,"Handles":0,"Waiting":0,"Leading":false,"Parked":false,"Polls":0,"Wakes":0,"Stale":0,"Calls":0,"WouldBlocks":0,"PoolWaits":0}
}

// A port's counters for Prometheus.
func Example_prometheus() {
	port, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	port.Submit(&ops.Timer{After: time.Hour}, &ops.Post{})
	w := httptest.NewRecorder()
	metrics(port)(w, nil)
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			fmt.Print(line)
		}
	}
	// Output:
	// completion_submitted_total 2
	// completion_completed_total 1
	// completion_polls_total 0
	// completion_wakes_total 0
	// completion_calls_total 0
	// completion_in_flight 1
	// completion_queued 1
	// completion_handles 0
	// completion_waiting 0
}

// What a port waits for.
func Example_dump() {
	port, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	ln, err := port.Listen("tcp", "10.0.0.1:7000")
	if err != nil {
		log.Fatal(err)
	}
	port.Submit(&ops.Accept{On: ln}, &ops.Post{})
	w := httptest.NewRecorder()
	dump(port)(w, nil)
	fmt.Print(w.Body)
	// Output:
	// port on memory: 1 operation in flight (1 accept), by descriptor
	//   accept on descriptor 3 (local 10.0.0.1:7000): waits for a connection
	// 1 complete and not dequeued, the first is a *ops.Post
	// 1 handle
	// nobody polls: I/O and deadlines are late until a goroutine waits on the port; 0 goroutines asleep beside the leader
}
