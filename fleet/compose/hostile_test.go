package compose_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

// hostile draws texts that mean something to YAML, to compose, to engines or to shells.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"$HOME", "${HOME}", "$$HOME", "${x:-y}", "${", "$", "$$", "{{ .Node.Hostname }}", "{{", "!!binary aGk=", "!reset", "!override null",
			"&a", "*a", "<<: *a", "- x", "x: y", "# x", "'", "\"", "''", "\\", "\\\"", "|", ">", "|2-\n x", "%YAML 1.1", "---", "...",
			"a\nb", "a\r\nb", "\n\nprivileged: true\n", "\t", " ", "", "\x00", "\x1b[2J", "\u0085", "\u2028", "\u2029", "\ufeff", "\u00a0", "\U0001f600",
			"null", "~", "true", "yes", "on", "0x1f", "0o17", "1e3", "1_000", ".inf", ".nan", "2001-01-01", "12:30:45", "=", "[", "]", "{", "}", ",", "?", "@", "`",
			"\"}, \"service\": \"other", "'\n    privileged: true\n    x: '", strings.Repeat("long ", 100), strings.Repeat("x", 2000),
		}),
		rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
				"$", "{", "}", "'", "\"", "\n", "\r", " ", ":", "#", "-", "\\", "!", "&", "*", "%", "a", "\t", ",", "\u0085",
			}), 0, 30).Draw(t, "pieces"), "")
		}),
	)
}

// notes draws services that do nothing, with the ports 1 to 9.
func notes(t failer) *services.Registry {
	list := make([]services.Service, 9)
	for i := range list {
		list[i] = declare(fmt.Sprintf("pot_%d", i+1), tcp(uint16(i+1)), udp(uint16(i+1)))
	}
	reg, err := services.NewRegistry(list...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return reg
}

// validFleet draws a fleet without a fault.
func validFleet(t *rapid.T, reg *services.Registry) decnet.Fleet {
	subnet := netip.MustParsePrefix(rapid.SampledFrom([]string{"10.1.0.0/16", "192.168.40.0/24", "fd00:40::/64"}).Draw(t, "subnet"))
	f := decnet.Fleet{
		Mode:      rapid.SampledFrom([]string{fleet.ModeMACVLAN, fleet.ModeIPVLAN}).Draw(t, "mode"),
		Interface: rapid.StringMatching(`[a-z$'"!{}:#-][a-z0-9.$"':#{}!&*-]{0,14}`).Draw(t, "interface"),
		Subnet:    subnet,
		Seed:      hostile().Draw(t, "seed"),
		LogTarget: hostile().Draw(t, "log target"),
	}
	names := rapid.SliceOfNDistinct(rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_.]{1,20}`),
		rapid.SampledFrom([]string{"x-decky", "null", "true", "on", "1e3", "0x1f", "007", "12.5", "1_000", "2001-01-01", "name", "services", "no"}),
	), 0, 4, strings.ToLower).Draw(t, "names")
	addrs, err := fleet.Allocate(subnet, len(names)+1, netip.Addr{}, nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	f.Gateway = addrs[0]
	addrs = rapid.Permutation(addrs[1:]).Draw(t, "addresses")
	for i, name := range names {
		d := decnet.Decky{
			Name: name, Addr: addrs[i],
			Hostname: rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?(\.[a-z0-9]{1,10})?`).Draw(t, "host name"),
			Distro:   rapid.SampledFrom(fleet.Distros()).Draw(t, "distro").Slug,
			OSFamily: rapid.SampledFrom(fleet.OSFamilies()).Draw(t, "family"),
			Seed:     rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "seed"),
			Services: rapid.SliceOfNDistinct(rapid.SampledFrom(reg.Names()), 1, 3, rapid.ID[string]).Draw(t, "services"),
			Config:   make(map[string]map[string]string),
		}
		fitting := slices.DeleteFunc(fleet.Archetypes(), func(a fleet.Archetype) bool { return !a.Fits(d.OSFamily) })
		if len(fitting) > 0 && rapid.Bool().Draw(t, "has an archetype") {
			d.Archetype = rapid.SampledFrom(fitting).Draw(t, "archetype").Slug
		}
		for _, s := range d.Services {
			d.Config[s] = map[string]string{"note": hostile().Draw(t, "note")}
		}
		if rapid.Bool().Draw(t, "has a custom service") {
			d.Services = append(d.Services, "custom-"+strings.ToLower(strings.Trim(name, "_.")))
			d.Config[d.Services[len(d.Services)-1]] = map[string]string{"binary": "example/image:1", "exec": "/run $HOME '{{ x }}'"}
			if strings.Contains(name, ".") {
				d.Services = d.Services[:len(d.Services)-1] // a dot is not for the names of services
			}
		}
		f.Deckies = append(f.Deckies, d)
	}
	return f
}

// TestAnyFleetMakesADocument checks for any fleet without a fault that its document is the
// same every time, that docker compose reads what was written, and that every container is
// told what the fleet says.
func TestAnyFleetMakesADocument(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		reg := notes(t)
		f := validFleet(t, reg)
		doc, err := compose.New(reg, f, compose.Options{File: "/srv/decnet.yml"})
		if err != nil {
			t.Fatalf("%v", err)
		}
		text, err := doc.YAML()
		if err != nil {
			t.Fatalf("%v", err)
		}
		again, err := compose.New(reg, f, compose.Options{File: "/srv/decnet.yml"})
		if err != nil {
			t.Fatalf("%v", err)
		}
		if same, err := again.YAML(); err != nil || !bytes.Equal(text, same) {
			t.Fatalf("a second document differs: %v", err)
		}
		if len(f.Deckies) == 0 {
			return // a project without services is none to the loader
		}
		p := loaded(t, text)
		sameProject(t, doc, p)
		for _, d := range f.Deckies {
			for _, service := range append(slices.Clone(d.Services), "") {
				s, ok := p.Services[compose.ContainerName(d.Name, service)]
				if !ok {
					t.Fatalf("%s of %s has no container", service, d.Name)
				}
				if hash, err := compose.Hash(s); err != nil || hash != doc.Project.Services[s.Name].CustomLabels["com.docker.compose.config-hash"] {
					t.Errorf("%s: docker compose sees another container: %v", s.Name, err)
				}
				if strings.HasPrefix(service, "custom-") {
					continue
				}
				told, err := fleet.ParsePersona(*s.Environment[fleet.PersonaVar])
				if err != nil {
					t.Fatalf("%v", err)
				}
				if told.Decky != d.Name || told.Service != service || told.Addr != d.Addr {
					t.Errorf("%s is told that it is %s of %s", s.Name, told.Service, told.Decky)
				}
				if service != "" && told.Config["note"] != d.Config[service]["note"] {
					t.Errorf("%s is told %q, not %q", s.Name, told.Config["note"], d.Config[service]["note"])
				}
			}
		}
	})
}

// TestValuesNeverChangeTheStructure checks that a document with hostile settings is that
// with harmless ones, but for the settings.
func TestValuesNeverChangeTheStructure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := hostile().Draw(t, "value")
		svc := contained{declare("odd", tcp(7)), services.Container{
			Image: "example/odd:1",
			Env:   map[string]string{"VALUE": strings.ReplaceAll(value, "\x00", "")},
		}, nil}
		structure := func(svc contained, note string) types.Services {
			reg, err := services.NewRegistry(svc)
			if err != nil {
				t.Fatalf("%v", err)
			}
			f := decnet.Fleet{
				Mode: fleet.ModeMACVLAN, Interface: "eth0",
				Subnet: netip.MustParsePrefix("10.1.0.0/24"), Gateway: netip.MustParseAddr("10.1.0.1"),
				Deckies: []decnet.Decky{{
					Name: "box", Addr: netip.MustParseAddr("10.1.0.2"), Hostname: "box", Distro: "debian", OSFamily: "linux",
					Seed: strings.Repeat("0", 64), Services: []string{"odd"}, Config: map[string]map[string]string{"odd": {"note": note}},
				}},
			}
			doc, err := compose.New(reg, f, compose.Options{})
			if err != nil {
				t.Fatalf("%v", err)
			}
			text, err := doc.YAML()
			if err != nil {
				t.Fatalf("%v", err)
			}
			all := loaded(t, text).Services
			env := all["box-odd"].Environment
			if note != "harmless" && *env["VALUE"] != svc.c.Env["VALUE"] {
				t.Errorf("value %q became %q", svc.c.Env["VALUE"], *env["VALUE"])
			}
			harmless := "harmless"
			env["VALUE"], env[fleet.PersonaVar] = &harmless, &harmless
			return all
		}
		got := structure(svc, value)
		svc.c.Env = map[string]string{"VALUE": "harmless"}
		if diff := gocmp.Diff(structure(svc, "harmless"), got); diff != "" {
			t.Errorf("value %q (-harmless +got):\n%s", value, diff)
		}
	})
}

// TestAnyFleetIsTakenOrRefused checks for fleets of all kinds that what is taken can be
// loaded, and that what is refused is refused with faults and nothing else.
func TestAnyFleetIsTakenOrRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		reg := notes(t)
		f := validFleet(t, reg)
		for i := range f.Deckies {
			d := &f.Deckies[i]
			for _, field := range []*string{&d.Name, &d.Hostname, &d.Distro, &d.Archetype, &d.OSFamily, &d.Seed} {
				if rapid.IntRange(0, 20).Draw(t, "spoil") == 0 {
					*field = hostile().Draw(t, "spoilt")
				}
			}
			switch rapid.IntRange(0, 20).Draw(t, "spoil") {
			case 0:
				d.Addr = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))
			case 1:
				d.Services = append(d.Services, cmp.Or(hostile().Draw(t, "service"), "pot_1"))
			case 2:
				d.Config = map[string]map[string]string{d.Services[0]: {hostile().Draw(t, "key"): hostile().Draw(t, "value")}}
			case 3:
				d.Config = map[string]map[string]string{"image": {"binary": cmp.Or(hostile().Draw(t, "image"), "x"), "exec": hostile().Draw(t, "exec")}}
				d.Services = append(d.Services, "image")
			}
		}
		doc, err := compose.New(reg, f, compose.Options{
			Project: rapid.SampledFrom([]string{"", "blue", "Red", "$x"}).Draw(t, "project"),
			Image:   rapid.SampledFrom([]string{"", "pot:1", "a b", "$x"}).Draw(t, "image"),
		})
		if err != nil {
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok || doc != nil {
				t.Fatalf("not faults: %v", err)
			}
			for _, e := range joined.Unwrap() {
				var fault *compose.Fault
				known := slices.ContainsFunc([]error{decnet.ErrSemantic, decnet.ErrInvalid, decnet.ErrConflict, decnet.ErrForbidden}, func(kind error) bool { return errors.Is(e, kind) })
				if !errors.As(e, &fault) || !known {
					t.Errorf("not a fault of a known kind: %v", e)
				}
			}
			return
		}
		text, err := doc.YAML()
		if err != nil {
			t.Fatalf("%v", err)
		}
		if len(f.Deckies) > 0 {
			sameProject(t, doc, loaded(t, text))
		}
	})
}

// TestTextOfSeveralLines has what the encoder of YAML cannot write in its own way.
func TestTextOfSeveralLines(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\t-\n", " a\n\tb", "\n a", "lines0end\n", "\u2028\n", "a\n\u0085", "\r\n\x7f$x\\n\"'\U0001f600"} {
		doc, err := deckyWith(t, overriding{declare("odd", tcp(7)), func(s *types.ServiceConfig) {
			s.Environment["TEXT"] = &text
			s.Command = types.ShellCommand{"say", text}
			s.Labels["text"] = text
		}})
		if err != nil {
			t.Fatal(err)
		}
		sameProject(t, doc, loaded(t, textOf(t, doc)))
		if got := *doc.Project.Services["box-odd"].Environment["TEXT"]; got != text {
			t.Errorf("writing changed the project: %q became %q", text, got)
		}
	}
}
