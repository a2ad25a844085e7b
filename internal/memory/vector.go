package memory

import "github.com/completionport/completion/internal/backend"

// ReadV is Socket.ReadV with the faults and limits of Kernel.Read.
func (k Kernel) ReadV(fd int, parts [][]byte) (int, backend.Errno) {
	return k.moveV("read", fd, parts, (*Socket).ReadV)
}

// WriteV is Socket.WriteV with the faults and limits of Kernel.Write.
func (k Kernel) WriteV(fd int, parts [][]byte) (int, backend.Errno) {
	return k.moveV("write", fd, parts, (*Socket).WriteV)
}

func (k Kernel) moveV(call string, fd int, parts [][]byte, move func(*Socket, [][]byte, int) (int, backend.Errno)) (int, backend.Errno) {
	n, errno := k.enter(call)
	defer n.mu.Unlock()
	if errno != 0 {
		return 0, n.failed(fd, errno)
	}
	s := n.system.Lookup(fd)
	if s == nil {
		return 0, errBadDescriptor
	}
	wanted := 0
	for _, p := range parts {
		wanted += len(p)
	}
	limit := wanted
	if n.mostBytes > 0 {
		limit = min(limit, n.mostBytes)
	}
	count, errno := move(s, parts, limit)
	n.limited(fd, count, wanted)
	return count, errno
}

// ReadV is Read into several parts, of at most limit bytes. As a call of a system, it does
// not go beyond what one Read could.
func (k *Socket) ReadV(parts [][]byte, limit int) (total int, errno backend.Errno) {
	for i, p := range parts {
		p = p[:min(len(p), limit-total)]
		if i > 0 && (len(p) == 0 || k.in.readable() == 0 || k.in.stopped()) {
			break
		}
		n, errno := k.Read(p)
		if total += n; errno != 0 || n < len(p) {
			return total, errno
		}
	}
	return total, 0
}

// stopped reports whether a read that has read something stops here.
func (s *stream) stopped() bool { return len(s.marks) > 0 && s.marks[0] == s.read }

// WriteV is Write from several parts, of at most limit bytes.
func (k *Socket) WriteV(parts [][]byte, limit int) (total int, errno backend.Errno) {
	for i, p := range parts {
		p = p[:min(len(p), limit-total)]
		if i > 0 && (len(p) == 0 || k.peer == nil || k.dead) {
			break
		}
		n, errno := k.Write(p)
		if total += n; i > 0 && errno == errAgain {
			return total, 0
		}
		if errno != 0 || n < len(p) {
			return total, errno
		}
	}
	return total, 0
}
