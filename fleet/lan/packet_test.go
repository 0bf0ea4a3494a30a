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
