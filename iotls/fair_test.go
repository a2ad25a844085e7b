package iotls_test

import (
	"bytes"
	"testing"

	"github.com/completionport/completion/ops"
)

// One call decrypts a limited number of records.
func TestSmallRecords(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.newUpdater()
		const records, mostPerCall = 20_000, (128<<10 + 17<<10) / 23 // of encrypted bytes
		var b bytes.Buffer
		for range records {
			b.Write(peer.record(typeData, []byte("x")))
		}
		go peer.Write(b.Bytes())
		p.untilBlocked()
		for n := 0; n < records; {
			read := &ops.Read{From: s, Buf: own(make([]byte, 64<<10))}
			p.must(read)
			if n += read.N(); read.N() > mostPerCall {
				p.Fatalf("%d records in one call", read.N())
			}
		}
	})
}

// More records without data than one call receives are in front of the data.
func TestRecordsWithoutData(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.newUpdater()
		for _, read := range []*ops.Read{{Buf: own(make([]byte, 2))}, {Buf: own(make([]byte, 1)), Full: true}, {Pool: p.port.NewPool(10, 1)}} {
			var b bytes.Buffer
			for range 12 {
				padded := append([]byte{24, 0, 0, 1, 0, typeHandshake}, make([]byte, 16_000)...)
				b.Write(peer.record(0, padded)) // a key update without an answer
				peer.out.update()
			}
			b.Write(peer.record(typeData, []byte("x")))
			go peer.Write(b.Bytes())
			p.untilBlocked()
			read.From = s
			p.must(read)
			if read.N() != 1 {
				p.Errorf("%d bytes", read.N())
			}
			read.Release()
		}
	})
}
