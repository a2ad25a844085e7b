package core

// finishReceive sets the lengths of the buffers of a Receive that has its outcome, and
// delivers those of a pool that hold bytes.
func (h *locked) finishReceive(s *Slot, rec *Record) {
	d := datagramsOf(s.op)
	if !d.isBatch() {
		r := Result{}
		switch {
		case s.flags&pooled == 0:
			rec.buffer.n = int(rec.n)
		case rec.n > 0:
			r.Buffer = rec.buffer
			rec.buffer.n = int(rec.n)
		default:
			h.putBack(rec)
			rec.buffer = nil
		}
		s.op.Deliver(r)
		return
	}
	if s.flags&pooled != 0 {
		h.keepReceived(s, rec)
	}
	for i, b := range d.Buffers[:d.Done] {
		if b != nil {
			b.n = d.Messages[i].N
		}
	}
	s.op.Deliver(Result{})
}

// keepReceived puts back the buffers of a pooled batch that hold no bytes.
func (h *locked) keepReceived(s *Slot, rec *Record) {
	d := datagramsOf(s.op)
	if d.Done == 0 {
		h.putBack(rec)
		h.putBackMore(s)
		rec.buffer = nil
		return
	}
	for i, b := range d.Buffers {
		if b != nil && (i >= d.Done || d.Messages[i].N == 0) {
			d.Buffers[i] = nil
			h.toPool(b)
		}
	}
	rec.buffer = d.bundled()
}

// putBackMore is putBack for the further buffers of a batch.
func (h *locked) putBackMore(s *Slot) {
	for i, b := range datagramsOf(s.op).Buffers {
		if b != nil && i > 0 {
			h.toPool(b)
		}
		datagramsOf(s.op).Buffers[i] = nil
	}
}

// toPool puts a buffer back into its pool.
func (h *locked) toPool(b *Buffer) {
	b.owner.Store(ownedByPool)
	if b.pool.put(b) {
		h.listed = true
	}
}
