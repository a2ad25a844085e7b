package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*Accept)(nil)
)

// Accept accepts one connection, as accept(2). It ignores a connection that died in the
// backlog. A lack of descriptors or memory ends the Accept with a *net.OpError whose
// Temporary method returns true, and does not change the listener. An Accept that is
// submitted again at once would fail again: wait with a Timer first.
type Accept struct {
	completion.Op

	// On is the listener.
	On *completion.Listener

	// Conn is the connection, or nil if the Accept failed. It belongs to the port of
	// the listener. If that port was closed meanwhile, the connection is closed, too.
	Conn *completion.Socket
}

// Describe is for the port.
func (a *Accept) Describe(r *core.Request) {
	a.Op.Describe(r)
	r.Kind, r.Handle = backend.Accept, (*core.Handle)(a.On)
}

// Deliver is for the port.
func (a *Accept) Deliver(r core.Result) { a.Conn = (*completion.Socket)(r.Accepted) }
