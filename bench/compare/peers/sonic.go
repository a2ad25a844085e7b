package peers

import (
	"log"

	"github.com/completionport/completion/bench/internal/echo"
	"github.com/talostrading/sonic"
	"github.com/talostrading/sonic/sonicopts"
)

// serveSonic is sonic's example echo/async_server, which goes on after the first message. All
// runs on one goroutine: an IO has no further loops.
//
// The functions that run at a completion are made once for each connection. Run waits in
// epoll_wait, as the other programs do; RunWarm would poll for a while, at the cost of CPU.
func serveSonic(s echo.Spec, buffer, _ int) (string, error) {
	ioc, err := sonic.NewIO()
	if err != nil {
		return "", err
	}
	l, err := sonic.Listen(ioc, "tcp", anyPort, sonicopts.Nonblocking(true), sonicopts.NoDelay(true))
	if err != nil {
		return "", err
	}
	store := s.NewStore()
	var accepted sonic.AcceptCallback
	accepted = func(err error, conn sonic.Conn) {
		if err != nil {
			log.Print("sonic: ", err)
			return
		}
		c := &sonicConn{conn: conn, buffer: make([]byte, buffer), dialogue: newDialogue(store)}
		c.onRead, c.onWritten = c.read, c.written
		conn.AsyncRead(c.buffer, c.onRead)
		l.AsyncAccept(accepted)
	}
	l.AsyncAccept(accepted)
	go func() { log.Print("sonic: ", ioc.Run()) }()
	return addressOf(l.RawFd())
}

type sonicConn struct {
	conn              sonic.Conn
	buffer            []byte
	dialogue          *dialogue
	onRead, onWritten sonic.AsyncCallback
}

func (c *sonicConn) read(err error, n int) {
	var out []byte
	if err == nil {
		out, err = c.dialogue.answer(c.buffer[:n])
	}
	switch {
	case err != nil:
		c.conn.Close()
	case len(out) == 0:
		c.conn.AsyncRead(c.buffer, c.onRead)
	default:
		c.conn.AsyncWriteAll(out, c.onWritten)
	}
}

func (c *sonicConn) written(err error, _ int) {
	if err != nil {
		c.conn.Close()
		return
	}
	c.conn.AsyncRead(c.buffer, c.onRead)
}
