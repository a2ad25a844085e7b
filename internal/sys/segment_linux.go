package sys

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

const (
	// leastRun is how many datagrams of equal size to one receiver are worth a call of their
	// own.
	leastRun = 4
	// mostSegments is UDP_MAX_SEGMENTS of the first kernels that had it.
	mostSegments = 64
	// mostSegmented is below the largest number of bytes that UDP carries.
	mostSegmented = 65000
)

// sendSome makes one call for the first of messages, and says how many it was to send. If the
// system refuses to make the datagrams of one large one, it makes a second call.
func (k *Kernel) sendSome(fd int, messages []backend.Message) (sent, tried int, errno syscall.Errno) {
	if c := messages[0].Control; c != nil && c.SegmentSize > 0 {
		if errno = sendOne(fd, &messages[0]); errno != 0 || !isSent(&messages[0]) {
			return 0, 1, errno
		}
		return 1, 1, 0
	}
	canSegment := !k.unsegmented.has(fd)
	run := equalRun(messages)
	if run >= leastRun && canSegment {
		canSegment = segments(fd)
		if canSegment {
			errno = sendRun(fd, messages[:run])
			if !refusesSegments(errno) {
				return sentAll(run, errno)
			}
		}
		if errno != unix.EMSGSIZE { // else it is the size of these
			k.unsegmented.add(fd)
		}
		canSegment = false
	}
	part := messages[:untilRun(messages, canSegment)]
	sent, errno = sendPart(fd, part)
	return sent, len(part), errno
}

func sentAll(n int, errno syscall.Errno) (sent, tried int, _ syscall.Errno) {
	if errno != 0 {
		return 0, n, errno
	}
	return n, n, 0
}

// segments reports whether the system knows UDP_SEGMENT for this socket. Systems that do not
// know it ignore the control message.
func segments(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	return err == nil
}

// refusesSegments reports whether an errno of a call with UDP_SEGMENT may not be one of a call
// without it: a device without checksums, a path that takes smaller datagrams only, options of
// the socket.
func refusesSegments(errno syscall.Errno) bool {
	return errno == unix.EIO || errno == unix.EINVAL || errno == unix.EMSGSIZE
}

// equalRun returns how many of the first messages go to one receiver and have equal sizes,
// except that the last may be smaller.
func equalRun(messages []backend.Message) int {
	first := &messages[0]
	size, total := len(first.Data), 0
	for i := range messages {
		m := &messages[i]
		total += len(m.Data)
		switch {
		case m.Control != nil || m.Path != "" || m.Addr != first.Addr || len(m.Data) > size || len(m.Data) == 0 || total > mostSegmented || i == mostSegments:
			return i
		case len(m.Data) < size:
			return i + 1
		}
	}
	return len(messages)
}

// untilRun returns how many of the first messages go into one call of sendmmsg(2): those before
// one that has, or can have, a call of its own.
func untilRun(messages []backend.Message, canSegment bool) int {
	most := min(perCall, len(messages))
	for i := 1; i < most; i++ {
		if c := messages[i].Control; c != nil && c.SegmentSize > 0 || canSegment && equalRun(messages[i:]) >= leastRun {
			return i
		}
	}
	return most
}

// sendRun sends messages of equal sizes as one large datagram, which the system divides.
func sendRun(fd int, messages []backend.Message) syscall.Errno {
	var to rawAddress
	var vectors [mostSegments]unix.Iovec
	var room [32 / 8]uint64
	size, errno := to.set(&messages[0])
	if errno != 0 {
		return errno
	}
	for i := range messages {
		vectors[i].Base = unsafe.SliceData(messages[i].Data)
		vectors[i].SetLen(len(messages[i].Data))
	}
	putSegment(unsafe.Slice((*byte)(unsafe.Pointer(&room)), unsafe.Sizeof(room)), len(messages[0].Data))
	header := unix.Msghdr{Iov: &vectors[0], Control: (*byte)(unsafe.Pointer(&room))}
	header.SetIovlen(len(messages))
	header.SetControllen(unix.CmsgSpace(2))
	if messages[0].Addr != (netip.AddrPort{}) {
		header.Name, header.Namelen = (*byte)(unsafe.Pointer(&to)), size
	}
	_, _, errno = unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&header)), sendFlags)
	if errno != 0 {
		return errno
	}
	for i := range messages {
		messages[i].N = len(messages[i].Data)
	}
	return 0
}
