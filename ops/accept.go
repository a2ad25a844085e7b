package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*Accept)(nil)
)

// Accept waits for a connection, as accept(2). A connection that died in the
// backlog is passed over. A lack of descriptors or memory ends the Accept with a
// *net.OpError whose Temporary method returns true, and leaves the listener as it
// was. Submitted again at once, the Accept would fail again: wait with a Timer.
type Accept struct {
	completion.Op
	On *completion.Listener

	// Conn is the connection, nil if the Accept failed. It belongs to the
	// listener's port. If the port was closed meanwhile, so is the connection.
	Conn *completion.Socket
}

// Describe is for the port.
func (a *Accept) Describe(r *core.Request) {
	a.Op.Describe(r)
	r.Kind, r.Handle = backend.Accept, (*core.Handle)(a.On)
}

// Deliver is for the port.
func (a *Accept) Deliver(r core.Result) { a.Conn = (*completion.Socket)(r.Accepted) }
