package tlshello_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/services/internal/tlshello"
)

// clientHello returns what crypto/tls sends first.
func clientHello(t testing.TB) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		_ = tls.Client(client, &tls.Config{ServerName: "mail.example", NextProtos: []string{"h2", "http/1.1"}}).HandshakeContext(context.Background())
	}()
	b := make([]byte, 16<<10)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func TestFields(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	var want fingerprint.ClientHello
	if err := want.Parse(hello); err != nil {
		t.Fatal(err)
	}
	for name, opening := range map[string][]byte{
		"at once":      hello,
		"after others": append([]byte("EHLO \x16\x03 x\r\nSTARTTLS\r\n"), hello...),
	} {
		e := decnet.Event{Fields: tlshello.Fields(opening)}
		if e.Value("ja3") != want.JA3() || e.Value("ja4") != want.JA4(fingerprint.TCP) || e.Value("sni") != "mail.example" || e.Value("alpn") != "h2,http/1.1" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if got := tlshello.Fields([]byte("GET / HTTP/1.0\r\n\r\n")); len(got) != 0 {
		t.Errorf("without a hello: %+v", got)
	}
}

func FuzzFields(f *testing.F) {
	f.Add(clientHello(f))
	f.Add([]byte("STARTTLS\r\n\x16\x03\x01"))
	f.Add(bytes.Repeat([]byte{22, 3}, 100))
	f.Fuzz(func(t *testing.T, opening []byte) {
		fields := tlshello.Fields(opening[:min(len(opening), 8<<10)])
		if len(fields) > 0 && (len(fields) < 4 || fields[0].Key != "ja3" || len(fields[0].Value) != 32) {
			t.Fatalf("%+v", fields)
		}
	})
}
