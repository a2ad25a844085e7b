package completion_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// traceVariable has the address of the peer in a process whose calls strace shows.
const traceVariable = "COMPLETION_TRACE_PEER"

// The calls of a process, as strace shows them. The process writes its steps to its
// standard output, so strace shows these, too. This process is the peer, and sends when
// the port has found nothing and goes to sleep.
func TestTraceOfAReadOnEpoll(t *testing.T) {
	if at := os.Getenv(traceVariable); at != "" {
		readOfTheTrace(t, at)
		return
	}
	strace := findStrace(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	const patience = 2 * time.Minute // of the watchdogs
	l.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, strace, "-f", "-e", "trace=epoll_create1,epoll_ctl,epoll_pwait,recvfrom,write",
		os.Args[0], "-test.run=^TestTraceOfAReadOnEpoll$", "-test.count=1")
	cmd.Env = append(os.Environ(), traceVariable+"="+l.Addr().String(), "COMPLETIONDEBUG=", "GOMAXPROCS=1")
	calls, err := cmd.StderrPipe()
	must(t, err)
	var said bytes.Buffer
	cmd.Stdout = &said
	must(t, cmd.Start())
	peer, err := l.Accept()
	must(t, err)
	defer peer.Close()
	send(t, peer, "first")
	lines := tracedLines(calls, func() { send(t, peer, "hello") })
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.Bytes())
	}
	checkTrace(t, "epoll", lines)
}

// findStrace returns the path of strace, and skips the test if there is none or it can't
// trace here.
func findStrace(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is missing")
	}
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace can't trace here: %v: %s", err, out)
	}
	return strace
}

// readOfTheTrace makes two reads, and marks the steps of the second.
func readOfTheTrace(t *testing.T, peer string) {
	port, err := completion.Open(&completion.Config{Observer: func(e completion.Event) {
		fmt.Fprintf(os.Stdout, "step %s\n", stepLine(e))
	}})
	must(t, err)
	defer port.Close()
	conn, err := port.Dial(context.Background(), "tcp4", peer)
	must(t, err)
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	must(t, port.Await(context.Background(), read))
	fmt.Fprintln(os.Stdout, "begin")
	must(t, port.Submit(read))
	_, err = port.Next(context.Background())
	fmt.Fprintln(os.Stdout, "end")
	must(t, err)
	must(t, read.Err())
}

var (
	created = regexp.MustCompile(`^epoll_create1\(.*\) += (\d+)`)
	added   = regexp.MustCompile(`^epoll_ctl\((\d+), EPOLL_CTL_ADD, (\d+), .*u32=(\d+)`)
	stepped = regexp.MustCompile(`^write\(1, "(?:step )?(.*)\\n"`)
	looked  = regexp.MustCompile(`^epoll_pwait\((\d+), \[(.*)\], (128, -?\d+, NULL, \d+\) = \d+)`)
	event   = regexp.MustCompile(`events=(\S+), data={u32=(\d+)`)
	read    = regexp.MustCompile(`^recvfrom\(\d+, (.* = \d+)$`)
)

// tracedLines turns what strace shows of the second read into a trace: descriptors get
// names, and the calls of Go's poller that do not concern the port are left out. asleep is
// called when the port has found no event.
func tracedLines(r io.Reader, asleep func()) (lines []string) {
	names := map[string]string{} // of epoll descriptors, and of what their events say
	begun := map[string]string{} // calls that strace shows in two parts, by process
	on := false
	for s := bufio.NewScanner(r); s.Scan(); {
		call := whole(s.Text(), begun)
		m := stepped.FindStringSubmatch(call)
		switch {
		case len(m) > 0 && (m[1] == "begin" || m[1] == "end"):
			on = m[1] == "begin"
		case len(m) > 0 && on:
			lines = append(lines, m[1])
		case on && len(m) == 0:
			line, found := tracedCall(names, call)
			if line != "" {
				lines = append(lines, line)
			}
			if !found {
				asleep()
			}
		default:
			nameDescriptors(names, call)
		}
	}
	return lines
}

// nameDescriptors learns the names of descriptors from the calls that open and add them.
func nameDescriptors(names map[string]string, call string) {
	if m := created.FindStringSubmatch(call); m != nil { // the first one is the port's
		names[m[1]] = []string{"port", "go"}[min(len(names), 1)]
	}
	if m := added.FindStringSubmatch(call); m != nil {
		names[names[m[1]]+m[3]] = "conn"
		if names[m[2]] == "port" {
			names[names[m[1]]+m[3]] = "port"
		}
	}
}

// tracedCall returns the line of a call, or "" if it does not concern the port. found is
// false if the port has looked for events and there were none.
func tracedCall(names map[string]string, call string) (line string, found bool) {
	if m := read.FindStringSubmatch(call); m != nil {
		return "    recvfrom(conn, " + m[1], true
	}
	m := looked.FindStringSubmatch(call)
	if m == nil {
		return "", true
	}
	return pollLine(names, m), names[m[1]] != "port" || m[2] != ""
}

// whole returns the whole call of a line of strace, without the number of the process, or
// "" if the rest of it is still to come.
func whole(line string, begun map[string]string) string {
	process := ""
	if rest, ok := strings.CutPrefix(line, "[pid "); ok {
		process, line, _ = strings.Cut(rest, "] ")
	}
	if start, ok := strings.CutSuffix(line, " <unfinished ...>"); ok {
		begun[process] = start
		return ""
	}
	if _, rest, ok := strings.Cut(line, " resumed>"); ok && strings.HasPrefix(line, "<... ") {
		line = begun[process] + rest
	}
	return strings.Join(strings.Fields(line), " ")
}

// pollLine is the line of an epoll_pwait, or "" if Go's poller looks for something else.
func pollLine(names map[string]string, m []string) string {
	who, events := names[m[1]], []string(nil)
	for _, e := range event.FindAllStringSubmatch(m[2], -1) {
		if who == "go" && names[who+e[2]] != "port" {
			continue
		}
		events = append(events, names[who+e[2]]+": "+e[1])
	}
	if who == "go" && len(events) == 0 {
		return ""
	}
	if who == "go" {
		return fmt.Sprintf("    epoll_pwait(Go's poller, [%s], …)", strings.Join(events, ", "))
	}
	return fmt.Sprintf("    epoll_pwait(%s, [%s], %s", who, strings.Join(events, ", "), m[3])
}

func send(t *testing.T, peer net.Conn, text string) {
	t.Helper()
	_, err := peer.Write([]byte(text))
	must(t, err)
}
