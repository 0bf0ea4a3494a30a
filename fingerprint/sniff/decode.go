package sniff

import (
	"encoding/binary"
	"net/netip"
)

// TCP flags.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// Protocol numbers (IANA).
const (
	protoHopByHop = 0
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoAH       = 51
	protoDestOpts = 60
	protoMobility = 135
	protoHIP      = 139
	protoShim6    = 140
)

// address is an IPv4 address in its mapped form, or an IPv6 address.
type address [16]byte

func (a *address) addr(v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(*a)
	}
	return netip.AddrFrom4([4]byte(a[12:]))
}

// packet is one decoded packet. Its slices alias what it was decoded from.
type packet struct {
	time   int64 // nanoseconds since 1970
	number int   // counted from 1

	src, dst         address // innermost
	srcPort, dstPort uint16
	v6               bool
	proto            uint8 // protoTCP or protoUDP
	ttl              uint8
	ip               []byte // the innermost IP packet, as long as its header says
	payload          []byte
	cut              bool // an IP header announces more than there is

	// TCP only.
	flags    uint8
	seq, ack uint32
	window   uint16
}

// verdict says what became of a packet.
type verdict uint8

const (
	decoded verdict = iota // TCP or UDP
	other                  // sound, of another protocol
	malformed
	held       // a fragment that waits for others
	tooDeep    // more tunnels than are looked into
	linkless   // of an unknown link type
	unfragment // a fragment that could not be kept
)

// maxLayers bounds how many IP headers are looked into.
const maxLayers = 5

// Ethernet types (IANA IEEE 802 numbers).
const (
	etherIPv4     = 0x0800
	etherIPv6     = 0x86dd
	etherVLAN     = 0x8100
	etherQinQ     = 0x88a8
	etherQinQOld  = 0x9100
	etherPPPoE    = 0x8864
	etherBridging = 0x6558
)

// decoder finds the transport header of packets. Fragments are put together in it.
type decoder struct {
	fragments fragments
	joined    []byte // the datagram last put together
}

// decode fills in p from a packet that was captured on a link; p.time and p.number are
// set before.
func (d *decoder) decode(link LinkType, b []byte, p *packet) verdict {
	switch link {
	case LinkEthernet:
		return d.ethernet(b, p, 0)
	case LinkRaw, LinkIPv4, LinkIPv6, 12, 14: // 12 and 14 are old numbers of raw IP
		return d.ip(b, p, 0)
	case LinkNull, LinkLoop:
		// The address family differs between systems; the version in the IP header does not.
		if len(b) < 4 {
			return malformed
		}
		return d.ip(b[4:], p, 0)
	case LinkSLL:
		if len(b) < 16 {
			return malformed
		}
		return d.ether(binary.BigEndian.Uint16(b[14:]), b[16:], p, 0)
	case LinkSLL2:
		if len(b) < 20 {
			return malformed
		}
		return d.ether(binary.BigEndian.Uint16(b), b[20:], p, 0)
	}
	return linkless
}

func (d *decoder) ethernet(b []byte, p *packet, depth int) verdict {
	if len(b) < 14 {
		return malformed
	}
	return d.ether(binary.BigEndian.Uint16(b[12:]), b[14:], p, depth)
}

// ether decodes what an Ethernet type announces.
func (d *decoder) ether(typ uint16, b []byte, p *packet, depth int) verdict {
	for {
		switch typ {
		case etherIPv4, etherIPv6:
			return d.ip(b, p, depth)
		case etherVLAN, etherQinQ, etherQinQOld:
			if len(b) < 4 {
				return malformed
			}
			typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherPPPoE:
			if len(b) < 8 {
				return malformed
			}
			if ppp := binary.BigEndian.Uint16(b[6:]); ppp != 0x21 && ppp != 0x57 {
				return other
			}
			return d.ip(b[8:], p, depth)
		default:
			return other
		}
	}
}

func (d *decoder) ip(b []byte, p *packet, depth int) verdict {
	if depth >= maxLayers {
		return tooDeep
	}
	if len(b) == 0 {
		return malformed
	}
	switch b[0] >> 4 {
	case 4:
		return d.ipv4(b, p, depth)
	case 6:
		return d.ipv6(b, p, depth)
	}
	return malformed
}

func (d *decoder) ipv4(b []byte, p *packet, depth int) verdict {
	if len(b) < 20 {
		return malformed
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 { // filled in by the network card, after the capture
		total = len(b)
	}
	if head < 20 || total < head || len(b) < head {
		return malformed
	}
	whole := total <= len(b)
	p.cut = p.cut || !whole
	b = b[:min(total, len(b))]
	p.src, p.dst = address{10: 0xff, 11: 0xff}, address{10: 0xff, 11: 0xff}
	copy(p.src[12:], b[12:16])
	copy(p.dst[12:], b[16:20])
	p.v6, p.ttl, p.ip = false, b[8], b
	if frag := binary.BigEndian.Uint16(b[6:]); frag&0x3fff != 0 {
		if !whole {
			return unfragment
		}
		key := fragmentKey{src: p.src, dst: p.dst, id: uint32(binary.BigEndian.Uint16(b[4:])), proto: b[9]}
		return d.fragment(key, p, b[:head], b[head:], int(frag&0x1fff)*8, frag&0x2000 != 0, depth)
	}
	return d.transport(b[9], b[head:], p, depth)
}

func (d *decoder) ipv6(b []byte, p *packet, depth int) verdict {
	if len(b) < 40 {
		return malformed
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total == 40 { // a jumbogram, or filled in after the capture
		total = len(b)
	}
	whole := total <= len(b)
	p.cut = p.cut || !whole
	b = b[:min(total, len(b))]
	p.src, p.dst = address(b[8:24]), address(b[24:40])
	p.v6, p.ttl, p.ip = true, b[7], b
	proto, at := b[6], 40
	for range 16 {
		var size int
		switch proto {
		case protoHopByHop, protoRouting, protoDestOpts, protoMobility, protoHIP, protoShim6:
			if len(b)-at < 8 {
				return malformed
			}
			size = 8 + int(b[at+1])*8
		case protoAH:
			if len(b)-at < 8 {
				return malformed
			}
			size = 8 + int(b[at+1])*4
		case protoFragment:
			if len(b)-at < 8 {
				return malformed
			}
			frag := binary.BigEndian.Uint16(b[at+2:])
			if frag&0xfff9 != 0 {
				if !whole {
					return unfragment
				}
				key := fragmentKey{src: p.src, dst: p.dst, id: binary.BigEndian.Uint32(b[at+4:]), proto: b[at], v6: true}
				return d.fragment(key, p, b[:40], b[at+8:], int(frag&0xfff8), frag&1 != 0, depth)
			}
			size = 8
		default:
			return d.transport(proto, b[at:], p, depth)
		}
		if size > len(b)-at {
			return malformed
		}
		proto, at = b[at], at+size
	}
	return malformed
}

// fragment keeps a fragment and goes on with the datagram that it completes. head is the
// IP header that the datagram gets.
func (d *decoder) fragment(key fragmentKey, p *packet, head, body []byte, offset int, more bool, depth int) verdict {
	first, kept := d.fragments.add(key, p.time, head, body, offset, more)
	if !kept {
		return unfragment
	}
	if first == nil {
		return held
	}
	d.joined = first.appendTo(d.joined[:0])
	d.fragments.remove(key)
	b := d.joined
	p.ip = b
	if key.v6 {
		b[6] = key.proto
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		return d.ipv6(b, p, depth+1)
	}
	b[6], b[7] = 0, 0
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return d.ipv4(b, p, depth+1)
}

// transport decodes what an IP protocol number announces.
func (d *decoder) transport(proto uint8, b []byte, p *packet, depth int) verdict {
	switch proto {
	case protoTCP:
		return tcp(b, p)
	case protoUDP:
		return d.udp(b, p, depth)
	case protoGRE:
		return d.gre(b, p, depth)
	case protoIPv4, protoIPv6:
		return d.ip(b, p, depth+1)
	}
	return other
}

func tcp(b []byte, p *packet) verdict {
	if len(b) < 20 {
		return malformed
	}
	head := int(b[12]>>4) * 4
	if head < 20 || head > len(b) {
		return malformed
	}
	p.proto = protoTCP
	p.srcPort, p.dstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.seq, p.ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	p.flags, p.window = b[13], binary.BigEndian.Uint16(b[14:])
	p.payload = b[head:]
	return decoded
}

// Ports on which VXLAN is looked for: IANA's (RFC 7348), and that which Linux used before.
const (
	vxlanPort    = 4789
	vxlanPortOld = 8472
)

func (d *decoder) udp(b []byte, p *packet, depth int) verdict {
	if len(b) < 8 {
		return malformed
	}
	size := int(binary.BigEndian.Uint16(b[4:]))
	if size == 0 {
		size = len(b)
	}
	if size < 8 {
		return malformed
	}
	p.proto = protoUDP
	p.srcPort, p.dstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.payload = b[8:min(size, len(b))]
	if v := p.payload; (p.dstPort == vxlanPort || p.dstPort == vxlanPortOld) && len(v) >= 8+14 &&
		v[0]&0x08 != 0 && v[1]|v[2]|v[3]|v[7] == 0 {
		return d.ethernet(v[8:], p, depth+1)
	}
	return decoded
}

// gre decodes a GRE header (RFC 2784, RFC 2890).
func (d *decoder) gre(b []byte, p *packet, depth int) verdict {
	if len(b) < 4 {
		return malformed
	}
	flags, typ := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	const checksum, routing, key, sequence, version = 0x8000, 0x4000, 0x2000, 0x1000, 0x0007
	if flags&(routing|version) != 0 {
		return other
	}
	head := 4
	for _, f := range [...]uint16{checksum, key, sequence} {
		if flags&f != 0 {
			head += 4
		}
	}
	if head > len(b) {
		return malformed
	}
	switch b = b[head:]; typ {
	case etherIPv4, etherIPv6:
		return d.ip(b, p, depth+1)
	case etherBridging:
		return d.ethernet(b, p, depth+1)
	}
	return other
}
