package compose_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

// TestW45_EveryContainerIsConfinedAndBounded looks at every container of every archetype.
func TestW45_EveryContainerIsConfinedAndBounded(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	for _, a := range fleet.Archetypes() {
		doc := translated(t, reg, archetypeFleet(t, a.Slug), compose.Options{})
		for name, s := range loaded(t, textOf(t, doc)).Services {
			holder := s.Labels[compose.LabelService] == ""
			wantCaps := []string(nil)
			if holder {
				wantCaps = []string{"NET_ADMIN"}
			}
			for _, c := range []struct {
				what string
				ok   bool
			}{
				{"drops all capabilities", slices.Equal(s.CapDrop, []string{"ALL"})},
				{"has only its capabilities", slices.Equal(s.CapAdd, wantCaps)},
				{"has a read-only root", s.ReadOnly},
				{"gains no privileges", slices.Contains(s.SecurityOpt, "no-new-privileges:true")},
				{"has at most 64 MiB", s.MemLimit > 0 && s.MemLimit <= 64<<20},
				{"has no swap beside it", s.MemSwapLimit == s.MemLimit},
				{"has at most 128 processes", s.PidsLimit > 0 && s.PidsLimit <= 128},
				{"has at most half a processor", s.CPUS > 0 && s.CPUS <= 0.5},
				{"logs to rotated files", s.Logging.Driver == "json-file" && s.Logging.Options["max-size"] == "10m" && s.Logging.Options["max-file"] == "5"},
				{"is started again", s.Restart == "unless-stopped"},
				{"mounts nothing", len(s.Volumes) == 0 && len(s.Configs) == 0 && len(s.Secrets) == 0},
				{"publishes nothing", len(s.Ports) == 0},
				{"is nobody, unless it holds the address", holder || s.User == "65532:65532"},
				{"is in the network of its decky", holder || s.NetworkMode == "service:"+s.Labels[compose.LabelDecky]},
				{"is privileged in no way", !s.Privileged && !s.UseAPISocket && s.Pid == "" && len(s.Devices) == 0},
			} {
				if !c.ok {
					t.Errorf("%s: not true that it %s: %+v", name, c.what, s)
				}
			}
			for _, mount := range s.Tmpfs {
				if !strings.Contains(mount, "size=16m") || !strings.Contains(mount, "noexec") {
					t.Errorf("%s: tmpfs %s", name, mount)
				}
			}
		}
	}
}

// TestTheHolderHasTheStack checks address, host name and kernel parameters of each OS family.
func TestTheHolderHasTheStack(t *testing.T) {
	t.Parallel()
	for _, family := range fleet.OSFamilies() {
		reg := registry(t, declare("odd", tcp(7)))
		f := planned(t, reg, lan+"[box]\nservices = odd\nnmap_os = "+family+"\n")
		s := loaded(t, textOf(t, translated(t, reg, f, compose.Options{}))).Services["box"]
		want, err := fleet.Sysctls(family)
		if err != nil {
			t.Fatal(err)
		}
		want["net.ipv4.ip_unprivileged_port_start"] = "0"
		if diff := cmp.Diff(want, map[string]string(s.Sysctls)); diff != "" {
			t.Errorf("%s: sysctls (-want +got):\n%s", family, diff)
		}
		on := s.Networks["decnet_lan"]
		if on.Ipv4Address != f.Deckies[0].Addr.String() || s.Hostname != f.Deckies[0].Hostname || s.ContainerName != "box" {
			t.Errorf("%s: %+v is not %+v", family, s, f.Deckies[0])
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	network := func(f decnet.Fleet, opt compose.Options) (types.NetworkConfig, *types.ServiceNetworkConfig) {
		p := loaded(t, textOf(t, translated(t, reg, f, opt)))
		return p.Networks["decnet_lan"], p.Services["web"].Networks["decnet_lan"]
	}
	f := twoDeckies(t)
	n, on := network(f, compose.Options{})
	if n.Driver != "macvlan" || n.DriverOpts["parent"] != "eth0" || on.MacAddress == "" {
		t.Errorf("macvlan: %+v, %+v", n, on)
	}
	f.Mode = fleet.ModeIPVLAN
	n, on = network(f, compose.Options{})
	if n.Driver != "ipvlan" || n.DriverOpts["parent"] != "eth0" || n.DriverOpts["ipvlan_mode"] != "l2" || on.MacAddress != "" {
		t.Errorf("ipvlan: %+v, %+v", n, on)
	}
	pool := n.Ipam.Config[0]
	if pool.Subnet != "10.1.0.0/24" || pool.Gateway != "10.1.0.1" || pool.IPRange != "10.1.0.2/31" {
		t.Errorf("pool %+v", pool)
	}
	f.Interface = ""
	n, on = network(f, compose.Options{External: true})
	if !n.External || n.Driver != "" || len(n.Ipam.Config) != 0 || on.Ipv4Address != "10.1.0.2" {
		t.Errorf("external: %+v, %+v", n, on)
	}
	doc := translated(t, reg, f, compose.Options{External: true, Network: "office"})
	if p := loaded(t, textOf(t, doc)); p.Networks["office"].Name != "office" || p.Services["web"].Networks["office"] == nil {
		t.Errorf("named: %+v", p.Networks)
	}
}

func TestW16_DeckiesLiveInIPv6Too(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	f := planned(t, reg, "[general]\nnet = fd00:40::/64\ngw = fd00:40::1\ninterface = eth0\n[web]\nservices = http\n")
	doc := translated(t, reg, f, compose.Options{})
	p := loaded(t, textOf(t, doc))
	sameProject(t, doc, p)
	n, s := p.Networks["decnet_lan"], p.Services["web"]
	if n.EnableIPv6 == nil || !*n.EnableIPv6 || n.EnableIPv4 == nil || *n.EnableIPv4 {
		t.Errorf("network %+v", n)
	}
	if on := s.Networks["decnet_lan"]; on.Ipv6Address != "fd00:40::2" || on.Ipv4Address != "" {
		t.Errorf("address %+v", on)
	}
}

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
	for name, config := range map[string]map[string]string{
		"http":  {"fake_app": "wordpress"},
		"https": nil,
		"ssh":   {"accept": "any", "tries": "3"},
	} {
		got := personaOf(t, p.Services["web-"+name])
		want := fleet.Persona{
			Decky: "web", Service: name, Addr: f.Deckies[0].Addr, Hostname: f.Deckies[0].Hostname,
			Distro: f.Deckies[0].Distro, Seed: f.Deckies[0].Seed, Ports: ports[name], Config: config,
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

func TestContainerFragments(t *testing.T) {
	t.Parallel()
	doc, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{
		Image:  "example/odd:1",
		Env:    map[string]string{"MODE": "${HOME} {{ .Node }}\n- x: y", "HOSTNAME": "other"},
		CapAdd: []string{"SETUID", "CHOWN"},
		Tmpfs:  []string{"/var/log", "/tmp"},
		Volumes: []services.Volume{
			{Source: "/srv/odd", Target: "/data", ReadOnly: true},
			{Source: "spool", Target: "/var/spool"},
		},
	}, nil})
	if err != nil {
		t.Fatal(err)
	}
	p := loaded(t, textOf(t, doc))
	sameProject(t, doc, p)
	s := p.Services["box-odd"]
	if s.Image != "example/odd:1" || s.PullPolicy != "" || s.User != "" || len(s.Command) != 0 {
		t.Errorf("image %q, pulled %q, user %q, command %q", s.Image, s.PullPolicy, s.User, s.Command)
	}
	if *s.Environment["MODE"] != "${HOME} {{ .Node }}\n- x: y" || *s.Environment["HOSTNAME"] != p.Services["box"].Hostname {
		t.Errorf("environment %q, %q", *s.Environment["MODE"], *s.Environment["HOSTNAME"])
	}
	if !slices.Equal(s.CapAdd, []string{"CHOWN", "SETUID"}) || len(s.Tmpfs) != 2 || !s.ReadOnly || s.MemLimit != 256<<20 {
		t.Errorf("capabilities %v, tmpfs %v, read-only %t, memory %d", s.CapAdd, s.Tmpfs, s.ReadOnly, s.MemLimit)
	}
	if p.Volumes["box-odd-spool"].Name != "decnet_box-odd-spool" || s.Volumes[1].Source != "box-odd-spool" {
		t.Errorf("volumes %+v of %+v", s.Volumes, p.Volumes)
	}
	if personaOf(t, s).Service != "odd" {
		t.Error("the container does not know its persona")
	}

	doc, err = deckyWith(t, contained{declare("odd", tcp(7)), services.Container{CapAdd: []string{"SYS_CHROOT"}}, nil})
	if err != nil {
		t.Fatal(err)
	}
	if s := doc.Project.Services["box-odd"]; s.Image != compose.DefaultImage || s.User != "0:0" || !slices.Equal(s.CapAdd, []string{"SYS_CHROOT"}) {
		t.Errorf("a pot with a capability: %s as %s with %v", s.Image, s.User, s.CapAdd)
	}

	for name, c := range map[string]services.Container{
		"volume":                     {Volumes: []services.Volume{{Source: "../x", Target: "/x"}}},
		"tmpfs":                      {Tmpfs: []string{"/x:exec"}},
		"mount on":                   {Tmpfs: []string{"relative"}},
		`environment variable "A=B"`: {Env: map[string]string{"A=B": "c"}},
		"image":                      {Image: "UPPER"},
	} {
		_, err := deckyWith(t, contained{declare("odd", tcp(7)), c, nil})
		if !errors.Is(err, decnet.ErrInvalid) || !strings.Contains(err.Error(), "compose: box: odd: "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("cannot be")
	if _, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{}, broken}); !errors.Is(err, broken) {
		t.Errorf("the error of the honeypot is lost: %v", err)
	}
}

func TestBuildContexts(t *testing.T) {
	t.Parallel()
	files := func(dockerfile string) fs.FS {
		return fstest.MapFS{"Dockerfile": {Data: []byte(dockerfile)}, "etc/banner": {Data: []byte("hello")}}
	}
	built := func(context fs.FS) (*compose.Document, types.ServiceConfig) {
		doc, err := deckyWith(t, contained{declare("real_odd", tcp(7)), services.Container{Context: context}, nil})
		if err != nil {
			t.Fatal(err)
		}
		return doc, doc.Project.Services["box-real-odd"]
	}
	doc, s := built(files("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"))
	sameProject(t, doc, loaded(t, textOf(t, doc)))
	distro, err := fleet.DistroOf(personaOf(t, s).Distro)
	if err != nil {
		t.Fatal(err)
	}
	if *s.Build.Args["BASE_IMAGE"] != distro.BuildBase || s.PullPolicy != "never" || !strings.HasPrefix(s.Image, "decnet-real-odd:") {
		t.Errorf("build %+v of %s, pulled %q", s.Build, s.Image, s.PullPolicy)
	}
	if _, again := built(files("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")); again.Image != s.Image {
		t.Errorf("one context gives %s and %s", s.Image, again.Image)
	}
	if _, other := built(files("FROM scratch\n")); other.Image == s.Image {
		t.Errorf("two contexts give %s", s.Image)
	}

	path := filepath.Join(t.TempDir(), "decnet.yml")
	for range 2 {
		if err := doc.WriteFile(path); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(text, textOf(t, doc)) {
		t.Errorf("written: %v, %s", err, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the seeds: %v, %v", info.Mode(), err)
	}
	banner, err := os.ReadFile(filepath.Join(filepath.Dir(path), s.Build.Context, "etc", "banner"))
	if err != nil || string(banner) != "hello" {
		t.Errorf("context: %v, %q", err, banner)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*", ".context-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	for name, context := range map[string]fs.FS{
		"there is no Dockerfile": fstest.MapFS{"x": {}},
		"is not a regular file":  fstest.MapFS{"Dockerfile": {}, "x": {Mode: fs.ModeSymlink}},
	} {
		_, err := deckyWith(t, contained{declare("odd", tcp(7)), services.Container{Context: context}, nil})
		if !errors.Is(err, decnet.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestW30_CustomServicesAreImages(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	const ini = lan + "[web]\nservices = billing, ssh\n[crm]\nservices = billing\n" +
		"[custom-billing]\nbinary = registry.example/billing:3\nexec = /run.sh --say \"a $HOME b\"\nports = 8080, 9000/udp\n"
	f := planned(t, reg, ini)
	doc := translated(t, reg, f, compose.Options{})
	p := loaded(t, textOf(t, doc))
	sameProject(t, doc, p)
	s := p.Services["web-billing"]
	if s.Image != "registry.example/billing:3" || !slices.Equal(s.Command, []string{"/run.sh", "--say", "a $HOME b"}) {
		t.Errorf("image %s runs %q", s.Image, s.Command)
	}
	if len(s.CapAdd) != 0 || !s.ReadOnly || s.NetworkMode != "service:web" || s.Labels[compose.LabelService] != "billing" {
		t.Errorf("%+v", s)
	}
	if _, told := s.Environment[fleet.PersonaVar]; told {
		t.Error("a foreign image is told the seed of the decky")
	}

	change := func(do func(cfg map[string]string)) decnet.Fleet {
		f := planned(t, reg, ini)
		do(f.Deckies[1].Config["billing"])
		return f
	}
	for _, c := range []struct {
		says string
		kind error
		f    decnet.Fleet
	}{
		{"defined differently", decnet.ErrConflict, change(func(cfg map[string]string) { cfg["exec"] = "/other" })},
		{`image "A B"`, decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["binary"] = "A B" })},
		{`port "x"`, decnet.ErrSemantic, change(func(cfg map[string]string) { cfg["ports"] = "x" })},
		{"command line", decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["exec"] = `"open` })},
		{"or name a shell", decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["exec"] = "/run.sh; /other" })},
		{"or name a shell", decnet.ErrInvalid, change(func(cfg map[string]string) { cfg["exec"] = `/run.sh \` })},
		{"port 22/tcp", decnet.ErrSemantic, change(func(cfg map[string]string) { cfg["ports"] = "22" })},
	} {
		if c.says == "port 22/tcp" {
			c.f.Deckies[1].Services = []string{"billing", "ssh"}
		}
		_, err := compose.New(reg, c.f, compose.Options{})
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "crm") {
			t.Errorf("%v: want %q and the kind %v", err, c.says, c.kind)
		}
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

func TestLimits(t *testing.T) {
	t.Parallel()
	doc := translated(t, everyService(t), twoDeckies(t), compose.Options{Limits: compose.Limits{Memory: 1 << 30, PIDs: 9, CPUs: 2}})
	p := loaded(t, textOf(t, doc))
	if s := p.Services["web-ssh"]; s.MemLimit != 1<<30 || s.MemSwapLimit != 1<<30 || s.PidsLimit != 9 || s.CPUS != 2 {
		t.Errorf("%+v", s)
	}
	if s := p.Services["web"]; s.MemLimit != 32<<20 {
		t.Errorf("the holder has %d bytes", s.MemLimit)
	}
}

func TestPotImage(t *testing.T) {
	t.Parallel()
	p := translated(t, everyService(t), twoDeckies(t), compose.Options{Image: "registry.example/pot:2"}).Project
	if s := p.Services["web-ssh"]; s.Image != "registry.example/pot:2" || s.PullPolicy != "" || !slices.Equal(s.Command, []string{"serve"}) {
		t.Errorf("%s %q %q", s.Image, s.Command, s.PullPolicy)
	}
	if s := p.Services["web"]; s.Image != "registry.example/pot:2" || !slices.Equal(s.Command, []string{"hold"}) {
		t.Errorf("%s %q", s.Image, s.Command)
	}
}

// TestW44_DeckiesHaveHardwareOfTheirOwn checks the addresses of network cards in a document.
func TestW44_DeckiesHaveHardwareOfTheirOwn(t *testing.T) {
	t.Parallel()
	reg := registry(t, declare("odd", tcp(7)))
	f := planned(t, reg, lan+"[a]\nservices = odd\namount = 100\n[b]\nservices = odd\namount = 100\n")
	seen := make(map[string]string)
	for name, s := range translated(t, reg, f, compose.Options{}).Project.Services {
		on := s.Networks["decnet_lan"]
		if on == nil {
			continue
		}
		if other, ok := seen[on.MacAddress]; ok {
			t.Errorf("%s and %s both have %s", name, other, on.MacAddress)
		}
		seen[on.MacAddress] = name
	}
	if len(seen) != 200 {
		t.Errorf("%d hardware addresses", len(seen))
	}
}
