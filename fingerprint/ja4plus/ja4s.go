package ja4plus

import "github.com/decnet/decnet/fingerprint"

// JA4S returns the JA4S of a ServerHello that came over t: transport, version, number of
// extensions and protocol, the cipher suite, and the hash of the extensions in wire order.
func JA4S(h *fingerprint.ServerHello, t fingerprint.Transport) string {
	var buf [512]byte
	return string(AppendJA4S(buf[:0], h, t))
}

// AppendJA4S appends the JA4S to dst. It allocates nothing when dst has room for
// AppendJA4SRaw.
func AppendJA4S(dst []byte, h *fingerprint.ServerHello, t fingerprint.Transport) []byte {
	const head = len("t130200_1301_")
	start := len(dst) + head
	return hashPart(AppendJA4SRaw(dst, h, t), start)
}

// AppendJA4SRaw appends JA4S_r: the JA4S with its extensions in clear.
func AppendJA4SRaw(dst []byte, h *fingerprint.ServerHello, t fingerprint.Transport) []byte {
	version := h.Version
	if h.HasSelectedVersion {
		version = h.SelectedVersion
	}
	dst = append(append(dst, byte(t)), fingerprint.JA4Version(version)...)
	count, n := len(dst), 0
	dst = append(dst, "00"...)
	dst = append(fingerprint.AppendJA4ALPN(dst, h.ALPN), '_')
	dst = append(appendHex16(dst, h.CipherSuite), '_')
	h.EachExtension(func(typ uint16, _ []byte) bool {
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		dst = appendHex16(dst, typ)
		return true
	})
	appendCount(dst[:count], n)
	return dst
}

func appendHex16(dst []byte, v uint16) []byte {
	const digits = "0123456789abcdef"
	return append(dst, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
}
