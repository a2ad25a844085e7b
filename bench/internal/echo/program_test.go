package echo

import (
	"strings"
	"testing"
)

// A program that was added runs in a process of this executable.
func TestRegisteredProgram(t *testing.T) {
	linuxOnly(t)
	spec, err := Parse("added,workers=2")
	if err != nil {
		t.Fatal(err)
	}
	setup, err := Open(ServerOptions{Spec: spec}, Anywhere, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer closeWithout(t, setup.Close)
	if _, err := setup.Load.Run(Work{Messages: 30, Size: 9000, Verify: true}); err != nil {
		t.Error(err)
	}
	if setup.Server.Pid() < 2 {
		t.Errorf("the process has number %d", setup.Server.Pid())
	}
}

// One that is a command line of its own answers commands.
func TestRegisteredCommand(t *testing.T) {
	linuxOnly(t)
	server, err := StartServer(ServerOptions{Spec: Spec{Program: "line"}, Buffer: 8192})
	if err != nil {
		t.Fatal(err)
	}
	defer closeWithout(t, server.Close)
	if server.Addr != "8192" {
		t.Errorf("the address is %q", server.Addr)
	}
	if cpu, err := server.CPU(); err != nil || cpu != 4242 {
		t.Errorf("CPU %d: %v", cpu, err)
	}
	if _, err := StartServer(ServerOptions{Spec: Spec{Program: "line", Keys: 1}}); err == nil || !strings.Contains(err.Error(), "no store") {
		t.Errorf("what Command returns is lost: %v", err)
	}
	if _, err := Serve(Spec{Program: "line"}, 4096); err == nil {
		t.Error("it is served by this process")
	}
}

func TestRegisterTwice(t *testing.T) {
	for _, name := range []string{"queue", "added"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("there are two programs %q", name)
				}
			}()
			Register(name, Program{})
		}()
	}
}
