package porttest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/completionport/completion/ops"
)

var adoptStreamCases = append([]testCase{
	streamsUnsupportedLeaveAllAsItWas,
	filesAreNoStreams,
}, slices.Concat(streamOfFileCases, streamEndCases)...)

// streamsUnsupportedLeaveAllAsItWas: a port that can't adopt a stream says so, and what it
// was to adopt goes on.
func streamsUnsupportedLeaveAllAsItWas(e *env) {
	if e.adoptsStreams() {
		e.Skip("the port can")
	}
	p := e.port(nil)
	r, w, err := os.Pipe()
	if err != nil {
		e.Skipf("no pipes here: %v", err)
	}
	defer r.Close()
	defer w.Close()
	_, err = p.AdoptStream(r)
	unsupported(e, p, err)
	_, err = w.WriteString("x")
	is(e, err, nil)
	_, err = r.Read(make([]byte, 1))
	is(e, err, nil)
}

// filesAreNoStreams: they are refused with a reason, and still the caller's.
func filesAreNoStreams(e *env) {
	p := e.port(nil)
	folder := e.folder()
	file, err := os.Create(filepath.Join(folder, "file"))
	is(e, err, nil)
	defer file.Close()
	dir, err := os.Open(folder)
	is(e, err, nil)
	defer dir.Close()
	before := countDescriptors()
	for _, f := range []*os.File{file, dir} {
		_, err = p.AdoptStream(f)
		unsupported(e, p, err)
		_, err = f.Stat()
		is(e, err, nil)
	}
	equal(e, "descriptors", countDescriptors(), before)
	adopted, err := p.AdoptFile(file)
	is(e, err, nil)
	is(e, p.Await(e.ctx, &ops.Append{To: adopted, Buf: text("x")}), nil)
}

func (e *env) adoptsStreams() bool {
	e.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		return false
	}
	defer w.Close()
	s, err := e.port(nil).AdoptStream(r)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Close()
		return false
	}
	is(e, err, nil)
	is(e, s.Close(), nil)
	return true
}
