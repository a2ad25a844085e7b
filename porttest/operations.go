package porttest

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// newPost is a post that carries a value.
func newPost(value any) *ops.Post { return &ops.Post{Op: completion.Op{Value: value}} }

// releaseBuffer gives back what an operation that nobody looked at brought.
func releaseBuffer(op completion.Operation) {
	if r, ok := op.(*ops.Read); ok && r.Pool != nil && r.Buf != nil {
		r.Buf.Release()
	}
}
