package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// mail counts datagrams.
type mail struct {
	sent, back atomic.Uint64
	lost       atomic.Uint64 // on purpose
	hit        atomic.Uint64 // operations that a fault has ended
}

// mailer sends datagrams to a mailroom, which sends them back. Each of them comes back once
// and whole, or not at all.
type mailer struct {
	*world
	port   *completion.Port
	style  style
	random *rand.Rand
	seed   uint64
	number uint64 // of the last datagram
	to     netip.AddrPort

	// lose makes the next datagrams to the mailroom disappear. If it is nil, nobody knows
	// which datagrams are lost: then a read has a timeout.
	lose func(n int)

	socket    *completion.PacketSocket
	connected bool
	away      map[uint64]bool // have been sent, and have not come back
	empty     int             // the same of those without bytes: their number
	owed      int             // how many of this round must come back
	losing    int             // how many of this round are lost

	one   ops.WriteTo
	batch ops.WriteBatch
	read  ops.ReadFrom
	reads ops.ReadBatch
	in    [largestBatch]completion.Buffer
	out   [largestBatch]completion.Buffer
	bytes [largestBatch][largestLetter]byte
}

func (w *world) newMailer(port *completion.Port, number int, to netip.AddrPort) *mailer {
	m := &mailer{world: w, port: port, to: to, random: rand.New(rand.NewPCG(w.seed, uint64(number)<<32))}
	m.seed = m.random.Uint64()
	m.style = awaiting{port}
	if number%2 == 0 {
		m.style = queued{port}
	}
	for i := range m.in {
		m.in[i].Set(make([]byte, largestLetter+1))
	}
	return m
}

// run sends datagrams until the world stops.
func (m *mailer) run() {
	for first := true; first || !m.stopping.Load(); first = false {
		if !m.open() {
			continue
		}
		for rounds := 1 + m.random.IntN(20); rounds > 0 && m.post() && m.collect(); rounds-- {
		}
		if m.random.IntN(4) == 0 {
			m.leave()
		}
		m.socket.Close()
		if m.lose != nil { // or it takes the processors of those that wait for a network
			time.Sleep(time.Millisecond)
		}
	}
}

// open opens a socket, which is connected or not.
func (m *mailer) open() bool {
	m.away, m.empty, m.owed = map[uint64]bool{}, 0, 0
	var err error
	if m.connected = m.random.IntN(2) == 0; m.connected {
		m.socket, err = m.port.DialPacket("udp4", m.to.String())
	} else {
		m.socket, err = m.port.ListenPacket("udp4", "127.0.0.1:0")
	}
	if err != nil {
		if !isOneOf(err, lost) {
			m.fail(fmt.Errorf("mailer: socket: %w", err))
		}
		return false
	}
	m.socket.SetReadBuffer(1 << 20)
	return true
}

// begin gives an operation to the port, which accepts all of them.
func (m *mailer) begin(op completion.Operation) {
	if err := m.style.begin(op); err != nil {
		panic(err) // the port is closed after the last mailer
	}
}

// do performs an operation, and cancels it now and then.
func (m *mailer) do(op completion.Operation) error {
	m.begin(op)
	if m.random.Float64() < float64(m.faults) {
		m.disturbances.Add(1)
		m.port.Cancel(op)
	}
	m.style.end(op)
	return op.Err()
}

// mayFail reports whether an operation may have ended with err. The socket goes on.
func (m *mailer) mayFail(what string, err error) bool {
	switch {
	case err == nil || m.faults > 0 && errors.Is(err, completion.ErrCanceled):
		return true
	case m.lose == nil && errors.Is(err, os.ErrDeadlineExceeded):
		return true
	case m.faults > 0 && isOneOf(err, lost):
		m.mail.hit.Add(1)
		return true
	}
	m.fail(fmt.Errorf("mailer %x: %s: %w, though nothing disturbed it", m.seed, what, err))
	return false
}

// post sends some datagrams, one by one or at once.
func (m *mailer) post() bool {
	n := 1 + m.random.IntN(1+m.random.IntN(largestBatch)) // mostly few
	m.owed = 0
	if m.lose != nil {
		m.losing = m.random.IntN(2) * m.random.IntN(n+1)
		m.lose(m.losing)
	}
	messages := m.write(n)
	if m.random.IntN(2) == 0 {
		return m.postAtOnce(messages)
	}
	for _, message := range messages {
		m.one = ops.WriteTo{To: m.socket, Buf: message.Buf, Addr: message.Addr}
		err := m.do(&m.one)
		if err == nil {
			m.haveSent(message.Buf.Bytes())
		}
		if m.one.N() != 0 && (err != nil || m.one.N() != message.Buf.Len()) {
			m.fail(fmt.Errorf("mailer %x: a WriteTo sends %d of %d bytes: %w", m.seed, m.one.N(), message.Buf.Len(), err))
		}
		if !m.mayFail("write", err) {
			return false
		}
	}
	return true
}

// write returns n new datagrams. A few of them have no bytes.
func (m *mailer) write(n int) []ops.Message {
	messages := make([]ops.Message, n)
	for i := range n {
		p := m.bytes[i][:0]
		if m.random.IntN(20) > 0 {
			m.number++
			p = fillLetter(m.bytes[i][:], m.seed, m.number)
		}
		m.out[i].Set(p)
		messages[i].Buf = &m.out[i]
		if !m.connected {
			messages[i].Addr = m.to
		}
	}
	return messages
}

// postAtOnce sends datagrams in a batch. Those behind the one that fails are not sent.
func (m *mailer) postAtOnce(messages []ops.Message) bool {
	m.batch = ops.WriteBatch{To: m.socket, Messages: messages}
	err := m.do(&m.batch)
	if all := m.batch.Count == len(messages); all != (err == nil) {
		m.fail(fmt.Errorf("mailer %x: %d of %d datagrams are sent: %w", m.seed, m.batch.Count, len(messages), err))
	}
	for _, message := range messages[:m.batch.Count] {
		m.haveSent(message.Buf.Bytes())
	}
	return m.mayFail("batch", err)
}

// haveSent notes a datagram that has left.
func (m *mailer) haveSent(p []byte) {
	m.mail.sent.Add(1)
	m.owed++
	if len(p) == 0 {
		m.empty++
		return
	}
	number, _ := checkLetter(p, m.seed)
	m.away[number] = true
}

// patienceOfMailers is how long a mailer waits for a datagram that may be lost.
const patienceOfMailers = 20 * time.Millisecond

// collect reads until all is back, or nothing comes any more.
func (m *mailer) collect() bool {
	lost := min(m.losing, m.owed)
	m.owed -= lost
	m.mail.lost.Add(uint64(lost))
	for m.owed > 0 {
		var err error
		before := m.owed
		if m.random.IntN(2) == 0 {
			err = m.collectOne()
		} else {
			err = m.collectBatch()
		}
		if !m.mayFail("read", err) {
			return false
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && m.owed == before {
			break
		}
	}
	return m.failure.Load() == nil
}

func (m *mailer) timeout() completion.Op {
	if m.lose != nil {
		return completion.Op{}
	}
	return completion.Op{Timeout: patienceOfMailers}
}

func (m *mailer) collectOne() error {
	m.read = ops.ReadFrom{Op: m.timeout(), From: m.socket, Buf: &m.in[0]}
	err := m.do(&m.read)
	if err == nil {
		m.came(m.read.Buf.Bytes(), m.read.Addr)
	}
	return err
}

func (m *mailer) collectBatch() error {
	m.reads = ops.ReadBatch{Op: m.timeout(), From: m.socket}
	for i := range 1 + m.random.IntN(largestBatch) {
		m.reads.Messages = append(m.reads.Messages, ops.Message{Buf: &m.in[i]})
	}
	err := m.do(&m.reads)
	for _, message := range m.reads.Messages[:m.reads.Count] {
		m.came(message.Buf.Bytes(), message.Addr)
	}
	return err
}

// came checks a datagram: it was sent, and has not come before.
func (m *mailer) came(p []byte, from netip.AddrPort) {
	m.owed--
	m.mail.back.Add(1)
	if from != m.to {
		m.fail(fmt.Errorf("mailer %x: a datagram is from %v, not from %v", m.seed, from, m.to))
	}
	if len(p) == 0 {
		if m.empty--; m.empty < 0 {
			m.fail(fmt.Errorf("mailer %x: more datagrams without bytes come back than were sent", m.seed))
		}
		return
	}
	switch number, err := checkLetter(p, m.seed); {
	case err != nil:
		m.fail(fmt.Errorf("mailer %x: %w", m.seed, err))
	case !m.away[number]:
		m.fail(fmt.Errorf("mailer %x: datagram %d comes twice, or was never sent", m.seed, number))
	default:
		delete(m.away, number)
	}
}

// leave closes the socket with operations in flight.
func (m *mailer) leave() {
	m.read = ops.ReadFrom{From: m.socket, Buf: &m.in[0]}
	m.begin(&m.read)
	m.socket.Close()
	m.style.end(&m.read)
	switch err := m.read.Err(); {
	case err == nil:
		m.came(m.read.Buf.Bytes(), m.read.Addr)
	case !isOneOf(err, followUps):
		m.mayFail("read of a closed socket", err)
	}
}
