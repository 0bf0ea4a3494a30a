package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
)

// umac is the message authentication code of RFC 4418 with tags of 8 or 16 bytes, as
// umac-64@openssh.com and umac-128@openssh.com use it: the nonce is the packet number in
// eight bytes.
type umac struct {
	pad    cipher.Block
	layers []umacLayer // one for each four bytes of the tag
}

// umacLayer holds the keys of one iteration of UHASH.
type umacLayer struct {
	nh   [umacBlock / 4]uint32
	poly uint64
	ip   [8]uint64
	xor  uint32
}

const (
	umacBlock = 1024      // bytes that NH compresses at a time
	prime36   = 1<<36 - 5 // of the inner product
	offset64  = 59        // 2^64 less the prime of the polynomial hash
	polyMask  = 0x01ffffff01ffffff
)

func newUMAC(key []byte, tagSize int) (*umac, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	n := tagSize / 4
	pad, err := aes.NewCipher(umacKey(block, 0, 16))
	if err != nil {
		return nil, err
	}
	u := &umac{pad: pad, layers: make([]umacLayer, n)}
	nh := umacKey(block, 1, umacBlock+(n-1)*16)
	poly := umacKey(block, 2, n*24)
	ip := umacKey(block, 3, n*64)
	xor := umacKey(block, 4, n*4)
	for i := range u.layers {
		l := &u.layers[i]
		for j := range l.nh {
			l.nh[j] = binary.BigEndian.Uint32(nh[i*16+j*4:])
		}
		l.poly = binary.BigEndian.Uint64(poly[i*24:]) & polyMask
		for j := range l.ip {
			l.ip[j] = binary.BigEndian.Uint64(ip[i*64+j*8:]) % prime36
		}
		l.xor = binary.BigEndian.Uint32(xor[i*4:])
	}
	return u, nil
}

// umacKey is the KDF of RFC 4418 section 3.2.1.
func umacKey(block cipher.Block, index byte, n int) []byte {
	var in [aes.BlockSize]byte
	in[7] = index
	out := make([]byte, 0, n+aes.BlockSize)
	for i := uint64(1); len(out) < n; i++ {
		binary.BigEndian.PutUint64(in[8:], i)
		out = out[:len(out)+aes.BlockSize]
		block.Encrypt(out[len(out)-aes.BlockSize:], in[:])
	}
	return out[:n]
}

func (u *umac) size() int { return len(u.layers) * 4 }

func (u *umac) tag(dst []byte, seq uint32, packet []byte) []byte {
	var nonce [8]byte
	binary.BigEndian.PutUint64(nonce[:], uint64(seq))
	return u.sum(dst, nonce, packet)
}

// sum appends the tag of message under nonce (RFC 4418 sections 3.3.1 and 4.1).
func (u *umac) sum(dst []byte, nonce [8]byte, message []byte) []byte {
	var in, pad [aes.BlockSize]byte
	copy(in[:], nonce[:])
	from := 0
	if u.size() == 8 {
		from = int(nonce[7]&1) * 8
		in[7] &^= 1
	}
	u.pad.Encrypt(pad[:], in[:])
	for i := range u.layers {
		h := u.layers[i].hash(message) ^ binary.BigEndian.Uint32(pad[from+i*4:])
		dst = binary.BigEndian.AppendUint32(dst, h)
	}
	return dst
}

// hash is one iteration of UHASH (RFC 4418 section 5.1). Packets are far below the size at
// which the polynomial hash changes to 128 bits.
func (l *umacLayer) hash(message []byte) uint32 {
	var y uint64
	if len(message) <= umacBlock {
		y = l.compress(message)
	} else {
		y = 1
		for len(message) > 0 {
			n := min(len(message), umacBlock)
			y = polyStep(l.poly, y, l.compress(message[:n]))
			message = message[n:]
		}
	}
	var sum uint64
	for i := range 4 {
		sum += y >> (48 - 16*i) & 0xffff * l.ip[4+i]
	}
	return uint32(sum%prime36) ^ l.xor
}

// compress is NH with the length in bits added (RFC 4418 section 5.2).
func (l *umacLayer) compress(m []byte) uint64 {
	sum := uint64(len(m)) * 8
	k := 0
	for ; len(m) >= 32; m, k = m[32:], k+8 {
		sum += l.words(m, k)
	}
	if len(m) > 0 || k == 0 {
		var last [32]byte
		copy(last[:], m)
		sum += l.words(last[:], k)
	}
	return sum
}

func (l *umacLayer) words(m []byte, k int) uint64 {
	var sum uint64
	key := l.nh[k : k+8 : k+8]
	for i := range 4 {
		a := binary.LittleEndian.Uint32(m[i*4:]) + key[i]
		b := binary.LittleEndian.Uint32(m[16+i*4:]) + key[i+4]
		sum += uint64(a) * uint64(b)
	}
	return sum
}

// polyStep adds one word to the polynomial hash modulo 2^64-59 (RFC 4418 section 5.3.2).
func polyStep(k, y, m uint64) uint64 {
	const p = 1<<64 - offset64
	if m >= 0xffffffff00000000 {
		y = mulAdd(k, y, p-1)
		m -= offset64
	}
	return mulAdd(k, y, m)
}

// mulAdd returns k*y+m modulo 2^64-59.
func mulAdd(k, y, m uint64) uint64 {
	const p = 1<<64 - offset64
	hi, lo := bits.Mul64(k, y)
	lo, carry := bits.Add64(lo, m, 0)
	hi += carry
	return bits.Rem64(hi, lo, p)
}
