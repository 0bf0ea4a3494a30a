package fleet_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

func TestDue(t *testing.T) {
	t.Parallel()
	at := func(name string, interval, ago time.Duration) decnet.Decky {
		return decnet.Decky{Name: name, MutateInterval: interval, LastMutated: planTime.Add(-ago)}
	}
	f := decnet.Fleet{Deckies: []decnet.Decky{
		at("never", 0, time.Hour), at("late", time.Minute, time.Hour), at("now", time.Hour, time.Hour),
		at("later", time.Hour, time.Minute), at("soon", time.Hour, 50*time.Minute),
	}}
	names, next := fleet.Due(f, planTime)
	if want := []string{"late", "now"}; !cmp.Equal(names, want) || !next.Equal(planTime.Add(10*time.Minute)) {
		t.Errorf("due %v, next %v", names, next)
	}
	if names, next := fleet.Due(decnet.Fleet{}, planTime); names != nil || !next.IsZero() {
		t.Errorf("empty fleet: %v, %v", names, next)
	}
}

func TestMutationStaysWithinTheArchetypeAndAlwaysChanges(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	rapid.Check(t, func(rt *rapid.T) {
		slug := rapid.SampledFrom([]string{"linux-server", "web-server", "database-server", "mail-server", "industrial-control"}).Draw(rt, "archetype")
		opt := options()
		opt.Seed = rapid.StringN(1, 5, -1).Draw(rt, "seed")
		d := mustFlags(t, fleet.Flags{Deckies: 1, Archetype: slug}, opt).Deckies[0]
		a, err := fleet.ArchetypeOf(slug)
		if err != nil {
			rt.Fatal(err)
		}
		now := planTime
		for range 5 {
			now = now.Add(time.Minute)
			next, err := fleet.Mutate(reg, d, now)
			if err != nil {
				rt.Fatal(err)
			}
			if slices.Equal(next.Services, d.Services) || len(next.Services) == 0 || !next.LastMutated.Equal(now) {
				rt.Fatalf("%v became %v", d.Services, next.Services)
			}
			for _, s := range next.Services {
				if !slices.Contains(a.Services, s) {
					rt.Fatalf("%s is not of %s", s, slug)
				}
			}
			if again, err := fleet.Mutate(reg, d, now); err != nil || !slices.Equal(again.Services, next.Services) {
				rt.Fatalf("the same mutation gave %v and %v, %v", next.Services, again.Services, err)
			}
			d = next
		}
	})
}

func TestMutationWithoutArchetypeTakesAnyServicesThatFit(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	d := mustFlags(t, fleet.Flags{Deckies: 1, Services: []string{"ssh"}}, options()).Deckies[0]
	seen := map[string]bool{}
	for range 50 {
		var err error
		if d, err = fleet.Mutate(reg, d, d.LastMutated.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := fleet.Ports(reg, d.Services); err != nil || len(d.Services) > 3 {
			t.Fatalf("%v: %v", d.Services, err)
		}
		seen[strings.Join(d.Services, ",")] = true
	}
	if len(seen) < 25 {
		t.Errorf("%d sets in 50 mutations", len(seen))
	}
}

func TestMutationOfASingleServiceIsImpossible(t *testing.T) {
	t.Parallel()
	d := mustFlags(t, fleet.Flags{Deckies: 1, Archetype: "deaddeck"}, options()).Deckies[0]
	d.MutateInterval = time.Minute
	now := planTime.Add(time.Hour)
	next, err := fleet.Mutate(registry(t), d, now)
	if !errors.Is(err, fleet.ErrImmutable) || !errors.Is(err, decnet.ErrConflict) || !cmp.Equal(next.Services, d.Services) {
		t.Errorf("%v, %v", next, err)
	}
	if names, _ := fleet.Due(decnet.Fleet{Deckies: []decnet.Decky{next}}, now); len(names) != 0 {
		t.Error("due again at once")
	}
	if _, err := fleet.Mutate(registry(t), decnet.Decky{}, now); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("without seed: %v", err)
	}
}

func TestW30_MutationKnowsCustomServices(t *testing.T) {
	t.Parallel()
	f := mustINI(t, "[custom-billing]\nbinary = example/billing:3\nports = 9000\n[a]\nservices = billing, ssh\n[b]\nservices = ssh\n", options())
	reg, err := fleet.WithCustom(registry(t), f)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, d := range f.Deckies {
		for i := range 60 {
			next, err := fleet.Mutate(reg, d, planTime.Add(time.Duration(i+1)*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(next.Services, "billing") {
				if kept++; d.Name == "b" {
					t.Fatalf("%s runs %v, and has no definition of billing", next.Name, next.Services)
				}
			}
			d = next
		}
	}
	if kept == 0 {
		t.Error("a custom service is never chosen again")
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	base := mustINI(t, "[a]\nservices=ssh,http\n[a.ssh]\nbanner=x\n[b]\nservices=ssh\n[c]\nservices=ftp\n", options())
	change := func(f func(*decnet.Decky)) decnet.Fleet {
		other := base
		other.Deckies = slices.Clone(base.Deckies)
		f(&other.Deckies[0])
		return other
	}
	for name, f := range map[string]func(*decnet.Decky){
		"nothing":        func(*decnet.Decky) {},
		"archetype":      func(d *decnet.Decky) { d.Archetype = "web-server" },
		"mutation times": func(d *decnet.Decky) { d.MutateInterval, d.LastMutated = 5, time.Time{} },
		"order":          func(d *decnet.Decky) { d.Services = []string{"ssh", "http"} },
		"unused settings": func(d *decnet.Decky) {
			d.Config = map[string]map[string]string{"ssh": {"banner": "x"}, "ftp": {"banner": "y"}}
		},
	} {
		if diff := fleet.Compare(base, change(f)); !diff.Empty() {
			t.Errorf("%s: %+v", name, diff)
		}
	}
	for name, f := range map[string]func(*decnet.Decky){
		"address":  func(d *decnet.Decky) { d.Addr = d.Addr.Next() },
		"services": func(d *decnet.Decky) { d.Services = []string{"ssh"} },
		"settings": func(d *decnet.Decky) { d.Config = nil },
		"distro":   func(d *decnet.Decky) { d.Distro += "2" },
		"OS":       func(d *decnet.Decky) { d.OSFamily = "bsd" },
		"host":     func(d *decnet.Decky) { d.Hostname = "other" },
		"seed":     func(d *decnet.Decky) { d.Seed = "other" },
	} {
		diff := fleet.Compare(base, change(f))
		if len(diff.Changed) != 1 || diff.Changed[0].Old.Name != "a" || len(diff.Added)+len(diff.Removed) != 0 {
			t.Errorf("%s: %+v", name, diff)
		}
	}
	diff := fleet.Compare(base, mustINI(t, "[d]\nservices=ftp\n[c]\nservices=ftp\nip=127.0.10.3\n[e]\nservices=ftp\n", options()))
	names := func(list []decnet.Decky) (s []string) {
		for _, d := range list {
			s = append(s, d.Name)
		}
		return s
	}
	if !cmp.Equal(names(diff.Added), []string{"d", "e"}) || !cmp.Equal(names(diff.Removed), []string{"a", "b"}) {
		t.Errorf("%+v", diff)
	}
}

func TestStateOfADecky(t *testing.T) {
	t.Parallel()
	up, down := fleet.ServiceStatus{State: fleet.StateUp}, fleet.ServiceStatus{State: fleet.StateDown}
	for want, list := range map[fleet.State][]fleet.ServiceStatus{
		fleet.StateUp: {up, up}, fleet.StateDegraded: {up, down}, fleet.StateDown: {down, down},
	} {
		if got := (fleet.DeckyStatus{Services: list}).State(); got != want {
			t.Errorf("%v: %s, want %s", list, got, want)
		}
	}
}
