package iotls

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Handshake)(nil)

// Handshake performs a TLS handshake on a socket that is connected. If it succeeds, all
// further operations of the socket are encrypted. If it fails, the socket can only be
// closed, except after completion.ErrHandshake and errors of a socket that is not connected.
//
// The peer may be slow or hostile: give each Handshake a Deadline or a Timeout. A handshake
// that waits holds a goroutine and some KiB of memory, and delays no other operation.
// Config.MaxInFlight of the port counts it as one operation. If it is cancelled, times out
// or is closed, it ends at once, but not before a function of Config that runs has
// returned. Such a function should watch the Context of its argument, a
// *tls.ClientHelloInfo or *tls.CertificateRequestInfo.
//
// The error of a handshake is that of crypto/tls: errors.As finds a
// *tls.CertificateVerificationError or a tls.RecordHeaderError there, without its Conn, or,
// for an alert of the peer, a *net.OpError whose Op is "remote error". If the peer ends the connection
// meanwhile, the error matches io.ErrUnexpectedEOF. Errors of the system, and those of a
// Handshake that was cancelled, timed out or was closed, are as those of other operations.
//
// N is 0.
type Handshake struct {
	completion.Op

	// On is the socket.
	On *completion.Socket

	// Config is that of crypto/tls. It must not be nil: Submit panics. A server needs
	// certificates, a client a ServerName or InsecureSkipVerify. Many handshakes may share
	// one Config, which must not be changed any more. Renegotiation is not supported: if the
	// field of that name is set, the Handshake ends with errors.ErrUnsupported.
	//
	// Its functions, such as GetCertificate, run on the goroutine of the Handshake and may
	// block. ClientSessionCache.Put, Time and Rand are used later, too, by whichever goroutine
	// performs a Read or a Write of the port. There they must return at once, must not wait
	// for operations of the port, and must not call runtime.Goexit. If one panics there, its
	// Read and all later ones, or its Write, end with an error whose text has the stack.
	//
	// None of them may wait for the Close or the Shutdown of the port, which wait for the
	// Handshake.
	//
	// If one panics during the Handshake, that ends with an error whose text has the stack,
	// and the panic goes no further. If one calls runtime.Goexit there, the Handshake ends
	// with an error, too.
	Config *tls.Config

	// Client selects the side of the client. The default is that of the server.
	Client bool
}

// Describe is for the port.
func (o *Handshake) Describe(r *core.Request) {
	if o.Config == nil { // crypto/tls panics for a server, when the first message arrives
		panic("iotls: a handshake without a config")
	}
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Run = backend.Handshake, (*core.Handle)(o.On), o.run
}

// run performs the handshake, on a goroutine of its own.
func (o *Handshake) run(ctx context.Context, port any) (core.Result, error) {
	if o.Config.Renegotiation != tls.RenegotiateNever {
		return core.Result{}, fmt.Errorf("iotls: renegotiation: %w", errors.ErrUnsupported)
	}
	h := (*core.Handle)(o.On)
	c := &carrier{handle: h}
	c.waits.Store(&awaiting{ctx: ctx, port: port.(*completion.Port), socket: o.On})
	l := &layer{carrier: c}
	if o.Client {
		l.conn = tls.Client(c, o.Config)
	} else {
		l.conn = tls.Server(c, o.Config)
	}
	if err := l.conn.HandshakeContext(ctx); err != nil {
		return core.Result{}, o.errorOf(ctx, err)
	}
	c.waits.Store(nil)
	if !h.Install(l) {
		return core.Result{}, net.ErrClosed
	}
	return core.Result{}, nil
}

// errorOf returns the error for the program.
func (o *Handshake) errorOf(ctx context.Context, err error) error {
	// Without closing, the error is that of a function of Config.
	if (errors.Is(err, net.ErrClosed) || ctx.Err() != nil) && (*core.Handle)(o.On).Closing() {
		return net.ErrClosed
	}
	if header, ok := err.(tls.RecordHeaderError); ok {
		header.Conn = nil // no plain bytes by mistake, and its Close would do nothing
		return header
	}
	if errors.Is(err, errCut) {
		return fmt.Errorf("iotls: the peer ended the connection during the handshake: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// ConnectionState returns the state of the TLS connection of a socket: version, cipher
// suite, protocol of ALPN, certificates of the peer. ok is false for nil, for a socket
// without TLS, during a handshake, and after the socket was closed.
func ConnectionState(s *completion.Socket) (state tls.ConnectionState, ok bool) {
	l, ok := (*core.Handle)(s).Layer().(*layer)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return l.conn.ConnectionState(), true
}
