package completion_test

import (
	"context"
	"net"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// messages sends datagrams with control messages and receives them, waiting.
func messages(t *testing.T, p *completion.Port, pool *completion.Pool) func() {
	if !allocatesNothingForDatagrams {
		t.Skip("package unix makes an address for each datagram")
	}
	s, err := completion.PacketConfig{Reports: completion.ReportLocal | completion.ReportTTL | completion.ReportECN}.Listen(p, "udp4", "127.0.0.1:0")
	must(t, err)
	to := s.LocalAddr().(*net.UDPAddr).AddrPort()
	write := &ops.SendMsg{To: s, Buf: completion.Own(make([]byte, 16)), Addr: to, Control: completion.Control{Local: to.Addr(), ECN: completion.ECT0}}
	read := &ops.RecvMsg{From: s, Pool: pool}
	if pool == nil {
		read.Buf = completion.Own(make([]byte, 64))
	}
	return func() {
		must(t, p.Submit(read, write))
		for range 2 {
			_, err := p.Next(context.Background())
			must(t, err)
		}
		must(t, read.Err())
		if read.Control.Local != to.Addr() {
			t.Fatal(read.Control)
		}
		read.Release()
	}
}

// controlledBatches is batches with control messages.
func controlledBatches(t *testing.T, p *completion.Port) func() {
	if !allocatesNothingForDatagrams {
		t.Skip("package unix makes an address for each datagram")
	}
	s, err := completion.PacketConfig{Reports: completion.ReportLocal}.Listen(p, "udp4", "127.0.0.1:0")
	must(t, err)
	to := s.LocalAddr().(*net.UDPAddr).AddrPort()
	write, read := &ops.WriteBatch{To: s}, &ops.ReadBatch{From: s}
	for range 4 {
		write.Messages = append(write.Messages, ops.Message{Buf: completion.Own(make([]byte, 16)), Addr: to, Control: &completion.Control{ECN: completion.ECT0}})
		read.Messages = append(read.Messages, ops.Message{Buf: completion.Own(make([]byte, 64)), Control: new(completion.Control)})
	}
	ctx := context.Background()
	return func() {
		must(t, p.Await(ctx, write))
		for got := 0; got < len(write.Messages); got += read.Count {
			must(t, p.Await(ctx, read))
		}
	}
}
