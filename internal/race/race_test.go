package race_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// status is the exit status of the program if the detector has reported a race.
const status = 66

// The detector reports a program that uses memory which the port owns, whichever goroutine
// makes the calls, and does not report one that doesn't.
func TestMisuseIsReported(t *testing.T) {
	program := build(t)
	for way, given := range map[string]string{
		"writePendingRead":   "completion.(*Port).Submit",
		"readPendingRead":    "completion.(*Port).Submit",
		"changePendingWrite": "completion.(*Port).Submit",
		"keepReleased":       "completion.(*Buffer).Release",
		"changeShared":       "completion.(*Buffer).Share",
		"useElsewhere":       "completion.(*Port).Submit",
		"usePerformed":       "completion.(*Port).Submit",
		"useAfterManyCalls":  "completion.(*Port).Submit",
	} {
		t.Run(way, func(t *testing.T) {
			report, code := run(t, program, way)
			if n := strings.Count(report, "WARNING: DATA RACE"); n != 1 || code != status {
				t.Fatalf("%d reports, status %d:\n%s", n, code, report)
			}
			// Where it was misused, who owned it, and where it was given away.
			for _, says := range []string{"main." + way, "race.(*Loan).declare", given} {
				if !strings.Contains(report, says) {
					t.Errorf("the report does not mention %s:\n%s", says, report)
				}
			}
		})
	}
	t.Run("clean", func(t *testing.T) {
		if report, code := run(t, program, "clean"); report != "" || code != 0 {
			t.Errorf("status %d:\n%s", code, report)
		}
	})
}

// run runs the program and returns its standard error.
func run(t *testing.T, program, way string) (report string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(program, way)
	cmd.Env = append(os.Environ(), "GORACE=exitcode=66 halt_on_error=0 atexit_sleep_ms=0")
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if out.String() != "done\n" {
		t.Fatalf("it ended early, %v:\n%s%s", err, &out, &errs)
	}
	return errs.String(), cmd.ProcessState.ExitCode()
}

// build builds the program with -race, or skips the test where there is none.
func build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the program and all it imports are compiled with -race")
	}
	if runtime.GOOS != "linux" {
		t.Skipf("the program is run on Linux only, not on %s", runtime.GOOS)
	}
	if !slices.Contains([]string{"amd64", "arm64", "ppc64le", "s390x", "riscv64", "loong64"}, runtime.GOARCH) {
		t.Skipf("no race detector on %s", runtime.GOARCH)
	}
	settings, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	compiler := strings.Fields(string(settings))
	if len(compiler) == 0 {
		t.Skip("no C compiler is set, and -race needs one")
	}
	if _, err := exec.LookPath(compiler[0]); err != nil {
		t.Skipf("-race needs a C compiler: %v", err)
	}
	lookAtSources(t)
	program := filepath.Join(t.TempDir(), "misuse")
	cmd := exec.Command("go", "build", "-race", "-o", program, "./testdata/misuse")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// lookAtSources makes the go command run the test again if what the program is
// built from has changed: much of that makes no difference to this test's own
// binary, which is built without -race.
func lookAtSources(t *testing.T) {
	t.Helper()
	for _, folder := range []string{".", "testdata/misuse", "../core", "../sys", "../../ops", "../.."} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || files == nil {
			t.Fatalf("no sources in %s: %v", folder, err)
		}
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}
