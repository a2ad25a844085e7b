package ionet_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
)

// An HTTP server and its client on a network in the process, as a test would have them.
// With Port left out, both are on the system's network.
func Example() {
	var network completion.Memory
	network.SetHost("shop.test", netip.MustParseAddr("10.0.0.1"))
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()

	l, err := ionet.ListenConfig{Port: port}.Listen(context.Background(), "tcp", "10.0.0.1:80")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", r.URL.Path[1:])
	})}
	go server.Serve(l)
	defer server.Close()

	dialer := &ionet.Dialer{Port: port}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://shop.test/port")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Printf("%s %v\n", body, err)
	// Output: hello, port <nil>
}

// A connection that waits without a buffer: the pool has one for all of them.
func ExampleConn_ReadReady() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	l, err := ionet.ListenConfig{Port: port}.Listen(context.Background(), "tcp", "10.0.0.1:7000")
	if err != nil {
		log.Fatal(err)
	}
	client, err := network.Dial("tcp", "10.0.0.1:7000")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	accepted, err := l.Accept()
	if err != nil {
		log.Fatal(err)
	}
	conn := accepted.(*ionet.Conn)
	defer conn.Close()
	pool := port.NewPool(4096, 1)
	fmt.Fprint(client, "some data")
	buffer, err := conn.ReadReady(pool)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", buffer.Bytes())
	buffer.Release()
	// Output: some data
}

// A client of UDP: a Write sends one datagram, and a Read receives one.
func ExampleDialer_Dial() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	network.SetHost("time.test", netip.MustParseAddr("10.0.0.1"))
	server, _ := network.ListenPacket("udp", "10.0.0.1:37")
	dialer := ionet.Dialer{Port: port, Timeout: time.Minute}
	conn, err := dialer.Dial("udp", "time.test:37")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "what time is it?")

	question := make([]byte, 100)
	n, client, err := server.ReadFrom(question)
	fmt.Printf("%s, %v\n", question[:n], err)
	server.WriteTo([]byte("noon"), client)
	server.WriteTo([]byte("one"), client)

	answer := make([]byte, 100)
	for range 2 {
		n, err := conn.Read(answer)
		fmt.Printf("%s, %v\n", answer[:n], err)
	}
	// Output:
	// what time is it?, <nil>
	// noon, <nil>
	// one, <nil>
}
