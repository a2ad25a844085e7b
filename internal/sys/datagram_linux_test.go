package sys

import (
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// Linux counts a zero byte behind every path of a unix socket, also behind one that leaves no
// room for it. So the address of such a sender is longer than any structure for it. Whoever
// may send can have such an address, and package unix binds to none.
func TestDatagramFromLongestPath(t *testing.T) {
	t.Chdir(t.TempDir())
	k, longest := &Kernel{}, strings.Repeat("p", len(rawAddress{}.Path))
	receiver, sender := unixPackets(t, k, "receiver"), unixPackets(t, k, "")
	bindRaw(t, sender, longest)
	for _, count := range []int{1, 2} {
		messages := make([]backend.Message, count)
		for i := range messages {
			messages[i] = backend.Message{Path: "receiver", Data: []byte{byte(i)}}
		}
		n, errno := k.Send(sender, messages)
		got, errno2 := k.Receive(receiver, messages)
		if n != count || errno != 0 || got != count || errno2 != 0 {
			t.Fatalf("sent %d of %d: %v, received %d: %v", n, count, errno, got, errno2)
		}
		for i, m := range messages {
			if m.Path != longest || m.N != 1 || m.Data[0] != byte(i) {
				t.Errorf("%d bytes %v from %q", m.N, m.Data, m.Path)
			}
		}
	}
	if n, errno := k.Send(receiver, []backend.Message{{Path: longest + "p"}}); n != 0 || errno != unix.EINVAL {
		t.Errorf("sent %d to a path that is too long: %v", n, errno)
	}
	answer := []backend.Message{{Path: longest, Data: []byte("answer")}}
	if n, errno := k.Send(receiver, answer); n != 1 || errno != 0 {
		t.Fatalf("answered %d: %v", n, errno)
	}
	if n, errno := k.Receive(sender, answer); n != 1 || errno != 0 || answer[0].Path != "receiver" {
		t.Fatalf("got %d answers from %q: %v", n, answer[0].Path, errno)
	}
}

// bindRaw binds a socket to a path that fills the address.
func bindRaw(t *testing.T, fd int, path string) {
	from := rawAddress{Family: unix.AF_UNIX}
	for i := range from.Path {
		from.Path[i] = int8(path[i])
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&from)), unsafe.Sizeof(from)); errno != 0 {
		t.Fatal(errno)
	}
}

// unixPackets opens a datagram socket, and binds it unless path is empty.
func unixPackets(t *testing.T, k *Kernel, path string) int {
	fd, err := k.PacketSocket(backend.Unix, backend.Address{Path: path}, backend.PacketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close(fd) })
	return fd
}
