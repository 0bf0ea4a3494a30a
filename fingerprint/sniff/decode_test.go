package sniff_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/decnet/decnet/fingerprint/sniff"
)

// ip4 puts an IPv4 header before b.
func ip4(proto byte, b []byte) []byte {
	h := []byte{0x45, 0, 0, 0, 0, 9, 0, 0, 64, proto, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(b)))
	return append(h, b...)
}

// ip6 puts an IPv6 header before b.
func ip6(proto byte, b []byte) []byte {
	h := append([]byte{0x60, 0, 0, 0, byte(len(b) >> 8), byte(len(b)), proto, 64}, bytes.Repeat([]byte{1}, 32)...)
	return append(h, b...)
}

func udp(port uint16, b []byte) []byte {
	h := []byte{0x30, 0x39, byte(port >> 8), byte(port), 0, 0, 0, 0}
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(b)))
	return append(h, b...)
}

func ether(typ uint16, b []byte) []byte {
	return append(append(make([]byte, 12), byte(typ>>8), byte(typ)), b...)
}

// TestDecode hands the same segment with a ClientHello over in every wrapping.
func TestDecode(t *testing.T) {
	t.Parallel()
	frame := segment("10.0.0.1:40000", "10.0.0.2:443", 7, 0x18, clientHello(t))
	ip := frame[14:]
	tcp := ip[20:]
	frame6 := segment("[fd00::1]:40000", "[fd00::2]:443", 7, 0x18, clientHello(t))
	extended := func(headers []byte, first byte) []byte {
		b := slices.Concat(frame6[14:54], headers, frame6[54:])
		b[6] = first
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		return b
	}
	options := slices.Concat(ip[:20], []byte{1, 1, 1, 0}, tcp)
	options[0] = 0x46
	binary.BigEndian.PutUint16(options[2:], uint16(len(options)))
	offloaded := bytes.Clone(ip)
	offloaded[2], offloaded[3] = 0, 0

	type sent struct {
		link sniff.LinkType
		b    []byte
	}
	fragmented := func(cuts ...int) (list []sent) {
		for i := 0; i+1 < len(cuts); i++ {
			b := append(bytes.Clone(ip[:20]), tcp[cuts[i]:cuts[i+1]]...)
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
			field := uint16(cuts[i] / 8)
			if cuts[i+1] < len(tcp) {
				field |= 0x2000
			}
			binary.BigEndian.PutUint16(b[6:], field)
			list = append(list, sent{sniff.LinkRaw, b})
		}
		return list
	}
	fragmented6 := func(cuts ...int) (list []sent) {
		for i := 0; i+1 < len(cuts); i++ {
			field := uint16(cuts[i])
			if cuts[i+1] < len(frame6)-54 {
				field |= 1
			}
			b := slices.Concat(frame6[14:54], []byte{6, 0, byte(field >> 8), byte(field), 0, 0, 0, 1}, frame6[54+cuts[i]:54+cuts[i+1]])
			b[6] = 44
			binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
			list = append(list, sent{sniff.LinkRaw, b})
		}
		return list
	}
	reversed := func(list []sent) []sent { slices.Reverse(list); return list }
	vxlan := append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, frame...)
	for name, packets := range map[string][]sent{
		"Ethernet":           {{1, frame}},
		"Ethernet, padded":   {{1, append(bytes.Clone(frame), make([]byte, 30)...)}},
		"VLAN":               {{1, ether(0x8100, append([]byte{0, 5, 8, 0}, ip...))}},
		"QinQ":               {{1, ether(0x88a8, append([]byte{0, 5, 0x81, 0, 0, 6, 8, 0}, ip...))}},
		"PPPoE":              {{1, ether(0x8864, append([]byte{0x11, 0, 0, 1, 0, 0, 0, 0x21}, ip...))}},
		"Linux cooked":       {{113, append([]byte{15: 0, 14: 8}, ip...)}},
		"Linux cooked 2":     {{276, append([]byte{0: 8, 19: 0}, ip...)}},
		"null":               {{0, append([]byte{2, 0, 0, 0}, ip...)}},
		"loop":               {{108, append([]byte{0, 0, 0, 2}, ip...)}},
		"raw":                {{101, ip}},
		"IPv4":               {{228, ip}},
		"IPv6":               {{229, frame6[14:]}},
		"Ethernet, IPv6":     {{1, frame6}},
		"IPv4 options":       {{101, options}},
		"no total length":    {{101, offloaded}},
		"IPv6 extensions":    {{101, extended([]byte{60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 51, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0)}},
		"IPv6 atomic":        {{101, extended([]byte{6, 0, 0, 0, 0, 0, 0, 1}, 44)}},
		"IP in IP":           {{101, ip4(4, ip)}},
		"IPv6 in IPv4":       {{101, ip4(41, frame6[14:])}},
		"IPv4 in IPv6":       {{101, ip6(4, ip)}},
		"GRE":                {{101, ip4(47, append([]byte{0, 0, 8, 0}, ip...))}},
		"GRE, all fields":    {{101, ip4(47, append([]byte{0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}, frame...))}},
		"VXLAN":              {{1, ether(0x0800, ip4(17, udp(4789, vxlan)))}},
		"VXLAN in VXLAN":     {{1, ether(0x0800, ip4(17, udp(8472, append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, ether(0x0800, ip4(17, udp(4789, vxlan)))...))))}},
		"fragments":          fragmented(0, 16, 64, 120, len(tcp)),
		"fragments, reverse": reversed(fragmented(0, 16, 64, 120, len(tcp))),
		"fragments, IPv6":    reversed(fragmented6(0, 24, 64, len(frame6)-54)),
		"fragments in GRE": {
			{101, ip4(47, append([]byte{0, 0, 8, 0}, fragmented(0, 64, len(tcp))[1].b...))},
			{101, ip4(47, append([]byte{0, 0, 8, 0}, fragmented(0, 64, len(tcp))[0].b...))},
		},
	} {
		results, counters := found(func(c *connection) {
			for _, p := range packets {
				c.s.Packet(p.link, start, p.b)
			}
		})
		if got := only(results, "ja4"); len(got) != 1 {
			t.Errorf("%s: %v, %+v", name, got, counters)
		}
		for _, r := range results {
			if a := r.Client.String(); a != "10.0.0.1" && a != "fd00::1" {
				t.Errorf("%s: %s", name, a)
			}
		}
	}
}

// TestDecodeCounts checks that what is left out is counted for what it is.
func TestDecodeCounts(t *testing.T) {
	t.Parallel()
	ip := segment("10.0.0.1:40000", "10.0.0.2:443", 7, 2, nil)[14:]
	deep := ip
	for range 6 {
		deep = ip4(4, deep)
	}
	_, c := found(func(c *connection) {
		for _, p := range []struct {
			link sniff.LinkType
			b    []byte
		}{
			{147, ip},                    // unknown link
			{1, ether(0x0806, ip)},       // ARP: other
			{101, ip4(1, ip)},            // ICMP: other
			{101, nil},                   // malformed
			{101, ip[:19]},               // malformed
			{101, ip[:30]},               // malformed: no room for TCP
			{101, deep},                  // too deep
			{101, ip4(47, []byte{0, 0})}, // malformed
			{101, append([]byte{0x45, 0, 0, 27, 0, 1, 0x20, 0}, ip4(6, make([]byte, 7))[8:27]...)}, // a fragment of seven bytes
		} {
			c.s.Packet(p.link, start, p.b)
		}
	})
	if c.UnknownLink != 1 || c.Other != 2 || c.Malformed != 4 || c.TooDeep != 1 || c.Unkept != 1 || c.Flows != 0 || c.Panics != 0 {
		t.Errorf("%+v", c)
	}
}

// TestCountsOfWhatIsLost gives every reason for which something is left out behind the
// headers, one at a time.
func TestCountsOfWhatIsLost(t *testing.T) {
	t.Parallel()
	hello := clientHello(t)
	broken := bytes.Clone(hello)
	broken[5+4+2+32] = 33 // a session ID longer than there may be
	longRecord := bytes.Clone(hello)
	binary.BigEndian.PutUint16(longRecord[3:], 0x4800)
	longRecord[6] = 1 // a message of more than 64 KiB
	initial := slices.Concat([]byte("\xc1\x00\x00\x00\x01\x0812345678\x00\x00\x40\x40"), make([]byte, 64))
	dtls := slices.Concat([]byte{0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 + 40, 1, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 40}, make([]byte, 40))
	datagram := func(b []byte) func(c *connection) {
		return func(c *connection) { c.s.Packet(sniff.LinkRaw, start, ip4(17, udp(443, b))) }
	}
	for name, l := range map[string]struct {
		f    func(c *connection)
		want sniff.Counters
	}{
		"a hello that is none": {
			func(c *connection) { c.open(); c.send(true, 0x18, broken) },
			sniff.Counters{Flows: 1, BadHellos: 1},
		},
		"a hello that is too long": {
			func(c *connection) {
				c.open()
				c.send(true, 0x18, longRecord)
				c.send(true, 0x18, make([]byte, 0x4800))
			},
			sniff.Counters{Flows: 1, BadHellos: 1},
		},
		"an SSH packet that is none": {
			func(c *connection) {
				c.open()
				c.send(true, 0x18, append([]byte("SSH-2.0-x\r\n"), make([]byte, 30)...))
			},
			sniff.Counters{Flows: 1, BadHellos: 1},
		},
		"encryption is no bad hello": {
			func(c *connection) {
				c.open()
				c.send(true, 0x18, hello)
				c.send(true, 0x18, []byte{0x17, 3, 3, 0, 2, 1, 2})
			},
			sniff.Counters{Flows: 1},
		},
		"a lone RST": {func(c *connection) { c.send(true, 0x14, nil) }, sniff.Counters{Strays: 1}},
		"DNS":        {datagram([]byte("\x00\x01\x01\x00\x00\x01 and so on, long enough")), sniff.Counters{OtherUDP: 1}},
		"an Initial packet of someone else's keys": {datagram(initial), sniff.Counters{Flows: 1, BadInitials: 1}},
		"an Initial packet cut short by itself":    {datagram(initial[:40]), sniff.Counters{Flows: 1, Malformed: 1}},
		"a DTLS hello that is none":                {datagram(dtls), sniff.Counters{Flows: 1, BadHellos: 1}},
		"a DTLS record that is none":               {datagram(dtls[:40]), sniff.Counters{Flows: 1, BadHellos: 1}},
		"cut in the payload": {
			func(c *connection) {
				c.s.Packet(sniff.LinkEthernet, start, segment(c.client, c.server, 7, 0x18, hello)[:100])
			},
			sniff.Counters{Flows: 1, Cut: 1},
		},
		"cut in a tunnel, in the header": {
			func(c *connection) {
				c.s.Packet(sniff.LinkRaw, start, ip4(4, segment(c.client, c.server, 7, 0x18, hello)[14:])[:50])
			},
			sniff.Counters{Cut: 1, Malformed: 1},
		},
		"a cut fragment": {
			func(c *connection) {
				b := ip4(6, make([]byte, 80))
				b[6] = 0x20
				c.s.Packet(sniff.LinkRaw, start, b[:60])
			},
			sniff.Counters{Cut: 1, Unkept: 1},
		},
		"nothing is cut from a padded frame": {
			func(c *connection) {
				c.s.Packet(sniff.LinkEthernet, start, append(segment(c.client, c.server, 7, 0x10, nil), make([]byte, 6)...))
			},
			sniff.Counters{Flows: 1},
		},
	} {
		_, got := found(l.f)
		l.want.Packets, l.want.Bytes, l.want.Fingerprints = got.Packets, got.Bytes, got.Fingerprints
		if got != l.want {
			t.Errorf("%s: %+v\nwant %+v", name, got, l.want)
		}
	}
}

// TestDepthBehindFragments: a datagram that was put together counts as a layer, and one
// at the limit hides no more tunnels than any other.
func TestDepthBehindFragments(t *testing.T) {
	t.Parallel()
	inner := segment("10.0.0.1:40000", "10.0.0.2:443", 7, 2, nil)[14:]
	for range 20 {
		inner = ip4(4, inner)
	}
	const cut = 64
	first, last := ip4(4, inner[:cut]), ip4(4, inner[cut:])
	first[6], last[7] = 0x20, cut/8
	_, c := found(func(c *connection) {
		for _, b := range [][]byte{first, last} {
			for range 4 {
				b = ip4(4, b)
			}
			c.s.Packet(sniff.LinkRaw, start, b)
		}
	})
	if c.Fragments != 1 || c.TooDeep != 1 || c.Flows != 0 {
		t.Errorf("%+v", c)
	}
}

// TestFragmentsAreBounded sends fragments that never make a datagram.
func TestFragmentsAreBounded(t *testing.T) {
	s := sniff.New(sniff.Config{})
	before := heap()
	b := ip4(6, make([]byte, 1400))
	b[6] = 0x20
	for i := range 100_000 {
		binary.BigEndian.PutUint32(b[12:], uint32(i))
		s.Packet(sniff.LinkRaw, start, b)
	}
	if grown := int64(heap()) - int64(before); grown > 8<<20 {
		t.Errorf("%d bytes are held", grown)
	}
	s.Flush()
	if c := s.Counters(); c.Fragments != 100_000 {
		t.Errorf("%+v", c)
	}
}

// FuzzPacket hands over single packets and pairs of them.
func FuzzPacket(f *testing.F) {
	frame := segment("10.0.0.1:40000", "10.0.0.2:443", 7, 0x18, clientHello(f))
	f.Add(uint32(1), frame, frame)
	f.Add(uint32(1), ether(0x0800, ip4(17, udp(4789, append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, frame...)))), []byte{})
	f.Add(uint32(101), ip4(47, append([]byte{0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2}, frame...)), ip6(44, make([]byte, 60)))
	f.Add(uint32(113), append([]byte{15: 0, 14: 8}, frame[14:]...), frame)
	f.Fuzz(func(t *testing.T, link uint32, a, b []byte) {
		_, c := found(func(c *connection) {
			for _, p := range [][]byte{a, b, a} {
				c.s.Packet(sniff.LinkType(link), start, p)
			}
		}, func(*sniff.Fact, func(string, []byte, []byte)) {})
		if c.Panics > 0 || c.Packets != 3 {
			t.Fatalf("%+v", c)
		}
	})
}
