package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const figures = `{"Conditions": {"Time": "2030-01-02 03:04:05", "Go": "go1.26.8", "System": "linux/amd64", "CPUs": 2, "Pinned": true, "Rounds": 21},
"Rows": [
 {"Name": "1x64", "Title": "1 connection, 64 bytes", "Results": [
  {"Program": "net", "CPU": {"Low": 29000, "Median": 30000, "High": 40000}},
  {"Program": "queue,backend=epoll,workers=2", "CPU": {"Low": 9000, "Median": 10000, "High": 11000}},
  {"Program": "c-epoll", "CPU": {"Low": 20000, "Median": 20000, "High": 20000}}]},
 {"Name": "a<b", "Title": "a < b", "Void": true, "Results": [{"Program": "gnet", "CPU": {"Low": 1, "Median": 2500, "High": 2500}}]}]}`

// plot draws the figures with those flags and returns the SVG.
func plot(t *testing.T, figures string, args ...string) (string, error) {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in.json"), filepath.Join(t.TempDir(), "out.svg")
	if err := os.WriteFile(in, []byte(figures), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(append(append([]string{"-o", out}, args...), in))
	text, _ := os.ReadFile(out)
	return string(text), err
}

func TestDraw(t *testing.T) {
	svg, err := plot(t, figures)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	for _, want := range []string{
		">queue epoll, workers=2</text>", ">1 connection, 64 bytes</text>", ">a &lt; b (void)</text>", ">30.0</text>", "Void: two processes", ">2.5</text>",
		">21 rounds; go1.26.8, linux/amd64, 2 CPUs, server and load on one each; 2030-01-02</text>", "prefers-color-scheme: dark",
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

// Bars begin at zero, have one scale in a panel, and are in the order of their values.
func TestBars(t *testing.T) {
	svg, err := plot(t, figures, "-rows", "1x64")
	if err != nil {
		t.Fatal(err)
	}
	bars := regexp.MustCompile(`<rect class="(\w+)" x="\d+" y="\d+" width="([\d.]+)" height="14"/>`).FindAllStringSubmatch(svg, -1)
	if len(bars) != 3 {
		t.Fatalf("%d bars in\n%s", len(bars), svg)
	}
	for i, want := range []struct {
		class string
		share float64 // of the upper quartile of net
	}{{"ours", 0.25}, {"c", 0.5}, {"go", 0.75}} {
		width, _ := strconv.ParseFloat(bars[i][2], 64)
		if bars[i][1] != want.class || width < want.share*barRoom-0.1 || width > want.share*barRoom+0.1 {
			t.Errorf("bar %d is %s, %v wide, and not %s, %v", i, bars[i][1], width, want.class, want.share*barRoom)
		}
	}
}

// Nothing is drawn beside the drawing, or above another panel.
func TestLayout(t *testing.T) {
	var rows []row
	for _, n := range []int{3, 12, 1} {
		rows = append(rows, row{Results: make([]result, n)})
	}
	height, tops := layout(rows)
	if tops[0] != tops[1] || tops[2] < tops[1]+titleHeight+12*barStep || height < tops[2]+titleHeight+barStep+margin {
		t.Errorf("%d high, panels at %v", height, tops)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		figures string
		args    []string
	}{
		{"{", nil},
		{"{}", nil},
		{figures, []string{"-rows", "7x7"}},
		{figures, []string{"-rows", "a<b", "-without", "gnet"}},
	} {
		if svg, err := plot(t, c.figures, c.args...); err == nil || svg != "" {
			t.Errorf("%v: %v, and %d bytes", c.args, err, len(svg))
		}
	}
	if err := run(nil); err == nil {
		t.Error("no file is accepted")
	}
	if err := run([]string{filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
