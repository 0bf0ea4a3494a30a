package lan_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/lan"
)

// TestSegmentsAreAsLargeAsTheLANTakes sends much to deckies with and without IPv6, and has
// it sent back.
func TestSegmentsAreAsLargeAsTheLANTakes(t *testing.T) {
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	f := plan6(t, reg, "[both]\nservices = redis\n[four]\nservices = redis\n")
	f.Deckies[1].Addr6 = netip.Addr{}
	apply(t, rt, f)
	for _, d := range f.Deckies {
		path, err := rt.Namespace(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		c := l.talk(t, d.Addr.String())
		sent, received := c.segments(t)
		if want := 1500 - 20 - 32; sent != want || received != want { // with timestamps
			t.Errorf("%s takes segments of %d bytes and sends some of %d, want %d", d.Name, sent, received, want)
		}
		if out := l.attack(t, "ping", "-c", "1", "-W", "10", "-M", "do", "-s", "1472", d.Addr.String()); !strings.Contains(out, "1 received") {
			t.Errorf("%s does not answer a ping as large as the LAN takes:\n%s", d.Name, out)
		}
		if out := within(t, path, "ip", "-6", "addr", "show", "dev", "eth0"); (out != "") != d.Addr6.IsValid() {
			t.Errorf("addresses of IPv6 of %s: %q", d.Name, out)
		}
		if has := hasIPv6(t, path); has != d.Addr6.IsValid() {
			t.Errorf("the kernel keeps state of IPv6 for the link of %s: %t", d.Name, has)
		}
	}
}

// segments returns how many bytes the segments have that the client sends and receives when
// there is much to send.
func (c talker) segments(t *testing.T) (sent, received int) {
	t.Helper()
	value := strings.Repeat("x", 200_000)
	go fmt.Fprintf(c, "*3\r\n$3\r\nSET\r\n$4\r\nmuch\r\n$%d\r\n%s\r\nGET much\r\n", len(value), value) // an error shows in the answer
	answer := fmt.Sprintf("+OK\r\n$%d\r\n%s\r\n", len(value), value)
	got := make([]byte, len(answer))
	if _, err := io.ReadFull(bufio.NewReader(c), got); err != nil || string(got) != answer {
		t.Fatalf("%.40q, %v", got, err)
	}
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	if failure := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); failure != nil || err != nil {
		t.Fatal(failure, err)
	}
	return int(info.Snd_mss), int(info.Rcv_mss)
}

// hasIPv6 reports whether the kernel counts packets of IPv6 on the link of a decky.
func hasIPv6(t *testing.T, namespace string) (yes bool) {
	t.Helper()
	inside(t, namespace, func() {
		_, err := os.Stat("/proc/thread-self/net/dev_snmp6/eth0")
		yes = err == nil
	})
	return yes
}

// TestADeckyWithoutIPv6IsSilentThere asks the link-local address that a machine of its kind
// would have, and all machines.
func TestADeckyWithoutIPv6IsSilentThere(t *testing.T) {
	needs(t, "ping", "tcpdump")
	l := newLab(t)
	reg := registry(t)
	rt := start(t, reg, lan.Options{})
	f := plan(t, reg, "[four]\nservices = redis\n")
	apply(t, rt, f)
	macs, err := fleet.MACs(f)
	if err != nil {
		t.Fatal(err)
	}
	mac := macs["four"]
	packets := l.capture(t)
	for _, to := range []string{eui64(mac), "ff02::1", "ff02::2", "ff02::1:ff" + fmt.Sprintf("%02x:%02x%02x", mac[3], mac[4], mac[5])} {
		l.attack(t, "ping", "-6", "-c", "2", "-i", "0.2", "-W", "1", to+"%att0")
	}
	if !l.talk(t, f.Deckies[0].Addr.String()).alive() {
		t.Error("the decky does not answer by IPv4")
	}
	if out := packets("ip6 and ether src " + mac.String()); strings.Contains(out, "IP6") {
		t.Errorf("it sends\n%s", out)
	}
}

// eui64 returns the link-local address that is made of a MAC address (RFC 4291 appendix A).
func eui64(mac net.HardwareAddr) string {
	return fmt.Sprintf("fe80::%02x%02x:%02xff:fe%02x:%02x%02x", mac[0]^2, mac[1], mac[2], mac[3], mac[4], mac[5])
}
