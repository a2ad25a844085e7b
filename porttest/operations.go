package porttest

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// newPost is a post that carries a value.
func newPost(value any) *ops.Post { return &ops.Post{Op: completion.Op{Value: value}} }

// releaseBuffer releases the buffer that a pooled read has delivered.
func releaseBuffer(op completion.Operation) {
	if r, ok := op.(*ops.Read); ok && r.Pool != nil && r.Buf != nil {
		r.Buf.Release()
	}
}
