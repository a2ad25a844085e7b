package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSoak(t *testing.T) {
	port, err := completion.Open(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no backend on this system")
	}
	if err != nil {
		t.Fatal(err)
	}
	port.Close()
	for _, c := range []struct{ name, faults, buffer, size string }{
		{"Undisturbed", "0", "0", "16384"},
		{"Disturbed", "5%", "0", "16384"},
		{"SmallBuffers", "20%", "16384", "16384"}, // the largest messages are sixteen times as large
		{"SingleBytes", "20%", "0", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run([]string{"-duration", "1s", "-connections", "200", "-faults", c.faults, "-buffer", c.buffer, "-size", c.size, "-seed", "7"}, &out); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != 20 || lines[19] != "no error, nothing left" {
				t.Fatalf("%d lines:\n%s", len(lines), &out)
			}
			if met := !strings.HasPrefix(lines[18], "0 messages disturbed; 0 system calls"); met != (c.faults != "0") {
				t.Errorf("with faults %s: %s", c.faults, lines[18])
			}
		})
	}
}

func TestFlags(t *testing.T) {
	for _, args := range []string{"-duration 0s", "-connections 1", "-faults 101%", "-faults few", "-size 0", "-buffer -1", "what"} {
		if err := run(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s is accepted", args)
		}
	}
	var out bytes.Buffer
	if err := run([]string{"-h"}, &out); err != nil || !strings.Contains(out.String(), "-faults") {
		t.Errorf("help: %v\n%s", err, &out)
	}
}

// A wrong byte is detected wherever it is.
func TestCheck(t *testing.T) {
	const seed = 42
	stream := make([]byte, 100)
	fill(stream, seed, 0)
	for offset := range 20 {
		part := make([]byte, 37)
		fill(part, seed, int64(offset))
		if !bytes.Equal(part, stream[offset:offset+37]) {
			t.Fatalf("the bytes from %d on are others when filled in at once", offset)
		}
		if err := check(part, seed, int64(offset)); err != nil {
			t.Errorf("from %d: %v", offset, err)
		}
		for i := range part {
			part[i] ^= 1
			if err := check(part, seed, int64(offset)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("byte %d ", offset+i)) {
				t.Errorf("byte %d is wrong: %v", offset+i, err)
			}
			part[i] ^= 1
		}
	}
}

// flat reports leftovers.
func TestFlat(t *testing.T) {
	before := rest{heap: 10 << 20, descriptors: 9, goroutines: 3}
	for _, after := range []rest{
		{12<<20 + 1, 9, 3},
		{10 << 20, 10, 3},
		{10 << 20, 9, 4},
	} {
		if after.flat(before) == nil {
			t.Errorf("%v after %v is flat", after, before)
		}
	}
	if err := (rest{12 << 20, 9, 3}).flat(before); err != nil {
		t.Error(err)
	}
}
