//go:build !linux

package echo

import (
	"errors"
	"fmt"
	"time"
)

var errLinuxOnly = fmt.Errorf("echo: so far only on Linux: %w", errors.ErrUnsupported)

func residentOf(int) (int64, error)       { return 0, errLinuxOnly }
func runLoad(string) error                { return errLinuxOnly }
func startOn(_ int, f func() error) error { return f() }

// MachineCPU needs Linux.
func MachineCPU() (time.Duration, error) { return 0, errLinuxOnly }

// CPUs needs Linux.
func CPUs() ([]int, error) { return nil, errLinuxOnly }

// OwnCPU needs Linux.
func OwnCPU() (time.Duration, error) { return 0, errLinuxOnly }
