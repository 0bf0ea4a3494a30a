package fingerprint

import (
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"
)

// AppendCertificates appends to dst the DER of each certificate in a Certificate message
// of TLS 1.2 or older (RFC 5246 section 7.4.2), in chain order; the certificates alias
// message. In TLS 1.3 the message is encrypted. With ErrMalformed it returns those before
// the one that does not fit.
func AppendCertificates(dst [][]byte, message []byte) ([][]byte, error) {
	r := reader{b: message}
	if r.u8() != handshakeCertificate {
		return dst, ErrMalformed
	}
	r = reader{b: r.vec24(), bad: r.bad}
	list := reader{b: r.vec24(), bad: r.bad}
	for len(list.b) > 0 {
		cert := list.vec24()
		if list.bad {
			break
		}
		dst = append(dst, cert)
	}
	if list.bad || !r.done() {
		return dst, ErrMalformed
	}
	return dst, nil
}

// Certificate is what an X.509 certificate (RFC 5280) says about itself. It is read with
// tolerance, so that certificates which crypto/x509 refuses, often made by an attacker,
// are described too; nothing is verified. Its slices alias the DER it was parsed from. The
// zero value is ready for Parse and may be reused.
type Certificate struct {
	Raw                []byte // the DER without what follows it
	Version            int    // 1 to 3 in a sound certificate
	Serial             []byte // two's complement
	SignatureAlgorithm OID
	Issuer             Name
	NotBefore          time.Time // UTC; zero when unreadable, like NotAfter
	NotAfter           time.Time
	Subject            Name
	KeyAlgorithm       OID

	keyParameters der
	key           der
	extensions    der
}

// Parse reads the certificate at the start of b. When it comes across something that
// cannot be read it returns ErrMalformed, with all fields before that set.
func (c *Certificate) Parse(b []byte) error {
	*c = Certificate{}
	d := der(b)
	tag, content, whole, ok := d.next()
	if !ok || tag != tagSequence {
		return ErrMalformed
	}
	c.Raw = whole
	tbs, ok := content.take(tagSequence)
	if !ok {
		return ErrMalformed
	}
	c.Version = 1
	if explicit, ok := tbs.take(tagVersion); ok {
		if v, ok := explicit.take(tagInteger); ok && len(v) == 1 {
			c.Version = int(v[0]) + 1
		}
	}
	serial, ok := tbs.take(tagInteger)
	c.Serial = serial
	if !ok {
		return ErrMalformed
	}
	algorithm, ok := tbs.take(tagSequence)
	oid, _ := algorithm.take(tagOID)
	c.SignatureAlgorithm = OID(oid)
	if !ok {
		return ErrMalformed
	}
	issuer, ok := tbs.take(tagSequence)
	c.Issuer = Name(issuer)
	if !ok {
		return ErrMalformed
	}
	validity, ok := tbs.take(tagSequence)
	if !ok {
		return ErrMalformed
	}
	var beforeOK, afterOK bool
	c.NotBefore, beforeOK = derTime(&validity)
	c.NotAfter, afterOK = derTime(&validity)
	subject, ok := tbs.take(tagSequence)
	c.Subject = Name(subject)
	if !ok || !c.publicKey(&tbs) {
		return ErrMalformed
	}
	for ok && len(tbs) > 0 { // junk behind the key is for others to refuse
		var tag byte
		var content der
		if tag, content, _, ok = tbs.next(); ok && tag == tagExtensions {
			c.extensions, _ = content.take(tagSequence)
		}
	}
	if !beforeOK || !afterOK {
		return ErrMalformed
	}
	return nil
}

// publicKey reads the SubjectPublicKeyInfo.
func (c *Certificate) publicKey(tbs *der) bool {
	info, ok := tbs.take(tagSequence)
	algorithm, _ := info.take(tagSequence)
	oid, _ := algorithm.take(tagOID)
	c.KeyAlgorithm, c.keyParameters = OID(oid), algorithm
	if bits, _ := info.take(tagBitString); len(bits) > 0 {
		c.key = bits[1:] // behind the count of unused bits
	}
	return ok
}

// SHA256 returns the hash of Raw, by which certificates are named.
func (c *Certificate) SHA256() [32]byte { return sha256.Sum256(c.Raw) }

// SerialText returns the serial number in upper-case hexadecimal without leading zeros.
func (c *Certificate) SerialText() string { return integerText(c.Serial) }

// SelfSigned reports whether the certificate names itself as its issuer: both names have
// the same attributes, at least one. The signature is not verified.
func (c *Certificate) SelfSigned() bool {
	subject := c.Subject.String()
	return subject != "" && subject == c.Issuer.String()
}

// EachExtension calls f with each extension in the order of the certificate, until it
// returns false.
func (c *Certificate) EachExtension(f func(id OID, critical bool, value []byte) bool) {
	for list := c.extensions; len(list) > 0; {
		extension, ok := list.take(tagSequence)
		if !ok {
			return
		}
		id, ok := extension.take(tagOID)
		if !ok {
			continue
		}
		critical, _ := extension.take(tagBoolean)
		value, _ := extension.take(tagOctetString)
		if !f(OID(id), len(critical) > 0 && critical[0] != 0, value) {
			return
		}
	}
}

const (
	oidSubjectAltName = "\x55\x1d\x11"

	// Choices of GeneralName (RFC 5280 section 4.2.1.6).
	tagDNSName   = 0x82
	tagIPAddress = 0x87
)

// SANs returns the DNS names and IP addresses of the subject alternative name extension,
// in the order of the certificate.
func (c *Certificate) SANs() []string {
	var names []string
	c.EachExtension(func(id OID, _ bool, value []byte) bool {
		if string(id) != oidSubjectAltName {
			return true
		}
		outer := der(value)
		list, _ := outer.take(tagSequence)
		for len(list) > 0 {
			switch tag, content, _, _ := list.next(); tag {
			case tagDNSName:
				names = append(names, string(content))
			case tagIPAddress:
				if addr, ok := netip.AddrFromSlice(content); ok {
					names = append(names, addr.String())
				}
			}
		}
		return true
	})
	return names
}

// Name is a distinguished name: the content of the DER sequence.
type Name []byte

// Each calls f with the type and the decoded text of each attribute in the order of the
// certificate, those of multi-valued sets one by one, until it returns false. A value
// that is no string is given as its bytes.
func (n Name) Each(f func(id OID, value string) bool) {
	n.attributes(func(id OID, tag byte, value []byte) bool { return f(id, derText(tag, value)) })
}

// EachType calls f with the type of each attribute, like Each, and allocates nothing.
func (n Name) EachType(f func(id OID) bool) {
	n.attributes(func(id OID, _ byte, _ []byte) bool { return f(id) })
}

func (n Name) attributes(f func(id OID, tag byte, value []byte) bool) {
	for list := der(n); len(list) > 0; {
		set, ok := list.take(tagSet)
		if !ok {
			return
		}
		for len(set) > 0 {
			attribute, ok := set.take(tagSequence)
			if !ok {
				break
			}
			id, ok := attribute.take(tagOID)
			if !ok {
				continue
			}
			tag, value, _, _ := attribute.next()
			if !f(OID(id), tag, value) {
				return
			}
		}
	}
}

const oidCommonName = "\x55\x04\x03"

// attributeNames are the short names that String writes (RFC 4514 section 3).
var attributeNames = map[string]string{
	oidCommonName:  "CN",
	"\x55\x04\x06": "C",
	"\x55\x04\x07": "L",
	"\x55\x04\x08": "ST",
	"\x55\x04\x0a": "O",
	"\x55\x04\x0b": "OU",
}

// String returns the attributes in the order of the certificate as "CN=example.org,
// O=Example", types without a short name dotted. Values are not escaped.
func (n Name) String() string {
	var b strings.Builder
	n.Each(func(id OID, value string) bool {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		short, ok := attributeNames[string(id)]
		if !ok {
			short = id.String()
		}
		b.WriteString(short)
		b.WriteByte('=')
		b.WriteString(value)
		return true
	})
	return b.String()
}

// CommonName returns the first common name, empty if there is none.
func (n Name) CommonName() string {
	var name string
	n.Each(func(id OID, value string) bool {
		if string(id) == oidCommonName {
			name = value
			return false
		}
		return true
	})
	return name
}
