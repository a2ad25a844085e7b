package memory

// stream is the data that was sent to one end of a connection and not read yet. The first
// bytes have arrived, the others are under way. The stream may have an end.
type stream struct {
	bytes   []byte
	read    int // of bytes: so many were read
	arrived int // of bytes: so many have arrived, including those that were read
	ended   bool
	marks   []int   // offsets in bytes: a read that has read something stops there
	left    instant // when the last byte at a rate has left the sender
	latest  int64   // when the last cargo under way arrives: a later one can't overtake it
}

// held returns how many bytes take up room.
func (s *stream) held() int { return len(s.bytes) - s.read }

// readable returns how many bytes can be read.
func (s *stream) readable() int { return s.arrived - s.read }

// put appends bytes that have not arrived yet.
func (s *stream) put(p []byte) { s.bytes = append(s.bytes, p...) }

// mark makes reads stop behind the bytes put so far.
func (s *stream) mark() { s.marks = append(s.marks, len(s.bytes)) }

// marked reports whether a read may stop before the last byte that has arrived.
func (s *stream) marked() bool { return len(s.marks) > 0 && s.marks[0] <= s.arrived }

// take moves bytes that have arrived into p, up to the next mark.
func (s *stream) take(p []byte) int {
	for len(s.marks) > 0 && s.marks[0] == s.read {
		s.marks = s.marks[1:]
	}
	end := s.arrived
	if s.marked() {
		end = s.marks[0]
	}
	n := copy(p, s.bytes[s.read:end])
	s.read += n
	switch {
	case s.read == len(s.bytes): // an idle connection holds no memory
		s.bytes, s.read, s.arrived, s.marks = nil, 0, 0, nil
	case s.read > len(s.bytes)/2:
		s.bytes = s.bytes[:copy(s.bytes, s.bytes[s.read:])]
		s.arrived -= s.read
		for i := range s.marks {
			s.marks[i] -= s.read
		}
		s.read = 0
	}
	return n
}
