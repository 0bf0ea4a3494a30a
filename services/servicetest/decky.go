package servicetest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// waitLimit bounds how long the suite waits for an event that should come.
const waitLimit = 10 * time.Second

// Identity returns the identity of test decky number n: deckies of different numbers share
// neither names nor seeds.
func Identity(n byte) services.Identity {
	return services.Identity{
		Hostname: "srv-" + string('a'+rune(n%26)) + "-17",
		Domain:   "corp.example",
		Distro:   "debian",
		Addr:     netip.AddrFrom4([4]byte{127, 0, 11, n}),
		Seed:     [32]byte{n, 0xdc},
	}
}

// Decky is one honeypot running on loopback and the events that it reported. Its methods
// are safe for concurrent use.
type Decky struct {
	Name  string
	Addrs map[services.Port]netip.AddrPort // where each declared TCP port really listens

	stop   context.CancelFunc
	served chan struct{}
	err    error

	mu      sync.Mutex
	events  []decnet.Event
	changed chan struct{} // closed with each event, then made anew
}

// Start runs s on free loopback ports until the test ends or Stop. env may be zero but for
// what the test cares about: its Decky and Identity default to those of number n, and its
// Sink is the Decky. When the test ends, every event is checked to survive the line format.
func Start(t testing.TB, s services.Service, cfg services.Config, n byte, env services.Env) *Decky {
	t.Helper()
	d := &Decky{
		Name:    "decky-" + string('0'+rune(n%10)),
		Addrs:   make(map[services.Port]netip.AddrPort),
		served:  make(chan struct{}),
		changed: make(chan struct{}),
	}
	if env.Decky == "" {
		env.Decky = d.Name
	}
	if env.Identity == (services.Identity{}) {
		env.Identity = Identity(n)
	}
	d.Name, env.Sink = env.Decky, decnet.SinkFunc(d.emit)
	srv, err := s.New(env, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var socks []services.Socket
	for _, p := range s.Info().Ports {
		if p.Network != "tcp" {
			continue
		}
		l, err := services.Listen(context.Background(), netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		d.Addrs[p] = netip.MustParseAddrPort(l.Addr().String())
		socks = append(socks, services.Socket{Port: p, Stream: l})
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	go func() {
		defer close(d.served)
		d.err = srv.Serve(ctx, socks)
	}()
	t.Cleanup(func() {
		d.Stop(t)
		for _, e := range d.Events() {
			roundTrip(t, e)
		}
	})
	return d
}

// Stop ends the service and waits for it.
func (d *Decky) Stop(t testing.TB) {
	t.Helper()
	d.stop()
	select {
	case <-d.served:
		if d.err != nil {
			t.Errorf("Serve returned %v after its context ended", d.err)
		}
	case <-time.After(waitLimit):
		t.Fatal("Serve does not return after its context ended")
	}
}

// Dial connects to one of the declared ports from 127.0.0.77. The connection is closed
// when the test ends.
func (d *Decky) Dial(t testing.TB, p services.Port) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(attacker, 0)), Timeout: waitLimit}
	c, err := dialer.Dial("tcp", d.Addrs[p].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Events returns what was reported so far.
func (d *Decky) Events() []decnet.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// Wait returns the first event of a type whose fields contain want, waiting for it up to
// ten seconds.
func (d *Decky) Wait(t testing.TB, typ string, want map[string]string) decnet.Event {
	t.Helper()
	var found decnet.Event
	ok := d.until(func(events []decnet.Event) bool {
		i := slices.IndexFunc(events, func(e decnet.Event) bool { return e.Type == typ && hasFields(&e, want) })
		if i >= 0 {
			found = events[i]
		}
		return i >= 0
	})
	if !ok {
		t.Fatalf("no event %s with %v among:\n%s", typ, want, describe(d.Events()))
	}
	return found
}

// WaitCount waits up to ten seconds until n events of a type were reported.
func (d *Decky) WaitCount(t testing.TB, typ string, n int) {
	t.Helper()
	count := 0
	if !d.until(func(events []decnet.Event) bool {
		count = 0
		for i := range events {
			if events[i].Type == typ {
				count++
			}
		}
		return count >= n
	}) {
		t.Fatalf("%d events %s, want %d", count, typ, n)
	}
}

func (d *Decky) until(ok func([]decnet.Event) bool) bool {
	timeout := time.After(waitLimit)
	for {
		d.mu.Lock()
		events, changed := d.events, d.changed
		d.mu.Unlock()
		if ok(events) {
			return true
		}
		select {
		case <-changed:
		case <-timeout:
			return false
		}
	}
}

func (d *Decky) emit(e decnet.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
	close(d.changed)
	d.changed = make(chan struct{})
}

func hasFields(e *decnet.Event, want map[string]string) bool {
	for k, v := range want {
		if got, ok := e.Field(k); !ok || got != v {
			return false
		}
	}
	return true
}

func describe(events []decnet.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(e.Type)
		for _, f := range e.Fields {
			b.WriteString(" " + f.Key + "=" + f.Value[:min(len(f.Value), 80)])
		}
		b.WriteByte('\n')
	}
	return b.String()
}
