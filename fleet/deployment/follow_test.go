package deployment_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/store"
)

// ini is a Plan of a document, which has the honeypots of the tests.
func ini(t testing.TB, text string) deployment.Plan {
	return func(stay decnet.Fleet) (decnet.Fleet, error) {
		return fleet.FromINI(registry(t), []byte(text), fleet.Options{
			Mode: fleet.ModeMACVLAN, Interface: "lan0", Subnet: netip.MustParsePrefix("10.0.0.0/20"), Seed: stay.Seed,
			Existing: decnet.Fleet{Deckies: stay.Deckies},
		})
	}
}

// stands lists the deckies with their services, as in "web alpha".
func stands(f decnet.Fleet) string {
	var list []string
	for _, d := range f.Deckies {
		list = append(list, d.Name+" "+sorted(d.Services))
	}
	return strings.Join(list, "; ")
}

func follow(t *testing.T, d *deployment.Deployment, way deployment.Way, text string) decnet.Fleet {
	t.Helper()
	out, err := d.Follow(t.Context(), way, ini(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return out.After
}

// mutated gives a decky other services, as a mutation or the API does.
func mutated(t *testing.T, d *deployment.Deployment, name, service string) {
	t.Helper()
	_, err := d.Deploy(t.Context(), func(last decnet.Fleet) (decnet.Fleet, error) {
		for i := range last.Deckies {
			if last.Deckies[i].Name == name {
				last.Deckies[i].Services = []string{service}
			}
		}
		return last, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestW25_AnUnchangedPlanFindsTheFleetAsItStands follows the plan of a file at several starts.
func TestW25_AnUnchangedPlanFindsTheFleetAsItStands(t *testing.T) {
	t.Parallel()
	const web, db = "[web]\nservices = alpha\n", "[db]\nservices = alpha\n"
	db1 := open(t)
	d := docker(db1, &engine{}, "test")
	first := follow(t, d, deployment.Update, web+db)
	mutated(t, d, "web", "beta")
	if err := deployment.SetInterval(t.Context(), db1, "db", 7*time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Deploy(t.Context(), func(last decnet.Fleet) (decnet.Fleet, error) { // by the API
		return fleet.FromINI(registry(t), []byte("[api]\nservices = alpha\n"), fleet.Options{Existing: last})
	}); err != nil {
		t.Fatal(err)
	}

	now := follow(t, d, deployment.Update, web+db)
	if got := stands(now); got != "web beta; db alpha; api alpha" || now.Deckies[1].MutateInterval != 7*time.Minute {
		t.Errorf("the same file makes of the fleet: %s, %+v", got, now.Deckies)
	}
	if now.Seed != first.Seed || now.Deckies[0].Seed != first.Deckies[0].Seed || now.Deckies[0].Addr != first.Deckies[0].Addr {
		t.Errorf("the deckies are others: %+v", now)
	}
	// A file that says more changes only that. The new decky takes no address of another.
	now = follow(t, d, deployment.Update, web+db+"[mail]\nservices = alpha\n")
	if got := stands(now); got != "web beta; db alpha; mail alpha; api alpha" || now.Deckies[2].Addr.String() != "10.0.0.4" {
		t.Errorf("one more section makes of the fleet: %s, %+v", got, now.Deckies)
	}
	now = follow(t, d, deployment.Update, web+"[db]\nservices = beta\n")
	if got := stands(now); got != "web beta; db beta; api alpha" || now.Deckies[1].MutateInterval != 0 {
		t.Errorf("a changed section, and one less, make of the fleet: %s, %+v", got, now.Deckies)
	}
	now = follow(t, d, deployment.Update, "[web]\nip = 10.0.0.77\nservices = alpha\n[db]\nservices = beta\n")
	if got := stands(now); got != "web beta; db beta; api alpha" || now.Deckies[0].Addr.String() != "10.0.0.77" {
		t.Errorf("another address makes of the fleet: %s, %+v", got, now.Deckies)
	}
	// What somebody has taken down stays away, unless the section changes.
	if _, err := d.Remove(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	if got := stands(follow(t, d, deployment.Update, web+"[db]\nservices = beta\n")); got != "web beta; api alpha" {
		t.Errorf("after a teardown: %s", got)
	}
	if got := stands(follow(t, d, deployment.Anew, web+db)); got != "web alpha; db alpha" {
		t.Errorf("as planned: %s", got)
	}
	if _, err := d.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stands(follow(t, d, deployment.Update, web+db)); got != "web alpha; db alpha" {
		t.Errorf("after a teardown of all: %s", got)
	}
}

// TestDeployingAnUnchangedFile is what decnetd deploy does.
func TestDeployingAnUnchangedFile(t *testing.T) {
	t.Parallel()
	const web, db = "[web]\nservices = alpha\n", "[db]\nservices = alpha\n"
	d := docker(open(t), &engine{}, "test")
	follow(t, d, deployment.Replace, web+db)
	mutated(t, d, "web", "beta")
	if got := stands(follow(t, d, deployment.Replace, web+db)); got != "web beta; db alpha" {
		t.Errorf("again: %s", got)
	}
	if _, err := d.Remove(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	if got := stands(follow(t, d, deployment.Replace, web+db)); got != "web beta; db alpha" {
		t.Errorf("what was taken down does not come back: %s", got)
	}
	if got := stands(follow(t, d, deployment.Add, "[mail]\nservices = alpha\n")); got != "web beta; db alpha; mail alpha" {
		t.Errorf("one more: %s", got)
	}
	if got := stands(follow(t, d, deployment.Add, web)); got != "web beta; db alpha; mail alpha" {
		t.Errorf("one of them again: %s", got)
	}
	if got := stands(follow(t, d, deployment.Replace, web)); got != "web beta" {
		t.Errorf("one alone: %s", got)
	}
}

// TestAPlanThatFailedIsNewTheNextTime has an engine fail, which leaves what nobody planned.
func TestAPlanThatFailedIsNewTheNextTime(t *testing.T) {
	t.Parallel()
	db, e := open(t), &engine{}
	d := docker(db, e, "test")
	follow(t, d, deployment.Update, "[web]\nservices = alpha\n[db]\nservices = alpha\n")
	e.fail = "db"
	var left *deployment.LeftError
	if _, err := d.Follow(t.Context(), deployment.Update, ini(t, "[web]\nservices = beta\n[db]\nservices = alpha\n")); !errors.As(err, &left) {
		t.Fatalf("%v", err)
	}
	e.fail = ""
	if got := stands(follow(t, d, deployment.Update, "[web]\nservices = beta\n[db]\nservices = alpha\n")); got != "web beta; db alpha" {
		t.Errorf("the next time: %s", got)
	}
}

// TestASectionInFrontChangesNoOther: nothing of a decky depends on where in a file it is.
func TestASectionInFrontChangesNoOther(t *testing.T) {
	t.Parallel()
	const text = "[web]\nservices = alpha\n[db]\nservices = alpha\n[farm]\nservices = beta\namount = 20\n"
	d := docker(open(t), &engine{}, "test")
	before := follow(t, d, deployment.Update, text)
	mutated(t, d, "web", "beta")
	before.Deckies[0].Services = []string{"beta"}
	for _, way := range []deployment.Way{deployment.Update, deployment.Replace} {
		now := follow(t, d, way, "[front]\nservices = alpha\namount = 5\n"+text)
		if diff := fleet.Compare(before, now); len(now.Deckies) != 27 || len(diff.Changed)+len(diff.Removed) != 0 {
			t.Errorf("%d: %+v", way, diff.Changed)
		}
		now = follow(t, d, way, text)
		if diff := fleet.Compare(before, now); !diff.Empty() {
			t.Errorf("%d: without it %+v", way, diff)
		}
	}
}

// TestADocumentOfTheFirstDigestsStays goes on with what was planned when distributions were drawn
// by the place in the file, and host names were part of what was asked for.
func TestADocumentOfTheFirstDigestsStays(t *testing.T) {
	t.Parallel()
	const text = "[web]\nservices = alpha\n[db]\nservices = alpha\n[gone]\nservices = alpha\n"
	db := open(t)
	d := docker(db, &engine{}, "test")
	before := follow(t, d, deployment.Update, text)
	mutated(t, d, "web", "beta")
	doc := document(t, db)
	for i, drawn := range []string{"kali", "arch", "debian"} {
		k := &doc.Deckies[i]
		k.Distro, k.Hostname = drawn, "OLD-"+drawn
		planned := *k
		planned.Services, planned.LastMutated, planned.Addr, planned.Addr6 = []string{"alpha"}, time.Time{}, netip.Addr{}, netip.Addr{}
		text, err := json.Marshal(planned)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		doc.Planned[k.Name] = hex.EncodeToString(sum[:16]) + " " + before.Deckies[i].Addr.String() + " " + before.Deckies[i].Addr6.String()
	}
	doc.Deckies = doc.Deckies[:2] // the third was taken down
	value, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SetState(t.Context(), store.FleetKey, value); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		now := follow(t, d, deployment.Update, text)
		if diff := fleet.Compare(doc.Fleet, now); !diff.Empty() {
			t.Fatalf("%+v", diff)
		}
	}
	now := follow(t, d, deployment.Update, strings.Replace(text, "[db]\nservices = alpha", "[db]\nservices = beta", 1))
	if diff := fleet.Compare(doc.Fleet, now); len(diff.Changed) != 1 || diff.Changed[0].New.Name != "db" {
		t.Errorf("another section: %+v", diff)
	}
}

// TestNoTwoDeckiesShareAHostName has a fleet grow until host names are short. Deckies that are
// there stay, where a plan of all would give their host names to others.
func TestNoTwoDeckiesShareAHostName(t *testing.T) {
	t.Parallel()
	d := docker(open(t), &engine{}, "test")
	var before decnet.Fleet
	text := ""
	for i := range 60 {
		text = fmt.Sprintf("[d%d]\nservices = alpha\namount = 20\n", 60-i) + text
		if i%12 != 11 {
			continue
		}
		now := follow(t, d, deployment.Update, text)
		if diff := fleet.Compare(before, now); len(diff.Changed) > 0 {
			t.Errorf("a larger fleet changes %+v", diff.Changed)
		}
		out, err := d.Deploy(t.Context(), func(last decnet.Fleet) (decnet.Fleet, error) {
			for i := range last.Deckies {
				last.Deckies[i].Services = []string{"beta"}
			}
			return last, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		before = out.After
		names := make(map[string]string)
		for _, k := range now.Deckies {
			if other := names[strings.ToLower(k.Hostname)]; other != "" {
				t.Errorf("%s and %s are %s", other, k.Name, k.Hostname)
			}
			names[strings.ToLower(k.Hostname)] = k.Name
		}
	}
}
