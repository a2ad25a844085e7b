package completion_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/porttest"
)

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		debug  string // COMPLETIONDEBUG
		config completion.Config
		is     error  // nil for any
		says   string // in the error's text
	}{
		{"UnknownBackend", "", completion.Config{Backend: "carrier pigeon"}, errors.ErrUnsupported, "carrier pigeon"},
		{"UnknownBackendByDebug", "backend=pigeon", completion.Config{}, errors.ErrUnsupported, "pigeon"},
		{"NegativeSpinWait", "", completion.Config{SpinWait: -time.Second}, nil, "SpinWait"},
		{"NegativeMaxInFlight", "", completion.Config{MaxInFlight: -1}, nil, "MaxInFlight"},
		{"MemoryOfAnotherBackend", "", completion.Config{Backend: "epoll", Memory: new(completion.Memory)}, nil, "epoll"},
		{"MemoryWithoutMemory", "", completion.Config{Backend: "memory"}, nil, "needs a Memory"},
		{"MemoryByDebug", "backend=memory", completion.Config{}, errors.ErrUnsupported, "memory"},
		{"UnknownDebugSetting", "colour=red", completion.Config{}, nil, "colour"},
		{"UnknownCheck", "check=everything", completion.Config{}, nil, "check=everything"},
		{"UnknownCheckOnMemory", "check=everything", completion.Config{Memory: new(completion.Memory)}, nil, "check=everything"},
		{"UnknownWait", "wait=long", completion.Config{}, nil, "wait=long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("COMPLETIONDEBUG", c.debug)
			p, err := completion.Open(&c.config)
			switch {
			case err == nil:
				p.Close()
				t.Fatal("opened")
			case c.is != nil && !errors.Is(err, c.is):
				t.Errorf("%v is no %v", err, c.is)
			case !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n"):
				t.Errorf("the error is %q, without %q or in several lines", err, c.says)
			}
		})
	}
}

// A Config that names its backend has the last word.
func TestConfigBeforeDebug(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, _ porttest.Open) {
		backend := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
		t.Setenv("COMPLETIONDEBUG", "backend=pigeon,wait=park")
		p, err := completion.Open(&completion.Config{Backend: backend})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if p.Backend() != backend {
			t.Errorf("the backend is %s, want %s", p.Backend(), backend)
		}
	})
}
