// Package echo holds the programs that the benchmarks compare, the load that
// drives them, and the control of both. Server and load run in processes of
// their own, so that the kernel's accounting tells what the server costs.
//
// The programs all do the same: they send back what they read. They read into
// buffers of the same size, and turn Nagle's algorithm off.
//
//	queue  one goroutine, a port, Completions, late buffers
//	await  a goroutine and a buffer for each connection, Port.Await
//	net    a goroutine and a buffer for each connection, package net
//	floor  one goroutine and a bare epoll loop: the system calls of the port
//	       without the port
//
// With Spec.Keys, the first three are key-value servers instead: they parse requests of
// Redis, look the key up and answer with its value.
//
// A process becomes a server or a load because its environment says so: every
// program that uses this package calls RunChild first thing in main or
// TestMain.
package echo
