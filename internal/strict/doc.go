// Package strict keeps, in tests, the rules of Windows that Wine does not keep. Set makes
// it stand between operations and the system, as sys.Interposed. No program contains it.
//
// It imitates these rules:
//
//   - The status block of an operation does not change before its packet has been taken
//     from the port, unless the operation has ended in the call that began it and has no
//     packet.
//   - CancelIoEx finds nothing of an operation that has ended, even if its packet is
//     still in the port.
//   - The packet of a cancelled operation comes later: the first look after it has come
//     does not see it.
//   - A cancelled write counts 0 bytes, whatever was sent.
//   - There are packets of operations of others on the same descriptor.
//   - A send is taken whole, whatever its size, so none may be large.
//   - A socket that does not block is not closed while it has a positive linger.
//
// The package has no content on other systems.
package strict
