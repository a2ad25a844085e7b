package ops

import (
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*Timer)(nil)
	_ completion.Operation = (*Post)(nil)
)

// Timer ends when After has gone by since it was submitted, at once if that is
// zero or negative. Timers that have to wait end in the order in which they are
// due. Its Deadline, if that comes first, ends it with an error.
type Timer struct {
	completion.Op
	After time.Duration
}

// Describe is for the port.
func (o *Timer) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Due = backend.Timer, 1 // long ago
	if o.After > 0 {
		r.Due = int64(completion.After(o.After))
	}
}

// Post ends at once. It carries its Value, or the type that embeds it, to
// whoever dequeues it, as PostQueuedCompletionStatus does.
type Post struct{ completion.Op }

// Describe is for the port.
func (o *Post) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind = backend.Post
}
