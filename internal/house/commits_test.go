package house

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	commits        = 100
	longestSubject = 72
)

// unfit matches names that belong to the machine on which a commit was made.
var unfit = regexp.MustCompile(`(^|[^\w.])/(home|root|tmp|work|Users|mnt)/|[A-Z]:\\|\blocalhost\b|://[^/ ]*:\d`)

func TestCommits(t *testing.T) {
	output, err := git(t, "log", "-z", "--no-merges", "--format=%h%n%B", "-100")
	if err != nil {
		t.Skipf("git: %v: %s", err, output)
	}
	list := strings.Split(strings.TrimRight(output, "\x00"), "\x00")
	for _, commit := range list {
		hash, message, _ := strings.Cut(commit, "\n")
		subject, rest, _ := strings.Cut(message, "\n")
		if n := utf8.RuneCountInString(subject); n == 0 || n > longestSubject {
			t.Errorf("%s: the subject has %d characters, and may have %d: %s", hash, n, longestSubject, subject)
		}
		if second, _, _ := strings.Cut(rest, "\n"); second != "" {
			t.Errorf("%s: the second line is not empty: %s", hash, second)
		}
		if what := unfit.FindString(message); what != "" {
			t.Errorf("%s: %q belongs to a machine", hash, what)
		}
	}
	if shallow, _ := git(t, "rev-parse", "--is-shallow-repository"); len(list) < commits && strings.TrimSpace(shallow) == "true" {
		t.Skipf("a shallow clone: only %d commits are there", len(list))
	}
}

func git(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	command := exec.Command("git", arguments...)
	command.Dir = root(t)
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestUnfit(t *testing.T) {
	for text, want := range map[string]bool{
		"as in /tmp/x":                    true,
		"read(/home/me/a)":                true,
		`C:\Users`:                        true,
		"see https://proxy.example:8080/": true,
		"see https://go.dev/issue/15735":  false,
		"internal/tmp/x and a/home/b":     false,
		"127.0.0.1:0, or [::1]:0":         false,
	} {
		if got := unfit.MatchString(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
