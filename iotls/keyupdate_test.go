package iotls_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// updater is a client of TLS 1.3 that sends key updates, which crypto/tls only answers. The
// handshake is made by crypto/tls, which then tells its secrets.
type updater struct {
	net.Conn
	in, out half
}

// half is one direction of the record layer.
type half struct {
	secret   []byte
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

const (
	typeAlert     = 21
	typeHandshake = 22
	typeData      = 23
)

// keyUpdate is the message. Its last byte requests an answer.
var keyUpdate = []byte{24, 0, 0, 1, 1}

func expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return out
}

func (h *half) setSecret(secret []byte) {
	block, err := aes.NewCipher(expand(secret, "key", 16))
	if err != nil {
		panic(err)
	}
	h.aead, err = cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	h.secret, h.iv, h.sequence = secret, expand(secret, "iv", 12), 0
}

func (h *half) update() { h.setSecret(expand(h.secret, "traffic upd", sha256.Size)) }

func (h *half) nonce() []byte {
	nonce := bytes.Clone(h.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, h.sequence) {
		nonce[4+i] ^= b
	}
	h.sequence++
	return nonce
}

// record returns an encrypted record.
func (u *updater) record(kind byte, content []byte) []byte {
	h := &u.out
	inner := append(bytes.Clone(content), kind)
	header := binary.BigEndian.AppendUint16([]byte{typeData, 3, 3}, uint16(len(inner)+h.aead.Overhead()))
	return h.aead.Seal(header, h.nonce(), inner, header)
}

// next reads the next record.
func (u *updater) next() (kind byte, content []byte, err error) {
	header := make([]byte, 5)
	if _, err := io.ReadFull(u.Conn, header); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(u.Conn, body); err != nil {
		return 0, nil, err
	}
	inner, err := u.in.aead.Open(nil, u.in.nonce(), body, header)
	if err != nil {
		return 0, nil, err
	}
	last := len(inner) - 1
	return inner[last], inner[:last], nil
}

// newUpdater returns a socket with TLS and its updater.
func (p *place) newUpdater() (*completion.Socket, *updater) {
	p.Helper()
	s, raw := p.pair()
	var log bytes.Buffer
	server, client := serverConfig.Clone(), clientConfig.Clone()
	server.SessionTicketsDisabled = true // a ticket would be the first record
	client.KeyLogWriter, client.MinVersion = &log, tls.VersionTLS13
	peer := p.secure(s, raw, server, client, false)
	if id := peer.ConnectionState().CipherSuite; id != tls.TLS_AES_128_GCM_SHA256 {
		p.Skipf("crypto/tls prefers %s here", tls.CipherSuiteName(id))
	}
	u := &updater{Conn: raw}
	for line := range strings.Lines(log.String()) {
		words := strings.Fields(line)
		secret, err := hex.DecodeString(words[2])
		if err != nil {
			p.Fatal(err)
		}
		switch words[0] {
		case "CLIENT_TRAFFIC_SECRET_0":
			u.out.setSecret(secret)
		case "SERVER_TRAFFIC_SECRET_0":
			u.in.setSecret(secret)
		}
	}
	return s, u
}

// Key updates that the peer requests are answered, also if nothing is written.
func TestKeyUpdates(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.newUpdater()
		const rounds = 20
		done := make(chan error, 1)
		go func() { done <- peer.updateOften(rounds) }()
		for i := range rounds {
			read := &ops.Read{From: s, Buf: own(make([]byte, 100))}
			p.must(read)
			if got := read.Buf.Bytes(); string(got) != fmt.Sprint("before", i) {
				p.Fatalf("read %q", got)
			}
			p.must(&ops.Write{To: s, Buf: own(fmt.Append(nil, "answer", i))})
			p.must(&ops.Read{From: s, Buf: own(make([]byte, len("after"))), Full: true})
		}
		if err := <-done; err != nil {
			p.Error(err)
		}
	})
}

func (u *updater) updateOften(rounds int) error {
	for i := range rounds {
		u.Write(u.record(typeData, fmt.Append(nil, "before", i)))
		if kind, b, err := u.next(); err != nil || kind != typeData || string(b) != fmt.Sprint("answer", i) {
			return fmt.Errorf("data: type %d, %q, %v", kind, b, err)
		}
		update := u.record(typeHandshake, keyUpdate)
		u.out.update()
		u.Write(append(update, u.record(typeData, []byte("after"))...))
		if kind, b, err := u.next(); err != nil || kind != typeHandshake || b[0] != keyUpdate[0] {
			return fmt.Errorf("answer: type %d, %q, %v", kind, b, err)
		}
		u.in.update()
	}
	return nil
}

// A peer that demands answers and reads none does not make the port keep them all.
func TestKeyUpdatesUnread(t *testing.T) {
	inMemory(t, new(completion.Memory), func(p *place) {
		s, peer := p.newUpdater()
		go func() {
			for {
				records := append(peer.record(typeData, []byte("x")), peer.record(typeHandshake, keyUpdate)...)
				peer.out.update()
				if _, err := peer.Write(records); err != nil {
					return
				}
			}
		}()
		read := &ops.Read{From: s, Buf: own(make([]byte, 1))}
		err := p.await(read)
		for err == nil {
			err = p.await(read)
		}
		if !strings.Contains(err.Error(), "does not read them") {
			p.Errorf("read: %v", err)
		}
		if again := p.await(read); again == nil || again.Error() != err.Error() {
			p.Errorf("read again: %v", again)
		}
		if err := p.await(&ops.Write{To: s, Buf: own([]byte("x"))}); err == nil {
			p.Error("a write succeeds")
		}
		s.Close()
		peer.Close()
	})
}
