package egress

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet"
)

// ip4 makes an IPv4 packet with the given number of words of options.
func ip4(protocol byte, options int, fragment byte, payload ...byte) []byte {
	p := []byte{0x45 + byte(options), 0, 0, 0, 0, 0, 0, fragment, 64, protocol, 0, 0, 10, 99, 1, 1, 192, 0, 2, 7}
	return slices.Concat(p, make([]byte, 4*options), payload)
}

// ip6 makes an IPv6 packet.
func ip6(next byte, payload ...byte) []byte {
	p := append(make([]byte, 8, 40), netip.MustParseAddr("2001:db8::1").AsSlice()...)
	p = append(p, netip.MustParseAddr("2001:db8::7").AsSlice()...)
	p[0], p[6], p[7] = 0x60, next, 64
	return append(p, payload...)
}

func TestParseBlocked(t *testing.T) {
	t.Parallel()
	ports := []byte{0x9c, 0x40, 0, 53}
	to, to6 := decnet.F("dst_ip", "192.0.2.7"), decnet.F("dst_ip", "2001:db8::7")
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
		"empty":         {nil, nil},
		"version 5":     {append([]byte{0x55}, make([]byte, 60)...), nil},
		"tcp over IPv6": {ip6(6, ports...), []decnet.Field{decnet.F("protocol", "tcp"), to6, decnet.F("dst_port", "53"), decnet.F("local_port", "40000")}},
		"icmpv6":        {ip6(58, 128, 0, 1, 2), []decnet.Field{decnet.F("protocol", "icmpv6"), to6}},
		"behind options": {
			ip6(0, slices.Concat([]byte{60, 0, 1, 4, 0, 0, 0, 0, 43, 1}, make([]byte, 14), []byte{44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 1, 2, 3, 4}, ports)...),
			[]decnet.Field{decnet.F("protocol", "udp"), to6, decnet.F("dst_port", "53"), decnet.F("local_port", "40000")},
		},
		"later fragment": {ip6(44, append([]byte{17, 0, 0, 9, 1, 2, 3, 4}, ports...)...), []decnet.Field{decnet.F("protocol", "udp"), to6}},
		"options cut":    {ip6(0, 17, 9, 1, 4, 0, 0, 0, 0), []decnet.Field{decnet.F("protocol", "0"), to6}},
		"fragment cut":   {ip6(44, 17, 0, 0, 1), []decnet.Field{decnet.F("protocol", "44"), to6}},
		"short IPv6":     {ip6(6)[:39], nil},
		"short header":   {append([]byte{0x44}, make([]byte, 60)...), nil},
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
	f.Add(ip6(6, 1, 2, 3, 4))
	f.Add(ip6(0, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 1, 2, 3, 4, 0, 1, 0, 2))
	f.Add(ip6(43, 60, 255, 0))
	f.Fuzz(func(t *testing.T, p []byte) {
		b, ok := parseBlocked(p)
		if !ok {
			return
		}
		if !b.dst.IsValid() || b.dst.Is4() != (p[0]>>4 == 4) {
			t.Errorf("%+v", b)
		}
		for _, field := range b.fields() {
			if field.Value == "" {
				t.Errorf("%+v", b.fields())
			}
		}
	})
}
