package optrace

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/completionport/completion"
)

// page is the page, with a mark where the data goes.
//
//go:embed page.html
var page string

const dataMark = "{{data}}"

// mostRows is how many rows of a direction the page shows. Operations in further rows are
// in the last one, over each other.
const mostRows = 8

// The data of the page. Times are in nanoseconds since the start.
type (
	pageData struct {
		Took  int64      `json:"took"`
		Steps int        `json:"steps"`
		Lost  uint64     `json:"lost"`
		Lanes []pageLane `json:"lanes"`
	}
	pageLane struct {
		Name       string          `json:"name"`
		Rows       []string        `json:"rows"`
		Ready      []int64         `json:"ready,omitempty"`
		Sleeps     []pagePart      `json:"sleeps,omitempty"`
		Operations []pageOperation `json:"ops"`
	}
	pageOperation struct {
		Kind     string     `json:"kind"`
		Number   uint32     `json:"op"`
		Row      int        `json:"row"`
		Start    int64      `json:"start"`
		End      int64      `json:"end"`
		Bytes    int        `json:"n"`
		Error    string     `json:"err,omitempty"`
		Unbegun  bool       `json:"unbegun,omitempty"`
		InFlight bool       `json:"inflight,omitempty"`
		Parts    []pagePart `json:"parts"`
	}
	pagePart struct {
		Name  string `json:"name"`
		Start int64  `json:"start"`
		End   int64  `json:"end"`
		N     int    `json:"n,omitempty"`
		Error string `json:"err,omitempty"`
	}
)

func writeHTML(w *bufio.Writer, p *picture) error {
	data := pageData{Took: int64(p.end - p.start), Steps: p.steps, Lost: p.lost, Lanes: []pageLane{}}
	for _, l := range p.lanes {
		data.Lanes = append(data.Lanes, p.pageLane(l))
	}
	// Marshal writes <, > and & as escapes, so no text can end the script element.
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	before, after, _ := strings.Cut(page, dataMark)
	w.WriteString(before)
	w.Write(encoded)
	_, err = w.WriteString(after)
	return err
}

func (p *picture) pageLane(l *lane) pageLane {
	to := pageLane{Name: l.name, Operations: []pageOperation{}}
	shown := make([]int, len(l.rows)) // where the page shows a row
	for i, r := range l.rows {
		if r.nth < mostRows {
			to.Rows = append(to.Rows, r.String())
		}
		shown[i] = len(to.Rows) - 1
	}
	for _, at := range l.ready {
		to.Ready = append(to.Ready, p.nanos(at))
	}
	for _, s := range l.sleeps {
		to.Sleeps = append(to.Sleeps, p.pagePart(s))
	}
	for _, o := range l.operations {
		to.Operations = append(to.Operations, p.pageOperation(o, shown[o.row]))
	}
	return to
}

func (p *picture) pageOperation(o *operation, row int) pageOperation {
	to := pageOperation{
		Kind: o.kind, Number: o.number, Row: row, Start: p.nanos(o.start), End: p.nanos(o.end),
		Bytes: o.n, Error: text(o.err), Unbegun: !o.begun, InFlight: !o.ended, Parts: []pagePart{},
	}
	for _, part := range o.parts {
		to.Parts = append(to.Parts, p.pagePart(part))
	}
	return to
}

func (p *picture) pagePart(of part) pagePart {
	return pagePart{of.name, p.nanos(of.start), p.nanos(of.end), of.n, text(of.err)}
}

// nanos returns the time since the start of the picture, in nanoseconds.
func (p *picture) nanos(at completion.Deadline) int64 { return int64(at - p.start) }

// text returns the text of an error, empty for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
