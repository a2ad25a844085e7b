package main

import "github.com/completionport/completion"

// feed is the conversation: numbered messages of one or more lines, each in a shared
// buffer. A reader has a place, the number of the message that it gets next. A message is
// kept as long as a reader has its place there or before, so an idle room keeps none.
type feed struct {
	messages    []*completion.Buffer // by number, modulo their count
	readers     []int                // how many have their place there, by number, also at next
	first, next uint64               // the messages that are kept: from first to next-1
}

// newFeed returns a feed that keeps at most size messages.
func newFeed(size int) *feed {
	return &feed{messages: make([]*completion.Buffer, size), readers: make([]int, size+1)}
}

func (f *feed) message(n uint64) **completion.Buffer {
	return &f.messages[n%uint64(len(f.messages))]
}

func (f *feed) at(n uint64) *int { return &f.readers[n%uint64(len(f.readers))] }

// enter adds a reader. It gets the messages that are published from now on.
func (f *feed) enter() (place uint64) {
	*f.at(f.next)++
	return f.next
}

// leave removes a reader.
func (f *feed) leave(place uint64) {
	*f.at(place)--
	f.trim()
}

// advance moves a reader to the next message.
func (f *feed) advance(place *uint64) {
	*f.at(*place)--
	*place++
	*f.at(*place)++
	f.trim()
}

// has reports whether the message of that number is there.
func (f *feed) has(n uint64) bool { return n < f.next }

// get returns a message. It is shared: the caller may write from it, and not change it.
func (f *feed) get(n uint64) *completion.Buffer { return *f.message(n) }

// isFull reports whether publish has no room: then the readers at the first message are too
// slow.
func (f *feed) isFull() bool { return f.next-f.first == uint64(len(f.messages)) }

// publish adds a message. The feed must not be full, and the caller must not use text any
// more.
func (f *feed) publish(text []byte) {
	b := completion.Own(text)
	b.Share()
	*f.message(f.next) = b
	f.next++
	f.trim()
}

// trim releases the messages that no reader needs any more. Writes that are in flight still
// hold theirs.
func (f *feed) trim() {
	for f.first < f.next && *f.at(f.first) == 0 {
		m := f.message(f.first)
		(*m).Release()
		*m = nil
		f.first++
	}
}
