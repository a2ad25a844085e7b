package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// split returns the lines of a text that arrives in pieces of the given size.
func split(text string, size int) (list []string, l *lines) {
	l = new(lines)
	for piece := range slices.Chunk([]byte(text), size) {
		for line := range l.next(piece) {
			list = append(list, string(line))
		}
	}
	return list, l
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", mostLine)
	for _, c := range []struct {
		text string
		want []string
		last string
	}{
		{"", nil, ""},
		{"\n", []string{""}, ""},
		{"a\nb\r\n\r\nc", []string{"a", "b", ""}, "c"},
		{"a\rb\r\nc\r", []string{"a\rb"}, "c"},
		{long + "\n" + long + "\r\n" + long, []string{long, long}, long},
		{long + "y\n" + long + strings.Repeat("y", 9999) + "\nz\n", []string{long, long, "z"}, ""},
		{"\x00\xff\n", []string{"\x00\xff"}, ""},
		{long[1:] + "é\n", []string{long[1:]}, ""}, // no half of a character
		{long[2:] + "é€\n", []string{long[2:] + "é"}, ""},
		{long[3:] + "\U0001f600\n", []string{long[3:]}, ""},
	} {
		for _, size := range []int{1, 2, 3, 7, 511, 512, 513, 1 << 20} {
			got, l := split(c.text, size)
			if last := string(l.last()); !slices.Equal(got, c.want) || last != c.last {
				t.Errorf("%.20q in pieces of %d: %.20q and %.20q, want %.20q and %.20q", c.text, size, got, last, c.want, c.last)
			}
		}
	}
}

// Nothing is kept of a line that is complete, and little of one that never ends.
func TestLinesKeepLittle(t *testing.T) {
	if _, l := split("complete\n", 3); l.partial != nil {
		t.Errorf("keeps %q", l.partial)
	}
	if _, l := split(strings.Repeat("x", 1<<20), 1000); len(l.partial) != mostLine+1 || cap(l.partial) > 2*mostLine {
		t.Errorf("keeps %d bytes in %d", len(l.partial), cap(l.partial))
	}
}

func TestAppendClean(t *testing.T) {
	for text, want := range map[string]string{
		"héllo, wörld €\U0001f600": "héllo, wörld €\U0001f600",
		"\x1b[2J\a\x00\x7f\u0085":  "?[2J????",
		"a\tb\rc":                  "a b?c",
		"\xff\xc3(\xe2\x82":        "??(??",
		"\u202eright to left":      "?right to left",
		"a real \ufffd":            "a real \ufffd",
	} {
		if got := string(appendClean([]byte("> "), []byte(text))); got != "> "+want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a\nb\r\n\xff", uint16(2))
	f.Fuzz(func(t *testing.T, text string, size uint16) {
		got, l := split(text, int(size)+1)
		whole, _ := split(text, len(text)+1)
		if !slices.Equal(got, whole) || len(got) != strings.Count(text, "\n") {
			t.Errorf("%q in pieces of %d: %q, want %q", text, size+1, got, whole)
		}
		for _, line := range append(got, string(l.last())) {
			if clean := appendClean(nil, []byte(line)); len(line) > mostLine || !utf8.Valid(clean) || strings.ContainsAny(string(clean), "\n\r\x1b") {
				t.Errorf("%q becomes %q", line, clean)
			}
		}
	})
}
