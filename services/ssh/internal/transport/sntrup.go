package transport

import (
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// Streamlined NTRU Prime 761, the encapsulating side, as its authors specify it
// (ntruprime.cr.yp.to, NIST round 3, "sntrup761"). The server never has a private key.
const (
	ntruP = 761
	ntruQ = 4591
	ntruW = 286

	ntruHalf = (ntruQ - 1) / 2

	sntrupKeySize        = 1158
	sntrupCiphertextSize = 1039
)

var errSNTRUPKey = errors.New("ssh: sntrup761 key has the wrong size")

// sntrupEncapsulate returns a fresh secret and the ciphertext that carries it to the
// owner of key.
func sntrupEncapsulate(key []byte, rand io.Reader) (secret, ciphertext []byte, err error) {
	if len(key) != sntrupKeySize {
		return nil, nil, errSNTRUPKey
	}
	r, err := ntruShort(rand)
	if err != nil {
		return nil, nil, err
	}
	hr := ntruMul(ntruKey(key), &r)
	rounded, moduli := make([]uint16, ntruP), make([]uint16, ntruP)
	for i, c := range hr {
		rounded[i] = uint16((c - ntruMod3(c) + ntruHalf) / 3)
		moduli[i] = (ntruQ + 2) / 3
	}
	ciphertext = ntruEncode(make([]byte, 0, sntrupCiphertextSize+32), rounded, moduli)

	small := ntruSmall(&r)
	confirm := append(ntruHash(3, small), ntruHash(4, key)...)
	ciphertext = append(ciphertext, ntruHash(2, confirm)...)
	return ntruHash(1, append(ntruHash(3, small), ciphertext...)), ciphertext, nil
}

// ntruHash is the first half of SHA-512 of a prefix byte and b.
func ntruHash(prefix byte, b []byte) []byte {
	h := sha512.New()
	h.Write([]byte{prefix})
	h.Write(b)
	return h.Sum(nil)[:32]
}

// ntruShort returns a random polynomial with exactly ntruW coefficients that are not zero.
func ntruShort(rand io.Reader) (out [ntruP]int8, err error) {
	var raw [4 * ntruP]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return out, err
	}
	var list [ntruP]uint32
	for i := range list {
		n := binary.LittleEndian.Uint32(raw[4*i:])
		if i < ntruW {
			list[i] = n &^ 1
		} else {
			list[i] = n&^3 | 1
		}
	}
	slices.Sort(list[:])
	for i, n := range list {
		out[i] = int8(n&3) - 1
	}
	return out, nil
}

// ntruKey decodes a public key into coefficients from -ntruHalf to ntruHalf.
func ntruKey(key []byte) *[ntruP]int32 {
	moduli := make([]uint16, ntruP)
	for i := range moduli {
		moduli[i] = ntruQ
	}
	var h [ntruP]int32
	for i, c := range ntruDecode(key, moduli) {
		h[i] = int32(c) - ntruHalf
	}
	return &h
}

// ntruMul returns f*g modulo x^p-x-1 and q, each coefficient from -ntruHalf to ntruHalf.
func ntruMul(f *[ntruP]int32, g *[ntruP]int8) *[ntruP]int32 {
	var product [2*ntruP - 1]int32
	for i, c := range g {
		switch c {
		case 1:
			for j, d := range f {
				product[i+j] += d
			}
		case -1:
			for j, d := range f {
				product[i+j] -= d
			}
		}
	}
	for i := 2*ntruP - 2; i >= ntruP; i-- {
		product[i-ntruP] += product[i]
		product[i-ntruP+1] += product[i]
	}
	var out [ntruP]int32
	for i := range out {
		c := product[i] % ntruQ
		switch {
		case c > ntruHalf:
			c -= ntruQ
		case c < -ntruHalf:
			c += ntruQ
		}
		out[i] = c
	}
	return &out
}

// ntruMod3 returns c modulo 3 as -1, 0 or 1.
func ntruMod3(c int32) int32 { return (c+3*ntruQ+1)%3 - 1 }

// ntruSmall packs coefficients of -1, 0 and 1, four in a byte.
func ntruSmall(f *[ntruP]int8) []byte {
	out := make([]byte, (ntruP+3)/4)
	for i, c := range f {
		out[i/4] |= byte(c+1) << (2 * (i % 4))
	}
	return out
}

// ntruEncode appends the numbers r, of which r[i] is below m[i], in mixed radix.
func ntruEncode(out []byte, r, m []uint16) []byte {
	if len(r) == 1 {
		for v, n := r[0], uint32(m[0]); n > 1; v, n = v>>8, (n+255)>>8 {
			out = append(out, byte(v))
		}
		return out
	}
	var r2, m2 []uint16
	for i := 0; i+1 < len(r); i += 2 {
		v := uint32(r[i]) + uint32(r[i+1])*uint32(m[i])
		n := uint32(m[i]) * uint32(m[i+1])
		for ; n >= 16384; n = (n + 255) >> 8 {
			out = append(out, byte(v))
			v >>= 8
		}
		r2, m2 = append(r2, uint16(v)), append(m2, uint16(n))
	}
	if len(r)%2 == 1 {
		r2, m2 = append(r2, r[len(r)-1]), append(m2, m[len(m)-1])
	}
	return ntruEncode(out, r2, m2)
}

// ntruDecode is the inverse of ntruEncode for the moduli m. s has the length that they
// make; numbers that are too large are reduced.
func ntruDecode(s []byte, m []uint16) []uint16 {
	if len(m) == 1 {
		switch {
		case m[0] == 1:
			return []uint16{0}
		case m[0] <= 256:
			return []uint16{uint16(s[0]) % m[0]}
		}
		return []uint16{binary.LittleEndian.Uint16(s) % m[0]}
	}
	half := len(m) / 2
	low, scale := make([]uint32, half), make([]uint32, half)
	var m2 []uint16
	for i := range half {
		n := uint32(m[2*i]) * uint32(m[2*i+1])
		scale[i] = 1
		for ; n >= 16384; n = (n + 255) >> 8 {
			low[i] += uint32(s[0]) * scale[i]
			s = s[1:]
			scale[i] <<= 8
		}
		m2 = append(m2, uint16(n))
	}
	if len(m)%2 == 1 {
		m2 = append(m2, m[len(m)-1])
	}
	high := ntruDecode(s, m2)
	out := make([]uint16, 0, len(m))
	for i := range half {
		v := low[i] + scale[i]*uint32(high[i])
		a, b := uint32(m[2*i]), uint32(m[2*i+1])
		out = append(out, uint16(v%a), uint16(v/a%b))
	}
	if len(m)%2 == 1 {
		out = append(out, high[half])
	}
	return out
}
