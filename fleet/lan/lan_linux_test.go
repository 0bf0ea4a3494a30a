package lan_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/fleet/lan"
)

// TestAnAttackerOnTheLANMeetsMachines deploys one decky of each OS family and looks at
// them from another machine.
func TestAnAttackerOnTheLANMeetsMachines(t *testing.T) {
	needs(t, "curl", "redis-cli", "sshpass", "ssh", "nping")
	l := newLab(t)
	reg := registry(t)
	var seen fleettest.Events
	rt := start(t, reg, lan.Options{Sink: &seen})
	f := plan(t, reg, everyFamily("ftp, http, redis, ssh"))
	apply(t, rt, f)
	macs, err := fleet.MACs(f)
	if err != nil {
		t.Fatal(err)
	}

	for _, d := range f.Deckies {
		host := d.Addr.String()
		if page := l.attack(t, "curl", "-s", "-m", "10", "http://"+host+"/index-of-"+d.Name); !strings.Contains(page, "<html") {
			t.Errorf("%s: the page is %q", d.Name, page)
		}
		if answer := l.attack(t, "redis-cli", "-h", host, "ping"); answer != "PONG\n" {
			t.Errorf("%s: redis answers %q", d.Name, answer)
		}
		l.attack(t, "sshpass", "-p", "hunter-"+d.Name, "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "NumberOfPasswordPrompts=1", "-o", "PreferredAuthentications=password", "intruder@"+host, "id")
		if list := l.attack(t, "curl", "-sv", "-m", "10", "ftp://anonymous:x@"+host+"/"); !strings.Contains(list, "Entering Extended Passive Mode") {
			t.Errorf("%s: FTP says %s", d.Name, list)
		} else if strings.Contains(list, "Failed to connect") {
			t.Errorf("%s: no passive connection: %s", d.Name, list)
		}
		sysctls, err := fleet.Sysctls(d.OSFamily)
		if err != nil {
			t.Fatal(err)
		}
		echo := l.attack(t, "nping", "--icmp", "-c", "1", host)
		if m := regexp.MustCompile(`RCVD .* Echo reply .*ttl=(\d+)`).FindStringSubmatch(echo); m == nil || m[1] != sysctls["net.ipv4.ip_default_ttl"] {
			t.Errorf("%s: ping says %s", d.Name, echo)
		}
		syn := l.attack(t, "nping", "--tcp", "-p", "81", "-c", "1", host)
		if m := regexp.MustCompile(`RCVD .*:81 > .* RA ttl=(\d+)`).FindStringSubmatch(syn); m == nil || m[1] != sysctls["net.ipv4.ip_default_ttl"] {
			t.Errorf("%s: a closed port says %s", d.Name, syn)
		}
		if neighbour := l.attack(t, "ip", "neigh", "show", host); !strings.Contains(neighbour, " lladdr "+macs[d.Name].String()+" ") {
			t.Errorf("%s has %s, the attacker knows %q", d.Name, macs[d.Name], neighbour)
		}
		ns, err := rt.Namespace(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range sysctls {
			inside(t, ns, func() {
				got, err := os.ReadFile("/proc/thread-self/root/proc/sys/" + strings.ReplaceAll(key, ".", "/"))
				// The kernel keeps this one in ticks of its clock.
				if key == "net.ipv4.icmp_ratelimit" && want == "250" && string(got) == "252\n" {
					return
				}
				if err != nil || strings.TrimSpace(string(got)) != want {
					t.Errorf("%s: %s is %q, want %s, %v", d.Name, key, got, want, err)
				}
			})
		}
		if route := within(t, ns, "ip", "route", "show", "default"); !strings.HasPrefix(route, "default via "+gatewayAddr+" dev eth0") {
			t.Errorf("%s: default route %q", d.Name, route)
		}
	}
	passwords := make(map[string]bool)
	for _, e := range seen.Of("auth_attempt") {
		if e.Service == "ssh" && e.Attacker == netip.MustParseAddr(attackerAddr) {
			passwords[e.Decky+" "+e.Value("username")+" "+e.Value("password")] = true
		}
	}
	for _, d := range f.Deckies {
		if !passwords[d.Name+" intruder hunter-"+d.Name] {
			t.Errorf("the password that %s was tried with is not in %v", d.Name, passwords)
		}
	}
	status, err := rt.Status(t.Context())
	if err != nil || len(status) != len(f.Deckies) || status[0].State() != fleet.StateUp {
		t.Errorf("status %+v, %v", status, err)
	}
	if blocked := seen.Of("egress_blocked"); len(blocked) > 0 {
		t.Errorf("replies were blocked: %v", blocked)
	}
}

// TestScansAreAnswered sends what belongs to no connection: closed ports must answer as a
// machine without an egress lock does.
func TestScansAreAnswered(t *testing.T) {
	needs(t, "nmap")
	l := newLab(t)
	reg := registry(t)
	var seen fleettest.Events
	apply(t, start(t, reg, lan.Options{Sink: &seen}), plan(t, reg, "[a]\nservices = redis\n"))
	for scan, reason := range map[string]string{"-sS": "reset", "-sA": "reset", "-sN": "reset", "-sF": "reset", "-sX": "reset", "-sM": "reset", "-sU": "port-unreach"} {
		out := l.attack(t, "nmap", "-n", "-Pn", "--reason", scan, "-p", "81", "10.99.1.1")
		if !regexp.MustCompile(`(?m)^81/(tcp|udp) .* ` + reason).MatchString(out) {
			t.Errorf("%s:\n%s", scan, out)
		}
	}
	if blocked := seen.Of("egress_blocked"); len(blocked) > 0 {
		t.Errorf("answers to scans were blocked: %v", blocked)
	}
}

func TestApplyConverges(t *testing.T) {
	needs(t, "bridge")
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	before := descriptors(t)
	apply(t, rt, plan(t, reg, "[a]\nservices=redis\n[b]\nservices=redis\n[c]\nservices=redis\n"))
	if n := l.links(t); n != 3 {
		t.Errorf("%d links", n)
	}
	a, b, c := l.talk(t, "10.99.1.1"), l.talk(t, "10.99.1.2"), l.talk(t, "10.99.1.3")
	if !a.alive() || !b.alive() || !c.alive() {
		t.Fatal("a decky is silent")
	}

	// b goes, c becomes a Windows machine, d comes: a keeps its connection.
	apply(t, rt, plan(t, reg, "[a]\nservices=redis\nip=10.99.1.1\n[c]\nservices=redis\nip=10.99.1.3\nnmap_os=windows\n[d]\nservices=redis\nip=10.99.1.4\n"))
	if !a.alive() {
		t.Error("a decky that did not change lost its connection")
	}
	if b.alive() || c.alive() {
		t.Error("a decky that went or changed kept its connection")
	}
	if !l.talk(t, "10.99.1.3").alive() || !l.talk(t, "10.99.1.4").alive() {
		t.Error("a changed or new decky is silent")
	}
	if l.reachable("10.99.1.2") {
		t.Error("the removed decky answers")
	}

	// The addresses of a and d change places, and e takes that of c.
	apply(t, rt, plan(t, reg, "[d]\nservices=redis\nip=10.99.1.1\n[a]\nservices=redis\nip=10.99.1.4\n[e]\nservices=redis\nip=10.99.1.3\n"))
	for _, host := range []string{"10.99.1.1", "10.99.1.3", "10.99.1.4"} {
		if !l.talk(t, host).alive() {
			t.Errorf("%s is silent after the exchange", host)
		}
	}
	if n := l.links(t); n != 3 {
		t.Errorf("%d links", n)
	}
	if err := rt.Down(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if l.reachable("10.99.1.4") || !l.reachable("10.99.1.1") {
		t.Error("Down of one decky did not remove that one")
	}
	if _, err := rt.Namespace("a"); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("Namespace of a removed decky: %v", err)
	}
	if err := rt.Down(t.Context(), "a"); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("Down of a removed decky: %v", err)
	}
	if err := rt.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.links(t) != 0 || l.reachable("10.99.1.1") || l.reachable("10.99.1.3") {
		t.Error("something is left after Down")
	}
	const attackers = 8 // connections of the attacker, which this process holds as well
	if after := descriptors(t); after != before+attackers {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// descriptors counts those that are open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// reachable reports whether anybody on the LAN answers for an address.
func (l lab) reachable(host string) bool {
	_ = exec.Command("ip", "-n", l.attacker, "neigh", "flush", "all").Run()
	out, _ := exec.Command("ip", "netns", "exec", l.attacker, "nmap", "-sn", "-n", "--max-retries", "1", host).CombinedOutput()
	return strings.Contains(string(out), "Host is up")
}

// TestApplyMendsWhatIsBroken takes away the link of a decky, and then the interface with
// all links.
func TestApplyMendsWhatIsBroken(t *testing.T) {
	needs(t, "bridge")
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	f := plan(t, reg, "[a]\nservices=redis\n[b]\nservices=redis\n")
	apply(t, rt, f)
	b := l.talk(t, "10.99.1.2")
	ns, err := rt.Namespace("a")
	if err != nil {
		t.Fatal(err)
	}
	within(t, ns, "ip", "link", "del", "eth0")
	apply(t, rt, f)
	if !l.talk(t, "10.99.1.1").alive() || !b.alive() {
		t.Error("a decky is silent after the loss of a link")
	}
	run(t, "ip", "link", "del", "lab0")
	if err := rt.Apply(t.Context(), f); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("without the interface: %v", err)
	}
	for _, args := range []string{"link add lab0 type veth peer name lab0p", "link set lab0p master labbr up", "link set lab0 up"} {
		run(t, "ip", strings.Fields(args)...)
	}
	apply(t, rt, f)
	if !l.talk(t, "10.99.1.1").alive() || !l.talk(t, "10.99.1.2").alive() || l.links(t) != 2 {
		t.Error("a decky is silent after the loss of the interface")
	}
}

func TestFailedApplyChangesNothing(t *testing.T) {
	needs(t, "bridge")
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	apply(t, rt, plan(t, reg, "[a]\nservices=redis\n"))
	conn := l.talk(t, "10.99.1.1")
	run(t, "ip", "link", "add", "lab9", "type", "veth", "peer", "name", "lab9p")
	t.Cleanup(func() { run(t, "ip", "link", "del", "lab9") })
	run(t, "ip", "addr", "add", "10.99.0.9/16", "dev", "lab0")
	attackerMAC := regexp.MustCompile(`link/ether (\S+)`).FindStringSubmatch(run(t, "ip", "-n", "attacker", "link", "show", "att0"))[1]

	two := func(change func(f *decnet.Fleet)) decnet.Fleet {
		f := plan(t, reg, "[a]\nservices=http\n[b]\nservices=redis\n")
		change(&f)
		return f
	}
	at := func(addr string) decnet.Fleet {
		return two(func(f *decnet.Fleet) { f.Deckies[1].Addr = netip.MustParseAddr(addr) })
	}
	for name, tt := range map[string]struct {
		f    decnet.Fleet
		kind error
		says []string
	}{
		"no such interface":  {two(func(f *decnet.Fleet) { f.Interface = "lab7" }), decnet.ErrNotFound, []string{`interface "lab7"`, "lan: "}},
		"no interface":       {two(func(f *decnet.Fleet) { f.Interface = "" }), decnet.ErrSemantic, []string{"interface = eth0"}},
		"loopback":           {two(func(f *decnet.Fleet) { f.Interface = "lo" }), decnet.ErrSemantic, []string{"lo is not Ethernet"}},
		"down":               {two(func(f *decnet.Fleet) { f.Interface = "lab9" }), decnet.ErrConflict, []string{"ip link set lab9 up"}},
		"port of a bridge":   {two(func(f *decnet.Fleet) { f.Interface = "lab0p" }), decnet.ErrConflict, []string{"b", "cannot carry"}},
		"no subnet":          {two(func(f *decnet.Fleet) { f.Subnet = netip.Prefix{} }), decnet.ErrSemantic, []string{"a: ", "net = 192.168.1.0/24"}},
		"local fleet":        {two(func(f *decnet.Fleet) { f.Mode = fleet.ModeLocal }), decnet.ErrSemantic, []string{`"local"`, "macvlan"}},
		"outside":            {at("10.98.1.1"), decnet.ErrSemantic, []string{"b: address 10.98.1.1 is outside of the subnet 10.99.0.0/16"}},
		"network address":    {at("10.99.0.0"), decnet.ErrSemantic, []string{"b: address 10.99.0.0 is not that of a machine"}},
		"broadcast address":  {at("10.99.255.255"), decnet.ErrSemantic, []string{"b: address 10.99.255.255 is not that of a machine"}},
		"gateway":            {at(gatewayAddr), decnet.ErrSemantic, []string{"b: address 10.99.0.1 is already that of the gateway"}},
		"host":               {at("10.99.0.9"), decnet.ErrSemantic, []string{"b: address 10.99.0.9 is already that of this machine"}},
		"one address twice":  {at("10.99.1.1"), decnet.ErrSemantic, []string{"b: address 10.99.1.1 is already that of a"}},
		"IPv6":               {at("fd00::1"), decnet.ErrSemantic, []string{"b: address fd00::1 is not IPv4"}},
		"no address":         {two(func(f *decnet.Fleet) { f.Deckies[1].Addr = netip.Addr{} }), decnet.ErrInvalid, []string{"b has no address"}},
		"taken on the LAN":   {at(attackerAddr), decnet.ErrConflict, []string{"b: address 10.99.0.50 is in use on the LAN by " + attackerMAC}},
		"family":             {two(func(f *decnet.Fleet) { f.Deckies[1].Archetype, f.Deckies[1].OSFamily = "linux-server", "windows" }), decnet.ErrSemantic, []string{"b: archetype linux-server does not go with the OS family windows"}},
		"unknown family":     {two(func(f *decnet.Fleet) { f.Deckies[1].OSFamily = "beos" }), decnet.ErrSemantic, []string{"b: ", `"beos"`}},
		"no seed":            {two(func(f *decnet.Fleet) { f.Deckies[1].Seed = "" }), decnet.ErrInvalid, []string{"b: seed"}},
		"container":          {plan(t, reg, "[custom-billing]\nbinary=example/billing\n[b]\nservices=billing\n"), decnet.ErrSemantic, []string{"b: ", "needs a runtime with containers"}},
		"unknown to routing": {two(func(f *decnet.Fleet) { f.Gateway = netip.MustParseAddr("192.0.2.1") }), syscall.ENETUNREACH, []string{"default route by 192.0.2.1"}},
	} {
		err := rt.Apply(t.Context(), tt.f)
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: error %v, want one that wraps %v", name, err, tt.kind)
			continue
		}
		for _, s := range tt.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: error %q does not say %q", name, err, s)
			}
		}
		// A namespace that was made and given back is taken down in the background.
		for until := time.Now().Add(10 * time.Second); l.links(t) != 1 && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		if n := l.links(t); !conn.alive() || n != 1 {
			t.Errorf("%s: something changed, there are %d links", name, n)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := rt.Apply(cancelled, decnet.Fleet{}); !errors.Is(err, context.Canceled) || !conn.alive() {
		t.Errorf("cancelled: error %v", err)
	}
	if status, _ := rt.Status(t.Context()); len(status) != 1 || status[0].State() != fleet.StateUp {
		t.Errorf("status %+v", status)
	}
}

// TestDownSilencesWhoIsTalkedTo takes a decky down whose attacker has vanished from the
// LAN, so that the connection cannot end in good order.
func TestDownSilencesWhoIsTalkedTo(t *testing.T) {
	needs(t, "bridge")
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	f := plan(t, reg, "[a]\nservices=redis\n")
	apply(t, rt, f)
	victim := l.talk(t, "10.99.1.1")
	if !victim.alive() {
		t.Fatal("the decky is silent")
	}
	run(t, "ip", "-n", "attacker", "link", "set", "att0", "down")
	if err := rt.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := l.links(t); n != 0 {
		t.Errorf("%d links after Down", n)
	}
	apply(t, rt, f)
	run(t, "ip", "-n", "attacker", "link", "set", "att0", "up")
	if !l.talk(t, "10.99.1.1").alive() {
		t.Error("the decky is silent")
	}
}

// TestW29_AnAddressThatAnotherMachineHasIsRefused asks for the address of the attacker, once it
// has been seen and once more after the attacker has left the LAN.
func TestW29_AnAddressThatAnotherMachineHasIsRefused(t *testing.T) {
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	f := plan(t, reg, "[first]\nservices=redis\n[second]\nservices=redis\nip="+attackerAddr+"\n")
	began := time.Now()
	if err := rt.Apply(t.Context(), f); !errors.Is(err, decnet.ErrConflict) || !strings.Contains(err.Error(), "second: address "+attackerAddr+" is in use on the LAN by ") {
		t.Errorf("error %v", err)
	} else if text := fleet.Explain(err); !strings.HasPrefix(text, "second: address "+attackerAddr+" is in use on the LAN by ") || strings.Contains(text, decnet.ErrConflict.Error()) {
		t.Errorf("for everybody: %s", text)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the refusal took %s", took)
	}
	if l.reachable("10.99.1.1") {
		t.Error("the other decky of the fleet answers")
	}
	run(t, "ip", "-n", "attacker", "addr", "del", attackerAddr+"/16", "dev", "att0")
	run(t, "ip", "-n", "attacker", "addr", "add", "10.99.0.51/16", "dev", "att0")
	apply(t, rt, f)
	if !l.talk(t, attackerAddr).alive() {
		t.Error("the decky is silent")
	}
}

// child runs this test again in a process of its own, which finds its name in the
// environment.
func child(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "LAN_TEST_CHILD="+t.Name())
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func isChild(t *testing.T) bool { return os.Getenv("LAN_TEST_CHILD") == t.Name() }

// TestW46_AKilledProcessLeavesNothing kills a process that runs a fleet while an attacker is
// connected and has vanished from the LAN, so that connections cannot end in good order,
// and starts the fleet again at once.
func TestW46_AKilledProcessLeavesNothing(t *testing.T) {
	const ini = "[d]\nservices=redis\namount=20\n"
	needs(t, "bridge")
	if isChild(t) {
		reg := registry(t)
		apply(t, start(t, reg, lan.Options{}), plan(t, reg, ini))
		fmt.Println("applied")
		select {} // until it is killed
	}
	l := newLab(t)
	cmd := child(t)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for buf := make([]byte, 1024); !strings.Contains(said.String(), "applied"); {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
	}
	victim := l.talk(t, "10.99.1.7")
	if !victim.alive() || l.links(t) != 20 {
		t.Fatalf("the fleet does not run: %d links", l.links(t))
	}
	run(t, "ip", "-n", "attacker", "link", "set", "att0", "down")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	began := time.Now()
	apply(t, rt, plan(t, reg, ini))
	t.Logf("20 deckies are there again %s after the kill", time.Since(began).Round(time.Millisecond))
	run(t, "ip", "-n", "attacker", "link", "set", "att0", "up")
	for i := range 20 {
		if !l.talk(t, fmt.Sprintf("10.99.1.%d", i+1)).alive() {
			t.Errorf("decky %d is silent", i+1)
		}
	}
	if n := l.links(t); n != 20 {
		t.Errorf("%d links", n)
	}
}

// TestPrivileges runs itself again as another user: without any, and with the capabilities
// that the package names.
func TestPrivileges(t *testing.T) {
	if isChild(t) {
		reg := registry(t)
		rt := lan.New(reg, lan.Options{Probe: quick})
		err := rt.Apply(t.Context(), plan(t, reg, "[a]\nservices=redis\n"))
		if os.Getenv("LAN_TEST_CAPABLE") != "" {
			if err != nil || rt.Down(t.Context()) != nil {
				t.Error(err)
			}
			return
		}
		if !errors.Is(err, decnet.ErrForbidden) || !strings.Contains(err.Error(), "root, or CAP_NET_ADMIN") {
			t.Errorf("error %v", err)
		}
		return
	}
	newLab(t)
	for _, capabilities := range [][]uintptr{nil, {unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE}} {
		cmd := child(t)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		if cmd.SysProcAttr.AmbientCaps = capabilities; capabilities != nil {
			cmd.Env = append(cmd.Env, "LAN_TEST_CAPABLE=1")
		}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("with the capabilities %v: %v\n%s", capabilities, err, out)
		}
	}
}

func TestStopped(t *testing.T) {
	l := newLab(t)
	reg := registry(t)
	rt := lan.New(reg, lan.Options{Probe: quick})
	f := plan(t, reg, "[a]\nservices=redis\n")
	apply(t, rt, f) // before Run: reachable, not served
	if status, err := rt.Status(t.Context()); err != nil || status[0].State() != fleet.StateDown {
		t.Errorf("before Run: %+v, %v", status, err)
	}
	early := l.talk(t, "10.99.1.1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- rt.Run(ctx) }()
	if !early.alive() {
		t.Error("who connected before Run is not served")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if l.reachable("10.99.1.1") {
		t.Error("a decky outlives Run")
	}
	if err := rt.Apply(t.Context(), f); !errors.Is(err, lan.ErrStopped) || !errors.Is(err, decnet.ErrConflict) {
		t.Errorf("Apply after the stop: %v", err)
	}
}

func TestDetect(t *testing.T) {
	newLab(t)
	if _, err := lan.Detect(""); !errors.Is(err, decnet.ErrNotFound) || !strings.Contains(err.Error(), "no default route") {
		t.Errorf("without a default route: %v", err)
	}
	if _, err := lan.Detect("lab7"); !errors.Is(err, decnet.ErrNotFound) || !strings.Contains(err.Error(), `"lab7"`) {
		t.Errorf("an interface that is not there: %v", err)
	}
	if _, err := lan.Detect("lab0"); !errors.Is(err, decnet.ErrNotFound) || !strings.Contains(err.Error(), "lab0 has no IPv4 address") {
		t.Errorf("no address: %v", err)
	}
	run(t, "ip", "addr", "add", "10.99.0.9/16", "dev", "lab0")
	want := lan.Surroundings{Interface: "lab0", Subnet: netip.MustParsePrefix(subnet), Host: netip.MustParseAddr("10.99.0.9")}
	if got, err := lan.Detect("lab0"); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	run(t, "ip", "route", "add", "default", "via", gatewayAddr, "dev", "lab0")
	want.Gateway = netip.MustParseAddr(gatewayAddr)
	for _, name := range []string{"", "lab0"} {
		if got, err := lan.Detect(name); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", name, got, err, want)
		}
	}
}
