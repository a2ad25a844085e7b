package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Poll)(nil)

// Poll waits until a socket is ready, as poll(2), and moves no bytes. It is for programs that
// make the system calls themselves, mostly through a library: see Port.Watch. A Poll completes
// once, when a read of the socket would not wait, because there are bytes, the end of the
// stream or an error. N is 0. Another goroutine or process may read the bytes first, so the
// program must follow a Poll with calls that do not block.
//
// Several Polls of one socket may be in flight. All Polls of one direction end when the socket
// is ready. A Poll has its place in the queue of its direction: a Poll for reading waits for
// the Reads before it, a Poll for writing for the Writes, and the operations behind a Poll wait
// for it. Port.Shutdown ends a Poll for reading, and performs a Poll for writing as it performs
// a Write.
//
// On Windows, a Poll with Write ends with an error that matches errors.ErrUnsupported. With TLS
// (package iotls), every Poll does, since readiness of the socket says nothing about decrypted
// bytes.
type Poll struct {
	completion.Op

	// On is the socket.
	On *completion.Socket

	// Write selects readiness for writing: the Poll ends when a Write of some bytes would
	// not wait.
	Write bool
}

// Describe is for the port.
func (o *Poll) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.PollIn, (*core.Handle)(o.On)
	if o.Write {
		r.Kind = backend.PollOut
	}
}
