package probe_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/correlate"
	"github.com/decnet/decnet/fingerprint/probe"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// connect is the event of a honeypot that accepted a connection from addr.
func connect(addr string) decnet.Event {
	return decnet.Event{
		Decky: "decky-01", Service: "ssh", Type: "connect", Attacker: netip.MustParseAddr(addr), Severity: decnet.SeverityInfo,
		Fields: []decnet.Field{decnet.F("src_ip", addr), decnet.F("src_port", "40000"), decnet.F("dst_ip", "192.0.2.10"), decnet.F("dst_port", "22")},
	}
}

// loopback is what a WorkerConfig needs to probe targets on 127.0.0.0/8.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

var none = []uint16{}

// findings collects events and lets a test wait for them.
type findings chan decnet.Event

func (f findings) Emit(e decnet.Event) { f <- e }

// wait returns the next event of a type, and fails the test on an error of the prober.
func (f findings) wait(t *testing.T, typ string) decnet.Event {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e := <-f:
			if e.Type == typ {
				return e
			}
			if e.Type == "prober_error" {
				t.Fatalf("%+v", e)
			}
		case <-limit:
			t.Fatalf("no %s", typ)
		}
	}
}

// running runs w until the returned function is called, which waits for it.
func running(t *testing.T, w *probe.Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func database(t *testing.T, path string) store.Repository {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func memory(t *testing.T) probe.Memory {
	t.Helper()
	return probe.NewStateMemory(database(t, filepath.Join(t.TempDir(), "decnet.db")))
}

// tlsServer serves TLS at addr and returns its port.
func tlsServer(t *testing.T, addr string) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(nil)
	s.Listener.Close()
	s.Listener = l
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

func portOf(t *testing.T, addr net.Addr) uint16 {
	t.Helper()
	return netip.MustParseAddrPort(addr.String()).Port()
}

// countingServer counts the connections that it closes at once.
func countingServer(t *testing.T, addr string) (port uint16, accepted chan time.Time) {
	t.Helper()
	accepted = make(chan time.Time, 1000)
	return portOf(t, serve(t, addr, func(net.Conn) { accepted <- time.Now() })), accepted
}

func TestWorkerReportsWhatItFinds(t *testing.T) {
	t.Parallel()
	const target = "127.9.1.1"
	tlsPort := tlsServer(t, target+":0")
	sshPort := portOf(t, serve(t, target+":0", say("SSH-2.0-x y\r\n"+kexPacket())))
	closed := uint16(freePort(t))
	out := make(findings, 100)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	w := probe.NewWorker(out, memory(t), probe.WorkerConfig{
		JARMPorts: []uint16{closed, tlsPort}, SSHPorts: []uint16{closed, tlsPort, sshPort}, TCPPorts: none,
		Allow: loopback, TargetRate: 1000, Rate: 1000, Now: func() time.Time { return at },
	})
	stop := running(t, w)
	start := out.wait(t, "prober_startup")
	ports := []int{int(closed), int(tlsPort), int(sshPort)}
	slices.Sort(ports)
	want := strconv.Itoa(ports[0]) + "," + strconv.Itoa(ports[1]) + "," + strconv.Itoa(ports[2])
	if start.Value("interval") != "0" || start.Value("probe_ports") != want {
		t.Errorf("%+v", start)
	}
	w.Emit(connect(target))
	jarm := out.wait(t, "jarm_fingerprint")
	direct, err := probe.JARM(t.Context(), net.JoinHostPort(target, strconv.Itoa(int(tlsPort))), probe.Config{})
	if err != nil || jarm.Value("jarm_hash") != direct.Hash || direct.Hash == silentJARM {
		t.Errorf("%+v, directly %s %v", jarm, direct.Hash, err)
	}
	hassh := out.wait(t, "hassh_fingerprint")
	stop()
	for _, e := range []decnet.Event{start, jarm, hassh} {
		if e.Decky != "decnet-prober" || e.Service != "prober" || !e.FromSensor() || e.Severity != decnet.SeverityInfo || e.Msg == "" || !e.Time.Equal(at) {
			t.Errorf("%+v", e)
		}
	}
	for _, e := range []decnet.Event{jarm, hassh} {
		if e.Attacker != netip.MustParseAddr(target) {
			t.Errorf("attacker %s", e.Attacker)
		}
	}
	wantFields(t, jarm, "target_ip", target, "target_port", strconv.Itoa(int(tlsPort)), "jarm_hash", direct.Hash)
	wantFields(t, hassh, "target_ip", target, "target_port", strconv.Itoa(int(sshPort)),
		"hassh_server_hash", "6d5379b36e3c35fd83dc398f6c7dd544", "ssh_banner", "SSH-2.0-x y",
		"kex_algorithms", "kex1", "encryption_s2c", "enc2", "mac_s2c", "mac2", "compression_s2c", "comp2")
	if s := w.Status(); s.Queued != 1 || s.Probed != 5 || s.Found != 2 {
		t.Errorf("%+v", s)
	}
}

// What goes wrong on our side is reported; a port that is closed, silent or something else
// is not.
func TestWorkerReportsErrors(t *testing.T) {
	t.Parallel()
	const target = "198.51.100.7"
	out := make(findings, 100)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		switch _, port, _ := net.SplitHostPort(address); port {
		case "1":
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		case "2":
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded}
		case "3":
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.EHOSTUNREACH}
		case "4":
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ENETUNREACH}
		default:
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				say("SSH-2.0-x\r\n" + kexPacket())(far)
			}()
			return near, nil
		}
	}
	w := probe.NewWorker(out, memory(t), probe.WorkerConfig{
		JARMPorts: none, SSHPorts: []uint16{1, 2, 3, 4, 5}, TCPPorts: none, Probe: probe.Config{Dial: dial},
	})
	running(t, w)
	w.Emit(connect(target))
	var errs []decnet.Event
	for e := range out {
		if e.Type == "prober_error" {
			errs = append(errs, e)
		}
		if e.Type == "hassh_fingerprint" {
			break
		}
	}
	if len(errs) != 1 {
		t.Fatalf("%+v", errs)
	}
	const text = "probe: hassh 198.51.100.7:4: dial tcp: network is unreachable"
	wantFields(t, errs[0], "target_ip", target, "target_port", "4", "error", text)
	if e := errs[0]; e.Severity != decnet.SeverityWarning || e.Decky != "decnet-prober" || e.Service != "prober" || !strings.Contains(e.Msg, text) {
		t.Errorf("%+v", e)
	}
}

// wantFields wants the fields of e to be exactly these keys and values, in order.
func wantFields(t *testing.T, e decnet.Event, pairs ...string) {
	t.Helper()
	var want []decnet.Field
	for i := 0; i < len(pairs); i += 2 {
		want = append(want, decnet.F(pairs[i], pairs[i+1]))
	}
	if !slices.Equal(e.Fields, want) {
		t.Errorf("%s has %v\nwant %v", e.Type, e.Fields, want)
	}
}

// TestW10_ProbesAreNoAttackerActivity hands what the worker emits to the correlator and to
// the worker itself.
func TestW10_ProbesAreNoAttackerActivity(t *testing.T) {
	t.Parallel()
	const target = "127.9.2.1"
	port := tlsServer(t, target+":0")
	out := make(findings, 100)
	var w *probe.Worker
	sink := decnet.Tee(out, decnet.SinkFunc(func(e decnet.Event) { w.Emit(e) }))
	w = probe.NewWorker(sink, memory(t), probe.WorkerConfig{
		JARMPorts: []uint16{port}, SSHPorts: none, TCPPorts: none, Allow: loopback,
	})
	running(t, w)
	w.Emit(connect(target))
	found := out.wait(t, "jarm_fingerprint")

	var engine correlate.Engine
	engine.Add(connect(target))
	if engine.Add(found) {
		t.Error("the correlator counts a probe as a hop")
	}
	if got := engine.Traversals(2); len(got) != 0 {
		t.Errorf("a probe makes a traversal: %+v", got)
	}
	if s := w.Status(); s.Queued != 1 {
		t.Errorf("the worker follows its own events: %+v", s)
	}
}

// TestW11_OnlyCompleteHandshakesAreFollowed: what a forged packet can cause is no reason to
// probe the address that it names.
func TestW11_OnlyCompleteHandshakesAreFollowed(t *testing.T) {
	t.Parallel()
	w := probe.NewWorker(make(findings, 1), memory(t), probe.WorkerConfig{})
	event := func(service, typ, addr string) decnet.Event {
		e := connect(addr)
		e.Service, e.Type = service, typ
		return e
	}
	for _, e := range []decnet.Event{
		event("sniffer", "tcp_syn_fingerprint", "198.51.100.1"),
		event("sniffer", "connect", "198.51.100.2"),
		event("prober", "connect", "198.51.100.3"),
		event("correlator", "connect", "198.51.100.4"),
		event("collector", "connect", "198.51.100.5"),
		event("snmp", "auth_attempt", "198.51.100.6"), // one datagram
		event("sip", "request", "198.51.100.7"),
		{Service: "ssh", Type: "connect"},
	} {
		w.Emit(e)
	}
	if s := w.Status(); s != (probe.Status{}) {
		t.Errorf("%+v", s)
	}
	w.Emit(connect("198.51.100.8"))
	if s := w.Status(); s.Queued != 1 {
		t.Errorf("%+v", s)
	}
}

func TestW11_WhomTheListsPermit(t *testing.T) {
	t.Parallel()
	prefixes := func(texts ...string) (list []netip.Prefix) {
		for _, s := range texts {
			list = append(list, netip.MustParsePrefix(s))
		}
		return list
	}
	for _, c := range []struct {
		name        string
		allow, deny []netip.Prefix
		yes, no     []string
	}{
		{"no lists", nil, nil,
			[]string{"198.51.100.7", "2001:db8::7", "8.8.8.8", "::ffff:198.51.100.9", "172.32.0.1", "2600::1"},
			[]string{"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9",
				"169.254.169.254", "192.0.0.8", "198.19.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
				"::", "::1", "fe80::1", "fe80::1%lo", "fec0::1", "fd00::1", "fc00::1", "ff02::1", "64:ff9b::a00:1", "64:ff9b:1::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"}},
		{"allowed is all that is", prefixes("198.51.100.0/24"), nil,
			[]string{"198.51.100.7"}, []string{"198.51.101.7", "2001:db8::7", "10.0.0.1"}},
		{"everything does not name the special", prefixes("0.0.0.0/0", "::/0"), nil,
			[]string{"198.51.100.7", "2001:db8::7"}, []string{"10.0.0.1", "127.0.0.1", "fe80::1", "fd00::1", "::1", "224.0.0.1", "0.0.0.0"}},
		{"a wider prefix does not name", prefixes("10.0.0.0/7", "126.0.0.0/7", "fc00::/6"), nil,
			[]string{"11.0.0.1"}, []string{"10.0.0.1", "127.0.0.1", "fd00::1"}},
		{"special by name", prefixes("10.0.0.0/8", "192.168.7.0/24", "127.0.0.2/32", "fd12::/16", "fe80::/64"), nil,
			[]string{"10.9.9.9", "192.168.7.1", "127.0.0.2", "fd12::1", "fe80::1", "::ffff:10.1.1.1"},
			[]string{"192.168.8.1", "127.0.0.1", "fd13::1", "198.51.100.7", "fe80::1%lo"}},
		{"never", prefixes("224.0.0.0/4", "224.0.0.1/32", "0.0.0.0/32", "255.255.255.255/32", "ff02::1/128", "::/128"), nil,
			nil, []string{"224.0.0.1", "0.0.0.0", "255.255.255.255", "ff02::1", "::"}},
		{"denial wins", prefixes("198.51.100.0/24", "10.0.0.0/8"), prefixes("198.51.100.64/26", "10.1.0.0/16"),
			[]string{"198.51.100.7", "10.2.0.1"}, []string{"198.51.100.65", "10.1.0.1"}},
		{"denial alone", nil, prefixes("198.51.100.64/26", "2001:db8::/32"),
			[]string{"198.51.100.7", "2001:db9::1"}, []string{"198.51.100.65", "2001:db8::1", "::ffff:198.51.100.65"}},
		{"mapped prefixes", prefixes("::ffff:198.51.100.0/120"), prefixes("::ffff:198.51.100.9/128"),
			[]string{"198.51.100.7", "::ffff:198.51.100.8"}, []string{"198.51.100.9", "198.51.101.1"}},
	} {
		w := probe.NewWorker(make(findings, 1), memory(t), probe.WorkerConfig{Allow: c.allow, Deny: c.deny})
		check := func(addr string, want probe.Status) {
			t.Helper()
			before := w.Status()
			w.Emit(connect(addr))
			after := w.Status()
			if got := (probe.Status{Queued: after.Queued - before.Queued, Refused: after.Refused - before.Refused}); got != want {
				t.Errorf("%s: %s gives %+v", c.name, addr, got)
			}
		}
		for _, addr := range c.yes {
			check(addr, probe.Status{Queued: 1})
		}
		for _, addr := range c.no {
			check(addr, probe.Status{Refused: 1})
		}
	}
}

// TestW11_NeitherOwnAddressesNorDeckies: only a prefix of the single address lets them be
// probed. One target at a time makes the order certain.
func TestW11_NeitherOwnAddressesNorDeckies(t *testing.T) {
	t.Parallel()
	const own, decky, namedDecky, marker = "127.0.0.1", "127.9.3.1", "127.9.3.2", "127.9.3.3"
	port := tlsServer(t, marker+":0")
	counts := map[string]chan time.Time{}
	for _, addr := range []string{own, decky, namedDecky} {
		_, counts[addr] = countingServer(t, net.JoinHostPort(addr, strconv.Itoa(int(port))))
	}
	out := make(findings, 100)
	w := probe.NewWorker(out, memory(t), probe.WorkerConfig{
		JARMPorts: []uint16{port}, SSHPorts: none, TCPPorts: none, Targets: 1, Rate: 1000,
		Allow: append([]netip.Prefix{netip.MustParsePrefix(namedDecky + "/32")}, loopback...),
		Deckies: func() []netip.Addr {
			return []netip.Addr{netip.MustParseAddr("::ffff:" + decky), netip.MustParseAddr(namedDecky)}
		},
	})
	running(t, w)
	for _, addr := range []string{own, decky, namedDecky, marker} {
		w.Emit(connect(addr))
	}
	if e := out.wait(t, "jarm_fingerprint"); e.Value("target_ip") != marker {
		t.Errorf("%+v", e)
	}
	if len(counts[own]) != 0 || len(counts[decky]) != 0 || len(counts[namedDecky]) == 0 {
		t.Errorf("connections to own %d, decky %d, named decky %d", len(counts[own]), len(counts[decky]), len(counts[namedDecky]))
	}
	if s := w.Status(); s.Refused != 2 || s.Probed != 2 {
		t.Errorf("%+v", s)
	}
}

// TestW11_ProbedOnceOverRestarts: three lives of the worker over one database.
func TestW11_ProbedOnceOverRestarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decnet.db")
	const known = "127.9.4.1"
	port, accepted := countingServer(t, known+":0")
	for life := range 3 {
		marker := "127.9.4." + strconv.Itoa(10+life)
		serve(t, net.JoinHostPort(marker, strconv.Itoa(int(port))), say("SSH-2.0-x\r\n"+kexPacket()))
		db, err := sqlite.Open(t.Context(), path, sqlite.Config{})
		if err != nil {
			t.Fatal(err)
		}
		out := make(findings, 100)
		w := probe.NewWorker(out, probe.NewStateMemory(db), probe.WorkerConfig{
			JARMPorts: none, SSHPorts: []uint16{port}, TCPPorts: none, Targets: 1, Allow: loopback,
		})
		stop := running(t, w)
		for range 3 {
			w.Emit(connect(known))
		}
		w.Emit(connect(marker))
		out.wait(t, "hassh_fingerprint")
		w.Emit(connect(known)) // it is remembered within one life too
		stop()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(accepted); n != 1 {
		t.Errorf("%d connections to a target in three lives", n)
	}
}

// TestW12_TarpitDelaysNobody: addresses that accept and never answer hold their own probes
// alone.
func TestW12_TarpitDelaysNobody(t *testing.T) {
	t.Parallel()
	const tarpits, others = 8, 5
	port := uint16(freePort(t))
	at := func(kind, i int) string { return "127.9." + strconv.Itoa(kind) + "." + strconv.Itoa(i+1) }
	held, released := make(chan struct{}, 100), make(chan struct{}, 100)
	for i := range tarpits {
		serve(t, net.JoinHostPort(at(5, i), strconv.Itoa(int(port))), func(c net.Conn) {
			held <- struct{}{}
			silence(c)
			released <- struct{}{}
		})
	}
	for i := range others {
		tlsServer(t, net.JoinHostPort(at(6, i), strconv.Itoa(int(port))))
	}
	out := make(findings, 100)
	w := probe.NewWorker(out, memory(t), probe.WorkerConfig{
		JARMPorts: []uint16{port}, SSHPorts: none, TCPPorts: none, Allow: loopback,
		Rate: 1000, Probe: probe.Config{Timeout: 10 * time.Minute},
	})
	stop := running(t, w)
	for i := range tarpits {
		w.Emit(connect(at(5, i)))
	}
	for range tarpits {
		<-held
	}
	for i := range others {
		w.Emit(connect(at(6, i)))
	}
	for range others {
		out.wait(t, "jarm_fingerprint")
	}
	if n := len(released); n != 0 {
		t.Errorf("%d connections of tarpits ended already", n)
	}
	stop() // does not wait for the tarpits either
}

func TestRateHolds(t *testing.T) {
	const burst = 10
	for _, c := range []struct {
		name             string
		targets, ports   int
		rate, targetRate float64
	}{
		{"overall", 25, 1, 50, 1000},
		{"for each target", 1, 20, 1000, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := probe.WorkerConfig{JARMPorts: none, TCPPorts: none, Allow: loopback, Rate: c.rate, TargetRate: c.targetRate}
			accepted := make(chan struct{}, 100)
			for range c.ports {
				cfg.SSHPorts = append(cfg.SSHPorts, uint16(freePort(t)))
			}
			addr := func(i int) string { return "127.9." + strconv.Itoa(20+c.ports) + "." + strconv.Itoa(i+1) }
			for i := range c.targets {
				for _, p := range cfg.SSHPorts {
					serve(t, net.JoinHostPort(addr(i), strconv.Itoa(int(p))), func(net.Conn) { accepted <- struct{}{} })
				}
			}
			w := probe.NewWorker(make(findings, 100), memory(t), cfg)
			running(t, w)
			begin := time.Now()
			for i := range c.targets {
				w.Emit(connect(addr(i)))
			}
			n := c.targets * c.ports
			for range n {
				<-accepted
			}
			least := time.Duration(float64(n-burst) / min(c.rate, c.targetRate) * float64(time.Second))
			if took := time.Since(begin); took < least {
				t.Errorf("%d connections in %s, at least %s were due", n, took, least)
			}
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	w := probe.NewWorker(make(findings, 1), memory(t), probe.WorkerConfig{Queue: 3})
	for i := range 10 {
		for range 2 { // the second time it is queued already, or dropped again
			w.Emit(connect("198.51.100." + strconv.Itoa(i+1)))
		}
	}
	if s := w.Status(); s.Queued != 3 || s.Dropped != 14 {
		t.Errorf("%+v", s)
	}
}

// forgetful is a memory whose disk is full.
type forgetful struct{ probe.Memory }

func (forgetful) Mark(context.Context, netip.Addr, probe.Method, uint16) error {
	return errors.New("disk full")
}

// Without a memory nothing is probed: it might be the second time.
func TestNoProbeWithoutMemory(t *testing.T) {
	t.Parallel()
	const target = "127.9.7.1"
	port, accepted := countingServer(t, target+":0")
	db := database(t, filepath.Join(t.TempDir(), "decnet.db"))
	if err := db.SetState(t.Context(), probe.StateKey(netip.MustParseAddr("127.9.7.2")), []byte("null")); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for name, m := range map[string]probe.Memory{
		"closed database": probe.NewStateMemory(db),
		"full disk":       forgetful{memory(t)},
	} {
		t.Run(name, func(t *testing.T) {
			marker := tell(m)
			w := probe.NewWorker(make(findings, 100), marker, probe.WorkerConfig{
				JARMPorts: none, SSHPorts: []uint16{port}, TCPPorts: none, Allow: loopback,
			})
			stop := running(t, w)
			w.Emit(connect(target))
			<-marker.failed
			stop()
			if s := w.Status(); len(accepted) != 0 || s.Probed != 0 {
				t.Errorf("%d connections, %+v", len(accepted), s)
			}
		})
	}
}

// telling says when a memory failed.
type telling struct {
	probe.Memory
	failed chan struct{}
}

func tell(m probe.Memory) telling { return telling{m, make(chan struct{}, 10)} }

func (m telling) Done(ctx context.Context, a netip.Addr, method probe.Method, port uint16) (bool, error) {
	done, err := m.Memory.Done(ctx, a, method, port)
	m.tell(err)
	return done, err
}

func (m telling) Mark(ctx context.Context, a netip.Addr, method probe.Method, port uint16) error {
	err := m.Memory.Mark(ctx, a, method, port)
	m.tell(err)
	return err
}

func (m telling) tell(err error) {
	if err != nil {
		m.failed <- struct{}{}
	}
}

func TestStateMemory(t *testing.T) {
	t.Parallel()
	db := database(t, filepath.Join(t.TempDir(), "decnet.db"))
	m := probe.NewStateMemory(db)
	a, b := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7")
	var wg sync.WaitGroup
	for port := range uint16(20) {
		wg.Go(func() {
			if err := m.Mark(t.Context(), a, probe.MethodJARM, port); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for port := range uint16(25) {
		for _, method := range []probe.Method{probe.MethodJARM, probe.MethodHASSH} {
			for _, addr := range []netip.Addr{a, b} {
				done, err := m.Done(t.Context(), addr, method, port)
				if want := addr == a && method == probe.MethodJARM && port < 20; err != nil || done != want {
					t.Errorf("%s %s %d: %v %v", addr, method, port, done, err)
				}
			}
		}
	}
	for _, text := range []string{`null`, `[]`, `{"jarm":[70000]}`} {
		if err := db.SetState(t.Context(), probe.StateKey(b), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Done(t.Context(), b, probe.MethodJARM, 1); err == nil {
			t.Errorf("document %s is no error", text)
		}
		if err := m.Mark(t.Context(), b, probe.MethodJARM, 1); err == nil {
			t.Errorf("document %s is overwritten", text)
		}
	}
}
