package lan

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

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

func TestNDP(t *testing.T) {
	t.Parallel()
	us, them := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	wanted, other := netip.MustParseAddr("fd99::12:3456"), netip.MustParseAddr("fd99::50")
	probe := solicitFor(wanted, us)
	// RFC 4862, section 5.4.2: from the unspecified address to the solicited-node group.
	frame := append([]byte{0x33, 0x33, 0xff, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 58, 255},
		make([]byte, 16)...)
	frame = append(frame, netip.MustParseAddr("ff02::1:ff12:3456").AsSlice()...)
	frame = append(frame, 135, 0, 0, 0, 0, 0, 0, 0)
	frame = append(frame, wanted.AsSlice()...)
	got := probe.frame()
	if same := append(append(bytes.Clone(got[:14+42]), 0, 0), got[14+44:]...); !bytes.Equal(same, frame) || checksum(got[14:]) != 0 {
		t.Errorf("probe\n% x, want but for the checksum\n% x", got, frame)
	}
	for name, c := range map[string]struct {
		packet ndp
		claims netip.Addr
	}{
		"answer":              {ndp{advertisement: true, sender: them, senderIP: wanted, target: wanted}, wanted},
		"answer from a proxy": {ndp{advertisement: true, sender: them, senderIP: other, target: wanted}, wanted},
		"probe of another":    {solicitFor(wanted, them), wanted},
		"question of a third": {ndp{sender: them, senderIP: other, target: wanted}, other},
	} {
		got, ok := parseNDP(c.packet.frame())
		if diff := cmp.Diff(c.packet, got, cmp.AllowUnexported(ndp{}), compareAddrs); !ok || diff != "" {
			t.Errorf("%s: %t\n%s", name, ok, diff)
		}
		if got.claims() != c.claims {
			t.Errorf("%s claims %s", name, got.claims())
		}
	}
	for at, b := range map[int]byte{12: 8, 14: 0x40, 20: 17, 21: 64, 54: 134, 55: 1} {
		bad := probe.frame()
		bad[at] = b
		if _, ok := parseNDP(bad); ok {
			t.Errorf("a frame with %d at %d is taken", b, at)
		}
	}
	if _, ok := parseNDP(frame[:len(frame)-1]); ok {
		t.Error("a cut frame is taken")
	}
}

func FuzzParseNDP(f *testing.F) {
	f.Add(solicitFor(netip.MustParseAddr("fd99::1"), [6]byte{2}).frame())
	f.Add(ndp{advertisement: true, senderIP: netip.MustParseAddr("fd99::1"), target: netip.MustParseAddr("fd99::1")}.frame())
	f.Fuzz(func(t *testing.T, frame []byte) {
		n, ok := parseNDP(frame)
		if !ok {
			return
		}
		again, ok := parseNDP(n.frame())
		if !ok || again != n {
			t.Errorf("%+v is read back as %+v", n, again)
		}
	})
}
