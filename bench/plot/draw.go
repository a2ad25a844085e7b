package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// The measures of the drawing, in pixels.
const (
	margin      = 16
	panelWidth  = 420
	panelGap    = 28
	columns     = 2
	leastWidth  = 560 // room for the title
	noteHeight  = 18
	headHeight  = 64 // title and legend
	titleHeight = 26 // of a panel
	barHeight   = 14
	barStep     = 20
	labelWidth  = 164
	valueWidth  = 46
	barRoom     = panelWidth - labelWidth - valueWidth
)

// style has colours for a light and for a dark page. Without a background the page is seen.
const style = `
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.panel { font-size: 13px; font-weight: 600 }
.note { fill: #59636e }
.ours { fill: #0969da }
.go { fill: #8c959f }
.c { fill: #d0d7de }
.whisker { stroke: #1f2328 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note { fill: #9198a1 }
.ours { fill: #4493f8 }
.go { fill: #7d8590 }
.c { fill: #3d444d }
.whisker { stroke: #e6edf3 }
}
`

// drawing is an SVG under construction.
type drawing struct{ bytes.Buffer }

// draw returns the SVG.
func draw(r report) []byte {
	height, tops := layout(r.Rows)
	width := 2*margin + columns*panelWidth + (columns-1)*panelGap
	if len(r.Rows) == 1 {
		width = leastWidth
	}
	d := &drawing{}
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", width, height, width, height)
	title := "CPU time of the server for each message, in microseconds"
	fmt.Fprintf(d, "<title>%s</title>\n<style>%s</style>\n", title, style)
	d.text(margin, margin+12, "title", "start", title)
	d.legend(margin, margin+34)
	for i, w := range r.Rows {
		d.panel(margin+i%columns*(panelWidth+panelGap), tops[i], w)
	}
	for i, line := range r.notes() {
		d.text(margin, height-margin-(1-i)*noteHeight, "note", "start", line)
	}
	d.WriteString("</svg>\n")
	return d.Bytes()
}

// layout returns the height of the drawing and the upper edge of each panel. Panels beside
// each other are as high as the higher one.
func layout(rows []row) (height int, tops []int) {
	at, tallest := margin+headHeight, 0
	for i, w := range rows {
		tops = append(tops, at)
		tallest = max(tallest, titleHeight+len(w.Results)*barStep)
		if i%columns == columns-1 || i == len(rows)-1 {
			at, tallest = at+tallest+panelGap, 0
		}
	}
	return at + margin + noteHeight, tops
}

// panel draws the bars of a row. The longest fills the room.
func (d *drawing) panel(x, y int, w row) {
	title := w.Title
	if w.Void {
		title += " (void)"
	}
	d.text(x, y+12, "panel", "start", title)
	most := 0.0
	for _, p := range w.Results {
		most = max(most, p.CPU.Median, p.CPU.High)
	}
	length := func(ns float64) float64 { return ns / most * barRoom }
	for i, p := range w.Results {
		top, left := y+titleHeight+i*barStep, x+labelWidth
		d.text(left-8, top+11, "", "end", label(p.Program))
		fmt.Fprintf(d, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`+"\n", class(p.Program), left, top, length(p.CPU.Median), barHeight)
		fmt.Fprintf(d, `<path class="whisker" d="M%.1f %d H%.1f"/>`+"\n",
			float64(left)+length(p.CPU.Low), top+barHeight/2, float64(left)+length(p.CPU.High))
		end := max(length(p.CPU.Median), length(p.CPU.High))
		d.text(left+int(end)+6, top+11, "", "start", fmt.Sprintf("%.1f", p.CPU.Median/1e3))
	}
}

// legend explains the colours.
func (d *drawing) legend(x, y int) {
	for _, e := range []struct{ class, text string }{
		{"ours", "this library"}, {"go", "others in Go"}, {"c", "in C, without a library"}} {
		fmt.Fprintf(d, `<rect class="%s" x="%d" y="%d" width="12" height="12"/>`+"\n", e.class, x, y-10)
		d.text(x+18, y, "note", "start", e.text)
		x += 18 + 8*len(e.text) + 12
	}
}

func (d *drawing) text(x, y int, class, anchor, text string) {
	fmt.Fprintf(d, `<text x="%d" y="%d"`, x, y)
	if class != "" {
		fmt.Fprintf(d, ` class="%s"`, class)
	}
	if anchor != "start" {
		fmt.Fprintf(d, ` text-anchor="%s"`, anchor)
	}
	d.WriteString(">")
	xml.EscapeText(d, []byte(text))
	d.WriteString("</text>\n")
}

// class is the colour of a program.
func class(program string) string {
	name, _, _ := strings.Cut(program, ",")
	switch {
	case name == "queue" || name == "await":
		return "ours"
	case strings.HasPrefix(name, "c-"):
		return "c"
	}
	return "go"
}

// label is the name of a program with its settings, such as "queue epoll, workers=2".
func label(program string) string {
	if program == "floor" {
		return "bare loop in Go"
	}
	return strings.ReplaceAll(strings.Replace(program, ",backend=", " ", 1), ",", ", ")
}

// notes are two lines that say how the figures were made.
func (r report) notes() [2]string {
	c := r.Conditions
	first := "Less is better. Bars are medians, lines are quartiles"
	for _, w := range r.Rows {
		if w.Void {
			first = "Less is better. Void: two processes of one program differ by more than 3 %"
		}
	}
	second := fmt.Sprintf("%d rounds; %s, %s, %d CPUs", c.Rounds, c.Go, c.System, c.CPUs)
	if c.Pinned {
		second += ", server and load on one each"
	}
	if date, _, ok := strings.Cut(c.Time, " "); ok {
		second += "; " + date
	}
	return [2]string{first, second}
}
