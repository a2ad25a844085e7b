package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const (
	mostName   = 20       // bytes of a name
	mostListed = 50       // names that /who lists
	mostReply  = 64 << 10 // bytes of replies that wait to be written
)

// hear handles a line of a member.
func (m *member) hear(line []byte) {
	switch {
	case m.isLeaving || m.isClosed || len(line) == 0:
	case line[0] == '/':
		m.obey(line)
	default:
		m.unsaid = append(append(m.unsaid, m.name...), ": "...)
		m.unsaid = append(appendClean(m.unsaid, line), '\n')
		m.said++
		if len(m.unsaid) >= mostUnsaid {
			m.flush()
		} else {
			m.publish()
		}
	}
}

// obey performs a command.
func (m *member) obey(line []byte) {
	command, argument, _ := bytes.Cut(line, []byte(" "))
	switch string(command) {
	case "/nick":
		m.rename(string(bytes.TrimSpace(argument)))
	case "/who":
		m.tell(m.who())
	case "/quit":
		m.tell("* bye, " + m.name)
		m.leave()
	default:
		m.tell("* unknown command " + string(appendClean(nil, command)) + ": /nick NAME, /who, /quit")
	}
}

// rename gives the member another name.
func (m *member) rename(name string) {
	switch {
	case !isName(name):
		m.tell(fmt.Sprintf("* a name has 1 to %d letters, digits, - or _", mostName))
	case m.names[name] == m:
	case m.names[name] != nil:
		m.tell("* the name " + name + " is taken")
	default:
		m.unsaid = fmt.Appendf(m.unsaid, "* %s is now %s\n", m.name, name)
		delete(m.names, m.name)
		m.name, m.names[name] = name, m
		m.publish()
	}
}

func isName(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return len(name) > 0 && len(name) <= mostName && strings.Trim(name, allowed) == ""
}

// who lists some of the members.
func (r *room) who() string {
	list := names{count: len(r.names)}
	for name := range r.names {
		if len(list.some) == mostListed {
			break
		}
		list.some = append(list.some, name)
	}
	slices.Sort(list.some)
	return fmt.Sprintf("* %d here: %s", list.count, list.String())
}

// names are some names, and the number of all.
type names struct {
	some  []string
	count int
}

// mostAnnounced is how many names an announcement has.
const mostAnnounced = 5

func (n *names) add(name string) {
	if n.count++; n.count <= mostAnnounced {
		n.some = append(n.some, name)
	}
}

// String returns the names, and the number of those that it leaves out.
func (n *names) String() string {
	list := strings.Join(n.some, ", ")
	if more := n.count - len(n.some); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// appendTo appends an announcement, if there is anybody to announce.
func (n *names) appendTo(text []byte, what string) []byte {
	if n.count == 0 {
		return text
	}
	text = fmt.Appendf(text, "* %s %s\n", n, what)
	*n = names{}
	return text
}
