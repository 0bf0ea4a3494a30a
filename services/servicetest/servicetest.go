// Package servicetest is the conformance suite for honeypots: what every services.Service
// must do, whatever it speaks.
//
//	func TestConformance(t *testing.T) {
//		servicetest.Run(t, servicetest.Case{Service: redis.Service{}, Login: login})
//	}
package servicetest

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services"
)

// Case says what the suite must know about one service.
type Case struct {
	Service services.Service
	Config  services.Config
	Port    services.Port // which port to talk to; zero: the first TCP port of its Info

	// Greeting must match what the service sends before the client speaks; nil: nothing.
	Greeting *regexp.Regexp

	// Login, when set, tries one log-in over a fresh connection and returns the fields
	// that the auth_attempt event must have.
	Login func(t *testing.T, c net.Conn) map[string]string

	// Truncated is the beginning of a valid message, after which the client goes away.
	Truncated []byte

	// Bait, when set, returns something invented that a client can see and that must
	// differ between two deckies and be the same for one: a key, an id, a bait text.
	Bait func(t *testing.T, c net.Conn) string

	// Limits replaces parts of the service's limits in all checks but those of limits.
	Limits services.Limits
}

// attacker is the address that the suite's clients connect from.
var attacker = netip.MustParseAddr("127.0.0.77")

// Run checks c.Service. It must not run beside other tests of the package (no t.Parallel),
// because it counts goroutines. All traffic is on loopback.
func Run(t *testing.T, c Case) {
	t.Helper()
	info := c.Service.Info()
	if c.Port == (services.Port{}) {
		i := slices.IndexFunc(info.Ports, func(p services.Port) bool { return p.Network == "tcp" })
		if i < 0 {
			t.Fatalf("%s has no TCP port", info.Name)
		}
		c.Port = info.Ports[i]
	}
	t.Run("Info", c.info)
	t.Run("Greeting", c.greeting)
	t.Run("ConnectEvent", c.connectEvent)
	if c.Login != nil {
		t.Run("Credentials", c.credentials)
	}
	t.Run("StopsWithIdleConnections", c.stops)
	t.Run("SlowClientIsCutOff", c.slowClient)
	t.Run("SurvivesNoise", c.noise)
	t.Run("SurvivesTruncation", c.truncation)
	t.Run("SessionLimitHolds", c.sessionLimit)
	t.Run("ConnectionLimitHolds", c.connLimit)
	if c.Bait != nil {
		t.Run("DeckiesShareNothing", c.sharesNothing)
	}
}

func (c Case) info(t *testing.T) {
	info := c.Service.Info()
	if info.Title == "" || len(info.Ports) == 0 {
		t.Errorf("Info lacks a title or ports: %+v", info)
	}
	for _, k := range info.Keys {
		if k.Doc == "" || k.Type == "" {
			t.Errorf("key %q lacks its doc or type", k.Name)
		}
		if k.Default != "" {
			if _, err := (services.Config{k.Name: k.Default}).Check(info); err != nil {
				t.Errorf("default of key %q: %v", k.Name, err)
			}
		}
	}
	_, err := c.Service.New(services.Env{Decky: "decky-01"}, services.Config{"no_such_key": "x"})
	if !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("unknown key: got %v, want decnet.ErrSemantic", err)
	}
	if _, err := services.NewRegistry(c.Service); err != nil {
		t.Error(err)
	}
}

func (c Case) greeting(t *testing.T) {
	d := c.start(t, 1, c.Limits)
	conn := c.dial(t, d)
	if c.Greeting == nil {
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
			t.Errorf("a silent service sent %d bytes (%v)", n, err)
		}
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var got []byte
	buf := make([]byte, 4096)
	for !c.Greeting.Match(got) {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			t.Fatalf("greeting %q does not match %s (%v)", got, c.Greeting, err)
		}
	}
}

func (c Case) connectEvent(t *testing.T) {
	d := c.start(t, 1, c.Limits)
	conn := c.dial(t, d)
	local := netip.MustParseAddrPort(conn.LocalAddr().String())
	e := d.Wait(t, "connect", nil)
	if e.Attacker != attacker || e.Value("src_ip") != attacker.String() || e.Value("src_port") != portText(local) {
		t.Errorf("connect event %+v does not name %s", e, local)
	}
	conn.Close()
	d.Wait(t, "disconnect", nil)
}

func (c Case) credentials(t *testing.T) {
	d := c.start(t, 1, c.Limits)
	want := c.Login(t, c.dial(t, d))
	e := d.Wait(t, "auth_attempt", want)
	if e.Attacker != attacker {
		t.Errorf("auth_attempt has attacker %s", e.Attacker)
	}
	if o := e.Value("outcome"); o != "success" && o != "failure" {
		t.Errorf("auth_attempt has outcome %q", o)
	}
}

func (c Case) stops(t *testing.T) {
	before := runtime.NumGoroutine()
	d := c.start(t, 1, c.Limits)
	for range 20 {
		c.dial(t, d)
	}
	d.WaitCount(t, "connect", 20)
	d.Stop(t)
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func (c Case) slowClient(t *testing.T) {
	lim := c.Limits
	lim.Idle = 150 * time.Millisecond
	d := c.start(t, 1, lim)
	conn := c.dial(t, d)
	if err := drain(conn, 10*time.Second); isTimeout(err) {
		t.Error("a silent client is still connected after 10 s, with an idle limit of 150 ms")
	}
	lim = c.Limits
	lim.Total = 300 * time.Millisecond
	d = c.start(t, 1, lim)
	conn = c.dial(t, d)
	go func() { // one byte now and then, which an idle limit alone does not catch
		for {
			if _, err := conn.Write([]byte{' '}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if err := drain(conn, 10*time.Second); isTimeout(err) {
		t.Error("a dripping client is still connected after 10 s, with a total limit of 300 ms")
	}
}

func (c Case) noise(t *testing.T) {
	d := c.start(t, 1, c.Limits)
	noise := make([]byte, 64<<10)
	_, _ = rand.Read(noise)
	inputs := map[string][]byte{
		"random":  noise,
		"zeros":   make([]byte, 64<<10),
		"no line": []byte(strings.Repeat("A", 64<<10)),
		"lines":   []byte(strings.Repeat("\r\n", 32<<10)),
		"high":    []byte(strings.Repeat("\xff", 64<<10)),
	}
	for name, in := range inputs {
		conn := c.dial(t, d)
		go func() {
			_, _ = conn.Write(in)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		if err := drain(conn, 20*time.Second); isTimeout(err) {
			t.Errorf("%s: the connection is still open 20 s after its end was sent", name)
		}
		conn.Close()
	}
	c.alive(t, d)
}

func (c Case) truncation(t *testing.T) {
	d := c.start(t, 1, c.Limits)
	for i := range c.Truncated {
		conn := c.dial(t, d)
		_, _ = conn.Write(c.Truncated[:i+1])
		conn.Close()
	}
	d.WaitCount(t, "disconnect", len(c.Truncated))
	c.alive(t, d)
}

func (c Case) sessionLimit(t *testing.T) {
	lim := c.Limits
	lim.SessionSize = 32 << 10
	d := c.start(t, 1, lim)
	conn := c.dial(t, d)
	go func() {
		chunk := []byte(strings.Repeat("x", 511) + "\n")
		for range 1 << 13 {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	}()
	if err := drain(conn, 20*time.Second); isTimeout(err) {
		t.Error("the connection is still open after 4 MiB, with a session limit of 32 KiB")
	}
	d.Wait(t, "disconnect", nil)
}

func (c Case) connLimit(t *testing.T) {
	lim := c.Limits
	lim.Conns = 3
	d := c.start(t, 1, lim)
	conns := make([]net.Conn, 5)
	for i := range conns {
		conns[i] = c.dial(t, d)
		d.WaitCount(t, "connect", i+1)
	}
	d.WaitCount(t, "disconnect", 2)
	for i, conn := range conns[:2] {
		if err := drain(conn, 5*time.Second); isTimeout(err) {
			t.Errorf("connection %d of 5 is still open, with a limit of 3", i+1)
		}
	}
}

func (c Case) sharesNothing(t *testing.T) {
	one, two, again := c.start(t, 1, c.Limits), c.start(t, 2, c.Limits), c.start(t, 1, c.Limits)
	a, b, a2 := c.Bait(t, c.dial(t, one)), c.Bait(t, c.dial(t, two)), c.Bait(t, c.dial(t, again))
	switch {
	case a == "":
		t.Error("Bait found nothing")
	case a == b:
		t.Errorf("two deckies show the same: %q", a)
	}
	if a != a2 {
		t.Errorf("one decky shows %q, after a restart %q", a, a2)
	}
	for _, e := range one.Events() {
		if e.Decky != one.Name {
			t.Errorf("%s reported as %s", one.Name, e.Decky)
		}
	}
}

func (c Case) start(t *testing.T, n byte, lim services.Limits) *Decky {
	t.Helper()
	return Start(t, c.Service, c.Config, n, services.Env{Limits: lim})
}

func (c Case) dial(t *testing.T, d *Decky) net.Conn {
	t.Helper()
	return d.Dial(t, c.Port)
}

// alive checks that d still serves newcomers.
func (c Case) alive(t *testing.T, d *Decky) {
	t.Helper()
	from := netip.MustParseAddrPort(c.dial(t, d).LocalAddr().String())
	d.Wait(t, "connect", map[string]string{"src_port": portText(from)})
}

// drain reads until the peer closes; it returns a time-out error when it does not within d.
func drain(c net.Conn, d time.Duration) error {
	_ = c.SetReadDeadline(time.Now().Add(d))
	_, err := io.Copy(io.Discard, c)
	return err
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func portText(a netip.AddrPort) string {
	s := a.String()
	return s[strings.LastIndexByte(s, ':')+1:]
}

// roundTrip checks that e survives the line format.
func roundTrip(t testing.TB, e decnet.Event) {
	t.Helper()
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	back, err := rfc5424.Parse(string(rfc5424.Append(nil, &e)))
	if err != nil {
		t.Errorf("event %+v does not survive as a line: %v", e, err)
		return
	}
	if !back.Time.Equal(e.Time) || back.Decky != e.Decky || back.Service != e.Service || back.Type != e.Type ||
		back.Attacker != e.Attacker || back.Severity != e.Severity || !slices.Equal(back.Fields, e.Fields) {
		t.Errorf("event changed on its way through a line:\n%+v\n%+v", e, back)
	}
}
