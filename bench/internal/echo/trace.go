package echo

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// CountCalls returns how often the program makes each system call for one message, as
// counted by strace. It starts server and load twice, without messages and with that many,
// and takes the difference. A traced program is slow, so a poll finds more ready
// connections than without strace.
func CountCalls(s Spec, conns, size, messages int) (map[string]float64, error) {
	return CountCallsOf(s, conns, Work{Size: size, Messages: messages, Keys: s.Keys})
}

// CountCallsOf is CountCalls for the messages of any work on its own connections.
func CountCallsOf(s Spec, conns int, w Work) (map[string]float64, error) {
	idle, err := traced(s, conns, Work{Size: w.Size})
	if err != nil {
		return nil, err
	}
	busy, err := traced(s, conns, w)
	if err != nil {
		return nil, err
	}
	for name := range busy {
		busy[name] = max(0, busy[name]-idle[name]) / float64(w.Messages)
	}
	return busy, nil
}

// CanTrace returns an error if calls can't be counted here.
func CanTrace() error {
	_, err := exec.LookPath("strace")
	return err
}

// traced counts the calls of a server during its whole life.
func traced(s Spec, conns int, w Work) (map[string]float64, error) {
	dir, err := os.MkdirTemp("", "calls")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "calls")
	setup, err := Open(ServerOptions{Spec: s, Buffer: BufferFor(w.Size), Trace: file}, Anywhere, conns)
	if err != nil {
		return nil, err
	}
	if w.Messages > 0 {
		_, err = setup.Load.Run(w)
	}
	if closing := setup.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	summary, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer summary.Close()
	return parseSummary(bufio.NewScanner(summary))
}

// parseSummary reads strace's table. The fourth column is the number of calls, the last
// one the name. Lines of titles and rules have no number there.
func parseSummary(lines *bufio.Scanner) (map[string]float64, error) {
	calls := make(map[string]float64)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || fields[len(fields)-1] == "total" {
			continue
		}
		if n, err := strconv.Atoi(fields[3]); err == nil {
			calls[fields[len(fields)-1]] += float64(n)
		}
	}
	if len(calls) == 0 {
		return nil, errors.Join(errors.New("echo: strace counted nothing"), lines.Err())
	}
	return calls, nil
}
