package lan

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
)

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// ip4 makes an IPv4 packet with the given number of words of options.
func ip4(protocol byte, options int, fragment byte, payload ...byte) []byte {
	p := []byte{0x45 + byte(options), 0, 0, 0, 0, 0, 0, fragment, 64, protocol, 0, 0, 10, 99, 1, 1, 192, 0, 2, 7}
	return slices.Concat(p, make([]byte, 4*options), payload)
}

func TestParseBlocked(t *testing.T) {
	t.Parallel()
	ports := []byte{0x9c, 0x40, 0, 53}
	to := decnet.F("dst_ip", "192.0.2.7")
	for name, c := range map[string]struct {
		packet []byte
		want   []decnet.Field
	}{
		"tcp":           {ip4(6, 0, 0, ports...), []decnet.Field{decnet.F("protocol", "tcp"), to, decnet.F("dst_port", "53"), decnet.F("local_port", "40000")}},
		"udp, options":  {ip4(17, 10, 0, ports...), []decnet.Field{decnet.F("protocol", "udp"), to, decnet.F("dst_port", "53"), decnet.F("local_port", "40000")}},
		"sctp":          {ip4(132, 0, 0, ports...), []decnet.Field{decnet.F("protocol", "sctp"), to, decnet.F("dst_port", "53"), decnet.F("local_port", "40000")}},
		"icmp":          {ip4(1, 0, 0, 8, 0, 1, 2), []decnet.Field{decnet.F("protocol", "icmp"), to}},
		"gre":           {ip4(47, 0, 0, ports...), []decnet.Field{decnet.F("protocol", "47"), to}},
		"later in line": {ip4(17, 0, 3, ports...), []decnet.Field{decnet.F("protocol", "udp"), to}},
		"cut":           {ip4(6, 0, 0, ports[:3]...), []decnet.Field{decnet.F("protocol", "tcp"), to}},
		"short":         {ip4(6, 0, 0)[:19], nil},
		"IPv6":          {append([]byte{0x60}, make([]byte, 60)...), nil},
		"short header":  {append([]byte{0x44}, make([]byte, 60)...), nil},
	} {
		b, ok := parseBlocked(c.packet)
		if ok != (c.want != nil) {
			t.Errorf("%s: ok %t", name, ok)
		} else if ok {
			if diff := cmp.Diff(c.want, b.fields()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func FuzzParseBlocked(f *testing.F) {
	f.Add(ip4(6, 0, 0, 1, 2, 3, 4))
	f.Add(ip4(17, 10, 0, 1, 2, 3))
	f.Add(ip4(1, 0, 1))
	f.Fuzz(func(t *testing.T, p []byte) {
		b, ok := parseBlocked(p)
		if !ok {
			return
		}
		if !b.dst.Is4() {
			t.Errorf("%+v", b)
		}
		for _, field := range b.fields() {
			if field.Value == "" {
				t.Errorf("%+v", b.fields())
			}
		}
	})
}

func TestARP(t *testing.T) {
	t.Parallel()
	us, them := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	wanted, other := netip.MustParseAddr("10.99.1.1"), netip.MustParseAddr("10.99.0.50")
	probe := probeFor(wanted, us)
	// RFC 5227, section 2.1.1: the sender's address is zero, the target's MAC address too.
	frame := append([]byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 0, 0, 0, 0, 0, 0, 10, 99, 1, 1)
	if got := probe.frame(); !bytes.Equal(got, frame) {
		t.Errorf("probe\n% x, want\n% x", got, frame)
	}
	for name, c := range map[string]struct {
		packet arp
		claims netip.Addr
	}{
		"answer":              {arp{reply: true, sender: them, senderIP: wanted, target: us, targetIP: netip.IPv4Unspecified()}, wanted},
		"announcement":        {arp{sender: them, senderIP: wanted, targetIP: wanted}, wanted},
		"probe of another":    {probeFor(wanted, them), wanted},
		"question of a third": {arp{sender: them, senderIP: other, targetIP: wanted}, other},
	} {
		got, ok := parseARP(c.packet.frame())
		if diff := cmp.Diff(c.packet, got, cmp.AllowUnexported(arp{}), compareAddrs); !ok || diff != "" {
			t.Errorf("%s: %t\n%s", name, ok, diff)
		}
		if got.claims() != c.claims {
			t.Errorf("%s claims %s", name, got.claims())
		}
	}
	for at, b := range map[int]byte{12: 9, 14: 1, 16: 9, 18: 5, 19: 5, 21: 3} {
		bad := probe.frame()
		bad[at] = b
		if _, ok := parseARP(bad); ok {
			t.Errorf("a frame with %d at %d is taken", b, at)
		}
	}
	if _, ok := parseARP(frame[:len(frame)-1]); ok {
		t.Error("a cut frame is taken")
	}
}

func FuzzParseARP(f *testing.F) {
	f.Add(probeFor(netip.MustParseAddr("10.99.1.1"), [6]byte{2}).frame())
	f.Add(arp{reply: true, senderIP: netip.MustParseAddr("10.99.1.1"), targetIP: netip.IPv4Unspecified()}.frame())
	f.Fuzz(func(t *testing.T, frame []byte) {
		a, ok := parseARP(frame)
		if !ok {
			return
		}
		again, ok := parseARP(a.frame())
		if !ok || again != a {
			t.Errorf("%+v is read back as %+v", a, again)
		}
	})
}
