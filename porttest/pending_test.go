package porttest

import (
	"net"
	"slices"
	"testing"
)

// What a case takes for the silent address, by what a system answers.
func TestFirstSilent(t *testing.T) {
	candidates := make([]silence, 3)
	for i := range candidates {
		candidates[i].at = &net.TCPAddr{Port: i}
	}
	backlog, nobody, bound := candidates[0].at, candidates[1].at, candidates[2].at
	for system, silent := range map[string][]net.Addr{
		"Linux":   {backlog},
		"FreeBSD": {nobody},
		"NetBSD":  {backlog, bound},
		"OpenBSD": {bound},
		"another": nil,
	} {
		asked := 0
		got := firstSilent(candidates, func(s silence) bool {
			asked++
			return slices.Contains(silent, s.at)
		})
		if len(silent) == 0 {
			if got != nil || asked != 3 {
				t.Errorf("%s: %v after %d questions", system, got, asked)
			}
			continue
		}
		if got != silent[0] || asked != 1+slices.IndexFunc(candidates, func(s silence) bool { return s.at == got }) {
			t.Errorf("%s: %v after %d questions", system, got, asked)
		}
	}
}
