package porttest

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/completionport/completion"
)

var fileCases = []testCase{
	unixFileStaysIfNetKeepsIt,
	unixFileOfAWrappedListener,
	unixFileOfAListenerThatCannotBeTold,
	unixFileAsSetUnlinkOnCloseSays,
	unixFileOfAnotherStays,
	setUnlinkOnCloseWithoutFile,
}

// netListener is a unix listener of package net.
func (e *env) netListener() *net.UnixListener {
	e.Helper()
	l, err := e.network.Listen("unix", e.address("unix"))
	is(e, err, nil)
	return l.(*net.UnixListener)
}

// inherited is a listener that package net has made from a descriptor, as a
// server does that is started anew.
func (e *env) inherited() *net.UnixListener {
	e.Helper()
	l := e.netListener()
	l.SetUnlinkOnClose(false)
	defer l.Close()
	f, err := l.File()
	is(e, err, nil)
	defer f.Close()
	again, err := net.FileListener(f)
	is(e, err, nil)
	return again.(*net.UnixListener)
}

// adopt is AdoptListener of what must be adopted.
func (e *env) adopt(p *completion.Port, l net.Listener) *completion.Listener {
	e.Helper()
	adopted, err := p.AdoptListener(l)
	is(e, err, nil)
	return adopted
}

// stays checks that closing a listener leaves its file.
func stays(e *env, path string, before os.FileInfo) {
	e.Helper()
	after, err := os.Lstat(path)
	is(e, err, nil)
	equal(e, "the same file", os.SameFile(before, after), true)
}

// unixFileStaysIfNetKeepsIt: what package net would have left, adopting leaves, too.
func unixFileStaysIfNetKeepsIt(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	e.needsAdopt()
	p := e.port(nil)
	kept := e.netListener()
	kept.SetUnlinkOnClose(false)
	for _, l := range []*net.UnixListener{kept, e.inherited()} {
		path := l.Addr().String()
		before, err := os.Lstat(path)
		is(e, err, nil)
		adopted := e.adopt(p, l)
		stays(e, path, before)
		connected(e, p, adopted)
		is(e, adopted.Close(), nil)
		stays(e, path, before)
	}
}

// unixFileAsSetUnlinkOnCloseSays: the last SetUnlinkOnClose counts, whoever has made
// the file.
func unixFileAsSetUnlinkOnCloseSays(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	for _, choice := range [][]bool{{true}, {false}, {false, true}, {true, false}, {false, true, true, false}} {
		p := e.port(nil)
		listeners := []*completion.Listener{e.listen(p, "unix")}
		if e.adopts {
			listeners = append(listeners, e.adopt(p, e.netListener()), e.adopt(p, e.inherited()))
		}
		for _, l := range listeners {
			path := l.Addr().String()
			before, err := os.Lstat(path)
			is(e, err, nil)
			unlink := false
			for _, unlink = range choice {
				l.SetUnlinkOnClose(unlink)
			}
			is(e, l.Close(), nil)
			l.SetUnlinkOnClose(!unlink) // too late
			if unlink {
				gone(e, path)
			} else {
				stays(e, path, before)
			}
		}
	}
}

// unixFileOfAnotherStays: a server that has put its own socket in the place of ours is
// not cut off when we close.
func unixFileOfAnotherStays(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	for _, byRename := range []bool{true, false} {
		p := e.port(nil)
		listeners := []*completion.Listener{e.listen(p, "unix")}
		if e.adopts {
			listeners = append(listeners, e.adopt(p, e.netListener()))
		}
		for _, l := range listeners {
			path := l.Addr().String()
			successor := e.replace(path, byRename)
			l.SetUnlinkOnClose(true) // it has been, and knows its file
			is(e, l.Close(), nil)
			c, err := e.network.Dial("unix", path)
			is(e, err, nil)
			c.Close()
			successor.Close()
		}
	}
}

// replace puts a listener of package net in the place of another.
func (e *env) replace(path string, byRename bool) net.Listener {
	e.Helper()
	at := path
	if byRename {
		at = filepath.Join(filepath.Dir(path), "new")
	} else {
		is(e, os.Remove(path), nil)
	}
	l, err := e.network.Listen("unix", at)
	is(e, err, nil)
	e.closers = append(e.closers, l.Close)
	if byRename {
		is(e, os.Rename(at, path), nil)
	}
	return l
}

// setUnlinkOnCloseWithoutFile: nothing happens to a listener that has none.
func setUnlinkOnCloseWithoutFile(e *env) {
	p := e.port(nil)
	listeners := []*completion.Listener{e.listen(p, "tcp4")}
	switch {
	case !e.onSystem():
		listeners = append(listeners, e.listen(p, "unix"))
	case runtime.GOOS == "linux":
		l, err := p.Listen("unix", "@porttest-"+strconv.Itoa(os.Getpid()))
		is(e, err, nil)
		listeners = append(listeners, l)
	}
	for _, l := range listeners {
		for _, unlink := range []bool{true, false, true} {
			l.SetUnlinkOnClose(unlink)
			connected(e, p, l)
		}
		network, address := l.Addr().Network(), l.Addr().String()
		is(e, l.Close(), nil)
		if network == "unix" {
			again, err := p.Listen(network, address)
			is(e, err, nil)
			is(e, again.Close(), nil)
		}
	}
}

// counted is a program's own listener around one of package net, with all of its
// methods.
type counted struct {
	name string
	*net.UnixListener
}

// delegating passes on all that adoption asks for, and says nothing of what it is
// around.
type delegating struct{ inner *net.UnixListener }

func (l delegating) Accept() (net.Conn, error) { return l.inner.Accept() }

func (l delegating) Close() error { return l.inner.Close() }

func (l delegating) Addr() net.Addr { return l.inner.Addr() }

func (l delegating) SyscallConn() (syscall.RawConn, error) { return l.inner.SyscallConn() }

func (l delegating) SetUnlinkOnClose(unlink bool) { l.inner.SetUnlinkOnClose(unlink) }

// secretive passes on the descriptor alone.
type secretive struct {
	net.Listener
	inner *net.UnixListener
}

func (l secretive) SyscallConn() (syscall.RawConn, error) { return l.inner.SyscallConn() }

// unixFileOfAWrappedListener: the file outlives the listener that was wrapped, and goes or
// stays with the adopted one as it would have with the listener inside.
func unixFileOfAWrappedListener(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	e.needsAdopt()
	p := e.port(nil)
	kept := e.netListener()
	kept.SetUnlinkOnClose(false)
	for _, c := range []struct {
		l    net.Listener
		goes bool
	}{
		{counted{"by value", e.netListener()}, true},
		{&counted{"by pointer", e.netListener()}, true},
		{struct{ *counted }{&counted{"twice", e.netListener()}}, true},
		{counted{"kept", kept}, false},
		{delegating{e.netListener()}, false}, // nobody knows: a file in the way is the lesser harm
	} {
		path := c.l.Addr().String()
		before, err := os.Lstat(path)
		is(e, err, nil)
		adopted := e.adopt(p, c.l)
		stays(e, path, before)
		connected(e, p, adopted)
		is(e, adopted.Close(), nil)
		if c.goes {
			gone(e, path)
		} else {
			stays(e, path, before)
		}
	}
}

// unixFileOfAListenerThatCannotBeTold: closing such a listener would remove its file,
// and can't be kept from it. So it is not taken, and stays as it was.
func unixFileOfAListenerThatCannotBeTold(e *env) {
	e.needsSystem("there are files")
	e.needsUnix()
	e.needsAdopt()
	p := e.port(nil)
	inner := e.netListener()
	defer inner.Close()
	path := inner.Addr().String()
	before, err := os.Lstat(path)
	is(e, err, nil)
	descriptors := countDescriptors()
	_, err = p.AdoptListener(secretive{inner, inner})
	unsupported(e, p, err)
	equal(e, "descriptors", countDescriptors(), descriptors)
	stays(e, path, before)
	connected(e, p, e.adopt(p, inner))
}
