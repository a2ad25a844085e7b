//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package completion

import (
	"github.com/completionport/completion/internal/kqueue"
	"github.com/completionport/completion/internal/sys"
)

var drivers = []opener{{"kqueue", openKqueue}}

// openKqueue opens the one backend of these systems. Its poller is package
// kqueue's, which runs on every system; only the calls are this one's.
func openKqueue() (driver, error) {
	queue, err := sys.KqueueCreate()
	if err != nil {
		return driver{}, err
	}
	poller, err := kqueue.New(queue)
	if err != nil {
		return driver{}, err
	}
	return driver{name: "kqueue", poller: poller, arm: "kevent", kernel: &sys.Kernel{}}, nil
}
