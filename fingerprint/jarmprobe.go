package fingerprint

import (
	"fmt"
	"io"
	"slices"
)

// jarmShape is what one of the ten ClientHellos of JARM varies.
type jarmShape struct {
	record, version uint16
	ciphers         jarmOrder
	without13       bool // leave the cipher suites of TLS 1.3 out
	grease          bool
	rareALPN        bool
	versions        int       // how many supported_versions from TLS 1.0 on; 0 leaves the extension out
	lists           jarmOrder // of the protocols and versions
}

// jarmShapes are the ten probes in order (tls1_2_forward, …, tls1_3_middle_out).
var jarmShapes = [JARMProbes]jarmShape{
	{record: 0x0303, version: 0x0303, ciphers: jarmForward, versions: 3, lists: jarmReverse},
	{record: 0x0303, version: 0x0303, ciphers: jarmReverse, versions: 3},
	{record: 0x0303, version: 0x0303, ciphers: jarmTopHalf},
	{record: 0x0303, version: 0x0303, ciphers: jarmBottomHalf, rareALPN: true},
	{record: 0x0303, version: 0x0303, ciphers: jarmMiddleOut, grease: true, rareALPN: true, lists: jarmReverse},
	{record: 0x0302, version: 0x0302, ciphers: jarmForward},
	{record: 0x0301, version: 0x0303, ciphers: jarmForward, versions: 4, lists: jarmReverse},
	{record: 0x0301, version: 0x0303, ciphers: jarmReverse, versions: 4},
	{record: 0x0301, version: 0x0303, ciphers: jarmForward, without13: true, versions: 4},
	{record: 0x0301, version: 0x0303, ciphers: jarmMiddleOut, grease: true, versions: 4, lists: jarmReverse},
}

// jarmCiphers is the list that all probes are made from.
var jarmCiphers = [69]uint16{
	0x0016, 0x0033, 0x0067, 0xc09e, 0xc0a2, 0x009e, 0x0039, 0x006b, 0xc09f, 0xc0a3, 0x009f, 0x0045,
	0x00be, 0x0088, 0x00c4, 0x009a, 0xc008, 0xc009, 0xc023, 0xc0ac, 0xc0ae, 0xc02b, 0xc00a, 0xc024,
	0xc0ad, 0xc0af, 0xc02c, 0xc072, 0xc073, 0xcca9, 0x1302, 0x1301, 0xcc14, 0xc007, 0xc012, 0xc013,
	0xc027, 0xc02f, 0xc014, 0xc028, 0xc030, 0xc060, 0xc061, 0xc076, 0xc077, 0xcca8, 0x1305, 0x1304,
	0x1303, 0xcc13, 0xc011, 0x000a, 0x002f, 0x003c, 0xc09c, 0xc0a0, 0x009c, 0x0035, 0x003d, 0xc09d,
	0xc0a1, 0x009d, 0x0041, 0x00ba, 0x0084, 0x00c0, 0x0007, 0x0004, 0x0005,
}

var jarmProtocols = [...]string{
	"http/0.9", "http/1.0", "http/1.1", "spdy/1", "spdy/2", "spdy/3", "h2", "h2c", "hq",
}

// jarmOrder is how a probe orders a list.
type jarmOrder uint8

const (
	jarmForward jarmOrder = iota
	jarmReverse
	jarmTopHalf
	jarmBottomHalf
	jarmMiddleOut
)

// jarmOrdered returns list in the given order.
func jarmOrdered[T any](list []T, order jarmOrder) []T {
	half := len(list) / 2
	odd := len(list)%2 == 1
	switch order {
	case jarmReverse:
		list = slices.Clone(list)
		slices.Reverse(list)
	case jarmBottomHalf:
		list = list[len(list)-half:]
	case jarmTopHalf:
		top := jarmOrdered(jarmOrdered(list, jarmReverse), jarmBottomHalf)
		if odd {
			top = slices.Concat(list[half:half+1], top)
		}
		return top
	case jarmMiddleOut:
		var out []T
		up, down := half, half-1
		if odd {
			out, up = append(out, list[half]), half+1
		}
		for ; down >= 0; up, down = up+1, down-1 {
			out = append(out, list[up], list[down])
		}
		return out
	}
	return list
}

// JARMHellos returns the records of the ten ClientHellos of a JARM scan, to be sent in
// this order over a connection each. The host is what the scan was asked for, an IP
// address literally; random fills what is random in a hello. The error is that of random,
// or one for a host of more than 255 bytes.
func JARMHellos(host string, random io.Reader) ([JARMProbes][]byte, error) {
	var hellos [JARMProbes][]byte
	if len(host) > 255 {
		return hellos, fmt.Errorf("fingerprint: JARM host of %d bytes", len(host))
	}
	for i, shape := range jarmShapes {
		var dice jarmDice
		if _, err := io.ReadFull(random, dice[:]); err != nil {
			return hellos, fmt.Errorf("fingerprint: JARM randomness: %w", err)
		}
		hellos[i] = shape.hello(host, &dice)
	}
	return hellos, nil
}

// jarmDice is the randomness of one hello: client random, session ID, key share, and a
// byte for each GREASE value.
type jarmDice [32 + 32 + 32 + 4]byte

func (d *jarmDice) random() []byte    { return d[:32] }
func (d *jarmDice) sessionID() []byte { return d[32:64] }
func (d *jarmDice) share() []byte     { return d[64:96] }

// grease returns the i-th GREASE value, of 0x0a0a, 0x1a1a, … 0xfafa.
func (d *jarmDice) grease(i int) uint16 { return 0x0a0a + uint16(d[96+i]&0x0f)*0x1010 }

func (s jarmShape) hello(host string, dice *jarmDice) []byte {
	b := builder{recordHandshake}
	b.u16(s.record)
	b.vec16(func() {
		b.u8(handshakeClientHello)
		b.vec24(func() {
			b.u16(s.version)
			b.bytes(dice.random())
			b.vec8(func() { b.bytes(dice.sessionID()) })
			b.vec16(func() { s.appendCiphers(&b, dice) })
			b.vec8(func() { b.u8(0) })
			b.vec16(func() { s.appendExtensions(&b, host, dice) })
		})
	})
	return b
}

func (s jarmShape) appendCiphers(b *builder, dice *jarmDice) {
	list := jarmCiphers[:]
	if s.without13 {
		list = slices.DeleteFunc(slices.Clone(list), func(c uint16) bool { return c>>8 == 0x13 })
	}
	if s.grease {
		b.u16(dice.grease(0))
	}
	for _, c := range jarmOrdered(list, s.ciphers) {
		b.u16(c)
	}
}

func (s jarmShape) appendExtensions(b *builder, host string, dice *jarmDice) {
	extension := func(typ uint16, body func()) {
		b.u16(typ)
		b.vec16(body)
	}
	fixed := func(typ uint16, body ...byte) { extension(typ, func() { b.bytes(body) }) }
	if s.grease {
		fixed(dice.grease(1))
	}
	extension(extServerName, func() {
		b.vec16(func() {
			b.u8(0) // host_name
			b.vec16(func() { b.bytes([]byte(host)) })
		})
	})
	fixed(0x0017)    // extended_master_secret
	fixed(0x0001, 1) // max_fragment_length: 512
	fixed(0xff01, 0) // renegotiation_info
	fixed(extGroups, 0, 8, 0, 0x1d, 0, 0x17, 0, 0x18, 0, 0x19)
	fixed(extPointFormats, 1, 0)
	fixed(extSessionTicket)
	extension(extALPN, func() {
		b.vec16(func() {
			protocols := slices.Clone(jarmProtocols[:])
			if s.rareALPN {
				protocols = slices.DeleteFunc(protocols, func(p string) bool { return p == "http/1.1" || p == "h2" })
			}
			for _, p := range jarmOrdered(protocols, s.lists) {
				b.vec8(func() { b.bytes([]byte(p)) })
			}
		})
	})
	fixed(extSignatureAlgs, 0, 18, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1, 2, 1)
	extension(0x0033, func() { // key_share
		b.vec16(func() {
			if s.grease {
				b.u16(dice.grease(2))
				b.vec16(func() { b.u8(0) })
			}
			b.u16(0x001d) // x25519
			b.vec16(func() { b.bytes(dice.share()) })
		})
	})
	fixed(0x002d, 1, 1) // psk_key_exchange_modes: psk_dhe_ke
	if s.versions == 0 {
		return
	}
	extension(extSupportedVersions, func() {
		b.vec8(func() {
			if s.grease {
				b.u16(dice.grease(3))
			}
			versions := []uint16{0x0301, 0x0302, 0x0303, 0x0304}[:s.versions]
			for _, v := range jarmOrdered(versions, s.lists) {
				b.u16(v)
			}
		})
	})
}

// builder appends to a message. A vector is what its function appends, behind its length.
type builder []byte

func (b *builder) u8(v byte)      { *b = append(*b, v) }
func (b *builder) u16(v uint16)   { *b = append(*b, byte(v>>8), byte(v)) }
func (b *builder) bytes(v []byte) { *b = append(*b, v...) }

func (b *builder) vec8(f func())  { b.vector(1, f) }
func (b *builder) vec16(f func()) { b.vector(2, f) }
func (b *builder) vec24(f func()) { b.vector(3, f) }

func (b *builder) vector(size int, f func()) {
	start := len(*b)
	*b = append(*b, make([]byte, size)...)
	f()
	length := len(*b) - start - size
	for i := range size {
		(*b)[start+i] = byte(length >> (8 * (size - 1 - i)))
	}
}
