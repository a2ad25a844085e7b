package iotls_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// Config.MaxInFlight counts a Handshake as one operation.
func TestLimit(t *testing.T) {
	const limit = 4
	network := new(completion.Memory)
	port, err := completion.Open(&completion.Config{Memory: network, MaxInFlight: limit})
	if err != nil {
		t.Fatal(err)
	}
	run(t, port, func(a net.Addr) (net.Conn, error) { return network.Dial(a.Network(), a.String()) }, func(p *place) {
		var all []completion.Operation
		var peers []net.Conn
		for range limit - 1 {
			s, raw := p.pair()
			all, peers = append(all, &iotls.Handshake{On: s, Config: serverConfig}), append(peers, raw)
		}
		p.port.Submit(all...)
		p.untilBlocked() // each waits in a read of its own
		timer := &ops.Timer{After: time.Hour}
		p.port.Submit(timer)
		if err := p.await(&ops.Timer{}); err != completion.ErrLimit {
			p.Errorf("one above the limit: %v", err)
		}
		for _, raw := range peers {
			go tls.Client(raw, clientConfig).Handshake()
		}
		for range peers {
			if op, err := p.port.Next(context.Background()); err != nil || op.Err() != nil {
				p.Errorf("%T: %v, %v", op, op.Err(), err)
			}
		}
		p.port.Cancel(timer)
		p.delivered(timer, completion.ErrCanceled)
	})
}
