package ionet_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// A copy from a file sends what the file has from its position on, and moves the position,
// as a copy from any reader does. Parts of the way through a limit count for the limit.
func TestReadFromFile(t *testing.T) {
	want := strings.Repeat("0123456789", 100_000)
	f := fileOf(t, want)
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		_, err := f.Seek(3, io.SeekStart)
		must(t, err)
		go func() {
			for i, c := range []struct {
				r    io.Reader
				want int
			}{{io.LimitReader(f, 500_000), 500_000}, {f, len(want) - 500_003}, {f, 0}, {io.LimitReader(f, 5), 0}, {strings.NewReader("end"), 3}} {
				if n, err := a.ReadFrom(c.r); n != int64(c.want) || err != nil {
					t.Errorf("copy %d: %d, %v", i, n, err)
				}
			}
			a.Close()
		}()
		var got bytes.Buffer
		_, err = io.Copy(&got, b)
		must(t, err)
		if got.String() != want[3:]+"end" {
			t.Errorf("%d bytes arrived, not the %d that were sent", got.Len(), len(want))
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if must(t, err); at != int64(len(want)) {
			t.Errorf("the file is at %d", at)
		}
		_, err = f.Seek(0, io.SeekStart)
		must(t, err)
		_, err = a.ReadFrom(f)
		failsWith(t, err, "readfrom", net.ErrClosed)
	})
}

// fileOf returns a file with this text.
func fileOf(t *testing.T, text string) *os.File {
	f, err := os.CreateTemp("", "ionet")
	must(t, err)
	t.Cleanup(func() { f.Close(); os.Remove(f.Name()) })
	_, err = f.WriteString(text)
	must(t, err)
	return f
}
