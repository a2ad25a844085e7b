//go:build !linux

package echo

import (
	"errors"
	"fmt"
)

func serveFloor(int) (Serving, error) {
	return nil, fmt.Errorf("echo: the floor is a loop over epoll: %w", errors.ErrUnsupported)
}

func runLoad(string) error {
	return fmt.Errorf("echo: the load runs on Linux only: %w", errors.ErrUnsupported)
}
