// Package echo contains the programs that the benchmarks compare, the load for them,
// and the control of both. Server and load run in processes of their own, so that the
// kernel's accounting shows the cost of the server.
//
// All programs do the same: they send back what they read. They read into buffers of the
// same size, and turn Nagle's algorithm off.
//
//	queue  one goroutine, a port, Completions, pooled reads
//	await  a goroutine and a buffer for each connection, Port.Await
//	net    a goroutine and a buffer for each connection, package net
//	floor  one goroutine and a bare epoll loop: the system calls of the port
//	       without the port
//
// With Spec.Keys, the first three are key-value servers instead: they parse requests of
// Redis' protocol, look the key up and answer with its value.
//
// Register adds programs of others, which may be executables that are not written in Go.
//
// An environment variable makes a process a server or a load. So every program that uses
// this package calls RunChild before anything else in main or TestMain.
package echo
