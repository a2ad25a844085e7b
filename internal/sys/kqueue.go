package sys

// KqueueEvent is struct kevent: a change, or an event. It is the same on every system, so
// that a queue can be imitated on every system.
type KqueueEvent struct {
	Ident      int // a descriptor, or any number of a User event
	Filter     KqueueFilter
	Flags      KqueueFlags
	FFlags     uint32
	Data       int64
	Generation uint32 // in udata
}

// KqueueFilter is the kind of an event. Systems have different numbers for it.
type KqueueFilter uint8

const (
	KqueueRead  KqueueFilter = iota + 1 // EVFILT_READ
	KqueueWrite                         // EVFILT_WRITE
	KqueueUser                          // EVFILT_USER
)

// KqueueFlags are the flags of an event. They have the same numbers on all systems.
type KqueueFlags uint16

const (
	KqueueAdd    KqueueFlags = 0x1    // EV_ADD
	KqueueDelete KqueueFlags = 0x2    // EV_DELETE
	KqueueClear  KqueueFlags = 0x20   // EV_CLEAR
	KqueueError  KqueueFlags = 0x4000 // EV_ERROR
	KqueueEOF    KqueueFlags = 0x8000 // EV_EOF
)

// KqueueTrigger is NOTE_TRIGGER, in the FFlags of a change.
const KqueueTrigger = 0x1000000
