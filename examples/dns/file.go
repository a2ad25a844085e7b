package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// parser parses the text of a zone: one record a line, or in parentheses on several lines,
// $ORIGIN and $TTL, and comments behind a semicolon. An escape is an error.
type parser struct {
	zone
	origin []byte // of names without a dot at their end
	ttl    uint32
	owner  []byte
}

// parseZone returns the zone of a text. The first record is the SOA record, whose name is that
// of the zone.
func parseZone(text string) (*zone, error) {
	p := new(parser)
	for line := 1; text != ""; {
		words, indented, rest, err := cutEntry(text)
		if err == nil && len(words) > 0 {
			err = p.entry(words, indented)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		line += strings.Count(text[:len(text)-len(rest)], "\n")
		text = rest
	}
	if len(p.names) == 0 {
		return nil, errors.New("there is no record")
	}
	return &p.zone, nil
}

// cutEntry returns the words of the first entry of text, and what is behind it. A word in
// quotes has one at its start.
func cutEntry(text string) (words []string, indented bool, rest string, err error) {
	depth, n := 0, 0
	indented = text[0] == ' ' || text[0] == '\t'
	for ; text != ""; text = text[n:] {
		n = 1
		switch c := text[0]; {
		case c == '\n' && depth == 0:
			return words, indented, text[1:], nil
		case c == '(':
			depth++
		case c == ')' && depth == 0:
			return nil, false, "", errors.New("there is a ) without a (")
		case c == ')':
			depth--
		case strings.IndexByte(" \t\r\n", c) >= 0:
		case c == ';':
			n = end(text, "\n")
		case c == '"':
			n += end(text[1:], "\"\n")
			if n == len(text) || text[n] == '\n' {
				return nil, false, "", errors.New("a quote has no end on its line")
			}
			words = append(words, text[:n])
			n++
		default:
			n = end(text, " \t\r\n();\"")
			words = append(words, text[:n])
		}
	}
	if depth > 0 {
		err = errors.New("a ( has no )")
	}
	return words, indented, "", err
}

// end returns the index of the first of some characters, or the length of text.
func end(text, chars string) int {
	if n := strings.IndexAny(text, chars); n >= 0 {
		return n
	}
	return len(text)
}

// entry parses NAME TTL IN TYPE DATA…, of which the first three may be missing, or a directive.
func (p *parser) entry(words []string, indented bool) (err error) {
	switch {
	case words[0] == "$ORIGIN" && len(words) == 2:
		p.origin, err = nameOf(words[1], p.origin)
		return err
	case words[0] == "$TTL" && len(words) == 2:
		p.ttl, err = number(words[1])
		return err
	case words[0][0] == '$':
		return fmt.Errorf("%s is unknown here", words[0])
	case !indented:
		if p.owner, err = nameOf(words[0], p.origin); err != nil {
			return err
		}
		words = words[1:]
	case p.owner == nil:
		return errors.New("the first record has no name")
	}
	return p.record(words)
}

// record parses what is behind the name.
func (p *parser) record(words []string) error {
	ttl := p.ttl
	for len(words) > 0 {
		if n, err := number(words[0]); err == nil {
			ttl = n
		} else if !strings.EqualFold(words[0], "IN") {
			break
		}
		words = words[1:]
	}
	if len(words) < 2 {
		return errors.New("a record has a type and data")
	}
	kind, data, err := p.data(strings.ToUpper(words[0]), words[1:])
	if err != nil {
		return err
	}
	return p.add(p.owner, kind, ttl, data)
}

// data returns the type and the data of a record, as they are in messages.
func (p *parser) data(kind string, words []string) (number uint16, data []byte, err error) {
	switch {
	case kind == "TXT":
		data, err = texts(words)
		return typeTXT, data, err
	case kind == "A" && len(words) == 1:
		data, err = address(words[0], 4)
		return typeA, data, err
	case kind == "AAAA" && len(words) == 1:
		data, err = address(words[0], 16)
		return typeAAAA, data, err
	case kind == "NS" && len(words) == 1:
		data, err = nameOf(words[0], p.origin)
		return typeNS, data, err
	case kind == "CNAME" && len(words) == 1:
		data, err = nameOf(words[0], p.origin)
		return typeCNAME, data, err
	case kind == "MX" && len(words) == 2:
		data, err = p.mail(words)
		return typeMX, data, err
	case kind == "SOA" && len(words) == 7:
		data, err = p.authority(words)
		return typeSOA, data, err
	}
	return 0, nil, fmt.Errorf("%s with %d words is no record that this server knows", kind, len(words))
}

func texts(words []string) (data []byte, err error) {
	for _, w := range words {
		if w = strings.TrimPrefix(w, `"`); len(w) > 255 {
			return nil, fmt.Errorf("a string has %d bytes, and may have 255", len(w))
		}
		if strings.Contains(w, `\`) {
			return nil, fmt.Errorf("%q has a \\, and there are no escapes", w)
		}
		data = append(append(data, byte(len(w))), w...)
	}
	if len(data) > 4096 {
		return nil, fmt.Errorf("a record has %d bytes of text, and may have 4096", len(data))
	}
	return data, nil
}

func address(word string, size int) ([]byte, error) {
	a, err := netip.ParseAddr(word)
	if err != nil || a.BitLen() != 8*size || a.Zone() != "" {
		return nil, fmt.Errorf("%q is no address of %d bytes", word, size)
	}
	return a.AsSlice(), nil
}

func (p *parser) mail(words []string) ([]byte, error) {
	preference, err := strconv.ParseUint(words[0], 10, 16)
	if err != nil {
		return nil, err
	}
	host, err := nameOf(words[1], p.origin)
	return append(binary.BigEndian.AppendUint16(nil, uint16(preference)), host...), err
}

func (p *parser) authority(words []string) (data []byte, err error) {
	for i, w := range words {
		if i < 2 {
			var name []byte
			if name, err = nameOf(w, p.origin); err != nil {
				return nil, err
			}
			data = append(data, name...)
			continue
		}
		n, err := number(w)
		if err != nil {
			return nil, err
		}
		data = binary.BigEndian.AppendUint32(data, n)
	}
	return data, nil
}

func number(word string) (uint32, error) {
	n, err := strconv.ParseUint(word, 10, 32)
	return uint32(n), err
}

// nameOf returns a name as it is in messages. One that does not end with a dot is below origin.
func nameOf(text string, origin []byte) ([]byte, error) {
	if text == "@" && origin != nil {
		return origin, nil
	}
	labels, absolute := strings.CutSuffix(text, ".")
	switch {
	case absolute:
		origin = []byte{0}
	case origin == nil:
		return nil, fmt.Errorf("%q has no dot at its end, and there is no $ORIGIN", text)
	}
	var name []byte
	for label := range strings.SplitSeq(labels, ".") {
		if text == "." {
			break
		}
		if len(label) == 0 || len(label) > mostLabel || strings.ContainsAny(label, `\"`) {
			return nil, fmt.Errorf("%q is no name", text)
		}
		name = append(name, byte(len(label)))
		for i := range len(label) { // not a rune at a time: a label has any bytes
			name = append(name, lower(label[i]))
		}
	}
	if name = append(name, origin...); len(name) > mostName {
		return nil, fmt.Errorf("%q is too long", text)
	}
	return name, nil
}
