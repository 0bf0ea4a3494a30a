package egress

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/decnet/decnet"
)

// snapLen is how much of a dropped packet is looked at: the header of IPv6 with the usual
// extensions, or the longest of IPv4, and the ports after it.
const snapLen = 96

// blocked is a packet that was not let out.
type blocked struct {
	protocol uint8
	dst      netip.Addr
	port     uint16 // of dst; 0 where the protocol has no ports, and in later fragments
	sender   uint16 // of the decky
}

// Protocols by their number in an IP header; options are headers of IPv6 that extend it.
const (
	protocolICMP    = 1
	protocolTCP     = 6
	protocolUDP     = 17
	protocolDCCP    = 33
	protocolICMPv6  = 58
	protocolSCTP    = 132
	protocolUDPLite = 136

	optionsHop         = 0
	optionsRouting     = 43
	optionsFragment    = 44
	optionsDestination = 60
)

// parseBlocked reads the headers of an IP packet, whose end may be missing.
func parseBlocked(p []byte) (b blocked, ok bool) {
	if len(p) == 0 {
		return b, false
	}
	var payload []byte
	switch p[0] >> 4 {
	case 4:
		payload, ok = b.parse4(p)
	case 6:
		payload, ok = b.parse6(p)
	}
	switch b.protocol {
	case protocolTCP, protocolUDP, protocolDCCP, protocolSCTP, protocolUDPLite:
		if len(payload) >= 4 {
			b.sender, b.port = binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
		}
	}
	return b, ok
}

// parse4 reads the header of IPv4 (RFC 791) and returns what is after it, nothing in a
// later fragment.
func (b *blocked) parse4(p []byte) (payload []byte, ok bool) {
	const header = 20
	if len(p) < header {
		return nil, false
	}
	size := int(p[0]&15) * 4
	if size < header {
		return nil, false
	}
	b.protocol = p[9]
	b.dst = netip.AddrFrom4([4]byte(p[16:]))
	if later := binary.BigEndian.Uint16(p[6:])&0x1fff != 0; later || len(p) < size {
		return nil, true
	}
	return p[size:], true
}

// parse6 reads the header of IPv6 with its extensions (RFC 8200), as far as they are there,
// and returns what is after them, nothing in a later fragment.
func (b *blocked) parse6(p []byte) (payload []byte, ok bool) {
	const header = 40
	if len(p) < header {
		return nil, false
	}
	b.protocol = p[6]
	b.dst = netip.AddrFrom16([16]byte(p[24:]))
	for p = p[header:]; ; {
		size := 8
		switch b.protocol {
		case optionsHop, optionsRouting, optionsDestination:
			if len(p) < 2 {
				return nil, true
			}
			size += int(p[1]) * 8
		case optionsFragment:
			if len(p) >= size && binary.BigEndian.Uint16(p[2:])&^7 != 0 {
				b.protocol = p[0]
				return nil, true
			}
		default:
			return p, true
		}
		if len(p) < size {
			return nil, true
		}
		b.protocol, p = p[0], p[size:]
	}
}

// fields are those of an egress_blocked event.
func (b blocked) fields() []decnet.Field {
	name := strconv.Itoa(int(b.protocol))
	switch b.protocol {
	case protocolICMP:
		name = "icmp"
	case protocolTCP:
		name = "tcp"
	case protocolUDP:
		name = "udp"
	case protocolICMPv6:
		name = "icmpv6"
	case protocolSCTP:
		name = "sctp"
	}
	fields := []decnet.Field{decnet.F("protocol", name), decnet.F("dst_ip", b.dst.String())}
	if b.port != 0 {
		fields = append(fields, decnet.F("dst_port", strconv.Itoa(int(b.port))), decnet.F("local_port", strconv.Itoa(int(b.sender))))
	}
	return fields
}
