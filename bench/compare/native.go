package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/completionport/completion/bench/internal/echo"
)

//go:embed native
var nativeSources embed.FS

// nativePrograms are the programs in C: the limit of what a program with that interface of
// the kernel can do.
var nativePrograms = map[string]string{"c-epoll": "epoll", "c-uring": "uring"}

// registerNative adds the programs in C to those that can be measured. They are compiled
// when they are started.
func registerNative() {
	for name, source := range nativePrograms {
		echo.Register(name, echo.Program{Command: func(s echo.Spec, buffer int) ([]string, error) {
			if s.Keys > 0 || s.Work > 0 || s.Workers > 1 || s.Ports > 1 {
				return nil, fmt.Errorf("%s is an echo server without settings", s.Program)
			}
			file, err := current.compile(source)
			return []string{file, strconv.Itoa(buffer)}, err
		}})
	}
}

// native is the folder with the compiled programs.
type native struct {
	folder string
	before *native
}

// current is the folder that is used now. A run in a test has its own.
var current *native

func newNative() (*native, error) {
	folder, err := os.MkdirTemp("", "compare")
	if err != nil {
		return nil, err
	}
	current = &native{folder, current}
	return current, os.CopyFS(folder, nativeSources)
}

func (n *native) close() {
	current = n.before
	os.RemoveAll(n.folder)
}

// compile returns the executable of a source, which is compiled at the first call.
func (n *native) compile(source string) (string, error) {
	file := filepath.Join(n.folder, source)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	cc := exec.Command("gcc", "-O2", "-Wall", "-o", file, filepath.Join(n.folder, "native", source+".c"))
	if said, err := cc.CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w %s", err, strings.TrimSpace(string(said)))
	}
	return file, nil
}
