package core

import "github.com/completionport/completion/internal/backend"

// receive makes the one call of a Receive.
func (h *Handle) receive(s *Slot) callResult {
	rec, d := s.record(), datagramsOf(s.op)
	messages := d.toReceive(s, rec)
	for {
		d.lend(rec, false)
		n, errno := h.port.kernel.Receive(int(h.fd), messages)
		d.lend(rec, true)
		if errno != 0 && n == 0 {
			switch h.port.kernel.Classify(s.kind, errno) {
			case backend.Again:
				continue
			case backend.WouldBlock:
				return callResult{verdict: wouldBlock}
			}
		}
		return h.haveReceived(s, n, errno)
	}
}

// haveReceived returns the result of a Receive that has received n datagrams, and behind
// them the errno, 0 for none.
func (h *Handle) haveReceived(s *Slot, n int, errno backend.Errno) callResult {
	d := datagramsOf(s.op)
	d.Done = n
	r := callResult{verdict: moved}
	for i := range d.Messages[:n] {
		r.n += d.Messages[i].N
	}
	switch {
	case errno != 0:
		r.failure = h.systemFailure(s, errno).failure
	case !d.isBatch() && d.Messages[0].Truncated:
		r.failure = fullFailure
	}
	return r
}

// sendMessages makes the one call of a Send.
func (h *Handle) sendMessages(s *Slot) callResult {
	d := datagramsOf(s.op)
	messages := d.toSend(s.record())
	for {
		n, errno := h.port.kernel.Send(int(h.fd), messages)
		if errno == 0 {
			return d.haveSent(n)
		}
		switch h.port.kernel.Classify(s.kind, errno) {
		case backend.Again:
			continue
		case backend.WouldBlock:
			return callResult{verdict: wouldBlock}
		}
		return h.sendFailure(s, errno)
	}
}

// haveSent returns the result of a Send that has sent n more datagrams.
func (d *Datagrams) haveSent(n int) callResult {
	r := callResult{verdict: progressed}
	for i := range d.Messages[d.Done : d.Done+n] {
		r.n += d.Messages[d.Done+i].N
	}
	if d.Done += n; d.Done == len(d.Messages) {
		r.verdict = moved
	}
	return r
}

// sendFailure is systemFailure with the address of the datagram that was not sent.
func (h *Handle) sendFailure(s *Slot, errno backend.Errno) callResult {
	r, d := h.systemFailure(s, errno), datagramsOf(s.op)
	switch m := &d.Messages[d.Done]; {
	case m.Path != "":
		r.failure.Target = m.Path
	case m.Addr.IsValid():
		r.failure.Target = m.Addr
	}
	return r
}
