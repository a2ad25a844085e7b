package completion

import "github.com/completionport/completion/internal/iocp"

// The backend of Windows is its completion port, package internal/iocp, with the calls
// of internal/sys. Its kernel is Native. It keeps the promises of internal/backend in
// these ways.
//
// Armed once: Arm is CreateIoCompletionPort, which associates a descriptor with the port
// for its life. For a socket of package net it is NtSetInformationFile
// (FileReplaceCompletionInformation), which takes it out of the port of Go's runtime in
// the same step. Nothing is ready or not: an operation that is started learns what there
// is. Disarm removes the entry of the descriptor; closesocket ends the association.
//
// Generation: the completion key of a packet is the descriptor, and the entry of the
// descriptor has the generation. It is the right entry, since the engine closes no
// descriptor with an operation inside. Accepts that nobody asked for may outlive their
// listener, and are known by the address of their OVERLAPPED. A packet whose OVERLAPPED is
// none of ours comes from the program, and is dropped.
//
// Every operation ends once: Start is AcceptEx, ConnectEx, WSARecv or WSASend. With
// FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, an operation that succeeds at once has no packet,
// and any other has one. A read of no bytes is a WSARecv of no bytes. Finish reads the
// status that Windows has written to the OVERLAPPED. A WSASend takes 256 KiB at most:
// Windows takes a send of any size whole, and no deadline could end it.
//
// Abandon is CancelIoEx, called once. ERROR_NOT_FOUND means that it was not heard: the
// operation has ended and its packet lies in the port. STATUS_CANCELLED is of the class
// Again. A WSASend that was cancelled reports 0 bytes, whatever was sent.
//
// No call blocks: all operations are overlapped, and the sockets do not block in the
// calls that are not. A positive SO_LINGER is turned off before closesocket, which
// otherwise fails with WSAEWOULDBLOCK. None of the calls is repeated.
//
// Wait and Wake: a leader blocks in GetQueuedCompletionStatusEx both ways. Windows checks
// its time-out every 15.6 ms, so where there is NtAssociateWaitCompletionPacket, a timer
// with high resolution posts a packet when the time has come. Wake is
// PostQueuedCompletionStatus with the key 0; the packet stays in the port until a wait
// takes it. If Windows has no memory for it, a timer of Go's runtime tries again, the one
// case in which Wake allocates. A lock keeps Wake and the close of the port apart.
var backends = []opener{{iocp.Name, iocp.Open}}
