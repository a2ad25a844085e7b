package echo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/completionport/completion/bench/internal/system"
)

// childVariable is the environment variable with the role of a child.
const childVariable = "COMPLETION_BENCH_CHILD"

// role is the role of a child: a server, or the load for the server at Target.
type role struct {
	Server *ServerOptions
	Target string
}

// command is a request of the parent to a child. Request and answer are lines of JSON.
type command struct {
	Name  string
	Conns int   `json:",omitempty"`
	Keys  int   `json:",omitempty"`
	Work  *Work `json:",omitempty"`
	On    bool  `json:",omitempty"`
}

// answer is the answer of the child.
type answer struct {
	Error string          `json:",omitempty"`
	Value json.RawMessage `json:",omitempty"`
}

// RunChild does not return in a process that was started as a child. It must be called
// before anything else.
func RunChild() {
	text, ok := os.LookupEnv(childVariable)
	if !ok {
		return
	}
	os.Unsetenv(childVariable)
	var r role
	err := json.Unmarshal([]byte(text), &r)
	switch {
	case err != nil:
	case r.Server != nil:
		err = runServer(*r.Server)
	default:
		err = runLoad(r.Target)
	}
	respond(nil, err)
	os.Exit(1)
}

// obey answers commands until the parent closes its end or dies. It notices this while a
// command runs, too.
func obey(handle func(command) (any, error)) error {
	commands := make(chan command)
	go func() {
		for in := json.NewDecoder(os.Stdin); ; {
			var c command
			if in.Decode(&c) != nil {
				os.Exit(0)
			}
			commands <- c
		}
	}()
	for c := range commands {
		answer := handle
		if c.Name == "cpus" {
			answer = func(command) (any, error) { return system.CPUs() }
		}
		if err := respond(answer(c)); err != nil {
			return err
		}
	}
	return nil
}

// respond writes the child's answer.
func respond(value any, failure error) error {
	var a answer
	if failure != nil {
		a.Error = failure.Error()
	} else {
		var err error
		if a.Value, err = json.Marshal(value); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

// child is a process that this one controls.
type child struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
}

// start starts a command line as a child in that role. An empty name of the executable is
// this one. With a CPU of -1 the system chooses. wrap is put before the command line.
func start(name string, line []string, r role, cpu int, wrap, env []string) (*child, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if line[0] == "" {
		if line[0], err = os.Executable(); err != nil {
			return nil, err
		}
	}
	line = append(wrap, line...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(append(os.Environ(), env...), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 10 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := system.StartOn(cpu, cmd.Start); err != nil {
		return nil, fmt.Errorf("echo: starting the %s: %w", name, err)
	}
	return &child{name: name, cmd: cmd, in: in, out: json.NewDecoder(out)}, nil
}

// ask sends a command and waits for the answer.
func (c *child) ask(what command, value any) error {
	if err := json.NewEncoder(c.in).Encode(what); err != nil {
		return fmt.Errorf("echo: the %s is gone: %w", c.name, err)
	}
	return c.listen(value)
}

// listen waits for a line of the child.
func (c *child) listen(value any) error {
	var a answer
	if err := c.out.Decode(&a); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("echo: the %s gave no answer: %w", c.name, err)
	}
	if a.Error != "" {
		return fmt.Errorf("echo: the %s: %s", c.name, a.Error)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(a.Value, value)
}

// Close ends the process and waits for it.
func (c *child) Close() error {
	c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("echo: the %s: %w", c.name, err)
	}
	return nil
}
