package compose_test

import (
	"bytes"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
)

// TestW23_ContainersAreCalledAsTheirServices checks the one rule for names and the labels
// that the collector reads.
func TestW23_ContainersAreCalledAsTheirServices(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	f := planned(t, reg, lan+"[Mail.01]\nservices = smtp_relay\n")
	p := loaded(t, textOf(t, translated(t, reg, f, compose.Options{Project: "blue"})))
	s, ok := p.Services[compose.ContainerName("Mail.01", "smtp_relay")]
	if !ok || s.Name != "Mail.01-smtp-relay" || s.ContainerName != s.Name {
		t.Fatalf("there is no container of smtp_relay: %v", p.ServiceNames())
	}
	want := types.Labels{"decnet.fleet": "blue", "decnet.decky": "Mail.01", "decnet.service": "smtp_relay"}
	if diff := cmp.Diff(want, s.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	persona := personaOf(t, s)
	if persona.Decky != "Mail.01" || persona.Service != "smtp_relay" || persona.Hostname != f.Deckies[0].Hostname {
		t.Errorf("persona %+v", persona)
	}
}

// TestComposeLabels checks what docker compose ls, ps and down look for.
func TestComposeLabels(t *testing.T) {
	t.Parallel()
	doc := translated(t, everyService(t), twoDeckies(t), compose.Options{Project: "blue", File: "/srv/blue/decnet.yml"})
	p := loaded(t, textOf(t, doc))
	for name, s := range doc.Project.Services {
		hash, err := compose.Hash(p.Services[name])
		if err != nil {
			t.Fatal(err)
		}
		want := types.Labels{
			"com.docker.compose.project":              "blue",
			"com.docker.compose.service":              name,
			"com.docker.compose.oneoff":               "False",
			"com.docker.compose.container-number":     "1",
			"com.docker.compose.config-hash":          hash,
			"com.docker.compose.depends_on":           "",
			"com.docker.compose.project.working_dir":  "/srv/blue",
			"com.docker.compose.project.config_files": "/srv/blue/decnet.yml",
		}
		if decky := s.Labels[compose.LabelDecky]; name != decky {
			want["com.docker.compose.depends_on"] = decky + ":service_started:true"
		}
		if diff := cmp.Diff(want, s.CustomLabels); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	network := doc.Project.Networks["decnet_lan"].CustomLabels
	if diff := cmp.Diff(types.Labels{"com.docker.compose.project": "blue", "com.docker.compose.network": "decnet_lan"}, network); diff != "" {
		t.Errorf("network (-want +got):\n%s", diff)
	}
	if bytes.Contains(textOf(t, doc), []byte("com.docker.compose")) {
		t.Error("the document has labels that are reserved")
	}
}

// TestHashChangesWithTheContainer checks what converging goes by.
func TestHashChangesWithTheContainer(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	hashes := func(f decnet.Fleet) map[string]string {
		m := make(map[string]string)
		for name, s := range translated(t, reg, f, compose.Options{}).Project.Services {
			m[name] = s.CustomLabels["com.docker.compose.config-hash"]
		}
		return m
	}
	was, f := hashes(twoDeckies(t)), twoDeckies(t)
	f.Deckies[0].Config = map[string]map[string]string{"ssh": {"tries": "2"}}
	is := hashes(f)
	for name := range was {
		if changed := was[name] != is[name]; changed != (name == "web-ssh") {
			t.Errorf("%s: hash changed: %t", name, changed)
		}
	}
}
