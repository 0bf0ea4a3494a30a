package transport

import (
	"bytes"
	"compress/zlib"
	"errors"
)

// deflater compresses packets into one zlib stream (RFC 4253 section 6.2).
type deflater struct {
	buf bytes.Buffer
	w   *zlib.Writer
}

func newDeflater() *deflater {
	d := &deflater{}
	d.w = zlib.NewWriter(&d.buf)
	return d
}

func (d *deflater) packet(p []byte) ([]byte, error) {
	d.buf.Reset()
	if _, err := d.w.Write(p); err != nil {
		return nil, err
	}
	err := d.w.Flush()
	return d.buf.Bytes(), err
}

// inflater takes a zlib stream apart that arrives in packets, each of which ends with a
// partial flush: not at a byte boundary and not at the end of a block that a
// compress/flate reader would notice. What a packet does not complete waits for the next.
type inflater struct {
	in    []byte // not yet used up
	bit   uint   // bits of in[0] that are
	hist  []byte // the window, and after it the output of the current packet
	state func(*inflater, *bitReader) error

	last           bool
	stored         int // bytes left in a stored block
	literals, dist *huffman
}

const (
	deflateWindow = 32 << 10
	maxHeader     = 512 // bytes; no block header is longer
)

var (
	errMoreInput = errors.New("ssh: more input needed")
	errInflate   = errors.New("ssh: bad compressed data")
)

func newInflater() *inflater { return &inflater{state: (*inflater).zlibHeader} }

// packet returns what p completes; it is valid until the next call.
func (d *inflater) packet(p []byte) ([]byte, error) {
	if n := len(d.hist) - deflateWindow; n > 0 {
		d.hist = append(d.hist[:0], d.hist[n:]...)
	}
	start := len(d.hist)
	d.in = append(d.in, p...)
	r := bitReader{in: d.in, pos: d.bit}
	for {
		before := r.pos
		err := d.state(d, &r)
		if err == nil && r.short {
			err = errMoreInput
		}
		if err == errMoreInput {
			r.pos = before
			break
		}
		if err != nil {
			return nil, err
		}
		if len(d.hist)-start > maxPacket {
			return nil, errInflate
		}
	}
	used := r.pos / 8
	d.in = append(d.in[:0], d.in[used:]...)
	d.bit = r.pos % 8
	if len(d.in) > maxHeader {
		return nil, errInflate
	}
	return d.hist[start:], nil
}

// Each state consumes one unit of input and leaves everything as it was when that is not
// all there, which it reports by errMoreInput or through the bitReader.

func (d *inflater) zlibHeader(r *bitReader) error {
	cmf, flg := r.bits(8), r.bits(8)
	if r.short {
		return errMoreInput
	}
	if cmf&15 != 8 || (cmf<<8|flg)%31 != 0 || flg&32 != 0 {
		return errInflate
	}
	d.state = (*inflater).blockHeader
	return nil
}

func (d *inflater) blockHeader(r *bitReader) error {
	if d.last {
		return errInflate
	}
	last, kind := r.bits(1) == 1, r.bits(2)
	var literals, dist *huffman
	var stored int
	switch kind {
	case 0:
		r.align()
		n, complement := r.bits(16), r.bits(16)
		if !r.short && n != ^complement&0xffff {
			return errInflate
		}
		stored = int(n)
	case 1:
		literals, dist = fixedCodes()
	case 2:
		var err error
		if literals, dist, err = dynamicCodes(r); err != nil {
			return err
		}
	default:
		return errInflate
	}
	if r.short {
		return errMoreInput
	}
	d.last, d.stored, d.literals, d.dist = last, stored, literals, dist
	d.state = (*inflater).symbol
	if kind == 0 {
		d.state = (*inflater).storedBytes
	}
	return nil
}

func (d *inflater) storedBytes(r *bitReader) error {
	if d.stored == 0 {
		d.state = (*inflater).blockHeader
		return nil
	}
	c := r.bits(8)
	if r.short {
		return errMoreInput
	}
	d.hist = append(d.hist, byte(c))
	d.stored--
	return nil
}

// The tables of RFC 1951 section 3.2.5.
var (
	lengthBase  = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [...]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

const endOfBlock = 256

func (d *inflater) symbol(r *bitReader) error {
	sym, err := d.literals.decode(r)
	switch {
	case err != nil:
		return err
	case sym < endOfBlock:
		d.hist = append(d.hist, byte(sym))
		return nil
	case sym == endOfBlock:
		d.state = (*inflater).blockHeader
		return nil
	case sym-257 >= len(lengthBase):
		return errInflate
	}
	length := int(lengthBase[sym-257]) + int(r.bits(uint(lengthExtra[sym-257])))
	sym, err = d.dist.decode(r)
	if err != nil {
		return err
	}
	if sym >= len(distBase) {
		return errInflate
	}
	back := int(distBase[sym]) + int(r.bits(uint(distExtra[sym])))
	if r.short {
		return errMoreInput
	}
	if back > len(d.hist) {
		return errInflate
	}
	for range length {
		d.hist = append(d.hist, d.hist[len(d.hist)-back])
	}
	return nil
}

// bitReader reads bits, lowest first. Past the end it gives zeros and sets short.
type bitReader struct {
	in    []byte
	pos   uint
	short bool
}

func (r *bitReader) bits(n uint) (v uint) {
	if r.pos+n > uint(len(r.in))*8 {
		r.short = true
		return 0
	}
	for i := range n {
		v |= uint(r.in[r.pos/8]>>(r.pos%8)&1) << i
		r.pos++
	}
	return v
}

func (r *bitReader) align() { r.pos = (r.pos + 7) &^ 7 }

// huffman is a canonical prefix code: how many codes there are of each length, and the
// symbols in the order of their codes.
type huffman struct {
	count   [16]uint16
	symbols []uint16
}

func newHuffman(lengths []uint8) (*huffman, error) {
	h := &huffman{symbols: make([]uint16, 0, len(lengths))}
	for _, l := range lengths {
		h.count[l]++
	}
	h.count[0] = 0
	left := 1
	for _, n := range h.count[1:] {
		if left = left<<1 - int(n); left < 0 {
			return nil, errInflate
		}
	}
	for l := uint8(1); l < 16; l++ {
		for sym, have := range lengths {
			if have == l {
				h.symbols = append(h.symbols, uint16(sym))
			}
		}
	}
	return h, nil
}

func (h *huffman) decode(r *bitReader) (int, error) {
	code, first, index := 0, 0, 0
	for _, n := range h.count[1:] {
		code |= int(r.bits(1))
		if r.short {
			return 0, errMoreInput
		}
		if code-first < int(n) {
			return int(h.symbols[index+code-first]), nil
		}
		index += int(n)
		first = (first + int(n)) << 1
		code <<= 1
	}
	return 0, errInflate
}

// fixedCodes returns the codes of RFC 1951 section 3.2.6.
func fixedCodes() (literals, dist *huffman) {
	var l [288]uint8
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	literals, _ = newHuffman(l[:])
	dist, _ = newHuffman(bytes.Repeat([]byte{5}, 30))
	return literals, dist
}

// lengthOrder is the order of the lengths of the code for code lengths (RFC 1951 section
// 3.2.7).
var lengthOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicCodes reads the codes at the head of a block.
func dynamicCodes(r *bitReader) (literals, dist *huffman, err error) {
	nLit, nDist, nLen := int(r.bits(5))+257, int(r.bits(5))+1, int(r.bits(4))+4
	var order [19]uint8
	for i := range nLen {
		order[lengthOrder[i]] = uint8(r.bits(3))
	}
	if r.short {
		return nil, nil, errMoreInput
	}
	meta, err := newHuffman(order[:])
	if err != nil {
		return nil, nil, err
	}
	lengths := make([]uint8, 0, nLit+nDist)
	for len(lengths) < nLit+nDist {
		sym, err := meta.decode(r)
		if err != nil {
			return nil, nil, err
		}
		value, times := uint8(sym), 1
		switch sym {
		case 16:
			if len(lengths) == 0 {
				return nil, nil, errInflate
			}
			value, times = lengths[len(lengths)-1], 3+int(r.bits(2))
		case 17:
			value, times = 0, 3+int(r.bits(3))
		case 18:
			value, times = 0, 11+int(r.bits(7))
		}
		if len(lengths)+times > nLit+nDist {
			return nil, nil, errInflate
		}
		for range times {
			lengths = append(lengths, value)
		}
	}
	if literals, err = newHuffman(lengths[:nLit]); err != nil {
		return nil, nil, err
	}
	dist, err = newHuffman(lengths[nLit:])
	return literals, dist, err
}
