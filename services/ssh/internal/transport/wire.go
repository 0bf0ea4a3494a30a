package transport

import (
	"encoding/binary"
	"math/big"
	"strings"
)

// The data types of RFC 4251 section 5.

func appendUint32(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }

func appendString[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(appendUint32(b, uint32(len(s))), s...)
}

func appendList(b []byte, names []string) []byte { return appendString(b, strings.Join(names, ",")) }

// appendMPInt appends the positive integer whose big-endian bytes are n.
func appendMPInt(b, n []byte) []byte {
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	if len(n) > 0 && n[0]&0x80 != 0 {
		b = appendUint32(b, uint32(len(n)+1))
		return append(append(b, 0), n...)
	}
	return appendString(b, n)
}

func appendBigInt(b []byte, n *big.Int) []byte { return appendMPInt(b, n.Bytes()) }

// fields reads the fields of a message. After a field that is not there it gives zero
// values, and ok reports false.
type fields struct {
	rest []byte
	bad  bool
}

func reader(p []byte) *fields { return &fields{rest: p} }

func (f *fields) bytes(n uint32) []byte {
	if f.bad || uint64(n) > uint64(len(f.rest)) {
		f.bad = true
		return nil
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) uint32() uint32 {
	b := f.bytes(4)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func (f *fields) bool() bool {
	b := f.bytes(1)
	return b != nil && b[0] != 0
}

func (f *fields) string() []byte { return f.bytes(f.uint32()) }

// mpint returns a positive integer; a negative one is an error.
func (f *fields) mpint() *big.Int {
	b := f.string()
	if len(b) > 0 && b[0]&0x80 != 0 {
		f.bad = true
	}
	return new(big.Int).SetBytes(b)
}

// ok reports whether every field was there.
func (f *fields) ok() bool { return !f.bad }

// end reports whether every field was there and nothing follows them.
func (f *fields) end() bool { return !f.bad && len(f.rest) == 0 }
