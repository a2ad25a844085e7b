package optrace_test

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/optrace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// knownRun returns both pictures of a run in a bubble, where only sleeps take time. The
// leader is in the Await of a timer from 0 s to 3 s. At 2 s data arrives for the first read,
// which is dequeued at 3 s. A write fails at 4 s. The second read is in flight at the end.
func knownRun(t *testing.T) (perfetto, page string) {
	synctest.Test(t, func(t *testing.T) {
		trace := optrace.New(100)
		var m completion.Memory
		p, err := completion.Open(&completion.Config{Memory: &m, Observer: trace.Observer()})
		must(t, err)
		defer p.Close()
		s, peer := connect(t, &m, p)
		defer peer.Close()
		read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 5))}
		must(t, p.Submit(read, &ops.Read{From: s, Buf: completion.Own(make([]byte, 5))}))
		go func() {
			time.Sleep(2 * time.Second)
			peer.Write([]byte("hello"))
		}()
		must(t, p.Await(t.Context(), &ops.Timer{After: 3 * time.Second}))
		if op, err := p.Next(t.Context()); op != read || err != nil {
			t.Fatalf("%v came, %v", op, err)
		}
		time.Sleep(time.Second)
		m.Fail("write", syscall.ECONNRESET, 1)
		p.Await(t.Context(), &ops.Write{To: s, Buf: completion.Own(make([]byte, 3))})
		var texts [2]strings.Builder
		must(t, trace.WritePerfetto(&texts[0]))
		must(t, trace.WriteHTML(&texts[1]))
		perfetto, page = texts[0].String(), texts[1].String()
	})
	return perfetto, page
}

// connect returns both ends of a connection, the port's first.
func connect(t *testing.T, m *completion.Memory, p *completion.Port) (*completion.Socket, net.Conn) {
	l, err := m.Listen("tcp", "10.0.0.1:7000")
	must(t, err)
	defer l.Close()
	s, err := p.Socket("tcp")
	must(t, err)
	must(t, p.Await(t.Context(), &ops.Connect{On: s, To: l.Addr()}))
	peer, err := l.Accept()
	must(t, err)
	return s, peer
}

// chrome is a file in Chrome's format.
type chrome struct {
	OtherData struct{ Steps, Lost int }
	Events    []struct {
		Name, Cat, Ph, S string
		Pid, Tid         int
		Ts               float64
		Dur              *float64
		Args             map[string]any
	} `json:"traceEvents"`
}

// decode returns the events of a file as lines: "lane/row: name at+took args", in seconds.
func decode(t *testing.T, text string) (f chrome, lines []string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	must(t, d.Decode(&f))
	if d.More() {
		t.Error("there is more behind the object")
	}
	lanes, rows := map[int]any{}, map[[2]int]any{}
	for _, e := range f.Events {
		at := fmt.Sprintf("%v/%v: %s", lanes[e.Pid], rows[[2]int{e.Pid, e.Tid}], e.Name)
		switch e.Ph {
		case "M":
			switch e.Name {
			case "process_name":
				lanes[e.Pid] = e.Args["name"]
			case "thread_name":
				rows[[2]int{e.Pid, e.Tid}] = e.Args["name"]
			}
		case "i":
			lines = append(lines, fmt.Sprintf("%s %g", at, e.Ts/1e6))
		case "X":
			lines = append(lines, fmt.Sprintf("%s %g+%g%s", at, e.Ts/1e6, *e.Dur/1e6, args(e.Args)))
		default:
			t.Errorf("an event of phase %q", e.Ph)
		}
	}
	return f, lines
}

// args writes the arguments in a fixed order, without the texts of errors, which differ
// from system to system.
func args(a map[string]any) (text string) {
	for _, name := range []string{"operation", "bytes", "events", "begun", "ended"} {
		if v, ok := a[name]; ok {
			text += fmt.Sprintf(" %s=%v", name, v)
		}
	}
	for _, name := range []string{"error", "errno"} {
		if v, ok := a[name]; ok && fmt.Sprint(v) != "" {
			text += " " + name
		}
	}
	return text
}

func TestPerfetto(t *testing.T) {
	text, _ := knownRun(t)
	f, lines := decode(t, text)
	if f.OtherData.Lost != 0 || f.OtherData.Steps == 0 {
		t.Errorf("the file has %d steps, and %d are lost", f.OtherData.Steps, f.OtherData.Lost)
	}
	want := []string{
		"leader/leader: asleep 0+0 events=1",
		"leader/leader: asleep 0+2 events=1",
		"leader/leader: asleep 2+1 events=0",
		"timer/timer: timer 0+3 operation=4 bytes=0",
		"timer/timer: waiting 0+3",
		"descriptor 3/in: ready 0",
		"descriptor 3/in: ready 2",
		"descriptor 3/out: connect 0+0 operation=1 bytes=0",
		"descriptor 3/out: called 0+0 bytes=0 error errno",
		"descriptor 3/out: called 0+0 bytes=0",
		"descriptor 3/in: read 0+3 operation=2 bytes=5",
		"descriptor 3/in: waiting 0+2",
		"descriptor 3/in: called 2+0 bytes=5",
		"descriptor 3/in: complete 2+1",
		"descriptor 3/in 2: read 0+4 operation=3 bytes=0 ended=not yet",
		"descriptor 3/in 2: waiting 0+2",
		"descriptor 3/in 2: called 2+0 bytes=0 error errno",
		"descriptor 3/in 2: waiting 2+2",
		"descriptor 3/out: write 4+0 operation=5 bytes=0 error errno",
		"descriptor 3/out: called 4+0 bytes=0 error errno",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the file has\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// pageData is what the page draws.
type pageData struct {
	Took  int64
	Steps int
	Lost  int
	Lanes []struct {
		Name string
		Rows []string
		Ops  []struct {
			Kind              string
			Op, Row, N        int
			Start, End        int64
			Err               string
			Unbegun, Inflight bool
			Parts             []struct {
				Name       string
				Start, End int64
			}
		}
	}
}

// dataOf returns the data in a page, and the page without it.
func dataOf(t *testing.T, page string) (data pageData, rest string) {
	t.Helper()
	before, after, ok := strings.Cut(page, `<script type="application/json" id="data">`)
	text, after, closed := strings.Cut(after, "</script>")
	if !ok || !closed {
		t.Fatal("the page has no data")
	}
	must(t, json.Unmarshal([]byte(text), &data))
	return data, before + after
}

func TestPage(t *testing.T) {
	_, text := knownRun(t)
	data, _ := dataOf(t, text)
	var lines []string
	for _, l := range data.Lanes {
		for _, o := range l.Ops {
			line := fmt.Sprintf("%s/%s: %s %d, %v to %v, %d bytes", l.Name, l.Rows[o.Row], o.Kind, o.Op, time.Duration(o.Start), time.Duration(o.End), o.N)
			if o.Err != "" {
				line += ", error"
			}
			if o.Inflight {
				line += ", in flight"
			}
			for _, p := range o.Parts {
				line += fmt.Sprintf("; %s %v to %v", p.Name, time.Duration(p.Start), time.Duration(p.End))
			}
			lines = append(lines, line)
		}
	}
	want := []string{
		"timer/timer: timer 4, 0s to 3s, 0 bytes; waiting 0s to 3s",
		"descriptor 3/out: connect 1, 0s to 0s, 0 bytes; called 0s to 0s; called 0s to 0s",
		"descriptor 3/in: read 2, 0s to 3s, 5 bytes; waiting 0s to 2s; called 2s to 2s; complete 2s to 3s",
		"descriptor 3/in 2: read 3, 0s to 4s, 0 bytes, in flight; waiting 0s to 2s; called 2s to 2s; waiting 2s to 4s",
		"descriptor 3/out: write 5, 4s to 4s, 0 bytes, error; called 4s to 4s",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the page has\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if data.Took != int64(4*time.Second) || data.Lost != 0 {
		t.Errorf("the page shows %v, and %d steps are lost", time.Duration(data.Took), data.Lost)
	}
}

// The page works without a network: nothing in it names something to load.
func TestPageLoadsNothing(t *testing.T) {
	_, text := knownRun(t)
	_, rest := dataOf(t, text)
	for _, word := range []string{"http:", "https:", "//cdn", "src=", "href=", "url(", "@import", "import(", "fetch(", "XMLHttpRequest"} {
		if strings.Contains(rest, word) {
			t.Errorf("the page has %q", word)
		}
	}
	for _, end := range []string{"<html", "<style>", "<script>"} {
		if strings.Count(rest, end) != 1 || strings.Count(rest, strings.Replace(strings.TrimSuffix(end, ">"), "<", "</", 1)+">") != 1 {
			t.Errorf("%s does not begin and end once", end)
		}
	}
}
