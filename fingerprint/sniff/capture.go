package sniff

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/decnet/decnet"
)

// LinkType says what a captured packet begins with, in the numbering of
// tcpdump.org/linktypes.html.
type LinkType uint32

// The link types that are understood. Packets of others are counted and left out.
const (
	LinkNull     LinkType = 0   // BSD loopback, the byte order of the host
	LinkEthernet LinkType = 1   // Ethernet, with any VLAN tags
	LinkRaw      LinkType = 101 // IPv4 or IPv6
	LinkLoop     LinkType = 108 // OpenBSD loopback, network byte order
	LinkSLL      LinkType = 113 // Linux cooked
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276 // Linux cooked, version 2
)

// Limits of capture files: what a packet may hold, and how many interfaces a section of
// a pcapng file may describe.
const (
	maxCaptured   = 256 << 10
	maxBlock      = 1 << 20
	maxInterfaces = 1 << 10
)

// captured is one packet of a capture file. data is valid until the next is read.
type captured struct {
	time int64 // nanoseconds since 1970
	link LinkType
	data []byte
}

// capture reads the packets of a capture file.
type capture interface {
	// next fills in p. The error is io.EOF at the end of the file and wraps
	// decnet.ErrInvalid where the file cannot be read on.
	next(p *captured) error
}

// openCapture finds out what r holds by its first bytes: pcap or pcapng of either byte
// order, or gzip of one.
func openCapture(r io.Reader) (capture, error) {
	b := bufio.NewReaderSize(r, maxBlock+64)
	if magic, _ := b.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, invalid("gzip: %v", err)
		}
		b = bufio.NewReaderSize(z, maxBlock+64)
	}
	magic, err := b.Peek(4)
	if err != nil {
		return nil, ended(err, "no capture file: too short")
	}
	switch binary.BigEndian.Uint32(magic) {
	case 0xa1b2c3d4:
		return openPcap(b, binary.BigEndian, 1000)
	case 0xa1b23c4d:
		return openPcap(b, binary.BigEndian, 1)
	case 0xd4c3b2a1:
		return openPcap(b, binary.LittleEndian, 1000)
	case 0x4d3cb2a1:
		return openPcap(b, binary.LittleEndian, 1)
	case blockSection:
		return &pcapng{b: b}, nil
	}
	return nil, invalid("no capture file: it begins with % x", magic)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("sniff: "+format+": %w", append(args, decnet.ErrInvalid)...)
}

// ended turns an end in the middle of something into an invalid file, and leaves errors
// of the reader below as they are.
func ended(err error, what string) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("%s", what)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
		return invalid("gzip: %v", err)
	}
	return fmt.Errorf("sniff: %w", err)
}

// pcap reads the classic format (draft-ietf-opsawg-pcap).
type pcap struct {
	b     *bufio.Reader
	order binary.ByteOrder
	big   bool
	unit  int64 // nanoseconds per fraction of a second
	link  LinkType
	took  int // bytes of the last packet that are still in b
}

const (
	pcapHeader       = 24
	pcapPacketHeader = 16
)

func openPcap(b *bufio.Reader, order binary.ByteOrder, unit int64) (capture, error) {
	head, err := b.Peek(pcapHeader)
	if err != nil {
		return nil, ended(err, "pcap header cut short")
	}
	p := &pcap{b: b, order: order, big: order == binary.BigEndian, unit: unit, link: LinkType(order.Uint32(head[20:]) & 0xffff)}
	p.took = pcapHeader
	return p, nil
}

func (p *pcap) next(c *captured) error {
	if _, err := p.b.Discard(p.took); err != nil {
		return ended(err, "pcap packet cut short")
	}
	p.took = 0
	head, err := p.b.Peek(pcapPacketHeader)
	if err != nil {
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return io.EOF
		}
		return ended(err, "pcap packet header cut short")
	}
	var sec, frac, size uint32
	if p.big {
		sec, frac, size = binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:])
	} else {
		sec, frac, size = binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
	}
	if size > maxCaptured {
		return invalid("pcap packet of %d bytes", size)
	}
	data, err := p.b.Peek(pcapPacketHeader + int(size))
	if err != nil {
		return ended(err, "pcap packet cut short")
	}
	p.took = len(data)
	c.time, c.link, c.data = int64(sec)*1e9+int64(frac)*p.unit, p.link, data[pcapPacketHeader:]
	return nil
}

// Block types of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacketOld = 2
	blockSimple    = 3
	blockPacket    = 6
)

type pcapng struct {
	b          *bufio.Reader
	order      binary.ByteOrder
	interfaces []pcapngInterface
	took       int
}

type pcapngInterface struct {
	link   LinkType
	snap   uint32
	num    uint64 // a time stamp of 1 means num/den nanoseconds
	den    uint64
	offset int64 // seconds
}

func (p *pcapng) next(c *captured) error {
	for {
		typ, body, err := p.block()
		if err != nil {
			return err
		}
		switch typ {
		case blockInterface:
			err = p.describe(body)
		case blockPacket, blockPacketOld, blockSimple:
			var ok bool
			if ok, err = p.packet(typ, body, c); ok {
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// block returns the type and the body of the next block; the body is valid until the
// next call.
func (p *pcapng) block() (uint32, []byte, error) {
	if _, err := p.b.Discard(p.took); err != nil {
		return 0, nil, ended(err, "pcapng block cut short")
	}
	p.took = 0
	head, err := p.b.Peek(12)
	if err != nil {
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return 0, nil, io.EOF
		}
		return 0, nil, ended(err, "pcapng block cut short")
	}
	if binary.BigEndian.Uint32(head) == blockSection {
		switch binary.BigEndian.Uint32(head[8:]) {
		case 0x1a2b3c4d:
			p.order = binary.BigEndian
		case 0x4d3c2b1a:
			p.order = binary.LittleEndian
		default:
			return 0, nil, invalid("pcapng byte order % x", head[8:])
		}
		p.interfaces = p.interfaces[:0]
	}
	if p.order == nil {
		return 0, nil, invalid("pcapng without a section header")
	}
	typ, size := p.order.Uint32(head), p.order.Uint32(head[4:])
	if size < 12 || size%4 != 0 || size > maxBlock {
		if size > maxBlock && size%4 == 0 && typ != blockPacket && typ != blockPacketOld && typ != blockSimple && typ != blockInterface && typ != blockSection {
			// Blocks of other kinds may be long (name resolution, keys) and are passed over.
			_, err := p.b.Discard(int(size))
			if err != nil {
				return 0, nil, ended(err, "pcapng block cut short")
			}
			return typ, nil, nil
		}
		return 0, nil, invalid("pcapng block of %d bytes", size)
	}
	block, err := p.b.Peek(int(size))
	if err != nil {
		return 0, nil, ended(err, "pcapng block cut short")
	}
	p.took = int(size)
	return typ, block[8 : size-4], nil
}

// describe reads an interface description block.
func (p *pcapng) describe(body []byte) error {
	if len(body) < 8 || len(p.interfaces) == maxInterfaces {
		return invalid("pcapng interface description")
	}
	f := pcapngInterface{link: LinkType(p.order.Uint16(body)), snap: p.order.Uint32(body[4:]), num: 1000, den: 1}
	const optResolution, optOffset = 9, 14
	for o := body[8:]; len(o) >= 4; {
		code, size := p.order.Uint16(o), int(p.order.Uint16(o[2:]))
		if code == 0 || size > len(o)-4 {
			break
		}
		value := o[4 : 4+size]
		switch {
		case code == optResolution && size == 1:
			f.num, f.den = resolution(value[0])
		case code == optOffset && size == 8:
			f.offset = int64(p.order.Uint64(value))
		}
		o = o[min(len(o), 4+(size+3)&^3):]
	}
	p.interfaces = append(p.interfaces, f)
	return nil
}

// resolution returns the unit of an if_tsresol option in nanoseconds as a fraction: a
// negative power of ten, or of two when the high bit is set.
func resolution(v byte) (num, den uint64) {
	n := uint(v & 0x7f)
	if v&0x80 != 0 {
		return 1e9, 1 << min(n, 62)
	}
	num, den = 1e9, 1
	for range min(n, 18) {
		if num > 1 {
			num /= 10
		} else {
			den *= 10
		}
	}
	return num, den
}

// nanoseconds returns what a time stamp of the interface means.
func (f *pcapngInterface) nanoseconds(stamp uint64) int64 {
	if f.den == 1 {
		return int64(stamp*f.num) + f.offset*1e9
	}
	whole, rest := stamp/f.den, stamp%f.den
	var ns uint64
	if rest < 1<<34 {
		ns = rest * f.num / f.den
	} else {
		ns = uint64(float64(rest) / float64(f.den) * float64(f.num))
	}
	return int64(whole*f.num+ns) + f.offset*1e9
}

// packet reads a block that holds a packet, and reports whether it does.
func (p *pcapng) packet(typ uint32, body []byte, c *captured) (bool, error) {
	iface, head := uint32(0), 20
	switch typ {
	case blockSimple:
		head = 4
	case blockPacketOld:
		if len(body) >= head {
			iface = uint32(p.order.Uint16(body))
		}
	default:
		if len(body) >= head {
			iface = p.order.Uint32(body)
		}
	}
	if len(body) < head || uint64(iface) >= uint64(len(p.interfaces)) {
		return false, invalid("pcapng packet without its interface")
	}
	f := &p.interfaces[iface]
	c.link = f.link
	if typ == blockSimple {
		size := p.order.Uint32(body)
		if f.snap > 0 {
			size = min(size, f.snap)
		}
		c.time, c.data = 0, body[4:min(uint64(len(body)), 4+uint64(size))]
		return true, nil
	}
	size := p.order.Uint32(body[12:])
	if uint64(size) > uint64(len(body)-head) || size > maxCaptured {
		return false, invalid("pcapng packet of %d bytes", size)
	}
	c.time = f.nanoseconds(uint64(p.order.Uint32(body[4:]))<<32 | uint64(p.order.Uint32(body[8:])))
	c.data = body[head : head+int(size)]
	return true, nil
}
