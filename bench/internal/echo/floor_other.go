//go:build !linux

package echo

import (
	"errors"
	"fmt"
)

func serveFloor(int) (Serving, error) {
	return nil, fmt.Errorf("echo: the floor is a loop over epoll: %w", errors.ErrUnsupported)
}
