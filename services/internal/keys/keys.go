// Package keys derives the private keys and certificates of a decky from its seed, so
// that they survive a restart without being stored and no two deckies share one.
package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"time"

	"github.com/decnet/decnet/services"
)

// Ed25519 returns the decky's key for label.
func Ed25519(id services.Identity, label string) ed25519.PrivateKey {
	seed := id.Key("ed25519:" + label)
	return ed25519.NewKeyFromSeed(seed[:])
}

// ECDSA returns the decky's P-256 key for label.
func ECDSA(id services.Identity, label string) *ecdsa.PrivateKey {
	stream := stream(id, "ecdsa:"+label)
	for {
		raw := make([]byte, 32)
		_, _ = io.ReadFull(stream, raw)
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			return key
		}
	}
}

// RSA returns the decky's RSA key of the given size for label. It searches for primes,
// which takes a good part of a second for 3072 bits.
func RSA(id services.Identity, label string, bits int) *rsa.PrivateKey {
	stream := stream(id, "rsa:"+label)
	e := big.NewInt(65537)
	one := big.NewInt(1)
	for {
		p, q := prime(stream, bits/2), prime(stream, bits-bits/2)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil || p.Cmp(q) == 0 {
			continue
		}
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(e.Int64())},
			D:         d,
			Primes:    []*big.Int{p, q},
		}
		key.Precompute()
		if key.Validate() == nil {
			return key
		}
	}
}

// prime returns the first prime of the given size, at least 64 bits, at or above a random
// odd number with its two highest bits set, so that the product of two has its full length.
func prime(stream io.Reader, bits int) *big.Int {
	raw := make([]byte, bits/8)
	for {
		_, _ = io.ReadFull(stream, raw)
		raw[0] |= 0xc0
		raw[len(raw)-1] |= 1
		start := new(big.Int).SetBytes(raw)
		sieve := newSieve(start)
		for offset := uint32(0); ; offset += 2 {
			if sieve.divides(offset) {
				continue
			}
			p := new(big.Int).Add(start, big.NewInt(int64(offset)))
			if p.BitLen() != bits {
				break
			}
			if p.ProbablyPrime(20) {
				return p
			}
		}
	}
}

// sieve tells which numbers above a start have a small divisor, in far less time than a
// test for primality takes.
type sieve struct{ divisors, rests []uint32 }

func newSieve(start *big.Int) sieve {
	const limit = 1 << 14
	var s sieve
	var composite [limit]bool
	rest, divisor := new(big.Int), new(big.Int)
	for n := 3; n < limit; n += 2 {
		if composite[n] {
			continue
		}
		for m := n * n; m < limit; m += 2 * n {
			composite[m] = true
		}
		s.divisors = append(s.divisors, uint32(n))
		s.rests = append(s.rests, uint32(rest.Mod(start, divisor.SetInt64(int64(n))).Int64()))
	}
	return s
}

// divides reports whether the number at offset has a small divisor.
func (s sieve) divides(offset uint32) bool {
	for i, d := range s.divisors {
		if (s.rests[i]+offset)%d == 0 {
			return true
		}
	}
	return false
}

// Certificate returns a self-signed certificate for key, valid for some days, whose
// common name is cn and whose alternative names are names (DNS names or IP addresses).
// The same arguments always give the same bytes.
func Certificate(id services.Identity, label string, key crypto.Signer, cn string, names []string, days int) (tls.Certificate, error) {
	serial := id.Key("serial:" + label)
	serial[0] &= 0x7f
	age := time.Duration(id.Rand("notbefore:"+label).Int64N(300*24*3600)) * time.Second
	notBefore := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC).Add(-age)
	tmpl := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial[:20]),
		Subject:               pkix.Name{CommonName: cn},
		NotBefore:             notBefore,
		NotAfter:              notBefore.AddDate(0, 0, days),
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	// Without a source of randomness ECDSA signs as RFC 6979 says, so the bytes are stable.
	der, err := x509.CreateCertificate(nil, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func stream(id services.Identity, label string) io.Reader { return rand.NewChaCha8(id.Key(label)) }
