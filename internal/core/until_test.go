package core

import (
	"strings"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/race"
)

// skipWithRace skips a test whose kernel is Go code and writes memory that is lent.
func skipWithRace(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector takes the kernel for the program")
	}
}

// lineOperation is a read that ends behind a delimiter.
type lineOperation struct {
	operation
	Seeker
}

func newLine(h *Handle, n int, delimiter string) *lineOperation {
	o := &lineOperation{operation: operation{kind: backend.Read, handle: h, full: true}}
	o.buffer.Set(make([]byte, n))
	UntilOf(&o.Seeker).Delimiter = delimiter
	return o
}

func (o *lineOperation) Describe(r *Request) {
	o.operation.Describe(r)
	r.Append, r.Until = true, UntilOf(&o.Seeker)
}

// endsAs checks the outcome of o and what it has.
func (o *lineOperation) endsAs(t *testing.T, p *Port, text string, f *Failure) {
	t.Helper()
	if got := p.Next(t.Context()); got != Operation(o) {
		t.Fatalf("dequeued %v", got)
	}
	n, gotF, ok := Outcome(&o.Record)
	if got := string(o.buffer.Bytes()); !ok || gotF != f || got != text || int(n) != len(text) {
		t.Fatalf("outcome %q, N %d, %+v, %v; want %q, %+v", got, n, gotF, ok, text, f)
	}
}

// However the stream is cut, the messages are the same.
func TestUntilInPieces(t *testing.T) {
	skipWithRace(t)
	const text = "a\r\n\r\r\nbc\n\r\n\r\nd"
	for _, delimiter := range []string{"\r\n", "\n", "\r\n\r\n", "c\n\r\n\r\nd"} {
		for size := 10; size <= len(text)+1; size++ {
			for piece := 1; piece <= len(text); piece++ {
				readLines(t, text, delimiter, size, piece)
			}
		}
	}
}

// readLines reads the messages of text from a stream that gives at most piece bytes at a time.
func readLines(t *testing.T, text, delimiter string, size, piece int) {
	t.Helper()
	k, p, h := newNative(t)
	left := text
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) {
		n := copy(b.data, left[:min(piece, len(left))])
		left = left[n:]
		return n, 0, false
	}
	o := newLine(h, size, delimiter)
	all := strings.SplitAfter(text, delimiter)
	for i, want := range all {
		end := (*Failure)(nil)
		tooLong := len(want) > size
		if tooLong {
			want, end = want[:size], fullFailure
		} else if i == len(all)-1 {
			if end = unexpectedEndOfFile; want == "" {
				end = endOfFile
			} else if len(want) == size {
				end = fullFailure
			}
		}
		p.Submit([]Operation{o}, false)
		o.endsAs(t, p, want, end)
		if end == fullFailure {
			p.Submit([]Operation{o}, false)
			o.endsAs(t, p, want, end)
			break
		}
	}
	k.atRest(p)
}

// Bytes that a cancelled read has got count: with the delimiter, they are its message.
func TestUntilNativeCancelledWithBytes(t *testing.T) {
	skipWithRace(t)
	k, p, h := newNative(t)
	o := newLine(h, 8, "\n")
	bytes := ""
	k.onAbandon = func(b *begunOperation) { k.end(h, in, copy(b.data, bytes), errAborted) }
	for _, c := range []struct {
		comes, text string
		want        *Failure
	}{{"ab", "ab", canceledFailure}, {"", "ab", canceledFailure}, {"c\nd", "abc\n", nil}, {"e", "de", canceledFailure}, {"f\n", "def\n", nil}} {
		bytes = c.comes
		p.Submit([]Operation{o}, false)
		p.Cancel(o)
		o.endsAs(t, p, c.text, c.want)
	}
	k.atRest(p)
}

// Bytes that come together with an error are kept, too.
func TestUntilKeepsBytesOfAnError(t *testing.T) {
	skipWithRace(t)
	k, p, h := newNative(t)
	o := newLine(h, 8, "\n")
	results := []syscall.Errno{0, syscall.EINVAL}
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) {
		errno := results[0]
		results = results[1:]
		return copy(b.data, "ab"), errno, false
	}
	p.Submit([]Operation{o}, false)
	p.Next(t.Context())
	n, f, _ := Outcome(&o.Record)
	if rest := string(UntilOf(&o.Seeker).Rest(h, &o.buffer)); n != 4 || f == nil || f.Code != System || rest != "abab" {
		t.Errorf("N %d, %+v, keeps %q", n, f, rest)
	}
	k.atRest(p)
}

// A Submit that is refused because of another of its operations changes nothing.
func TestUntilUnchangedByAMistake(t *testing.T) {
	skipWithRace(t)
	k, p, h := newNative(t)
	o := newLine(h, 8, "\n")
	k.onStart = func(b *begunOperation) (int, syscall.Errno, bool) { return copy(b.data, "a\nb\nc"), 0, false }
	p.Submit([]Operation{o}, false)
	o.endsAs(t, p, "a\n", nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		p.Submit([]Operation{o, o}, false)
	}()
	if text := string(o.buffer.Bytes()); text != "a\n" {
		t.Errorf("the buffer has %q", text)
	}
	p.Submit([]Operation{o}, false)
	o.endsAs(t, p, "b\n", nil)
	k.atRest(p)
}
