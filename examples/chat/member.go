package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// member is a connection. It always has a read in flight until its input ends, and at most
// one operation that writes.
type member struct {
	*room
	socket *completion.Socket
	name   string // "" once it has left the conversation
	lines  lines
	reply  []byte // for this member only; it goes before the messages
	place  uint64 // the message that it gets next
	last   uint64 // where it leaves the feed, if isLeaving

	leaveBy completion.Deadline // of its reads, once it leaves
	paidAt  completion.Deadline // when what it has said is in accordance with the rate

	read  ops.Read
	write ops.Write
	end   ops.CloseWrite

	isWriting  bool // write or end is in flight
	ofFeed     bool // the write is of a message of the feed
	isResting  bool // in the list of those that wait for a message
	isLeaving  bool // it says nothing any more, and gets what was said before
	inputEnded bool
	outputDone bool // the peer has got the end of the stream
	isClosed   bool
}

// join adds a member to the conversation.
func (r *room) join(socket *completion.Socket) {
	r.guests++
	m := &member{room: r, socket: socket, name: fmt.Sprintf("guest%d", r.guests)}
	m.read.From, m.read.Pool, m.read.Value = socket, r.pool, m
	m.write.To, m.write.Value, m.write.Timeout = socket, m, r.timeout
	m.end.On, m.end.Value, m.end.Timeout = socket, m, r.timeout // with TLS it needs room
	m.place = r.feed.enter()
	r.members[m] = struct{}{}
	r.names[m.name] = m
	r.joined.add(m.name)
	r.announce()
	m.tell("* welcome, " + m.name + ": /nick NAME, /who, /quit")
	r.port.Submit(&m.read)
}

// received handles what the member has sent.
func (m *member) received() {
	err, count := m.read.Err(), 0
	if err == nil {
		for line := range m.lines.next(m.read.Buf.Bytes()) {
			m.hear(line)
			count++
		}
	}
	m.read.Release()
	switch {
	case m.isClosed:
	case err == nil:
		m.listen(count)
	case errors.Is(err, io.EOF):
		m.hear(m.lines.last())
		m.inputEnded = true
		m.leave()
	case m.outputDone: // it has had the time to end its side
		m.close(nil)
	default:
		m.close(err)
	}
}

// pause ends when a member that has said too much is read again.
type pause struct {
	ops.Timer
	member *member
}

// listen reads on, after count lines. A member may be ahead of the rate by the lines of one
// second. One that is further ahead is read after a pause.
func (m *member) listen(count int) {
	now := completion.Now()
	m.paidAt = max(m.paidAt, now) + completion.Deadline(count)*completion.Deadline(time.Second)/completion.Deadline(m.rate)
	if ahead := m.paidAt.Sub(now) - time.Second; ahead > 0 && !m.isLeaving {
		m.port.Submit(&pause{ops.Timer{After: ahead}, m})
		return
	}
	m.hearOn()
}

// hearOn reads what the member says next.
func (m *member) hearOn() {
	m.read.Deadline = m.leaveBy
	m.port.Submit(&m.read)
}

// sent goes on after a write.
func (m *member) sent() {
	m.isWriting, m.write.Buf = false, nil
	err := m.write.Err()
	switch {
	case m.isClosed:
	case err != nil:
		m.close(err)
	default:
		if m.ofFeed {
			m.feed.advance(&m.place)
		}
		m.send()
	}
}

// send writes what the member has to get next: a reply, or a message, or the end of the
// stream. If there is nothing, the member rests until the next flush.
func (m *member) send() {
	switch {
	case m.isWriting || m.isClosed:
		return
	case m.reply != nil:
		m.write.Buf, m.reply, m.ofFeed = completion.Own(m.reply), nil, false
		m.submit(&m.write)
	case m.isLeaving && m.place >= m.last:
		m.submit(&m.end)
	case m.feed.has(m.place):
		m.write.Buf, m.ofFeed = m.feed.get(m.place), true
		m.submit(&m.write)
	case !m.isResting:
		m.isResting = true
		m.resting = append(m.resting, m)
	}
}

// submit submits an operation that writes. Its only error is a closed port, which has
// closed the socket.
func (m *member) submit(op completion.Operation) { m.isWriting = m.port.Submit(op) == nil }

// tell sends a line to this member only. A member that asks for more than it takes is
// dropped.
func (m *member) tell(line string) {
	m.reply = append(append(m.reply, line...), '\n')
	if len(m.reply) > mostReply {
		m.close(errSlow)
		return
	}
	m.send()
}

// leave ends what the member says. It still gets what was said before, and then the end of
// the stream. It has the time of a write to end its side.
func (m *member) leave() {
	if m.isLeaving || m.isClosed {
		m.closeIfDone()
		return
	}
	m.forget()
	m.isLeaving, m.last = true, m.feed.next
	if len(m.unsaid) > 0 {
		m.last++
	}
	m.leaveBy = completion.After(m.timeout)
	m.send()
}

// ended goes on after the end of the output.
func (m *member) ended() {
	m.isWriting, m.outputDone = false, true
	if err := m.end.Err(); err != nil {
		m.close(err)
		return
	}
	m.closeIfDone()
}

// closeIfDone closes a member whose input and output have both ended. A room that stops
// does not wait for the input.
func (m *member) closeIfDone() {
	if m.outputDone && (m.inputEnded || m.isStopping) {
		m.close(nil)
	}
}

// forget takes the member out of the conversation, and announces that.
func (m *member) forget() {
	if m.name == "" {
		return
	}
	delete(m.names, m.name)
	m.left.add(m.name)
	m.announce()
	m.name = ""
}

// close closes the connection. With an error, it is reset: otherwise the system would keep
// the bytes that the member does not take.
func (m *member) close(why error) {
	if m.isClosed {
		return
	}
	m.isClosed = true
	m.forget()
	if why != nil && !errors.Is(why, net.ErrClosed) {
		m.dropped++
		m.socket.SetResetOnClose(true)
	}
	m.socket.Close()
	m.feed.leave(m.place)
	delete(m.members, m)
	m.reply, m.lines.partial = nil, nil
	m.room.closeIfDone()
}
