package deployment_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// clock is a time that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func servicesOf(t testing.TB, s store.State, decky string) []string {
	t.Helper()
	doc := document(t, s)
	for _, d := range doc.Deckies {
		if d.Name == decky {
			return d.Services
		}
	}
	t.Fatalf("%s is not in %+v", decky, doc.Fleet)
	return nil
}

// sorted are services as one text.
func sorted(names []string) string { return strings.Join(slices.Sorted(slices.Values(names)), ",") }

func TestMutatorChangesWhatIsDue(t *testing.T) {
	t.Parallel()
	db, rt, now, sink := open(t), serving(t), newClock(), new(fleettest.Events)
	d := deployment.New(db, rt, deployment.Options{Runtime: "local", Now: now.Now})
	wanted := plan(t, "127.0.83.1", 2)
	wanted.Deckies[1].MutateInterval = -1
	if _, err := d.Deploy(t.Context(), always(wanted)); err != nil {
		t.Fatal(err)
	}
	fleettest.Run(t, deployment.NewMutator(d, registry(t), deployment.MutatorOptions{Sink: sink, Poll: 5 * time.Millisecond}).Run)
	now.pass(2 * time.Hour)
	eventually(t, "an event", func() bool { return len(sink.All()) == 1 })
	doc := document(t, db)
	fresh := doc.Deckies[0]
	if sorted(fresh.Services) == "alpha" || !fresh.LastMutated.Equal(now.Now()) || len(doc.Untold) != 0 {
		t.Errorf("%+v", doc)
	}
	if sorted(doc.Deckies[1].Services) != "alpha" {
		t.Errorf("a decky without interval has changed: %+v", doc.Deckies[1])
	}
	for _, name := range fresh.Services {
		if got := greets(t, fresh, name); got != name {
			t.Errorf("%s says %q", name, got)
		}
	}
	e := sink.All()[0]
	list := func(key string) (names []string) {
		if err := json.Unmarshal([]byte(e.Value(key)), &names); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		return names
	}
	if e.Type != "decky_mutated" || e.Decky != "decky-01" || sorted(list("old_services")) != "alpha" ||
		sorted(list("new_services")) != sorted(fresh.Services) || e.Value("trigger") != "scheduled" {
		t.Errorf("%+v", e)
	}
	now.pass(time.Minute)
	now.pass(time.Hour)
	eventually(t, "it changes again", func() bool { return len(sink.All()) == 2 })
}

func TestW10_MutationsAreNoAttackers(t *testing.T) {
	t.Parallel()
	db, rt, sink := open(t), serving(t), new(fleettest.Events)
	d := deployment.New(db, rt, deployment.Options{Runtime: "local"})
	if _, err := d.Deploy(t.Context(), always(plan(t, "127.0.84.1", 1))); err != nil {
		t.Fatal(err)
	}
	results, err := deployment.NewMutator(d, registry(t), deployment.MutatorOptions{Sink: sink}).Mutate(t.Context(), "decky-01")
	if err != nil || len(results) != 1 || results[0].Err != nil || results[0].Trigger != deployment.Operator {
		t.Fatalf("%+v, %v", results, err)
	}
	e := sink.All()[0]
	if !e.FromSensor() || e.Attacker.IsValid() {
		t.Errorf("%+v counts as what an attacker did", e)
	}
	if _, err := db.Ingest(t.Context(), store.Batch{Records: []store.Record{{Event: e, Raw: "-"}}}); err != nil {
		t.Fatal(err)
	}
	if totals, err := db.Totals(t.Context()); err != nil || totals.Records != 1 || totals.Attackers != 0 {
		t.Errorf("%+v, %v", totals, err)
	}
}

func TestW32_IntervalsOfFlagsDocumentsAndTheAPIHold(t *testing.T) {
	t.Parallel()
	db, rt, now, sink := open(t), serving(t), newClock(), new(fleettest.Events)
	d := deployment.New(db, rt, deployment.Options{Runtime: "local", Now: now.Now})
	ini := "[general]\nmutate_interval = 60\n[own]\nip = 127.0.85.1\nservices = alpha\nmutate_interval = 10\n" +
		"[general-one]\nip = 127.0.85.2\nservices = alpha\n[api]\nip = 127.0.85.3\nservices = alpha\n"
	wanted, err := fleet.FromINI(registry(t), []byte(ini), fleet.Options{Now: now.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Deploy(t.Context(), always(wanted)); err != nil {
		t.Fatal(err)
	}
	if err := deployment.SetInterval(t.Context(), db, "api", 30*time.Minute); err != nil {
		t.Fatal(err)
	}
	fleettest.Run(t, deployment.NewMutator(d, registry(t), deployment.MutatorOptions{Sink: sink, Poll: 5 * time.Millisecond}).Run)
	var got []string
	for n, step := range []time.Duration{9 * time.Minute, 2 * time.Minute, 20 * time.Minute, 30 * time.Minute} {
		if n > 1 {
			// Between two looks the others would change again.
			if err := deployment.SetInterval(t.Context(), db, "own", 0); err != nil {
				t.Fatal(err)
			}
			if n > 2 {
				if err := deployment.SetInterval(t.Context(), db, "api", 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		now.pass(step)
		if n == 0 {
			continue
		}
		eventually(t, "a mutation", func() bool { return len(sink.All()) == n })
		got = append(got, sink.All()[n-1].Decky)
	}
	if strings.Join(got, " ") != "own api general-one" {
		t.Errorf("changed %v", got)
	}
}

func TestAnOpenSessionIsLeftAlone(t *testing.T) {
	t.Parallel()
	db, rt, now, sink := open(t), serving(t), newClock(), new(fleettest.Events)
	d := deployment.New(db, rt, deployment.Options{Runtime: "local", Now: now.Now})
	f := plan(t, "127.0.86.1", 3)
	if _, err := d.Deploy(t.Context(), always(f)); err != nil {
		t.Fatal(err)
	}
	postponed := make(chan string, 10)
	fleettest.Run(t, deployment.NewMutator(d, registry(t), deployment.MutatorOptions{
		Sink: sink, Poll: 5 * time.Millisecond, Grace: 5 * time.Minute,
		Postponed: func(decky string, sessions int, until time.Time) {
			i := slices.IndexFunc(f.Deckies, func(k decnet.Decky) bool { return k.Name == decky })
			if sessions != 1 || !until.Equal(f.Deckies[i].LastMutated.Add(time.Hour+5*time.Minute)) {
				t.Errorf("%s: %d sessions until %v", decky, sessions, until)
			}
			postponed <- decky
		},
	}).Run)
	first, _ := connect(t, f.Deckies[0], "alpha")
	defer first.Close()
	second, _ := connect(t, f.Deckies[1], "alpha")
	defer second.Close()
	now.pass(time.Hour + time.Minute)
	eventually(t, "the decky with nobody changes", func() bool { return len(sink.All()) == 1 })
	if e := sink.All()[0]; e.Decky != "decky-03" {
		t.Errorf("%s has changed", e.Decky)
	}
	for _, want := range []string{"decky-01", "decky-02"} {
		if got := <-postponed; got != want {
			t.Errorf("%s is put off, want %s", got, want)
		}
	}
	first.Close()
	eventually(t, "the decky whose session has ended changes", func() bool { return len(sink.All()) == 2 })
	if e := sink.All()[1]; e.Decky != "decky-01" {
		t.Errorf("%s has changed", e.Decky)
	}
	now.pass(5 * time.Minute)
	eventually(t, "the grace time passes", func() bool { return len(sink.All()) == 3 })
	if len(postponed) != 0 {
		t.Error("put off twice")
	}
}

func TestASessionOfAServiceThatStaysGoesOn(t *testing.T) {
	t.Parallel()
	db, rt := open(t), serving(t)
	d := deployment.New(db, rt, deployment.Options{Runtime: "local"})
	f := plan(t, "127.0.87.1", 1)
	f.Deckies[0].Services = []string{"alpha", "beta", "gamma"}
	if _, err := d.Deploy(t.Context(), always(f)); err != nil {
		t.Fatal(err)
	}
	c, _ := connect(t, f.Deckies[0], "alpha")
	defer c.Close()
	m := deployment.NewMutator(d, registry(t), deployment.MutatorOptions{Grace: -1})
	for {
		results, err := m.Mutate(t.Context(), "decky-01")
		if err != nil || results[0].Err != nil {
			t.Fatalf("%+v, %v", results, err)
		}
		open, err := rt.Sessions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stays := slices.Contains(results[0].New, "alpha"); stays != (open["decky-01"] == 1) {
			t.Fatalf("%v, sessions %v", results[0].New, open)
		} else if !stays {
			return
		}
	}
}

func TestADeckyThatCannotChangeIsNoErrorOfEachRound(t *testing.T) {
	t.Parallel()
	db, now, sink := open(t), newClock(), new(fleettest.Events)
	reg, err := services.NewRegistry(greeter{"alpha"})
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{}
	d := deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true, Now: now.Now})
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 1))); err != nil {
		t.Fatal(err)
	}
	m := deployment.NewMutator(d, reg, deployment.MutatorOptions{Sink: sink, Poll: 5 * time.Millisecond})
	results, err := m.Mutate(t.Context(), "decky-01", "decky-07")
	if err != nil || !errors.Is(results[0].Err, fleet.ErrImmutable) || !errors.Is(results[1].Err, decnet.ErrNotFound) {
		t.Errorf("%+v, %v", results, err)
	}
	now.pass(2 * time.Hour)
	e.fail = "decky-01" // the engine is not asked
	fleettest.Run(t, m.Run)
	eventually(t, "its time is set", func() bool { return document(t, db).Deckies[0].LastMutated.Equal(now.Now()) })
	if len(sink.All()) != 0 || sorted(servicesOf(t, db, "decky-01")) != "alpha" {
		t.Errorf("%v", sink.All())
	}
}

func TestW26_AMutationThatFailsLeavesATrueStateAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	db, now, sink, e := open(t), newClock(), new(fleettest.Events), &engine{}
	d := deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true, Now: now.Now})
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 2))); err != nil {
		t.Fatal(err)
	}
	e.fail = "decky-01"
	m := deployment.NewMutator(d, registry(t), deployment.MutatorOptions{Sink: sink, Poll: 5 * time.Millisecond})
	results, err := m.Mutate(t.Context(), "decky-01")
	var left *deployment.LeftError
	if err != nil || !errors.As(results[0].Err, &left) || sorted(servicesOf(t, db, "decky-01")) != "alpha" || len(sink.All()) != 0 {
		t.Errorf("%+v, %v", results, err)
	}
	fleettest.Run(t, m.Run)
	now.pass(2 * time.Hour)
	eventually(t, "a further attempt", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.fail = ""
		return len(e.deckies) == 2 && sorted(e.deckies[1].Services) != "alpha"
	})
	now.pass(2 * time.Minute)
	eventually(t, "both have changed", func() bool { return len(sink.All()) == 2 })
	for _, k := range document(t, db).Deckies {
		if sorted(k.Services) == "alpha" {
			t.Errorf("%+v", k)
		}
	}
}

func TestARequestIsCarriedOutByWhoHasTheRuntime(t *testing.T) {
	t.Parallel()
	db, rt, sink := open(t), serving(t), new(fleettest.Events)
	d := deployment.New(db, rt, deployment.Options{Runtime: "local"})
	f := plan(t, "127.0.88.1", 1)
	if _, err := d.Deploy(t.Context(), always(f)); err != nil {
		t.Fatal(err)
	}
	if _, err := deployment.Ask(t.Context(), db, "decky-02", false); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("%v", err)
	}
	r, err := deployment.Ask(t.Context(), db, "decky-01", false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := deployment.Answer(ctx, db, r); !errors.Is(err, context.Canceled) || len(document(t, db).Requests) != 0 {
		t.Errorf("taken back: %v, %+v", err, document(t, db).Requests)
	}
	if r, err = deployment.Ask(t.Context(), db, "decky-01", true); err != nil {
		t.Fatal(err)
	}
	c, _ := connect(t, f.Deckies[0], "alpha")
	defer c.Close()
	fleettest.Run(t, deployment.NewMutator(d, registry(t), deployment.MutatorOptions{Sink: sink, Poll: 5 * time.Millisecond}).Run)
	got, err := deployment.Answer(t.Context(), db, r)
	if err != nil || sorted(got) == "alpha" || sorted(got) != sorted(servicesOf(t, db, "decky-01")) {
		t.Errorf("%v, %v", got, err)
	}
	eventually(t, "an event", func() bool { return len(sink.All()) == 1 })
	if v := sink.All()[0].Value("trigger"); v != "operator" {
		t.Errorf("trigger %s", v)
	}
}

func TestARequestThatCannotBeSaysWhy(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{}
	d := docker(db, e, "test")
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 1))); err != nil {
		t.Fatal(err)
	}
	r, err := deployment.Ask(t.Context(), db, "decky-01", false)
	if err != nil {
		t.Fatal(err)
	}
	e.fail = "decky-01"
	fleettest.Run(t, deployment.NewMutator(d, registry(t), deployment.MutatorOptions{Poll: 5 * time.Millisecond}).Run)
	if _, err := deployment.Answer(t.Context(), db, r); !errors.Is(err, decnet.ErrConflict) || !strings.Contains(err.Error(), "the engine refuses") {
		t.Errorf("%v", err)
	}
	if left := document(t, db).Requests; len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestMutationsWithoutASinkAreToldLater(t *testing.T) {
	t.Parallel()
	db, e, sink := open(t), &engine{}, new(fleettest.Events)
	d := docker(db, e, "test")
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 2))); err != nil {
		t.Fatal(err)
	}
	if results, err := deployment.NewMutator(d, registry(t), deployment.MutatorOptions{}).Mutate(t.Context(), "decky-02"); err != nil || results[0].Err != nil {
		t.Fatalf("%+v, %v", results, err)
	}
	if doc := document(t, db); len(doc.Untold) != 1 {
		t.Fatalf("%+v", doc)
	}
	other := docker(db, &engine{}, "collector")
	fleettest.Run(t, deployment.NewMutator(other, registry(t), deployment.MutatorOptions{Sink: sink, Poll: 5 * time.Millisecond}).Run)
	eventually(t, "an event", func() bool { return len(sink.All()) == 1 })
	if e := sink.All()[0]; e.Decky != "decky-02" || len(document(t, db).Untold) != 0 {
		t.Errorf("%+v", e)
	}
}

func TestTwoMutatorsChangeADeckyOnce(t *testing.T) {
	t.Parallel()
	db, e, now, sink := open(t), &engine{}, newClock(), new(fleettest.Events)
	with := func() *deployment.Deployment {
		return deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true, Now: now.Now})
	}
	if _, err := with().Deploy(t.Context(), always(plan(t, "10.0.0.1", 5))); err != nil {
		t.Fatal(err)
	}
	now.pass(2 * time.Hour)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			results, err := deployment.NewMutator(with(), registry(t), deployment.MutatorOptions{Sink: sink}).Due(t.Context())
			if err != nil {
				t.Error(err)
			}
			for _, r := range results {
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
		})
	}
	all.Wait()
	changed := map[string]int{}
	for _, ev := range sink.All() {
		changed[ev.Decky]++
	}
	if len(changed) != 5 || len(sink.All()) != 5 || e.clash.Load() {
		t.Errorf("%v", changed)
	}
}

func TestStateOfTheDiskSurvives(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/decnet.db"
	e := &engine{}
	for i := range 2 {
		db, err := sqlite.Open(t.Context(), path, sqlite.Config{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := docker(db, e, "test").Deploy(t.Context(), func(last decnet.Fleet) (decnet.Fleet, error) {
			return plan(t, "10.0.0.1", len(last.Deckies)+1), nil
		})
		if err != nil || len(out.After.Deckies) != i+1 {
			t.Errorf("%+v, %v", out, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
