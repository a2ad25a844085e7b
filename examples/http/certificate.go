package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

// tlsConfig has the certificate of the command line, or a self-made one, which it tells.
// net/http adds HTTP/2.
func (o *options) tlsConfig(stderr io.Writer) (*tls.Config, error) {
	if o.cert != "" {
		certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, fmt.Errorf("-cert %s -key %s: %w", o.cert, o.key, err)
		}
		return &tls.Config{Certificates: []tls.Certificate{certificate}}, nil
	}
	certificate, err := selfMade()
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(stderr, "http: the certificate is self-made and valid for a day: no client can verify it (curl needs -k)")
	return &tls.Config{Certificates: []tls.Certificate{certificate}}, nil
}

// selfMade makes a certificate for this machine, with a key that nobody else gets.
func selfMade() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		NotBefore:    now.Add(-time.Hour), // clocks differ
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
