package ja4plus

import (
	"strconv"

	"github.com/decnet/decnet/fingerprint"
)

// JA4T returns the JA4T of a client's SYN: window, kinds of the options, maximum segment
// size and window scale. The last value counts when an option comes twice.
func JA4T(s *fingerprint.SYN) string {
	var buf [192]byte
	return string(AppendJA4T(buf[:0], s))
}

// JA4TS returns the JA4TS of a server's SYN-ACK, which has the form of JA4T.
func JA4TS(s *fingerprint.SYN) string { return JA4T(s) }

// AppendJA4T appends the JA4T or JA4TS to dst. Nothing in it is hashed: it is its own raw
// form.
func AppendJA4T(dst []byte, s *fingerprint.SYN) []byte {
	dst = append(strconv.AppendUint(dst, uint64(s.Window), 10), '_')
	start := len(dst)
	mss, scale := uint64(0), uint64(0)
	for b := s.Options(); len(b) > 0; {
		kind, size := b[0], 1
		if len(dst) > start {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(kind), 10)
		if kind > nop {
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				break
			}
			size = int(b[1])
		}
		switch value := b[min(2, size):size]; {
		case kind == maximumSegment && len(value) == 2:
			mss = uint64(value[0])<<8 | uint64(value[1])
		case kind == windowScale && len(value) == 1:
			scale = uint64(value[0])
		}
		b = b[size:]
	}
	if len(dst) == start {
		dst = append(dst, "00"...)
	}
	dst = append(dst, '_')
	if mss < 10 {
		dst = append(dst, '0')
	}
	dst = append(strconv.AppendUint(dst, mss, 10), '_')
	if scale == 0 {
		return append(dst, "00"...)
	}
	return strconv.AppendUint(dst, scale, 10)
}

// Kinds of TCP options. Of those up to nop each is a single byte, end-of-list included,
// which ends nothing here.
const (
	nop            = 1
	maximumSegment = 2
	windowScale    = 3
)
