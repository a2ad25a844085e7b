//go:build !unix

package main

// The tests that start processes are for unix.
const victimEnv, serverEnv = "ECHO_TEST_VICTIM", "ECHO_TEST_SERVER"

func victim(string) {}

func serverMain() {}
