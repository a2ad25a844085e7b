//go:build !unix

package main

const victimEnv = "ECHO_TEST_VICTIM"

func victim(string) {}

func removeBinaries() {}
