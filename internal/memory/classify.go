package memory

import (
	"github.com/completionport/completion/internal/backend"
)

// Classify says what an errno means to the engine. Most of these never come
// from a System itself: a test may order them.
func Classify(kind backend.Kind, errno backend.Errno) backend.Class {
	switch errno {
	case errInterrupted:
		if kind == backend.Connect { // it goes on in the background
			return backend.WouldBlock
		}
		return backend.Again
	case errAgain:
		if kind == backend.Connect { // no edge would come
			return backend.Failed
		}
		return backend.WouldBlock
	case errInProgress, errAlready:
		if kind == backend.Connect {
			return backend.WouldBlock
		}
	case errBrokenPipe:
		if kind != backend.Connect && kind != backend.Accept {
			return backend.BrokenPipe
		}
	case errAborted, errNoHost, errNoNetwork:
		if kind == backend.Accept { // it died in the backlog
			return backend.Again
		}
		return backend.Fatal
	case errReset, errRefused, errTimedOut:
		if kind != backend.Accept {
			return backend.Fatal
		}
	}
	return backend.Failed
}
