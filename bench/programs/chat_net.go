package main

import (
	"bufio"
	"fmt"
	"net"
	"sync"
)

// netRoom is a chat room on package net. A member has a goroutine that reads and one that
// writes, and a list of messages that wait for it. Its lines end as those of
// examples/chat do; it has no commands.
type netRoom struct {
	mu      sync.Mutex // guards members, and the state of each
	members map[*netMember]bool
	guests  int
}

type netMember struct {
	*netRoom
	conn   net.Conn
	name   string
	unsent [][]byte
	more   sync.Cond
	gone   bool
}

// mostUnsent is how many messages may wait for a member.
const mostUnsent = 100

func serveChat(string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	r := &netRoom{members: make(map[*netMember]bool)}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		r.join(conn)
	}
}

func (r *netRoom) join(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guests++
	m := &netMember{netRoom: r, conn: conn, name: fmt.Sprintf("guest%d", r.guests)}
	m.more.L = &r.mu
	r.members[m] = true
	m.send([]byte("* welcome, " + m.name + "\n"))
	go m.read()
	go m.write()
}

func (m *netMember) read() {
	in := bufio.NewReaderSize(m.conn, 512)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			break
		}
		m.publish(fmt.Appendf(nil, "%s: %s", m.name, line))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leave()
}

// write writes several messages in one call if they wait.
func (m *netMember) write() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.gone {
		if len(m.unsent) == 0 {
			m.more.Wait()
			continue
		}
		messages := net.Buffers(m.unsent)
		m.unsent = nil
		m.mu.Unlock()
		_, err := messages.WriteTo(m.conn)
		m.mu.Lock()
		if err != nil {
			m.leave()
		}
	}
}

func (m *netMember) leave() {
	m.gone = true
	delete(m.members, m)
	m.conn.Close()
	m.more.Signal()
}

func (m *netMember) send(message []byte) {
	if len(m.unsent) >= mostUnsent {
		m.leave()
		return
	}
	m.unsent = append(m.unsent, message)
	m.more.Signal()
}

func (r *netRoom) publish(message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		m.send(message)
	}
}
