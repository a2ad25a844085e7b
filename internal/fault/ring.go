package fault

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ sys.UringCalls = (*below)(nil)

// ofRing are the names that package sys has for the calls and the requests of an io_uring.
var ofRing = map[string]Call{
	"io_uring_setup": RingSetup, "mmap": RingMap, "io_uring_register": RingRegister, "eventfd2": RingEvent,
	"pipe2":   RingPipe,
	"buffers": RingBuffers, "submit": RingSubmit, "second request": RingShort, "wait": RingWait,
	"poll": RequestPoll, "accept": RequestAccept, "cancel": RequestCancel, "read": RequestRead,
	"send": RequestSend, "receive": RequestReceive, "select": RequestSelect,
}

// IsOfRing reports whether only ports with an io_uring make the call.
func (c Call) IsOfRing() bool { return c >= RingSetup }

// OfRing returns faults for sys.InjectUringFaults: those of the ring, and those of the calls that
// do not wait. No edge follows a fault with Edge, since the kernel waits for readiness itself.
func OfRing(choose Choose) *sys.UringFaults {
	return &sys.UringFaults{
		Choose: func(call string, fd int) syscall.Errno {
			if f := choose(ofRing[call], fd); f != nil {
				return f.Errno
			}
			return 0
		},
		Wrap: func(k sys.UringCalls) sys.UringCalls {
			return &below{&kernel{calls: k, choose: choose}, k}
		},
	}
}

// below is the kernel below the one of an io_uring.
type below struct {
	*kernel
	rest sys.UringCalls
}

func (k *below) Probe(fd int, kind backend.Kind) bool { return k.rest.Probe(fd, kind) }

func (k *below) Accepted(fd, conn int) { k.rest.Accepted(fd, conn) }
