// Package iotls is TLS for the sockets of a port. A connection with TLS is the same
// *completion.Socket, used with the same operations of package ops: a Read delivers plain
// bytes, a Write takes them, a CloseWrite sends the end of the stream. The port encrypts and
// decrypts at the place where it makes the system calls otherwise, with package crypto/tls.
// Pooled reads, Full, Append, deadlines, cancelling, order, closing and both styles are as
// the documentation of package completion says.
//
// A Handshake makes it so. It is an operation of its own, for a socket that was accepted or
// is connected:
//
//	case *ops.Accept:
//		port.Submit(&iotls.Handshake{On: op.Conn, Config: config, Op: completion.Op{Timeout: 10 * time.Second}})
//		port.Submit(op)
//	case *iotls.Handshake:
//		if op.Err() != nil {
//			op.On.Close()
//			continue
//		}
//		port.Submit(&ops.Read{From: op.On, Pool: pool})
//
// For programs that want a net.Conn, crypto/tls on package ionet is simpler.
//
// # What it costs
//
// A Handshake has a goroutine while it is in flight. Then none is left: an idle connection
// holds the state of crypto/tls and no goroutine. A part of that state is the buffer for what
// arrives, which grows to the largest record that the peer has sent, up to some 16 KiB. The
// memory for what is to be sent is only there while something is. See ARCHITECTURE.md for
// the numbers of bytes.
//
// # Reads
//
// A Read ends with the plain bytes of one or more records. Answers to requests of the peer
// (key updates) and alerts are sent during a Read, as far as the system has room for them,
// and otherwise before the next Write. Tickets for the resumption of a session are taken
// during Reads, too: a client that never reads gets none.
//
// The stream ends with the peer's close-notify: a Read ends with io.EOF, as often as it is
// submitted. If the connection ends without it, somebody may have cut it off: the Read ends
// with io.ErrUnexpectedEOF. A record that is not valid ends the Read, and all later ones,
// with the error of crypto/tls. The peer is told by an alert, and Writes fail from then on.
//
// # Writes
//
// The bytes of a Write are counted when their whole record has been passed to the system. A
// record has up to 16 KiB of data. If a Write ends early while a part of a record is left,
// by a cancel, a deadline or an error, it counts as one that ended after some of its bytes:
// see Order in package completion. Its N is a lower bound then, by up to 16 KiB: the peer
// gets the rest of that record before anything else, as soon as there is another Write,
// CloseWrite or Close.
//
// On Windows, nobody knows how many bytes of a record were sent if its Write was cancelled,
// timed out or was closed while the system performed it. Nothing can be sent behind it:
// every later Write and CloseWrite of that socket ends with an error that matches
// completion.ErrWriteAborted. The peer does not get a close-notify.
//
// # Half closes, and closing
//
// A CloseWrite sends close-notify. It does not shut down the sending side of the TCP
// connection, as in crypto/tls. A Write after it ends with EPIPE. So it does after a
// CloseWrite that was cancelled or timed out, unless that was still behind another
// operation: it may have sent close-notify or a part of it. Reads go on.
//
// Socket.Close sends close-notify, if no CloseWrite did, as far as the system has room for
// it. It does not wait. The rest of what Socket.Close says about bytes that were not sent
// and not read holds for the encrypted bytes. A socket whose handshake did not succeed is
// closed without close-notify.
//
// # During the handshake
//
// From the Submit of a Handshake until its end, and for good if it fails, the socket can be
// used by nothing else, so that no plain bytes are sent by mistake: a Read, a Write or a
// CloseWrite that is submitted meanwhile ends with completion.ErrHandshake. If such an
// operation is in flight when the Handshake is submitted, the Handshake ends with this
// error, and the socket stays as it was. In one Submit, the Handshake comes first.
//
// # Not supported
//
// Renegotiation: see Handshake.Config. A peer that requests it gets an alert, as crypto/tls
// sends it, and ends all further Reads and Writes.
package iotls
