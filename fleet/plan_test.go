package fleet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

func mustFlags(t *testing.T, f fleet.Flags, opt fleet.Options) decnet.Fleet {
	t.Helper()
	plan, err := fleet.FromFlags(registry(t), f, opt)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

var sameAddr = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func TestDefaultFleetHasThreeArchetypesThatCanRun(t *testing.T) {
	t.Parallel()
	small, err := services.NewRegistry(newPot("ssh", tcp(22)), newPot("http", tcp(80), tcp(443)), newPot("ftp", tcp(21)))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := fleet.FromFlags(small, fleet.Flags{}, options())
	if err != nil {
		t.Fatal(err)
	}
	var kinds, addrs []string
	for _, d := range plan.Deckies {
		kinds = append(kinds, d.Archetype)
		addrs = append(addrs, d.Addr.String())
	}
	slices.Sort(kinds)
	if want := []string{"deaddeck", "linux-server", "web-server"}; !cmp.Equal(kinds, want) {
		t.Errorf("archetypes %v, want %v", kinds, want)
	}
	if want := []string{"127.0.10.1", "127.0.10.2", "127.0.10.3"}; !cmp.Equal(addrs, want) {
		t.Errorf("addresses %v, want %v", addrs, want)
	}
	if _, err := fleet.FromFlags(new(services.Registry), fleet.Flags{}, options()); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("without services: error %v", err)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	t.Run("services", func(t *testing.T) {
		plan := mustFlags(t, fleet.Flags{Deckies: 2, Services: []string{"ssh", "http"}, Distros: []string{"kali", "arch"}}, options())
		for i, d := range plan.Deckies {
			if d.Name != fmt.Sprintf("decky-%02d", i+1) || !cmp.Equal(d.Services, []string{"http", "ssh"}) ||
				d.Distro != []string{"kali", "arch"}[i] || d.OSFamily != "linux" {
				t.Errorf("%+v", d)
			}
		}
	})
	t.Run("archetype", func(t *testing.T) {
		opt := options()
		opt.MutateInterval = time.Hour
		plan := mustFlags(t, fleet.Flags{Deckies: 5, Archetype: "database-server"}, opt)
		for i, d := range plan.Deckies {
			if !cmp.Equal(d.Services, []string{"mysql", "postgres", "redis"}) || fleet.Interval(plan, d) != time.Hour ||
				d.Distro != []string{"debian", "ubuntu22"}[i%2] {
				t.Errorf("%+v", d)
			}
		}
	})
	t.Run("random services", func(t *testing.T) {
		plan := mustFlags(t, fleet.Flags{Deckies: 20, RandomServices: true, RandomDistros: true}, options())
		sets, distros := map[string]bool{}, map[string]bool{}
		for _, d := range plan.Deckies {
			if len(d.Services) < 1 || len(d.Services) > 3 {
				t.Errorf("%s has %v", d.Name, d.Services)
			}
			sets[strings.Join(d.Services, ",")] = true
			distros[d.Distro] = true
		}
		if len(sets) != 20 || len(distros) < 4 {
			t.Errorf("%d sets of services and %d distributions among 20 deckies", len(sets), len(distros))
		}
	})
	for name, f := range map[string]fleet.Flags{
		"negative":            {Deckies: -1},
		"too many":            {Deckies: 1_000_000},
		"unknown archetype":   {Archetype: "x"},
		"lacking archetype":   {Archetype: "voip-server"},
		"unknown service":     {Services: []string{"gopher"}},
		"unknown distro":      {Distros: []string{"plan9"}},
		"random and named":    {RandomServices: true, Services: []string{"ssh"}},
		"conflict":            {Services: []string{"smtp", "smtp_relay"}},
		"service and machine": {RandomServices: true, Archetype: "deaddeck"},
	} {
		if _, err := fleet.FromFlags(registry(t), f, options()); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// real is a service whose real program goes with two distributions.
type real struct{ pot }

func (real) Container(services.Config) (services.Container, error) {
	return services.Container{Context: fstest.MapFS{"Dockerfile": {}}, Distros: []string{"ubuntu22", "debian"}}, nil
}

func TestRealProgramsGetADistributionThatTheyAreFor(t *testing.T) {
	t.Parallel()
	reg, err := services.NewRegistry(real{newPot("shell", tcp(22))}, newPot("http", tcp(80)))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := fleet.FromFlags(reg, fleet.Flags{Deckies: 9, Services: []string{"http", "shell"}}, options())
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for _, d := range plan.Deckies {
		seen[d.Distro]++
	}
	if len(seen) != 2 || seen["debian"] == 0 || seen["ubuntu22"] == 0 {
		t.Errorf("they claim to be %v", seen)
	}
	_, err = fleet.FromFlags(reg, fleet.Flags{Deckies: 1, Services: []string{"shell"}, Distros: []string{"kali", "rocky9"}}, options())
	if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "decky-01: the real program of shell is prepared for ubuntu22, debian, and the decky can claim to be kali, rocky9 alone") {
		t.Errorf("error %v", err)
	}
}

func TestSeedMakesAPlanReproducible(t *testing.T) {
	t.Parallel()
	one := mustFlags(t, fleet.Flags{Deckies: 10}, options())
	if diff := cmp.Diff(one, mustFlags(t, fleet.Flags{Deckies: 10}, options()), sameAddr); diff != "" {
		t.Error("same seed:", diff)
	}
	opt := options()
	opt.Seed = ""
	random := mustFlags(t, fleet.Flags{Deckies: 10}, opt)
	if len(random.Seed) != 64 || random.Deckies[0].Seed == one.Deckies[0].Seed {
		t.Errorf("random seed %q", random.Seed)
	}
	opt.Seed = random.Seed // as it was kept in the fleet document
	if diff := cmp.Diff(random, mustFlags(t, fleet.Flags{Deckies: 10}, opt), sameAddr); diff != "" {
		t.Error("kept seed:", diff)
	}
	opt.Seed, opt.Rand = "", strings.NewReader("short")
	if _, err := fleet.FromFlags(registry(t), fleet.Flags{}, opt); err == nil {
		t.Error("no error when no seed can be made")
	}
}

func TestAddingADeckyChangesNoOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "deckies")
		more := rapid.IntRange(1, 20).Draw(rt, "more")
		flags := fleet.Flags{Deckies: n, RandomServices: rapid.Bool().Draw(rt, "random"), RandomDistros: rapid.Bool().Draw(rt, "distros")}
		opt := options()
		opt.Seed = rapid.StringN(1, 8, -1).Draw(rt, "seed")
		small := mustFlags(t, flags, opt)
		flags.Deckies += more
		large := mustFlags(t, flags, opt)
		if diff := cmp.Diff(small.Deckies, large.Deckies[:n], sameAddr); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// TestThePlaceInADocumentSaysNothingOfADecky: only the next free address goes by it.
func TestThePlaceInADocumentSaysNothingOfADecky(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var sections []string
		for i := range rapid.IntRange(2, 12).Draw(rt, "sections") {
			text := fmt.Sprintf("[s%d]\nip = 127.0.90.%d\n%s", i, 1+i, rapid.SampledFrom([]string{"", "services = ssh\n", "archetype = deaddeck\n"}).Draw(rt, "kind"))
			if n := rapid.IntRange(1, 90).Draw(rt, "amount"); n > 1 {
				text = fmt.Sprintf("[s%d]\namount = %d\n", i, n) // whose addresses go by the place
			}
			sections = append(sections, text)
		}
		byName := func(sections []string) map[string]decnet.Decky {
			all := make(map[string]decnet.Decky)
			for _, d := range mustINI(t, strings.Join(sections, ""), options()).Deckies {
				d.Addr = netip.Addr{}
				all[d.Name] = d
			}
			return all
		}
		one, other := byName(sections), byName(rapid.Permutation(sections).Draw(rt, "order"))
		if diff := cmp.Diff(one, other, sameAddr); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func TestGroupsCycleThroughDistributions(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	for _, d := range mustINI(t, "[a]\nservices = ssh\n[farm]\nservices = ssh\namount = 18\n", options()).Deckies[1:] {
		seen[d.Distro]++
	}
	for _, d := range fleet.Distros() {
		if seen[d.Slug] != 2 {
			t.Errorf("18 deckies are %v", seen)
		}
	}
}

func TestASectionNamesItsDistributions(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	for _, d := range mustINI(t, "[farm]\narchetype = linux-server\nservices = ssh\ndistro = alpine, kali\namount = 10\n", options()).Deckies {
		seen[d.Distro]++
	}
	if seen["alpine"] != 5 || seen["kali"] != 5 {
		t.Errorf("they are %v", seen)
	}
}

func TestExistingDeckiesStay(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Existing = mustINI(t, "[general]\nnet = 10.0.0.0/24\nlog_target = siem:514\n[a]\nservices=ssh\n[b]\nservices=ssh\n[c]\nservices=ssh\n", options())
	opt.Seed = ""
	f := mustINI(t, "[d]\nservices=redis\n[B]\nservices=http\n", opt)
	if f.Seed != "test" || f.LogTarget != "siem:514" || f.Subnet != opt.Existing.Subnet {
		t.Errorf("fleet %+v", f)
	}
	var got []string
	for _, d := range f.Deckies {
		got = append(got, d.Name+" "+d.Addr.String()+" "+d.Services[0])
	}
	want := []string{"a 10.0.0.1 ssh", "B 10.0.0.2 http", "c 10.0.0.3 ssh", "d 10.0.0.4 redis"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(opt.Existing.Deckies[0], f.Deckies[0], sameAddr); diff != "" {
		t.Error(diff)
	}
	opt.Mode = "swarm"
	if _, err := fleet.FromINI(registry(t), []byte("[a]"), opt); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("mode: error %v", err)
	}
}

func TestW25_TheFleetDocumentHoldsTheWholeDeployment(t *testing.T) {
	t.Parallel()
	f := mustINI(t, "[general]\nnet = 10.0.0.0/24\ngw=10.0.0.1\n[a]\nservices=ssh\nmutate_interval=9\n[a.ssh]\nbanner=x\n[custom-y]\nbinary=z\n[b]\nservices=y\n", options())
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back decnet.Fleet
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back, sameAddr); diff != "" {
		t.Error(diff)
	}
	if diff := fleet.Compare(f, back); !diff.Empty() {
		t.Errorf("%+v", diff)
	}
}

func TestW44_DeckiesOfOneFleetShareNothing(t *testing.T) {
	t.Parallel()
	plan := mustFlags(t, fleet.Flags{Deckies: 200, Archetype: "linux-server"}, options())
	seen := map[string]string{}
	boots := map[time.Time]bool{}
	for _, d := range plan.Deckies {
		id, err := fleet.Identity(d)
		if err != nil {
			t.Fatal(err)
		}
		for what, v := range map[string]string{"seed": d.Seed, "host name": d.Hostname, "key": id.Hex("bait", 64), "address": d.Addr.String()} {
			if other, ok := seen[what+v]; ok {
				t.Errorf("%s and %s share the %s %q", d.Name, other, what, v)
			}
			seen[what+v] = d.Name
		}
		boots[id.BootTime(planTime)] = true
	}
	if len(boots) < 199 {
		t.Errorf("only %d boot times", len(boots))
	}
	other := options()
	other.Seed = "other"
	if mustFlags(t, fleet.Flags{}, other).Deckies[0].Seed == plan.Deckies[0].Seed {
		t.Error("two fleets share a seed")
	}
	if _, err := fleet.Identity(decnet.Decky{Seed: "00"}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("short seed: error %v", err)
	}
}

func TestHostnames(t *testing.T) {
	t.Parallel()
	id := services.Identity{Seed: [32]byte{7}}
	for style, form := range map[fleet.HostnameStyle]string{
		fleet.StyleGeneric: `^SRV-[A-Z]+-[1-9][0-9]+$`,
		fleet.StyleRHEL:    `^[a-z]+[1-9][0-9]+\.localdomain$`,
		fleet.StyleMinimal: `^[a-z]+-[1-9][0-9]+$`,
		fleet.StyleRolling: `^[a-z]+-[a-z]+[0-9]*$`,
	} {
		taken := map[string]bool{}
		r := id.Rand(string(style))
		for range 3000 { // more than names of two digits
			name := fleet.Hostname(style, r, taken)
			if !regexp.MustCompile(form).MatchString(name) || taken[strings.ToLower(name)] {
				t.Fatalf("%s: %q after %d names", style, name, len(taken))
			}
			taken[strings.ToLower(name)] = true
		}
	}
}

func TestW16_FleetsLiveInIPv6Too(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Mode = fleet.ModeMACVLAN
	opt.Subnet = netip.MustParsePrefix("fd00:1::/64")
	opt.Gateway = netip.MustParseAddr("fd00:1::1")
	opt.Host = netip.MustParseAddr("fd00:1::2")
	f := mustINI(t, "[a]\nservices=ssh\namount=2\n[b]\nservices=ssh\nip=fd00:1::beef\n", opt)
	var got []string
	for _, d := range f.Deckies {
		got = append(got, d.Addr.String())
	}
	if want := []string{"fd00:1::3", "fd00:1::4", "fd00:1::beef"}; !cmp.Equal(got, want) {
		t.Errorf("addresses %v, want %v", got, want)
	}
	local := options()
	local.First = netip.MustParseAddr("::1")
	if a := mustFlags(t, fleet.Flags{Deckies: 2}, local).Deckies[1].Addr; a.String() != "::2" {
		t.Errorf("second local address %s", a)
	}
}

func TestAllocate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		subnet string
		want   string // all that can be had
	}{
		{"192.0.2.0/30", "[192.0.2.1 192.0.2.2]"},
		{"192.0.2.5/30", "[192.0.2.5 192.0.2.6]"},
		{"192.0.2.0/31", "[192.0.2.0 192.0.2.1]"},
		{"192.0.2.7/32", "[192.0.2.7]"},
		{"255.255.255.252/30", "[255.255.255.253 255.255.255.254]"},
		{"fd00::/126", "[fd00::1 fd00::2 fd00::3]"},
		{"fd00::2/127", "[fd00::2 fd00::3]"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"},
	} {
		p := netip.MustParsePrefix(tt.subnet)
		n := strings.Count(tt.want, " ") + 1
		got, err := fleet.Allocate(p, n, netip.Addr{}, nil)
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, %v, want %s", p, got, err, tt.want)
		}
		_, err = fleet.Allocate(p, n+1, netip.Addr{}, nil)
		if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), fmt.Sprintf("has %d free", n)) {
			t.Errorf("%s: error %v", p, err)
		}
	}
	start := netip.MustParseAddr("10.0.0.254")
	got, err := fleet.Allocate(netip.MustParsePrefix("10.0.0.0/23"), 2, start, func(a netip.Addr) bool { return a == start })
	if err != nil || fmt.Sprint(got) != "[10.0.0.255 10.0.1.0]" {
		t.Errorf("from %s: %v, %v", start, got, err)
	}
	if _, err := fleet.Allocate(netip.MustParsePrefix("10.0.1.0/24"), 1, start, nil); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("start outside: error %v", err)
	}
}

func TestCovering(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"192.168.1.10":              "192.168.1.10/32",
		"192.168.1.10 192.168.1.11": "192.168.1.10/31",
		"192.168.1.10 192.168.1.1":  "192.168.1.0/28",
		"10.0.0.1 11.0.0.1":         "10.0.0.0/7",
		"1.0.0.0 128.0.0.0":         "0.0.0.0/0",
		"fd00::1 fd00::ff":          "fd00::/120",
	} {
		var addrs []netip.Addr
		for _, s := range strings.Fields(list) {
			addrs = append(addrs, netip.MustParseAddr(s))
		}
		if got := fleet.Covering(addrs); got.String() != want {
			t.Errorf("%s: %s, want %s", list, got, want)
		}
	}
	if p := fleet.Covering(nil); p.IsValid() {
		t.Errorf("of nothing: %s", p)
	}
}

func TestPortsGoToTheServiceWhoseOwnTheyAre(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for _, tt := range []struct{ names, want string }{
		{"http", "map[http:[80/tcp 443/tcp]]"},
		{"http https", "map[http:[80/tcp] https:[443/tcp]]"},
		{"https http", "map[http:[80/tcp] https:[443/tcp]]"},
		{"conpot snmp", "map[conpot:[502/tcp 80/tcp] snmp:[161/udp]]"},
		{"conpot http", "map[conpot:[502/tcp 161/udp] http:[80/tcp 443/tcp]]"},
	} {
		got, err := fleet.Ports(reg, strings.Fields(tt.names))
		if err != nil || fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.names, got, err, tt.want)
		}
	}
}

func TestArchetypesDistrosAndFamiliesFitTogether(t *testing.T) {
	t.Parallel()
	archetypes := fleet.Archetypes()
	if len(archetypes) != 15 {
		t.Errorf("%d archetypes", len(archetypes))
	}
	for _, a := range archetypes {
		if got, err := fleet.ArchetypeOf(a.Slug); err != nil || got.Title != a.Title || a.Doc == "" || len(a.Services) == 0 {
			t.Errorf("%s: %+v, %v", a.Slug, got, err)
		}
		if _, err := fleet.Sysctls(a.OSFamily); err != nil {
			t.Errorf("%s: %v", a.Slug, err)
		}
		for _, d := range a.Distros {
			if _, err := fleet.DistroOf(d); err != nil {
				t.Errorf("%s: %v", a.Slug, err)
			}
		}
	}
	distros := fleet.Distros()
	if len(distros) != 9 {
		t.Errorf("%d distributions", len(distros))
	}
	for _, d := range distros {
		if d.Slug != "debian" && services.ReleaseOf(d.Slug).Name == services.ReleaseOf("debian").Name {
			t.Errorf("services know no release %s", d.Slug)
		}
	}
	for family, ttl := range map[string]string{"linux": "64", "windows": "128", "windows_server": "128", "bsd": "64", "embedded": "255", "cisco": "255"} {
		if s, err := fleet.Sysctls(family); err != nil || s["net.ipv4.ip_default_ttl"] != ttl || len(s) != 10 {
			t.Errorf("%s: %v, %v", family, s, err)
		}
	}
	if _, err := fleet.Sysctls("beos"); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("error %v", err)
	}
}

func TestFirstAddressOfNoMachineIsRefused(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"fe80::1%lo", "ff02::1", "224.0.0.1"} {
		_, err := fleet.FromFlags(registry(t), fleet.Flags{}, fleet.Options{First: netip.MustParseAddr(first)})
		if !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%s: %v", first, err)
		}
	}
}

func TestReservedAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ subnet, addr, want string }{
		{"192.168.1.0/24", "192.168.1.0", "the network address"},
		{"192.168.1.7/24", "192.168.1.0", "the network address"},
		{"192.168.1.0/24", "192.168.1.255", "the broadcast address"},
		{"192.168.1.0/24", "192.168.1.1", ""},
		{"192.168.1.0/31", "192.168.1.0", ""},
		{"192.168.1.1/32", "192.168.1.1", ""},
		{"fd00::/64", "fd00::", "the network address"},
		{"fd00::/64", "fd00::ffff:ffff:ffff:ffff", ""},
		{"fd00::/127", "fd00::", ""},
	} {
		if got := fleet.Reserved(netip.MustParsePrefix(c.subnet), netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("%s in %s is %q, want %q", c.addr, c.subnet, got, c.want)
		}
	}
}
