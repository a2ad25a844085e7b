package main

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/completionport/completion/bench/internal/echo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	echo.RunChild()
	goleak.VerifyTestMain(m)
}

func TestRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the load runs on Linux only")
	}
	var out bytes.Buffer
	if err := run(strings.Fields("-idle 50 -busy 4 -duration 20ms"), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 14 || !strings.HasPrefix(lines[13], "no error; the idle connections echo") {
		t.Errorf("%d lines:\n%s", len(lines), &out)
	}
	for _, args := range []string{"-api gnet", "-idle 0", "-duration 0s", "what"} {
		if err := run(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s is accepted", args)
		}
	}
}
