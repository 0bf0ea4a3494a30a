package fingerprint

import "strconv"

// JA3 returns the JA3 of the hello: the MD5 of AppendJA3Raw in hexadecimal, as defined by
// its authors (salesforce/ja3).
func (h *ClientHello) JA3() string {
	var buf [workspace]byte
	return string(h.AppendJA3(buf[:0]))
}

// AppendJA3 appends the JA3 to dst.
func (h *ClientHello) AppendJA3(dst []byte) []byte {
	return hashMD5(h.AppendJA3Raw(dst), len(dst))
}

// AppendJA3Raw appends the string that JA3 hashes: version, cipher suites, extensions,
// groups and point formats in decimal and wire order, GREASE removed.
func (h *ClientHello) AppendJA3Raw(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(h.Version), 10)
	dst = append(dst, ',')
	dst = appendDecimals(dst, h.CipherSuites, true)
	dst = append(dst, ',')
	dst = appendDecimals(dst, h.types.bytes(h.Extensions), true)
	dst = append(dst, ',')
	dst = appendDecimals(dst, h.Groups, true)
	dst = append(dst, ',')
	for i, f := range h.PointFormats {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(f), 10)
	}
	return dst
}
