package bubble

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
)

// upload tells how many bytes came.
func upload(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, "too slow", http.StatusRequestTimeout)
		return
	}
	io.WriteString(w, "thanks")
}

// serveHTTP starts a server, and returns a client for it. The host is shop.test.
func serveHTTP(w world, server *http.Server) *http.Client {
	w.network.SetHost("shop.test", netip.MustParseAddr("10.0.0.1"))
	l, done := w.listen(), make(chan struct{})
	go func() {
		defer close(done)
		if server.TLSConfig != nil {
			server.ServeTLS(l, "", "")
		} else {
			server.Serve(l)
		}
	}()
	transport := &http.Transport{DialContext: w.dialer.DialContext}
	w.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		<-done
	})
	return &http.Client{Transport: transport}
}

func post(w world, client *http.Client, url string, content []byte) (int, string) {
	w.Helper()
	answer, err := client.Post(url, "", bytes.NewReader(content))
	w.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	w.must(err)
	return answer.StatusCode, string(body)
}

// A server with a time-out, and a client whose uploads are slow.
func TestHTTPSlowUpload(t *testing.T) {
	run(t, func(w world) {
		server := &http.Server{Handler: http.HandlerFunc(upload), ReadTimeout: time.Minute}
		client := serveHTTP(w, server)
		w.network.LinkTo("tcp", address, completion.Link{Rate: 1000}) // bytes per second
		begun := time.Now()
		if status, body := post(w, client, "http://shop.test/", make([]byte, 50_000)); status != 200 {
			t.Errorf("%d, %s", status, body)
		}
		if d := time.Since(begun); d < 50*time.Second || d > 51*time.Second { // with the header
			t.Errorf("the upload took %v", d)
		}
		begun = time.Now()
		if status, _ := post(w, client, "http://shop.test/", make([]byte, 70_000)); status != http.StatusRequestTimeout {
			t.Errorf("an upload that takes too long ends with %d", status)
		}
		w.took(begun, time.Minute+time.Second/10) // since the first packet has arrived
	})
}

// A client that has no patience, a server that is down, and one that is there again.
func TestHTTPServerIsDown(t *testing.T) {
	run(t, func(w world) {
		client := serveHTTP(w, &http.Server{Handler: http.HandlerFunc(upload)})
		w.network.Refuse("tcp", address)
		if _, err := client.Get("http://shop.test/"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a connect that is refused ends with %v", err)
		}
		w.network.Ignore("tcp", address)
		client.Timeout = time.Hour
		begun := time.Now()
		if _, err := client.Get("http://shop.test/"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a connect without an answer ends with %v", err)
		}
		w.took(begun, time.Hour)
		w.network.Restore("tcp", address)
		if status, body := post(w, client, "http://shop.test/", nil); body != "thanks" {
			t.Errorf("%d, %s", status, body)
		}
	})
}

// TLS, over a network on which each direction takes a second, in pieces of 100 bytes. The
// handshake of TLS 1.3 takes one round trip.
func TestHTTPSFarAway(t *testing.T) {
	run(t, func(w world) {
		certificate, pool := certify(w, "shop.test")
		server := &http.Server{
			Handler:   http.HandlerFunc(upload),
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		}
		client := serveHTTP(w, server)
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
		w.network.Delay(time.Second)
		w.network.LimitTransfer(100)
		begun := time.Now()
		if _, body := post(w, client, "https://shop.test:80/", []byte("something")); body != "thanks" {
			t.Errorf("got %q", body)
		}
		w.took(begun, 5*time.Second) // a connect, two for the handshake, request and answer
	})
}

// certify makes a certificate for a host, and the pool that trusts it. It is valid at the
// time of the bubble, which begins in the year 2000.
func certify(w world, host string) (tls.Certificate, *x509.CertPool) {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{host},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	w.must(err)
	parsed, err := x509.ParseCertificate(der)
	w.must(err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
