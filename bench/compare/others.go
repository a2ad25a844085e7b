package main

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/completionport/completion/bench/internal/echo"
)

// idle has the bytes of an idle connection.
type idle struct {
	Program  string
	Managed  float64 // heap and stacks of Go, 0 for a program in C
	Resident float64
}

// other is the output of another program of bench.
type other struct{ Name, Output string }

// measureIdle measures what a connection that waits for its next message adds to the memory
// of each server.
func (o options) measureIdle(r *report) error {
	fmt.Fprintf(o.out, "\n### idle: bytes of an idle connection, %d connections\n\n", o.idle)
	printLine(o.out, []string{"program", "resident", "heap and stacks"})
	printRule(o.out, 3)
	for _, spec := range o.programs {
		i, err := o.idleOf(spec)
		if err != nil {
			r.Skipped = append(r.Skipped, skip{"idle", spec.String(), err.Error()})
			fmt.Fprintf(o.log, "idle: without %v: %v\n", spec, err)
			continue
		}
		r.Idle = append(r.Idle, i)
		managed := ""
		if i.Managed > 0 {
			managed = fmt.Sprintf("%.0f", i.Managed)
		}
		printLine(o.out, []string{"`" + i.Program + "`", fmt.Sprintf("%.0f", i.Resident), managed})
	}
	return nil
}

// idleOf compares the memory with all connections and with one.
func (o options) idleOf(spec echo.Spec) (idle, error) {
	s, err := echo.Open(echo.ServerOptions{Spec: spec}, echo.Anywhere, 1)
	if err != nil {
		return idle{}, err
	}
	defer s.Close()
	one, err := s.Server.Memory()
	if err != nil {
		return idle{}, err
	}
	if err := s.Load.Connect(o.idle - 1); err != nil {
		return idle{}, err
	}
	all, err := s.Server.Memory()
	more := float64(o.idle - 1)
	return idle{spec.String(), float64(all.Heap+all.Stack-one.Heap-one.Stack) / more, float64(all.Resident-one.Resident) / more}, err
}

// measureUDP runs the comparison of datagrams of bench/programs: this library and net only.
func (o options) measureUDP(r *report) error {
	args := []string{"run", "./bench/programs", "-rounds", fmt.Sprint(o.rounds)}
	if o.pin {
		args = append(args, "-pin")
	}
	if o.quick {
		args = append(args, "-quick")
	}
	return o.runOther(r, "udp", append(args, "udp")...)
}

// measureFiles runs the comparison of reads of a cached file of bench: this library and
// package os only.
func (o options) measureFiles(r *report) error {
	reads := "20000x"
	if o.quick {
		reads = "1000x"
	}
	return o.runOther(r, "files", "test", "-run", "^$", "-bench", "FileRead", "-benchtime", reads, "./bench")
}

// runOther runs the go command in the folder of the library, and keeps what it prints.
func (o options) runOther(r *report, name string, args ...string) error {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/completionport/completion").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	fmt.Fprintf(o.out, "\n### %s: `go %s`\n\n", name, strings.Join(args, " "))
	var kept bytes.Buffer
	cmd := exec.Command("go", slices.Clone(args)...)
	cmd.Dir = string(bytes.TrimSpace(folder))
	cmd.Stdout, cmd.Stderr = io.MultiWriter(o.out, &kept), o.log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %v: %w", args, err)
	}
	r.Others = append(r.Others, other{name, kept.String()})
	return nil
}
