package sniff_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint/sniff"
)

// pcapFile makes a classic capture file.
func pcapFile(order binary.AppendByteOrder, magic uint32, link uint32, frames ...[]byte) []byte {
	b := order.AppendUint32(nil, magic)
	b = append(b, make([]byte, 12)...)
	b = order.AppendUint32(b, 65535)
	b = order.AppendUint32(b, link)
	for _, f := range frames {
		for _, v := range []uint32{1_700_000_000, 123456, uint32(len(f)), uint32(len(f))} {
			b = order.AppendUint32(b, v)
		}
		b = append(b, f...)
	}
	return b
}

// block makes a block of pcapng.
func block(order binary.AppendByteOrder, typ uint32, body []byte) []byte {
	body = append(bytes.Clone(body), make([]byte, -len(body)&3)...)
	b := order.AppendUint32(nil, typ)
	b = order.AppendUint32(b, uint32(12+len(body)))
	return order.AppendUint32(append(b, body...), uint32(12+len(body)))
}

func section(order binary.AppendByteOrder) []byte {
	return block(order, 0x0a0d0d0a, append(order.AppendUint32(nil, 0x1a2b3c4d), 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255))
}

// described makes an interface description with the option if_tsresol, and if_tsoffset of
// ten seconds.
func described(order binary.AppendByteOrder, link uint16, resolution byte) []byte {
	b := order.AppendUint16(nil, link)
	b = order.AppendUint16(b, 0)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint16(order.AppendUint16(b, 9), 1)
	b = append(b, resolution, 0, 0, 0)
	b = order.AppendUint16(order.AppendUint16(b, 14), 8)
	b = order.AppendUint64(b, 10)
	return block(order, 1, b)
}

func enhanced(order binary.AppendByteOrder, iface uint32, stamp uint64, frame []byte) []byte {
	var b []byte
	for _, v := range []uint32{iface, uint32(stamp >> 32), uint32(stamp), uint32(len(frame)), uint32(len(frame))} {
		b = order.AppendUint32(b, v)
	}
	return block(order, 6, append(b, frame...))
}

func simple(order binary.AppendByteOrder, frame []byte) []byte {
	return block(order, 3, append(order.AppendUint32(nil, uint32(len(frame))), frame...))
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func TestRead(t *testing.T) {
	t.Parallel()
	frame := segment("10.0.0.1:40000", "10.0.0.2:443", 7, 2, nil)
	le, be := binary.LittleEndian, binary.BigEndian
	micro, nano := time.Unix(1_700_000_000, 123456000).UTC(), time.Unix(1_700_000_000, 123456).UTC()
	stamp := uint64(1_700_000_000)
	for name, c := range map[string]struct {
		file []byte
		at   time.Time
	}{
		"pcap":                     {pcapFile(le, 0xa1b2c3d4, 1, frame), micro},
		"pcap, other byte order":   {pcapFile(be, 0xa1b2c3d4, 1, frame), micro},
		"pcap, nanoseconds":        {pcapFile(le, 0xa1b23c4d, 1, frame), nano},
		"pcap, nanoseconds, other": {pcapFile(be, 0xa1b23c4d, 1, frame), nano},
		"pcap in gzip":             {gzipped(pcapFile(le, 0xa1b2c3d4, 1, frame)), micro},
		"pcapng":                   {bytes.Join([][]byte{section(le), described(le, 1, 6), enhanced(le, 0, (stamp-10)*1e6+7, frame)}, nil), time.Unix(int64(stamp), 7000).UTC()},
		"pcapng, other byte order": {bytes.Join([][]byte{section(be), described(be, 1, 9), enhanced(be, 0, (stamp-10)*1e9+7, frame)}, nil), time.Unix(int64(stamp), 7).UTC()},
		"pcapng, powers of two":    {bytes.Join([][]byte{section(le), described(le, 1, 0x80|10), enhanced(le, 0, (stamp-10)<<10+512, frame)}, nil), time.Unix(int64(stamp), 5e8).UTC()},
		"pcapng, picoseconds":      {bytes.Join([][]byte{section(le), described(le, 1, 12), enhanced(le, 0, 5_000_000_000_000, frame)}, nil), time.Unix(15, 0).UTC()},
		"pcapng, second interface": {bytes.Join([][]byte{section(le), described(le, 147, 6), described(le, 101, 6), enhanced(le, 1, (stamp-10)*1e6, frame[14:])}, nil), time.Unix(int64(stamp), 0).UTC()},
		"pcapng, two sections":     {bytes.Join([][]byte{section(be), described(be, 147, 6), section(le), described(le, 1, 6), enhanced(le, 0, (stamp-10)*1e6, frame)}, nil), time.Unix(int64(stamp), 0).UTC()},
		"pcapng, unknown blocks":   {bytes.Join([][]byte{section(le), described(le, 1, 6), block(le, 4, make([]byte, 100)), block(le, 99, make([]byte, 3<<20)), enhanced(le, 0, (stamp-10)*1e6, frame)}, nil), time.Unix(int64(stamp), 0).UTC()},
		"pcapng, simple, in gzip":  {gzipped(bytes.Join([][]byte{section(le), described(le, 1, 6), simple(le, frame)}, nil)), time.Unix(0, 0).UTC()},
	} {
		var results []sniff.Result
		// A pipe gives what it has, byte by byte at worst.
		err := sniff.Fingerprints(iotest.OneByteReader(bytes.NewReader(c.file)), func(r sniff.Result) { results = append(results, r) })
		if err != nil || len(results) != 1 || !results[0].Time.Equal(c.at) || results[0].Packet != 1 {
			t.Errorf("%s: %v, %+v, want time %v", name, err, results, c.at)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	frame := segment("10.0.0.1:40000", "10.0.0.2:443", 7, 2, nil)
	le := binary.LittleEndian
	good := pcapFile(le, 0xa1b2c3d4, 1, frame, frame)
	huge := bytes.Clone(good)
	le.PutUint32(huge[24+16+len(frame)+8:], 1<<31)
	ng := bytes.Join([][]byte{section(le), described(le, 1, 6), enhanced(le, 0, 1, frame)}, nil)
	for name, c := range map[string]struct {
		file []byte
		seen int
	}{
		"empty":                      {nil, 0},
		"no capture":                 {[]byte("GET / HTTP/1.1\r\n\r\n"), 0},
		"a header and no more":       {good[:20], 0},
		"cut short in a packet":      {good[:len(good)-1], 1},
		"cut short in its header":    {good[:24+16+len(frame)+5], 1},
		"a packet of two gigabytes":  {huge, 1},
		"gzip of nothing":            {gzipped(nil), 0},
		"gzip cut short":             {gzipped(good)[:60], 0},
		"gzip that is none":          {[]byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, 0},
		"pcapng cut short":           {ng[:len(ng)-3], 0},
		"pcapng, no interface":       {append(section(le), enhanced(le, 0, 1, frame)...), 0},
		"pcapng, block too short":    {append(bytes.Clone(ng), 6, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0), 1},
		"pcapng, block of gigabytes": {append(bytes.Clone(ng), 6, 0, 0, 0, 0, 0, 0, 0x70, 8, 0, 0, 0), 1},
		"pcapng, odd byte order":     {[]byte{0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 1, 2, 3, 4}, 0},
	} {
		seen := 0
		err := sniff.Fingerprints(bytes.NewReader(c.file), func(sniff.Result) { seen++ })
		if !errors.Is(err, decnet.ErrInvalid) || seen != c.seen {
			t.Errorf("%s: %v, %d seen, want %d", name, err, seen, c.seen)
		}
	}
	broken := errors.New("broken")
	if err := sniff.Fingerprints(io.MultiReader(bytes.NewReader(good), iotest.ErrReader(broken)), func(sniff.Result) {}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// FuzzRead reads damaged capture files.
func FuzzRead(f *testing.F) {
	frame := segment("10.0.0.1:40000", "10.0.0.2:443", 7, 0x18, clientHello(f))
	le, be := binary.LittleEndian, binary.BigEndian
	f.Add(pcapFile(le, 0xa1b2c3d4, 1, frame, frame))
	f.Add(gzipped(pcapFile(be, 0xa1b23c4d, 1, frame)))
	f.Add(bytes.Join([][]byte{section(le), described(le, 1, 6), enhanced(le, 0, 1, frame), simple(le, frame)}, nil))
	f.Add(bytes.Join([][]byte{section(be), described(be, 1, 0x8a), block(be, 99, nil), enhanced(be, 0, 1<<40, frame)}, nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		s := sniff.New(sniff.Config{})
		err := s.Read(bytes.NewReader(file))
		if err != nil && !errors.Is(err, decnet.ErrInvalid) {
			t.Fatal(err)
		}
		if c := s.Counters(); c.Panics > 0 {
			t.Fatalf("%+v", c)
		}
	})
}
