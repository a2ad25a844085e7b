package house

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows lists the imports that are allowed inside this module, as folders. Tests may
// import all of its packages.
var arrows = map[string]string{
	"internal/backend": "",
	"internal/race":    "",
	"internal/assert":  "",

	"internal/scheduler": "internal/backend",
	"internal/core":      "internal/assert internal/backend internal/race internal/scheduler",

	"internal/kqueue": "internal/backend internal/sys",
	"internal/sys":    "internal/backend",
	"internal/memory": "internal/backend internal/kqueue internal/sys",
	"internal/epoll":  "internal/backend internal/sys",
	"internal/iocp":   "internal/backend internal/sys",
	"internal/uring":  "internal/backend internal/sys",

	".": "internal/backend internal/core internal/memory internal/sys " +
		"internal/epoll internal/iocp internal/kqueue internal/uring",
	"ops":      ". internal/backend internal/core internal/sys",
	"ionet":    ". ops",
	"iotls":    ". ops internal/backend internal/core",
	"optrace":  ".",
	"porttest": ". ops iotls internal/race",

	"internal/fault":               "internal/backend internal/sys",
	"internal/sim":                 "internal/backend internal/core internal/kqueue internal/scheduler",
	"internal/house":               "",
	"internal/strict":              "internal/sys",
	"internal/backend/backendtest": "internal/backend",

	"docs":                  "",
	"bench":                 "",
	"bench/internal/stat":   "",
	"bench/internal/system": "",
	"bench/internal/echo":   ". ops bench/internal/stat bench/internal/system",
	"bench/hold":            "bench/internal/echo",
	"bench/pair":            "bench/internal/echo bench/internal/stat",
	"bench/programs":        ". ops iotls bench/internal/stat bench/internal/system",
	"bench/soak":            ". ops bench/internal/stat internal/fault internal/sys",
	"examples/chat":         ". iotls ops optrace",
	"examples/copyfile":     ". ops",
	"examples/echo":         ". ops optrace",
	"examples/http":         ". ops ionet",
	"examples/kv":           ". ops optrace",
	"examples/minimio":      ". ops",
	"examples/proxy":        ". ops optrace",
	"examples/tour":         ". ops",
	"examples/static":       ". ops",
	"examples/relay":        ". ops",
	"examples/dns":          ". ops",
}

// strangers lists which package may import which modules outside the standard library.
// Tests may import all of them.
var strangers = map[string]string{
	"golang.org/x/sys/unix":    "internal/sys porttest bench/internal/echo bench/internal/system",
	"golang.org/x/sys/windows": "internal/sys internal/strict porttest",
	"go.uber.org/goleak":       "porttest",
	"golang.org/x/net/nettest": "",

	"golang.org/x/net/dns/dnsmessage": "",
}

// modules are folders with a go.mod of their own. They are users of the library, and import
// what it may not.
var modules = []string{"examples/bubble", "bench/dns", "bench/compare", "bench/compare/peers", "bench/plot"}

func TestWhoImportsWhom(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains(modules, s.folder) {
			continue
		}
		allowed, known := arrows[s.folder]
		if !known {
			t.Errorf("%s: say in internal/house what %s may import", s.path, s.folder)
		}
		for _, i := range s.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if ours, ok := strings.CutPrefix(name, module); ok {
				to := path.Clean("./" + ours)
				if !s.test && !slices.Contains(strings.Fields(allowed), to) {
					t.Errorf("%s imports %s, and %s may not", s.path, to, s.folder)
				}
				continue
			}
			if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
				continue // the standard library
			}
			who, known := strangers[name]
			if !known || !s.test && !slices.Contains(strings.Fields(who), s.folder) {
				t.Errorf("%s imports %s, and %s may not", s.path, name, s.folder)
			}
		}
	}
}

// TestArrowsGoDown: the table has no cycle. No part of the library imports packages that
// only tests need.
func TestArrowsGoDown(t *testing.T) {
	var below func(folder string, seen []string) []string
	below = func(folder string, seen []string) []string {
		for _, to := range strings.Fields(arrows[folder]) {
			if _, known := arrows[to]; !known {
				t.Errorf("%s may import %s, which is not in the table", folder, to)
			}
			if !slices.Contains(seen, to) {
				seen = below(to, append(seen, to))
			}
		}
		return seen
	}
	for folder := range arrows {
		if slices.Contains(below(folder, nil), folder) {
			t.Errorf("%s may import itself, by way of others", folder)
		}
	}
	for _, folder := range below("ops", nil) {
		if slices.Contains([]string{"internal/sim", "internal/fault", "internal/house", "porttest"}, folder) {
			t.Errorf("the library may import %s, which is for tests", folder)
		}
	}
}
