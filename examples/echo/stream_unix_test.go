//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
)

// stream is an endless stream of bytes that its seed determines.
func stream(seed uint64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

// piece returns a random size. Small ones are as likely as large ones.
func piece(r *rand.Rand, limit int) int { return min(limit, 1+r.IntN(1<<r.IntN(17))) }

// transfer sends size bytes in random pieces, ends its side, and checks that these bytes
// come back, followed by the end of the stream.
func transfer(addr string, seed uint64, size int) error {
	conn, err := dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		err := send(conn, seed, size)
		if err == nil {
			err = conn.CloseWrite()
		}
		sent <- err
	}()
	err = expect(conn, seed, size)
	if err == nil {
		err = expectEnd(conn)
	}
	conn.Close() // after an error this also ends the send
	return errors.Join(err, <-sent)
}

// send writes size bytes of a stream in random pieces.
func send(w io.Writer, seed uint64, size int) error {
	r, bytes := rand.New(rand.NewPCG(seed, 1)), stream(seed)
	buffer := make([]byte, 1<<16)
	for size > 0 {
		n := piece(r, size)
		io.ReadFull(bytes, buffer[:n])
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

// expect reads size bytes in random pieces and compares them with a stream.
func expect(conn io.Reader, seed uint64, size int) error {
	r, want := rand.New(rand.NewPCG(seed, 2)), stream(seed)
	got, wanted := make([]byte, 1<<16), make([]byte, 1<<16)
	for at := 0; at < size; {
		n, err := conn.Read(got[:piece(r, size-at)])
		io.ReadFull(want, wanted[:n])
		if !bytes.Equal(got[:n], wanted[:n]) {
			return fmt.Errorf("client %d: wrong bytes within %d of offset %d", seed, n, at)
		}
		at += n
		if err != nil {
			return fmt.Errorf("client %d: after %d of %d bytes: %w", seed, at, size, err)
		}
	}
	return nil
}

func expectEnd(conn io.Reader) error {
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("after the last byte: %d, %v, want the end", n, err)
	}
	return nil
}

// victimEnv makes the test binary a client that waits to be killed.
const victimEnv = "ECHO_TEST_VICTIM"

const victimConns = 8

// victim keeps connections busy, reports when all of them are busy, and goes on.
func victim(addr string) {
	busy, broken := make(chan bool), make(chan error)
	for i := range uint64(victimConns) {
		go func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				broken <- err
				return
			}
			go func() { broken <- send(conn, i, math.MaxInt) }()
			if err := expect(conn, i, 1<<18); err != nil {
				broken <- err
				return
			}
			busy <- true
			io.Copy(io.Discard, conn)
		}()
	}
	for range victimConns {
		select {
		case <-busy:
		case err := <-broken:
			fmt.Println("broken:", err)
			os.Exit(1)
		}
	}
	fmt.Println("busy")
	<-broken
	os.Exit(1)
}
