package peers

import (
	"log"
	"net"

	"github.com/completionport/completion/bench/internal/echo"
	"github.com/xtaci/gaio"
)

// serveGaio is the echo server of gaio's README: each connection has a buffer, and a
// goroutine for each watcher waits for completions. With several watchers, connections go to
// each in turn, as the README suggests.
//
// Reading without a buffer, into one that the watcher shares, would save the memory of idle
// connections. But a write would have to copy what it sends.
func serveGaio(s echo.Spec, buffer, workers int) (string, error) {
	var watchers []*gaio.Watcher
	for range workers {
		w, err := gaio.NewWatcherSize(buffer)
		if err != nil {
			return "", err
		}
		watchers = append(watchers, w)
		go echoGaio(w)
	}
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		return "", err
	}
	store := s.NewStore()
	go func() {
		for i := 0; ; i++ {
			conn, err := l.Accept() // sets TCP_NODELAY
			if err != nil {
				log.Print("gaio: ", err)
				return
			}
			c := &gaioConn{make([]byte, buffer), newDialogue(store)}
			watchers[i%workers].Read(c, conn, c.buffer)
		}
	}()
	return l.Addr().String(), nil
}

type gaioConn struct {
	buffer   []byte
	dialogue *dialogue
}

func echoGaio(w *gaio.Watcher) {
	for {
		results, err := w.WaitIO()
		if err != nil {
			log.Print("gaio: ", err)
			return
		}
		for _, r := range results {
			if err := nextGaio(w, r); err != nil {
				w.Free(r.Conn)
			}
		}
	}
}

// nextGaio writes what was read, and reads when that is written.
func nextGaio(w *gaio.Watcher, r gaio.OpResult) error {
	c := r.Context.(*gaioConn)
	if r.Error != nil {
		return r.Error
	}
	if r.Operation == gaio.OpRead {
		out, err := c.dialogue.answer(r.Buffer[:r.Size])
		if err != nil {
			return err
		}
		if len(out) > 0 {
			return w.Write(c, r.Conn, out)
		}
	}
	return w.Read(c, r.Conn, c.buffer)
}
