package fleet_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

const lan6 = "[general]\nnet = 10.1.0.0/16\ngw = 10.1.0.1\nnet6 = fd00:40::/64\ngw6 = fd00:40::1\ninterface = eth0\n"

func onLAN() fleet.Options {
	opt := options()
	opt.Mode = fleet.ModeMACVLAN
	return opt
}

// ofMAC makes the end of an address as RFC 4291 appendix A does, digit by digit.
func ofMAC(t testing.TB, prefix string, mac net.HardwareAddr) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(fmt.Sprintf("%s%02x%02x:%02xff:fe%02x:%02x%02x", prefix, mac[0]^2, mac[1], mac[2], mac[3], mac[4], mac[5]))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestIPv6AddressesAreThoseThatTheMachineWouldMake plans deckies of each OS family and
// distribution.
func TestIPv6AddressesAreThoseThatTheMachineWouldMake(t *testing.T) {
	t.Parallel()
	for _, family := range fleet.OSFamilies() {
		f := mustINI(t, lan6+"[box]\nservices = ssh\namount = 9\nnmap_os = "+family+"\n", onLAN())
		macs, err := fleet.MACs(f)
		if err != nil {
			t.Fatal(err)
		}
		windows := strings.HasPrefix(family, "windows")
		for _, d := range f.Deckies {
			stable := windows
			switch d.Distro {
			case "rocky9", "centos7", "fedora", "kali":
				stable = windows || family == "linux"
			}
			if made := ofMAC(t, "fd00:40::", macs[d.Name]); (d.Addr6 == made) == stable {
				t.Errorf("%s on %s with %s has %s", family, d.Distro, macs[d.Name], d.Addr6)
			}
			link, err := fleet.LinkLocal(d, macs[d.Name])
			if err != nil {
				t.Fatal(err)
			}
			sameEnd := strings.TrimPrefix(link.StringExpanded(), "fe80:0000:0000:0000:") == strings.TrimPrefix(d.Addr6.StringExpanded(), "fd00:0040:0000:0000:")
			if (link == ofMAC(t, "fe80::", macs[d.Name])) == stable || !link.IsLinkLocalUnicast() || sameEnd == (stable && !windows) {
				t.Errorf("%s on %s with %s has %s on the link and %s beside it", family, d.Distro, macs[d.Name], link, d.Addr6)
			}
			limits, err := fleet.Sysctls6(family)
			if err != nil {
				t.Fatal(err)
			}
			if ttl, _ := fleet.Sysctls(family); limits["net.ipv6.conf.default.hop_limit"] != ttl["net.ipv4.ip_default_ttl"] {
				t.Errorf("%s: TTL and hop limit differ: %v", family, limits)
			}
		}
	}
	if _, err := fleet.LinkLocal(decnet.Decky{}, nil); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("no seed: %v", err)
	}
	for _, mac := range []net.HardwareAddr{nil, {2, 0, 0, 0, 0}, {2, 0, 0, 0, 0, 0, 0, 1}} {
		if _, err := fleet.LinkLocal(decnet.Decky{Name: "d", Seed: strings.Repeat("0", 64)}, mac); !errors.Is(err, decnet.ErrInvalid) {
			t.Errorf("hardware address %q: %v", mac, err)
		}
	}
	if _, err := fleet.Sysctls6("beos"); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("unknown family: %v", err)
	}
}

// TestIPv6AddressesInAnySubnet plans in subnets of all sizes, where deckies have no MAC
// address of their own too.
func TestIPv6AddressesInAnySubnet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		opt := onLAN()
		opt.Subnet = netip.MustParsePrefix("10.1.0.0/16")
		base := netip.MustParseAddr("2001:db8:1:2:3:4:5:678")
		opt.Subnet6 = netip.PrefixFrom(base, rapid.IntRange(3, 128).Draw(rt, "bits"))
		opt.Seed = rapid.StringN(1, 5, -1).Draw(rt, "seed")
		opt.Mode = rapid.SampledFrom([]string{fleet.ModeMACVLAN, fleet.ModeIPVLAN}).Draw(rt, "mode")
		if opt.Subnet6.Bits() <= 125 {
			opt.Gateway6 = opt.Subnet6.Masked().Addr().Next()
			opt.Host6 = opt.Gateway6.Next()
		}
		plan, err := fleet.FromFlags(registry(t), fleet.Flags{Deckies: rapid.IntRange(1, 8).Draw(rt, "deckies")}, opt)
		if err != nil {
			if opt.Subnet6.Bits() < 124 || !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "free addresses") {
				rt.Fatal(err)
			}
			return
		}
		seen := make(map[netip.Addr]bool)
		for _, d := range plan.Deckies {
			a := d.Addr6
			if !a.Is6() || !opt.Subnet6.Contains(a) || seen[a] || a == opt.Gateway6 || a == opt.Host6 || fleet.Reserved(opt.Subnet6, a) != "" {
				rt.Errorf("%s has %s in %s", d.Name, a, opt.Subnet6)
			}
			seen[a] = true
		}
	})
}

func TestIPv6AddressesThatAreAskedFor(t *testing.T) {
	t.Parallel()
	f := mustINI(t, lan6+"[a]\nservices=ssh\nip6=fd00:40::50\n[b]\nservices=ssh\n", onLAN())
	if got := f.Deckies[0].Addr6.String(); got != "fd00:40::50" || f.Subnet6.String() != "fd00:40::/64" || f.Gateway6.String() != "fd00:40::1" {
		t.Errorf("%+v", f)
	}
	opt := onLAN()
	opt.Host6 = netip.MustParseAddr("fd00:40::9")
	taken := f.Deckies[1].Addr6
	for ip, why := range map[string]string{
		"fd00:40::":   "network address",
		"fd00:40::1":  "gateway",
		"fd00:40::9":  "host itself",
		"fd00:41::5":  "outside of the subnet fd00:40::/64",
		"fd00:40::50": "already that of a",
		"ff02::1":     "single machine",
	} {
		_, err := fleet.FromINI(registry(t), []byte(lan6+"[a]\nservices=ssh\nip6=fd00:40::50\n[b]\nservices=ssh\nip6="+ip+"\n"), opt)
		if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "line 12: [b] ip6") {
			t.Errorf("%s: error %v, want %q", ip, err, why)
		}
	}
	// Where another asks for the address that b would make, b makes another.
	g := mustINI(t, lan6+"[a]\nservices=ssh\nip6="+taken.String()+"\n[b]\nservices=ssh\n", onLAN())
	if g.Deckies[0].Addr6 != taken || g.Deckies[1].Addr6 == taken || !g.Subnet6.Contains(g.Deckies[1].Addr6) {
		t.Errorf("%+v", g.Deckies)
	}
	_, err := fleet.FromINI(registry(t), []byte("[general]\nnet=10.1.0.0/16\n[a]\nservices=ssh\nip6=fd00:40::50\n"), onLAN())
	if !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "line 5: [a] ip6") || !strings.Contains(err.Error(), "net6 = fd00:1::/64") {
		t.Errorf("without a subnet: %v", err)
	}
	local := mustINI(t, "[a]\nservices=ssh\nip6=::1\n[b]\nservices=ssh\n", options())
	if local.Deckies[0].Addr6 != netip.IPv6Loopback() || local.Deckies[1].Addr6.IsValid() {
		t.Errorf("local: %+v", local.Deckies)
	}
}

func TestAFleetThatGetsIPv6Later(t *testing.T) {
	t.Parallel()
	opt := onLAN()
	opt.Existing = mustINI(t, "[general]\nnet = 10.1.0.0/16\ninterface = eth0\n[a]\nservices = ssh\n[b]\nservices = ssh\n", opt)
	opt.Subnet6 = netip.MustParsePrefix("fd00:40::/64")
	opt.Existing = mustINI(t, "[b]\nservices = ssh\n[c]\nservices = ssh\n", opt)
	opt.Subnet6 = netip.Prefix{}
	f := mustINI(t, "[d]\nservices = ssh\n", opt)
	for i, has := range []bool{false, true, true, true} {
		if d := f.Deckies[i]; d.Addr6.IsValid() != has || has && !f.Subnet6.Contains(d.Addr6) {
			t.Errorf("%s has %s", d.Name, d.Addr6)
		}
	}
	other := f
	other.Deckies = append([]decnet.Decky(nil), f.Deckies...)
	other.Deckies[1].Addr6 = other.Deckies[1].Addr6.Next()
	if diff := fleet.Compare(f, other); len(diff.Changed) != 1 || diff.Changed[0].New.Name != "b" {
		t.Errorf("another second address is no change: %+v", diff)
	}
}
