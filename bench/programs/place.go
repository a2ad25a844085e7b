package main

import (
	"errors"

	"github.com/completionport/completion/bench/internal/system"
)

// twoCPUs returns a CPU for the servers and another for the load.
func twoCPUs() (server, load int, err error) {
	cpus, err := system.CPUs()
	if err != nil {
		return -1, -1, err
	}
	if len(cpus) < 2 {
		return -1, -1, errors.New("-pin needs two CPUs")
	}
	return cpus[0], cpus[1], nil
}
