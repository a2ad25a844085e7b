package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func example(t testing.TB) *zone {
	t.Helper()
	z, err := parseZone(exampleZone)
	must(t, err)
	return z
}

// ask returns a query, as another implementation writes it. With a size, it has EDNS.
func ask(t testing.TB, id uint16, name string, kind dnsmessage.Type, size int) []byte {
	t.Helper()
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	must(t, b.StartQuestions())
	must(t, b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}))
	if size > 0 {
		must(t, b.StartAdditionals())
		var h dnsmessage.ResourceHeader
		must(t, h.SetEDNS0(size, dnsmessage.RCodeSuccess, true))
		must(t, b.OPTResource(h, dnsmessage.OPTResource{}))
	}
	query, err := b.Finish()
	must(t, err)
	return query
}

// tell describes an answer: the status and the flags, and each record.
func tell(t testing.TB, answer []byte) string {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil {
		t.Fatalf("%x: %v", answer, err)
	}
	var b strings.Builder
	fmt.Fprint(&b, strings.TrimPrefix(m.RCode.String(), "RCode"))
	if m.Authoritative {
		b.WriteString(" aa")
	}
	if m.Truncated {
		b.WriteString(" tc")
	}
	for i, section := range [][]dnsmessage.Resource{m.Answers, m.Authorities, m.Additionals} {
		for _, r := range section {
			fmt.Fprintf(&b, "\n%s%s %d %s", strings.Repeat(" ", i), r.Header.Name, r.Header.TTL, body(r.Body))
		}
	}
	return b.String()
}

func body(b dnsmessage.ResourceBody) string {
	switch b := b.(type) {
	case *dnsmessage.AResource:
		return fmt.Sprint("A ", b.A)
	case *dnsmessage.AAAAResource:
		return fmt.Sprintf("AAAA %x", b.AAAA)
	case *dnsmessage.CNAMEResource:
		return fmt.Sprint("CNAME ", b.CNAME)
	case *dnsmessage.NSResource:
		return fmt.Sprint("NS ", b.NS)
	case *dnsmessage.MXResource:
		return fmt.Sprint("MX ", b.Pref, " ", b.MX)
	case *dnsmessage.TXTResource:
		return fmt.Sprintf("TXT %q", b.TXT)
	case *dnsmessage.SOAResource:
		return fmt.Sprint("SOA ", b.NS, " ", b.MBox, " ", b.Serial, " ", b.Refresh, " ", b.Retry, " ", b.Expire, " ", b.MinTTL)
	}
	return fmt.Sprintf("%T", b)
}

const (
	soa  = "example.test. 3600 SOA ns1.example.test. hostmaster.example.test. 2026010101 7200 3600 1209600 300"
	none = "\n example.test. 300 SOA ns1.example.test. hostmaster.example.test. 2026010101 7200 3600 1209600 300"
)

var questions = []struct {
	name string
	kind dnsmessage.Type
	want string
}{
	{"ns1.example.test.", dnsmessage.TypeA, "Success aa\nns1.example.test. 3600 A [192 0 2 1]"},
	{"NS1.Example.TEST.", dnsmessage.TypeAAAA, "Success aa\nNS1.Example.TEST. 3600 AAAA 20010db8000000000000000000000001"},
	{"example.test.", dnsmessage.TypeSOA, "Success aa\n" + soa},
	{"example.test.", dnsmessage.TypeNS, "Success aa\nexample.test. 3600 NS ns1.example.test.\nexample.test. 3600 NS ns2.example.test."},
	{"example.test.", dnsmessage.TypeMX, "Success aa\nexample.test. 3600 MX 10 mail.example.test."},
	{"example.test.", dnsmessage.TypeTXT, `Success aa` + "\n" + `example.test. 3600 TXT ["hello from a completion port" "in two strings"]`},
	{"example.test.", dnsmessage.TypeALL, "Success aa\n" + soa},
	{"www.example.test.", dnsmessage.TypeCNAME, "Success aa\nwww.example.test. 60 CNAME host.web.example.test."},
	{"www.example.test.", dnsmessage.TypeA, "Success aa\nwww.example.test. 60 CNAME host.web.example.test.\n" +
		"host.web.example.test. 3600 A [192 0 2 80]\nhost.web.example.test. 3600 A [192 0 2 81]"},
	{"www.example.test.", dnsmessage.TypeMX, "Success aa\nwww.example.test. 60 CNAME host.web.example.test." + none},
	{"away.example.test.", dnsmessage.TypeA, "Success aa\naway.example.test. 3600 CNAME www.elsewhere.test."},

	{"ns2.example.test.", dnsmessage.TypeAAAA, "Success aa" + none},
	{"web.example.test.", dnsmessage.TypeA, "Success aa" + none}, // only a name below it has records
	{"nobody.example.test.", dnsmessage.TypeA, "NameError aa" + none},
	{"a.ns1.example.test.", dnsmessage.TypeA, "NameError aa" + none},
	{"elsewhere.test.", dnsmessage.TypeA, "Refused"},
	{"badexample.test.", dnsmessage.TypeA, "Refused"},
	{".", dnsmessage.TypeNS, "Refused"},
	{"example.test.", dnsmessage.TypeAXFR, "Refused"},

	{"large.example.test.", dnsmessage.TypeTXT, "Success aa tc"},
}

// Each question has its answer, and the answer repeats the question as it was.
func TestAnswers(t *testing.T) {
	z := example(t)
	for i, c := range questions {
		query := ask(t, uint16(i), c.name, c.kind, 0)
		answer := z.answer(nil, query, false)
		if got := tell(t, answer); got != c.want {
			t.Errorf("%s %v: %s\nwant %s", c.name, c.kind, got, c.want)
		}
		if !bytes.Equal(answer[12:len(query)], query[12:]) || !bytes.Equal(answer[:2], query[:2]) || answer[2]&1 == 0 {
			t.Errorf("%s %v: the answer %x is to another query, not %x", c.name, c.kind, answer, query)
		}
	}
}

// An answer is at most as large as the client takes: 512 bytes, or what EDNS says up to 1232.
func TestSizes(t *testing.T) {
	z := example(t)
	for _, c := range []struct {
		size    int
		overTCP bool
		want    string // the start
	}{
		{0, false, "Success aa tc"},
		{100, false, "Success aa tc\n  . "},
		{724, false, "Success aa tc\n  . "},
		{725, false, "Success aa\nlarge.example.test. 3600 TXT"},
		{65535, false, "Success aa\nlarge.example.test. 3600 TXT"},
		{0, true, "Success aa\nlarge.example.test. 3600 TXT"},
	} {
		answer := z.answer(nil, ask(t, 1, "large.example.test.", dnsmessage.TypeTXT, c.size), c.overTCP)
		got := tell(t, answer)
		if !strings.HasPrefix(got, c.want) || len(answer) > max(c.size, 512) && !c.overTCP || strings.Contains(got, "  .") != (c.size > 0) {
			t.Errorf("with size %d: %d bytes, %.200s", c.size, len(answer), got)
		}
	}
}

// Over UDP no answer is larger than 1232 bytes, whatever the client takes.
func TestLargestOverUDP(t *testing.T) {
	z, err := parseZone(head + strings.Repeat("a 1 TXT "+strings.Repeat("x", 200)+"\n", 6))
	must(t, err)
	for _, kind := range []string{"Success aa tc", "Success aa\na.test. 1 TXT"} {
		overTCP := !strings.Contains(kind, "tc")
		if got := tell(t, z.answer(nil, ask(t, 1, "a.test.", dnsmessage.TypeTXT, 4096), overTCP)); !strings.HasPrefix(got, kind) {
			t.Errorf("over TCP %v: %.100s", overTCP, got)
		}
	}
}

// messages are some that are no plain queries, and the status of the answer, -1 without one.
var messages = []struct {
	name   string
	change func(query []byte) []byte
	status int
}{
	{"nothing", func(q []byte) []byte { return nil }, -1},
	{"half a header", func(q []byte) []byte { return q[:11] }, -1},
	{"an answer", func(q []byte) []byte { q[2] |= 0x80; return q }, -1},
	{"a header only", func(q []byte) []byte { return q[:12] }, formatError},
	{"half a question", func(q []byte) []byte { return q[:len(q)-12] }, formatError},
	{"an update", func(q []byte) []byte { q[2] |= 5 << 3; return q }, notImplemented},
	{"no question", func(q []byte) []byte { q[5] = 0; return q }, formatError},
	{"two questions", func(q []byte) []byte { q[5] = 2; return q }, formatError},
	{"an answer section", func(q []byte) []byte { q[7] = 1; return q }, formatError},
	{"many others", func(q []byte) []byte { q[10] = 0xff; return q }, formatError},
	{"a pointer to itself", func(q []byte) []byte { q[12], q[13] = 0xc0, 12; return q }, formatError},
	{"a pointer to the header", func(q []byte) []byte { q[12], q[13] = 0xc0, 0; return q }, formatError},
	{"a label of 64 bytes", func(q []byte) []byte { q[12] = 64; return q }, formatError},
	{"a label of 64 bytes that is there", func(q []byte) []byte {
		return slices.Concat(q[:12], []byte{64}, bytes.Repeat([]byte{'a'}, 64), []byte{0, 0, 1, 0, 1}, q[len(q)-11:])
	}, formatError},
	{"a long name", func(q []byte) []byte { return longName(q, 4) }, formatError},
	{"the longest name", func(q []byte) []byte { return longName(q, 3) }, refused},
	{"chaos", func(q []byte) []byte { q[len(q)-11-1] = 3; return q }, refused},
	{"EDNS 1", func(q []byte) []byte { q[len(q)-5] = 1; return q }, badVersion},
	{"EDNS twice", func(q []byte) []byte { q[11] = 2; return append(q, q[len(q)-11:]...) }, formatError},
	{"EDNS with a name", func(q []byte) []byte { return slices.Insert(q, len(q)-11, 1, 'a') }, formatError},
	{"half of EDNS", func(q []byte) []byte { return q[:len(q)-1] }, formatError},
	{"a pointer in another record", func(q []byte) []byte {
		q[11] = 2
		return append(q, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 'x')
	}, noError},
}

// longName makes a name of n labels of 63 bytes, and one of 61.
func longName(q []byte, n int) []byte {
	name := bytes.Repeat(append([]byte{63}, strings.Repeat("a", 63)...), n)
	name = append(append(name, 61), strings.Repeat("a", 61)...)
	return slices.Concat(q[:12], name, []byte{0, 0, 1, 0, 1}, q[len(q)-11:])
}

func TestStrangeMessages(t *testing.T) {
	z := example(t)
	for _, c := range messages {
		answer := z.answer(nil, c.change(ask(t, 7, "ns1.example.test.", dnsmessage.TypeA, 1232)), false)
		status := -1
		if len(answer) > 0 {
			status = int(answer[3] & 15)
			if p := (dnsmessage.Parser{}); status == noError && answer[11] == 1 {
				status |= extendedCode(t, &p, answer)
			}
		}
		if status != c.status {
			t.Errorf("%s: the status is %d, want %d", c.name, status, c.status)
		}
	}
}

// extendedCode returns the part of the status that OPT has.
func extendedCode(t *testing.T, p *dnsmessage.Parser, answer []byte) int {
	_, err := p.Start(answer)
	must(t, err)
	must(t, p.SkipAllQuestions())
	must(t, p.SkipAllAnswers())
	must(t, p.SkipAllAuthorities())
	h, err := p.AdditionalHeader()
	must(t, err)
	return int(h.ExtendedRCode(0))
}

// A zone that leads around in circles ends.
func TestAliasesInCircles(t *testing.T) {
	z, err := parseZone("$ORIGIN test.\n@ 1 IN SOA a b 1 2 3 4 5\na 1 CNAME b\nb 1 CNAME a\n")
	must(t, err)
	if n := strings.Count(tell(t, z.answer(nil, ask(t, 1, "a.test.", dnsmessage.TypeA, 0), false)), "CNAME"); n != mostAliases {
		t.Errorf("the answer has %d aliases, want %d", n, mostAliases)
	}
}

func TestAnswerAllocatesNothing(t *testing.T) {
	z, out := example(t), make([]byte, 0, udpSize)
	for _, name := range []string{"www.example.test.", "nobody.example.test.", "elsewhere.test.", "large.example.test."} {
		query := ask(t, 1, name, dnsmessage.TypeA, 1232)
		if n := testing.AllocsPerRun(100, func() { z.answer(out, query, false) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Whatever comes is answered with an answer that another implementation understands, that is
// not larger than allowed, and that is not answered itself. What stands before it stays.
func FuzzAnswer(f *testing.F) {
	for _, c := range questions {
		f.Add(ask(f, 1, c.name, c.kind, 0), false)
		f.Add(ask(f, 1, c.name, c.kind, 4096), true)
	}
	for _, c := range messages {
		f.Add(c.change(ask(f, 1, "ns1.example.test.", dnsmessage.TypeA, 1232)), false)
	}
	z := example(f)
	f.Fuzz(func(t *testing.T, query []byte, overTCP bool) {
		before := bytes.Clone(query)
		out := z.answer([]byte("before"), query, overTCP)
		answer, ok := bytes.CutPrefix(out, []byte("before"))
		if !ok || !bytes.Equal(query, before) {
			t.Fatal("what was there has changed")
		}
		if len(answer) == 0 {
			return
		}
		if bytes.IndexByte(query, '.') < 0 { // the other takes no dot in a label
			tell(t, answer)
		}
		if len(answer) > udpSize && !overTCP || len(answer) > tcpSize || binary.BigEndian.Uint16(answer) != binary.BigEndian.Uint16(query) {
			t.Fatalf("the answer is %x", answer)
		}
		if len(z.answer(nil, answer, overTCP)) > 0 {
			t.Fatal("an answer is answered")
		}
	})
}
