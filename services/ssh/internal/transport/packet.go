package transport

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/poly1305" //lint:ignore SA1019 chacha20-poly1305@openssh.com is not the AEAD of RFC 8439 that replaced it

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

// maxPacket is the longest packet that OpenSSH takes.
const maxPacket = 256 << 10

// opener reads the packets of one direction.
type opener interface {
	// open returns the payload of the next packet, valid until the next call.
	open(seq uint32, r io.Reader) ([]byte, error)
}

// sealer makes the packets of one direction.
type sealer interface {
	// seal appends the packet that carries payload to dst.
	seal(dst []byte, seq uint32, payload []byte, rand io.Reader) ([]byte, error)
}

// errCorrupt stands for everything that makes OpenSSH close without a word.
var errCorrupt = fmt.Errorf("%w: corrupt packet", ErrProtocol)

// grow reads n more bytes after buf. What it allocates keeps to what has been received,
// whatever n claims.
func grow(buf []byte, n int, r io.Reader) ([]byte, error) {
	for n > 0 {
		step := min(n, max(2*packetBuffer, len(buf), cap(buf)-len(buf)))
		start := len(buf)
		buf = slices.Grow(buf, step)[:start+step]
		if _, err := io.ReadFull(r, buf[start:]); err != nil {
			return nil, err
		}
		n -= step
	}
	return buf, nil
}

// frame appends length, padding length, payload and padding for a cipher of the given
// block size, of which clear bytes at the front are not part of what is aligned.
func frame(dst, payload []byte, block, clear int, rand io.Reader) ([]byte, error) {
	pad := block - (4-clear+1+len(payload))%block
	if pad < 4 {
		pad += block
	}
	dst = wire.AppendUint32(dst, uint32(1+len(payload)+pad))
	dst = append(dst, byte(pad))
	dst = append(dst, payload...)
	start := len(dst)
	dst = append(dst, make([]byte, pad)...)
	if rand != nil {
		if _, err := io.ReadFull(rand, dst[start:]); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// unframe returns the payload of a decrypted packet without its length field.
func unframe(body []byte) ([]byte, error) {
	pad := int(body[0])
	if pad < 4 || pad > len(body)-1 {
		return nil, errCorrupt
	}
	return body[1 : len(body)-pad], nil
}

func checkLength(length uint32, block, clear int) error {
	if length < 5 || length > maxPacket || (int(length)+4-clear)%block != 0 {
		return errCorrupt
	}
	return nil
}

// authenticator computes the MAC of a packet.
type authenticator interface {
	// tag appends the MAC of the packet number seq to dst.
	tag(dst []byte, seq uint32, packet []byte) []byte
	size() int
}

type hmacTag struct {
	h   hash.Hash
	seq [4]byte
}

func (m *hmacTag) tag(dst []byte, seq uint32, packet []byte) []byte {
	m.h.Reset()
	binary.BigEndian.PutUint32(m.seq[:], seq)
	m.h.Write(m.seq[:])
	m.h.Write(packet)
	return m.h.Sum(dst)
}

func (m *hmacTag) size() int { return m.h.Size() }

// blockPackets is a stream or block cipher with a separate MAC, and also what there is
// before the first key exchange: no cipher and no MAC.
type blockPackets struct {
	block int                   // of the cipher, at least 8
	crypt func(dst, src []byte) // nil: none
	mac   authenticator         // nil: none
	etm   bool                  // the MAC is over the encrypted packet, whose length is in the clear
	buf   []byte
	want  []byte
}

func (b *blockPackets) open(seq uint32, r io.Reader) ([]byte, error) {
	first, clear := b.block, 0
	if b.etm {
		first, clear = 4, 4
	}
	buf, err := grow(b.buf[:0], first, r)
	if err != nil {
		return nil, err
	}
	if b.crypt != nil && !b.etm {
		b.crypt(buf, buf)
	}
	length := binary.BigEndian.Uint32(buf)
	if err := checkLength(length, b.block, clear); err != nil {
		return nil, err
	}
	end, macSize := 4+int(length), 0
	if b.mac != nil {
		macSize = b.mac.size()
	}
	if buf, err = grow(buf, end+macSize-first, r); err != nil {
		return nil, err
	}
	b.buf = buf
	if b.crypt != nil && !b.etm {
		b.crypt(buf[first:end], buf[first:end])
	}
	if b.mac != nil {
		b.want = b.mac.tag(b.want[:0], seq, buf[:end])
		if subtle.ConstantTimeCompare(b.want, buf[end:]) != 1 {
			return nil, errCorrupt
		}
	}
	if b.etm {
		b.crypt(buf[4:end], buf[4:end])
	}
	return unframe(buf[4:end])
}

func (b *blockPackets) seal(dst []byte, seq uint32, payload []byte, rand io.Reader) ([]byte, error) {
	clear := 0
	if b.etm {
		clear = 4
	}
	if b.crypt == nil {
		rand = nil // OpenSSH pads with zeros while there is no cipher
	}
	start := len(dst)
	dst, err := frame(dst, payload, b.block, clear, rand)
	if err != nil {
		return nil, err
	}
	packet := dst[start:]
	switch {
	case b.etm:
		b.crypt(packet[4:], packet[4:])
		dst = b.mac.tag(dst, seq, packet)
	case b.mac != nil:
		dst = b.mac.tag(dst, seq, packet)
		packet = dst[start : start+len(packet)]
		b.crypt(packet, packet)
	case b.crypt != nil:
		b.crypt(packet, packet)
	}
	return dst, nil
}

// gcmPackets is aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647).
type gcmPackets struct {
	aead cipher.AEAD
	iv   [12]byte
	buf  []byte
}

func (g *gcmPackets) next() {
	n := binary.BigEndian.Uint64(g.iv[4:])
	binary.BigEndian.PutUint64(g.iv[4:], n+1)
}

func (g *gcmPackets) open(_ uint32, r io.Reader) ([]byte, error) {
	buf, err := grow(g.buf[:0], 4, r)
	if err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(buf)
	if err := checkLength(length, 16, 4); err != nil {
		return nil, err
	}
	if buf, err = grow(buf, int(length)+g.aead.Overhead(), r); err != nil {
		return nil, err
	}
	g.buf = buf
	body, err := g.aead.Open(buf[4:4], g.iv[:], buf[4:], buf[:4])
	if err != nil {
		return nil, errCorrupt
	}
	g.next()
	return unframe(body)
}

func (g *gcmPackets) seal(dst []byte, _ uint32, payload []byte, rand io.Reader) ([]byte, error) {
	start := len(dst)
	dst, err := frame(dst, payload, 16, 4, rand)
	if err != nil {
		return nil, err
	}
	packet := dst[start:]
	dst = g.aead.Seal(dst[:start+4], g.iv[:], packet[4:], packet[:4])
	g.next()
	return dst, nil
}

// chachaPackets is chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305).
type chachaPackets struct {
	body, header [32]byte
	buf          []byte
}

func newChachaPackets(key []byte) *chachaPackets {
	return &chachaPackets{body: [32]byte(key[:32]), header: [32]byte(key[32:64])}
}

// streams returns the key stream for the length field, the one for the rest, and the
// one-time key of the MAC.
func (c *chachaPackets) streams(seq uint32) (header, body *chacha20.Cipher, macKey [32]byte, err error) {
	var nonce [chacha20.NonceSize]byte
	binary.BigEndian.PutUint32(nonce[8:], seq)
	if header, err = chacha20.NewUnauthenticatedCipher(c.header[:], nonce[:]); err != nil {
		return
	}
	if body, err = chacha20.NewUnauthenticatedCipher(c.body[:], nonce[:]); err != nil {
		return
	}
	body.XORKeyStream(macKey[:], macKey[:])
	body.SetCounter(1)
	return
}

func (c *chachaPackets) open(seq uint32, r io.Reader) ([]byte, error) {
	header, body, macKey, err := c.streams(seq)
	if err != nil {
		return nil, err
	}
	buf, err := grow(c.buf[:0], 4, r)
	if err != nil {
		return nil, err
	}
	var lengthField [4]byte
	header.XORKeyStream(lengthField[:], buf)
	length := binary.BigEndian.Uint32(lengthField[:])
	if err := checkLength(length, 8, 4); err != nil {
		return nil, err
	}
	end := 4 + int(length)
	if buf, err = grow(buf, int(length)+poly1305.TagSize, r); err != nil {
		return nil, err
	}
	c.buf = buf
	if !poly1305.Verify((*[poly1305.TagSize]byte)(buf[end:]), buf[:end], &macKey) {
		return nil, errCorrupt
	}
	body.XORKeyStream(buf[4:end], buf[4:end])
	return unframe(buf[4:end])
}

func (c *chachaPackets) seal(dst []byte, seq uint32, payload []byte, rand io.Reader) ([]byte, error) {
	header, body, macKey, err := c.streams(seq)
	if err != nil {
		return nil, err
	}
	start := len(dst)
	if dst, err = frame(dst, payload, 8, 4, rand); err != nil {
		return nil, err
	}
	packet := dst[start:]
	header.XORKeyStream(packet[:4], packet[:4])
	body.XORKeyStream(packet[4:], packet[4:])
	var tag [poly1305.TagSize]byte
	poly1305.Sum(&tag, packet, &macKey)
	return append(dst, tag[:]...), nil
}
