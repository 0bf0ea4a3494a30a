// Package wire reads and writes the data types of SSH (RFC 4251 section 5), which its
// transport and SFTP share.
//
//	b := wire.AppendString(wire.AppendUint32(nil, 7), "name")
//	f := wire.Read(b)
//	n, name := f.Uint32(), f.ByteString()
//	if !f.End() {
//		…
//	}
package wire

import (
	"encoding/binary"
	"math/big"
)

// AppendUint32 appends a uint32 to b.
func AppendUint32(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }

// AppendUint64 appends a uint64 to b.
func AppendUint64(b []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(b, n) }

// AppendString appends a string to b.
func AppendString[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(AppendUint32(b, uint32(len(s))), s...)
}

// AppendMPInt appends to b the mpint of the positive integer whose big-endian bytes are n.
func AppendMPInt(b, n []byte) []byte {
	for len(n) > 0 && n[0] == 0 {
		n = n[1:]
	}
	if len(n) > 0 && n[0]&0x80 != 0 {
		b = AppendUint32(b, uint32(len(n)+1))
		return append(append(b, 0), n...)
	}
	return AppendString(b, n)
}

// Fields reads the fields of a message, one after the other. After a field that is not there
// every method gives the zero value, and OK reports false. What the methods return is part of
// the message.
type Fields struct {
	Rest []byte // what has not been read
	Bad  bool   // a field was not there, or not what it has to be
}

// Read returns the fields of a message.
func Read(message []byte) Fields { return Fields{Rest: message} }

// Bytes returns the next n bytes.
func (f *Fields) Bytes(n uint32) []byte {
	if f.Bad || uint64(n) > uint64(len(f.Rest)) {
		f.Bad = true
		return nil
	}
	b := f.Rest[:n]
	f.Rest = f.Rest[n:]
	return b
}

// Uint32 returns a uint32.
func (f *Fields) Uint32() uint32 {
	b := f.Bytes(4)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// Uint64 returns a uint64.
func (f *Fields) Uint64() uint64 {
	b := f.Bytes(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// Bool returns a boolean.
func (f *Fields) Bool() bool {
	b := f.Bytes(1)
	return b != nil && b[0] != 0
}

// ByteString returns a string, which can hold any bytes.
func (f *Fields) ByteString() []byte { return f.Bytes(f.Uint32()) }

// MPInt returns a positive integer; a negative one is Bad.
func (f *Fields) MPInt() *big.Int {
	b := f.ByteString()
	if len(b) > 0 && b[0]&0x80 != 0 {
		f.Bad = true
	}
	return new(big.Int).SetBytes(b)
}

// OK reports whether every field was there.
func (f *Fields) OK() bool { return !f.Bad }

// End reports whether every field was there and nothing follows them.
func (f *Fields) End() bool { return !f.Bad && len(f.Rest) == 0 }
