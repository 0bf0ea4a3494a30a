package sniff_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
)

// collect returns a Sniffer with one decky, 10.0.0.2, and the events it sends.
func collect(cfg sniff.Config) (*sniff.Sniffer, *[]decnet.Event) {
	var events []decnet.Event
	cfg.Sink = decnet.SinkFunc(func(e decnet.Event) { events = append(events, e) })
	if cfg.Deckies == nil {
		var d sniff.Deckies
		d.Set([]decnet.Decky{{Name: "decky-01", Addr: netip.MustParseAddr("10.0.0.2")}, {Name: "decky-06", Addr: netip.MustParseAddr("fd00::2")}})
		cfg.Deckies = d.Lookup
	}
	return sniff.New(cfg), &events
}

var start = time.Unix(1_700_000_000, 0)

func newConnection(s *sniff.Sniffer) *connection {
	return &connection{s: s, client: "10.0.0.1:40000", server: "10.0.0.2:443", seq: [2]uint32{100, 4294967200}, at: start, step: 10 * time.Millisecond}
}

func keys(e decnet.Event) string {
	var names []string
	for _, f := range e.Fields {
		names = append(names, f.Key)
	}
	return strings.Join(names, " ")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s, events := collect(sniff.Config{Methods: []sniff.Method{plus.New()}})
	c := newConnection(s)
	turns := tlsTurns(t, tls.VersionTLS12, "decky.test")
	c.open()
	c.say(turns)
	c.close()
	var hello fingerprint.ClientHello
	if err := hello.Parse(turns[0].bytes); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		typ      string
		severity decnet.Severity
		keys     string
		values   map[string]string
	}{
		{
			"tcp_syn_fingerprint", decnet.SeverityInfo,
			"src_ip src_port dst_ip dst_port ttl initial_ttl hop_distance window mss wscale options_sig has_sack has_timestamps os_guess",
			map[string]string{"ttl": "64", "initial_ttl": "64", "hop_distance": "0", "window": "64240", "mss": "1460", "wscale": "7",
				"options_sig": "M,S,T,N,W", "has_sack": "true", "has_timestamps": "true", "os_guess": "linux"},
		},
		{
			"tls_client_hello", decnet.SeverityInfo,
			"src_ip src_port dst_ip dst_port ja3 ja4 tls_version sni alpn raw_ciphers raw_extensions resumption ja4l_rtt_ms ja4l_client_ttl",
			map[string]string{"ja3": hello.JA3(), "ja4": hello.JA4(fingerprint.TCP), "tls_version": "TLS 1.2", "sni": "decky.test",
				"alpn": "h2,http/1.1", "ja4l_rtt_ms": "10.00", "ja4l_client_ttl": "64"},
		},
		{
			"tls_session", decnet.SeverityWarning,
			"src_ip src_port dst_ip dst_port ja3s ja4s tls_version ja3 ja4 sni alpn raw_ciphers raw_extensions resumption ja4l_rtt_ms ja4l_client_ttl",
			map[string]string{"ja3": hello.JA3(), "ja4": hello.JA4(fingerprint.TCP), "tls_version": "TLS 1.2", "sni": "decky.test"},
		},
		{
			"tls_certificate", decnet.SeverityInfo,
			"src_ip src_port dst_ip dst_port subject_cn issuer self_signed not_before not_after sans sni",
			map[string]string{"subject_cn": "decky.test", "issuer": "CN=decky.test", "self_signed": "true", "sni": "decky.test",
				"not_before": "2001-09-09T01:46:40Z", "not_after": "2033-05-18T03:33:20Z", "sans": "decky.test,www.decky.test"},
		},
		{
			"tcp_flow_timing", decnet.SeverityInfo,
			"src_ip src_port dst_ip dst_port packets bytes duration_s mean_iat_ms min_iat_ms max_iat_ms retransmits",
			map[string]string{"mean_iat_ms": "10.00", "min_iat_ms": "10.00", "max_iat_ms": "10.00", "retransmits": "0"},
		},
	}
	if len(*events) != len(want) {
		t.Fatalf("%d events: %+v", len(*events), *events)
	}
	for i, w := range want {
		e := (*events)[i]
		if e.Type != w.typ || e.Severity != w.severity || e.Service != "sniffer" || e.Decky != "decky-01" || e.Attacker != netip.MustParseAddr("10.0.0.1") {
			t.Errorf("%+v", e)
		}
		if got := keys(e); got != w.keys {
			t.Errorf("%s: keys %s, want %s", w.typ, got, w.keys)
		}
		w.values["src_ip"], w.values["src_port"], w.values["dst_ip"], w.values["dst_port"] = "10.0.0.1", "40000", "10.0.0.2", "443"
		for k, v := range w.values {
			if e.Value(k) != v {
				t.Errorf("%s: %s %q, want %q", w.typ, k, e.Value(k), v)
			}
		}
		if len(e.Type) > 32 || e.Time.Before(start) || e.Time.After(c.at) {
			t.Errorf("%+v", e)
		}
	}
	if ja4s := (*events)[2].Value("ja4s"); !strings.HasPrefix(ja4s, "t12") {
		t.Errorf("ja4s %q", ja4s)
	}

	// The same client again: nothing new, from whatever port, until the window is over.
	again := func() int {
		before := len(*events)
		c.client, c.seq = "10.0.0.1:40001", [2]uint32{5, 6}
		c.open()
		c.say(turns)
		c.close()
		return len(*events) - before
	}
	if n := again(); n != 0 {
		t.Errorf("%d events for what was told: %+v", n, (*events)[len(*events)-n:])
	}
	if c := s.Counters(); c.Repeats != 0 {
		t.Error("counters are brought up to date by Flush")
	}
	s.Flush()
	if c := s.Counters(); c.Repeats != 5 || c.Events != 5 || c.Flows != 2 {
		t.Errorf("%+v", c)
	}
	c.at = c.at.Add(5 * time.Minute)
	if n := again(); n != 5 {
		t.Errorf("%d events after the window", n)
	}
}

func TestEventsOfTLS13(t *testing.T) {
	t.Parallel()
	s, events := collect(sniff.Config{})
	c := newConnection(s)
	c.say(tlsTurns(t, tls.VersionTLS13, "x.test")) // the capture starts after the handshake of TCP
	var types []string
	for _, e := range *events {
		types = append(types, e.Type)
		if e.Value("tls_version") != "TLS 1.3" || strings.Contains(keys(e), "ja4l") || strings.Contains(keys(e), "ja4s") {
			t.Errorf("%+v", e)
		}
		if e.Value("resumption") != "session_id" {
			t.Errorf("resumption %q", e.Value("resumption"))
		}
	}
	if !slices.Equal(types, []string{"tls_client_hello", "tls_session"}) {
		t.Errorf("%v", types)
	}
}

// TestDirection checks what is told of whom when the decky is the client, and when there
// is none.
func TestDirection(t *testing.T) {
	t.Parallel()
	turns := tlsTurns(t, tls.VersionTLS12, "x.test")
	s, events := collect(sniff.Config{})
	c := newConnection(s)
	c.client, c.server = "10.0.0.2:50000", "10.0.0.9:443"
	c.open()
	c.say(turns)
	c.close()
	for _, e := range *events {
		if e.Type != "tcp_flow_timing" || e.Value("src_ip") != "10.0.0.9" || e.Value("dst_ip") != "10.0.0.2" {
			t.Errorf("of what a decky does itself: %+v", e)
		}
	}
	c = newConnection(s)
	c.client, c.server = "10.0.0.8:50000", "10.0.0.9:443"
	before := len(*events)
	c.open()
	c.say(turns)
	s.Flush()
	if n := s.Counters(); len(*events) != before || n.Elsewhere == 0 || n.Flows != 1 {
		t.Errorf("between strangers: %+v", n)
	}

	var all []decnet.Event
	s = sniff.New(sniff.Config{Sink: decnet.SinkFunc(func(e decnet.Event) { all = append(all, e) })})
	c.s, c.seq = s, [2]uint32{1, 2}
	c.open()
	c.say(turns)
	c.close()
	if len(all) != 5 {
		t.Errorf("%d events without a map", len(all))
	}
	for _, e := range all {
		if e.Decky != "10.0.0.9" || e.Attacker.String() != "10.0.0.8" {
			t.Errorf("%+v", e)
		}
	}
}

func TestDeckiesAreRefreshed(t *testing.T) {
	t.Parallel()
	var d sniff.Deckies
	s, events := collect(sniff.Config{Deckies: d.Lookup})
	c := newConnection(s)
	c.open()
	if len(*events) != 0 {
		t.Fatalf("%+v", *events)
	}
	d.Set([]decnet.Decky{{Name: "new", Addr: netip.MustParseAddr("::ffff:10.0.0.2")}})
	d.Set(nil)
	c.seq = [2]uint32{7, 7}
	c.open()
	if len(*events) != 1 || (*events)[0].Decky != "new" {
		t.Errorf("%+v", *events)
	}
	six := netip.MustParseAddr("fd00::2")
	d.Set([]decnet.Decky{{Name: "both", Addr: netip.MustParseAddr("10.0.0.3"), Addr6: six}, {Name: "one", Addr: netip.MustParseAddr("10.0.0.4")}})
	if name, ok := d.Lookup(six); !ok || name != "both" {
		t.Errorf("the second address is that of %q", name)
	}
	if name, ok := d.Lookup(netip.Addr{}); ok {
		t.Errorf("no address is that of %s", name)
	}
}

func TestFlowTiming(t *testing.T) {
	t.Parallel()
	timing := func(f func(c *connection)) []decnet.Event {
		s, events := collect(sniff.Config{Dedup: -1})
		c := newConnection(s)
		f(c)
		s.Flush()
		return slices.DeleteFunc(*events, func(e decnet.Event) bool { return e.Type != "tcp_flow_timing" })
	}
	check := func(name string, events []decnet.Event, want map[string]string) {
		t.Helper()
		if len(events) != 1 {
			t.Errorf("%s: %d events", name, len(events))
			return
		}
		for k, v := range want {
			if got := events[0].Value(k); got != v {
				t.Errorf("%s: %s %q, want %q", name, k, got, v)
			}
		}
	}
	check("a login", timing(func(c *connection) {
		c.open()
		c.send(true, 0x18, []byte("user"))
		c.step = 100 * time.Millisecond
		c.send(false, 0x18, []byte("ok"))
		c.close()
	}), map[string]string{
		"packets": "6", "bytes": "6", "duration_s": "0.140", "mean_iat_ms": "28.00",
		"min_iat_ms": "10.00", "max_iat_ms": "100.00", "retransmits": "0",
	})
	check("data sent again, and data out of order", timing(func(c *connection) {
		c.open()
		from := c.seq[0]
		for _, at := range []uint32{0, 4, 4, 12, 8, 8, 16, 0} {
			c.seq[0] = from + at
			c.send(true, 0x18, []byte("data"))
		}
	}), map[string]string{"packets": "11", "bytes": "32", "retransmits": "3"})
	check("two packets, one sent again", timing(func(c *connection) {
		c.send(true, 0x18, []byte("x"))
		c.seq[0]--
		c.send(true, 0x18, []byte("x"))
	}), map[string]string{"packets": "2", "retransmits": "1"})
	if events := timing(func(c *connection) { c.send(true, 2, nil); c.send(false, 0x14, nil) }); len(events) != 0 {
		t.Errorf("a closed port: %+v", events)
	}
	check("a slow one", timing(func(c *connection) { c.step = time.Second; c.send(true, 2, nil); c.send(false, 0x14, nil) }),
		map[string]string{"packets": "2", "duration_s": "1.000"})
	if events := timing(func(c *connection) { c.open(); c.close(); c.send(false, 0x10, nil); c.send(true, 0x14, nil) }); len(events) != 1 {
		t.Errorf("told %d times", len(events))
	}

	// An idle flow is over after two minutes, which other packets make known.
	s, events := collect(sniff.Config{})
	c := newConnection(s)
	c.open()
	c.send(true, 0x18, []byte("x"))
	c.client, c.at = "10.0.0.7:1", c.at.Add(3*time.Minute)
	c.send(true, 0x10, nil)
	check("an idle flow", slices.DeleteFunc(*events, func(e decnet.Event) bool { return e.Type != "tcp_flow_timing" }), map[string]string{"packets": "4", "duration_s": "0.030"})
}

// TestReusedPort checks that a new connection between the same ports is one.
func TestReusedPort(t *testing.T) {
	t.Parallel()
	s, events := collect(sniff.Config{Dedup: -1})
	c := newConnection(s)
	turns := tlsTurns(t, tls.VersionTLS13, "x.test")
	for i := range uint32(3) {
		c.seq = [2]uint32{i * 1e9, i}
		c.open()
		c.say(turns)
	}
	hellos := 0
	for _, e := range *events {
		if e.Type == "tls_client_hello" {
			hellos++
		}
	}
	if hellos != 3 {
		t.Errorf("%d hellos", hellos)
	}
}

// TestShuffledExtensionsAreNoNews: a client that orders its extensions anew for every
// connection is told of once; one whose ciphers are in another order is another client.
func TestShuffledExtensionsAreNoNews(t *testing.T) {
	t.Parallel()
	s, events := collect(sniff.Config{})
	turns := tlsTurns(t, tls.VersionTLS13, "x.test")
	hello := turns[0].bytes
	ciphers := 5 + 4 + 2 + 32 + 1 + int(hello[43]) + 2 // where their list starts
	extensions := ciphers + int(binary.BigEndian.Uint16(hello[ciphers-2:])) + 2 + 2
	var reversed []byte
	for list := hello[extensions:]; len(list) > 0; {
		n := 4 + int(binary.BigEndian.Uint16(list[2:]))
		reversed, list = append(bytes.Clone(list[:n]), reversed...), list[n:]
	}
	shuffled := append(bytes.Clone(hello[:extensions]), reversed...)
	other := bytes.Clone(hello)
	copy(other[ciphers:], hello[ciphers+2:ciphers+4])
	copy(other[ciphers+2:], hello[ciphers:ciphers+2])
	ja3 := map[string]bool{}
	for i, first := range [][]byte{hello, shuffled, other} {
		var h fingerprint.ClientHello
		if err := h.Parse(first); err != nil {
			t.Fatal(err)
		}
		ja3[h.JA3()] = true
		c := newConnection(s)
		c.client = fmt.Sprintf("10.0.0.1:%d", 40000+i)
		c.open()
		turns[0].bytes = first
		c.say(turns)
	}
	told := map[string]int{}
	for _, e := range *events {
		told[e.Type]++
	}
	if len(ja3) != 3 || told["tls_client_hello"] != 2 || told["tls_session"] != 2 {
		t.Errorf("%d JA3 in %v", len(ja3), told)
	}
}

// TestDedupIsBounded: a source whose SYNs jump between two hours is told of again and
// again, and remembered no longer than others.
func TestDedupIsBounded(t *testing.T) {
	told := 0
	s := sniff.New(sniff.Config{Sink: decnet.SinkFunc(func(decnet.Event) { told++ })})
	frame := segment("10.0.0.1:40000", "10.0.0.2:22", 1, 2, nil)
	const count = 400_000
	before := heap()
	for i := range count {
		binary.BigEndian.PutUint32(frame[14+20+4:], uint32(i))
		s.Packet(sniff.LinkEthernet, start.Add(time.Duration(i%2)*2*time.Hour), frame)
	}
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("%d bytes are held", grown)
	}
	if told != count {
		t.Errorf("%d events of %d", told, count)
	}
	runtime.KeepAlive(s)
}

// TestW14LatencyIsTheClients: the round trip is told of, and it is that to the client, not
// the time that the decky takes to answer.
func TestW14LatencyIsTheClients(t *testing.T) {
	t.Parallel()
	s, events := collect(sniff.Config{})
	c := newConnection(s)
	c.step = time.Millisecond
	c.send(true, 2, nil)
	c.step = 30 * time.Millisecond
	c.send(false, 0x12, nil)
	c.send(true, 0x10, nil)
	c.send(true, 0x18, clientHello(t))
	hello := (*events)[len(*events)-1]
	if hello.Type != "tls_client_hello" || hello.Value("ja4l_rtt_ms") != "30.00" || hello.Value("ja4l_client_ttl") != "64" {
		t.Errorf("%+v", hello)
	}
}

// TestW16IPv6: an attacker over IPv6 is seen like any other.
func TestW16IPv6(t *testing.T) {
	t.Parallel()
	s, events := collect(sniff.Config{})
	c := newConnection(s)
	c.client, c.server = "[fd00::1]:40000", "[fd00::2]:443"
	c.open()
	c.say(tlsTurns(t, tls.VersionTLS12, "x.test"))
	c.close()
	if len(*events) != 5 {
		t.Fatalf("%+v", *events)
	}
	for _, e := range *events {
		if e.Decky != "decky-06" || e.Attacker.String() != "fd00::1" || e.Value("dst_ip") != "fd00::2" {
			t.Errorf("%+v", e)
		}
	}
}

// TestW10EventsAreTheSensors: what the sniffer tells never counts as an attacker's action.
func TestW10EventsAreTheSensors(t *testing.T) {
	t.Parallel()
	s, events := collect(sniff.Config{})
	newConnection(s).open()
	if len(*events) != 1 || !(*events)[0].FromSensor() {
		t.Errorf("%+v", *events)
	}
}

// TestCountersWhileRunning reads counters beside a running Sniffer, for the race detector.
func TestCountersWhileRunning(t *testing.T) {
	t.Parallel()
	s := sniff.New(sniff.Config{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		flood(s, 10_000)
	}()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
			if c := s.Counters(); c.Packets > 10_000 {
				t.Errorf("%+v", c)
			}
		}
	}
	s.Flush()
	if c := s.Counters(); c.Packets != 10_000 || c.Flows != 10_000 {
		t.Errorf("%+v", c)
	}
}
