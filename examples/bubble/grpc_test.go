package bubble

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/completionport/completion"
)

// serveGRPC starts a server with a health service, and returns a client for it. A nil dial
// means that of the port.
func serveGRPC(w world, dial func(context.Context, string) (net.Conn, error)) (*health.Server, healthpb.HealthClient) {
	w.Helper()
	service, server := health.NewServer(), grpc.NewServer()
	healthpb.RegisterHealthServer(server, service)
	l, done := w.listen(), make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	if dial == nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return w.dialer.DialContext(ctx, "tcp", address)
		}
	}
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithContextDialer(dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second}))
	w.must(err)
	w.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-done
	})
	return service, healthpb.NewHealthClient(conn)
}

// fails checks the code of a call's error.
func fails(w world, err error, want codes.Code) {
	w.Helper()
	if code := status.Code(err); code != want {
		w.Errorf("the call ends with %v (%v), want %v", code, err, want)
	}
}

// check makes a call.
func check(w world, client healthpb.HealthClient, options ...grpc.CallOption) error {
	_, err := client.Check(w.Context(), &healthpb.HealthCheckRequest{}, options...)
	return err
}

// A call takes two delays, in pieces of three bytes as well, and ends at its deadline.
func TestGRPCFarAway(t *testing.T) {
	run(t, func(w world) {
		_, client := serveGRPC(w, nil)
		w.must(check(w, client)) // connects
		w.network.Delay(time.Second)
		w.network.LimitTransfer(3)
		begun := time.Now()
		w.must(check(w, client))
		w.took(begun, 2*time.Second)
		ctx, cancel := context.WithTimeout(w.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		fails(w, err, codes.DeadlineExceeded)
		w.took(begun, 3500*time.Millisecond)
	})
}

// A server that is down is unavailable, and a call that waits succeeds when it is up.
func TestGRPCServerIsDown(t *testing.T) {
	run(t, func(w world) {
		_, client := serveGRPC(w, nil)
		w.network.Refuse("tcp", address)
		fails(w, check(w, client), codes.Unavailable)
		time.AfterFunc(time.Hour, func() { w.network.Restore("tcp", address) })
		begun := time.Now()
		w.must(check(w, client, grpc.WaitForReady(true)))
		if d := time.Since(begun); d < time.Hour || d > time.Hour+3*time.Minute { // the back-off is random
			t.Errorf("connected after %v", d)
		}
	})
}

// A reset ends a stream, and the next call has a new connection.
func TestGRPCReset(t *testing.T) {
	run(t, func(w world) {
		var wire net.Conn // the test's own end, for Reset
		_, client := serveGRPC(w, func(_ context.Context, address string) (_ net.Conn, err error) {
			wire, err = w.network.Dial("tcp", address)
			return wire, err
		})
		stream, err := client.Watch(w.Context(), &healthpb.HealthCheckRequest{})
		w.must(err)
		_, err = stream.Recv()
		w.must(err)
		time.AfterFunc(30*time.Second, func() { w.network.Reset(wire) })
		begun := time.Now()
		_, err = stream.Recv()
		fails(w, err, codes.Unavailable)
		w.took(begun, 30*time.Second)
		w.must(check(w, client, grpc.WaitForReady(true)))
	})
}

// A line that breaks without a word: keep-alive finds out.
func TestGRPCSilence(t *testing.T) {
	run(t, func(w world) {
		service, client := serveGRPC(w, nil)
		stream, err := client.Watch(w.Context(), &healthpb.HealthCheckRequest{})
		w.must(err)
		_, err = stream.Recv()
		w.must(err)
		w.network.LinkFrom("tcp", address, completion.Link{Delay: 1000 * time.Hour})
		service.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
		begun := time.Now()
		_, err = stream.Recv()
		fails(w, err, codes.Unavailable)
		w.took(begun, time.Minute+20*time.Second)
	})
}
