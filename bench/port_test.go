package bench

import (
	"context"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// BenchmarkSubmitComplete measures the cost of an operation without I/O, from Submit until
// it is dequeued.
func BenchmarkSubmitComplete(b *testing.B) {
	b.Run("NextBatch=64", func(b *testing.B) {
		port := open(b)
		batch, into := posts(64), make([]completion.Operation, 64)
		for n := 0; n < b.N; n += len(batch) {
			port.Submit(batch...)
			if n, _ := port.NextBatch(context.Background(), into); n != len(batch) {
				b.Fatalf("dequeued %d of %d", n, len(batch))
			}
		}
	})
	b.Run("Next", func(b *testing.B) {
		port := open(b)
		post := &ops.Post{}
		for range b.N {
			port.Submit(post)
			port.Next(context.Background())
		}
	})
}

// BenchmarkAwait measures the cost of awaiting an operation that ends at once.
func BenchmarkAwait(b *testing.B) {
	port := open(b)
	post := &ops.Post{}
	for range b.N {
		port.Await(context.Background(), post)
	}
}

func open(b *testing.B) *completion.Port {
	port, err := completion.Open(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { port.Close() })
	return port
}

func posts(n int) []completion.Operation {
	batch := make([]completion.Operation, n)
	for i := range batch {
		batch[i] = &ops.Post{}
	}
	return batch
}
