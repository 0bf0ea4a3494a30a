package services_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/services"
)

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	info := services.Info{Name: "svc", Keys: []services.Key{
		{Name: "s", Type: services.KeyString, Default: "d"},
		{Name: "n", Type: services.KeyInt, Default: "7", Min: 1, Max: 9},
		{Name: "b", Type: services.KeyBool},
		{Name: "e", Type: services.KeyEnum, Enum: []string{"x", "y"}},
		{Name: "j", Type: services.KeyJSON},
		{Name: "p", Type: services.KeyPath},
	}}
	cfg, err := services.Config{"b": "Yes", "n": " 8 ", "j": `{"A":"1"}`}.Check(info)
	if err != nil {
		t.Fatal(err)
	}
	if cfg["s"] != "d" || cfg.Int("n") != 8 || !cfg.Bool("b") || cfg.Map("j")["A"] != "1" {
		t.Errorf("got %v", cfg)
	}
	for _, bad := range []struct {
		cfg  services.Config
		says string
	}{
		{services.Config{"z": "1"}, "s, n, b, e, j, p"},
		{services.Config{"n": "x"}, "a whole number"},
		{services.Config{"n": "10"}, "from 1 to 9"},
		{services.Config{"b": "maybe"}, "true or false"},
		{services.Config{"e": "z"}, "one of x, y"},
		{services.Config{"j": "[1]"}, "JSON object"},
		{services.Config{"p": "/nonexistent/file"}, "/nonexistent/file"},
	} {
		_, err := bad.cfg.Check(info)
		if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%v: error %v does not say %q", bad.cfg, err, bad.says)
		}
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	r, err := services.NewRegistry(finger{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Lookup("finger"); err != nil {
		t.Error(err)
	}
	if _, err := r.Lookup("gopher"); !errors.Is(err, decnet.ErrNotFound) || !strings.Contains(err.Error(), "finger") {
		t.Errorf("unknown name: %v", err)
	}
	if _, err := r.With(finger{}); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("twice: %v", err)
	}
}

func TestIdentityAgreesWithItself(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a, b := services.Identity{Seed: [32]byte{1}}, services.Identity{Seed: [32]byte{2}}
	if a.BootTime(now) != a.BootTime(now.Add(time.Minute)) {
		t.Error("the machine was restarted within a minute")
	}
	if up := now.Sub(a.BootTime(now)); up < 0 || up > 91*24*time.Hour {
		t.Errorf("uptime %s", up)
	}
	if a.BootTime(now) == b.BootTime(now) || a.Hex("id", 16) == b.Hex("id", 16) || a.Hex("id", 16) == a.Hex("other", 16) {
		t.Error("two deckies, or two labels, give the same")
	}
}

// pair returns both ends of a loopback connection, the first under lim.
func pair(t *testing.T, lim services.Limits) (*services.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return services.NewConn(server, lim), client
}

func TestConnSessionSize(t *testing.T) {
	t.Parallel()
	c, client := pair(t, services.Limits{SessionSize: 10})
	go func() { _, _ = client.Write(make([]byte, 100)) }()
	n, err := io.Copy(io.Discard, c)
	if n != 10 || !errors.Is(err, services.ErrSessionSize) {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func TestConnDeadlinesCannotBeLifted(t *testing.T) {
	t.Parallel()
	c, _ := pair(t, services.Limits{Idle: 50 * time.Millisecond})
	_ = c.SetDeadline(time.Time{})
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	_, err := c.Read(make([]byte, 1))
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("got %v, want a time-out", err)
	}
}

func TestConnOpening(t *testing.T) {
	t.Parallel()
	c, client := pair(t, services.Limits{})
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1024)
	go func() { _, _ = client.Write(sent); client.Close() }()
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Fatal(err)
	}
	if got := c.Opening(); !bytes.Equal(got, sent[:8<<10]) {
		t.Errorf("kept %d bytes", len(got))
	}
	if c.Opening() != nil {
		t.Error("Opening is kept after it was taken")
	}
}

func TestConnForgetOpening(t *testing.T) {
	t.Parallel()
	c, client := pair(t, services.Limits{})
	for _, part := range []string{strings.Repeat("x", 9<<10), "hello"} {
		c.ForgetOpening()
		go func() { _, _ = client.Write([]byte(part)) }()
		if _, err := io.ReadFull(c, make([]byte, len(part))); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(c.Opening()); got != "hello" {
		t.Errorf("the opening is %q", got)
	}
}

func TestJARMScanIsOneEvent(t *testing.T) {
	t.Parallel()
	hellos, err := fingerprint.JARMHellos("target.example", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan decnet.Event, 1000)
	env := services.Env{Decky: "d", Sink: decnet.SinkFunc(func(e decnet.Event) { events <- e })}.Complete()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- env.Serve(ctx, "text", []services.Socket{{Port: services.Port{Number: 25}, Stream: l}}, func(_ context.Context, s *services.Session) error {
			_, err := io.ReadFull(s, make([]byte, 4)) // knows nothing of TLS, and hangs up
			return err
		})
	}()
	say := func(hello []byte) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, part := range [][]byte{hello[:3], hello[3:]} {
			if _, err := c.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}
	const rounds = 2
	for range rounds {
		for i := range hellos {
			say(hellos[(i+3)%len(hellos)])
		}
	}
	for range 20 {
		say(hellos[0]) // one probe, repeated, is no scan
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	close(events)
	scans := 0
	for e := range events {
		if e.Type == "jarm_scan" {
			scans++
			if e.Value("dst_ip") != "127.0.0.1" || e.Value("dst_port") != "25" || e.Service != "text" || e.Severity != decnet.SeverityWarning {
				t.Errorf("%+v", e)
			}
		}
	}
	if scans != rounds {
		t.Errorf("%d events after %d scans", scans, rounds)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want []string
		err  error
	}{
		{"a\r\nb\nc", []string{"a", "b"}, io.ErrUnexpectedEOF},
		{"\n\r\n", []string{"", ""}, io.EOF},
		{"12345678\n", []string{"12345678"}, io.EOF},
		{"123456789\n", nil, services.ErrLineTooLong},
		{strings.Repeat("x", 1<<20), nil, services.ErrLineTooLong},
		{"a\rb\n", []string{"a\rb"}, io.EOF},
	} {
		l := services.NewLines(strings.NewReader(c.in), 8)
		var got []string
		var err error
		for {
			var line []byte
			if line, err = l.ReadLine(); err != nil {
				break
			}
			got = append(got, string(line))
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") || !errors.Is(err, c.err) {
			t.Errorf("%.20q: got %q, %v", c.in, got, err)
		}
	}
}

// TestLinesWithoutLimit: the zero Limits that an Env has unless somebody sets them stand for the
// default here as they do everywhere else.
func TestLinesWithoutLimit(t *testing.T) {
	t.Parallel()
	env := services.Env{Decky: "d"}.Complete()
	most := services.Limits{}.Or(services.Limits{}).Line
	l := services.NewLines(strings.NewReader(strings.Repeat("x", most)+"\n"+strings.Repeat("y", most+1)+"\n"), env.Limits.Line)
	if line, err := l.ReadLine(); err != nil || len(line) != most {
		t.Errorf("a line of the default: %d bytes, %v", len(line), err)
	}
	if line, err := l.ReadLine(); !errors.Is(err, services.ErrLineTooLong) || len(line) != most {
		t.Errorf("one byte more: %d bytes, %v", len(line), err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\n"), 4)
	f.Add([]byte("\x00\xff\n\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, max int) {
		max = 1 + max&0xff
		l := services.NewLines(bytes.NewReader(in), max)
		for {
			line, err := l.ReadLine()
			if len(line) > max && err == nil {
				t.Fatalf("line of %d bytes with a limit of %d", len(line), max)
			}
			if err != nil {
				return
			}
		}
	})
}

func TestEmitAddsLosslessTwins(t *testing.T) {
	t.Parallel()
	var got decnet.Event
	env := services.Env{Decky: "d", Sink: decnet.SinkFunc(func(e decnet.Event) { got = e })}.Complete()
	s := env.PacketSession("svc", netip.MustParseAddrPort("192.0.2.1:99"))
	secret := "a\"]\n\xff\x00"
	s.Emit("auth_attempt", decnet.F("username", "bö b"), decnet.F("password", secret), decnet.F("big", strings.Repeat("x", 20<<10)))
	if got.Value("src_ip") != "192.0.2.1" || got.Value("src_port") != "99" {
		t.Errorf("source %v", got.Fields)
	}
	if _, twin := got.Field("username_b64"); twin {
		t.Error("a printable value has a twin")
	}
	if b, err := base64.StdEncoding.DecodeString(got.Value("password_b64")); err != nil || string(b) != secret {
		t.Errorf("twin gives %q, %v", b, err)
	}
	if got.Value("big_size") != "20480" || len(got.Value("big")) != 16<<10 {
		t.Error("a long value is not cut and measured")
	}
}

func TestServeSurvivesPanics(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan decnet.Event, 16)
	env := services.Env{Decky: "d", Sink: decnet.SinkFunc(func(e decnet.Event) { events <- e })}.Complete()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- env.Serve(ctx, "svc", []services.Socket{{Stream: l}}, func(context.Context, *services.Session) error {
			panic("boom")
		})
	}()
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c)
		c.Close()
		if e := <-events; e.Type != "connect" {
			t.Errorf("got %s", e.Type)
		}
		if e := <-events; e.Type != "disconnect" || e.Value("reason") != "error" {
			t.Errorf("got %s %s", e.Type, e.Value("reason"))
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCaptureWithoutStoreMeasures(t *testing.T) {
	t.Parallel()
	var got decnet.Event
	env := services.Env{Decky: "d", Sink: decnet.SinkFunc(func(e decnet.Event) { got = e })}.Complete()
	s := env.PacketSession("svc", netip.MustParseAddrPort("192.0.2.1:99"))
	a, err := s.CaptureBytes(t.Context(), "/tmp/x", []byte("abc"))
	if err != nil || a.Size != 3 || a.StoredAs != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if got.Type != "file_captured" || got.Value("sha256") != a.SHA256 || got.Value("size") != "3" || got.Value("orig_path") != "/tmp/x" {
		t.Errorf("%+v", got)
	}
}

func TestConnectNamesTheSystem(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("this kernel does not keep the first packet of a connection")
	}
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := services.Listen(t.Context(), netip.MustParseAddrPort(addr))
		if err != nil {
			t.Fatal(err)
		}
		events := make(chan decnet.Event, 2)
		env := services.Env{Decky: "d", Sink: decnet.SinkFunc(func(e decnet.Event) { events <- e })}.Complete()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- env.Serve(ctx, "svc", []services.Socket{{Stream: l}}, func(context.Context, *services.Session) error { return nil })
		}()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		e := <-events
		if e.Value("os_guess") != "linux" || e.Value("hop_distance") != "0" || e.Value("ttl") != "64" || !strings.HasPrefix(e.Value("options_sig"), "M,") || e.Value("p0f") == "" {
			t.Errorf("%s: %+v", addr, e)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestPortsAsText(t *testing.T) {
	t.Parallel()
	for _, want := range []services.Port{{Network: "tcp", Number: 22}, {Network: "udp", Number: 65535}} {
		text, err := want.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got services.Port
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "22", "22/", "/tcp", "0/tcp", "65536/tcp", "-1/tcp", "22/sctp", "22/tcp/udp", " 22/tcp"} {
		p := services.Port{Network: "tcp", Number: 1}
		if err := p.UnmarshalText([]byte(text)); !errors.Is(err, decnet.ErrInvalid) || p.Number != 1 {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
}

func TestCompleteBindsWhereTheProcessIs(t *testing.T) {
	t.Parallel()
	env := services.Env{}.Complete()
	l, err := env.Listen(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if addr := netip.MustParseAddrPort(l.Addr().String()); addr.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("bound to %s", addr)
	}
}
