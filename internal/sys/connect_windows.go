package sys

import (
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The calls of this file improve a connect and are not required for it, so their errors
// are ignored.

// sharePorts makes the system choose the port of a socket when the socket connects, and
// not at the bind that ConnectEx requires. Connections to different addresses can then
// have the same port. Without it the 16,384 ephemeral ports limit the connections of the
// machine. It must be called before the bind.
func sharePorts(fd int) {
	const reuseUnicastPort = 0x3007 // SO_REUSE_UNICASTPORT
	called("setsockopt")
	setsockopt(windows.Handle(fd), windows.SOL_SOCKET, reuseUnicastPort, 1)
}

// initialRTO is TCP_INITIAL_RTO_PARAMETERS.
type initialRTO struct {
	rtt                   uint16
	maxSynRetransmissions uint8
}

const (
	setInitialRTO         = windows.IOC_IN | windows.IOC_VENDOR | 17 // SIO_TCP_INITIAL_RTO
	unspecifiedRTT        = ^uint16(0)                               // the system's default
	noSynRetransmissions  = ^uint8(1)                                // from Windows 10.0.16299
	fewSynRetransmissions = 1                                        // the minimum before that
)

// refuseAtOnce makes a connect to this machine end at the first refusal. Without it,
// Windows sends the SYN again, and the connect takes 2 seconds to fail.
func refuseAtOnce(fd int) {
	p := initialRTO{rtt: unspecifiedRTT, maxSynRetransmissions: synRetransmissions()}
	n := uint32(0)
	called("WSAIoctl")
	ioctl(windows.Handle(fd), setInitialRTO, (*byte)(unsafe.Pointer(&p)), uint32(unsafe.Sizeof(p)), nil, 0, &n, nil, 0)
}

// isThisMachine reports whether a connect goes to the loopback interface.
func isThisMachine(addr netip.Addr) bool { return addr.Unmap().IsLoopback() }

// synRetransmissions returns noSynRetransmissions, or fewSynRetransmissions on older
// versions of Windows, which read noSynRetransmissions as 254.
var synRetransmissions = sync.OnceValue(func() uint8 {
	major, _, build := windows.RtlGetNtVersionNumbers()
	return leastRetransmissions(major, build)
})

func leastRetransmissions(major, build uint32) uint8 {
	if major > 10 || major == 10 && build >= 16299 {
		return noSynRetransmissions
	}
	return fewSynRetransmissions
}
