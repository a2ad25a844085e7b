package completion_test

import (
	"os"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/sys"
)

// The tests of this package run in strict mode as well: see CONTRIBUTING.md.
func init() {
	if os.Getenv("COMPLETION_STRICT_WINDOWS") != "" {
		sys.SetStrict(true)
		notStrict = func() (undo func()) { return sys.SetStrict(false) }
	}
}

// The mode is the one that was asked for.
func TestStrictWindows(t *testing.T) {
	before := sys.StrictPackets()
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	iocpPair(t, p)
	got, want := sys.StrictPackets() > before, os.Getenv("COMPLETION_STRICT_WINDOWS") != ""
	if got != want {
		t.Errorf("strict mode is %v, want %v", got, want)
	}
	t.Logf("strict mode is %v", got)
}
