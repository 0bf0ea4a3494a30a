package ja4plus

import (
	"strconv"
	"time"
)

// JA4L returns half the time from one packet to its answer in microseconds, and the TTL
// of the side that is measured, as received and uncorrected. It is empty when either time
// is unknown, or the answer is before the packet.
//
// For TCP, the server's (JA4L_S) is that from the first SYN to the first SYN-ACK with the
// TTL of the SYN-ACK, and the client's (JA4L_C) that from the first SYN-ACK to the client's
// first ACK after it, one without SYN and RST, with the TTL of the SYN. For QUIC, the
// server's is that from the client's Initial to the server's Initial, and the client's
// that from the server's last Handshake packet to the client's first Handshake packet.
func JA4L(packet, answer time.Time, ttl uint8) string {
	var buf [32]byte
	return string(AppendJA4L(buf[:0], packet, answer, ttl))
}

// AppendJA4L appends the JA4L to dst, nothing when it is empty.
func AppendJA4L(dst []byte, packet, answer time.Time, ttl uint8) []byte {
	latency := answer.Sub(packet)
	if packet.IsZero() || answer.IsZero() || latency < 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, latency.Microseconds()/2, 10)
	return strconv.AppendUint(append(dst, '_'), uint64(ttl), 10)
}
