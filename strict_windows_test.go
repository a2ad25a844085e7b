package completion_test

import (
	"os"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/strict"
)

// The tests of this package run in strict mode as well: see CONTRIBUTING.md.
func init() {
	if os.Getenv("COMPLETION_STRICT_WINDOWS") != "" {
		strict.Set(true)
		notStrict = func() (undo func()) { return strict.Set(false) }
	}
}

// The mode is the one that was asked for.
func TestStrictWindows(t *testing.T) {
	before := strict.Packets()
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	iocpPair(t, p)
	got, want := strict.Packets() > before, os.Getenv("COMPLETION_STRICT_WINDOWS") != ""
	if got != want {
		t.Errorf("strict mode is %v, want %v", got, want)
	}
	t.Logf("strict mode is %v", got)
}
