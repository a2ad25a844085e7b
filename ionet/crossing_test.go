package ionet_test

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion/ionet"
)

// crossed returns the ends of two connections of one port, and copies from the one to the
// other: what is written to a is read from d.
func (w world) crossed(t *testing.T) (a, b, c, d *ionet.Conn) {
	t.Helper()
	p := w.open(t)
	a, b, stop, err := w.pipe(t, p)
	must(t, err)
	t.Cleanup(stop)
	c, d, stop, err = w.pipe(t, p)
	must(t, err)
	t.Cleanup(stop)
	return a, b, c, d
}

// A copy between two connections of a port is the port's, with the results of any other copy.
func TestCopyBetweenConns(t *testing.T) {
	text := strings.Repeat("0123456789", 100_000)
	each(t, func(t *testing.T, w world) {
		a, b, c, d := w.crossed(t)
		go func() {
			io.WriteString(a, text)
			a.CloseWrite()
		}()
		go func() {
			if n, err := io.CopyN(c, b, 300_001); n != 300_001 || err != nil {
				t.Errorf("of a part: %d, %v", n, err)
			}
			if n, err := io.Copy(c, b); n != int64(len(text)-300_001) || err != nil {
				t.Errorf("of the rest: %d, %v", n, err)
			}
			if n, err := c.ReadFrom(io.LimitReader(b, 5)); n != 0 || err != nil {
				t.Errorf("behind the end: %d, %v", n, err)
			}
			c.CloseWrite()
		}()
		got, err := io.ReadAll(d)
		if must(t, err); string(got) != text {
			t.Errorf("%d bytes arrived, not the %d that were sent", len(got), len(text))
		}
	})
}

// What ends reads and writes ends a copy.
func TestCopyBetweenConnsEnds(t *testing.T) {
	past := time.Unix(1, 0)
	for name, c := range map[string]struct {
		end  func(b, c *ionet.Conn)
		what error
	}{
		"ReadDeadline": {func(b, _ *ionet.Conn) { b.SetReadDeadline(past) }, os.ErrDeadlineExceeded},
		"CloseRead":    {func(b, _ *ionet.Conn) { b.CloseRead() }, nil},
		"CloseSource":  {func(b, _ *ionet.Conn) { b.Close() }, net.ErrClosed},
		"CloseTarget":  {func(_, c *ionet.Conn) { c.Close() }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w world) {
				a, b, to, d := w.crossed(t)
				result := make(chan error, 1)
				go func() {
					n, err := to.ReadFrom(b)
					if n != 5 {
						t.Errorf("%d bytes", n)
					}
					result <- err
				}()
				io.WriteString(a, "hello")
				_, err := io.ReadFull(d, make([]byte, 5))
				must(t, err)
				c.end(b, to)
				if err := <-result; c.what == nil {
					must(t, err)
				} else {
					failsWith(t, err, "readfrom", c.what)
				}
			})
		})
	}
}

// A write deadline that passes while the copy waits for data ends the next write only.
func TestCopyBetweenConnsWithAWriteDeadline(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b, c, d := w.crossed(t)
		result := make(chan error, 1)
		go func() {
			_, err := c.ReadFrom(b)
			result <- err
		}()
		io.WriteString(a, "hello")
		_, err := io.ReadFull(d, make([]byte, 5))
		must(t, err)
		must(t, c.SetWriteDeadline(time.Unix(1, 0)))
		must(t, c.SetWriteDeadline(time.Time{}))
		io.WriteString(a, "again")
		_, err = io.ReadFull(d, make([]byte, 5))
		must(t, err)
		must(t, c.SetWriteDeadline(time.Unix(1, 0)))
		go io.Copy(io.Discard, d) // what comes before the port looks at the deadline
		go func() {
			for _, err := io.WriteString(a, "late"); err == nil; {
				_, err = io.WriteString(a, "late")
			}
		}()
		failsWith(t, <-result, "readfrom", os.ErrDeadlineExceeded)
		must(t, a.Close())
	})
}
