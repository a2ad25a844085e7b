package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// rest is the resources of the process while no connection is open.
type rest struct {
	heap        uint64
	descriptors int // 0 where the system does not list them
	goroutines  int
}

func takeRest() rest {
	var m runtime.MemStats
	runtime.GC()
	debug.FreeOSMemory() // collects again: objects with a cleanup are freed only now
	runtime.ReadMemStats(&m)
	return rest{m.HeapAlloc, descriptors(), runtime.NumGoroutine()}
}

func (r rest) String() string {
	return fmt.Sprintf("heap %d KiB, RSS %d KiB, %d descriptors, %d goroutines", r.heap>>10, resident()>>10, r.descriptors, r.goroutines)
}

// flat compares r with the earlier resources. The heap may be larger by a tenth and a
// MiB, since tables keep the size of their largest use.
func (r rest) flat(before rest) error {
	switch {
	case r.descriptors != before.descriptors:
		return fmt.Errorf("%d descriptors at first, %d in the end", before.descriptors, r.descriptors)
	case r.goroutines != before.goroutines:
		return fmt.Errorf("%d goroutines at first, %d in the end", before.goroutines, r.goroutines)
	case r.heap > before.heap+before.heap/10+1<<20:
		return fmt.Errorf("%d KiB of heap at first, %d KiB in the end", before.heap>>10, r.heap>>10)
	}
	return nil
}

func descriptors() int {
	if runtime.GOOS != "linux" { // Wine shows Linux's folder, with Wine's own descriptors
		return 0
	}
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}

// resident returns the resident memory in bytes, 0 where the system does not report it.
func resident() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, line, _ := bytes.Cut(status, []byte("VmRSS:"))
	var kib int64
	fmt.Sscan(string(line), &kib)
	return kib << 10
}

// soak makes the whole run.
func soak(s settings, out io.Writer) (err error) {
	w := &world{settings: s, out: out}
	closed := false
	defer func() {
		// After an error goroutines may hang: the process ends anyway.
		if !closed && err == nil {
			err = w.close()
		}
	}()
	if err := w.open(); err != nil {
		return err
	}
	if err := w.live(min(s.duration/5, 10*time.Second), func(int) {}); err != nil {
		return err
	}
	before := takeRest()
	fmt.Fprintf(out, "at rest after the warm-up: %v\n", before)
	w.window.p99()
	w.opened.Store(0)
	w.messages.Store(0)
	w.bytes.Store(0)
	first, last := time.Duration(0), time.Duration(0)
	began := time.Now()
	fmt.Fprintf(out, "%8s %12s %12s %10s %10s %10s %10s %10s\n", "s", "connections", "messages", "MiB", "p99", "heap KiB", "RSS KiB", "open")
	err = w.live(s.duration, func(part int) {
		if last = w.window.p99(); part == 1 {
			first = last
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintf(out, "%8.1f %12d %12d %10d %10v %10d %10d %10d\n", time.Since(began).Seconds(), w.opened.Load(),
			w.messages.Load(), w.bytes.Load()>>20, last.Round(time.Microsecond), m.HeapAlloc>>10, resident()>>10, descriptors())
	})
	if err != nil {
		return err
	}
	after := takeRest()
	fmt.Fprintf(out, "at rest in the end:         %v\n", after)
	fmt.Fprintf(out, "p99 of an echo: %v at first, %v in the end\n", first.Round(time.Microsecond), last.Round(time.Microsecond))
	w.reportOthers()
	fmt.Fprintf(out, "%d messages disturbed; %d system calls failed unseen, %d for all to see, which hit %d operations\n",
		w.disturbances.Load(), w.serverFaults.hidden.Load()+w.clientFaults.hidden.Load(),
		w.serverFaults.fatal.Load()+w.clientFaults.fatal.Load(), w.lost.Load())
	if err := after.flat(before); err != nil {
		return err
	}
	closed = true
	if err := w.close(); err != nil {
		return err
	}
	fmt.Fprintln(out, "no error, nothing left")
	return nil
}

// reportOthers reports datagrams and files, and what was taken up again.
func (w *world) reportOthers() {
	fmt.Fprintf(w.out, "%d datagrams sent, %d came back, %d were lost on purpose; faults hit %d operations\n",
		w.mail.sent.Load(), w.mail.back.Load(), w.mail.lost.Load(), w.mail.hit.Load())
	fmt.Fprintf(w.out, "%d files, %d operations of them; %d functions, of which %d were cancelled while they waited\n",
		w.papers.files.Load(), w.papers.done.Load(), w.papers.works.Load(), w.papers.unworked.Load())
	fmt.Fprintf(w.out, "taken up again half-way: %d reads, %d writes\n", w.readsResumed.Load(), w.writesResumed.Load())
}
