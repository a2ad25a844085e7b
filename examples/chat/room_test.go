package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
)

func TestTalk(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.joinAs("ann")
		bob := w.joinAs("bob")
		ann.hears("* guest2 joined", "* guest2 is now bob")
		both := []*client{ann, bob}
		ann.says("hello, bob", "", "how are you?")
		all(both, "ann: hello, bob", "ann: how are you?")
		bob.sends("fi")
		synctest.Wait()
		bob.sends("ne\r\n\r\n")
		all(both, "bob: fine")
		bob.says("/who")
		bob.hears("* 2 here: ann, bob")
		bob.says("/nick ann")
		bob.hears("* the name ann is taken")
		bob.says("/nick bob", "/nick", "/nick a b", "/nick "+strings.Repeat("x", 21), "/nick \xff", "/frob\x1b x")
		for range 4 {
			bob.hears("* a name has 1 to 20 letters, digits, - or _")
		}
		bob.hears("* unknown command /frob?: /nick NAME, /who, /quit")
		bob.says("/nick " + strings.Repeat("x", 20))
		all(both, "* bob is now "+strings.Repeat("x", 20))
		ann.says("/nick bob")
		all(both, "* ann is now bob")
	})
}

func TestGarbage(t *testing.T) {
	inWorld(t, func(w *world) {
		w.network.LimitTransfer(3)
		ann := w.joinAs("ann")
		ann.sends("\x1b[2J\xff\x00\n")
		ann.hears("ann: ?[2J??")
		ann.sends(strings.Repeat("é", 100_000) + "\n")
		ann.hears("ann: " + strings.Repeat("é", 256))
		ann.sends("half a li") // and nothing more
	})
}

func TestQuit(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, bob := w.joinAs("ann"), w.joinAs("bob")
		ann.hears("* guest2 joined", "* guest2 is now bob")
		bob.says("goodbye", "/quit", "nobody hears this", "/who")
		bob.hears("* bye, bob", "bob: goodbye", "* bob left")
		bob.hearsEnd()
		ann.hears("bob: goodbye", "* bob left")
		bob.ends()
		w.joinAs("bob") // the name is free
		w.took(0)
	})
}

// A member that ends its side gets what was said before. Its last line needs no end.
func TestHalfClose(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, bob := w.joinAs("ann"), w.joinAs("bob")
		ann.hears("* guest2 joined", "* guest2 is now bob")
		bob.sends("/who\nhello\nthat is all")
		bob.ends()
		bob.hears("* 2 here: ann, bob", "bob: hello", "bob: that is all", "* bob left")
		bob.hearsEnd()
		ann.hears("bob: hello", "bob: that is all", "* bob left")
		w.took(0)
	})
}

// A member that has left must end its side, even if it goes on sending.
func TestQuitAndStay(t *testing.T) {
	for _, isSilent := range []bool{true, false} {
		inWorld(t, func(w *world) {
			ann, bob := w.joinAs("ann"), w.joinAs("bob")
			bob.says("/quit")
			bob.hears("* bye, bob")
			bob.hearsEnd()
			for !isSilent {
				if _, err := bob.Write([]byte("more\n")); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if n := w.room.port.Stats().Handles; n != 2 { // the listener and ann
				w.Errorf("%d handles are open", n)
			}
			ann.says("/who")
			ann.hears("* guest2 joined", "* guest2 is now bob", "* bob left", "* 1 here: ann")
			w.dropped(0)
		})
	}
}

func TestReset(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, bob := w.joinAs("ann"), w.joinAs("bob")
		ann.hears("* guest2 joined", "* guest2 is now bob")
		bob.sends("half a li")
		synctest.Wait()
		w.check(w.network.Reset(bob.Conn))
		ann.hears("* bob left")
		ann.says("hello")
		ann.hears("ann: hello")
	})
}

// fill makes ann speak until the next line would be stuck on its way to deaf: its write is
// in flight.
func (w *world) fill(ann *client) {
	w.Helper()
	line := strings.Repeat("x", mostLine)
	for {
		synctest.Wait()
		for m := range w.room.members {
			if m.isWriting {
				return
			}
		}
		ann.says(line)
		ann.hears(ann.name + ": " + line)
	}
}

func TestSlowMemberTimesOut(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, deaf := w.joinAs("ann"), w.join()
		ann.hears("* guest2 joined")
		w.fill(ann)
		w.took(0)
		ann.hears("* guest2 left") // nobody says anything
		w.took(10*time.Second + announceAfter)
		deaf.isReset()
		w.dropped(1)
	})
}

// A member that is too many messages behind is dropped at once.
func TestSlowMemberIsBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, deaf := w.joinAs("ann"), w.join()
		ann.hears("* guest2 joined")
		w.fill(ann)
		for i := 1; i < leastUnsent; i++ { // the stuck one counts
			ann.says("more")
			ann.hears("ann: more")
		}
		synctest.Wait()
		if n := len(w.room.feed.contents()); n != leastUnsent || len(w.room.members) != 2 {
			w.Errorf("%d messages are kept, %d members are there", n, len(w.room.members))
		}
		ann.says("one more")
		ann.hears("ann: one more", "* guest2 left")
		deaf.isReset()
		w.took(0)
		w.dropped(1)
	})
}

// A member that is behind and reads again gets everything.
func TestLateMember(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, bob := w.joinAs("ann"), w.join()
		ann.hears("* guest2 joined")
		w.fill(ann)
		for i := 1; i < leastUnsent; i++ {
			ann.says(fmt.Sprint("more ", i))
			ann.hears(fmt.Sprint("ann: more ", i))
		}
		time.Sleep(9 * time.Second)
		for bob.line() != "ann: more 15" {
		}
		bob.says("I am back")
		all([]*client{ann, bob}, "guest2: I am back")
		w.dropped(0)
	})
}

// dropped checks how many members were dropped.
func (w *world) dropped(want int) {
	w.Helper()
	synctest.Wait()
	if n := w.room.dropped; n != want {
		w.Errorf("%d members were dropped, want %d", n, want)
	}
}

// A member that asks for more than it takes is dropped.
func TestAsksAndNeverReads(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.joinAs("ann")
		for range mostListed {
			w.join()
		}
		ann.says(strings.Repeat("/who\n", 200)) // of some 500 bytes each
		ann.isReset()
		w.took(0)
		w.dropped(1)
	})
}

// An idle member costs no goroutine, no buffer and no message.
func TestIdleMembers(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.joinAs("ann")
		synctest.Wait()
		goroutines := runtime.NumGoroutine()
		const idle = 100
		for range idle {
			w.join()
		}
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > goroutines+10 { // others may begin and end
			w.Errorf("%d goroutines with %d members, %d with one", n, idle, goroutines)
		}
		if n := w.room.pool.Lent(); n != 0 || w.room.feed.contents() != nil {
			w.Errorf("%d buffers, and the messages %q, for idle members", n, w.room.feed.contents())
		}
		for m := range w.room.members {
			if m.write.Buf != nil || m.lines.partial != nil || m.reply != nil {
				w.Errorf("%s keeps memory", m.name)
			}
		}
		ann.says("/who")
		for line := ""; !strings.HasPrefix(line, "* 101 here: "); {
			line = ann.line()
		}
	})
}

// Members that come and go at the same time are announced together.
func TestManyAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		const many = 40
		ann := w.joinAs("ann")
		var clients []*client
		for range many {
			clients = append(clients, w.dial())
		}
		ann.hears("* guest2, guest3, guest4, guest5, guest6 and 35 more joined")
		for _, c := range clients {
			c.Close()
		}
		if line := ann.line(); !strings.HasSuffix(line, " and 35 more left") {
			w.Errorf("ann hears %q", line)
		}
		ann.says("/who")
		ann.hears("* 1 here: ann")
		w.took(2 * announceAfter)
	})
}

// A member that says too much is read after a pause. It may say the lines of a second at
// once, and what one read returns.
func TestRate(t *testing.T) {
	inWorldWithRate(t, 20, func(w *world) {
		ann := w.join()
		ann.says("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
		synctest.Wait()
		ann.says("11", "12", "13", "14", "15", "16", "17", "18", "19", "20")
		synctest.Wait()
		ann.says("21", "22")
		for i := 1; i <= 22; i++ {
			ann.hears(fmt.Sprint("guest1: ", i))
		}
		w.took(0)
		synctest.Wait()
		ann.says("23")
		ann.hears("guest1: 23")
		w.took(time.Second / 10)
		time.Sleep(time.Hour)
		w.began = time.Now()
		ann.sends(strings.Repeat("\n", 40)) // empty ones count, too
		synctest.Wait()
		ann.says("late")
		ann.hears("guest1: late")
		w.took(time.Second)
	})
}

// Each line reaches each member once, in the same order, though all speak at the same time
// and a flood is among them. No member that reads is dropped.
func TestAllSpeak(t *testing.T) {
	inWorldWithRate(t, 20, func(w *world) {
		const members, flood = 50, 3000
		var clients []*client
		for range members {
			clients = append(clients, w.join())
		}
		heard := make([][]string, members)
		var group sync.WaitGroup
		for i, c := range clients {
			group.Go(func() {
				if i == 0 {
					c.sends(strings.Repeat("a\n", flood))
				}
				c.says(fmt.Sprint("/nick n", i), fmt.Sprint("I am ", i))
			})
			group.Go(func() { heard[i] = c.said(flood + members) })
		}
		group.Wait()
		w.dropped(0)
		for i := range heard {
			if !slices.Equal(heard[i], heard[0]) {
				w.Errorf("member %d hears other lines than the first", i)
			}
			if !slices.Contains(heard[0], fmt.Sprintf("n%d: I am %d", i, i)) {
				w.Errorf("nobody hears member %d", i)
			}
		}
	})
}

// said returns the next n lines that members say.
func (c *client) said(n int) (list []string) {
	for len(list) < n {
		if line := c.line(); strings.Contains(line, ": ") {
			list = append(list, line)
		}
	}
	return list
}

func TestDescriptorsRunOut(t *testing.T) {
	inWorld(t, func(w *world) {
		w.network.Fail("accept", syscall.EMFILE, 3)
		w.began = time.Now()
		ann := w.dial()
		ann.welcomed()
		w.took(3 * acceptPause)
		ann.says("hello")
		ann.hears("* guest1 joined", "guest1: hello")
		if said := w.warning.String(); !strings.Contains(said, "accept") || strings.Count(said, "\n") != 1 {
			w.Errorf("the warning is %q", said)
		}
	})
}

func TestDrain(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, bob := w.joinAs("ann"), w.joinAs("bob")
		ann.says("hello")
		synctest.Wait()
		w.stop()
		ann.hears("* guest2 joined", "* guest2 is now bob", "ann: hello", "* the server stops")
		ann.hearsEnd()
		bob.hears("ann: hello", "* the server stops")
		bob.hearsEnd()
		<-w.ended
		w.took(0)
		w.reports("stopped, all written\n  members      2 joined, 0 dropped\n  said         1 lines in")
	})
}

// A member that never reads delays the end for as long as a write may take.
func TestDrainWhileMemberIsStuck(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, deaf := w.joinAs("ann"), w.join()
		ann.hears("* guest2 joined")
		w.fill(ann)
		w.stop()
		ann.hears("* the server stops")
		ann.hearsEnd()
		if _, err := w.network.Dial("tcp", here); err == nil {
			w.Error("a server that stops accepts a member")
		}
		<-w.ended
		w.took(10 * time.Second)
		deaf.isReset()
	})
}

// A member that reads slowly, but not too slowly for a write, does not delay the end.
func TestDrainWhileMemberIsSlow(t *testing.T) {
	inWorld(t, func(w *world) {
		ann, slow := w.joinAs("ann"), w.join()
		ann.hears("* guest2 joined")
		w.fill(ann)
		const lines = 20_000
		ann.sends(strings.Repeat("x\n", lines))
		ann.said(lines)
		w.stop()
		var reading sync.WaitGroup
		reading.Go(func() {
			var err error
			for piece := make([]byte, 4<<10); err == nil; time.Sleep(time.Second) {
				_, err = io.ReadFull(slow.in, piece)
			}
		})
		<-w.ended
		w.took(10 * time.Second)
		slow.Close()
		reading.Wait()
		w.reports("stopped, cut short: 1 members\n")
	})
}

// A message waits for no more when it is large.
func TestLargeMessages(t *testing.T) {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	r, err := listen(port, options{address: here, unsent: mostUnsent})
	if err != nil {
		t.Fatal(err)
	}
	r.feed.enter() // so that messages are kept
	m, line := &member{room: r, name: "ann"}, []byte(strings.Repeat("x", mostLine))
	for range 1000 {
		m.hear(line)
	}
	for _, text := range r.feed.contents() {
		if n := len(text); n < mostUnsaid || n > mostUnsaid+2*mostLine {
			t.Errorf("a message has %d bytes", n)
		}
	}
	if n := len(r.feed.contents()); n != 7 {
		t.Errorf("%d messages of 1000 lines", n)
	}
}

// reports checks how the report begins.
func (w *world) reports(first string) {
	w.Helper()
	var report strings.Builder
	w.room.report(&report)
	if !strings.HasPrefix(report.String(), first) {
		w.Errorf("the report is\n%s", &report)
	}
}
