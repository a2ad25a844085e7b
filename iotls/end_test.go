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
