package transport

import (
	"bytes"
	"compress/zlib"
	"io"
	"net"
	"testing"

	"github.com/decnet/decnet/services/ssh/internal/wire"
)

func FuzzBanner(f *testing.F) {
	f.Add([]byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"))
	f.Add([]byte("SSH-1.5-x\n"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		line, err := readBanner(bytes.NewReader(in))
		if err == nil {
			err = checkBanner(line)
		}
		if err == nil && (len(line) > maxBanner || !bytes.HasPrefix(line, []byte("SSH-"))) {
			t.Errorf("%q was taken", line)
		}
	})
}

func FuzzOpen(f *testing.F) {
	for name, p := range allPackets(f) {
		wire, _ := p[0].seal(nil, 0, []byte("payload"), bytes.NewReader(make([]byte, 64)))
		f.Add(wire)
		_ = name
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for name, p := range allPackets(t) {
			payload, err := p[1].open(0, bytes.NewReader(in))
			if err == nil && len(payload) >= len(in) {
				t.Errorf("%s: %d bytes out of %d", name, len(payload), len(in))
			}
		}
	})
}

func FuzzKexInit(f *testing.F) {
	t := &Transport{cfg: testConfig(), out: &blockPackets{block: 8}, conn: discard{}}
	ours, err := t.sendKexInit()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ours.payload)
	f.Add([]byte{msgKexInit})
	f.Fuzz(func(t *testing.T, in []byte) {
		theirs, err := parseKexInit(in)
		if err != nil {
			return
		}
		a, err := agree(theirs, ours)
		if err == nil && (a.Kex == "" || a.HostKey == "" || a.CipherC2S == "" || a.CipherS2C == "") {
			t.Errorf("agreed on %+v", a)
		}
		_ = guessedWrong(theirs, ours)
	})
}

// FuzzInflate holds the inflater to what compress/flate makes of the same stream.
func FuzzInflate(f *testing.F) {
	d := newDeflater()
	wire, _ := d.packet([]byte("hello hello hello hello"))
	f.Add(bytes.Clone(wire), uint(5))
	f.Add([]byte{0x78, 0x9c, 0x05, 0xe0}, uint(2))
	f.Fuzz(func(t *testing.T, in []byte, cut uint) {
		cut %= uint(len(in) + 1)
		z := newInflater()
		var got []byte
		for _, part := range [][]byte{in[:cut], in[cut:]} {
			out, err := z.packet(part)
			if err != nil {
				return
			}
			got = append(got, out...)
		}
		r, err := zlib.NewReader(bytes.NewReader(in))
		if err != nil {
			return
		}
		want, _ := io.ReadAll(io.LimitReader(r, maxPacket*4))
		if !bytes.HasPrefix(want, got) && !bytes.HasPrefix(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
	})
}

// FuzzHandshake plays arbitrary clients to the whole transport.
func FuzzHandshake(f *testing.F) {
	cfg := testConfig()
	t := &Transport{cfg: cfg, out: &blockPackets{block: 8}, conn: discard{}}
	init, err := t.sendKexInit()
	if err != nil {
		f.Fatal(err)
	}
	plain := &blockPackets{block: 8}
	hello := []byte("SSH-2.0-x\r\n")
	for name := range kexMethods {
		theirs := appendList(bytes.Clone(init.payload[:17]), []string{name})
		for _, l := range init.lists[1:] {
			theirs = appendList(theirs, l)
		}
		packet, _ := plain.seal(nil, 0, append(theirs, 0, 0, 0, 0, 0), nil)
		for _, next := range [][]byte{
			wire.AppendString([]byte{msgKexInitial}, make([]byte, 32)),
			wire.AppendString([]byte{msgKexInitial}, make([]byte, sntrupKeySize+32)),
			appendBigInt([]byte{msgKexInitial}, two),
			{msgGexRequest, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 32, 0},
		} {
			more, _ := plain.seal(nil, 1, next, nil)
			f.Add(append(append(bytes.Clone(hello), packet...), more...))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		tr := New(discard{r: bytes.NewReader(in)}, cfg)
		if err := tr.Handshake(); err == nil {
			_, err = tr.ReadPacket()
			if err == nil {
				t.Error("a packet was authenticated without the keys")
			}
		}
	})
}

// discard is a client that has said all it says and does not listen.
type discard struct {
	net.Conn
	r io.Reader
}

func (d discard) Read(p []byte) (int, error)  { return d.r.Read(p) }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
