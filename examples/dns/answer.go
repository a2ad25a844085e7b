package main

import "encoding/binary"

// mostAliases is the most CNAMEs that an answer follows.
const mostAliases = 8

// answer appends the answer to a message. It appends nothing if the message is too short for a
// header, or is an answer itself. It allocates only to grow out, and keeps nothing of message.
func (z *zone) answer(out, message []byte, overTCP bool) []byte {
	const response, opcode, recursion = 0x80, 0x78, 0x01
	if len(message) < headerSize || message[2]&response != 0 {
		return out
	}
	var q query
	r := reply{start: len(out)}
	r.out = append(out, message[0], message[1], response|message[2]&(opcode|recursion))
	r.out = append(r.out, make([]byte, headerSize-3)...)
	if message[2]&opcode != 0 {
		r.code = notImplemented
	} else {
		r.code = q.parse(message)
	}
	if r.code == noError {
		r.out = append(r.out, q.question...)
		r.counts[0] = 1
		if r.code = badVersion; q.version == 0 {
			r.code = noError
			z.find(&r, &q)
		}
	}
	most := tcpSize
	if !overTCP {
		most = min(max(q.size, plainSize), udpSize)
	}
	return r.finish(&q, most)
}

// reply is an answer that is written.
type reply struct {
	out    []byte
	start  int // of the answer in out
	code   int
	counts [4]uint16 // of questions, answers, authorities, and others
	flags  byte
}

// The flags of an answer.
const authoritative, truncated = 0x04, 0x02

// find writes the records that answer the question.
func (z *zone) find(r *reply, q *query) {
	if q.class != classIN || !z.contains(q.name()) || q.kind == typeAXFR || q.kind == typeIXFR {
		r.code = refused
		return
	}
	r.flags |= authoritative
	name, owner := q.name(), []byte{0xc0, headerSize} // the owner is a pointer to the question
	for range mostAliases {
		node := z.names[string(name)]
		if node == nil {
			r.code = nameError
			r.put(2, z.apex, z.negative)
			return
		}
		if set := node.of(q.kind); set != nil {
			r.put(1, owner, set...)
			return
		}
		alias := node.of(typeCNAME)
		if alias == nil { // the name has no records of this type
			r.put(2, z.apex, z.negative)
			return
		}
		r.put(1, owner, alias[0])
		name = alias[0].target()
		if owner = name; !z.contains(name) {
			return
		}
	}
}

// put writes records of one owner to a section.
func (r *reply) put(section int, owner []byte, set ...record) {
	for _, rec := range set {
		r.out = append(append(r.out, owner...), rec...)
		r.counts[section]++
	}
}

// finish writes the header and OPT, and truncates an answer that is larger than most.
func (r *reply) finish(q *query, most int) []byte {
	if q.extended {
		most -= optSize
	}
	if len(r.out)-r.start > most {
		r.out = r.out[:r.start+headerSize+len(q.question)]
		r.counts[1], r.counts[2] = 0, 0
		r.flags |= truncated
	}
	if q.extended {
		r.out = append(r.out, 0, 0, typeOPT, udpSize>>8, udpSize&0xff, byte(r.code>>4), 0, q.secure, 0, 0, 0)
		r.counts[3] = 1
	}
	header := r.out[r.start:]
	header[2] |= r.flags
	header[3] = byte(r.code & 15)
	for i, n := range r.counts {
		binary.BigEndian.PutUint16(header[4+2*i:], n)
	}
	return r.out
}
