package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// named is the name of an operation, for the output.
type named struct {
	name string
	op   completion.Operation
}

// closed ends a loop that waits by closing its port from another goroutine: this one.
func closed(ctx context.Context, out io.Writer, port *completion.Port, address string) error {
	fmt.Fprintln(out, "a loop that another goroutine ends:")
	waiting, err := endless(ctx, port, address)
	if err != nil {
		return err
	}
	delivered, looped := make(chan completion.Operation, 10), make(chan struct{})
	go func() { // the loop knows nothing of what is submitted
		for op := range port.Completions(context.Background()) {
			delivered <- op
		}
		close(looped)
	}()

	for _, w := range append(waiting, named{"post", new(ops.Post)}) {
		if err := port.Submit(w.op); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "  from this goroutine to the loop: a %T\n", <-delivered)
	if err := port.Close(); err != nil {
		return err
	}
	<-looped
	fmt.Fprintf(out, "  the port is closed, the loop has ended, %d operations were delivered\n", len(delivered))
	for _, w := range waiting {
		fmt.Fprintf(out, "  %s: %v\n", w.name, w.op.Err())
	}
	fmt.Fprintf(out, "  another submit: %v\n", port.Submit(new(ops.Post)))
	return nil
}

// endless returns operations that would be in flight for long.
func endless(ctx context.Context, port *completion.Port, address string) ([]named, error) {
	listener, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	socket, err := port.Dial(ctx, "tcp", address) // the server waits for a request
	return []named{
		{"accept", &ops.Accept{On: listener}},
		{"read", &ops.Read{From: socket, Buf: completion.Own(make([]byte, 1))}},
		{"timer", &ops.Timer{After: time.Hour}},
	}, err
}
