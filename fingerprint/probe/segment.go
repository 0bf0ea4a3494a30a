package probe

import (
	"encoding/binary"
	"net/netip"

	"github.com/decnet/decnet/fingerprint"
)

// synMSS and synWindow are what the SYN offers.
const (
	synMSS    = 1460
	synWindow = 64240
)

// synOptions are those of the SYN: MSS 1460, NOP, window scale 7, two NOP, timestamp 0/0,
// SACK permitted, end of list, padded to a multiple of four bytes.
var synOptions = [24]byte{
	2, 4, synMSS >> 8, synMSS & 0xff,
	1, 3, 3, 7,
	1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0,
	4, 2, 0,
}

// appendSegment appends a TCP segment without payload and with its checksum (RFC 9293
// section 3.1).
func appendSegment(dst []byte, from, to netip.AddrPort, seq uint32, flags fingerprint.TCPFlags, window uint16, options []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, from.Port())
	dst = binary.BigEndian.AppendUint16(dst, to.Port())
	dst = binary.BigEndian.AppendUint32(dst, seq)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = append(dst, byte(20+len(options))<<2, byte(flags))
	dst = binary.BigEndian.AppendUint16(dst, window)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, options...)
	binary.BigEndian.PutUint16(dst[start+16:], checksum(from.Addr(), to.Addr(), dst[start:]))
	return dst
}

// checksum is that of a TCP segment of even length with its pseudo-header. The sum is the
// same for IPv4 and IPv6 (RFC 8200 section 8.1).
func checksum(from, to netip.Addr, segment []byte) uint16 {
	const protocolTCP = 6
	sum := uint32(protocolTCP + len(segment))
	for _, b := range [][]byte{from.AsSlice(), to.AsSlice(), segment} {
		for ; len(b) > 1; b = b[2:] {
			sum += uint32(binary.BigEndian.Uint16(b))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
