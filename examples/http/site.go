package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What the site has, whatever serves it.

const welcome = "hello from a completion port\n"

const (
	mostBody  = 1 << 20 // bytes of a body, in either direction
	mostHead  = 8 << 10 // bytes of a request without its body
	plainText = "text/plain; charset=utf-8"
	anyBytes  = "application/octet-stream"
)

// content is what /bytes sends a part of.
var content = []byte(strings.Repeat("0123456789abcdef", mostBody/16))

// size returns how many bytes a query asks for.
func size(query string) (n int, err error) {
	digits, ok := strings.CutPrefix(query, "n=")
	if n, err = strconv.Atoi(digits); !ok || err != nil || n < 0 || n > mostBody {
		return 0, fmt.Errorf("/bytes needs n, from 0 to %d", mostBody)
	}
	return n, nil
}

// counts are what a server of any style counts.
type counts struct{ accepted, failed, open, answered atomic.Int64 }

func (c *counts) report(w io.Writer, drained error) {
	end := "all written"
	if drained != nil {
		end = "cut short: " + drained.Error()
	}
	fmt.Fprintf(w, "stopped, %s\n  connections  %d accepted, %d failed, %d open\n  requests     %d answered\n",
		end, c.accepted.Load(), c.failed.Load(), c.open.Load(), c.answered.Load())
}

const warningEvery = time.Minute

// warner prints warnings, at most one in a while. It is the output of net/http's log, too.
type warner struct {
	stderr io.Writer
	mu     sync.Mutex
	warned time.Time // guarded by mu
}

func (w *warner) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.warned) > warningEvery {
		w.warned = now
		fmt.Fprintf(w.stderr, "http: %s\n", strings.TrimSpace(strings.TrimPrefix(string(line), "http: ")))
	}
	return len(line), nil
}
