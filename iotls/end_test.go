package iotls_test

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// torn is a socket whose peer can send a part of a record, and nothing is left to read of
// the handshake.
type torn struct {
	*completion.Socket
	raw    net.Conn
	record []byte
}

func (p *place) newTorn() *torn {
	p.Helper()
	s, raw := p.pair()
	between := &holding{Conn: raw}
	peer := p.secure(s, between, serverConfig, clientConfig, false)
	peer.Write([]byte("x"))
	p.must(&ops.Read{From: s, Buf: own(make([]byte, 1)), Full: true})
	idle := &ops.Read{From: s, Buf: own(make([]byte, 1))}
	p.port.Submit(idle) // finds nothing
	p.cutShort(idle, false)
	between.holds = true
	peer.Write([]byte("hello"))
	return &torn{s, raw, between.held}
}

// The end of the connection behind a part of a record ends the Read, also if one event
// reports both.
func TestEndBehindPartOfRecord(t *testing.T) {
	for _, part := range []int{1, 4, 5, 10} {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			everywhere(t, func(p *place) {
				s := p.newTorn()
				s.raw.Write(s.record[:part])
				s.raw.Close()
				p.untilBlocked()
				read := &ops.Read{From: s.Socket, Buf: own(make([]byte, 10))}
				if err := p.await(read); err != io.ErrUnexpectedEOF {
					p.Errorf("read: %v", err)
				}
			})
		})
	}
}

// So it does if the Read waits already.
func TestEndBehindPartWhileReading(t *testing.T) {
	everywhere(t, func(p *place) {
		s := p.newTorn()
		read := &ops.Read{From: s.Socket, Buf: own(make([]byte, 10))}
		p.port.Submit(read)
		s.raw.Write(s.record[:7])
		s.raw.Close()
		p.delivered(read, io.ErrUnexpectedEOF)
	})
}

// A reset behind a part of a record ends the Read, too.
func TestResetBehindPartOfRecord(t *testing.T) {
	everywhere(t, func(p *place) {
		s := p.newTorn()
		tcp, ok := s.raw.(*net.TCPConn)
		if !ok {
			p.Skip("no resets in memory")
		}
		tcp.Write(s.record[:7])
		tcp.SetLinger(0)
		tcp.Close()
		p.untilBlocked()
		if err := p.await(&ops.Read{From: s.Socket, Buf: own(make([]byte, 10))}); err == nil {
			p.Error("the read succeeds")
		}
	})
}

// unexpected is a handshake message that no peer may send behind a handshake, Finished.
var unexpected = []byte{20, 0, 0, 0}

// An error of crypto/tls ends the next Read if data came before it.
func TestErrorBehindData(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.newUpdater()
		peer.Write(append(peer.record(typeData, []byte("data")), peer.record(typeHandshake, unexpected)...))
		p.untilBlocked()
		read := &ops.Read{From: s, Buf: own(make([]byte, 100))}
		p.must(read)
		if got := string(read.Buf.Bytes()); got != "data" {
			p.Errorf("read %q", got)
		}
		if err := p.await(read); err == nil {
			p.Errorf("the next read gets %q", read.Buf.Bytes())
		}
	})
}

// An error of crypto/tls ends all later Reads, also if it would go on.
func TestErrorIsFinal(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.newUpdater()
		peer.Write(peer.record(typeHandshake, unexpected))
		read := &ops.Read{From: s, Buf: own(make([]byte, 100))}
		err := p.await(read)
		if err == nil {
			p.Fatal("the read succeeds")
		}
		peer.Write(peer.record(typeData, []byte("after")))
		if again := p.await(read); again != err {
			p.Errorf("read: %v, then %v", err, again)
		}
		if err := p.await(&ops.Write{To: s, Buf: own([]byte("x"))}); err == nil {
			p.Error("a write succeeds")
		}
	})
}
