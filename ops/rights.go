package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*ReadRights)(nil)
	_ completion.Operation = (*WriteRights)(nil)
)

// ReadRights is a Read of a unix stream that also receives descriptors and credentials, as
// recvmsg(2). It ends when some bytes have arrived. It never reads past the bytes of a WriteRights
// with descriptors, but may deliver earlier bytes together with them. All other reads close the
// descriptors that arrive with their bytes. On any other stream, a ReadRights is a Read. For
// datagrams, see RecvMsg.
type ReadRights struct {
	completion.Op

	// From is the socket.
	From *completion.Socket

	// Buf is the buffer to read into, from the start of its memory, as that of a Read.
	Buf *completion.Buffer

	// Rights are the descriptors and credentials that came with the bytes. The port sets all
	// fields. Set the capacity of Rights.Descriptors before each Submit. The port does not close
	// the descriptors of the last use.
	Rights completion.Rights

	vector  core.Vector
	buffer  [1]*completion.Buffer
	control backend.Control
}

// Describe is for the port.
func (o *ReadRights) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Read, (*core.Handle)(o.From)
	o.buffer[0] = o.Buf
	r.Vector = vectorOf(&o.vector, o.buffer[:])
	o.control = backend.Control{Descriptors: o.Rights.Descriptors[:0]}
	o.vector.Control = &o.control
}

// Deliver is for the port.
func (o *ReadRights) Deliver(core.Result) { receivedRights(&o.Rights, &o.control) }

// WriteRights is a Write on a unix stream that sends descriptors and credentials with its first
// byte, as sendmsg(2). The documentation of Write holds for it. If N is above 0, the
// descriptors and credentials were sent. Rights with an empty Buf are a mistake: Submit panics.
// For datagrams, see SendMsg.
type WriteRights struct {
	completion.Op

	// To is the socket.
	To *completion.Socket

	// Buf is the buffer to send, up to its length, as that of a Write.
	Buf *completion.Buffer

	// Rights are the descriptors and credentials to send with the first byte.
	Rights completion.Rights

	vector      core.Vector
	buffer      [1]*completion.Buffer
	control     backend.Control
	descriptors []int
}

// Describe is for the port.
func (o *WriteRights) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Write, (*core.Handle)(o.To)
	o.buffer[0] = o.Buf
	r.Vector = vectorOf(&o.vector, o.buffer[:])
	o.control = backend.Control{}
	o.descriptors = rightsToSend(&o.control, &o.Rights, o.descriptors)
	o.vector.Control = &o.control
}
