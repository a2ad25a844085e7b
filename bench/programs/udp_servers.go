package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// largestUDP is the size of the buffers of the servers.
const largestUDP = 1500

// serveUDP is the server of a task in a style.
func serveUDP(detail string) error {
	task, style, _ := strings.Cut(detail, " ")
	answered := 1
	if task == "sink" {
		answered = udpBatch
	}
	switch style {
	case "net":
		return serveUDPByNet(answered)
	case "one":
		return serveUDPOneByOne(answered)
	case "batch":
		return serveUDPInBatches(answered)
	}
	return errUDPStyle
}

// serveUDPByNet is the loop that package net recommends: it allocates nothing.
func serveUDPByNet(answered int) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	c.SetReadBuffer(1 << 20)
	fmt.Println("listening on", c.LocalAddr())
	buf := make([]byte, largestUDP)
	for got := 1; ; got++ {
		n, _, _, from, err := c.ReadMsgUDPAddrPort(buf, nil)
		if err != nil {
			return err
		}
		if got%answered == 0 {
			if _, _, err := c.WriteMsgUDPAddrPort(buf[:n], nil, from); err != nil {
				return err
			}
		}
	}
}

func listenUDP() (*completion.Port, *completion.PacketSocket, error) {
	port, err := completion.Open(nil)
	if err != nil {
		return nil, nil, err
	}
	s, err := port.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	fmt.Println("listening on", s.LocalAddr())
	return port, s, s.SetReadBuffer(1 << 20)
}

// udpAnswer is one datagram that is received, or on its way back.
type udpAnswer struct {
	in  ops.ReadFrom
	out ops.WriteTo
}

// serveUDPOneByOne has an operation for each datagram.
func serveUDPOneByOne(answered int) error {
	port, s, err := listenUDP()
	if err != nil {
		return err
	}
	for range udpBatch {
		a := &udpAnswer{}
		buf := completion.Own(make([]byte, largestUDP))
		a.in.From, a.in.Buf, a.in.Value = s, buf, a
		a.out.To, a.out.Buf, a.out.Value = s, buf, a
		if err := port.Submit(&a.in); err != nil {
			return err
		}
	}
	got := 0
	for op := range port.Completions(context.Background()) {
		if err := op.Err(); err != nil {
			return err
		}
		if err := port.Submit(nextUDP(op, &got, answered)); err != nil {
			return err
		}
	}
	return nil
}

// nextUDP returns what to do behind op: answer, or receive.
func nextUDP(op completion.Operation, got *int, answered int) completion.Operation {
	switch o := op.(type) {
	case *ops.ReadFrom:
		a := o.Value.(*udpAnswer)
		if *got++; *got%answered != 0 {
			return o
		}
		a.out.Addr = o.Addr
		return &a.out
	case *ops.WriteTo:
		return &o.Value.(*udpAnswer).in
	}
	return nil
}

// serveUDPInBatches has an operation for as many datagrams as there are, up to 32.
func serveUDPInBatches(answered int) error {
	port, s, err := listenUDP()
	if err != nil {
		return err
	}
	messages := make([]ops.Message, udpBatch)
	for i := range messages {
		messages[i].Buf = completion.Own(make([]byte, largestUDP))
	}
	in, out, got := &ops.ReadBatch{From: s, Messages: messages}, &ops.WriteBatch{To: s}, 0
	for {
		if err := awaitUDP(port, in); err != nil {
			return err
		}
		out.Messages = out.Messages[:0]
		for _, m := range messages[:in.Count] {
			if got++; got%answered == 0 {
				out.Messages = append(out.Messages, m)
			}
		}
		if len(out.Messages) == 0 {
			continue
		}
		if err := awaitUDP(port, out); err != nil {
			return err
		}
	}
}

// awaitUDP performs op by the queue of the port.
func awaitUDP(port *completion.Port, op completion.Operation) error {
	if err := port.Submit(op); err != nil {
		return err
	}
	if _, err := port.Next(context.Background()); err != nil {
		return err
	}
	return op.Err()
}
