package completion

// Descriptors is how many descriptors ports have open on a network.
func Descriptors(m *Memory) int { return m.network.Descriptors() }
