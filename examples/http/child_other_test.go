//go:build !unix

package main

// The tests that start processes are for unix.
const serverEnv = "HTTP_TEST_SERVER"

func serverMain() {}
