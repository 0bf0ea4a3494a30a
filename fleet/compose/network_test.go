package compose_test

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
)

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
		want["net.ipv4.tcp_rmem"] = "4096 131072 6291456"
		if strings.HasPrefix(family, "windows") {
			want["net.ipv4.tcp_rmem"] = "4096 131072 8388608"
		}
		if diff := cmp.Diff(want, map[string]string(s.Sysctls)); diff != "" {
			t.Errorf("%s: sysctls (-want +got):\n%s", family, diff)
		}
		on := s.Networks["decnet_lan"]
		if on.Ipv4Address != f.Deckies[0].Addr.String() || s.Hostname != f.Deckies[0].Hostname || s.ContainerName != "box" {
			t.Errorf("%s: %+v is not %+v", family, s, f.Deckies[0])
		}
	}
}

// TestTheKernelTakesTheStack sets the kernel parameters of each OS family in a network
// namespace of its own, as an engine does, and reads them back.
func TestTheKernelTakesTheStack(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("unshare", "-n", "true").CombinedOutput(); err != nil {
		t.Skipf("needs the right to make a network namespace: %v: %s", err, out)
	}
	reg := registry(t, declare("odd", tcp(7)))
	for _, family := range fleet.OSFamilies() {
		f := planned(t, reg, lan6+"[box]\nservices = odd\nnmap_os = "+family+"\n")
		sysctls := translated(t, reg, f, compose.Options{}).Project.Services["box"].Sysctls
		names := slices.Sorted(maps.Keys(sysctls))
		var script strings.Builder
		for _, name := range names {
			file := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
			fmt.Fprintf(&script, "echo %s > %s && cat %s || exit 1\n", sysctls[name], file, file)
		}
		out, err := exec.Command("unshare", "-n", "sh", "-c", script.String()).CombinedOutput()
		got := strings.Split(strings.ReplaceAll(strings.TrimSpace(string(out)), "\t", " "), "\n")
		if err != nil || len(got) != len(names) {
			t.Errorf("%s: %v\n%s\nfrom\n%s", family, err, out, script.String())
			continue
		}
		for i, name := range names {
			if got[i] == sysctls[name] {
				continue
			}
			is, _ := strconv.Atoi(got[i])
			want, err := strconv.Atoi(sysctls[name])
			if err != nil {
				t.Fatalf("%s: %s is %s, want %s", family, name, got[i], sysctls[name])
			}
			tick := 0
			if strings.HasSuffix(name, "ratelimit") {
				tick = 10 // milliseconds, which the kernel rounds up to its clock
			}
			if is < want || is > want+tick {
				t.Errorf("%s: %s is %d, want %d", family, name, is, want)
			}
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	network := func(f decnet.Fleet, opt compose.Options) (types.NetworkConfig, types.ServiceConfig) {
		p := loaded(t, textOf(t, translated(t, reg, f, opt)))
		return p.Networks["decnet_lan"], p.Services["web"]
	}
	f := twoDeckies(t)
	n, web := network(f, compose.Options{})
	if n.Driver != "macvlan" || n.DriverOpts["parent"] != "eth0" || web.MacAddress == "" || web.Networks["decnet_lan"].MacAddress != "" {
		t.Errorf("macvlan: %+v, %+v", n, web)
	}
	f.Mode = fleet.ModeIPVLAN
	n, web = network(f, compose.Options{})
	if n.Driver != "ipvlan" || n.DriverOpts["parent"] != "eth0" || n.DriverOpts["ipvlan_mode"] != "l2" || web.MacAddress != "" {
		t.Errorf("ipvlan: %+v, %+v", n, web)
	}
	pool := n.Ipam.Config[0]
	if pool.Subnet != "10.1.0.0/24" || pool.Gateway != "10.1.0.1" || pool.IPRange != "10.1.0.2/31" {
		t.Errorf("pool %+v", pool)
	}
	f.Interface = ""
	n, web = network(f, compose.Options{External: true})
	if !n.External || n.Driver != "" || len(n.Ipam.Config) != 0 || web.Networks["decnet_lan"].Ipv4Address != "10.1.0.2" {
		t.Errorf("external: %+v, %+v", n, web)
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

func TestW16_DeckiesHaveBothKindsOfAddresses(t *testing.T) {
	t.Parallel()
	reg := everyService(t)
	for _, family := range fleet.OSFamilies() {
		f := planned(t, reg, lan6+"[web]\nservices = http\nnmap_os = "+family+"\n")
		doc := translated(t, reg, f, compose.Options{})
		p := loaded(t, textOf(t, doc))
		sameProject(t, doc, p)
		n, s := p.Networks["decnet_lan"], p.Services["web"]
		if n.EnableIPv6 == nil || !*n.EnableIPv6 || n.EnableIPv4 != nil || len(n.Ipam.Config) != 2 {
			t.Fatalf("network %+v", n)
		}
		if four, six := n.Ipam.Config[0], n.Ipam.Config[1]; four.Subnet != "192.168.40.0/24" || four.Gateway != "192.168.40.1" ||
			six.Subnet != "fd00:40::/64" || six.Gateway != "fd00:40::1" || six.IPRange != "" {
			t.Errorf("pools %+v, %+v", four, six)
		}
		d := f.Deckies[0]
		if on := s.Networks["decnet_lan"]; on.Ipv4Address != d.Addr.String() || on.Ipv6Address != d.Addr6.String() {
			t.Errorf("addresses %+v of %+v", on, d)
		}
		if ttl := s.Sysctls["net.ipv4.ip_default_ttl"]; s.Sysctls["net.ipv6.conf.default.hop_limit"] != ttl || s.Sysctls["net.ipv6.conf.all.hop_limit"] != ttl {
			t.Errorf("%s: sysctls %v", family, s.Sysctls)
		}
		for _, name := range []string{"web", "web-http"} {
			persona, err := fleet.ParsePersona(*p.Services[name].Environment[fleet.PersonaVar])
			if err != nil || persona.Addr != d.Addr || persona.Addr6 != d.Addr6 {
				t.Errorf("%s is told %+v, %v", name, persona, err)
			}
		}
	}
}

// TestW44_DeckiesHaveHardwareOfTheirOwn checks the addresses of network cards in a document.
func TestW44_DeckiesHaveHardwareOfTheirOwn(t *testing.T) {
	t.Parallel()
	reg := registry(t, declare("odd", tcp(7)))
	f := planned(t, reg, lan+"[a]\nservices = odd\namount = 100\n[b]\nservices = odd\namount = 100\n")
	seen := make(map[string]string)
	for name, s := range translated(t, reg, f, compose.Options{}).Project.Services {
		if s.Networks["decnet_lan"] == nil {
			continue
		}
		if other, ok := seen[s.MacAddress]; ok {
			t.Errorf("%s and %s both have %s", name, other, s.MacAddress)
		}
		seen[s.MacAddress] = name
	}
	if len(seen) != 200 {
		t.Errorf("%d hardware addresses", len(seen))
	}
}
