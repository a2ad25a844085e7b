//go:build darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

import (
	"net/netip"

	"github.com/completionport/completion/internal/backend"
)

// LocalAddrPort is LocalAddr.
func (k *Kernel) LocalAddrPort(fd int) netip.AddrPort { return backend.AddrPortOf(k.LocalAddr(fd)) }

// RemoteAddrPort is RemoteAddr.
func (k *Kernel) RemoteAddrPort(fd int) netip.AddrPort { return backend.AddrPortOf(k.RemoteAddr(fd)) }
