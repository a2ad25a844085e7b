package memory

import (
	"github.com/completionport/completion/internal/backend"
)

// Classify returns what an errno means to the engine. A System itself returns only a few
// of these errnos, but a test may order all of them.
func Classify(kind backend.Kind, errno backend.Errno) backend.Class {
	if kind == backend.Receive || kind == backend.Send {
		return classifyDatagram(errno)
	}
	switch errno {
	case errInterrupted:
		if kind == backend.Connect { // the connect goes on in the background
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
		if kind == backend.Accept { // the connection died in the backlog
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

// classifyDatagram is Classify for datagrams: no error concerns more than one.
func classifyDatagram(errno backend.Errno) backend.Class {
	switch errno {
	case errInterrupted:
		return backend.Again
	case errAgain:
		return backend.WouldBlock
	}
	return backend.Failed
}
