package sniff

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// exampleID is the connection ID of the examples of RFC 9001 and RFC 9369.
const exampleID = "8394c8f03e515708"

// exampleKeys are the keys that the RFCs publish for it.
var exampleKeys = []struct {
	name, direction string
	version         uint32
	key, iv, hp     string
}{
	{"RFC 9001 A.1, client", labelClient, quicV1, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"},
	{"RFC 9001 A.1, server", labelServer, quicV1, "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314"},
	{"RFC 9369 A.1, client", labelClient, quicV2, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"},
	{"RFC 9369 A.1, server", labelServer, quicV2, "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652", "edf6d05c83121201b436e16877593c3a"},
}

func TestQUICKeys(t *testing.T) {
	t.Parallel()
	for _, e := range exampleKeys {
		secret, err := quicSecret(e.version, unhex(t, exampleID))
		if err != nil {
			t.Fatal(err)
		}
		k, err := quicKeysOf(e.version, secret, e.direction)
		if err != nil {
			t.Fatal(err)
		}
		want := keysFrom(t, unhex(t, e.key), unhex(t, e.iv), unhex(t, e.hp))
		if !bytes.Equal(seal(t, k, e.version, unhex(t, exampleID), 3, []byte("frames and more of them")), seal(t, want, e.version, unhex(t, exampleID), 3, []byte("frames and more of them"))) {
			t.Errorf("%s: other keys", e.name)
		}
	}
}

func keysFrom(tb testing.TB, key, iv, hp []byte) *quicKeys {
	tb.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		tb.Fatal(err)
	}
	k := &quicKeys{iv: [12]byte(iv)}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		tb.Fatal(err)
	}
	if k.head, err = aes.NewCipher(hp); err != nil {
		tb.Fatal(err)
	}
	return k
}

// seal makes an Initial packet with a packet number of two bytes.
func seal(tb testing.TB, k *quicKeys, version uint32, dcid []byte, number uint16, frames []byte) []byte {
	tb.Helper()
	first := byte(0xc1)
	if version == quicV2 {
		first = 0xd1
	}
	b := binary.BigEndian.AppendUint32([]byte{first}, version)
	b = append(append(b, byte(len(dcid))), dcid...)
	b = append(b, 0, 2, 'o', 'k') // no source ID, a token
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(2+len(frames)+k.aead.Overhead()))
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, number)
	nonce := k.iv
	nonce[10] ^= byte(number >> 8)
	nonce[11] ^= byte(number)
	b = k.aead.Seal(b, nonce[:], frames, b)
	var mask [16]byte
	k.head.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	b[at] ^= mask[1]
	b[at+1] ^= mask[2]
	return b
}

// crypto makes a CRYPTO frame.
func crypto(offset int, data []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{frameCrypto}, 0x4000|uint16(offset))
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(len(data)))
	return append(b, data...)
}

// quicHello returns the ClientHello message of the standard library's QUIC client.
func quicHello(tb testing.TB) []byte {
	tb.Helper()
	c := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{ServerName: "x.test", NextProtos: []string{"h3"}, MinVersion: tls.VersionTLS13}})
	c.SetTransportParameters(nil)
	if err := c.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	for {
		switch e := c.NextEvent(); e.Kind {
		case tls.QUICWriteData:
			return bytes.Clone(e.Data)
		case tls.QUICNoEvent:
			tb.Fatal("no hello")
		}
	}
}

// ipDatagram puts a UDP datagram into an IPv4 packet.
func ipDatagram(fromClient bool, payload []byte) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 1, 187, 0, 0, 0, 0}
	if !fromClient {
		b[15], b[19] = 2, 1
		b[20], b[21], b[22], b[23] = 1, 187, 0x9c, 0x40
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(payload)))
	binary.BigEndian.PutUint16(b[24:], uint16(8+len(payload)))
	return append(b, payload...)
}

func TestQUIC(t *testing.T) {
	t.Parallel()
	hello := quicHello(t)
	var parsed fingerprint.ClientHello
	if err := parsed.ParseMessage(hello); err != nil {
		t.Fatal(err)
	}
	keys := func(version uint32, id []byte, direction string) *quicKeys {
		secret, err := quicSecret(version, id)
		if err != nil {
			t.Fatal(err)
		}
		k, err := quicKeysOf(version, secret, direction)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	id := unhex(t, exampleID)
	for name, packets := range map[string]func(send func(bool, ...[]byte)){
		"version 1": func(send func(bool, ...[]byte)) {
			send(true, seal(t, keys(quicV1, id, labelClient), quicV1, id, 0, append(crypto(0, hello), make([]byte, 500)...)))
		},
		"version 2": func(send func(bool, ...[]byte)) {
			send(true, seal(t, keys(quicV2, id, labelClient), quicV2, id, 300, crypto(0, hello)))
		},
		"draft 29": func(send func(bool, ...[]byte)) {
			send(true, seal(t, keys(quicDraft29, id, labelClient), quicDraft29, id, 0, crypto(0, hello)))
		},
		"draft 32": func(send func(bool, ...[]byte)) {
			send(true, seal(t, keys(quicDraft32, id, labelClient), quicDraft32, id, 0, crypto(0, hello)))
		},
		"out of order, with PING, ACK and PADDING, coalesced": func(send func(bool, ...[]byte)) {
			k := keys(quicV1, id, labelClient)
			ack := []byte{frameACKECN, 9, 0, 1, 0, 1, 1, 0, 0, 0}
			send(true,
				seal(t, k, quicV1, id, 1, append(append([]byte{framePing}, ack...), crypto(100, hello[100:])...)),
				seal(t, k, quicV1, id, 0, append(append([]byte{0, 0}, crypto(50, hello[50:110])...), frameACK, 1, 0, 0, 0)))
			send(true, seal(t, k, quicV1, id, 2, crypto(0, hello[:60])))
		},
		"after a Retry": func(send func(bool, ...[]byte)) {
			other := []byte("another ID")
			send(true, seal(t, keys(quicV1, id, labelClient), quicV1, id, 0, crypto(0, hello[:30])))
			send(true, seal(t, keys(quicV1, other, labelClient), quicV1, other, 1, crypto(0, hello)))
		},
	} {
		var got []string
		var client string
		s := New(Config{Results: func(r Result) {
			if r.Kind == "ja4" {
				got, client = append(got, r.Value), r.Client.String()
			}
		}})
		at := time.Unix(1e9, 0)
		packets(func(fromClient bool, coalesced ...[]byte) {
			s.Packet(LinkRaw, at, ipDatagram(fromClient, bytes.Join(coalesced, nil)))
		})
		if len(got) != 1 || got[0] != parsed.JA4(fingerprint.QUIC) || client != "10.0.0.1" {
			t.Errorf("%s: %v from %s, %+v", name, got, client, s.counted)
		}
	}
}

// TestHalfOpenDatagramsAreBounded is TestHalfOpenFlowsAreBounded for QUIC and DTLS.
func TestHalfOpenDatagramsAreBounded(t *testing.T) {
	const flows, most = 64, 64 << 10
	id := unhex(t, exampleID)
	secret, err := quicSecret(quicV1, id)
	if err != nil {
		t.Fatal(err)
	}
	k, err := quicKeysOf(quicV1, secret, labelClient)
	if err != nil {
		t.Fatal(err)
	}
	far := func(offset int, data []byte) []byte { // a CRYPTO frame at any offset
		b := binary.BigEndian.AppendUint32([]byte{frameCrypto}, 0x80000000|uint32(offset))
		return append(append(b, 0x40|byte(len(data)>>8), byte(len(data))), data...)
	}
	dtls := func(number, length, offset, size int) []byte {
		b := []byte{0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, byte((12 + size) >> 8), byte(12 + size), 2}
		b = append(b, byte(length>>16), byte(length>>8), byte(length), 0, byte(number))
		b = append(b, byte(offset>>16), byte(offset>>8), byte(offset), 0, byte(size>>8), byte(size))
		return append(b, make([]byte, size)...)
	}
	for name, payloads := range map[string][][]byte{
		"QUIC, unfinished": func() (list [][]byte) {
			for i := 1; i < 60; i++ {
				list = append(list, seal(t, k, quicV1, id, uint16(i), far(i*1100, make([]byte, 1100))))
			}
			return list
		}(),
		"QUIC, single bytes": func() (list [][]byte) {
			for i := range 20 {
				var frames []byte
				for j := range 100 {
					frames = append(frames, far(2+2*(100*i+j), []byte{7})...)
				}
				list = append(list, seal(t, k, quicV1, id, uint16(i), frames))
			}
			return list
		}(),
		"DTLS, unfinished": func() (list [][]byte) {
			for i := range 49 {
				list = append(list, dtls(0, 60_000, i*1200, 1200))
			}
			return list
		}(),
		"DTLS, four messages": func() (list [][]byte) {
			for i := range 50 {
				list = append(list, dtls(i%4, 15_000, 1+i/4*1100, 1100))
			}
			return list
		}(),
		"DTLS, single bytes": func() (list [][]byte) {
			for i := range 300 {
				list = append(list, dtls(0, 60_000, 2*i, 1))
			}
			return list
		}(),
	} {
		peak := int64(0)
		const steps = 8
		for step := range steps + 1 {
			s := New(Config{Sink: decnet.SinkFunc(func(decnet.Event) {})})
			send := func(port uint16, payloads [][]byte) {
				for _, payload := range payloads {
					b := ipDatagram(true, payload)
					binary.BigEndian.PutUint16(b[20:], port)
					s.Packet(LinkRaw, time.Unix(1e9, 0), b)
				}
			}
			heap := func() int64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			send(9, payloads)
			before := heap()
			for i := range uint16(flows) {
				send(1000+i, payloads[:1+(len(payloads)-1)*step/steps])
			}
			peak = max(peak, (heap()-before)/flows)
			if len(s.flows) != flows+1 || s.counted.Shed > 0 || s.counted.BadHellos+s.counted.BadInitials+s.counted.Panics > 0 {
				t.Errorf("%s: %+v", name, s.counted)
			}
		}
		t.Logf("%s: %d bytes", name, peak)
		if peak > most {
			t.Errorf("%s: a flow holds %d bytes, the limit is %d", name, peak, most)
		}
	}
}

// FuzzQUIC puts frames into packets with sound protection, and sends raw datagrams.
func FuzzQUIC(f *testing.F) {
	hello := quicHello(f)
	id := unhex(f, exampleID)
	f.Add(crypto(0, hello), []byte{})
	f.Add(append(crypto(100, hello[100:]), crypto(0, hello[:100])...), []byte("\xc1\x00\x00\x00\x01\x00\x00\x00\x00"))
	f.Add([]byte{frameACK, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, make([]byte, 30))
	secret, err := quicSecret(quicV1, id)
	if err != nil {
		f.Fatal(err)
	}
	k, err := quicKeysOf(quicV1, secret, labelClient)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, frames, raw []byte) {
		if len(frames) > 8000 || len(raw) > 8000 {
			return
		}
		s := New(Config{})
		sealed := seal(t, k, quicV1, id, 0, append(bytes.Clone(frames), 0, 0)) // long enough to be protected
		for _, payload := range [][]byte{raw, sealed, append(bytes.Clone(sealed), raw...)} {
			s.Packet(LinkRaw, time.Unix(1e9, 0), ipDatagram(true, payload))
			s.Packet(LinkRaw, time.Unix(1e9, 0), ipDatagram(false, payload))
		}
		if s.counted.Panics > 0 || s.held > maxStream+4096 {
			t.Fatalf("%+v, %d held", s.counted, s.held)
		}
	})
}

// FuzzPieces compares pieces with a model: an array in which the first byte counts.
func FuzzPieces(f *testing.F) {
	f.Add([]byte{0, 10, 5, 10, 3, 20})
	f.Add([]byte{20, 5, 0, 5, 4, 30, 0, 255})
	f.Fuzz(func(t *testing.T, moves []byte) {
		var p pieces
		var model [512]int // value and one, 0 where nothing is
		for i := 0; i+1 < len(moves); i += 2 {
			at, b := int(moves[i]), bytes.Repeat([]byte{byte(i)}, int(moves[i+1]))
			if !p.insert(int64(at), b, 1<<20) {
				t.Fatal("no room")
			}
			for j := range b {
				if model[at+j] == 0 {
					model[at+j] = int(byte(i)) + 1
				}
			}
		}
		cost, end := 0, int64(-1)
		for _, q := range p.list {
			if q.at < end || len(q.b) == 0 {
				t.Fatalf("overlap at %d", q.at)
			}
			end = q.at + int64(len(q.b))
			cost += cap(q.b) + pieceCost
			for j, c := range q.b {
				if model[q.at+int64(j)] != int(c)+1 {
					t.Fatalf("byte %d is %d, want %d", q.at+int64(j), c, model[q.at+int64(j)]-1)
				}
				model[q.at+int64(j)] = 0
			}
		}
		for at, v := range model {
			if v != 0 {
				t.Fatalf("byte %d was lost", at)
			}
		}
		if cost != p.cost {
			t.Fatalf("cost %d, want %d", p.cost, cost)
		}
		if room := cap(p.list) * int(unsafe.Sizeof(piece{})); room > len(p.list)*pieceCost {
			t.Fatalf("a list of %d bytes for %d pieces", room, len(p.list))
		}
		if n := p.prefix(); n != len(p.appendPrefix(nil)) {
			t.Fatalf("prefix %d", n)
		}
		taken := int64(0)
		for b, ok := p.take(taken); ok; b, ok = p.take(taken) {
			taken += int64(len(b))
		}
	})
}
