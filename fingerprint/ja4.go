package fingerprint

import (
	"crypto/sha256"
	"encoding/binary"
)

// JA4Form selects one of the four forms of JA4.
type JA4Form uint8

// The forms: hashed or raw, in sorted or in wire order.
const (
	JA4Hash          JA4Form = iota // JA4
	JA4Raw                          // JA4_r
	JA4Original                     // JA4_o: hashed, wire order, server name and ALPN included
	JA4OriginalInRaw                // JA4_ro
)

// JA4 returns the JA4 of a hello that came over t, as defined by its authors (FoxIO,
// ja4 technical details; BSD 3-Clause).
func (h *ClientHello) JA4(t Transport) string {
	var buf [workspace]byte
	return string(h.AppendJA4(buf[:0], t, JA4Hash))
}

// AppendJA4 appends one form of JA4 to dst.
func (h *ClientHello) AppendJA4(dst []byte, t Transport, form JA4Form) []byte {
	original := form == JA4Original || form == JA4OriginalInRaw
	hashed := form == JA4Hash || form == JA4Original
	sni := byte('i')
	if h.HasServerName {
		sni = 'd'
	}
	version := JA4Version(h.newestVersion(t))
	counts := len(dst) + 4
	dst = append(dst, byte(t), version[0], version[1], sni, '0', '0', '0', '0')
	first, _, _ := cut8(h.ALPN)
	dst = append(AppendJA4ALPN(dst, first), '_')

	start, n := len(dst), 0
	if original {
		dst, n = appendHexList(dst, h.CipherSuites)
	} else {
		dst, n = appendSortedHex(dst, h.CipherSuites, true)
	}
	putCount(dst[counts:], n)
	if hashed {
		dst = hashPart(dst, start)
	}
	dst = append(dst, '_')

	start = len(dst)
	if types := h.types.bytes(h.Extensions); original {
		dst, n = appendHexList(dst, types)
	} else {
		dst, n = appendSortedHex(dst, types, false)
	}
	putCount(dst[counts+2:], n)
	if algs, n := appendHexList(append(dst, '_'), h.SignatureAlgs); n > 0 {
		dst = algs
	}
	if hashed {
		dst = hashPart(dst, start)
	}
	return dst
}

// hashPart replaces the list at the end of dst by the first twelve digits of its SHA-256,
// an empty one by zeros.
func hashPart(dst []byte, start int) []byte {
	if len(dst) == start {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(dst[start:])
	return appendHexBytes(dst[:start], sum[:6])
}

// putCount writes n, at most 99, in two digits.
func putCount(dst []byte, n int) {
	n = min(n, 99)
	dst[0], dst[1] = byte('0'+n/10), byte('0'+n%10)
}

// newestVersion returns the newest version that the client supports.
func (h *ClientHello) newestVersion(t Transport) uint16 {
	best := uint16(0)
	for l := h.SupportedVersions; len(l) > 1; l = l[2:] {
		v := binary.BigEndian.Uint16(l)
		if IsGREASE(v) {
			continue
		}
		if best == 0 || newer(v, best, t) {
			best = v
		}
	}
	if best == 0 {
		best = h.Version
	}
	return best
}

// newer compares two versions; those of DTLS count down.
func newer(a, b uint16, t Transport) bool {
	if t == DTLS && a>>8 == 0xfe && b>>8 == 0xfe {
		return a < b
	}
	return a > b
}

// JA4Version returns the two characters that JA4 writes for a version of TLS or DTLS, 00
// for one that it does not know.
func JA4Version(v uint16) string {
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	case 0xfeff:
		return "d1"
	case 0xfefd:
		return "d2"
	case 0xfefc:
		return "d3"
	}
	return "00"
}

// AppendJA4ALPN appends the two characters that JA4 writes for the name of a protocol: its
// first and last, those of its hexadecimal form if either is no ASCII letter or digit, and
// 00 if it is empty.
func AppendJA4ALPN(dst, name []byte) []byte {
	if len(name) == 0 {
		return append(dst, "00"...)
	}
	first, last := name[0], name[len(name)-1]
	if alphanumeric(first) && alphanumeric(last) {
		return append(dst, first, last)
	}
	return append(dst, hexDigits[first>>4], hexDigits[last&15])
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
