package mysql

import (
	"encoding/binary"
	"errors"
	"io"
)

// maxFrame is the length of a frame that another one continues.
const maxFrame = 1<<24 - 1

// readAhead bounds what is allocated before bytes of a packet have arrived.
const readAhead = 16 << 10

var (
	errOrder  = errors.New("mysql: packets out of order")
	errTooBig = errors.New("mysql: packet too big")
)

// packets reads and writes the packets of one connection: a length of three bytes, a
// sequence number, the payload.
type packets struct {
	r   io.Reader
	out []byte
	seq byte
	max int // longest payload that is read
}

// read returns the next payload. What it allocates is bounded by what was received.
func (p *packets) read() ([]byte, error) {
	var payload []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(p.r, head[:]); err != nil {
			return payload, err
		}
		n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		if head[3] != p.seq {
			return payload, errOrder
		}
		p.seq++
		if len(payload)+n > p.max {
			return payload, errTooBig
		}
		for want := len(payload) + n; len(payload) < want; {
			part := min(want-len(payload), readAhead)
			start := len(payload)
			payload = append(payload, make([]byte, part)...)
			got, err := io.ReadFull(p.r, payload[start:])
			if err != nil {
				return payload[:start+got], err
			}
		}
		if n < maxFrame {
			return payload, nil
		}
	}
}

// write queues a payload.
func (p *packets) write(payload []byte) {
	for {
		n := min(len(payload), maxFrame)
		p.out = append(p.out, byte(n), byte(n>>8), byte(n>>16), p.seq)
		p.out = append(p.out, payload[:n]...)
		p.seq++
		payload = payload[n:]
		if n < maxFrame {
			return
		}
	}
}

// appendInt writes a length-encoded integer.
func appendInt(b []byte, n uint64) []byte {
	switch {
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), n)
}

// appendText writes a length-encoded string.
func appendText(b []byte, s string) []byte { return append(appendInt(b, uint64(len(s))), s...) }

// reader takes a payload apart. After a field that is not there, it is broken and gives
// zero values.
type reader struct {
	b      []byte
	broken bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.broken, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint(n int) uint64 {
	var v uint64
	for i, b := range r.bytes(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// lenenc reads a length-encoded integer.
func (r *reader) lenenc() uint64 {
	switch first := r.uint(1); first {
	case 0xfb, 0xff:
		r.broken = true
		return 0
	case 0xfc:
		return r.uint(2)
	case 0xfd:
		return r.uint(3)
	case 0xfe:
		return r.uint(8)
	default:
		return first
	}
}

// lenencBytes reads a length-encoded string.
func (r *reader) lenencBytes() []byte {
	n := r.lenenc()
	if n > uint64(len(r.b)) {
		r.broken, r.b = true, nil
		return nil
	}
	return r.bytes(int(n))
}

// text reads a string that ends at a NUL, or at the end of the payload.
func (r *reader) text() string {
	for i, c := range r.b {
		if c == 0 {
			s := string(r.b[:i])
			r.b = r.b[i+1:]
			return s
		}
	}
	s := string(r.b)
	r.b = nil
	return s
}
