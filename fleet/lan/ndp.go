package lan

import (
	"encoding/binary"
	"net/netip"
)

// ndpFrame is the size of a solicitation or an advertisement of a neighbour without options
// in an Ethernet frame: Ethernet, IPv6 (RFC 8200), ICMPv6 (RFC 4861, sections 4.3 and 4.4).
const ndpFrame = 14 + 40 + 24

// ndp is such a packet.
type ndp struct {
	advertisement bool
	sender        [6]byte
	senderIP      netip.Addr // unspecified: who is about to take the target
	target        netip.Addr
}

// solicitFor asks who has addr, without claiming it (RFC 4862, section 5.4.2).
func solicitFor(addr netip.Addr, sender [6]byte) ndp {
	return ndp{sender: sender, senderIP: netip.IPv6Unspecified(), target: addr}
}

// The groups that such packets go to: everybody, and who has an address with the same end.
var (
	allNodes  = netip.MustParseAddr("ff02::1")
	solicited = netip.MustParseAddr("ff02::1:ff00:0")
)

func (n ndp) frame() []byte {
	to, kind := allNodes.As16(), byte(136)
	if target := n.target.As16(); !n.advertisement {
		to, kind = solicited.As16(), 135
		copy(to[13:], target[13:])
	}
	f := make([]byte, 0, ndpFrame)
	f = append(f, 0x33, 0x33)
	f = append(f, to[12:]...) // RFC 2464, section 7
	f = append(f, n.sender[:]...)
	f = append(f, 0x86, 0xdd, 0x60, 0, 0, 0, 0, ndpFrame-14-40, protocolICMPv6, 255)
	f = append(f, n.senderIP.AsSlice()...)
	f = append(f, to[:]...)
	f = append(f, kind, 0, 0, 0, 0, 0, 0, 0)
	f = append(f, n.target.AsSlice()...)
	binary.BigEndian.PutUint16(f[14+40+2:], checksum(f[14:]))
	return f
}

const protocolICMPv6 = 58

// checksum is that of ICMPv6 in an IPv6 packet without other headers (RFC 8200, section 8.1).
func checksum(packet []byte) uint16 {
	sum := uint32(len(packet)-40) + protocolICMPv6
	for i := 8; i+1 < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// parseNDP reads a frame. It takes nothing but solicitations and advertisements of
// neighbours that come from the link itself.
func parseNDP(f []byte) (n ndp, ok bool) {
	if len(f) < ndpFrame || binary.BigEndian.Uint16(f[12:]) != 0x86dd {
		return n, false
	}
	p := f[14:]
	kind, code := p[40], p[41]
	if p[0]>>4 != 6 || p[6] != protocolICMPv6 || p[7] != 255 || kind != 135 && kind != 136 || code != 0 {
		return n, false
	}
	return ndp{
		advertisement: kind == 136,
		sender:        [6]byte(f[6:]),
		senderIP:      netip.AddrFrom16([16]byte(p[8:])),
		target:        netip.AddrFrom16([16]byte(p[48:])),
	}, true
}

// claims says which address the sender has, or is about to take: zero when none.
func (n ndp) claims() netip.Addr {
	if n.advertisement || n.senderIP.IsUnspecified() {
		return n.target
	}
	return n.senderIP
}
