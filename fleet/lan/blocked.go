package lan

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/decnet/decnet"
)

// snapLen is how much of a dropped packet is looked at: the longest IPv4 header and the
// ports after it.
const snapLen = 64

// blocked is a packet that was not let out.
type blocked struct {
	protocol uint8
	dst      netip.Addr
	port     uint16 // of dst; 0 where the protocol has no ports, and in later fragments
	sender   uint16 // of the decky
}

// parseBlocked reads the headers of an IPv4 packet, whose end may be missing.
func parseBlocked(p []byte) (b blocked, ok bool) {
	const header = 20
	if len(p) < header || p[0]>>4 != 4 {
		return b, false
	}
	size := int(p[0]&15) * 4
	if size < header {
		return b, false
	}
	b.protocol = p[9]
	b.dst = netip.AddrFrom4([4]byte(p[16:20]))
	fragment := binary.BigEndian.Uint16(p[6:])&0x1fff != 0
	switch b.protocol {
	case 6, 17, 33, 132, 136: // TCP, UDP, DCCP, SCTP, UDP-Lite
		if !fragment && len(p) >= size+4 {
			b.sender, b.port = binary.BigEndian.Uint16(p[size:]), binary.BigEndian.Uint16(p[size+2:])
		}
	}
	return b, true
}

// fields are those of an egress_blocked event.
func (b blocked) fields() []decnet.Field {
	name := strconv.Itoa(int(b.protocol))
	switch b.protocol {
	case 1:
		name = "icmp"
	case 6:
		name = "tcp"
	case 17:
		name = "udp"
	case 132:
		name = "sctp"
	}
	fields := []decnet.Field{decnet.F("protocol", name), decnet.F("dst_ip", b.dst.String())}
	if b.port != 0 {
		fields = append(fields, decnet.F("dst_port", strconv.Itoa(int(b.port))), decnet.F("local_port", strconv.Itoa(int(b.sender))))
	}
	return fields
}
