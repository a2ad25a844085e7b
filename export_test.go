package completion

import (
	"github.com/completionport/completion/internal/kqueue"
	"github.com/completionport/completion/internal/memory"
)

// Descriptors is how many descriptors ports have open on a network.
func Descriptors(m *Memory) int { return m.network.Descriptors() }

// Native is how this system's sockets give an errno.
var Native = memory.Native

// OpenKqueue opens a port whose poller is that of the BSDs, on a queue that a
// network imitates.
func OpenKqueue(m *Memory, config *Config, habits memory.Habits, seed uint64) (*Port, error) {
	var c Config
	if config != nil {
		c = *config
	}
	c.Memory = m
	if err := c.check(); err != nil {
		return nil, err
	}
	b, err := kqueue.OpenOn(m.network.NewKqueue(habits, seed), m.network.Kernel())
	if err != nil {
		return nil, err
	}
	return c.port(b), nil
}

// IsSelfConnected is what Dial asks of a connection.
var IsSelfConnected = isSelfConnected

// Origins is how many operations a port with COMPLETIONDEBUG=dump=callers keeps callers of.
func Origins(p *Port) int {
	p.origins.mu.Lock()
	defer p.origins.mu.Unlock()
	return len(p.origins.of)
}
