package sys

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// PacketSocket is not there yet.
func (Kernel) PacketSocket(backend.Family, backend.Address, backend.PacketOptions) (int, error) {
	return -1, fmt.Errorf("datagram sockets on Windows: %w", errors.ErrUnsupported)
}

// ConnectPackets is not there yet.
func (Kernel) ConnectPackets(int, backend.Address) error { return errors.ErrUnsupported }

// SetBroadcast is not there yet.
func (Kernel) SetBroadcast(int, bool) error { return errors.ErrUnsupported }

// JoinGroup is not there yet.
func (Kernel) JoinGroup(int, backend.Group) error { return errors.ErrUnsupported }

// LeaveGroup is not there yet.
func (Kernel) LeaveGroup(int, backend.Group) error { return errors.ErrUnsupported }

// Receive is not there yet.
func (Kernel) Receive(int, []backend.Message) (int, syscall.Errno) { return 0, windows.WSAEOPNOTSUPP }

// Send is not there yet.
func (Kernel) Send(int, []backend.Message) (int, syscall.Errno) { return 0, windows.WSAEOPNOTSUPP }
