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

// CountCalls returns how often the program makes each system call for one
// message, as strace counts them. Server and load are started twice, with no
// messages and with so many, and the difference counts. A program that is
// traced is slow, so more of its connections are ready at each look than
// would be without.
func CountCalls(s Spec, conns, size, messages int) (map[string]float64, error) {
	idle, err := traced(s, conns, Work{Size: size})
	if err != nil {
		return nil, err
	}
	busy, err := traced(s, conns, Work{Size: size, Messages: messages})
	if err != nil {
		return nil, err
	}
	for name := range busy {
		busy[name] = max(0, busy[name]-idle[name]) / float64(messages)
	}
	return busy, nil
}

// CanTrace says why calls can't be counted here.
func CanTrace() error {
	_, err := exec.LookPath("strace")
	return err
}

// traced counts the calls of a server's whole life.
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

// parseSummary reads strace's table: the fourth column is the number of calls,
// the last the name. The line of column titles and rules has no number there.
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
