package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/completionport/completion/bench/internal/system"
)

// pinnedVariable is set in a process that runs on the CPU of the loads. Its value is the
// CPU of the servers.
const pinnedVariable = "COMPLETION_PROGRAMS_SERVER_CPU"

// serverCPU returns the CPU for the servers in a process that is pinned itself, else -1.
func serverCPU() int {
	cpu := -1
	fmt.Sscan(os.Getenv(pinnedVariable), &cpu)
	return cpu
}

// runPinned runs this program once more, on the CPU of the loads. The loads that it
// starts inherit that.
func runPinned(o options, args []string) error {
	cpus, err := system.CPUs()
	if err != nil {
		return err
	}
	if len(cpus) < 2 {
		return errors.New("-pin needs two CPUs")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", pinnedVariable, cpus[0]))
	cmd.Stdout, cmd.Stderr = o.out, o.log
	if err := system.StartOn(cpus[1], cmd.Start); err != nil {
		return err
	}
	return cmd.Wait()
}
