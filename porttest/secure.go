package porttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
)

// OverTLS makes all connections that the suite makes for its cases ones with TLS. Only the
// cases of families that are about connections run then.
func OverTLS() Option { return func(s *setting) { s.secure = true } }

// securedFamilies are those whose cases have connections from pair.
var securedFamilies = []string{"Buffers", "LateBuffers", "Stream", "Order", "OrderWhenFull",
	"OrderWhenBroken", "Gather", "Vectors", "SendFile", "Copy", "CopyEnds",
	"Cancel", "Deadlines", "Errors", "Close", "Shutdown", "Waiting"}

// notOverTLS are cases of these families that do not run over TLS, with the reasons.
var notOverTLS = map[string]string{
	"OrderWhenFull/HalfCloseBehindCutWriteNeedsNoRoom": "close-notify needs room",
	"Gather/QueuedWritesLeaveTogether":                 "a record has the bytes of one write",
	"Errors/UnreadDataMakesCloseAReset":                "close-notify comes ahead of the reset",
	"Cancel/WriteRacesCancel":                          "it would take minutes; TestRacingClose of iotls is shorter",
	"Cancel/CancelInsideSystemCall":                    "the same",
}

// notOverTLSOnWindows are those that send something behind a write that was cut short. On
// Windows nothing can be sent there: TestWriteCutShort of iotls shows what happens.
var notOverTLSOnWindows = []string{
	"Order/SubmitAfterAbortIsAllowed",
	"Order/CancelRacesWithWrites",
	"OrderWhenBroken/BrokenUntilDequeued",
	"OrderWhenBroken/BrokenUntilWaitedFor",
	"OrderWhenBroken/DeliveryRacesSubmit",
	"Vectors/WriteVHalfWayIsCancelled",
	"Cancel/WaitEndsWithContext",
	"Cancel/HalfWrittenByContext",
}

// leavesOut reports whether a case is not run in this setting.
func (s *setting) leavesOut(family, name string) bool {
	if s.overPipes {
		return !runsOverPipes(family, name)
	}
	if !s.secure {
		return false
	}
	name = family + "/" + name
	_, excepted := notOverTLS[name]
	if runtime.GOOS == "windows" && s.network == (systemNetwork{}) && slices.Contains(notOverTLSOnWindows, name) {
		excepted = true
	}
	return excepted || !slices.Contains(securedFamilies, family)
}

// secured returns the peer of plain bytes for a socket and its peer. With TLS, the socket
// is the server.
func (e *env) secured(p *completion.Port, s *completion.Socket, peer net.Conn) net.Conn {
	e.Helper()
	if !e.secure {
		return peer
	}
	server, client := TLSConfigs()
	before, done := p.Stats().Submitted, make(chan error, 1)
	c := &securePeer{Conn: tls.Client(peer, client), raw: peer}
	go func() { done <- c.Handshake() }()
	if err := p.Await(context.Background(), &iotls.Handshake{On: s, Config: server}); err != nil {
		peer.Close()
		e.Fatalf("handshake: %v", errors.Join(err, <-done))
	}
	if err := <-done; err != nil {
		e.Fatalf("the peer's handshake: %v", err)
	}
	e.connects[p] += p.Stats().Submitted - before
	return c
}

// endedAfterCut checks how the stream of a peer has ended whose socket was closed without
// room for more. With TLS, there may have been no room for the rest of a record.
func (e *env) endedAfterCut(err error) {
	e.Helper()
	if !e.secure || err != io.ErrUnexpectedEOF {
		is(e, err, nil)
	}
}

// securePeer is a peer with TLS.
type securePeer struct {
	*tls.Conn
	raw    net.Conn
	resets bool
}

func (p *securePeer) SetLinger(seconds int) error {
	p.resets = seconds == 0
	return p.raw.(interface{ SetLinger(int) error }).SetLinger(seconds)
}

func (p *securePeer) SetReadBuffer(bytes int) error {
	return p.raw.(interface{ SetReadBuffer(int) error }).SetReadBuffer(bytes)
}

// Close sends no close-notify ahead of a reset.
func (p *securePeer) Close() error {
	if p.resets {
		return p.raw.Close()
	}
	return p.Conn.Close()
}

// TLSConfigs returns the configurations of a server and of a client that trusts it. The
// server's name is "server.test". Its certificate can sign itself, and is one for clients,
// too. The caller must not change them.
func TLSConfigs() (server, client *tls.Config) {
	c := certificate()
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	return &tls.Config{Certificates: []tls.Certificate{c}}, &tls.Config{RootCAs: roots, ServerName: c.Leaf.DNSNames[0]}
}

var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"server.test"},
		NotBefore:    time.Unix(0, 0), // the clock of a bubble begins in 2000
		NotAfter:     time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})
