package compose_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

func personaOf(t testing.TB, s types.ServiceConfig) fleet.Persona {
	t.Helper()
	text := s.Environment[fleet.PersonaVar]
	if text == nil {
		t.Fatalf("%s has no persona", s.Name)
	}
	p, err := fleet.ParsePersona(*text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestW24_EverySettingReachesItsContainer checks that settings arrive as the honeypot in
// the container will check them, and that ports are divided as in every other runtime.
func TestW24_EverySettingReachesItsContainer(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	f := planned(t, reg, lan+"[web]\nservices = http, https, ssh\n[web.ssh]\naccept = any\ntries = 3\n[web.http]\nfake_app = wordpress\n")
	p := loaded(t, textOf(t, translated(t, reg, f, compose.Options{})))
	ports, err := fleet.Ports(reg, []string{"http", "https", "ssh"})
	if err != nil {
		t.Fatal(err)
	}
	http, https := services.Served{Service: "http", Product: "apache", Ports: ports["http"]},
		services.Served{Service: "https", Product: "apache", Ports: ports["https"]}
	beside := map[string][]services.Served{"ssh": {http, https}} // the one that lets clients inside
	for name, config := range map[string]map[string]string{
		"http":  {"fake_app": "wordpress"},
		"https": nil,
		"ssh":   {"accept": "any", "tries": "3"},
	} {
		got := personaOf(t, p.Services["web-"+name])
		want := fleet.Persona{
			Decky: "web", Service: name, Addr: f.Deckies[0].Addr, Hostname: f.Deckies[0].Hostname,
			Distro: f.Deckies[0].Distro, Seed: f.Deckies[0].Seed, Ports: ports[name], Config: config, Beside: beside[name],
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		svc, err := reg.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		id, err := got.Identity()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := svc.New(services.Env{Decky: got.Decky, Identity: id}, got.Config); err != nil {
			t.Errorf("%s does not take its persona: %v", name, err)
		}
	}
	if holder := personaOf(t, p.Services["web"]); holder.Seed != "" || holder.Service != "" {
		t.Errorf("the holder of the address knows %+v", holder)
	}
}

func TestFilesThatSettingsNameAreMounted(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "site $HOME"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := planned(t, reg, lan+"[web]\nservices = http\n[web.http]\nfiles = "+filepath.Join(dir, "site $HOME")+"\n")
	doc := translated(t, reg, f, compose.Options{})
	p := loaded(t, textOf(t, doc))
	sameProject(t, doc, p)
	s := p.Services["web-http"]
	if len(s.Volumes) != 1 {
		t.Fatalf("mounts: %+v", s.Volumes)
	}
	v := s.Volumes[0]
	if v.Type != "bind" || v.Source != filepath.Join(dir, "site $HOME") || v.Target != "/settings/files" || !v.ReadOnly || bool(v.Bind.CreateHostPath) {
		t.Errorf("mount %+v, bind %+v", v, v.Bind)
	}
	if got := personaOf(t, s).Config["files"]; got != v.Target {
		t.Errorf("the honeypot looks for its files in %q", got)
	}

	f.Deckies[0].Config["http"]["files"] = "testdata"
	_, err := compose.New(reg, f, compose.Options{})
	if !errors.Is(err, decnet.ErrInvalid) || !strings.Contains(err.Error(), "web: http: files: path") {
		t.Errorf("a relative path without a directory: %v", err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	p = loaded(t, textOf(t, translated(t, reg, f, compose.Options{Dir: here})))
	if got := p.Services["web-http"].Volumes[0].Source; got != filepath.Join(here, "testdata") {
		t.Errorf("a relative path leads to %q", got)
	}
	f.Deckies[0].Config["http"]["files"] = "/dev"
	if _, err := compose.New(reg, f, compose.Options{}); !errors.Is(err, decnet.ErrForbidden) {
		t.Errorf("devices as files: %v", err)
	}
}

// TestCapturedFilesGoToTheHost checks that a container can write where its own captures are
// kept, and nowhere else of the host.
func TestCapturedFilesGoToTheHost(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "captured")
	doc := translated(t, everyService(t), twoDeckies(t), compose.Options{Artifacts: dir, Quota: 1 << 20})
	p := loaded(t, textOf(t, doc))
	sameProject(t, doc, p)
	made := 0
	for name, s := range p.Services {
		service := s.Labels[compose.LabelService]
		if service == "" {
			if len(s.Volumes) > 0 {
				t.Errorf("the holder %s has %+v", name, s.Volumes)
			}
			continue
		}
		own := s.Labels[compose.LabelDecky] + "/" + service
		if len(s.Volumes) != 1 || s.Volumes[0].Source != filepath.Join(dir, own) || s.Volumes[0].Target != fleet.PotArtifacts+"/"+own || bool(s.Volumes[0].Bind.CreateHostPath) {
			t.Errorf("%s has %+v", name, s.Volumes)
		}
		if got := personaOf(t, s).Quota; got != 1<<20 {
			t.Errorf("%s may keep %d bytes", name, got)
		}
		if !slices.Contains(doc.Directories, compose.Directory{Path: filepath.Join(dir, own), User: 65532}) {
			t.Errorf("%s is not in %+v", own, doc.Directories)
		}
		made++
	}
	if made != len(doc.Directories) {
		t.Errorf("%d services, directories %+v", made, doc.Directories)
	}
	if os.Geteuid() != 0 {
		t.Skip("giving directories away needs root")
	}
	for range 2 {
		if err := doc.MakeDirectories(); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range doc.Directories {
		if info, err := os.Stat(d.Path); err != nil || info.Mode() != fs.ModeDir|0o700 || int(info.Sys().(*syscall.Stat_t).Uid) != d.User {
			t.Errorf("%s: %v, %v", d.Path, info, err)
		}
	}
}

// TestW17_TheLockIsToldWaysOutAndComesFirst checks that the holder knows the ways out, that
// the engine's resolver asks through them alone, and that whoever cannot wait for the lock
// starts after it.
func TestW17_TheLockIsToldWaysOutAndComesFirst(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	const custom = "[custom-billing]\nbinary = example/billing:3\n"
	f := planned(t, reg, lan+"[web]\nservices = http, billing\nnmap_os = windows\negress = dns:10.0.0.53, tcp:203.0.113.7:443\n[box]\nservices = http\n"+custom)
	p := loaded(t, textOf(t, translated(t, reg, f, compose.Options{})))
	holder := personaOf(t, p.Services["web"])
	if !slices.Equal(holder.Egress, []string{"dns:10.0.0.53", "tcp:203.0.113.7:443"}) || holder.OSFamily != "windows" {
		t.Errorf("the holder is told %+v", holder)
	}
	if dns := p.Services["web"].DNS; !slices.Equal(dns, []string{"10.0.0.53"}) {
		t.Errorf("the engine's resolver asks %v", dns)
	}
	if dns := p.Services["box"].DNS; !slices.Equal(dns, []string{f.Gateway.String()}) {
		t.Errorf("the engine's resolver asks %v, where there is no way out", dns)
	}
	if check := p.Services["web"].HealthCheck; check == nil || !slices.Equal(check.Test, []string{"CMD", "/decnet-pot", "healthy"}) {
		t.Errorf("health is checked by %+v", check)
	}
	if check := p.Services["box"].HealthCheck; check != nil {
		t.Errorf("a decky of pots alone is checked by %+v", check)
	}
	for name, want := range map[string]string{"web-billing": "service_healthy", "web-http": "service_started"} {
		if got := p.Services[name].DependsOn["web"].Condition; got != want {
			t.Errorf("%s starts after %s, want %s", name, got, want)
		}
	}
	f.Deckies[0].Egress = []string{"tcp:example.org:443"}
	if _, err := compose.New(reg, f, compose.Options{}); !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "web: egress") {
		t.Errorf("a way out by name: %v", err)
	}
}
