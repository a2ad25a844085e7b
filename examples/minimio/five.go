package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

const (
	requests   = 5
	mostAnswer = 1 << 10
)

// request is a connection to the slow server. One of its operations is in flight at any
// time: dial, then write, then read until the server ends the stream.
type request struct {
	number, delay int
	dial          ops.Dial
	write         ops.Write
	read          ops.Read
}

// five sends five requests, the slowest first, and prints the responses as they come.
func five(ctx context.Context, out io.Writer, port *completion.Port, address string) error {
	fmt.Fprintln(out, "five slow responses on one port:")
	begun := completion.Now()
	for number := 1; number <= requests; number++ {
		r := &request{number: number, delay: requests + 1 - number}
		r.dial = ops.Dial{Network: "tcp", Address: address, Op: completion.Op{Value: r}}
		if err := port.Submit(&r.dial); err != nil {
			return err
		}
	}
	left := requests
	for op := range port.Completions(ctx) {
		response, err := next(port, op)
		switch {
		case err != nil:
			return err
		case response != "":
			number, after := op.(*ops.Read).Value.(*request).number, completion.Now().Sub(begun).Round(delayUnit)
			fmt.Fprintf(out, "  after %v: request %d has its %s\n", after, number, response)
			left--
		}
		if left == 0 {
			return nil
		}
	}
	return ctx.Err()
}

// next does what follows an operation that is complete. It returns the response when that
// was the last one of its request.
func next(port *completion.Port, op completion.Operation) (response string, err error) {
	switch op := op.(type) {
	case *ops.Dial:
		if err := op.Err(); err != nil {
			return "", err
		}
		r := op.Value.(*request)
		text := fmt.Appendf(nil, "GET /delay/%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", r.delay)
		r.write = ops.Write{To: op.Conn, Buf: completion.Own(text), Op: completion.Op{Value: r}}
		return "", port.Submit(&r.write)
	case *ops.Write:
		if err := op.Err(); err != nil {
			return "", err
		}
		r := op.Value.(*request)
		buffer := completion.Own(make([]byte, mostAnswer))
		buffer.Resize(0)
		r.read = ops.Read{From: op.To, Buf: buffer, Append: true, Op: completion.Op{Value: r}}
		return "", port.Submit(&r.read)
	case *ops.Read:
		switch err := op.Err(); {
		case err == nil:
			return "", port.Submit(op) // more of the response
		case !errors.Is(err, io.EOF):
			return "", err
		}
		op.From.Close()
		head, body, ok := strings.Cut(string(op.Buf.Bytes()), "\r\n\r\n")
		if !ok || !strings.HasPrefix(head, "HTTP/1.1 200 ") {
			return "", fmt.Errorf("the server answers %q", op.Buf.Bytes())
		}
		return body, nil
	}
	return "", fmt.Errorf("unexpected %T", op)
}
