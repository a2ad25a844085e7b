// Package bubble has tests to copy: services on a completion.Memory, in a bubble of
// testing/synctest. Nothing waits and no socket is opened: an hour passes at once, and every
// duration is exact.
//
//   - http_test.go: net/http and crypto/tls
//   - websocket_test.go: github.com/coder/websocket
//   - grpc_test.go: google.golang.org/grpc with its health service
//
// A test does this:
//
//   - It runs inside synctest.Test, where it opens a port on a Memory: see run.
//   - The server listens with ionet.ListenConfig and the client connects with ionet.Dialer,
//     both on that port. Everything else is what the program has anyway.
//   - The test makes the network bad: Delay, Rate, LinkTo, LinkFrom, LimitTransfer, Refuse.
//     Where it resets a connection, it has the client connect with Memory.Dial.
//   - All goroutines must end before the bubble does: it closes clients and servers.
//
// It is a module of its own, since the libraries are no dependencies of completion.
package bubble
