//go:build !linux

// Package system measures and places processes.
package system

import (
	"errors"
	"fmt"
	"time"
)

var errLinuxOnly = fmt.Errorf("bench: so far only on Linux: %w", errors.ErrUnsupported)

// ResidentOf needs Linux.
func ResidentOf(int) (int64, error) { return 0, errLinuxOnly }

// CPUOf needs Linux.
func CPUOf(int) (time.Duration, error) { return 0, errLinuxOnly }

// StartOn does not place a process.
func StartOn(_ int, f func() error) error { return f() }

// MachineCPU needs Linux.
func MachineCPU() (time.Duration, error) { return 0, errLinuxOnly }

// CPUs needs Linux.
func CPUs() ([]int, error) { return nil, errLinuxOnly }

// OwnCPU needs Linux.
func OwnCPU() (time.Duration, error) { return 0, errLinuxOnly }
