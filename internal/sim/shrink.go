package sim

import (
	"bytes"
	"strings"
	"unicode"
)

// shrinkAttempts bounds the search for a smaller schedule that fails in the same way.
const shrinkAttempts = 20_000

// shrink returns shorter and simpler strings of choices that fail in the same way: with
// fewer actors and operations, and fewer switches between actors.
func (e *explorer) shrink(r result) result {
	s := &shrinker{e: e, best: r, shape: shapeOf(r.failure)}
	for again := true; again && s.attempts < shrinkAttempts; {
		again = false
		for _, which := range []int{0, 1} {
			for size := 64; size > 0; size /= 2 {
				again = s.cut(which, size) || again
			}
			again = s.lower(which) || again
		}
	}
	return s.best
}

type shrinker struct {
	e        *explorer
	best     result
	shape    string
	attempts int
}

// shapeOf returns the text of a failure without its numbers.
func shapeOf(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, line)
}

// string returns the plan or the schedule of the best result so far.
func (s *shrinker) string(which int) []byte {
	if which == 0 {
		return s.best.plan
	}
	return s.best.schedule
}

// try replaces one of the strings if the schedule still fails in the same way.
func (s *shrinker) try(which int, with []byte) bool {
	if s.attempts++; s.attempts > shrinkAttempts {
		return false
	}
	plan, schedule := s.best.plan, s.best.schedule
	if which == 0 {
		plan = with
	} else {
		schedule = with
	}
	r := s.e.replay(plan, schedule, false)
	if r.failure == nil || shapeOf(r.failure) != s.shape {
		return false
	}
	// The choices made are the part of the given ones that was used.
	r.plan, r.schedule = trim(r.plan), trim(r.schedule)
	if len(r.plan)+len(r.schedule) > len(s.best.plan)+len(s.best.schedule) {
		return false
	}
	smaller := len(r.plan)+len(r.schedule) < len(s.best.plan)+len(s.best.schedule) ||
		bytes.Compare(r.plan, s.best.plan) < 0 || bytes.Equal(r.plan, s.best.plan) && bytes.Compare(r.schedule, s.best.schedule) < 0
	if smaller {
		s.best = r
	}
	return smaller
}

// trim removes the zeros at the end: choices beyond the end are 0, too.
func trim(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// cut tries to remove pieces of a size, from the end.
func (s *shrinker) cut(which, size int) (changed bool) {
	for at := len(s.string(which)) - size; at >= 0; at -= size {
		old := s.string(which)
		if at+size > len(old) {
			continue
		}
		without := append(append([]byte(nil), old[:at]...), old[at+size:]...)
		changed = s.try(which, without) || changed
	}
	return changed
}

// lower tries simpler choices.
func (s *shrinker) lower(which int) (changed bool) {
	for at := 0; at < len(s.string(which)); at++ {
		for _, to := range []byte{0, 1} {
			old := s.string(which)
			if at >= len(old) || old[at] <= to {
				break
			}
			with := append([]byte(nil), old...)
			with[at] = to
			if s.try(which, with) {
				changed = true
				break
			}
		}
	}
	return changed
}
