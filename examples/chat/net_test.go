package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// netRoom is the server on package net, to compare its length: docs/lines.md. A member has
// two goroutines, and a list of messages that wait for it.
type netRoom struct {
	options
	listener net.Listener
	stderr   io.Writer
	serving  sync.WaitGroup

	mu           sync.Mutex // guards all of these, and the state of the members
	members      map[*netMember]bool
	names        map[string]*netMember
	joined, left names
	announcing   bool
	stopping     bool
	warned       time.Time

	guests, dropped, said, messages, cutShort int
}

type netMember struct {
	*netRoom
	conn   *net.TCPConn
	name   string // "" once it has left the conversation
	lines  lines
	unsent [][]byte
	more   sync.Cond
	ending bool // unsent is all that it gets
	failed bool
}

func netListen(o options) (*netRoom, error) {
	listener, err := net.Listen("tcp", o.address)
	return &netRoom{options: o, listener: listener, stderr: io.Discard,
		members: make(map[*netMember]bool), names: make(map[string]*netMember)}, err
}

func (r *netRoom) serve() {
	for {
		conn, err := r.listener.Accept()
		switch {
		case err == nil:
			r.join(conn.(*net.TCPConn))
		case errors.Is(err, net.ErrClosed):
			r.serving.Wait()
			return
		default:
			r.warn(err)
			time.Sleep(acceptPause)
		}
	}
}

func (r *netRoom) join(conn *net.TCPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		conn.Close()
		return
	}
	r.guests++
	m := &netMember{netRoom: r, conn: conn, name: fmt.Sprintf("guest%d", r.guests)}
	m.more.L = &r.mu
	r.members[m], r.names[m.name] = true, m
	r.joined.add(m.name)
	r.announce()
	m.tell("* welcome, " + m.name + ": /nick NAME, /who, /quit")
	r.serving.Go(m.talk)
}

// talk reads what a member says, and then closes it.
func (m *netMember) talk() {
	var writing sync.WaitGroup
	writing.Go(m.write)
	err := m.listen()
	m.mu.Lock()
	m.leave()
	m.failed = m.failed || err != nil && !m.ending
	m.mu.Unlock()
	writing.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.members, m)
	if m.failed {
		m.dropped++
		m.conn.SetLinger(0)
	}
	m.conn.Close()
}

func (m *netMember) listen() error {
	buffer, paid := make([]byte, bufferSize), time.Now()
	for {
		n, err := m.conn.Read(buffer)
		m.mu.Lock()
		count := 0
		for line := range m.lines.next(buffer[:n]) {
			m.hear(line)
			count++
		}
		if errors.Is(err, io.EOF) {
			m.hear(m.lines.last())
			err = nil
			n = 0
		}
		ending := m.ending
		m.mu.Unlock()
		if err != nil || n == 0 {
			return err
		}
		if now := time.Now(); paid.Before(now) {
			paid = now
		}
		paid = paid.Add(time.Duration(count) * time.Second / time.Duration(m.rate))
		if ahead := time.Until(paid) - time.Second; ahead > 0 && !ending {
			time.Sleep(ahead)
		}
	}
}

// write writes what a member gets, and then the end of the stream.
func (m *netMember) write() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.failed && (len(m.unsent) > 0 || !m.ending) {
		if len(m.unsent) == 0 {
			m.more.Wait()
			continue
		}
		message := m.unsent[0]
		m.mu.Unlock()
		m.conn.SetWriteDeadline(time.Now().Add(m.timeout))
		_, err := m.conn.Write(message)
		m.mu.Lock()
		if err != nil {
			m.drop()
			return
		}
		m.unsent = m.unsent[1:]
	}
	m.conn.CloseWrite()
}

// drop ends a member that is too slow.
func (m *netMember) drop() {
	m.failed = true
	m.leave()
	m.conn.SetLinger(0)
	m.conn.Close()
}

// send adds a message to what a member gets.
func (m *netMember) send(message []byte) {
	if len(m.unsent) >= m.options.unsent {
		m.drop()
		return
	}
	m.unsent = append(m.unsent, message)
	m.more.Signal()
}

func (m *netMember) tell(line string) {
	if !m.ending {
		m.send([]byte(line + "\n"))
	}
}

// leave ends what a member says. It has the time of a write to end its side.
func (m *netMember) leave() {
	if m.ending {
		return
	}
	delete(m.names, m.name)
	m.left.add(m.name)
	m.announce()
	m.ending = true
	m.conn.SetReadDeadline(time.Now().Add(m.timeout))
	m.more.Signal()
}

// publish sends a message to all members.
func (r *netRoom) publish(text []byte) {
	text = append(r.joined.appendTo(nil, "joined"), text...)
	text = r.left.appendTo(text, "left")
	if len(text) == 0 {
		return
	}
	r.messages++
	for m := range r.members {
		if !m.ending {
			m.send(text)
		}
	}
}

func (r *netRoom) announce() {
	if r.announcing || r.stopping {
		return
	}
	r.announcing = true
	time.AfterFunc(announceAfter, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.announcing = false; !r.stopping {
			r.publish(nil)
		}
	})
}

func (m *netMember) hear(line []byte) {
	switch {
	case m.ending || len(line) == 0:
	case line[0] == '/':
		m.obey(line)
	default:
		m.said++
		m.publish(append(appendClean([]byte(m.name+": "), line), '\n'))
	}
}

func (m *netMember) obey(line []byte) {
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

func (m *netMember) rename(name string) {
	switch {
	case !isName(name):
		m.tell(fmt.Sprintf("* a name has 1 to %d letters, digits, - or _", mostName))
	case m.names[name] == m:
	case m.names[name] != nil:
		m.tell("* the name " + name + " is taken")
	default:
		was := m.name
		delete(m.names, was)
		m.name, m.names[name] = name, m
		m.publish(fmt.Appendf(nil, "* %s is now %s\n", was, name))
	}
}

func (r *netRoom) who() string {
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

// stop lets all members leave.
func (r *netRoom) stop() {
	r.listener.Close()
	r.mu.Lock()
	r.publish([]byte("* the server stops\n"))
	r.stopping = true
	for m := range r.members {
		m.leave()
	}
	r.mu.Unlock()
	cutOff := time.AfterFunc(r.timeout, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.cutShort = len(r.members)
		for m := range r.members {
			m.drop()
		}
	})
	r.serving.Wait()
	cutOff.Stop()
}

func (r *netRoom) warn(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.warned) > warningEvery {
		r.warned = now
		fmt.Fprintf(r.stderr, "chat: %v; trying again every %v\n", err, acceptPause)
	}
}

func (r *netRoom) report(w io.Writer) {
	r.mu.Lock() // an announcement may be late
	defer r.mu.Unlock()
	end := "all written"
	if r.cutShort > 0 {
		end = fmt.Sprintf("cut short: %d members", r.cutShort)
	}
	fmt.Fprintf(w, "stopped, %s\n  members      %d joined, %d dropped\n  said         %d lines in %d messages\n",
		end, r.guests, r.dropped, r.said, r.messages)
}

// end of the program

func TestNet(t *testing.T) {
	r, err := netListen(options{address: "127.0.0.1:0", unsent: leastUnsent, rate: mostRate, timeout: time.Hour})
	if err != nil {
		t.Skip(err)
	}
	served := make(chan struct{})
	go func() { r.serve(); close(served) }()
	conn, err := net.Dial("tcp", r.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &client{T: t, Conn: conn, in: bufio.NewReader(conn)}
	c.hears("* welcome, guest1: /nick NAME, /who, /quit")
	c.says("/nick bob", "/who", "hello")
	c.hears("* guest1 joined", "* guest1 is now bob", "* 1 here: bob", "bob: hello")
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	c.hears("* the server stops")
	c.hearsEnd()
	conn.Close()
	<-stopped
	<-served
	var report strings.Builder
	r.report(&report)
	if want := "stopped, all written\n  members      1 joined, 0 dropped\n  said         1 lines in "; !strings.HasPrefix(report.String(), want) {
		t.Errorf("the report is\n%s", &report)
	}
}
