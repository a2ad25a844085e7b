//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/race"
)

// needDescriptors skips a test where the system does not give n descriptors to one
// process.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if uint64(limit.Cur) < n {
		t.Skipf("needs %d descriptors, the limit is %d", n, limit.Cur)
	}
}

const spoken = 5

// crowd is many members that hear what one says.
type crowd struct {
	*child
	size  int
	group sync.WaitGroup         // of their goroutines
	heard [spoken]sync.WaitGroup // those that have not heard a line
}

// joinAll connects the members, some at a time.
func (c *crowd) joinAll() {
	c.Helper()
	var joined atomic.Int64
	var dialers sync.WaitGroup
	for range 50 {
		dialers.Go(func() {
			for joined.Add(1) <= int64(c.size) {
				m, err := c.join()
				if err != nil {
					c.Error(err)
					return
				}
				c.group.Go(func() { c.listen(m) })
			}
		})
	}
	dialers.Wait()
	if c.Failed() {
		c.FailNow()
	}
}

// listen hears each of the lines once, in order, and then the end.
func (c *crowd) listen(m *client) {
	defer m.Close()
	next := 0
	for {
		line, err := m.in.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) || next != spoken {
				c.Errorf("a member that has heard %d lines ends with %v", next, err)
			}
			return
		}
		if strings.HasSuffix(line, fmt.Sprintf(": line %d\n", next)) {
			c.heard[next].Done()
			next++
		} else if strings.Contains(line, ": line ") {
			c.Errorf("%q instead of line %d", line, next)
		}
	}
}

// Many members are idle, and all of them hear what one says.
func TestManyMembers(t *testing.T) {
	size := 10_000
	switch {
	case testing.Short():
		size = 300
	case race.Enabled:
		size = 3_000 // the race detector supports no more than 8128 goroutines
	}
	needDescriptors(t, uint64(size)+100)
	c := &crowd{child: start(t, "unlimited", "-timeout", "1h", "-unsent", "10000"), size: size}
	for i := range spoken {
		c.heard[i].Add(size)
	}
	c.joinAll()
	t.Logf("after the joins: %s", c.resident())
	speaker, err := c.join()
	c.check(err)
	go io.Copy(io.Discard, speaker.in)
	for i := range spoken {
		speaker.says(fmt.Sprint("line ", i))
		c.heard[i].Wait()
	}
	t.Logf("after %d lines: %s", spoken, c.resident())
	speaker.ends()
	c.stop(os.Interrupt, size+1, 0)
	c.group.Wait()
	speaker.Close()
}

// resident returns the memory that the server has, on Linux.
func (c *child) resident() string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	return regexp.MustCompile(`VmRSS:\s*|$`).ReplaceAllString(regexp.MustCompile(`VmRSS:.*|$`).FindString(string(text)), "")
}

// While the server has no descriptors, members wait to be accepted, and those that are there
// are served.
func TestProcessDescriptorsRunOut(t *testing.T) {
	c := start(t, limited, "-timeout", "1h")
	ann, err := c.join()
	c.check(err)
	defer ann.Close()
	var waiting []io.Closer
	for range 3 * fewDescriptors {
		conn, err := net.Dial("tcp", c.addr)
		c.check(err)
		waiting = append(waiting, conn)
	}
	if line, _ := c.stderr.ReadString('\n'); !strings.Contains(line, syscall.EMFILE.Error()) {
		t.Errorf("the warning is %q", line)
	}
	ann.says("hello")
	ann.until(": hello")
	for _, conn := range waiting {
		conn.Close()
	}
	go io.Copy(io.Discard, ann.in)
	bob, err := c.join()
	c.check(err)
	bob.Close()
	c.check(c.cmd.Process.Signal(syscall.SIGTERM))
	said, err := io.ReadAll(c.stdout)
	c.check(err)
	c.check(c.cmd.Wait())
	if !strings.HasPrefix(string(said), "stopped, all written\n") || !strings.Contains(string(said), " 0 handles, 0 buffers lent\n") {
		t.Errorf("the server said\n%s", said)
	}
}

// A long line without an end is cut, and the next line is one again.
func TestGarbageFromTheNetwork(t *testing.T) {
	c := start(t, "unlimited")
	ann, err := c.join()
	c.check(err)
	noise, err := c.join()
	c.check(err)
	go io.Copy(io.Discard, noise.in)
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i*i>>3) | 0x80 // without a line end
	}
	noise.sends(string(block))
	noise.says("", "the end")
	ann.until(": the end")
	noise.ends()
	ann.ends()
	io.Copy(io.Discard, ann.in)
	ann.Close()
	c.stop(os.Interrupt, 2, 0)
	noise.Close()
}
