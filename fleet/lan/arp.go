package lan

import (
	"encoding/binary"
	"net/netip"
)

// arpFrame is the size of an ARP packet for IPv4 in an Ethernet frame (RFC 826).
const arpFrame = 14 + 28

// arp is such a packet.
type arp struct {
	reply    bool
	sender   [6]byte
	senderIP netip.Addr
	target   [6]byte // zero: whoever it is, and the frame is for all
	targetIP netip.Addr
}

// probeFor asks who has addr, without claiming it (RFC 5227, section 2.1.1).
func probeFor(addr netip.Addr, sender [6]byte) arp {
	return arp{sender: sender, senderIP: netip.IPv4Unspecified(), targetIP: addr}
}

func (a arp) frame() []byte {
	f := make([]byte, 0, arpFrame)
	if a.target == ([6]byte{}) {
		f = append(f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	} else {
		f = append(f, a.target[:]...)
	}
	f = append(f, a.sender[:]...)
	f = append(f, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1)
	if a.reply {
		f[len(f)-1] = 2
	}
	f = append(f, a.sender[:]...)
	f = append(f, a.senderIP.AsSlice()...)
	f = append(f, a.target[:]...)
	return append(f, a.targetIP.AsSlice()...)
}

// parseARP reads a frame. It takes nothing but requests and replies for IPv4.
func parseARP(f []byte) (a arp, ok bool) {
	if len(f) < arpFrame || binary.BigEndian.Uint16(f[12:]) != 0x0806 {
		return a, false
	}
	p := f[14:]
	operation := binary.BigEndian.Uint16(p[6:])
	if binary.BigEndian.Uint16(p) != 1 || binary.BigEndian.Uint16(p[2:]) != 0x0800 || p[4] != 6 || p[5] != 4 || operation < 1 || operation > 2 {
		return a, false
	}
	return arp{
		reply:    operation == 2,
		sender:   [6]byte(p[8:]),
		senderIP: netip.AddrFrom4([4]byte(p[14:])),
		target:   [6]byte(p[18:]),
		targetIP: netip.AddrFrom4([4]byte(p[24:])),
	}, true
}

// claims says which address the sender has, or is about to take: zero when none.
func (a arp) claims() netip.Addr {
	if a.senderIP.IsUnspecified() && !a.reply {
		return a.targetIP // a probe of another machine
	}
	return a.senderIP
}
