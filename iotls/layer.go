package iotls

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/core"
)

var _ core.Layer = (*layer)(nil)

// largestChunk is how many plain bytes are encrypted at a time: as many as a record has at
// most.
const largestChunk = 16 << 10

// One call moves at most this many plain bytes, so that other connections get their turn.
const (
	largestRead  = 64 << 10
	largestWrite = 128 << 10
)

// largestReceive is about how many encrypted bytes one call receives. Records may be small,
// or have no data.
const largestReceive = 2 * largestRead

var (
	errTorn = fmt.Errorf("iotls: the system may have sent a part of a record of a write that ended early: %w", completion.ErrWriteAborted)
	errFull = errors.New("iotls: the peer demands answers and does not read them")
)

// layer is the TLS of a socket. The engine makes one call at a time for each direction:
// what no other direction uses needs no lock.
type layer struct {
	conn    *tls.Conn
	carrier *carrier
	failed  error // of all further Reads. Used by the direction of reads
	// For the direction of writes:
	shut  bool // a CloseWrite has begun
	ended bool // close-notify is in the outbox, or was
}

// Read decrypts what has arrived.
func (l *layer) Read(p []byte, stopsShort bool) (n int, drained bool, err error) {
	if l.isFull() {
		return 0, false, errFull
	}
	l.carrier.dry, l.carrier.short, l.carrier.left = false, stopsShort, largestReceive
	p = p[:min(len(p), largestRead)]
	for n < len(p) && err == nil {
		var m int
		m, err = l.receive(p[n:])
		n += m
	}
	lost := l.answer()
	isBlocked := err == errBlocked && l.carrier.dry
	if n > 0 || err == errBlocked && !isBlocked && lost != errFull { // the next Read gets the error
		return n, isBlocked, nil
	}
	err = l.errorOf(err)
	if lost == errFull || lost != nil && err == io.ErrUnexpectedEOF { // the system reports a reset once
		err = lost
	}
	return 0, false, err
}

// receive is Read of crypto/tls with errors that are final unless they are temporary.
// crypto/tls goes on after some others, such as that for an unexpected handshake message.
func (l *layer) receive(p []byte) (n int, err error) {
	if l.failed != nil {
		return 0, l.failed
	}
	n, err = l.decrypt(p)
	if err != nil && err != errBlocked && !isTemporary(err) {
		l.failed = err
	}
	return n, err
}

// decrypt, encrypt and encryptEnd call crypto/tls, which may call functions of the Config.
// A panic of theirs is an error of this connection: whichever goroutine it is, it may be at
// work for the whole port, or for a handshake of another socket.
func (l *layer) decrypt(p []byte) (n int, err error) {
	defer recoverTo(&err)
	return l.conn.Read(p)
}

func (l *layer) encrypt(p []byte) (err error) {
	defer recoverTo(&err)
	_, err = l.conn.Write(p)
	return err
}

func (l *layer) encryptEnd() (err error) {
	defer recoverTo(&err)
	return l.conn.CloseWrite()
}

func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("iotls: a panic, perhaps of a function of the config: %v\n\n%s", p, debug.Stack())
	}
}

func isTemporary(err error) bool {
	var temporary carrierError
	return errors.As(err, &temporary)
}

func (l *layer) isFull() bool {
	o := &l.carrier.out
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.full
}

// answer sends what crypto/tls has to answer, as far as possible. Beside a Write that waits
// for room, it tries so only once for each answer. It returns errFull, or a fatal errno that
// a call for answers has got.
func (l *layer) answer() error {
	o := &l.carrier.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.full {
		return errFull
	}
	if o.pending() > 0 && !o.torn && (o.fresh || !o.waits) {
		o.flush(l.carrier.handle)
	}
	return o.lost
}

// errorOf returns the error for the engine.
func (l *layer) errorOf(err error) error {
	var temporary carrierError
	var lost lostError
	switch {
	case err == errBlocked:
		return core.ErrBlocked
	case err == errCut || errors.Is(err, errCut):
		return io.ErrUnexpectedEOF
	case errors.As(err, &lost):
		return lost.err
	case errors.As(err, &temporary):
		return temporary.error
	}
	return err
}

// Write encrypts and sends one chunk after the other. A chunk counts when all of it is with
// the system.
func (l *layer) Write(p []byte, again bool) (n int, owes bool, err error) {
	if l.shut { // also while the outbox waits for room
		return 0, false, core.ErrShut
	}
	for first := true; ; first = false {
		done, err := l.send(!first || again)
		n += done
		switch {
		case n == len(p): // whatever was to be sent besides
			return n, false, nil
		case err != nil:
			return n, l.owes(), err
		case n >= largestWrite:
			return n, false, nil
		}
		if err := l.seal(p[n:]); err != nil {
			return n, false, err
		}
	}
}

// send sends what is in the outbox. It returns how many plain bytes of the Write under way
// are with the system then. Without again, another Write has put them there.
func (l *layer) send(again bool) (n int, err error) {
	o := &l.carrier.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.full {
		return 0, errFull
	}
	if !again {
		o.owed, o.mark = 0, 0
	}
	err = o.flush(l.carrier.handle)
	o.waits = err == core.ErrBlocked
	return o.settle(), err
}

// settle returns how many plain bytes are with the system since the last call.
func (o *outbox) settle() (n int) {
	if o.mark == 0 {
		n, o.owed = o.owed, 0
	}
	return n
}

// owes reports whether the Write under way is in the outbox.
func (l *layer) owes() bool {
	o := &l.carrier.out
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.owed > 0
}

// seal puts a chunk of p into the outbox.
func (l *layer) seal(p []byte) error {
	if l.shut {
		return core.ErrShut
	}
	p = p[:min(len(p), largestChunk)]
	if err := l.encrypt(p); err != nil {
		return err
	}
	return l.expect(len(p))
}

// expect makes all that is in the outbox a part of the Write under way.
func (l *layer) expect(owed int) error {
	o := &l.carrier.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mark, o.owed = o.pending(), owed
	if o.full {
		return errFull
	}
	return nil
}

// CloseWrite sends close-notify.
func (l *layer) CloseWrite() error {
	l.shut = true
	if _, err := l.send(false); err != nil {
		return err
	}
	if err := l.sealEnd(); err != nil {
		return err
	}
	_, err := l.send(false)
	return err
}

// sealEnd puts close-notify into the outbox, once.
func (l *layer) sealEnd() error {
	if l.ended {
		return nil
	}
	if err := l.encryptEnd(); err != nil {
		return err
	}
	l.ended = true
	return nil
}

// Begin returns the bytes for a Native kernel: all that is in the outbox. If a Read has sent
// them meanwhile, with its answers, Begin counts as Ended does.
func (l *layer) Begin(p []byte, again bool) (data []byte, n int, err error) {
	o := &l.carrier.out
	o.mu.Lock()
	torn, full := o.torn, o.full
	o.mu.Unlock()
	switch {
	case torn:
		return nil, 0, errTorn
	case full:
		return nil, 0, errFull
	}
	if !again {
		if err := l.prepare(p); err != nil {
			return nil, 0, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending() == 0 {
		return nil, o.settle(), nil
	}
	o.begun = true
	return (*o.data)[o.sent:], 0, nil
}

// prepare puts a chunk of p into the outbox, or close-notify if p is nil.
func (l *layer) prepare(p []byte) error {
	if p != nil {
		return l.seal(p)
	}
	l.shut = true
	if err := l.sealEnd(); err != nil {
		return err
	}
	return l.expect(0)
}

// Ended takes out what a Native kernel has sent.
func (l *layer) Ended(sent int, unknown bool) (n int, owes bool) {
	o := &l.carrier.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun = false
	if unknown {
		o.torn = true
		return 0, true
	}
	o.hasSent(sent)
	owes = o.mark > 0
	if !owes { // answers, which came meanwhile
		o.flush(l.carrier.handle)
	}
	return o.settle(), owes
}

// Close sends close-notify as far as possible.
func (l *layer) Close() {
	o := &l.carrier.out
	if o.torn || o.full {
		return
	}
	l.sealEnd()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush(l.carrier.handle)
}
