package fleet_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

var planTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func options() fleet.Options {
	return fleet.Options{Seed: "test", Now: func() time.Time { return planTime }}
}

func mustINI(t *testing.T, text string, opt fleet.Options) decnet.Fleet {
	t.Helper()
	f, err := fleet.FromINI(registry(t), []byte(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestINIDescribesAFleet(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Mode = fleet.ModeMACVLAN
	opt.Host = netip.MustParseAddr("10.1.0.2")
	f := mustINI(t, "\ufeff; a comment\r\n"+
		"[general]\r\nnet = 10.1.0.0/24\r\ngw: 10.1.0.1\r\ninterface=eth0\r\nlog_target = siem:514\r\n"+
		"[web]\rarchetype = web-server\rip = 10.1.0.50\r"+ // a lone CR ends a line too
		"nmap-os = windows\nmutate-interval = 15\n"+
		"[web.http]\nBanner = 100% # not a comment\n  second line\n\n"+
		"[farm-02.redis]\ncount = 4\n"+
		"[farm]\nservices = redis, ssh\namount = 3\n"+
		"[farm.redis]\ncount = 3\nbanner=b\n", opt)
	if f.Mode != "macvlan" || f.Interface != "eth0" || f.LogTarget != "siem:514" || f.Seed != "test" ||
		f.Subnet != netip.MustParsePrefix("10.1.0.0/24") || f.Gateway != netip.MustParseAddr("10.1.0.1") {
		t.Errorf("network: %+v", f)
	}
	type brief struct {
		Name, Addr, Distro, OS string
		Services               []string
		Config                 map[string]map[string]string
		Mutate                 time.Duration
	}
	var got []brief
	for _, d := range f.Deckies {
		got = append(got, brief{d.Name, d.Addr.String(), d.Distro, d.OSFamily, d.Services, d.Config, fleet.Interval(f, d)})
		if !d.LastMutated.Equal(planTime) {
			t.Errorf("%s: last mutated %v", d.Name, d.LastMutated)
		}
	}
	farm := []string{"redis", "ssh"}
	want := []brief{
		{"web", "10.1.0.50", "ubuntu20", "windows", []string{"ftp", "http"},
			map[string]map[string]string{"http": {"banner": "100% # not a comment\nsecond line"}}, 15 * time.Minute},
		{"farm-01", "10.1.0.3", "arch", "linux", farm, map[string]map[string]string{"redis": {"count": "3", "banner": "b"}}, 0},
		{"farm-02", "10.1.0.4", "debian", "linux", farm, map[string]map[string]string{"redis": {"count": "4", "banner": "b"}}, 0},
		{"farm-03", "10.1.0.5", "ubuntu22", "linux", farm, map[string]map[string]string{"redis": {"count": "3", "banner": "b"}}, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestINIWithOnlyGeneralHasNoDeckies(t *testing.T) {
	t.Parallel()
	if f := mustINI(t, "[general]\nnet = 10.1.0.0/24\n", options()); len(f.Deckies) != 0 {
		t.Errorf("deckies: %v", f.Deckies)
	}
}

func TestWhatAnINIDocumentSaysAboutTheNetworkWins(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.First, opt.Gateway = netip.MustParseAddr("127.0.10.1"), netip.MustParseAddr("192.168.0.1")
	f := mustINI(t, "[general]\nnet = 10.1.0.0/24\n[a]\nservices=ssh\n", opt)
	if got := f.Deckies[0].Addr.String(); got != "10.1.0.1" || f.Gateway.IsValid() {
		t.Errorf("address %s, gateway %s", got, f.Gateway)
	}
	opt.First = netip.MustParseAddr("10.1.0.40")
	f = mustINI(t, "[general]\nnet = 10.1.0.0/24\n[a]\nservices=ssh\n", opt)
	if got := f.Deckies[0].Addr.String(); got != "10.1.0.40" {
		t.Errorf("address %s", got)
	}
}

func TestINIErrorsNameThePlaceAndWhatIsAccepted(t *testing.T) {
	t.Parallel()
	const lan = "[general]\nnet = 10.1.0.0/29\ngw = 10.1.0.1\n"
	tests := []struct {
		name, text string
		kind       error
		says       []string
	}{
		{"empty", " \n\t\r\n", decnet.ErrSemantic, []string{"empty"}},
		{"comments only", "# hello\n; hello\n", decnet.ErrSemantic, []string{"no section"}},
		{"too large", "[a]\n" + strings.Repeat("#", fleet.MaxINI), fleet.ErrTooLarge, []string{"524288"}},
		{"not text", "[a]\nip = \xff\n", decnet.ErrInvalid, []string{"UTF-8"}},
		{"NUL", "[a]\nip = \x00\n", decnet.ErrInvalid, []string{"UTF-8"}},
		{"no section header", "ip = 10.0.0.1\n[a]\n", decnet.ErrSemantic, []string{"line 1", `"ip = 10.0.0.1"`, "[web]"}},
		{"no value", "[a]\nservices = ssh\nfoo\n", decnet.ErrSemantic, []string{"line 3", `"foo"`, "key = value"}},
		{"no key", "[a]\n= ssh\n", decnet.ErrSemantic, []string{"line 2", "no key"}},
		{"open section", "[a\n", decnet.ErrSemantic, []string{"line 1", `"[a"`}},
		{"text after section", "[a] b\n", decnet.ErrSemantic, []string{"line 1", `"[a] b"`}},
		{"empty section name", "[ ]\n", decnet.ErrSemantic, []string{"line 1"}},
		{"duplicate section", "[a]\n[b]\n[a]\n", decnet.ErrSemantic, []string{"line 3", "[a]", "line 1"}},
		{"duplicate key", "[a]\nservices = ssh\nSERVICES = ftp\n", decnet.ErrSemantic, []string{"line 3", "services", "line 2"}},
		{"duplicate spelling", "[a]\nnmap_os = linux\nnmap-os = linux\n", decnet.ErrSemantic, []string{"line 3", "nmap_os", "line 2"}},
		{"general misspelt", "[General]\n[a]\n", decnet.ErrSemantic, []string{"line 1", "[general]"}},
		{"log target without port", "[general]\nlog_target = siem:65536\n", decnet.ErrSemantic, []string{"line 2", "[general] log_target", "HOST:PORT"}},
		{"unknown general key", "[general]\nsubnet = 10.0.0.0/8\n", decnet.ErrSemantic, []string{"line 2", "[general] subnet", "net, gw, net6, gw6, interface, mutate_interval, log_target"}},
		{"unknown decky key", "[a]\nport = 22\n", decnet.ErrSemantic, []string{"line 2", "[a] port", "ip, ip6, services, archetype, distro, nmap_os, mutate_interval, amount"}},
		{"unknown distribution", "[a]\ndistro = debian, plan9\n", decnet.ErrSemantic, []string{"line 2", "[a] distro", "plan9", "debian, ubuntu22"}},
		{"no distribution", "[a]\ndistro = ,\n", decnet.ErrSemantic, []string{"line 2", "[a] distro", "names no distribution"}},
		{"unknown custom key", "[custom-x]\nimage = y\n", decnet.ErrSemantic, []string{"line 2", "[custom-x] image", "binary, exec, ports"}},
		{"missing value", "[a]\nip =\n", decnet.ErrSemantic, []string{"line 2", "[a] ip", "missing"}},
		{"bad subnet", "[general]\nnet = 10.0.0.0\n", decnet.ErrSemantic, []string{"line 2", "[general] net", "192.168.1.0/24"}},
		{"bad gateway", "[general]\ngw = me\n", decnet.ErrSemantic, []string{"line 2", "[general] gw", `"me"`}},
		{"gateway elsewhere", "[general]\nnet = 10.0.0.0/24\ngw = 10.0.1.1\n", decnet.ErrSemantic, []string{"10.0.1.1", "10.0.0.0/24"}},
		{"bad general interval", "[general]\nmutate_interval = 0\n", decnet.ErrSemantic, []string{"line 2", "minutes, at least 1"}},
		{"bad interval", "[a]\nmutate_interval = soon\n", decnet.ErrSemantic, []string{"line 2", "[a] mutate_interval", `"soon"`}},
		{"bad amount", "[a]\namount = 101\n", decnet.ErrSemantic, []string{"line 2", "[a] amount", "from 1 to 100"}},
		{"amount with ip", "[a]\nip = 10.0.0.1\namount = 2\n", decnet.ErrSemantic, []string{"line 2", "[a] ip", "leave out ip or amount"}},
		{"bad name", "[a b]\n", decnet.ErrSemantic, []string{"line 1", `"a b"`, "letters, digits"}},
		{"name starts with dot", "[..]\n", decnet.ErrSemantic, []string{"line 1", "starting with a letter or digit"}},
		{"long name", "[" + strings.Repeat("a", 129) + "]\n", decnet.ErrSemantic, []string{"line 1", "129", "128"}},
		{"long group name", "[" + strings.Repeat("a", 127) + "]\namount = 2\n", decnet.ErrSemantic, []string{"line 1", "130"}},
		{"group and member", "[a]\namount = 2\n[a-01]\n", decnet.ErrSemantic, []string{"line 3", "a-01", "line 1"}},
		{"names differ in case", "[web]\n[Web]\n", decnet.ErrSemantic, []string{"line 2", "Web", "line 1", "case"}},
		{"unknown service", "[a]\nservices = ssh, gopher\n", decnet.ErrSemantic, []string{"line 2", "[a] services", `"gopher"`, "ftp, http"}},
		{"no service", "[a]\nservices = ,\n", decnet.ErrSemantic, []string{"line 2", "names no service"}},
		{"service twice", "[a]\nservices = ssh, ssh\n", decnet.ErrSemantic, []string{"line 2", "ssh", "twice"}},
		{"singleton", "[a]\nservices = sniffer\n", decnet.ErrSemantic, []string{"line 2", "sniffer", "once per fleet"}},
		{"port conflict", "[a]\nservices = smtp, smtp_relay\n", decnet.ErrSemantic, []string{"line 2", "smtp and smtp_relay", "25/tcp"}},
		{"further port conflict", "[a]\nservices = k8s, tomcat\n", decnet.ErrSemantic, []string{"line 2", "k8s and tomcat", "8080/tcp"}},
		{"unknown archetype", "[a]\narchetype = mainframe\n", decnet.ErrSemantic, []string{"line 2", "[a] archetype", `"mainframe"`, "deaddeck"}},
		{"archetype not runnable", "[a]\narchetype = iot-device\n", decnet.ErrSemantic, []string{"line 2", "iot-device needs mqtt,"}},
		{"unknown OS", "[a]\nnmap_os = plan9\n", decnet.ErrSemantic, []string{"line 2", "[a] nmap_os", "cisco, embedded, linux"}},
		{"settings of unknown decky", "[a]\nservices=ssh\n[b.ssh]\nbanner=x\n", decnet.ErrSemantic, []string{"line 3", "no decky called b"}},
		{"settings of group prefix", "[a-x]\nservices=ssh\n[a.ssh]\nbanner=x\n", decnet.ErrSemantic, []string{"line 3", "no decky called a"}},
		{"settings of service not run", "[a]\nservices=ssh\n[a.ftp]\nbanner=x\n", decnet.ErrSemantic, []string{"line 3", "a does not run ftp"}},
		{"unknown setting", "[a]\nservices=ssh\n[a.ssh]\ncolour=x\n", decnet.ErrSemantic, []string{"line 3", "[a.ssh]", "colour", "banner, count"}},
		{"ill-typed setting", "[a]\nservices=ssh\n[a.ssh]\ncount=10\n", decnet.ErrSemantic, []string{"line 3", "count", "from 1 to 9"}},
		{"meaningless setting", "[a]\nservices=ssh\n[a.ssh]\nbanner=meaningless\n", decnet.ErrSemantic, []string{"line 3", "meaningless"}},
		{"bad address", "[a]\nip = 10.0.0.300\n", decnet.ErrSemantic, []string{"line 2", "[a] ip", "10.0.0.300"}},
		{"not one machine", "[a]\nip = 224.0.0.1\n", decnet.ErrSemantic, []string{"line 2", "single machine"}},
		{"zone", "[a]\nip = fe80::1%eth0\n", decnet.ErrSemantic, []string{"line 2", "zone"}},
		{"bad IPv6 subnet", "[general]\nnet6 = 10.0.0.0/24\n", decnet.ErrSemantic, []string{"line 2", "[general] net6", "fd00:1::/64"}},
		{"bad IPv6 gateway", "[general]\nnet6 = fd00:1::/64\ngw6 = 10.0.0.1\n", decnet.ErrSemantic, []string{"line 3", "[general] gw6", `"10.0.0.1" is not an IPv6 address`}},
		{"IPv6 gateway elsewhere", "[general]\nnet6 = fd00:1::/64\ngw6 = fd00:2::1\n", decnet.ErrSemantic, []string{"line 3", "[general] gw6", "fd00:2::1", "fd00:1::/64", "link-local"}},
		{"IPv6 gateway alone", "[general]\ngw6 = fd00:2::1\n", decnet.ErrSemantic, []string{"line 2", "[general] gw6", "net6 = fd00:1::/64"}},
		{"link-local subnet", "[general]\nnet6 = fe80::/64\n", decnet.ErrSemantic, []string{"line 2", "[general] net6", "fe80::/64"}},
		{"group subnet", "[general]\nnet6 = ff02::/64\n", decnet.ErrSemantic, []string{"line 2", "[general] net6"}},
		{"mapped subnet", "[general]\nnet6 = ::ffff:10.0.0.0/120\n", decnet.ErrSemantic, []string{"line 2", "[general] net6"}},
		{"IPv6 twice", "[general]\nnet = fd00:1::/64\nnet6 = fd00:2::/64\n", decnet.ErrSemantic, []string{"line 3", "[general] net6", "already, in fd00:1::/64"}},
		{"bad IPv6 address", "[a]\nip6 = 10.0.0.1\n", decnet.ErrSemantic, []string{"line 2", "[a] ip6", `"10.0.0.1" is not an IPv6 address`}},
		{"IPv6 zone", "[a]\nip6 = fe80::1%eth0\n", decnet.ErrSemantic, []string{"line 2", "[a] ip6", "zone"}},
		{"amount with ip6", "[a]\nip6 = fd00:1::5\namount = 2\n", decnet.ErrSemantic, []string{"line 2", "[a] ip6", "leave out ip6 or amount"}},
		{"no address left", lan + "[a]\namount = 6\n", decnet.ErrSemantic, []string{"10.1.0.0/29 has 5 free addresses, 6 are needed"}},
		{"custom without image", "[custom-x]\nexec = y\n", decnet.ErrSemantic, []string{"line 1", "binary"}},
		{"custom of known name", "[custom-ssh]\nbinary = y\n", decnet.ErrSemantic, []string{"line 1", "ssh already"}},
		{"custom not a slug", "[custom-X Y]\nbinary = y\n", decnet.ErrSemantic, []string{"line 1", "X Y", "a-z"}},
		{"custom port", "[custom-x]\nbinary = y\nports = 80, 70000\n", decnet.ErrSemantic, []string{"line 3", "70000", "65535"}},
		{"custom port twice", "[custom-x]\nbinary = y\nports = 80, 80/tcp\n", decnet.ErrSemantic, []string{"line 3", "twice"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := fleet.FromINI(registry(t), []byte(tt.text), options())
			if !errors.Is(err, tt.kind) {
				t.Fatalf("fleet %+v, error %v, want one that wraps %v", f, err, tt.kind)
			}
			for _, s := range tt.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("error %q has more than one line", err)
			}
		})
	}
}

func TestFilesOfTheMachineAreForItsOperatorAlone(t *testing.T) {
	t.Parallel()
	web := newPot("web", tcp(80))
	web.Keys = append(web.Keys, services.Key{Name: "files", Type: services.KeyPath})
	reg, err := services.NewRegistry(web)
	if err != nil {
		t.Fatal(err)
	}
	there := t.TempDir()
	document := func(dir string) []byte { return []byte("[a]\nservices = web\n[a.web]\nfiles = " + dir + "\n") }
	kept, err := fleet.FromINI(reg, document(there), options())
	if err != nil || kept.Deckies[0].Config["web"]["files"] != there {
		t.Fatalf("the operator's own: %+v, %v", kept, err)
	}
	opt := options()
	opt.NoFiles = true
	for _, dir := range []string{there, there + "/missing"} {
		_, err := fleet.FromINI(reg, document(dir), opt)
		if want := "fleet: line 3: [a.web]: files names a file of the machine, which only its operator may: semantic"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	opt.Existing = kept
	f, err := fleet.FromINI(reg, []byte("[b]\nservices = web\n"), opt)
	if err != nil || len(f.Deckies) != 2 || f.Deckies[0].Config["web"]["files"] != there {
		t.Errorf("what the operator deployed does not stay: %+v, %v", f, err)
	}
}

func TestLANNeedsASubnet(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Mode = fleet.ModeMACVLAN
	_, err := fleet.FromINI(registry(t), []byte("[a]\nservices=ssh\n"), opt)
	if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "[general]") {
		t.Errorf("error %v", err)
	}
}

func TestW32_PercentSignsAndIntervalsOfINIDocumentsHold(t *testing.T) {
	t.Parallel()
	const text = "[general]\nmutate_interval = 45\n" +
		"[a]\nservices = ssh\n[a.ssh]\nbanner = 50% of %(x)s %\n" +
		"[b]\nservices = ssh\nmutate_interval = 5\n"
	f := mustINI(t, text, options())
	if got := f.Deckies[0].Config["ssh"]["banner"]; got != "50% of %(x)s %" {
		t.Errorf("banner %q", got)
	}
	if a, b := fleet.Interval(f, f.Deckies[0]), fleet.Interval(f, f.Deckies[1]); a != 45*time.Minute || b != 5*time.Minute {
		t.Errorf("intervals %v and %v", a, b)
	}
	for given, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, -1: 0} {
		opt := options()
		opt.MutateInterval = given
		f := mustINI(t, text, opt)
		if a, b := fleet.Interval(f, f.Deckies[0]), fleet.Interval(f, f.Deckies[1]); a != want || b != 5*time.Minute {
			t.Errorf("intervals %v and %v when %v is given", a, b, given)
		}
	}
}

func TestW31_EveryAcceptedNameIsOneElementOfAPath(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "Web_1.lan", "0", "a..b", strings.Repeat("x", 128), "web.ssh2"} {
		f := mustINI(t, "["+name+"]\nservices = ssh\n", options())
		if got := f.Deckies[0].Name; got != name || fleet.CheckName(got) != nil {
			t.Errorf("%q became %q", name, got)
		}
	}
	for _, name := range []string{"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a%2f", "ä", "a\n", strings.Repeat("x", 129)} {
		if err := fleet.CheckName(name); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%q is accepted: %v", name, err)
		}
	}
}

func TestW29_ExplicitAddressesAreChecked(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Mode = fleet.ModeMACVLAN
	opt.Subnet = netip.MustParsePrefix("10.1.0.0/24")
	opt.Gateway = netip.MustParseAddr("10.1.0.1")
	opt.Host = netip.MustParseAddr("10.1.0.9")
	for ip, why := range map[string]string{
		"10.1.0.0":        "network address",
		"10.1.0.255":      "broadcast address",
		"10.1.0.1":        "gateway",
		"10.1.0.9":        "host itself",
		"10.1.1.5":        "outside of the subnet 10.1.0.0/24",
		"fd00::1":         "outside of the subnet",
		"10.1.0.50":       "already that of a",
		"::ffff:10.1.0.1": "gateway",
	} {
		_, err := fleet.FromINI(registry(t), []byte("[a]\nip=10.1.0.50\nservices=ssh\n[b]\nservices=ssh\nip="+ip+"\n"), opt)
		if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "line 6: [b] ip") {
			t.Errorf("%s: error %v, want %q", ip, err, why)
		}
	}
	f := mustINI(t, "[a]\nservices=ssh\namount=4\n[b]\nservices=ssh\nip=10.1.0.3\n", opt)
	var got []string
	for _, d := range f.Deckies {
		got = append(got, d.Addr.String())
	}
	if want := []string{"10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6", "10.1.0.3"}; !cmp.Equal(got, want) {
		t.Errorf("addresses %v, want %v", got, want)
	}
}

func TestW18_NoImageSpeaksForDECNET(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"audit", "mutator", "collector", "sniffer", "prober", "correlator", "egress", "decnet"} {
		reg, err := services.NewRegistry(newPot("ssh", tcp(22))) // one that has no such service
		if err != nil {
			t.Fatal(err)
		}
		_, err = fleet.FromINI(reg, []byte("[a]\nservices = "+name+"\n[custom-"+name+"]\nbinary = example/image\n"), options())
		if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "line 3: [custom-"+name+"]: events of the service "+name+" are DECNET's own") {
			t.Errorf("%s: %v", name, err)
		}
		f := decnet.Fleet{Deckies: []decnet.Decky{{Name: "a", Services: []string{name}, Config: map[string]map[string]string{name: {"binary": "example/image"}}}}}
		if _, err := fleet.WithCustom(reg, f); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%s in a document: %v", name, err)
		}
	}
}

func TestW30_CustomServicesTravelInTheFleetDocument(t *testing.T) {
	t.Parallel()
	f := mustINI(t, "[custom-billing]\nbinary = example/billing:3\nexec = /run.sh -v\nports = 8081, 9000/udp\n"+
		"[a]\nservices = billing, ssh\n", options())
	reg, err := fleet.WithCustom(registry(t), f)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := reg.Lookup("billing")
	if err != nil {
		t.Fatal(err)
	}
	want := fleet.Custom{Name: "billing", Image: "example/billing:3", Exec: "/run.sh -v", Ports: []services.Port{tcp(8081), udp(9000)}}
	if diff := cmp.Diff(want, svc); diff != "" {
		t.Error(diff)
	}

	// A later plan in another process, which knows the document alone, can use it.
	opt := options()
	opt.Existing = f
	later := mustINI(t, "[a]\nservices = ssh\n[b]\nservices = ssh\n", opt)
	opt.Existing = f
	both, err := fleet.FromINI(registry(t), []byte("[b]\nservices = billing\n[b.billing]\nbinary = example/billing:3\nexec = /run.sh -v\nports = 8081, 9000/udp\n"), opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(later.Deckies) != 2 || len(both.Deckies) != 2 || both.Deckies[0].Name != "a" {
		t.Errorf("deckies %v and %v", later.Deckies, both.Deckies)
	}
	if _, err := fleet.WithCustom(registry(t), both); err != nil {
		t.Error(err)
	}
	both.Deckies[1].Config["billing"]["binary"] = "example/other"
	if _, err := fleet.WithCustom(registry(t), both); !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("two definitions: error %v", err)
	}
}

func FuzzFromINI(f *testing.F) {
	f.Add("[general]\nnet = 10.0.0.0/24\ngw = 10.0.0.1\n[a]\nservices = ssh, http\namount = 3\n[a.http]\nbanner = %\n")
	f.Add("[custom-x]\nbinary = y\nports = 1,2/udp\n[a]\nservices = x\n[a.x]\nexec = z\n")
	f.Add("[a]\n  ip = fd00::1\n    2\n[b]\narchetype=deaddeck\n")
	f.Add("[a]\rnmap-os=linux\rnmap_os=bsd\r")
	f.Add("[general]\nnet = ::/0\n[a]\namount=100\n")
	f.Add("[general]\nlog_target = siem\n[a]\n")
	f.Add("\ufeff[a]\n=\n")
	f.Add("[general]\nnet = 10.0.0.0/24\nnet6 = fd00::/125\ngw6 = fe80::1\n[a]\nservices = ssh\namount = 5\n[b]\nip6 = fd00::7\n")
	reg := registry(f)
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := fleet.FromINI(reg, []byte(text), options())
		if err != nil {
			if !errors.Is(err, decnet.ErrSemantic) && !errors.Is(err, decnet.ErrInvalid) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		names, addrs := map[string]bool{}, map[netip.Addr]bool{}
		for _, d := range plan.Deckies {
			if fleet.CheckName(d.Name) != nil || names[strings.ToLower(d.Name)] || addrs[d.Addr] || len(d.Services) == 0 ||
				d.Addr6.IsValid() && (addrs[d.Addr6] || !d.Addr6.Is6()) || plan.Subnet6.IsValid() && !plan.Subnet6.Contains(d.Addr6) {
				t.Fatalf("decky %+v of %+v", d, plan)
			}
			addrs[d.Addr6] = d.Addr6.IsValid()
			names[strings.ToLower(d.Name)], addrs[d.Addr] = true, true
		}
	})
}

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	got, err := fleet.NetworkOf([]byte("[general]\nnet = 192.168.7.0/24\ngw = 192.168.7.1\ninterface = eth7\n[a]\nservices = whatever\n"))
	if err != nil || got.Interface != "eth7" || got.Subnet.String() != "192.168.7.0/24" || got.Gateway.String() != "192.168.7.1" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = fleet.NetworkOf([]byte("[general]\nnet6 = fd00:7::/64\ngw6 = fe80::1\n"))
	if err != nil || got.Subnet6.String() != "fd00:7::/64" || got.Gateway6.String() != "fe80::1" || got.Subnet.IsValid() {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := fleet.NetworkOf([]byte("[a]\nservices = ssh\n")); err != nil || got.Interface != "" || got.Subnet.IsValid() || got.Gateway.IsValid() {
		t.Errorf("without [general]: %+v, %v", got, err)
	}
	for _, text := range []string{"[general]\nnet = 192.168.7.0\n", "[general]\ngw = here\n", "[general\n", "[General]\n"} {
		if _, err := fleet.NetworkOf([]byte(text)); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
