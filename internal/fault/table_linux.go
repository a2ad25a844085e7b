package fault

import "syscall"

// Table lists every fault that is worth injecting: for each call the errnos that its
// manual page or the kernel's source gives for a socket that is used correctly. It leaves
// out errnos that only a bug of ours could cause (EBADF, EFAULT, EINVAL, ENOTSOCK).
var Table = []Fault{
	{Read, syscall.EINTR, Unseen, 0, "a signal came first"},
	{Read, syscall.EAGAIN, Unseen, Edge, "nothing there after all"},
	{Read, syscall.ECONNRESET, Seen, 0, "the peer sent a reset"},
	{Read, syscall.ETIMEDOUT, Seen, 0, "no answer to data or keep-alive"},
	{Read, syscall.EHOSTUNREACH, Seen, 0, "a router knows no way to the host"},
	{Read, syscall.ENOBUFS, Seen, 0, "no memory for the call"},
	{Read, syscall.ENOMEM, Seen, 0, "no memory for the call"},
	{Read, syscall.EIO, Seen, 0, "the device failed"},

	{Write, syscall.EINTR, Unseen, 0, "a signal came first"},
	{Write, syscall.EAGAIN, Unseen, Edge, "no room after all"},
	{Write, syscall.EPIPE, Seen, 0, "the write side is gone"},
	{Write, syscall.ECONNRESET, Seen, 0, "the peer sent a reset"},
	{Write, syscall.ETIMEDOUT, Seen, 0, "no answer to data or keep-alive"},
	{Write, syscall.EHOSTUNREACH, Seen, 0, "a router knows no way to the host"},
	{Write, syscall.ENETDOWN, Seen, 0, "the interface is down"},
	{Write, syscall.ENOBUFS, Seen, 0, "the interface's queue is full"},
	{Write, syscall.ENOMEM, Seen, 0, "no memory for the call"},
	{Write, syscall.EPERM, Seen, 0, "a firewall refuses"},

	{Accept, syscall.EINTR, Unseen, 0, "a signal came first"},
	{Accept, syscall.EAGAIN, Unseen, Edge, "another process took it"},
	{Accept, syscall.ECONNABORTED, Unseen, 0, "the connection died in the backlog"},
	{Accept, syscall.EPROTO, Unseen, 0, "the connection died in the backlog"},
	{Accept, syscall.ENOPROTOOPT, Unseen, 0, "an error of the connection's, shown here"},
	{Accept, syscall.ENETDOWN, Unseen, 0, "an error of the connection's, shown here"},
	{Accept, syscall.ENETUNREACH, Unseen, 0, "an error of the connection's, shown here"},
	{Accept, syscall.EHOSTDOWN, Unseen, 0, "an error of the connection's, shown here"},
	{Accept, syscall.EHOSTUNREACH, Unseen, 0, "an error of the connection's, shown here"},
	{Accept, syscall.ENONET, Unseen, 0, "an error of the connection's, shown here"},
	{Accept, syscall.EMFILE, Seen, 0, "the process has no descriptor left"},
	{Accept, syscall.ENFILE, Seen, 0, "the system has no descriptor left"},
	{Accept, syscall.ENOBUFS, Seen, 0, "no memory for a socket"},
	{Accept, syscall.ENOMEM, Seen, 0, "no memory for a socket"},
	{Accept, syscall.EPERM, Seen, 0, "a firewall refuses"},

	{Connect, syscall.EINTR, Unseen, Made | Edge, "a signal came first; it goes on in the background"},
	{Connect, syscall.EINPROGRESS, Unseen, Made | Edge, "the handshake takes time"},
	{Connect, syscall.EAGAIN, Seen, 0, "no free port, or a unix backlog is full"},
	{Connect, syscall.EADDRNOTAVAIL, Seen, 0, "no free port"},
	{Connect, syscall.ECONNREFUSED, Seen, 0, "nobody listens"},
	{Connect, syscall.ENETUNREACH, Seen, 0, "no route to the network"},
	{Connect, syscall.EHOSTUNREACH, Seen, 0, "no route to the host"},
	{Connect, syscall.EACCES, Seen, 0, "a rule or a file's permission forbids it"},
	{Connect, syscall.EPERM, Seen, 0, "a firewall refuses"},
	{Connect, syscall.ENOBUFS, Seen, 0, "no memory for the call"},

	{Connected, syscall.EINPROGRESS, Unseen, Edge, "the edge was for something else"},
	{Connected, syscall.ECONNREFUSED, Seen, 0, "nobody listens"},
	{Connected, syscall.ECONNRESET, Seen, 0, "the peer changed its mind"},
	{Connected, syscall.ETIMEDOUT, Seen, 0, "no answer"},
	{Connected, syscall.EHOSTUNREACH, Seen, 0, "a router knows no way to the host"},
	{Connected, syscall.ENETUNREACH, Seen, 0, "a router knows no way to the network"},
	{Connected, syscall.ENOBUFS, Seen, 0, "no memory for the handshake"},

	{CloseWrite, syscall.ENOTCONN, Seen, 0, "a reset came first"},

	{Close, syscall.EINTR, Unseen, Made, "a signal came; the descriptor is gone"},
	{Close, syscall.EIO, Unseen, Made, "what was left could not be sent; the descriptor is gone"},

	{Receive, syscall.EINTR, Unseen, 0, "a signal came first"},
	{Receive, syscall.EAGAIN, Unseen, Edge, "the datagram had a wrong checksum"},
	{Receive, syscall.ECONNREFUSED, Seen, 0, "nobody has the port of the peer"},
	{Receive, syscall.EHOSTUNREACH, Seen, 0, "a router knows no way to the peer"},
	{Receive, syscall.ENOMEM, Seen, 0, "no memory for the call"},

	{Send, syscall.EINTR, Unseen, 0, "a signal came first"},
	{Send, syscall.EAGAIN, Unseen, Edge, "no room after all"},
	{Send, syscall.ECONNREFUSED, Seen, 0, "nobody has received an earlier datagram"},
	{Send, syscall.EHOSTUNREACH, Seen, 0, "a router knows no way to the host"},
	{Send, syscall.ENETUNREACH, Seen, 0, "no route to the network"},
	{Send, syscall.EMSGSIZE, Seen, 0, "larger than the path takes"},
	{Send, syscall.ENOBUFS, Seen, 0, "the interface's queue is full"},
	{Send, syscall.ENOMEM, Seen, 0, "no memory for the call"},
	{Send, syscall.EPERM, Seen, 0, "a firewall refuses"},

	{SendFile, syscall.EINTR, Unseen, 0, "a signal came first"},
	{SendFile, syscall.EAGAIN, Unseen, Edge, "no room after all"},
	{SendFile, syscall.EPIPE, Seen, 0, "the write side is gone"},
	{SendFile, syscall.ECONNRESET, Seen, 0, "the peer sent a reset"},
	{SendFile, syscall.EIO, Seen, 0, "the disk failed"},
	{SendFile, syscall.ENOMEM, Seen, 0, "no memory for the call"},

	{FileRead, syscall.EIO, Seen, 0, "the disk failed"},
	{FileTry, syscall.EAGAIN, Unseen, 0, "the bytes are not in the page cache"},
	{FileTry, syscall.EIO, Unseen, 0, "the disk failed; the call that may block is to say so"},
	{FileWrite, syscall.EIO, Seen, 0, "the disk failed"},
	{FileWrite, syscall.ENOSPC, Seen, 0, "the disk is full"},
	{FileWrite, syscall.EDQUOT, Seen, 0, "the user's blocks are used up"},
	{FileSync, syscall.EIO, Seen, 0, "an earlier write has failed"},
	{FileSync, syscall.ENOSPC, Seen, 0, "an earlier write found no room"},
	{FileStat, syscall.EIO, Seen, 0, "the disk failed"},
	{FileTruncate, syscall.EIO, Seen, 0, "the disk failed"},
	{FileClose, syscall.EIO, Seen, 0, "an earlier write has failed; the descriptor is gone"},

	{OpenPipe, syscall.EMFILE, Unseen, 0, "the process has no descriptor left: the bytes are copied"},
	{OpenPipe, syscall.ENFILE, Unseen, 0, "the system has no descriptor left: the bytes are copied"},

	{SpliceIn, syscall.EINTR, Unseen, 0, "a signal came first"},
	{SpliceIn, syscall.EAGAIN, Unseen, Edge, "nothing there after all"},
	{SpliceIn, syscall.EINVAL, Unseen, 0, "a kind of socket that it does not work for: the bytes are copied"},
	{SpliceIn, syscall.ECONNRESET, Seen, 0, "the peer sent a reset"},
	{SpliceIn, syscall.ENOMEM, Seen, 0, "no memory for the call"},

	{SpliceOut, syscall.EINTR, Unseen, 0, "a signal came first"},
	{SpliceOut, syscall.EAGAIN, Unseen, Edge, "no room after all"},
	{SpliceOut, syscall.EPIPE, Seen, 0, "the write side is gone"},
	{SpliceOut, syscall.ECONNRESET, Seen, 0, "the peer sent a reset"},
	{SpliceOut, syscall.ENOMEM, Seen, 0, "no memory for the call"},

	{Arm, syscall.ENOMEM, Seen, 0, "no memory for the registration"},
	{Arm, syscall.ENOSPC, Seen, 0, "the user's limit of registrations is reached"},

	{Wait, syscall.EINTR, Unseen, 0, "a signal came; nothing was seen"},
}
