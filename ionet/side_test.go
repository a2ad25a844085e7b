package ionet

import (
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// A Read that was about to begin when CloseRead was called does not begin: nothing would
// end it.
func TestSideThatIsOver(t *testing.T) {
	p, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var s side
	s.end(p)
	op := &ops.Timer{After: 1}
	if err := s.await(p, op, &op.Op); err != errOver {
		t.Errorf("it ends with %v", err)
	}
}
