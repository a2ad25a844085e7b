package completion

import "github.com/completionport/completion/internal/iocp"

// The backend of Windows is its completion port, package internal/iocp, with the calls
// of internal/sys. Its kernel is Native. It keeps the promises of internal/backend in
// these ways.
//
// Armed once: Arm is CreateIoCompletionPort, which associates a descriptor with the port
// for its life. For a socket of package net it is NtSetInformationFile
// (FileReplaceCompletionInformation), which takes the socket out of the port of Go's
// runtime in the same step. There is no readiness: an operation that is started finds
// what is there. Disarm removes the entry of the descriptor; closesocket ends the
// association.
//
// Generation: the completion key of a packet is the descriptor, and the entry of the
// descriptor has the generation. It is the right entry, since the engine closes no
// descriptor with an operation inside. Accepts without an operation may outlive their
// listener, and are found by the address of their OVERLAPPED. A packet whose OVERLAPPED
// is none of ours comes from a call of the program, and is dropped.
//
// Every operation ends once: Start is AcceptEx, ConnectEx, WSARecv or WSASend. With
// FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, an operation that succeeds at once has no packet,
// and any other has one. A read of no bytes is a WSARecv of no bytes. Finish reads the
// status that Windows has written to the OVERLAPPED. A WSASend has at most 256 KiB:
// Windows accepts a send of any size as a whole, and no deadline could end it.
//
// For a named pipe, Start is ReadFile or WriteFile, with a packet also at success. All its
// instances that have no client wait in ConnectNamedPipe, and Start of an accept takes one that
// has a client. A read that a write of no bytes has ended is begun again.
//
// Abandon is CancelIoEx, called once. ERROR_NOT_FOUND means that heard is false: the
// operation has ended and its packet is in the port. STATUS_CANCELLED is of the class
// Again. A WSASend that was cancelled reports 0 bytes, whatever was sent. An accept of a pipe is
// not cancelled: a packet of the port reports its end.
//
// No call blocks: all operations are overlapped, and the sockets are non-blocking for the
// other calls. A positive SO_LINGER is turned off before closesocket, which would fail
// with WSAEWOULDBLOCK. None of the calls is repeated.
//
// Wait and Wake: a leader blocks in GetQueuedCompletionStatusEx both ways. Windows checks
// the time-out of that call every 15.6 ms. So where NtAssociateWaitCompletionPacket is
// available, a timer with high resolution posts a packet at the end of the wait. Wake is
// PostQueuedCompletionStatus with the key 0; the packet stays in the port until a wait
// takes it. If Windows has no memory for the packet, a timer of Go's runtime tries again,
// the one case in which Wake allocates. A lock keeps Wake and the close of the port apart.
var backends = []opener{{iocp.Name, iocp.Open}}
