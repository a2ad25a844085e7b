package main

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// zone has the records of a zone. Nothing changes it once it is parsed, so any number of
// goroutines may use it.
type zone struct {
	origin   string           // the name of the zone. Names are as in messages, in lower case
	apex     []byte           // the same
	names    map[string]*node // also those that have only names below them
	negative record           // the SOA record for an answer without records
}

// node has the records of a name.
type node struct{ sets []set }

// set has the records of one type.
type set struct {
	kind    uint16
	records []record
}

// record is a record as it is in a message, behind the name: type, class, TTL, length, data.
type record []byte

const recordHead = 10 // bytes of a record before its data

// target returns the name that a CNAME has as its data.
func (r record) target() []byte { return r[recordHead:] }

func newRecord(kind uint16, ttl uint32, data []byte) record {
	r := binary.BigEndian.AppendUint16(make(record, 0, recordHead+len(data)), kind)
	r = binary.BigEndian.AppendUint16(r, classIN)
	r = binary.BigEndian.AppendUint32(r, ttl)
	r = binary.BigEndian.AppendUint16(r, uint16(len(data)))
	return append(r, data...)
}

// of returns the records of a type. For ANY it returns those of one of the types, as RFC 8482
// allows: all of them would be what attackers want.
func (n *node) of(kind uint16) []record {
	for _, s := range n.sets {
		if s.kind == kind || kind == typeANY {
			return s.records
		}
	}
	return nil
}

// contains reports whether a name is that of the zone or below it.
func (z *zone) contains(name []byte) bool {
	for len(name) > len(z.origin) {
		name = name[1+int(name[0]):]
	}
	return string(name) == z.origin
}

// add adds a record to a name, and the names between that and the zone.
func (z *zone) add(name []byte, kind uint16, ttl uint32, data []byte) error {
	switch {
	case len(z.names) == 0 && kind != typeSOA:
		return errors.New("the first record is not SOA")
	case len(z.names) == 0:
		z.origin, z.apex = string(name), bytes.Clone(name)
		z.names = make(map[string]*node)
		minimum := binary.BigEndian.Uint32(data[len(data)-4:])
		z.negative = newRecord(kind, min(ttl, minimum), data)
	case !z.contains(name):
		return errors.New("the name is not in the zone")
	case kind == typeSOA:
		return errors.New("there is a second SOA record")
	case kind == typeNS && string(name) != z.origin:
		return errors.New("this server has no delegations: NS is for the name of the zone")
	}
	n := z.node(name)
	for i := range n.sets {
		if s := &n.sets[i]; s.kind == kind && kind != typeCNAME {
			s.records = append(s.records, newRecord(kind, ttl, data))
			return nil
		}
	}
	if len(n.sets) > 0 && (kind == typeCNAME || n.sets[0].kind == typeCNAME) {
		return errors.New("a name with a CNAME has no other record")
	}
	n.sets = append(n.sets, set{kind, []record{newRecord(kind, ttl, data)}})
	return nil
}

// node returns the node of a name in the zone, a new one if need be.
func (z *zone) node(name []byte) *node {
	for above := name; ; above = above[1+int(above[0]):] {
		if z.names[string(above)] == nil {
			z.names[string(above)] = new(node)
		}
		if string(above) == z.origin {
			return z.names[string(name)]
		}
	}
}
