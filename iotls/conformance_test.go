package iotls_test

import (
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/porttest"
)

// The suite, with TLS on the connections of its cases. TestConformanceTLSKqueue in the root
// runs it on imitated kqueues.
func TestConformance(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		porttest.Run(t, open, porttest.OverTLS())
	})
	t.Run("memory", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the other backends do")
		}
		var network completion.Memory
		porttest.Run(t, func(config *completion.Config) (*completion.Port, error) {
			var c completion.Config
			if config != nil {
				c = *config
			}
			c.Memory = &network
			return completion.Open(&c)
		}, porttest.OnNetwork(&network), porttest.OverTLS())
	})
}
