package memory

import "github.com/completionport/completion/internal/core"

// Classify says what an errno means to the engine. Most of these never come
// from a System itself: a test may order them.
func Classify(kind core.Kind, errno core.Errno) core.Class {
	switch errno {
	case errInterrupted:
		if kind == core.Connect { // it goes on in the background
			return core.WouldBlock
		}
		return core.Again
	case errAgain:
		if kind == core.Connect { // no edge would come
			return core.Failed
		}
		return core.WouldBlock
	case errInProgress, errAlready:
		if kind == core.Connect {
			return core.WouldBlock
		}
	case errBrokenPipe:
		if kind != core.Connect && kind != core.Accept {
			return core.BrokenPipe
		}
	case errAborted, errNoHost, errNoNetwork:
		if kind == core.Accept { // it died in the backlog
			return core.Again
		}
		return core.Fatal
	case errReset, errRefused, errTimedOut:
		if kind != core.Accept {
			return core.Fatal
		}
	}
	return core.Failed
}
