package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/internal/enginetest"
)

// refused checks that Apply refuses f for a reason with the words given, and makes nothing.
func (l lab) refused(t *testing.T, r *docker.Runtime, f decnet.Fleet, kind error, words ...string) {
	t.Helper()
	before := l.left(t)
	err := r.Apply(within(t), f)
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want one that wraps %v", err, kind)
	}
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v does not say %q", err, w)
		}
	}
	if after := l.settled(t, before); after != before {
		t.Errorf("something was made:\n%s\nbefore it was\n%s", after, before)
	}
}

func TestW29_ANetworkThatIsAnotherIsNotUsed(t *testing.T) {
	l := newLab(t)
	ip(t, "link add lab1 type veth peer name lab1p")
	ip(t, "link set lab1 up")
	t.Cleanup(func() { ip(t, "link del lab1") })
	r, _ := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("web", 10, "http"))
	const wanted = "the fleet needs macvlan on lab0 with 10.99.0.0/24 by 10.99.0.1"

	for _, c := range []struct{ name, create, is string }{
		{"driver", "-d bridge --subnet 10.99.0.0/24 --gateway 10.99.0.1", "bridge with 10.99.0.0/24 by 10.99.0.1"},
		{"subnet", "-d macvlan -o parent=lab0 --subnet 10.98.0.0/24 --gateway 10.98.0.1", "macvlan on lab0 with 10.98.0.0/24 by 10.98.0.1"},
		{"parent", "-d macvlan -o parent=lab1 --subnet 10.99.0.0/24 --gateway 10.99.0.1", "macvlan on lab1 with 10.99.0.0/24 by 10.99.0.1"},
	} {
		t.Run("of somebody else, other "+c.name, func(t *testing.T) {
			l.Docker(t, append([]string{"network", "create"}, append(strings.Fields(c.create), compose.DefaultNetwork)...)...)
			defer l.Docker(t, "network", "rm", compose.DefaultNetwork)
			l.refused(t, r, f, decnet.ErrConflict, "network decnet_lan exists as "+c.is, wanted, "it is not one of a fleet")
			replacing, _ := l.runtime(t, docker.Options{Replace: true})
			l.refused(t, replacing, f, decnet.ErrConflict, "it is not one of a fleet")
		})
	}
	t.Run("of somebody else, the same", func(t *testing.T) {
		l.Docker(t, "network", "create", "-d", "macvlan", "-o", "parent=lab0", "--subnet", enginetest.Subnet, "--gateway", enginetest.Gateway, compose.DefaultNetwork)
		mustApply(t, r, f)
		mustDown(t, r)
		l.Docker(t, "network", "rm", compose.DefaultNetwork) // which fails when Down has removed it
	})
	t.Run("of the fleet", func(t *testing.T) {
		mustApply(t, r, f)
		other := f
		other.Interface = "lab1"
		l.refused(t, r, other, decnet.ErrConflict, "exists as macvlan on lab0", "the fleet needs macvlan on lab1", "let it be replaced")
		equal(t, "states", states(t, r), []string{"web/http=up"})

		replacing, done := l.runtime(t, docker.Options{Replace: true})
		mustApply(t, replacing, other)
		equal(t, "steps", done.take(), []string{
			"remove container web", "remove container web-http", "replace container web", "replace container web-http", "replace network decnet_lan",
		})
		if got := strings.TrimSpace(l.Docker(t, "network", "inspect", "-f", "{{.Options.parent}}", compose.DefaultNetwork)); got != "lab1" {
			t.Errorf("the network is on %s", got)
		}
		mustApply(t, replacing, other)
		equal(t, "steps", done.take(), nil)

		l.Docker(t, "run", "-d", "--name", "guest", "--network", compose.DefaultNetwork, "--ip", "10.99.0.77", "--entrypoint", "/decnet-pot",
			strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.Image}}", "web")), "hold")
		l.refused(t, replacing, f, decnet.ErrConflict, "container guest is on it")
		mustDown(t, replacing)
		if got := l.Docker(t, "network", "ls", "-q", "-f", "name="+compose.DefaultNetwork); got == "" {
			t.Error("a network that somebody else uses was removed")
		}
		l.Docker(t, "rm", "-f", "guest")
		mustDown(t, replacing)
		if got := l.Docker(t, "network", "ls", "-q", "-f", "name="+compose.DefaultNetwork); got != "" {
			t.Error("the network is left")
		}
	})
	t.Run("external", func(t *testing.T) {
		external, _ := l.runtime(t, docker.Options{Compose: compose.Options{External: true, Network: "theirs"}})
		l.refused(t, external, f, decnet.ErrNotFound, "network theirs")
	})
}

func TestContainerOfSomebodyElse(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("web", 10, "http"))
	mustApply(t, r, f)
	image := strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.Image}}", "web"))
	mustDown(t, r)
	id := l.Docker(t, "run", "-d", "--name", "web-http", "--network", "none", image, "hold")
	l.refused(t, r, f, decnet.ErrConflict, "container web-http exists and is not one of the fleet decnet")
	mustDown(t, r)
	if got := l.Docker(t, "inspect", "-f", "{{.Id}}", "web-http"); got != id {
		t.Error("a container of somebody else was touched")
	}
}

func TestW29_AddressesThatAreTakenAreRefused(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	_, last, _ := strings.Cut(enginetest.AttackerAddr, "10.99.0.")
	var n int
	fmt.Sscan(last, &n)
	l.refused(t, r, fromINI(t, decky("web", 10, "http"), decky("db", n, "redis")), decnet.ErrConflict, "db: address "+enginetest.AttackerAddr+" is in use on the LAN by ")
	f := fromINI(t, decky("web", 10, "http"))
	f.Deckies[0].Addr = netip.MustParseAddr(hostAddr)
	l.refused(t, r, f, decnet.ErrSemantic, "this machine")

	blind, _ := l.runtime(t, docker.Options{Probe: -1})
	mustApply(t, blind, fromINI(t, decky("db", n, "redis")))
}

func TestTwoFleets(t *testing.T) {
	l := newLab(t)
	before := l.left(t)
	blue, _ := l.runtime(t, docker.Options{Compose: compose.Options{Project: "blue"}})
	red, redDone := l.runtime(t, docker.Options{Compose: compose.Options{Project: "red"}})
	mustApply(t, blue, fromINI(t, decky("blue1", 10, "http")))
	f := fromINI(t, decky("red1", 11, "http"))
	mustApply(t, red, f)
	redDone.take()
	l.refused(t, red, fromINI(t, decky("blue1", 12, "http")), decnet.ErrConflict, "container blue1 exists and is not one of the fleet red")
	if err := red.Down(within(t), "blue1"); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("down of a decky of another fleet: %v", err)
	}
	equal(t, "states", states(t, blue), []string{"blue1/http=up"})
	mustDown(t, blue)
	equal(t, "states", states(t, red), []string{"red1/http=up"})
	eventually(t, "the other fleet answers", func() bool { return l.answers(t, "10.99.0.11", 80) })
	if err := blue.RemoveImages(within(t)); err != nil {
		t.Fatal(err)
	}
	mustApply(t, red, f)
	equal(t, "steps", redDone.take(), nil)
	mustDown(t, red)
	if after := l.settled(t, before); after != before {
		t.Errorf("something is left:\n%s\nbefore it was\n%s", after, before)
	}
}

func TestThisMachineReachesItsDeckies(t *testing.T) {
	l := newLab(t)
	r, done := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("web", 10, "http"), decky("db", 13, "redis"))
	mustApply(t, r, f)
	for _, to := range []string{"10.99.0.10:80", "10.99.0.13:6379"} {
		eventually(t, "this machine reaches "+to, func() bool {
			c, err := net.DialTimeout("tcp", to, 5*time.Second)
			if err != nil {
				return false
			}
			return c.Close() == nil
		})
	}
	if got := ip(t, "-o route show dev decnet_macvlan0"); got != "10.99.0.10 scope link src "+hostAddr+" \n10.99.0.13 scope link src "+hostAddr+" \n" {
		t.Errorf("routes: %q", got)
	}
	if got := ip(t, "-o -4 addr show dev decnet_macvlan0"); !strings.Contains(got, " "+hostAddr+"/32 ") {
		t.Errorf("addresses: %q", got)
	}
	done.take()
	for _, damage := range []string{"link del decnet_macvlan0", "link set decnet_macvlan0 down", "addr flush dev decnet_macvlan0", "route flush dev decnet_macvlan0", "route add 10.77.0.0/16 dev decnet_macvlan0"} {
		ip(t, damage)
		mustApply(t, r, f)
		equal(t, "after "+damage, done.take(), []string{"create interface decnet_macvlan0"})
	}
	eventually(t, "this machine reaches a decky again", func() bool {
		c, err := net.DialTimeout("tcp", "10.99.0.10:80", 5*time.Second)
		return err == nil && c.Close() == nil
	})

	// Both interfaces have the address. The LAN must hear of one. The bridge, which is in
	// this namespace too, would answer as well.
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+enginetest.Bridge+"/arp_ignore", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	links := ip(t, "-o link show dev "+enginetest.Parent)
	_, mac, _ := strings.Cut(links, "link/ether ")
	mac, _, _ = strings.Cut(mac, " ")
	ctx, cancel := context.WithTimeout(within(t), time.Minute)
	defer cancel()
	dump := exec.CommandContext(ctx, "tcpdump", "-i", enginetest.Bridge, "-lnn", "-c", "3", "arp[6:2] == 2 and arp src host "+hostAddr)
	out, err := dump.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dump.Start(); err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for ctx.Err() == nil { // each scan asks anew
			_ = l.Attacker(ctx, "nmap", "-sn", "-n", "-PR", hostAddr).Run() // what it finds is seen in the capture
		}
	}()
	var text strings.Builder
	buf := make([]byte, 4096)
	for n := 0; err == nil; {
		n, err = out.Read(buf)
		text.Write(buf[:n])
	}
	if err := dump.Wait(); err != nil {
		t.Errorf("tcpdump: %v", err)
	}
	cancel()
	<-asked
	if strings.Count(text.String(), hostAddr+" is-at "+mac) != 3 {
		t.Errorf("the LAN hears of %s:\n%s\nwhere only %s is right", hostAddr, text.String(), mac)
	}
}

// Deckies that are far apart in their subnet take nothing from the way of this machine to
// everybody else on it.
func TestThisMachineKeepsItsWayToTheLAN(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	before := ip(t, "-o route show")
	mustApply(t, r, fromINI(t, decky("low", 10, "http"), decky("high", 200, "http")))
	if got := ip(t, "-o route show dev "+enginetest.Parent); !strings.HasPrefix(got, "10.99.0.0/24 ") {
		t.Errorf("routes by %s with deckies: %q", enginetest.Parent, got)
	}
	for _, to := range []string{"10.99.0.10:80", "10.99.0.200:80"} {
		eventually(t, "this machine reaches "+to, func() bool {
			c, err := net.DialTimeout("tcp", to, 5*time.Second)
			return err == nil && c.Close() == nil
		})
	}
	mustDown(t, r)
	if after := ip(t, "-o route show"); after != before {
		t.Errorf("routes are\n%s\nand were\n%s", after, before)
	}
}

func TestSecondAddresses(t *testing.T) {
	l := newLab(t)
	r, done := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("web", 10, "http"), decky("db", 11, "redis"))
	f.Subnet6, f.Gateway6 = netip.MustParsePrefix("fd99::/64"), netip.MustParseAddr("fd99::1")
	f.Deckies[0].Addr6 = netip.MustParseAddr("fd99::10")
	mustApply(t, r, f)
	eventually(t, "a second address answers", func() bool {
		return strings.Contains(l.Attack(t, "nmap", "-6", "-n", "-Pn", "-p80", "fd99::10"), "80/tcp open")
	})
	eventually(t, "and so does the first", func() bool { return l.answers(t, "10.99.0.10", 80) })
	done.take()
	mustApply(t, r, f)
	equal(t, "steps", done.take(), nil)
	list, err := r.Status(within(t))
	if err != nil || list[0].Addr6 != f.Deckies[0].Addr6 {
		t.Errorf("status %v, %v", list, err)
	}
	other, _ := l.runtime(t, docker.Options{})
	if list, err := other.Status(within(t)); err != nil || list[1].Addr6 != f.Deckies[0].Addr6 || list[1].Addr != f.Deckies[0].Addr {
		t.Errorf("status by labels %v, %v", list, err)
	}
	mustDown(t, r)
	f.Deckies[1].Addr6 = netip.MustParseAddr("fd99::50")
	l.refused(t, r, f, decnet.ErrConflict, "db: address fd99::50 is in use on the LAN by ")
}

// hasIPvlan asks the kernel.
func hasIPvlan(t *testing.T) bool {
	out, err := exec.Command("ip", "link", "add", "probe0", "link", enginetest.Parent, "type", "ipvlan", "mode", "l2").CombinedOutput()
	if err == nil {
		ip(t, "link del probe0")
		return true
	}
	t.Logf("this kernel has no ipvlan (%s): requests to the engine are checked, and not what comes of them", strings.TrimSpace(string(out)))
	return false
}

func TestIPvlan(t *testing.T) {
	l := newLab(t)
	proxy := newRelay(t, l.Host)
	r, _ := l.runtime(t, docker.Options{Host: proxy.Host})
	f := fromINI(t, decky("web", 10, "http"))
	f.Mode = fleet.ModeIPVLAN
	before := l.left(t)
	err := r.Apply(within(t), f)
	requests := proxy.seen("/create")
	if hasIPvlan(t) {
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the attacker is answered", func() bool { return l.answers(t, "10.99.0.10", 80) })
	} else {
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "this kernel has no ipvlan (CONFIG_IPVLAN, module ipvlan)") {
			t.Errorf("where the kernel has none: %v", err)
		}
		if tries := slices.DeleteFunc(slices.Clone(requests), func(r string) bool { return !strings.Contains(r, "/containers/create") }); len(tries) != 1 {
			t.Errorf("%d attempts, where none helps", len(tries))
		}
	}
	requests = slices.DeleteFunc(requests, func(r string) bool { return !strings.Contains(r, "/networks/create") })
	if len(requests) == 0 {
		t.Fatal("no network was asked for")
	}
	var asked struct {
		Name, Driver string
		Options      map[string]string
		IPAM         struct {
			Config []struct{ Subnet, Gateway, IPRange string }
		}
		Labels map[string]string
	}
	if err := json.Unmarshal([]byte(requests[0][strings.Index(requests[0], "{"):]), &asked); err != nil {
		t.Fatal(err)
	}
	if asked.Name != "decnet_lan" || asked.Driver != "ipvlan" || asked.Options["parent"] != enginetest.Parent || asked.Options["ipvlan_mode"] != "l2" ||
		len(asked.IPAM.Config) != 1 || asked.IPAM.Config[0].Subnet != enginetest.Subnet || asked.IPAM.Config[0].Gateway != enginetest.Gateway ||
		asked.Labels[compose.LabelFleet] != "decnet" || asked.Labels["com.docker.compose.project"] != "decnet" {
		t.Errorf("what was asked for: %s", requests[0])
	}
	mustDown(t, r)
	if after := l.settled(t, before); after != before {
		t.Errorf("something is left:\n%s\nbefore it was\n%s", after, before)
	}
}

func TestW26_OneDeckyIsTakenDown(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	mustApply(t, r, fromINI(t, decky("web", 10, "http")))
	if err := r.Down(within(t), "web", "nobody"); !errors.Is(err, decnet.ErrNotFound) || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("%v", err)
	}
	equal(t, "states", states(t, r), []string{"web/http=up"})
	mustDown(t, r, "web")
	if _, err := os.Stat("/sys/class/net/decnet_macvlan0"); err == nil {
		t.Error("the interface is left after the last decky")
	}
}

// TestHopLimitsOfIPv6 has an attacker see packets of two OS families.
func TestHopLimitsOfIPv6(t *testing.T) {
	l := newLab(t)
	r, _ := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("tux", 10, "http")+"nmap_os = linux\n", decky("win", 11, "http")+"nmap_os = windows\n")
	f.Subnet6, f.Gateway6 = netip.MustParsePrefix("fd99::/64"), netip.MustParseAddr("fd99::1")
	for i := range f.Deckies {
		f.Deckies[i].Addr6 = netip.MustParseAddr(fmt.Sprintf("fd99::1%d", i))
	}
	mustApply(t, r, f)
	for i, hops := range []string{"64", "128"} {
		d := f.Deckies[i]
		host := d.Addr6.String()
		eventually(t, "http answers", func() bool {
			return strings.Contains(l.Attack(t, "nmap", "-6", "-n", "-Pn", "-p80", host), "80/tcp open")
		})
		if out := l.Attack(t, "ping", "-6", "-n", "-c", "1", "-W", "30", host); !strings.Contains(out, " ttl="+hops+" ") {
			t.Errorf("%s: hop limit %s is not in %s", d.Name, hops, out)
		}
		for port, reason := range map[string]string{"80": "syn-ack", "81": "reset"} {
			out := l.Attack(t, "nmap", "-6", "-n", "-Pn", "--reason", "-sS", "-p", port, host)
			if !strings.Contains(out, reason+" ttl "+hops+"\n") {
				t.Errorf("%s: hop limit %s is not in\n%s", d.Name, hops, out)
			}
		}
		pid := strings.TrimSpace(l.Docker(t, "inspect", "--format", "{{.State.Pid}}", d.Name))
		out, err := exec.Command("nsenter", "-t", pid, "-n", "cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").CombinedOutput()
		if err != nil || string(out) != "0\n" {
			t.Errorf("%s: accept_ra is %q, %v", d.Name, out, err)
		}
	}
}
