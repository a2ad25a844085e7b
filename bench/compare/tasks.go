package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/completionport/completion"
	"github.com/completionport/completion/bench/compare/peers"
	"github.com/completionport/completion/bench/internal/echo"
)

// task is something to measure: work for all programs in turn, or one of the others.
type task struct {
	name        string
	conns, size int
	keys        int                              // the programs are key-value servers
	renew       bool                             // each message has a connection of its own
	other       func(o options, r *report) error // instead of work in turn
}

// onlyByName are the tasks that -quick does not have unless they are named.
const onlyByName = "udp and files"

// tasks are the tasks in their order. There are also those like 16x128: connections x bytes.
func tasks() []task {
	return []task{
		{name: "1x64", conns: 1, size: 64},
		{name: "64x64", conns: 64, size: 64},
		{name: "1000x64", conns: 1000, size: 64},
		{name: "64x4096", conns: 64, size: 4096},
		{name: "64x65536", conns: 64, size: 65536},
		{name: "kv", conns: 64, size: echo.RequestSize, keys: 10_000},
		{name: "accept", conns: 64, size: 1, renew: true},
		{name: "idle", other: options.measureIdle},
		{name: "udp", other: options.measureUDP},
		{name: "files", other: options.measureFiles},
	}
}

func taskNames() string {
	var names []string
	for _, t := range tasks() {
		names = append(names, t.name)
	}
	return strings.Join(names, " ")
}

// title says what the task is.
func (t task) title() string {
	switch {
	case t.keys > 0:
		return fmt.Sprintf("key-value requests, %d connections", t.conns)
	case t.renew:
		return fmt.Sprintf("accepted connections, %d at a time, one byte on each", t.conns)
	}
	if t.conns == 1 {
		return fmt.Sprintf("1 connection, %d bytes", t.size)
	}
	return fmt.Sprintf("%d connections, %d bytes", t.conns, t.size)
}

// work is the work of a program in this task.
func (t task) work(messages int) echo.Work {
	return echo.Work{Messages: messages, Size: t.size, Keys: t.keys, Renew: t.renew}
}

// spec is a program that does this task.
func (t task) spec(s echo.Spec) echo.Spec {
	s.Keys = t.keys
	return s
}

// choose reads the words of the command line.
func (o *options) choose(programs, against, rows string) error {
	if o.rounds < 1 || o.part <= 0 || o.calls < 0 || o.idle < 2 {
		return fmt.Errorf("a number is too low")
	}
	if programs == "" {
		programs = strings.Join(defaultPrograms(o.pin), " ")
	}
	for _, text := range strings.Fields(programs) {
		s, err := echo.Parse(text)
		if err != nil {
			return err
		}
		if s.Keys != 0 {
			return fmt.Errorf("%s: the row kv is for key-value servers", text)
		}
		o.programs = append(o.programs, s)
	}
	for _, text := range strings.Fields(against) {
		i := slices.IndexFunc(o.programs, func(s echo.Spec) bool { return s.String() == text })
		if i < 0 { // the first one that differs in settings only
			i = slices.IndexFunc(o.programs, func(s echo.Spec) bool { return s.Program == text })
		}
		if i < 0 {
			return fmt.Errorf("-against %s: it is not one of the programs", text)
		}
		o.against = append(o.against, o.programs[i])
	}
	if len(o.against) == 0 {
		return fmt.Errorf("-against names no program")
	}
	return o.chooseTasks(rows)
}

func (o *options) chooseTasks(rows string) error {
	for _, t := range tasks() {
		if rows == "" && !(o.quick && slices.Contains(strings.Fields(onlyByName), t.name)) {
			o.tasks = append(o.tasks, t)
		}
	}
	for _, name := range strings.Fields(rows) {
		t := task{name: name}
		if i := slices.IndexFunc(tasks(), func(t task) bool { return t.name == name }); i >= 0 {
			t = tasks()[i]
		} else if n, err := fmt.Sscanf(name+" ", "%dx%d ", &t.conns, &t.size); n != 2 || err != nil || t.conns < 1 || t.size < 1 {
			return fmt.Errorf("-rows %s: there are %s, and those like 16x128", name, taskNames())
		}
		o.tasks = append(o.tasks, t)
	}
	return nil
}

// defaultPrograms are the programs of this library on each backend that this system has, and
// the others. Without pinning they also come with a thread for each processor.
func defaultPrograms(pin bool) (programs []string) {
	styles := []string{"queue", "await"}
	others := append([]string{"net", "floor"}, peers.Names(false)...)
	if n := runtime.NumCPU(); !pin && n > 1 {
		styles = append(styles, fmt.Sprintf("queue,workers=%d", n), fmt.Sprintf("queue,ports=%d", n))
		for _, name := range peers.Names(true) {
			others = append(others, fmt.Sprintf("%s,workers=%d", name, n))
		}
	}
	for _, backend := range []string{"epoll", "iouring", "io_uring"} {
		port, err := completion.Open(&completion.Config{Backend: backend})
		if err != nil {
			continue
		}
		port.Close()
		for _, style := range styles {
			programs = append(programs, style+",backend="+backend)
		}
	}
	return append(append(programs, others...), "c-epoll", "c-uring")
}
