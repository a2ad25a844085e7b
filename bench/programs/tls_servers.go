package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// messageBuffer is the size of the servers' buffers.
const messageBuffer = 16 << 10

// serveTLS is an echo server with TLS, on a port or on package net.
func serveTLS(kind string) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if kind == "net" {
		return serveTLSNet(config)
	}
	return serveTLSPort(config)
}

// selfSigned makes a certificate.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "bench"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func serveTLSNet(config *tls.Config) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			conn := tls.Server(c, config)
			buffer := make([]byte, messageBuffer)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				if _, err := conn.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func serveTLSPort(config *tls.Config) error {
	port, err := completion.Open(nil)
	if err != nil {
		return err
	}
	defer port.Close()
	l, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	pool := port.NewPool(messageBuffer, 256)
	for range 16 {
		if err := port.Submit(&ops.Accept{On: l}); err != nil {
			return err
		}
	}
	for op := range port.Completions(context.Background()) {
		if err := serveCompletion(port, pool, config, op); err != nil {
			return err
		}
	}
	return errors.New("the port is closed")
}

// received and sent are the operations of a connection, one of which is in flight.
type received struct {
	ops.Read
	sent *sent
}

type sent struct {
	ops.Write
	received *received
}

func serveCompletion(port *completion.Port, pool *completion.Pool, config *tls.Config, op completion.Operation) error {
	switch op := op.(type) {
	case *ops.Accept:
		if op.Err() != nil {
			return op.Err()
		}
		return port.Submit(&iotls.Handshake{On: op.Conn, Config: config}, op)
	case *iotls.Handshake:
		if op.Err() != nil {
			return op.On.Close()
		}
		r := &received{Read: ops.Read{From: op.On, Pool: pool}, sent: &sent{Write: ops.Write{To: op.On}}}
		r.sent.received = r
		return port.Submit(r)
	case *received:
		if op.Err() != nil {
			return op.From.Close()
		}
		op.sent.Buf = op.Buf
		return port.Submit(op.sent)
	case *sent:
		op.received.Release()
		if op.Err() != nil {
			return op.To.Close()
		}
		return port.Submit(op.received)
	}
	return nil
}
