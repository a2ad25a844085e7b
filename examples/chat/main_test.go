package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		serverMain()
		return
	}
	goleak.VerifyTestMain(m)
}

// needBackend skips a test on systems where no port can be opened yet.
func needBackend(t *testing.T) {
	t.Helper()
	port, err := completion.Open(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	port.Close()
}

// badUse are command lines that end with status 2 and one line that contains the given
// text.
var badUse = []struct {
	name, says string
	args       []string
	anywhere   bool // refused before a port is opened
}{
	{"UnknownFlag", "-frobnicate", []string{"-frobnicate"}, true},
	{"Argument", `"more"`, []string{"more"}, true},
	{"FewUnsent", "-unsent 15", []string{"-unsent", "15"}, true},
	{"ManyUnsent", "-unsent 10001", []string{"-unsent", "10001"}, true},
	{"NoRate", "-rate 0", []string{"-rate", "0"}, true},
	{"HighRate", "-rate 1000001", []string{"-rate", "1000001"}, true},
	{"ZeroTimeout", "-timeout 0s", []string{"-timeout", "0"}, true},
	{"NoDuration", "soon", []string{"-timeout", "soon"}, true},
	{"CertAlone", "go together", []string{"-tls", "-cert", "x"}, true},
	{"KeyAlone", "go together", []string{"-tls", "-key", "x"}, true},
	{"CertWithoutTLS", "needs -tls", []string{"-cert", "x", "-key", "x"}, true},
	{"NoCert", "no.pem", []string{"-tls", "-cert", "no.pem", "-key", "no.pem"}, true},
	{"Backend", `"abacus"`, []string{"-backend", "abacus"}, true},
	{"TraceNotHere", "-trace", []string{"-trace", "no/such/folder/trace.html"}, true},
	{"NoPort", "missing port", []string{"-listen", "nowhere"}, false},
	{"NotHere", "192.0.2.1:1", []string{"-listen", "192.0.2.1:1"}, false},
}

func TestBadUse(t *testing.T) {
	for _, c := range badUse {
		t.Run(c.name, func(t *testing.T) {
			if !c.anywhere {
				needBackend(t)
			}
			var stdout, stderr bytes.Buffer
			status := run(c.args, &stdout, &stderr)
			line, rest, whole := strings.Cut(stderr.String(), "\n")
			if status != 2 || stdout.Len() > 0 {
				t.Errorf("status %d, stdout %q", status, &stdout)
			}
			if !whole || rest != "" || !strings.HasPrefix(line, "chat: ") || !strings.Contains(line, c.says) {
				t.Errorf("stderr is %q, want one line that says %q", &stderr, c.says)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d, stderr %q", status, &stderr)
	}
	for _, name := range []string{"-listen", "-backend", "-unsent", "-timeout", "-rate", "-tls", "-cert", "-key", "-trace"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("help has no %s", name)
		}
	}
}
