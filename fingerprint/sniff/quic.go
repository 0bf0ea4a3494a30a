package sniff

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"github.com/decnet/decnet/fingerprint"
)

// Versions of QUIC (RFC 9000, RFC 9369, and the drafts 29 to 32).
const (
	quicV1      = 0x00000001
	quicV2      = 0x6b3343cf
	quicDraft29 = 0xff00001d
	quicDraft32 = 0xff000020
)

// Salts of the Initial secrets (RFC 9001 section 5.2, RFC 9369 section 3.3.1, draft 29).
var (
	quicSaltV1    = []byte("\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a")
	quicSaltV2    = []byte("\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9")
	quicSaltDraft = []byte("\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99")
)

// quicKind is the type of a packet with a long header.
type quicKind uint8

const (
	quicInitial quicKind = iota
	quicZeroRTT
	quicHandshake
	quicRetry
)

// quicPacket is one packet with a long header.
type quicPacket struct {
	kind    quicKind
	version uint32
	dcid    []byte
	whole   []byte // header and protected payload
	number  int    // where the packet number stands in whole
}

// isQUIC reports whether b looks like a packet with a long header of a known version.
func isQUIC(b []byte) bool {
	return len(b) > 20 && b[0]&0xc0 == 0xc0 && quicKnown(binary.BigEndian.Uint32(b[1:]))
}

func quicKnown(version uint32) bool {
	return version == quicV1 || version == quicV2 || version >= quicDraft29 && version <= quicDraft32
}

// parseQUIC reads the packet at the start of a datagram, and returns what follows it. A
// Retry packet takes all that is there.
func parseQUIC(b []byte) (p quicPacket, rest []byte, ok bool) {
	if !isQUIC(b) {
		return p, nil, false
	}
	p.version = binary.BigEndian.Uint32(b[1:])
	kind := b[0] >> 4 & 3
	if p.version == quicV2 {
		kind = (kind - 1) & 3
	}
	p.kind = quicKind(kind)
	at := 5
	for i := range 2 {
		if at >= len(b) || b[at] > 20 || at+1+int(b[at]) > len(b) {
			return p, nil, false
		}
		if i == 0 {
			p.dcid = b[at+1 : at+1+int(b[at])]
		}
		at += 1 + int(b[at])
	}
	if p.kind == quicRetry {
		p.whole = b
		return p, nil, true
	}
	if p.kind == quicInitial {
		token, n := varint(b[at:])
		if n == 0 || token > uint64(len(b)-at-n) {
			return p, nil, false
		}
		at += n + int(token)
	}
	size, n := varint(b[at:])
	if n == 0 || size > uint64(len(b)-at-n) {
		return p, nil, false
	}
	p.number = at + n
	end := p.number + int(size)
	p.whole = b[:end:end]
	return p, b[end:], true
}

// varint reads a variable-length integer (RFC 9000 section 16) and how many bytes it
// takes, 0 when it does not fit.
func varint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	v = uint64(b[0] & 0x3f)
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, n
}

// quicKeys protect the Initial packets of one direction.
type quicKeys struct {
	aead cipher.AEAD
	head cipher.Block // header protection
	iv   [12]byte
}

// The labels of HKDF-Expand-Label (RFC 8446 section 7.1) with their lengths.
var (
	labelClient = expandLabel("client in", 32)
	labelServer = expandLabel("server in", 32)
	labelsV1    = [3]string{expandLabel("quic key", 16), expandLabel("quic iv", 12), expandLabel("quic hp", 16)}
	labelsV2    = [3]string{expandLabel("quicv2 key", 16), expandLabel("quicv2 iv", 12), expandLabel("quicv2 hp", 16)}
)

func expandLabel(label string, size byte) string {
	label = "tls13 " + label
	return string([]byte{0, size, byte(len(label))}) + label + "\x00"
}

// quicSecret returns what the keys of both directions are made from: the connection ID is
// that of the client's first Initial packet.
func quicSecret(version uint32, dcid []byte) ([]byte, error) {
	salt := quicSaltV1
	switch {
	case version == quicV2:
		salt = quicSaltV2
	case version != quicV1:
		salt = quicSaltDraft
	}
	return hkdf.Extract(sha256.New, dcid, salt)
}

// quicKeysOf makes the keys of the direction with that label.
func quicKeysOf(version uint32, secret []byte, direction string) (*quicKeys, error) {
	labels := &labelsV1
	if version == quicV2 {
		labels = &labelsV2
	}
	secret, err := hkdf.Expand(sha256.New, secret, direction, 32)
	if err != nil {
		return nil, err
	}
	var made [3][]byte
	for i, size := range [...]int{16, 12, 16} {
		if made[i], err = hkdf.Expand(sha256.New, secret, labels[i], size); err != nil {
			return nil, err
		}
	}
	block, err := aes.NewCipher(made[0])
	if err != nil {
		return nil, err
	}
	k := &quicKeys{iv: [12]byte(made[1])}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	k.head, err = aes.NewCipher(made[2])
	return k, err
}

// quicOpener decrypts in memory of its own.
type quicOpener struct {
	header, plain, message []byte
	mask                   [16]byte
	nonce                  [12]byte
}

// open decrypts an Initial packet (RFC 9001 section 5). The frames are valid until the
// next call.
func (o *quicOpener) open(k *quicKeys, p *quicPacket) (frames []byte, ok bool) {
	const sample = 16
	if p.number+4+sample > len(p.whole) {
		return nil, false
	}
	k.head.Encrypt(o.mask[:], p.whole[p.number+4:p.number+4+sample])
	o.header = append(o.header[:0], p.whole[:p.number+4]...)
	o.header[0] ^= o.mask[0] & 0x0f
	size := 1 + int(o.header[0]&3)
	o.header = o.header[:p.number+size]
	o.nonce = k.iv
	for i := range size {
		o.header[p.number+i] ^= o.mask[1+i]
		o.nonce[12-size+i] ^= o.header[p.number+i]
	}
	var err error
	o.plain, err = k.aead.Open(o.plain[:0], o.nonce[:], p.whole[p.number+size:], o.header)
	return o.plain, err == nil
}

// maxQUICKeys is how often keys are made for one flow: a Retry packet changes them, and
// packets that cannot be read may be anything.
const maxQUICKeys = 4

// quic is the state of a QUIC connection before its handshake is done.
type quic struct {
	secret  []byte
	version uint32
	keys    [2]*quicKeys // by side
	tries   int
	opened  bool // a packet of the client was read
	crypto  [2]pieces
	taken   [2]int // bytes of crypto that were understood
	done    [2]bool

	first, answer, last int64 // client's Initial, server's Initial, server's last Handshake packet
	ttl                 uint8 // of the first
}

// finish ends the reading of one direction. Its Handshake packets are still followed.
func (q *quic) finish(side int) {
	q.done[side], q.crypto[side], q.keys[side] = true, pieces{}, nil
}

// quicCost is what the keys of one direction take.
const quicCost = 2 << 10

// quicDatagram follows the packets of one datagram.
func (s *Sniffer) quicDatagram(f *flow, side int, p *packet) {
	for b := p.payload; len(b) > 0; {
		q, rest, ok := parseQUIC(b)
		if !ok {
			if isQUIC(b) { // and not the padding behind a packet
				s.counted.Malformed++
			}
			break
		}
		b = rest
		switch q.kind {
		case quicInitial:
			s.quicInitial(f, side, p, &q)
		case quicHandshake:
			s.quicHandshake(f, side, p)
		}
	}
	s.hold(f, side)
}

// quicInitial takes one Initial packet.
func (s *Sniffer) quicInitial(f *flow, side int, p *packet, q *quicPacket) {
	if f.quic == nil {
		f.quic = &quic{first: p.time, ttl: p.ttl}
		f.client = int8(side)
	}
	c := f.quic
	if c.done[side] {
		return
	}
	frames, ok := s.quicOpen(c, q, side == int(f.client), side)
	if !ok {
		s.counted.BadInitials++
		if !c.opened && c.tries >= maxQUICKeys {
			f.half[0].mode, f.half[1].mode = modeDone, modeDone
		}
		return
	}
	if side == int(f.client) {
		c.opened = true
	} else if c.answer == 0 && p.time >= c.first {
		c.answer = p.time
		s.latency(f, FactServerLatency, c.first, p.ttl, fingerprint.QUIC)
	}
	if !s.quicFrames(f, side, frames) {
		s.counted.BadInitials++
	}
}

// quicOpen decrypts an Initial packet, after making keys where there are none yet, or
// where the client's have changed.
func (s *Sniffer) quicOpen(c *quic, q *quicPacket, client bool, side int) ([]byte, bool) {
	if c.keys[side] != nil {
		if frames, ok := s.quic.open(c.keys[side], q); ok {
			return frames, true
		}
	}
	direction := labelServer
	if client {
		if c.tries >= maxQUICKeys {
			return nil, false
		}
		c.tries++
		secret, err := quicSecret(q.version, q.dcid)
		if err != nil {
			return nil, false
		}
		c.secret, c.version, c.keys = secret, q.version, [2]*quicKeys{}
		direction = labelClient
	} else if c.keys[side] != nil || !c.opened {
		return nil, false
	}
	keys, err := quicKeysOf(c.version, c.secret, direction)
	if err != nil {
		return nil, false
	}
	c.keys[side] = keys
	return s.quic.open(keys, q)
}

// quicHandshake follows Handshake packets, of which only the time counts.
func (s *Sniffer) quicHandshake(f *flow, side int, p *packet) {
	c := f.quic
	switch {
	case c == nil || f.answered:
	case side != int(f.client):
		c.last = p.time
	case c.last != 0 && p.time >= c.last:
		f.answered = true
		s.latency(f, FactClientLatency, c.last, c.ttl, fingerprint.QUIC)
	}
}

// Frame types of QUIC that may stand in Initial packets (RFC 9000 section 12.4).
const (
	framePadding = 0
	framePing    = 1
	frameACK     = 2
	frameACKECN  = 3
	frameCrypto  = 6
	frameClose   = 0x1c
)

// quicFrames places the CRYPTO frames of a packet and takes the messages that they make.
// It reports whether all frames are such as an Initial packet may hold.
func (s *Sniffer) quicFrames(f *flow, side int, b []byte) bool {
	c := f.quic
	for len(b) > 0 {
		typ := b[0]
		b = b[1:]
		switch typ {
		case framePadding, framePing:
		case frameACK, frameACKECN:
			var ok bool
			if b, ok = skipACK(b, typ == frameACKECN); !ok {
				return false
			}
		case frameCrypto:
			offset, n := varint(b)
			size, m := varint(b[n:])
			if n == 0 || m == 0 || size > uint64(len(b)-n-m) {
				return false
			}
			data := b[n+m : n+m+int(size)]
			b = b[n+m+int(size):]
			room := maxStream - f.weight(side) + c.crypto[side].cost
			if offset > maxStream || !c.crypto[side].insert(int64(offset), data, room) {
				s.counted.Overflow++
				c.finish(side)
				return true
			}
		case frameClose: // nothing that counts follows
			b = nil
		default:
			return false
		}
	}
	s.quicMessages(f, side)
	return true
}

// skipACK returns what follows the body of an ACK frame.
func skipACK(b []byte, ecn bool) ([]byte, bool) {
	fields, ranges := uint64(4), uint64(0)
	for i := uint64(0); i < fields; i++ {
		v, n := varint(b)
		if n == 0 {
			return nil, false
		}
		if i == 2 {
			if ranges = v; ranges > uint64(len(b)) {
				return nil, false
			}
			fields += 2 * ranges
			if ecn {
				fields += 3
			}
		}
		b = b[n:]
	}
	return b, true
}

// quicMessages takes the handshake messages that are whole.
func (s *Sniffer) quicMessages(f *flow, side int) {
	c := f.quic
	prefix := c.crypto[side].prefix()
	if prefix < c.taken[side]+4 {
		return
	}
	s.quic.message = c.crypto[side].appendPrefix(s.quic.message[:0])
	for b := s.quic.message[c.taken[side]:]; len(b) >= 4; {
		size := 4 + int(binary.BigEndian.Uint32(b)&0xffffff)
		if size > len(b) {
			return
		}
		c.taken[side] += size
		if !s.handshake(f, side, b[:size], fingerprint.QUIC) {
			c.finish(side)
			if side != int(f.client) {
				c.finish(1 - side)
			}
			return
		}
		b = b[size:]
	}
}
