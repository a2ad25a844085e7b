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

// Timer ends when After has passed since its Submit. If After is zero or negative, it
// ends at once. Timers that have to wait end in the order in which they are due. If
// the Deadline or the Timeout of a Timer comes first, the Timer ends with
// os.ErrDeadlineExceeded.
//
// A Timer that is submitted again after each end is late by a little more each time. For fixed
// moments, such as those of a clock, compute After from the next moment before each Submit.
type Timer struct {
	completion.Op

	// After is the duration from Submit to the end of the Timer.
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

// Post ends at once. It carries its Value, or the struct that embeds it, to the
// goroutine that dequeues it, as PostQueuedCompletionStatus does.
type Post struct{ completion.Op }

// Describe is for the port.
func (o *Post) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind = backend.Post
}
