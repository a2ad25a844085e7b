package porttest

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// newPost is a post that carries a value.
func newPost(value any) *ops.Post { return &ops.Post{Op: completion.Op{Value: value}} }

// releaseBuffer releases the buffer that a pooled read has delivered.
func releaseBuffer(op completion.Operation) {
	switch r := op.(type) {
	case *ops.Read:
		r.Release()
	case *ops.ReadAt:
		r.Release()
	case *ops.ReadFrom:
		r.Release()
	case *ops.ReadBatch:
		r.Release()
	}
}
