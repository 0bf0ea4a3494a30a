package deployment_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/store"
)

// fragile is an engine whose deckies somebody can remove.
type fragile struct {
	*engine
	changed chan struct{}
}

func (f fragile) Changes(ctx context.Context, changed func()) error {
	for {
		changed()
		select {
		case <-ctx.Done():
			return nil
		case <-f.changed:
		}
	}
}

func (f fragile) Losses(_ context.Context, wanted decnet.Fleet) (list []fleet.Loss, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range wanted.Deckies {
		if !slices.ContainsFunc(f.deckies, func(o decnet.Decky) bool { return o.Name == d.Name }) {
			list = append(list, fleet.Loss{Decky: d.Name, What: "it is gone"})
		}
	}
	return list, nil
}

// remove takes a decky away and, when it may be made again, lets that be.
func (f fragile) remove(name string, again bool) {
	f.mu.Lock()
	f.deckies = slices.DeleteFunc(f.deckies, func(d decnet.Decky) bool { return d.Name == name })
	if f.fail = name; again {
		f.fail = ""
	}
	f.mu.Unlock()
	f.changed <- struct{}{}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	db, sink := open(t), new(fleettest.Events)
	e := fragile{&engine{}, make(chan struct{})}
	d := deployment.New(db, e, deployment.Options{Runtime: "docker", Durable: true})
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 2))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		opt := deployment.RepairOptions{Sink: sink, Settle: 10 * time.Millisecond, Retry: 5 * time.Millisecond}
		if err := d.Repair(ctx, opt); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	kinds := func() (list []string) {
		for _, ev := range sink.All() {
			list = append(list, ev.Type+" "+ev.Decky)
		}
		return list
	}

	e.remove("decky-02", true)
	eventually(t, "it is repaired", func() bool { return slices.Equal(kinds(), []string{"decky_lost decky-02", "decky_repaired decky-02"}) })
	first := sink.All()[0]
	if first.Value("lost") != `["it is gone"]` || !first.FromSensor() || first.Attacker.IsValid() {
		t.Errorf("%+v", first)
	}

	// What cannot be made again is tried again, and is wanted all the time.
	e.remove("decky-01", false)
	eventually(t, "it is missed", func() bool { return len(kinds()) == 3 })
	eventually(t, "a repair is tried and fails", func() bool { return e.refused.Load() > 2 })
	if doc := document(t, db); names(doc.Fleet) != "decky-01 decky-02" {
		t.Errorf("the document says %s", names(doc.Fleet))
	}
	e.mu.Lock()
	e.fail = ""
	e.mu.Unlock()
	eventually(t, "it is repaired in the end", func() bool {
		return slices.Equal(kinds()[2:], []string{"decky_lost decky-01", "decky_repaired decky-01"})
	})

	// What is taken down is not missed.
	if _, err := d.Remove(t.Context(), "decky-02"); err != nil {
		t.Fatal(err)
	}
	e.remove("decky-01", true)
	eventually(t, "the other is repaired", func() bool { return len(kinds()) == 6 })
	if doc := document(t, db); names(doc.Fleet) != "decky-01" || doc.Change != nil {
		t.Errorf("the document says %+v", doc)
	}
}

// TestARepairThatWasCutOffTakesNothingAway has a process killed while it repairs.
func TestARepairThatWasCutOffTakesNothingAway(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{}
	d := docker(db, e, "test")
	if _, err := d.Deploy(t.Context(), always(plan(t, "10.0.0.1", 2))); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.deckies = e.deckies[:1]
	e.mu.Unlock()
	doc := document(t, db)
	raw, err := db.State(t.Context(), store.FleetKey)
	if err != nil {
		t.Fatal(err)
	}
	doc.Change = &deployment.Change{ID: "dead", What: "repair", Wanted: doc.Fleet}
	cut, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SwapState(t.Context(), store.FleetKey, raw, cut); err != nil {
		t.Fatal(err)
	}
	out, err := d.Deploy(t.Context(), func(last decnet.Fleet) (decnet.Fleet, error) { return last, nil })
	if err != nil || names(out.After) != "decky-01 decky-02" {
		t.Errorf("%s, %v", names(out.After), err)
	}
}
