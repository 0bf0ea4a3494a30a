package compose_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/all"
)

// declared is a service that only describes itself.
type declared services.Info

func (d declared) Info() services.Info { return services.Info(d) }

func (d declared) New(_ services.Env, cfg services.Config) (services.Server, error) {
	_, err := cfg.Check(d.Info())
	return idle{}, err
}

type idle struct{}

func (idle) Serve(ctx context.Context, _ []services.Socket) error { <-ctx.Done(); return nil }

func declare(name string, ports ...services.Port) declared {
	return declared{Name: name, Ports: ports, Keys: []services.Key{{Name: "note"}}}
}

func tcp(n uint16) services.Port { return services.Port{Network: "tcp", Number: n} }
func udp(n uint16) services.Port { return services.Port{Network: "udp", Number: n} }

// everyService returns the built-in services, and for every other service that an
// archetype names a declaration with its ports: a document needs no more of it.
func everyService(t testing.TB) *services.Registry {
	t.Helper()
	list := all.Services()
	for _, d := range []declared{
		declare("smb", tcp(445), tcp(139)), declare("rdp", tcp(3389)), declare("ldap", tcp(389), tcp(636)),
		declare("llmnr", udp(5355), udp(5353)), declare("postgres", tcp(5432)), declare("pop3", tcp(110), tcp(995)),
		declare("imap", tcp(143), tcp(993)), declare("snmp", udp(161)), declare("mqtt", tcp(1883)),
		declare("conpot", tcp(502), udp(161), tcp(80)), declare("sip", udp(5060), tcp(5060)),
		declare("docker_api", tcp(2375), tcp(2376)), declare("k8s", tcp(6443), tcp(8080)),
	} {
		if !slices.ContainsFunc(list, func(s services.Service) bool { return s.Info().Name == d.Name }) {
			list = append(list, d)
		}
	}
	return registry(t, list...)
}

func registry(t testing.TB, list ...services.Service) *services.Registry {
	t.Helper()
	reg, err := services.NewRegistry(list...)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// planned returns the fleet of an INI document, the same every time.
func planned(t testing.TB, reg *services.Registry, ini string) decnet.Fleet {
	t.Helper()
	f, err := fleet.FromINI(reg, []byte(ini), fleet.Options{
		Mode: fleet.ModeMACVLAN, Seed: "golden", Now: func() time.Time { return time.Unix(1e9, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func translated(t testing.TB, reg *services.Registry, f decnet.Fleet, opt compose.Options) *compose.Document {
	t.Helper()
	doc, err := compose.New(reg, f, opt)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func textOf(t testing.TB, doc *compose.Document) []byte {
	t.Helper()
	text, err := doc.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// failer is what testing.T and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// loaded reads a document as docker compose does, with a variable set that nothing in a
// document may refer to.
func loaded(t failer, text []byte) *types.Project {
	t.Helper()
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  "/nowhere",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yml", Content: text}},
		Environment: types.Mapping{"HOME": "leaked", "x": "leaked"},
	}, func(o *loader.Options) { o.ResolvePaths = false })
	if err != nil {
		t.Fatalf("the document cannot be loaded: %v\n%s", err, text)
	}
	return p
}

// sameProject checks that what was loaded is what was written.
func sameProject(t failer, doc *compose.Document, got *types.Project) {
	t.Helper()
	ignore := cmp.Options{
		cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(types.ContainerSpec{}, "CustomLabels"),
		cmpopts.IgnoreFields(types.NetworkConfig{}, "CustomLabels"),
		cmpopts.IgnoreFields(types.VolumeConfig{}, "CustomLabels"),
	}
	for _, part := range []struct {
		name      string
		want, got any
	}{
		{"name", doc.Project.Name, got.Name},
		{"services", doc.Project.Services, got.Services},
		{"networks", doc.Project.Networks, got.Networks},
		{"volumes", doc.Project.Volumes, got.Volumes},
	} {
		if diff := cmp.Diff(part.want, part.got, ignore); diff != "" {
			t.Errorf("%s (-written +loaded):\n%s", part.name, diff)
		}
	}
}
