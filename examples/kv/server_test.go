package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion/internal/race"
)

// inBubble runs a test with a server on a Memory. Time passes only while all goroutines wait.
func inBubble(t *testing.T, test func(t *testing.T, s *serving)) {
	for _, workers := range []int{1, 3} {
		t.Run(strconv.Itoa(workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, serveMemory(t, workers)) })
		})
	}
}

// inFlight checks how many operations of connections are in flight, when nothing moves.
func (s *serving) inFlight(want int) {
	s.t.Helper()
	synctest.Wait()
	if n := s.queue.port.Stats().InFlight - 1; n != want { // without the Accept
		s.t.Fatalf("%d operations of connections in flight, want %d", n, want)
	}
}

// All requests of one read are answered with one write.
func TestOneWritePerRead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		s.inFlight(1)
		before := s.queue.port.Stats().Submitted
		const many = 1000
		p.send(strings.Repeat("PING\r\n", many))
		p.expect(strings.Repeat("+PONG\r\n", many))
		s.inFlight(1)
		if n := s.queue.port.Stats().Submitted - before; n != 2 {
			t.Errorf("%d operations for a write and the next read", n)
		}
		p.Close()
		s.stopWith(0)
	})
}

// A request allocates nothing, except the value of a SET. The client is counted, too.
func TestAllocations(t *testing.T) {
	for _, args := range [][]string{nil, {"-workers", "2"}, {"-style", "net"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			s := serveTCP(t, args...)
			p := s.dial()
			p.ask(array("SET", "k", "value"), "+OK\r\n")
			for _, c := range []struct {
				request, answer string
				allocations     float64
			}{
				{array("GET", "k") + array("TTL", "k"), "$5\r\nvalue\r\n:-1\r\n", 0},
				{array("SET", "k", "value"), "+OK\r\n", 1},
			} {
				request, answer := []byte(c.request), make([]byte, len(c.answer))
				n := testing.AllocsPerRun(1000, func() {
					p.Write(request)
					if _, err := io.ReadFull(p, answer); err != nil || string(answer) != c.answer {
						t.Fatalf("%q: %q, %v", request, answer, err)
					}
				})
				// With the race detector a pool makes a header for each use of a buffer.
				if n > c.allocations && !race.Enabled {
					t.Errorf("%q: %v allocations", request, n)
				}
			}
			p.Close()
			s.stopWith(0)
		})
	}
}

// A key expires when its time has come, to the nanosecond for those who ask for it. A key
// that nobody asks for is removed, too.
func TestExpiry(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		p.ask("SET other v EX 20\r\n", "+OK\r\n")
		time.Sleep(sweepEvery / 2) // no sweep at the moment when the others expire
		p.ask("SET asked v EX 10\r\nSET alone v PX 10000\r\nSET kept v\r\n", strings.Repeat("+OK\r\n", 3))
		time.Sleep(10*time.Second - 1)
		p.ask("MGET asked alone\r\n", answer("*2 $1 v $1 v"))
		time.Sleep(time.Nanosecond)
		p.ask("GET asked\r\nEXISTS asked\r\nINCR asked\r\nTTL asked\r\nTTL other\r\n",
			answer("$-1")+answer(":0")+answer(":1")+answer(":-1")+answer(":10"))
		time.Sleep(sweepEvery)
		synctest.Wait()
		if keys, expiring := s.store.size(); keys != 3 || expiring != 1 {
			t.Errorf("%d keys, %d of them expire, want 3 and 1", keys, expiring)
		}
		if n := s.expired.Load(); n != 1 {
			t.Errorf("%d keys were swept, want 1", n)
		}
		p.Close()
		s.stopWith(0)
	})
}

// Many keys that expire at one moment are removed in several steps. Then the sweeps end,
// until there is another key that expires.
func TestSweepInSteps(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		const keys = 3*sweepMost + 1
		for i := range keys {
			p.send(fmt.Sprintf("SET %d v EX %d\r\n", i, 1+i%2))
			p.expect("+OK\r\n")
		}
		p.Close()
		time.Sleep(time.Second + sweepEvery)
		if n, _ := s.store.size(); n != keys/2 {
			t.Errorf("%d keys are left, want %d", n, keys/2)
		}
		time.Sleep(time.Second)
		if n, expiring := s.store.size(); n != 0 || expiring != 0 {
			t.Errorf("at the end %d keys are left, %d in the heap", n, expiring)
		}
		if n := s.expired.Load(); n != keys {
			t.Errorf("%d keys were swept, want %d", n, keys)
		}
		s.inFlight(0)
		again := s.dial()
		again.ask("SET late v EX 20\r\nSET early v EX 30\r\nEXPIRE early 10\r\nEXPIRE late 40\r\n", "+OK\r\n+OK\r\n:1\r\n:1\r\n")
		s.inFlight(2) // the sweep, and the read
		time.Sleep(10*time.Second + sweepEvery)
		if n, _ := s.store.size(); n != 1 {
			t.Errorf("%d keys are left, want the late one", n)
		}
		again.Close()
		s.stopWith(0)
	})
}

// Answers of any length about that of a buffer are whole.
func TestLengths(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		for n := answerSize - 2*maxNumber; n < answerSize+2*maxNumber; n++ {
			value := strings.Repeat(string(rune('a'+n%26)), n)
			p.send(array("ECHO", value))
			p.expect(fmt.Sprintf("$%d\r\n%s\r\n", n, value))
		}
		p.Close()
		s.stopWith(0)
	})
}

// Long values come and go whole.
func TestLongValues(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		value := make([]byte, 2<<20)
		random := rand.NewChaCha8([32]byte{})
		random.Read(value)
		set := array("SET", "k", string(value))
		get := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
		go io.WriteString(p, "PING\r\n"+set+"PING\r\nGET k\r\n"+set+"MGET k k\r\n")
		p.expect("+PONG\r\n+OK\r\n+PONG\r\n" + get + "+OK\r\n*2\r\n" + get + get)
		const most = longestAnswer / (2 << 20)
		p.ask("MGET"+strings.Repeat(" k", most+1)+"\r\n", "-ERR the values are too long for one answer\r\n")
		p.Close()
		s.stopWith(0)
	})
}

// A lack of descriptors is told once, and passes.
func TestNoDescriptors(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		before := s.dial()
		before.ask("PING\r\n", "+PONG\r\n")
		s.network.Fail("accept", syscall.EMFILE, 20)
		begun := time.Now()
		after := s.dial()
		before.ask("PING\r\n", "+PONG\r\n")
		after.ask("PING\r\n", "+PONG\r\n")
		if took := time.Since(begun); took < 19*acceptPause || took > 20*acceptPause {
			t.Errorf("20 failures took %v", took)
		}
		before.Close()
		after.Close()
		s.stopWith(0)
		if line := s.stderr.String(); strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "kv: accept tcp ") {
			t.Errorf("stderr is %q", line)
		}
	})
}

// Connections that are reset at any point leave nothing behind.
func TestResets(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		s.dial().ask("SET k "+strings.Repeat("v", 1000)+"\r\n", "+OK\r\n")
		requests := "GET k\r\n" + array("MGET", "k", "k") + "QUIT\r\n"
		for cut := range len(requests) + 1 {
			p := s.dial()
			p.send(requests[:cut])
			if cut%2 == 0 {
				synctest.Wait()
			}
			if err := s.network.Reset(p.Conn); err != nil {
				t.Fatal(err)
			}
		}
		s.inFlight(1)
		s.stop()
	})
}

// increment adds 1 to a key, and returns whether there was an answer.
func (p *peer) increment() bool {
	if _, err := io.WriteString(p, "INCR n\r\n"); err != nil {
		return false
	}
	for b := []byte{0}; b[0] != '\n'; {
		if _, err := p.Read(b); err != nil {
			return false
		}
	}
	return true
}

// A request that was executed is answered, also while the server ends.
func TestDrain(t *testing.T) {
	for _, way := range []string{"Memory", "Workers", "TCP", "NetTCP"} {
		t.Run(way, func(t *testing.T) {
			s := ways[way](t)
			const clients, before = 20, 50
			var answered [clients]int
			var busy, all sync.WaitGroup
			busy.Add(clients)
			for i := range clients {
				p := s.dial()
				all.Go(func() {
					for p.increment() {
						if answered[i]++; answered[i] == before {
							busy.Done()
						}
					}
					p.Close()
				})
			}
			busy.Wait()
			s.stop()
			all.Wait()
			sum := 0
			for _, n := range answered {
				sum += n
			}
			if value, _ := s.store.get([]byte("n")); string(value) != strconv.Itoa(sum) {
				t.Errorf("the number is %s, and %d answers have come", value, sum)
			}
		})
	}
}

// The answers of a client that reads late are sent while the server ends.
func TestDrainReadsLate(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		value := strings.Repeat("v", 600<<10)
		p.ask(array("SET", "k", value), "+OK\r\n")
		p.send("GET k\r\n")
		s.inFlight(1)
		stopped := make(chan struct{})
		go func() { s.stopWith(0); close(stopped) }()
		synctest.Wait()
		p.expect(fmt.Sprintf("$%d\r\n%s\r\n", len(value), value))
		p.expectEnd()
		<-stopped
	})
}

// A client that never reads delays the end of the server by the timeout at most.
func TestDrainNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		const size = 600 << 10
		p.ask(array("SET", "k", strings.Repeat("v", size)), "+OK\r\n")
		p.send("GET k\r\n")
		s.inFlight(1)
		begun := time.Now()
		s.stop()
		if took := time.Since(begun); took != time.Hour {
			t.Errorf("the end took %v", took)
		}
		if got, _ := io.ReadAll(p); len(got) >= size {
			t.Errorf("the client got %d bytes", len(got))
		}
		p.Close()
	})
}

// Many clients at once on one store: each sees its own keys as it has set them, and none of
// the increments of all is lost.
func TestManyClients(t *testing.T) {
	inEachWay(t, func(t *testing.T, serve func(t *testing.T) *serving) {
		s := serve(t)
		const clients, rounds = 20, 20
		var all sync.WaitGroup
		for i := range clients {
			p := s.dial()
			all.Go(func() {
				defer p.Close()
				for round := range rounds {
					if err := p.useKeys(i, round); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		p := s.dial()
		sum := strconv.Itoa(clients * rounds)
		p.ask("GET sum\r\n", fmt.Sprintf("$%d\r\n%s\r\n", len(sum), sum))
		p.Close()
		s.stopWith(0)
	})
}

// useKeys uses keys of client i, and the one of all.
func (p *peer) useKeys(i, round int) error {
	key, value := fmt.Sprint("key", i), fmt.Sprint("value", round)
	requests := "INCR sum\r\n" + array("SET", key, value) + array("GET", key) + fmt.Sprintf("INCR own%d\r\n", i)
	if _, err := io.WriteString(p, requests); err != nil {
		return err
	}
	for b := []byte{0}; b[0] != '\n'; { // the sum may be any
		if _, err := p.Read(b); err != nil {
			return err
		}
	}
	want := fmt.Sprintf("+OK\r\n$%d\r\n%s\r\n:%d\r\n", len(value), value, round+1)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p, got); err != nil || string(got) != want {
		return fmt.Errorf("the answer is %q, %v, want %q", got, err, want)
	}
	return nil
}
