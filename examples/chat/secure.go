package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
)

// checkTLS returns why the flags of TLS do not go together.
func (o *options) checkTLS() error {
	switch {
	case (o.cert == "") != (o.key == ""):
		return errors.New("-cert and -key go together")
	case o.cert != "" && !o.secure:
		return errors.New("-cert needs -tls")
	}
	return nil
}

// configure returns the configuration of TLS, nil without -tls, and a line about a
// certificate that it has made.
func (o *options) configure() (config *tls.Config, notice string, err error) {
	if !o.secure {
		return nil, "", nil
	}
	var c tls.Certificate
	if o.cert != "" {
		c, err = tls.LoadX509KeyPair(o.cert, o.key)
	} else if c, err = makeCertificate(); err == nil {
		notice = fmt.Sprintf("with a self-made certificate, which nobody trusts: SHA-256 %x\n", sha256.Sum256(c.Certificate[0]))
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}, notice, err
}

// makeCertificate returns a certificate for this machine that has signed itself.
func makeCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// admit lets a new connection join, with -tls after a handshake. It has the time of a write
// for that, and delays nobody.
func (r *room) admit(socket *completion.Socket) {
	if r.config == nil {
		r.join(socket)
		return
	}
	r.port.Submit(&iotls.Handshake{On: socket, Config: r.config, Op: completion.Op{Timeout: r.timeout}})
}

// secured goes on after a handshake. From here on the connection is like any other.
func (r *room) secured(h *iotls.Handshake) {
	if h.Err() != nil || r.isStopping {
		h.On.Close()
		return
	}
	r.join(h.On)
}
