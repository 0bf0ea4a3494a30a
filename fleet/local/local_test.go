package local_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greeter greets with its banner and the seed of its decky, and echoes lines.
type greeter struct {
	name  string
	ports []services.Port
}

func (g greeter) Info() services.Info {
	return services.Info{Name: g.name, Ports: g.ports, Keys: []services.Key{{Name: "banner", Type: services.KeyString, Default: g.name}}}
}

func (g greeter) New(env services.Env, cfg services.Config) (services.Server, error) {
	cfg, err := cfg.Check(g.Info())
	if err != nil {
		return nil, err
	}
	return &greeting{env: env.Complete(), name: g.name, banner: cfg["banner"]}, nil
}

type greeting struct {
	env          services.Env
	name, banner string
}

func (g *greeting) Serve(ctx context.Context, socks []services.Socket) error {
	return g.env.Serve(ctx, g.name, socks, func(_ context.Context, s *services.Session) error {
		fmt.Fprintf(s, "%s %s %s\n", g.banner, g.env.Decky, g.env.Identity.Hex("bait", 8))
		lines := services.NewLines(s, 100)
		for {
			line, err := lines.ReadLine()
			if err != nil {
				return err
			}
			fmt.Fprintf(s, "%s\n", line)
		}
	})
}

// mirror sends datagrams back.
type mirror struct{}

func (mirror) Info() services.Info {
	return services.Info{Name: "mirror", Ports: []services.Port{{Network: "udp", Number: 700}}}
}

func (mirror) New(services.Env, services.Config) (services.Server, error) { return mirror{}, nil }

func (mirror) Serve(ctx context.Context, socks []services.Socket) error {
	pc := socks[0].Packet
	stop := context.AfterFunc(ctx, func() { pc.Close() })
	defer stop()
	buf := make([]byte, 2048)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if _, err := pc.WriteTo(buf[:n], from); err != nil {
			return err
		}
	}
}

// fragile serves like a greeter until it is told how to fail.
type fragile struct {
	greeter
	fail chan func() error
}

func (f fragile) New(env services.Env, cfg services.Config) (services.Server, error) {
	srv, err := f.greeter.New(env, cfg)
	return fragileServer{srv, f.fail}, err
}

type fragileServer struct {
	services.Server
	fail chan func() error
}

func (f fragileServer) Serve(ctx context.Context, socks []services.Socket) error {
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- f.Server.Serve(ctx, socks) }()
	defer cancel()
	select {
	case err := <-served:
		return err
	case how := <-f.fail:
		cancel()
		<-served
		return how()
	}
}

func port(n uint16) []services.Port { return []services.Port{{Network: "tcp", Number: n}} }

func registry(t testing.TB, more ...services.Service) *services.Registry {
	t.Helper()
	reg, err := services.NewRegistry(append(more,
		greeter{"alpha", port(700)}, greeter{"beta", port(701)},
		greeter{"web", []services.Port{{Network: "tcp", Number: 780}, {Network: "tcp", Number: 743}}},
		greeter{"webs", port(743)}, mirror{})...)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// offset keeps the endpoints of parallel tests apart, beside their addresses.
const offset = 21_000

// start runs a runtime for the duration of the test.
func start(t *testing.T, reg *services.Registry, opt local.Options) *local.Runtime {
	t.Helper()
	if opt.PortOffset == 0 {
		opt.PortOffset = offset
	}
	rt := local.New(reg, opt)
	fleettest.Run(t, rt.Run)
	return rt
}

// plan makes a fleet from an INI document whose addresses begin at first.
func plan(t testing.TB, reg *services.Registry, first, text string) decnet.Fleet {
	t.Helper()
	f, err := fleet.FromINI(reg, []byte(text), fleet.Options{Seed: "test", First: netip.MustParseAddr(first)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func apply(t *testing.T, rt *local.Runtime, f decnet.Fleet) {
	t.Helper()
	if err := rt.Apply(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// client is a connection of an attacker.
type client struct {
	net.Conn
	*bufio.Scanner
}

func dial(t *testing.T, addr string) client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return client{c, bufio.NewScanner(c)}
}

func (c client) line(t *testing.T) string {
	t.Helper()
	if !c.Scan() {
		t.Fatalf("no line from %s: %v", c.RemoteAddr(), c.Err())
	}
	return c.Text()
}

// alive reports whether the service still answers on this very connection.
func (c client) alive() bool {
	_, err := fmt.Fprintln(c, "ping")
	return err == nil && c.Scan() && c.Text() == "ping"
}

func refused(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func TestApplyConverges(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	apply(t, rt, plan(t, reg, "127.0.81.1", "[a]\nservices=alpha,beta\n[b]\nservices=alpha\n"))
	alpha, beta := dial(t, "127.0.81.1:21700"), dial(t, "127.0.81.1:21701")
	if got := alpha.line(t); !strings.HasPrefix(got, "alpha a ") {
		t.Errorf("greeting %q", got)
	}
	beta.line(t)
	other := dial(t, "127.0.81.2:21700")
	other.line(t)

	// b goes, c comes, beta of a changes: alpha of a keeps its connection.
	apply(t, rt, plan(t, reg, "127.0.81.1", "[a]\nservices=alpha,beta\nip=127.0.81.1\n[a.beta]\nbanner=new\n[c]\nservices=beta\nip=127.0.81.3\n"))
	if !alpha.alive() {
		t.Error("a service that did not change lost its connection")
	}
	if beta.alive() || other.alive() {
		t.Error("a changed or removed service kept its connection")
	}
	if got := dial(t, "127.0.81.1:21701").line(t); !strings.HasPrefix(got, "new a ") {
		t.Errorf("changed greeting %q", got)
	}
	if got := dial(t, "127.0.81.3:21701").line(t); !strings.HasPrefix(got, "beta c ") {
		t.Errorf("greeting %q", got)
	}
	if !refused("127.0.81.2:21700") {
		t.Error("the removed decky still listens")
	}

	// The addresses of a and c change places.
	apply(t, rt, plan(t, reg, "127.0.81.1", "[a]\nservices=beta\nip=127.0.81.3\n[c]\nservices=beta\nip=127.0.81.1\n"))
	if got := dial(t, "127.0.81.1:21701").line(t); !strings.HasPrefix(got, "beta c ") {
		t.Errorf("greeting after the exchange %q", got)
	}
	if err := rt.Down(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if !refused("127.0.81.1:21701") || refused("127.0.81.3:21701") {
		t.Error("Down of one decky did not remove that one")
	}
	if err := rt.Down(t.Context(), "a", "nobody"); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if refused("127.0.81.3:21701") {
		t.Error("a failed Down removed a decky")
	}
	if err := rt.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, _ := rt.Status(t.Context()); len(status) != 0 || !refused("127.0.81.3:21701") {
		t.Errorf("after Down: %+v", status)
	}
}

// TestAppliedFleetIsTheRuntimesOwn: whoever applied a fleet may go on and make the next one of it.
func TestAppliedFleetIsTheRuntimesOwn(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	f := plan(t, reg, "127.0.81.21", "[a]\nservices=alpha\n[b]\nservices=alpha\n[c]\nservices=alpha\n")
	apply(t, rt, f)
	b := dial(t, "127.0.81.22:21700")
	b.line(t)
	f.Deckies[0].Name, f.Deckies[1].Services[0], f.Deckies[1].Hostname = "other", "beta", "changed"
	status, err := rt.Status(t.Context())
	if err != nil || len(status) != 3 || status[0].Name != "a" || len(status[1].Services) != 1 || status[1].Services[0].Name != "alpha" {
		t.Errorf("what runs is %+v, %v", status, err)
	}
	if err := rt.Down(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if !b.alive() || refused("127.0.81.21:21700") {
		t.Error("Down of one decky changed others")
	}
	apply(t, rt, f)
	if b.alive() || refused("127.0.81.22:21701") {
		t.Error("the changed fleet was not applied")
	}
}

func TestPortsThatAnotherServiceOwnsAreLeftToIt(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	apply(t, rt, plan(t, reg, "127.0.82.1", "[a]\nservices=web\n"))
	if got := dial(t, "127.0.82.1:21743").line(t); !strings.HasPrefix(got, "web ") {
		t.Errorf("alone: %q", got)
	}
	apply(t, rt, plan(t, reg, "127.0.82.1", "[a]\nservices=web,webs\n"))
	if got := dial(t, "127.0.82.1:21743").line(t); !strings.HasPrefix(got, "webs ") {
		t.Errorf("together: %q", got)
	}
	if got := dial(t, "127.0.82.1:21780").line(t); !strings.HasPrefix(got, "web ") {
		t.Errorf("together: %q", got)
	}
}

func TestFailedApplyChangesNothing(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	good := plan(t, reg, "127.0.83.1", "[a]\nservices=alpha\n")
	apply(t, rt, good)
	conn := dial(t, "127.0.83.1:21700")
	conn.line(t)

	squatter, err := net.Listen("tcp", "127.0.83.3:21701")
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	twins := plan(t, reg, "127.0.83.1", "[a]\nservices=alpha\n[b]\nservices=alpha\n")
	twins.Deckies[1].Addr = twins.Deckies[0].Addr
	badSetting := plan(t, reg, "127.0.83.1", "[a]\nservices=beta\n")
	badSetting.Deckies[0].Config = map[string]map[string]string{"beta": {"colour": "red"}}
	noSeed := plan(t, reg, "127.0.83.1", "[a]\nservices=beta\n")
	noSeed.Deckies[0].Seed = ""
	again := plan(t, reg, "127.0.83.1", "[a]\nservices=beta\n")
	again.Deckies = append(again.Deckies, again.Deckies[0])
	for name, tt := range map[string]struct {
		f    decnet.Fleet
		kind error
		says []string
	}{
		"port in use": {plan(t, reg, "127.0.83.1", "[a]\nservices=beta\n[b]\nservices=alpha\n[c]\nservices=beta\n"), syscall.EADDRINUSE,
			[]string{"c: beta", "127.0.83.3:21701", "port 701/tcp", "another program"}},
		"foreign address": {plan(t, reg, "192.0.2.1", "[x]\nservices=alpha,beta\n"), syscall.EADDRNOTAVAIL,
			[]string{"x: alpha", "192.0.2.1:21700", "does not have the address", "and 1 more"}},
		"one address twice": {twins, decnet.ErrSemantic, []string{"a and b", "127.0.83.1:21700"}},
		"one name twice":    {again, decnet.ErrInvalid, []string{"two deckies are called a"}},
		"setting":           {badSetting, decnet.ErrSemantic, []string{"a: beta", "colour", "banner"}},
		"no seed":           {noSeed, decnet.ErrInvalid, []string{"seed"}},
		"custom service": {plan(t, reg, "127.0.83.1", "[custom-billing]\nbinary=example/billing\n[a]\nservices=billing\n"), decnet.ErrSemantic,
			[]string{"a: custom service billing", "example/billing", "containers"}},
	} {
		err := rt.Apply(t.Context(), tt.f)
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: error %v, want one that wraps %v", name, err, tt.kind)
			continue
		}
		for _, s := range tt.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: error %q does not say %q", name, err, s)
			}
		}
		if !conn.alive() || !refused("127.0.83.2:21700") || !refused("127.0.83.1:21701") {
			t.Errorf("%s: something changed", name)
		}
	}
	var bind *local.BindError
	if err := rt.Apply(t.Context(), plan(t, reg, "192.0.2.1", "[x]\nservices=alpha,beta\n")); !errors.As(err, &bind) || len(bind.Failures()) != 2 {
		t.Errorf("error %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := rt.Apply(cancelled, decnet.Fleet{}); !errors.Is(err, context.Canceled) || !conn.alive() {
		t.Errorf("cancelled: error %v", err)
	}
	if status, _ := rt.Status(t.Context()); len(status) != 1 || status[0].State() != fleet.StateUp {
		t.Errorf("status %+v", status)
	}
}

func TestPortsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{PortOffset: 65_000})
	if err := rt.Apply(t.Context(), plan(t, reg, "127.0.83.1", "[a]\nservices=alpha\n")); !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "700/tcp") {
		t.Errorf("error %v", err)
	}
}

func TestAFailedServiceIsStartedAgain(t *testing.T) {
	t.Parallel()
	weak := fragile{greeter{"weak", port(790)}, make(chan func() error)}
	reg := registry(t, weak)
	failures := make(chan slog.Record, 10)
	rt := start(t, reg, local.Options{Retry: time.Millisecond, Log: slog.New(recorder{slog.DiscardHandler, failures})})
	apply(t, rt, plan(t, reg, "127.0.84.1", "[a]\nservices=alpha,weak\n"))
	strong := dial(t, "127.0.84.1:21700")
	strong.line(t)
	weakStatus := func() fleet.ServiceStatus {
		status, err := rt.Status(t.Context())
		if err != nil || len(status) != 1 || len(status[0].Services) != 2 {
			t.Fatalf("status %+v, %v", status, err)
		}
		return status[0].Services[1]
	}
	for i, how := range []func() error{
		func() error { return errors.New("socket broke") },
		func() error { panic("bug") },
		func() error { return nil },
	} {
		dial(t, "127.0.84.1:21790").line(t)
		if s := weakStatus(); s.State != fleet.StateUp || s.Restarts != i {
			t.Errorf("before failure %d: %+v", i, s)
		}
		weak.fail <- how
		for (<-failures).Message != "service failed" {
		}
		if s := weakStatus(); s.Err != []string{"socket broke", "panic: bug", "the server ended by itself"}[i] {
			t.Errorf("after failure %d: %+v", i, s)
		}
	}
	// The endpoint stays bound, so whoever connects in between is served afterwards.
	if got := dial(t, "127.0.84.1:21790").line(t); !strings.HasPrefix(got, "weak a ") {
		t.Errorf("greeting %q", got)
	}
	if !strong.alive() {
		t.Error("the failure of one service reached another")
	}
}

// recorder hands on what is logged.
type recorder struct {
	slog.Handler
	records chan slog.Record
}

func (recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r recorder) WithAttrs([]slog.Attr) slog.Handler { return r }

func (r recorder) Handle(_ context.Context, rec slog.Record) error {
	r.records <- rec
	return nil
}

func TestUDP(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	f := plan(t, reg, "127.0.85.1", "[a]\nservices=mirror,alpha\n")
	apply(t, rt, f)
	c, err := net.Dial("udp", "127.0.85.1:21700")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func() {
		t.Helper()
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != "hello" {
			t.Errorf("answer %q, %v", buf[:n], err)
		}
	}
	ask()
	f.Deckies[0].Hostname = "renamed" // all of its services start again, on the same sockets
	apply(t, rt, f)
	ask()
}

func TestW16_DeckiesListenOnIPv6(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	var mu sync.Mutex
	var seen []decnet.Event
	rt := start(t, reg, local.Options{PortOffset: offset + 100, Sink: decnet.SinkFunc(func(e decnet.Event) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, e)
	})})
	apply(t, rt, plan(t, reg, "::1", "[six]\nservices=alpha\n"))
	if got := dial(t, "[::1]:21800").line(t); !strings.HasPrefix(got, "alpha six ") {
		t.Errorf("greeting %q", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) == 0 || seen[0].Attacker != netip.IPv6Loopback() || seen[0].Value("dst_ip") != "::1" || seen[0].Value("dst_port") != "700" {
		t.Errorf("events %+v", seen)
	}
}

func TestW16_DeckiesListenOnBothTheirAddresses(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{PortOffset: offset + 200})
	const ini = "[both]\nservices=alpha\nip6=::1\n[one]\nservices=alpha\n"
	apply(t, rt, plan(t, reg, "127.0.20.30", ini))
	for addr, c := range map[string]client{"127.0.20.30": dial(t, "127.0.20.30:21900"), "::1": dial(t, "[::1]:21900")} {
		if got := c.line(t); !strings.HasPrefix(got, "alpha both ") {
			t.Errorf("greeting on %s: %q", addr, got)
		}
	}
	status, err := rt.Status(t.Context())
	if err != nil || status[0].Addr6 != netip.IPv6Loopback() || status[1].Addr6.IsValid() || len(status[0].Services[0].Ports) != 1 {
		t.Errorf("status %+v, %v", status, err)
	}
	taken := plan(t, reg, "127.0.20.30", "[both]\nservices=alpha\nip6=2001:db8::1\n")
	if err := rt.Apply(t.Context(), taken); err == nil || !strings.Contains(err.Error(), "both: alpha: cannot bind [2001:db8::1]:21900 (port 700/tcp): this machine does not have the address") {
		t.Errorf("an address that this machine does not have: %v", err)
	}
	apply(t, rt, plan(t, reg, "127.0.20.30", "[both]\nservices=alpha\n"))
	if c, err := net.Dial("tcp", "[::1]:21900"); err == nil {
		c.Close()
		t.Error("the address that was taken away still listens")
	}
}

func TestW44_DeckiesWithTheSameServiceGiveDifferentBait(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	apply(t, rt, plan(t, reg, "127.0.86.1", "[d]\nservices=alpha\namount=25\n"))
	seen := map[string]int{}
	for i := 1; i <= 25; i++ {
		line := dial(t, fmt.Sprintf("127.0.86.%d:21700", i)).line(t)
		bait := line[strings.LastIndexByte(line, ' ')+1:]
		if other, ok := seen[bait]; ok {
			t.Errorf("deckies %d and %d share %s", i, other, bait)
		}
		seen[bait] = i
	}
}

func TestManyDeckiesStopWithOpenConnections(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := local.New(reg, local.Options{PortOffset: offset})
	f := plan(t, reg, "127.0.87.1", "[d]\nservices=alpha,beta,mirror,web\namount=40\n")
	apply(t, rt, f) // before Run: bound, not served
	status, err := rt.Status(t.Context())
	if err != nil || len(status) != 40 || status[0].State() != fleet.StateDown {
		t.Fatalf("status %+v, %v", status, err)
	}
	early := dial(t, "127.0.87.40:21700")
	stop := fleettest.Run(t, rt.Run)
	early.line(t)
	var conns []client
	for i := 1; i <= 40; i++ {
		for _, port := range []int{21700, 21701, 21743, 21780} {
			c := dial(t, fmt.Sprintf("127.0.87.%d:%d", i, port))
			c.line(t)
			conns = append(conns, c)
		}
	}
	if err := rt.Run(t.Context()); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("second Run: %v", err)
	}
	stop()
	for _, c := range conns {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("open connection after the stop: %v", err)
		}
	}
	if err := rt.Apply(t.Context(), f); !errors.Is(err, local.ErrStopped) {
		t.Errorf("Apply after the stop: %v", err)
	}
	if !refused("127.0.87.1:21700") {
		t.Error("a socket stayed open")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rt := start(t, reg, local.Options{})
	one := plan(t, reg, "127.0.88.1", "[a]\nservices=alpha\n[b]\nservices=beta\n")
	two := plan(t, reg, "127.0.88.1", "[b]\nservices=alpha\n[c]\nservices=beta,web\n")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 10 {
				f := one
				if (i+j)%2 == 0 {
					f = two
				}
				if err := rt.Apply(t.Context(), f); err != nil {
					t.Error(err)
				}
				if _, err := rt.Status(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestWithoutPrivilege runs itself again as a user who may not bind low ports.
func TestWithoutPrivilege(t *testing.T) {
	if os.Getenv("LOCAL_UNPRIVILEGED") == "" {
		if os.Geteuid() != 0 {
			t.Skip("needs root to become another user")
		}
		if n := local.PortOffset(); n != 0 {
			t.Errorf("as root: offset %d", n)
		}
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestWithoutPrivilege$", "-test.v")
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), "LOCAL_UNPRIVILEGED=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestWithoutPrivilege") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if n := local.PortOffset(); n != 10_000 {
		t.Errorf("offset %d", n)
	}
	reg := registry(t)
	err := local.New(reg, local.Options{}).Apply(t.Context(), plan(t, reg, "127.0.89.1", "[a]\nservices=alpha\n"))
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "port offset of 10000") {
		t.Errorf("error %v", err)
	}
}
