package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Poll)(nil)

// Poll waits until a socket is ready, as poll(2), and moves nothing. It is for programs that
// make the calls themselves, mostly through a library: see Port.Watch. It ends once, when a
// read of the socket would not wait: since there are bytes, or the end of the stream, or an
// error. Its N is 0. Whoever is first may take the bytes, so the call that follows must not
// block.
//
// Several Polls of one socket may be in flight. All of one direction end as soon as the
// socket is ready. A Poll has a place in the order of its direction: it waits for the Reads
// before it, or for the Writes, and those behind it wait for the Poll. Port.Shutdown ends a
// Poll for reading, and performs a Poll for writing, as a Write.
//
// On Windows, a Poll with Write ends with an error that matches errors.ErrUnsupported. With TLS
// (package iotls), every Poll does, since the socket says nothing about plain bytes.
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
