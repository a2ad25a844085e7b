package main

import (
	"fmt"
	"testing"
)

// contents returns the messages that the feed keeps.
func (f *feed) contents() (list []string) {
	for n := f.first; n < f.next; n++ {
		list = append(list, string(f.get(n).Bytes()))
	}
	return list
}

func checkFeed(t *testing.T, f *feed, isFull bool, want ...string) {
	t.Helper()
	if got := f.contents(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the feed keeps %q, want %q", got, want)
	}
	kept := 0
	for _, m := range f.messages {
		if m != nil {
			kept++
		}
	}
	if kept != len(want) || f.isFull() != isFull {
		t.Errorf("%d messages are kept, want %d; full: %v, want %v", kept, len(want), f.isFull(), isFull)
	}
}

func publish(f *feed, texts ...string) {
	for _, text := range texts {
		f.publish([]byte(text))
	}
}

func TestFeed(t *testing.T) {
	f := newFeed(3)
	publish(f, "a", "b", "c", "d") // nobody reads
	checkFeed(t, f, false)
	slow := f.enter()
	publish(f, "e")
	message := f.get(slow)
	fast := f.enter()
	publish(f, "f", "g")
	checkFeed(t, f, true, "e", "f", "g")
	for _, want := range []string{"f", "g"} {
		if got := string(f.get(fast).Bytes()); !f.has(fast) || got != want {
			t.Errorf("the fast reader gets %q, want %q", got, want)
		}
		f.advance(&fast)
	}
	if f.has(fast) {
		t.Error("the fast reader gets more than there is")
	}
	checkFeed(t, f, true, "e", "f", "g")
	f.advance(&slow)
	message.Resize(0) // it is not shared any more
	checkFeed(t, f, false, "f", "g")
	publish(f, "h")
	checkFeed(t, f, true, "f", "g", "h")
	f.leave(slow)
	checkFeed(t, f, false, "h")
	f.advance(&fast)
	checkFeed(t, f, false)
	publish(f, "i")
	checkFeed(t, f, false, "i")
	f.leave(fast)
	checkFeed(t, f, false)
}
