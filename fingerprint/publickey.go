package fingerprint

// Object identifiers of public keys and curves (RFC 3279, RFC 5480, RFC 8410).
const (
	oidRSA        = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
	oidRSAPSS     = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
	oidDSA        = "\x2a\x86\x48\xce\x38\x04\x01"
	oidEC         = "\x2a\x86\x48\xce\x3d\x02\x01"
	oidX25519     = "\x2b\x65\x6e"
	oidEd25519    = "\x2b\x65\x70"
	oidEd448      = "\x2b\x65\x71"
	oidPrimeField = "\x2a\x86\x48\xce\x3d\x01\x01"
)

// KeyType returns the kind of the public key: RSA, DSA, EC, X25519, Ed25519 or Ed448, and
// the dotted object identifier for any other.
func (c *Certificate) KeyType() string {
	switch string(c.KeyAlgorithm) {
	case oidRSA, oidRSAPSS:
		return "RSA"
	case oidDSA:
		return "DSA"
	case oidEC:
		return "EC"
	case oidX25519:
		return "X25519"
	case oidEd25519:
		return "Ed25519"
	case oidEd448:
		return "Ed448"
	}
	return c.KeyAlgorithm.String()
}

// KeyBits returns the size of the public key: of the modulus, of the prime, or of the
// field of the curve, which may be given in full. It is 0 when it cannot be told.
func (c *Certificate) KeyBits() int {
	parameters, key := c.keyParameters, c.key
	switch string(c.KeyAlgorithm) {
	case oidRSA, oidRSAPSS:
		pair, _ := key.take(tagSequence)
		modulus, _ := pair.take(tagInteger)
		return bitLength(modulus)
	case oidDSA:
		triple, _ := parameters.take(tagSequence)
		prime, _ := triple.take(tagInteger)
		return bitLength(prime)
	case oidEC:
		if curve, ok := parameters.take(tagOID); ok {
			return curveBits(string(curve))
		}
		return explicitFieldBits(parameters)
	case oidX25519, oidEd25519:
		return 256
	case oidEd448:
		return 456
	}
	return 0
}

func curveBits(oid string) int {
	switch oid {
	case "\x2a\x86\x48\xce\x3d\x03\x01\x01": // P-192
		return 192
	case "\x2b\x81\x04\x00\x21": // P-224
		return 224
	case "\x2a\x86\x48\xce\x3d\x03\x01\x07", // P-256
		"\x2b\x81\x04\x00\x0a",                 // secp256k1
		"\x2b\x24\x03\x03\x02\x08\x01\x01\x07": // brainpoolP256r1
		return 256
	case "\x2b\x81\x04\x00\x22", // P-384
		"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b": // brainpoolP384r1
		return 384
	case "\x2b\x24\x03\x03\x02\x08\x01\x01\x0d": // brainpoolP512r1
		return 512
	case "\x2b\x81\x04\x00\x23": // P-521
		return 521
	}
	return 0
}

// explicitFieldBits reads the prime of a curve that is given in full (ECParameters of
// X9.62; forged certificates use it to choose the generator).
func explicitFieldBits(parameters der) int {
	domain, _ := parameters.take(tagSequence)
	domain.take(tagInteger)
	field, _ := domain.take(tagSequence)
	if kind, _ := field.take(tagOID); string(kind) != oidPrimeField {
		return 0
	}
	prime, _ := field.take(tagInteger)
	return bitLength(prime)
}
