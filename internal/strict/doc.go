// Package strict imitates, for tests, rules of Windows that Wine does not keep. Set puts
// it between operations and the system, as sys.Interposed. No program contains it.
//
// It imitates these rules:
//
//   - The status block of an operation does not change before its packet is dequeued,
//     unless the operation has ended in the call that began it and has no packet.
//   - CancelIoEx does not find an operation that has ended, even if its packet is still
//     in the port.
//   - The packet of a cancelled operation is late: the first Dequeue that finds it does
//     not return it.
//   - A cancelled write counts 0 bytes, whatever was sent.
//   - There are packets of operations of others on the same descriptor.
//   - A datagram that is larger than its buffer, and that is there when the call is made, ends
//     the call with WSAEMSGSIZE. The operation has a packet all the same.
//   - A send is accepted as a whole, whatever its size. So a send larger than
//     sys.LargestSend panics.
//   - The skip mode of a datagram socket panics: it is documented for TCP only.
//   - A receive of a datagram socket that is not connected, and for which
//     SIO_UDP_CONNRESET was not turned off, panics: it could end because of a datagram of
//     another.
//   - A non-blocking socket is not closed while it has a positive SO_LINGER.
//
// The package has no content on other systems.
package strict
