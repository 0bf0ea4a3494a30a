package assembly

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/dsn"
)

// standing is a decky as the API lists it.
type standing struct {
	Name     string
	IP       string
	Services []string
	Interval *int `json:"mutate_interval"`
}

func deckiesOf(t *testing.T, d *daemontest.Daemon) (list []standing) {
	t.Helper()
	if err := d.Call(t.Context(), "GET", "/deckies", nil, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// same reports whether two lists are of the same deckies.
func same(a, b []standing) bool {
	return slices.EqualFunc(a, b, func(x, y standing) bool {
		if (x.Interval == nil) != (y.Interval == nil) || x.Interval != nil && *x.Interval != *y.Interval {
			return false
		}
		return x.Name == y.Name && x.IP == y.IP && slices.Equal(x.Services, y.Services)
	})
}

// TestW25_AStartWithTheSameFileFindsTheFleetAsItStands changes a fleet through the API and
// starts the daemon again with the same file, and with one that says more.
func TestW25_AStartWithTheSameFileFindsTheFleetAsItStands(t *testing.T) {
	const text = "[web]\nip = 127.0.72.1\nservices = redis\n[db]\nip = 127.0.72.2\nservices = redis\n"
	data, config := t.TempDir(), writeFile(t, "fleet.ini", text)
	args := []string{"--port-offset", port(0), "--mutate-interval", "600", "--config", config}
	d := daemontest.Start(t, binaries.plain, data, args...)
	d.LogIn(t)
	call := func(method, path string, body any) {
		t.Helper()
		if err := d.Call(t.Context(), method, path, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	call("POST", "/deckies/web/mutate", nil)
	daemontest.WaitFor(t, "the mutation", func() bool { return !slices.Equal(deckiesOf(t, d)[0].Services, []string{"redis"}) })
	call("PUT", "/deckies/db/mutate-interval", map[string]any{"mutate_interval": nil})
	call("POST", "/deckies/deploy", map[string]string{"ini_content": "[api]\nip = 127.0.72.3\nservices = redis\n"})
	daemontest.WaitFor(t, "the deployment", func() bool { return len(deckiesOf(t, d)) == 3 })
	before := deckiesOf(t, d)
	if *before[0].Interval != 600 || before[1].Interval != nil || *before[2].Interval != 600 {
		t.Errorf("intervals: %+v", before)
	}

	d.Kill()
	d = daemontest.Start(t, binaries.plain, data, args...)
	d.LogIn(t)
	if now := deckiesOf(t, d); !same(now, before) {
		t.Errorf("the same file makes of the fleet\n%+v, it was\n%+v", now, before)
	}
	d.Stop(t)
	args[len(args)-1] = writeFile(t, "more.ini", text+"[more]\nip = 127.0.72.4\nservices = redis\n")
	d = daemontest.Start(t, binaries.plain, data, args...)
	d.LogIn(t)
	if now := deckiesOf(t, d); len(now) != 4 || now[2].Name != "more" || !same(slices.Delete(slices.Clone(now), 2, 3), before) {
		t.Errorf("one more section makes of the fleet\n%+v, it was\n%+v", now, before)
	}
	d.Stop(t)
	args[len(args)-1] = config
	d = daemontest.Start(t, binaries.plain, data, append(args, "--as-planned")...)
	d.LogIn(t)
	if now := deckiesOf(t, d); len(now) != 2 || !slices.Equal(now[0].Services, []string{"redis"}) || now[1].Interval == nil {
		t.Errorf("as planned, the fleet is %+v", now)
	}
	d.Stop(t)
}

// TestW32_TheGlobalIntervalHoldsForDeckiesOfUp sets it through the API while a daemon runs
// whose deckies nobody deployed through the API.
func TestW32_TheGlobalIntervalHoldsForDeckiesOfUp(t *testing.T) {
	d := daemontest.Start(t, binaries.plain, t.TempDir(), "--port-offset", port(0),
		"--config", writeFile(t, "fleet.ini", "[general]\nmutate_interval = 6000\n[web]\nip = 127.0.72.11\nservices = redis\n[own]\nip = 127.0.72.12\nservices = redis\nmutate_interval = 6000\n"))
	d.LogIn(t)
	db, err := dsn.File(filepath.Join(d.Data, "decnet.db")).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// They are as they are since two hours.
	for {
		raw, err := db.State(t.Context(), store.FleetKey)
		if err != nil {
			t.Fatal(err)
		}
		var doc deployment.Document
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatal(err)
		}
		for i := range doc.Deckies {
			doc.Deckies[i].LastMutated = time.Now().Add(-2 * time.Hour).UTC()
		}
		aged, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if db.SwapState(t.Context(), store.FleetKey, raw, aged) == nil {
			break
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if list := deckiesOf(t, d); *list[0].Interval != 6000 || !slices.Equal(list[0].Services, []string{"redis"}) {
		t.Errorf("before anybody has set it: %+v", list)
	}
	if err := d.Call(t.Context(), "PUT", "/config/global-mutation-interval", map[string]string{"global_mutation_interval": "90m"}, nil); err != nil {
		t.Fatal(err)
	}
	daemontest.WaitFor(t, "the event of the mutation", func() bool { return len(d.Logs(t, "event:decky_mutated decky:web")) == 1 })
	list := deckiesOf(t, d)
	if slices.Equal(list[0].Services, []string{"redis"}) || *list[0].Interval != 90 {
		t.Errorf("%+v", list[0])
	}
	if !slices.Equal(list[1].Services, []string{"redis"}) || *list[1].Interval != 6000 {
		t.Errorf("a decky with an interval of its own: %+v", list[1])
	}
	d.Stop(t)
}
