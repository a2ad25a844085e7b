// Tour shows in a few seconds what a completion port does and what it costs: the life of
// one read, and then an echo server with 1,000 connections in comparison with the same
// server on package net. It needs no other program.
package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

const messageSize = 64

func main() {
	if style := os.Getenv(serverVariable); style != "" {
		serve(style) // this process is a server that the tour has started
		return
	}
	if err := tour(os.Stdout, load{1000, 3 * time.Second}); err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		os.Exit(1)
	}
}

// tour prints everything to w.
func tour(w io.Writer, l load) error {
	if err := lifeOfARead(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nAn echo server with %d connections, %d bytes a message, in a process\n", l.connections, messageSize)
	fmt.Fprintf(w, "of its own. The clients are one goroutine of this process, on a port.\n\n")
	fmt.Fprintf(w, "  %-22s %12s %12s %14s\n", "server", "messages/s", "CPU/message", "idle connection")
	var results [2]result
	for i, style := range []string{stylePort, styleNet} {
		r, err := measure(style, l)
		if err != nil {
			return fmt.Errorf("%s: %w", style, err)
		}
		fmt.Fprintf(w, "  %-22s %12.0f %9.2f µs %9d bytes\n", r.name, r.perSecond, r.cpu.Seconds()*1e6, r.idleBytes)
		results[i] = r
	}
	port, net := results[0], results[1]
	fmt.Fprintf(w, "\n  package net takes %.2f times the CPU per message and %.0f times the\n", float64(net.cpu)/float64(port.cpu), float64(net.idleBytes)/float64(port.idleBytes))
	fmt.Fprintf(w, "  memory per idle connection. One run on a busy machine is no benchmark:\n")
	fmt.Fprintf(w, "  see bench/ for paired ones.\n")
	return nil
}
