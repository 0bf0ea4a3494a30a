package deployment_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/local"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greeter is a service that says its name and then waits for the other side to leave.
type greeter struct{ name string }

var ports = map[string]uint16{"alpha": 41001, "beta": 41002, "gamma": 41003}

func (g greeter) Info() services.Info {
	return services.Info{Name: g.name, Ports: []services.Port{{Network: "tcp", Number: ports[g.name]}}}
}

func (g greeter) New(env services.Env, cfg services.Config) (services.Server, error) {
	_, err := cfg.Check(g.Info())
	return greeting{env.Complete(), g.name}, err
}

type greeting struct {
	env  services.Env
	name string
}

func (g greeting) Serve(ctx context.Context, socks []services.Socket) error {
	return g.env.Serve(ctx, g.name, socks, func(_ context.Context, s *services.Session) error {
		fmt.Fprintln(s, g.name)
		_, err := bufio.NewReader(s).ReadString('\n')
		return err
	})
}

func registry(t testing.TB) *services.Registry {
	t.Helper()
	reg, err := services.NewRegistry(greeter{"alpha"}, greeter{"beta"}, greeter{"gamma"})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func open(t testing.TB) store.Repository {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// serving returns a local runtime that serves until the test ends.
func serving(t testing.TB) *local.Runtime {
	t.Helper()
	rt := local.New(registry(t), local.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := rt.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return rt
}

// plan is a fleet of deckies that run alpha, the first on addr.
func plan(t testing.TB, addr string, deckies int) decnet.Fleet {
	t.Helper()
	f, err := fleet.FromFlags(registry(t), fleet.Flags{Deckies: deckies, Services: []string{"alpha"}},
		fleet.Options{Seed: "test", First: netip.MustParseAddr(addr), MutateInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func always(f decnet.Fleet) func(decnet.Fleet) (decnet.Fleet, error) {
	return func(decnet.Fleet) (decnet.Fleet, error) { return f, nil }
}

func document(t testing.TB, s store.State) deployment.Document {
	t.Helper()
	doc, err := deployment.Read(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func names(f decnet.Fleet) string {
	var list []string
	for _, d := range f.Deckies {
		list = append(list, d.Name)
	}
	return strings.Join(list, " ")
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// engine is a runtime whose deckies outlive whoever made them. It makes one decky after
// the other, as an engine does, and can be told where to stop.
type engine struct {
	mu      sync.Mutex
	deckies []decnet.Decky
	fail    string        // the decky that cannot be made
	away    bool          // it does not even answer
	blocked chan struct{} // Apply waits here after the first decky; nil: it does not
	reached chan struct{} // closed when it does
	busy    atomic.Int32  // how many are at it
	clash   atomic.Bool   // two were
	refused atomic.Int32  // how many changes failed
	open    map[string]int
}

var errEngine = errors.New("the engine refuses")

func (e *engine) Apply(ctx context.Context, f decnet.Fleet) error {
	if e.busy.Add(1) > 1 {
		e.clash.Store(true)
	}
	defer e.busy.Add(-1)
	for i, d := range f.Deckies {
		e.mu.Lock()
		blocked, reached := e.blocked, e.reached
		if d.Name == e.fail {
			e.mu.Unlock()
			e.refused.Add(1)
			return errEngine
		}
		e.deckies = append(slices.DeleteFunc(e.deckies, func(o decnet.Decky) bool { return o.Name == d.Name }), d)
		e.mu.Unlock()
		if i == 0 && blocked != nil {
			close(reached)
			select {
			case <-blocked:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deckies = slices.Clone(f.Deckies)
	return nil
}

func (e *engine) Status(context.Context) ([]fleet.DeckyStatus, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return nil, errEngine
	}
	var list []fleet.DeckyStatus
	for _, d := range e.deckies {
		s := fleet.DeckyStatus{Name: d.Name, Addr: d.Addr, Hostname: d.Hostname}
		for _, name := range d.Services {
			s.Services = append(s.Services, fleet.ServiceStatus{Name: name, State: fleet.StateUp})
		}
		list = append(list, s)
	}
	return list, nil
}

func (e *engine) Down(_ context.Context, names ...string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range names {
		if !slices.ContainsFunc(e.deckies, func(d decnet.Decky) bool { return d.Name == name }) {
			return decnet.ErrNotFound
		}
	}
	e.deckies = slices.DeleteFunc(e.deckies, func(d decnet.Decky) bool { return len(names) == 0 || slices.Contains(names, d.Name) })
	return nil
}

func (e *engine) Sessions(context.Context) (map[string]int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.open, nil
}

func docker(db store.State, e *engine, by string) *deployment.Deployment {
	return deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true, By: by})
}

func TestW25_DeployAndTeardownAreOneStateForAll(t *testing.T) {
	t.Parallel()
	db, rt := open(t), serving(t)
	if doc := document(t, db); names(doc.Fleet) != "" || doc.Runtime != "" || doc.Change != nil {
		t.Errorf("at first: %+v", doc)
	}
	d := deployment.New(db, rt, deployment.Options{Runtime: "local"})
	wanted := plan(t, "127.0.81.1", 2)
	out, err := d.Deploy(t.Context(), always(wanted))
	if err != nil || names(out.Before) != "" || names(out.After) != "decky-01 decky-02" {
		t.Fatalf("%+v, %v", out, err)
	}
	// Whoever reads the document reads a fleet.
	raw, err := db.State(t.Context(), store.FleetKey)
	if err != nil {
		t.Fatal(err)
	}
	var f decnet.Fleet
	if err := json.Unmarshal(raw, &f); err != nil || names(f) != "decky-01 decky-02" || f.Seed != wanted.Seed {
		t.Errorf("%+v, %v", f, err)
	}
	if greets(t, wanted.Deckies[1], "alpha") != "alpha" {
		t.Error("decky-02 does not serve")
	}
	// Another process sees the same, and changes it.
	other := deployment.New(db, rt, deployment.Options{Runtime: "local"})
	if out, err = other.Remove(t.Context(), "decky-01"); err != nil || names(out.Before) != "decky-01 decky-02" || names(out.After) != "decky-02" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := d.Remove(t.Context(), "decky-01"); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if status, err := rt.Status(t.Context()); err != nil || len(status) != 1 || names(document(t, db).Fleet) != "decky-02" {
		t.Errorf("%+v, %v", status, err)
	}
	if _, err := d.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	if doc := document(t, db); len(doc.Deckies) != 0 || doc.Seed != wanted.Seed || doc.Change != nil {
		t.Errorf("at the end: %+v", doc)
	}
}

// greets connects to a service of a decky and returns what it says.
func greets(t testing.TB, d decnet.Decky, service string) string {
	t.Helper()
	c, line := connect(t, d, service)
	c.Close()
	return line
}

func connect(t testing.TB, d decnet.Decky, service string) (net.Conn, string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", netip.AddrPortFrom(d.Addr, ports[service]).String(), 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return c, strings.TrimSpace(line)
}

func TestW27_AFailedDeployLeavesATrueState(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{fail: "decky-03"}
	d := docker(db, e, "test")
	_, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 4)))
	var left *deployment.LeftError
	if !errors.As(err, &left) || !errors.Is(err, errEngine) || names(left.Left) != "decky-01 decky-02" {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(err.Error(), "the engine refuses; deployed are now decky-01, decky-02") {
		t.Errorf("%v", err)
	}
	if doc := document(t, db); names(doc.Fleet) != "decky-01 decky-02" || doc.Change != nil {
		t.Errorf("%+v", doc)
	}
	// A decky that was to change and has not is what it was.
	e.fail = "decky-02"
	changed := plan(t, "10.0.0.1", 2)
	for i := range changed.Deckies {
		changed.Deckies[i].Services = []string{"beta"}
	}
	if _, err := d.Deploy(t.Context(), always(changed)); !errors.Is(err, errEngine) {
		t.Fatal(err)
	}
	doc := document(t, db)
	if doc.Deckies[0].Services[0] != "beta" || doc.Deckies[1].Services[0] != "alpha" {
		t.Errorf("%+v", doc.Deckies)
	}
	// A plan that cannot be made changes nothing.
	raw, _ := db.State(t.Context(), store.FleetKey)
	if _, err := d.Deploy(t.Context(), func(decnet.Fleet) (decnet.Fleet, error) { return decnet.Fleet{}, decnet.ErrSemantic }); !errors.Is(err, decnet.ErrSemantic) {
		t.Error(err)
	}
	if now, _ := db.State(t.Context(), store.FleetKey); string(now) != string(raw) {
		t.Errorf("was %s\nis %s", raw, now)
	}
	// Where the engine does not answer, that is said, and the next change finds out.
	e.fail, e.away = "decky-01", true
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 4))); !errors.Is(err, errEngine) || errors.As(err, &left) ||
		!strings.Contains(err.Error(), "could not be found out") {
		t.Errorf("%v", err)
	}
	if doc := document(t, db); doc.Change == nil || doc.Change.What != "deploy" {
		t.Errorf("%+v", doc)
	}
	e.fail, e.away = "", false
	if out, err := d.Remove(t.Context(), "decky-01"); err != nil || names(out.Before) != "decky-01 decky-02" || names(document(t, db).Fleet) != "decky-02" {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestPlanMayChangeWhatItIsGiven: a plan that changes the fleet of before in place, as is natural
// to write, changes neither the document nor what is said of before.
func TestPlanMayChangeWhatItIsGiven(t *testing.T) {
	t.Parallel()
	db := open(t)
	d := deployment.New(db, serving(t), deployment.Options{Runtime: "local"})
	if _, err := d.Deploy(t.Context(), always(plan(t, "127.0.83.201", 2))); err != nil {
		t.Fatal(err)
	}
	raw, _ := db.State(t.Context(), store.FleetKey)
	becoming := func(service string) func(decnet.Fleet) (decnet.Fleet, error) {
		return func(f decnet.Fleet) (decnet.Fleet, error) {
			for i := range f.Deckies {
				f.Deckies[i].Services[0] = service
			}
			return f, nil
		}
	}
	if _, err := d.Deploy(t.Context(), becoming("none such")); !errors.Is(err, decnet.ErrSemantic) {
		t.Fatal(err)
	}
	if now, _ := db.State(t.Context(), store.FleetKey); string(now) != string(raw) {
		t.Errorf("was %s\nis %s", raw, now)
	}
	out, err := d.Deploy(t.Context(), becoming("beta"))
	if err != nil || out.Before.Deckies[1].Services[0] != "alpha" || out.After.Deckies[1].Services[0] != "beta" {
		t.Errorf("%+v, %v", out, err)
	}
	doc := document(t, db)
	wanted, _, err := deployment.Preview(doc, deployment.Add, becoming("gamma"))
	if err != nil || wanted.Deckies[0].Services[0] != "beta" || doc.Deckies[0].Services[0] != "beta" {
		t.Errorf("the preview of a plan that asks for nothing is %+v, %v", wanted, err)
	}
}

func TestW27_DeploysTakeTurns(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{}
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			d := docker(db, e, fmt.Sprint("deploy ", i))
			_, err := d.Deploy(t.Context(), func(last decnet.Fleet) (decnet.Fleet, error) {
				return plan(t, "10.0.0.1", len(last.Deckies)+1), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if e.clash.Load() {
		t.Error("two deploys were at it at once")
	}
	if doc := document(t, db); len(doc.Deckies) != 6 || len(e.deckies) != 6 {
		t.Errorf("%d deckies in the document and %d in the engine", len(doc.Deckies), len(e.deckies))
	}
}

func TestSomebodyWhoWaitsIsToldForWhat(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{blocked: make(chan struct{}), reached: make(chan struct{})}
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := docker(db, e, "grace").Deploy(t.Context(), always(plan(t, "10.0.0.1", 2))); err != nil {
			t.Error(err)
		}
	})
	<-e.reached
	e.mu.Lock()
	goOn := e.blocked
	e.blocked = nil
	e.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	second := deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true, Waiting: func(c deployment.Change) {
		if c.By != "grace" || c.What != "deploy" || names(c.Wanted) != "decky-01 decky-02" {
			t.Errorf("%+v", c)
		}
		cancel()
	}})
	if _, err := second.Remove(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "another deploy is under way") {
		t.Errorf("%v", err)
	}
	close(goOn)
	first.Wait()
	if names(document(t, db).Fleet) != "decky-01 decky-02" {
		t.Errorf("%+v", document(t, db).Fleet)
	}
}

func TestIntervalsSetDuringAChangeStay(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{}
	d := docker(db, e, "test")
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 2))); err != nil {
		t.Fatal(err)
	}
	e.blocked, e.reached = make(chan struct{}), make(chan struct{})
	var change sync.WaitGroup
	change.Go(func() {
		if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 3))); err != nil {
			t.Error(err)
		}
	})
	<-e.reached
	if err := deployment.SetInterval(t.Context(), db, "decky-02", 7*time.Minute); err != nil {
		t.Error(err)
	}
	close(e.blocked)
	change.Wait()
	doc := document(t, db)
	for i, want := range []time.Duration{time.Hour, 7 * time.Minute, time.Hour} {
		if got := fleet.Interval(doc.Fleet, doc.Deckies[i]); got != want {
			t.Errorf("%s: %v, want %v", doc.Deckies[i].Name, got, want)
		}
	}
	if err := deployment.SetInterval(t.Context(), db, "decky-09", 0); !errors.Is(err, decnet.ErrNotFound) {
		t.Error(err)
	}
	if err := deployment.SetInterval(t.Context(), db, "decky-01", -1); !errors.Is(err, decnet.ErrInvalid) {
		t.Error(err)
	}
}

// abandoned leaves a change in db whose owner was killed in the middle.
func abandoned(t *testing.T, db store.Repository, e *engine, process string, lease time.Duration) {
	t.Helper()
	e.blocked, e.reached = make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	dead := deployment.New(mute{db, ctx}, e, deployment.Options{Runtime: "docker", Durable: true, By: "dead", Process: process, Lease: lease})
	done := make(chan error)
	go func() {
		_, err := dead.Deploy(ctx, always(plan(t, "10.0.0.1", 3)))
		done <- err
	}()
	<-e.reached
	cancel()
	if err := <-done; err == nil {
		t.Fatal("no error")
	}
	e.blocked = nil
}

// mute is a store that takes nothing any more once alive has ended, as from a process that
// was killed.
type mute struct {
	store.Repository
	alive context.Context
}

func (m mute) SwapState(ctx context.Context, key string, old, value json.RawMessage) error {
	if m.alive.Err() != nil {
		return m.alive.Err()
	}
	return m.Repository.SwapState(ctx, key, old, value)
}

func TestAChangeThatWasCutOffIsLookedInto(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]deployment.Options{
		"by its lease":   {Lease: time.Second},
		"by its process": {Lease: time.Hour, Alive: func(process string) bool { return process != "dead process" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, e := open(t), &engine{}
			abandoned(t, db, e, "dead process", opt.Lease)
			if doc := document(t, db); doc.Change == nil || names(doc.Change.Wanted) != "decky-01 decky-02 decky-03" || names(doc.Fleet) != "" {
				t.Fatalf("%+v", doc)
			}
			opt.Runtime, opt.Durable = "docker", true
			out, err := deployment.New(db, e, opt).Deploy(t.Context(), func(last decnet.Fleet) (decnet.Fleet, error) {
				last.Deckies = append(slices.Clone(last.Deckies), plan(t, "10.0.0.1", 4).Deckies[3])
				return last, nil
			})
			if err != nil || names(out.Before) != "decky-01" || names(out.After) != "decky-01 decky-04" || names(document(t, db).Fleet) != "decky-01 decky-04" {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
}

func TestAChangeThatIsTakenForDeadStops(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{blocked: make(chan struct{}), reached: make(chan struct{})}
	slow := deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true, Lease: time.Second})
	failed := make(chan error)
	go func() {
		_, err := slow.Deploy(t.Context(), always(plan(t, "10.0.0.1", 3)))
		failed <- err
	}()
	<-e.reached
	e.mu.Lock()
	e.blocked = nil
	e.mu.Unlock()
	robber := deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true, Alive: func(string) bool { return false }})
	if _, err := robber.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("%v", err)
	}
	if names(document(t, db).Fleet) != "" {
		t.Errorf("%+v", document(t, db))
	}
}

func TestContainersAreNotForgottenForAnotherRuntime(t *testing.T) {
	t.Parallel()
	db, e, rt := open(t), &engine{}, serving(t)
	if _, err := docker(db, e, "test").Deploy(t.Context(), always(plan(t, "127.0.82.1", 1))); err != nil {
		t.Fatal(err)
	}
	d := deployment.New(db, rt, deployment.Options{Runtime: "local"})
	if _, err := d.Deploy(t.Context(), always(plan(t, "127.0.82.1", 1))); !errors.Is(err, decnet.ErrConflict) || !strings.Contains(err.Error(), "docker") {
		t.Errorf("%v", err)
	}
	if _, err := docker(db, e, "test").Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Deploy(t.Context(), always(plan(t, "127.0.82.1", 1))); err != nil {
		t.Error(err)
	}
	if doc := document(t, db); doc.Runtime != "local" || doc.Durable {
		t.Errorf("%+v", doc)
	}
}
