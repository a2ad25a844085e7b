package ionet_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/completionport/completion/ionet"
)

// Deadlines are moved, passed and cleared by two goroutines while a stream goes through.
// Whatever ends early reports how many bytes it has moved, so every byte arrives once.
func TestDeadlinesMoved(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		must(t, a.SetWriteBuffer(8<<10)) // so that writes wait
		want := make([]byte, 1<<20)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		var over atomic.Bool
		var movers, ends sync.WaitGroup
		for seed := range uint64(2) {
			movers.Go(func() {
				r := rand.New(rand.NewPCG(seed, 1))
				for !over.Load() {
					move(t, r, a.SetWriteDeadline, b.SetReadDeadline)
				}
			})
		}
		ends.Go(func() {
			timeouts := writeAll(t, a, want)
			t.Logf("%d writes have timed out", timeouts)
			a.CloseWrite()
		})
		got, timeouts := readAll(t, b)
		over.Store(true)
		movers.Wait()
		ends.Wait()
		t.Logf("%d reads have timed out", timeouts)
		if sha256.Sum256(got) != sha256.Sum256(want) {
			t.Fatalf("%d bytes arrived, not the %d that were sent", len(got), len(want))
		}
	})
}

// move sets one of the deadlines.
func move(t *testing.T, r *rand.Rand, set ...func(time.Time) error) {
	at := time.Time{}
	switch r.IntN(4) {
	case 0:
		at = time.Unix(1, 0)
	case 1:
		at = time.Now().Add(time.Duration(r.IntN(300)) * time.Microsecond)
	case 2:
		at = time.Now().Add(time.Hour)
	}
	if err := set[r.IntN(len(set))](at); err != nil {
		t.Error(err)
	}
}

func writeAll(t *testing.T, w io.Writer, p []byte) (timeouts int) {
	for len(p) > 0 {
		n, err := w.Write(p[:min(len(p), 10_000)])
		p = p[n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			timeouts++
		} else if err != nil {
			t.Error(err)
			return timeouts
		}
	}
	return timeouts
}

func readAll(t *testing.T, r io.Reader) (all []byte, timeouts int) {
	var got bytes.Buffer
	p := make([]byte, 5000)
	for {
		n, err := r.Read(p)
		got.Write(p[:n])
		switch {
		case err == io.EOF:
			return got.Bytes(), timeouts
		case errors.Is(err, os.ErrDeadlineExceeded):
			timeouts++
		case err != nil:
			t.Error(err)
			return got.Bytes(), timeouts
		}
	}
}

// Close meets Reads and Writes of several goroutines: all of them end.
func TestClosedByMany(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.open(t)
		for range 50 {
			a, _, stop, err := w.pipe(t, p)
			must(t, err)
			if n := useAndClose(a); n != 1 {
				t.Fatalf("%d of the Closes were the first", n)
			}
			stop()
		}
		if n := p.Stats().InFlight; n != 0 {
			t.Fatalf("%d operations are left", n)
		}
	})
}

// useAndClose reads, writes and closes, each of it three times at once. It returns how
// many Closes were the first.
func useAndClose(c *ionet.Conn) int32 {
	var all sync.WaitGroup
	var closed atomic.Int32
	for range 3 {
		all.Go(func() { io.Copy(io.Discard, c) })
		all.Go(func() {
			for err := error(nil); err == nil; {
				_, err = c.Write(make([]byte, 1000))
			}
		})
		all.Go(func() {
			if c.Close() == nil {
				closed.Add(1)
			}
		})
	}
	all.Wait()
	return closed.Load()
}
