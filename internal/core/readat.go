package core

// A FileReader performs a ReadAt without a goroutine of the work pool. A ReadAt that is Calling
// becomes Inside, as an operation of a socket does. But it is in no queue, and many may be inside.
// Handle.users counts them, as it counts those that goroutines perform, and keeps the file open.
// The event of the end has the number of the request, and the kernel returns the slot: nobody else
// ends it. An intent changes nothing, since what waits for a device can't be abandoned: as in a
// call, the result counts.
//
// A ReadAt that the kernel can't take, or that it ends with an errno, is performed with a call that
// may block, from its start. So its error is that of the call.

// FileRead is a ReadAt.
type FileRead interface {
	// ToRead returns the number of the file, and the place of the first byte of a ReadAt of so many
	// bytes. err and ok are those of FileCalls.ToRead.
	ToRead(bytes int) (number int, offset int64, err error, ok bool)
	// AtEnd returns the error of a ReadAt that has n bytes, and then found the end of the file.
	AtEnd(n int) error
}

// How a request of a ReadAt has ended. The event may come before the call has returned that has
// started it. Then the goroutine in that call goes on: it finds this in Slot.progress. Otherwise
// the file could be closed while that goroutine is in the kernel.
const (
	readEnded  = lastAborted
	readFailed = shutting // with an errno
	readNone   = cutShort // with no bytes
)

// startReadAt gives a ReadAt that is Calling to the kernel, and reports whether the kernel has taken
// it. With an err, it has failed. Otherwise nothing has changed. The lock is released in between.
func (h *locked) startReadAt(s *Slot) (taken bool, err error) {
	if h.state&startsReads == 0 {
		return false, nil
	}
	rec := s.record()
	memory, had := rec.buffer.data, rec.n
	h.mu.Unlock()
	number, offset, err, ok := s.op.(FileRead).ToRead(len(memory))
	if ok {
		h.port.readAts.Add(1)
		if taken = h.port.fileReader.StartReadAt(number, memory[had:], offset+had, s); !taken {
			h.port.readAts.Add(-1)
		}
	}
	h.lockMutex()
	return taken, err
}
