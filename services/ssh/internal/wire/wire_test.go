package wire_test

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

func Example() {
	b := wire.AppendString(wire.AppendUint32(nil, 7), "name")
	f := wire.Read(b)
	fmt.Println(f.Uint32(), string(f.ByteString()), f.End())
	// Output: 7 name true
}

// TestMPInt has the examples of RFC 4251 section 5 that are not negative.
func TestMPInt(t *testing.T) {
	for text, want := range map[string]string{
		"0":               "\x00\x00\x00\x00",
		"9a378f9b2e332a7": "\x00\x00\x00\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7",
		"80":              "\x00\x00\x00\x02\x00\x80",
	} {
		n, ok := new(big.Int).SetString(text, 16)
		got := wire.AppendMPInt(nil, n.Bytes())
		f := wire.Read(got)
		if back := f.MPInt(); !ok || string(got) != want || back.Cmp(n) != 0 || !f.End() {
			t.Errorf("%s: %x and back %x", text, got, back)
		}
	}
	negative := wire.Read([]byte("\x00\x00\x00\x02\xed\xcc"))
	if negative.MPInt(); negative.OK() {
		t.Error("a negative integer is taken")
	}
}

func TestFieldsThatAreNotThere(t *testing.T) {
	f := wire.Read([]byte("\xff\xff\xff\xff\x01"))
	if f.ByteString() != nil || f.OK() || f.Uint32() != 0 || f.Uint64() != 0 || f.Bool() || f.MPInt().Sign() != 0 || f.End() {
		t.Errorf("%+v", f)
	}
	f = wire.Read([]byte{0, 0, 0, 0, 0, 0, 0, 9, 1, 2})
	if f.Uint64() != 9 || !f.Bool() || !f.OK() || f.End() || !bytes.Equal(f.Rest, []byte{2}) {
		t.Errorf("%+v", f)
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x04name\x01\x00\x00\x00\x01\x7f"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, message []byte) {
		r := wire.Read(message)
		s, yes, n := r.ByteString(), r.Bool(), r.MPInt()
		if !r.OK() {
			return
		}
		b := wire.AppendString(nil, s)
		if yes {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
		again := wire.Read(append(wire.AppendMPInt(b, n.Bytes()), r.Rest...))
		if !bytes.Equal(again.ByteString(), s) || again.Bool() != yes || again.MPInt().Cmp(n) != 0 || !bytes.Equal(again.Rest, r.Rest) {
			t.Errorf("%x", message)
		}
	})
}
