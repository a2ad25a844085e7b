// Package ops contains the operations that a port performs, one file for each family:
//
//   - connections: Accept, Connect, Dial;
//   - streams: Read, ReadUntil, ReadV, ReadRights, Write, WriteV, WriteRights, SendFile, Copy,
//     CloseWrite, Poll;
//   - datagrams: ReadFrom, RecvMsg, ReadBatch, WriteTo, SendMsg, WriteBatch;
//   - files: OpenFile, ReadAt, WriteAt, Append, Sync, Stat, Truncate, CloseFile;
//   - functions that block, signals and child processes: Work, Signal, Process;
//   - the port itself: Timer, Post, Borrow.
//
// An operation is a struct. The program sets its fields and submits it, and the port
// delivers it when it is complete. A program can embed an operation in a struct of its
// own. The port delivers the pointer that was submitted, with its type. With
//
//	type request struct {
//		ops.Read
//		client *client
//	}
//
// the port delivers a *request after Submit(r), and a *ops.Read after Submit(&r.Read),
// which does not match the case *request of a type switch. If a struct embeds two
// operations, submit each of them by its own pointer.
//
// All operations have the fields Deadline, Timeout and Value, and the methods N, Err
// and Ticket, from completion.Op. A composite literal names the embedded Op:
//
//	&ops.Read{From: conn, Pool: pool, Op: completion.Op{Timeout: time.Minute}}
package ops
