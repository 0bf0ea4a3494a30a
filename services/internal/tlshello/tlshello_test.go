package tlshello_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/netip"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/tlshello"
)

// see shows opening to w and returns its fields, as those of an event, and the events that
// were emitted.
func see(t *testing.T, w *tlshello.Watch, opening []byte) (decnet.Event, []decnet.Event) {
	t.Helper()
	var events []decnet.Event
	env := services.Env{Decky: "d", Sink: decnet.SinkFunc(func(e decnet.Event) { events = append(events, e) })}.Complete()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	c := services.NewConn(server, services.Limits{})
	c.Attacker = netip.MustParseAddrPort("192.0.2.9:1234")
	fields := w.Fields(env.NewSession("svc", c), opening)
	return decnet.Event{Fields: fields}, events
}

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

func TestReport(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	var want fingerprint.ClientHello
	if err := want.Parse(hello); err != nil {
		t.Fatal(err)
	}
	for name, opening := range map[string][]byte{
		"at once":        hello,
		"after STARTTLS": append([]byte("EHLO \x16\x03 x\r\nSTARTTLS\r\n"), hello...),
	} {
		var w tlshello.Watch
		e, events := see(t, &w, opening)
		if len(events) != 0 {
			t.Errorf("%s: %+v", name, events)
		}
		if e.Value("ja3") != want.JA3() || e.Value("ja4") != want.JA4(fingerprint.TCP) || e.Value("sni") != "mail.example" || e.Value("alpn") != "h2,http/1.1" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	var w tlshello.Watch
	if e, _ := see(t, &w, []byte("GET / HTTP/1.0\r\n\r\n")); len(e.Fields) != 0 {
		t.Errorf("without a hello: %+v", e)
	}
}

func TestJARMScanIsOneEvent(t *testing.T) {
	t.Parallel()
	hellos, err := fingerprint.JARMHellos("target.example", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var w tlshello.Watch
	scans := 0
	for round := range 2 {
		for i := range hellos {
			_, events := see(t, &w, hellos[(i+3)%len(hellos)])
			for _, e := range events {
				if e.Type == "jarm_scan" {
					scans++
				}
			}
		}
		if scans != round+1 {
			t.Errorf("after %d scans: %d events", round+1, scans)
		}
	}
	var other tlshello.Watch
	for range 20 {
		if _, events := see(t, &other, hellos[0]); len(events) > 0 {
			t.Error("one probe, repeated, is taken for a scan")
		}
	}
}

func FuzzReport(f *testing.F) {
	f.Add(clientHello(f))
	f.Add([]byte("STARTTLS\r\n\x16\x03\x01"))
	f.Add(bytes.Repeat([]byte{22, 3}, 100))
	f.Fuzz(func(t *testing.T, opening []byte) {
		var w tlshello.Watch
		if _, events := see(t, &w, opening[:min(len(opening), 8<<10)]); len(events) > 0 {
			t.Fatalf("one hello is a scan: %+v", events)
		}
	})
}
