package main

import (
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// A name, a TTL and a class may be missing, in any order, and parentheses join lines.
func TestZoneForms(t *testing.T) {
	z, err := parseZone("\n; a comment\n$TTL 5\nTest. IN 9 SOA a.test. b.test. ( 1 2 3 4 5\n )\n" +
		"$ORIGIN sub.test.\nA 7 IN A 192.0.2.1 ; one\n IN 8 A 192.0.2.2\n\tA 192.0.2.3\n@ TXT word \"a ; word (\" (\"more\")\n")
	must(t, err)
	for _, c := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"a.sub.test.", dnsmessage.TypeA, "Success aa\na.sub.test. 7 A [192 0 2 1]\na.sub.test. 8 A [192 0 2 2]\na.sub.test. 5 A [192 0 2 3]"},
		{"sub.test.", dnsmessage.TypeTXT, "Success aa\n" + `sub.test. 5 TXT ["word" "a ; word (" "more"]`},
		{"test.", dnsmessage.TypeSOA, "Success aa\ntest. 9 SOA a.test. b.test. 1 2 3 4 5"},
		{"none.test.", dnsmessage.TypeA, "NameError aa\n test. 5 SOA a.test. b.test. 1 2 3 4 5"},
	} {
		if got := tell(t, z.answer(nil, ask(t, 1, c.name, c.kind, 0), false)); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

const head = "$ORIGIN test.\n@ 1 SOA a b 1 2 3 4 5\n"

var mistakes = []struct{ text, says string }{
	{"", "there is no record"},
	{"; nothing\n", "there is no record"},
	{" 1 A 192.0.2.1", "line 1: the first record has no name"},
	{"a 1 A 192.0.2.1", `line 1: "a" has no dot at its end`},
	{"a. 1 A 192.0.2.1", "line 1: the first record is not SOA"},
	{head + "@ 1 SOA a b 1 2 3 4 5", "line 3: there is a second SOA"},
	{head + "\na.b. 1 A 192.0.2.1", "line 4: the name is not in the zone"},
	{head + "a 1 NS b", "line 3: this server has no delegations"},
	{head + "a 1 A 192.0.2.1\na 1 CNAME b", "line 4: a name with a CNAME"},
	{head + "a 1 CNAME b\na 1 CNAME c", "line 4: a name with a CNAME"},
	{head + "a 1 CNAME b\na 1 A 192.0.2.1", "line 4: a name with a CNAME"},
	{head + "a 1 A 2001:db8::1", "no address of 4 bytes"},
	{head + "a 1 AAAA 192.0.2.1", "no address of 16 bytes"},
	{head + "a 1 AAAA fe80::1%eth0", "no address of 16 bytes"},
	{head + "a 1 A", "has a type and data"},
	{head + "a 1 A 192.0.2.1 192.0.2.2", "A with 2 words"},
	{head + "a 1 SRV 1 2 3 b", "SRV with 4 words"},
	{head + "a 1 MX 65536 b", "65536"},
	{head + "a 4294967296 A 192.0.2.1", "4294967296"},
	{head + "a..b 1 A 192.0.2.1", "no name"},
	{head + `a\.b 1 A 192.0.2.1`, "no name"},
	{head + strings.Repeat("a", 64) + " 1 A 192.0.2.1", "no name"},
	{head + strings.Repeat("abc.", 63) + "a 1 A 192.0.2.1", "too long"},
	{head + "a 1 TXT " + strings.Repeat("a", 256), "256 bytes"},
	{head + `a 1 TXT "a \"b\""`, "no escapes"},
	{head + "a 1 TXT \"a\nb\"", "a quote has no end"},
	{head + "a 1 TXT ( a", "a ( has no )"},
	{head + "a 1 TXT a )", "there is a ) without"},
	{head + "$INCLUDE other", "$INCLUDE is unknown"},
}

// Mistakes have the number of their line.
func TestZoneMistakes(t *testing.T) {
	for _, c := range mistakes {
		if _, err := parseZone(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
	}
}

// A text is a zone or an error, and a zone has an answer for its own name.
func FuzzZone(f *testing.F) {
	f.Add(exampleZone)
	f.Add("$ORIGIN test.\n@ 1 SOA a b ( 1 2 3 4 5 )\n* MX 1 @ \"")
	f.Add("$ORIGIN test.\n@ 1 SOA a b ( 1 2 3 4 5 )\n\xcd TXT c") // no UTF-8
	f.Fuzz(func(t *testing.T, text string) {
		if z, err := parseZone(text); err == nil {
			query := append(make([]byte, headerSize), z.origin...)
			query[5] = 1
			answer := z.answer(nil, append(query, 0, typeSOA, 0, classIN), true)
			if answer[3] != noError || answer[7] != 1 {
				t.Errorf("%q: the answer is %x", text, answer)
			}
		}
	})
}
