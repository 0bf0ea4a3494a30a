package ja4plus

import (
	"encoding/hex"

	"github.com/decnet/decnet/fingerprint"
)

// JA4X returns the JA4X of a certificate: hashes of the types of the issuer's attributes,
// of the subject's, and of the extensions. Some lists have e3b0c44298fc where this has
// zeros, for a certificate without extensions.
func JA4X(c *fingerprint.Certificate) string {
	var buf [512]byte
	return string(AppendJA4X(buf[:0], c))
}

// AppendJA4X appends the JA4X to dst.
func AppendJA4X(dst []byte, c *fingerprint.Certificate) []byte {
	return appendJA4X(dst, c, hashPart)
}

// AppendJA4XRaw appends JA4X_r: the three lists in clear.
func AppendJA4XRaw(dst []byte, c *fingerprint.Certificate) []byte {
	return appendJA4X(dst, c, func(dst []byte, _ int) []byte { return dst })
}

func appendJA4X(dst []byte, c *fingerprint.Certificate, finish func(dst []byte, start int) []byte) []byte {
	var start int
	add := func(id fingerprint.OID) bool {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = hex.AppendEncode(dst, id)
		return true
	}
	start = len(dst)
	c.Issuer.EachType(add)
	dst = append(finish(dst, start), '_')
	start = len(dst)
	c.Subject.EachType(add)
	dst = append(finish(dst, start), '_')
	start = len(dst)
	c.EachExtension(func(id fingerprint.OID, _ bool, _ []byte) bool { return add(id) })
	return finish(dst, start)
}
