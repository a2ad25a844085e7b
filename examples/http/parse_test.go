package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

// writeCertificate writes a certificate and its key into files.
func writeCertificate(t *testing.T, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert = writeFile(t, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	return cert, writeFile(t, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n"

// refused are heads with the status that refuses them.
var refused = []struct {
	name, in string
	status   int
}{
	{"NoRequest", "hello\r\n", 400},
	{"Binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
	{"BinaryAtOnce", "GET /\x00", 400},
	{"OneWord", "GET\r\n", 400},
	{"TwoWords", "GET /\r\n", 400},
	{"FourWords", "GET / x HTTP/1.1\r\n", 400},
	{"NoMethod", " / HTTP/1.1\r\n", 400},
	{"BadMethod", "G(T / HTTP/1.1\r\n", 400},
	{"NoTarget", "GET  HTTP/1.1\r\n", 400},
	{"Absolute", "GET http://x/ HTTP/1.1\r\n", 400},
	{"OtherProtocol", "GET / SIP/2.0\r\n", 400},
	{"HTTP2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	{"Old", "GET / HTTP/0.9\r\n", 505},
	{"LineFeed", "GET / HTTP/1.1\n", 400},
	{"LineFeedLater", "GET / HTTP/1.1\r\nHost: x\n", 400},
	{"CarriageReturn", "GET / HTTP/1.1\r\nHost: x\ry\r\n", 400},
	{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
	{"TwoHosts", get + "Host: y\r\n\r\n", 400},
	{"NoColon", get + "x\r\n", 400},
	{"NoName", get + ": x\r\n", 400},
	{"SpaceInName", get + "Content-Length : 1\r\n", 400},
	{"Continued", get + "A: b\r\n c\r\n", 400},
	{"ControlCharacter", get + "A: \x00\r\n", 400},
	{"TwoLengths", get + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
	{"ListOfLengths", get + "Content-Length: 1, 1\r\n", 400},
	{"NegativeLength", get + "Content-Length: -1\r\n", 400},
	{"SignedLength", get + "Content-Length: +1\r\n", 400},
	{"EmptyLength", get + "Content-Length:\r\n", 400},
	{"LongBody", get + "Content-Length: 1048577\r\n", 413},
	{"HugeBody", get + "Content-Length: 100000000\r\n", 413},
	{"NoNumber", get + "Content-Length: 99999999999999999999999\r\n", 413},
	{"Chunked", get + "Transfer-Encoding: Chunked\r\n\r\n", 411},
	{"Gzip", get + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
	{"TwoEncodings", get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
	{"EncodingAndLength", get + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
	{"EncodingInOld", "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"PostWithoutLength", "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", 411},
	{"Expectation", get + "Expect: x\r\n", 417},
	{"LongHead", get + "A: " + strings.Repeat("x", mostHead), 431},
	{"LongLine", "GET /" + strings.Repeat("x", mostHead), 431},
	{"ManyFields", get + strings.Repeat("A: b\r\n", mostHead/6), 431},
}

func TestRefused(t *testing.T) {
	for _, c := range refused {
		_, err := parse([]byte(c.in))
		var got *refusal
		if !errors.As(err, &got) || got.status != c.status {
			t.Errorf("%s: %v, want %d", c.name, err, c.status)
		}
	}
}

// A head is parsed when its last byte has come, and what is behind it does not matter.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		in     string
		method string
		path   string
		query  string
		body   int
		last   bool
		expect bool
	}{
		{get + "\r\n", "GET", "/", "", 0, false, false},
		{"\r\n\r\n" + get + "\r\n", "GET", "/", "", 0, false, false},
		{"GET /a?b?c HTTP/1.1\r\nhOST:\t x \r\nCONNECTION: a, Close\r\n\r\n", "GET", "/a", "b?c", 0, true, false},
		{"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", "OPTIONS", "*", "", 0, false, false},
		{"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", 0, true, false},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-length: 007\r\nExpect: 100-Continue\r\n\r\n", "POST", "/echo", "", 7, false, true},
		{"POST /echo HTTP/1.0\r\nContent-length: 7\r\nExpect: 100-continue\r\n\r\n", "POST", "/echo", "", 7, true, false},
	} {
		for cut := range len(c.in) {
			if r, err := parse([]byte(c.in[:cut])); err != nil || r.head != 0 {
				t.Errorf("%q: %v, %d", c.in[:cut], err, r.head)
			}
		}
		for _, more := range []string{"", "\x00\n" + strings.Repeat("x", mostHead)} {
			r, err := parse([]byte(c.in + more))
			if err != nil || r.head != len(c.in) || r.body != c.body || r.last != c.last || r.expects != c.expect ||
				string(r.method) != c.method || string(r.path) != c.path || string(r.query) != c.query {
				t.Errorf("%q: %v, %+v", c.in, err, r)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range refused {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := parse(in)
		switch {
		case err == nil && r.head == 0 && len(in) >= mostHead:
			t.Fatal("neither a head nor an error")
		case r.head > mostHead || r.body > mostBody || r.body < 0:
			t.Fatalf("%+v", r)
		case err == nil && r.head > 0:
			if again, err := parse(in[:r.head]); err != nil || again.head != r.head {
				t.Fatalf("%v, %d", err, again.head)
			}
		}
	})
}
