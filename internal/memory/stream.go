package memory

// stream is what one end of a connection has been sent and has not read: bytes
// in order, of which the first have arrived, and perhaps an end.
type stream struct {
	bytes   []byte
	read    int // of bytes, already taken
	arrived int // of bytes, can be read now; from the start, like read
	ended   bool
	marks   []int // from the start, like read: where a read ends that has taken something
	latest  int64 // when the last of what is under way arrives: nothing overtakes it
}

// held is how many bytes take up room.
func (s *stream) held() int { return len(s.bytes) - s.read }

// readable is how many bytes can be read.
func (s *stream) readable() int { return s.arrived - s.read }

// put appends bytes that have not arrived yet.
func (s *stream) put(p []byte) { s.bytes = append(s.bytes, p...) }

// mark makes reads end behind what was put so far.
func (s *stream) mark() { s.marks = append(s.marks, len(s.bytes)) }

// marked tells whether a read may end before the last of what has arrived.
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
