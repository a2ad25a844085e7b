package completion

import "github.com/completionport/completion/internal/memory"

// Descriptors is how many descriptors ports have open on a network.
func Descriptors(m *Memory) int { return m.network.Descriptors() }

// Native is how this system's sockets give an errno.
var Native = memory.Native
