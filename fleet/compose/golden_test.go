package compose_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// archetypeFleet plans two deckies of an archetype, on the LAN of every golden file.
func archetypeFleet(t *testing.T, slug string) decnet.Fleet {
	t.Helper()
	return planned(t, everyService(t), "[general]\nnet = 192.168.40.0/24\ngw = 192.168.40.1\ninterface = eth0\n"+
		"[decoy]\narchetype = "+slug+"\namount = 2\n")
}

// golden compares the document of f with a file.
func golden(t *testing.T, name string, f decnet.Fleet) {
	t.Helper()
	doc := translated(t, everyService(t), f, compose.Options{})
	text := textOf(t, doc)
	path := filepath.Join("testdata", "golden", name+".yml")
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	sameProject(t, doc, loaded(t, want))
}

// lan6 describes a LAN with both kinds of addresses.
const lan6 = "[general]\nnet = 192.168.40.0/24\ngw = 192.168.40.1\nnet6 = fd00:40::/64\ngw6 = fd00:40::1\ninterface = eth0\n"

func TestGoldenDocuments(t *testing.T) {
	t.Parallel()
	left := make(map[string]bool)
	files, err := filepath.Glob("testdata/golden/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		left[strings.TrimSuffix(filepath.Base(f), ".yml")] = true
	}
	for _, a := range fleet.Archetypes() {
		t.Run(a.Slug, func(t *testing.T) { golden(t, a.Slug, archetypeFleet(t, a.Slug)) })
		delete(left, a.Slug)
	}
	t.Run("two addresses", func(t *testing.T) {
		golden(t, "ipv6", planned(t, everyService(t), lan6+"[desk]\narchetype = windows-workstation\n[web]\nservices = http\nip6 = fd00:40::80\n"))
	})
	delete(left, "ipv6")
	if len(left) > 0 {
		t.Errorf("golden files of nothing: %v", slices.Sorted(maps.Keys(left)))
	}
}

func TestDocumentsAreDeterministic(t *testing.T) {
	t.Parallel()
	first := textOf(t, translated(t, everyService(t), archetypeFleet(t, "devops-host"), compose.Options{}))
	for range 20 {
		again := textOf(t, translated(t, everyService(t), archetypeFleet(t, "devops-host"), compose.Options{}))
		if !bytes.Equal(first, again) {
			t.Fatalf("two documents of one fleet differ:\n%s", cmp.Diff(string(first), string(again)))
		}
	}
}
