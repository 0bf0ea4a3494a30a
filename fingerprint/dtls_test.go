package fingerprint_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/decnet/decnet/fingerprint"
)

// dtlsFragment makes a record with a part of a message, given in the form of TLS.
func dtlsFragment(message []byte, number, from, to int) []byte {
	u24 := func(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v))[1:] }
	body := slices.Concat(message[:4], u16s(uint16(number)), u24(from), u24(to-from), message[4+from:4+to])
	return slices.Concat([]byte{22, 0xfe, 0xff}, make([]byte, 8), vec16(body))
}

// dtlsHello is a ClientHello with a cookie.
func dtlsHello() []byte {
	body := slices.Concat(u16s(0xfefd), make([]byte, 32), vec8(), vec8([]byte("cookie")), vec16(u16s(0xc02b, 0x00ff)), vec8([]byte{0}),
		vec16(groupsExt(29), sigAlgsExt(0x0403), ext(21, make([]byte, 500))))
	return slices.Concat([]byte{1}, vec24(body))
}

const dtlsJA4 = "dd2i020300_00ff,c02b_000a,000d,0015_0403"

func ja4OfDTLS(t *testing.T, message []byte) string {
	t.Helper()
	var h fingerprint.ClientHello
	if err := h.ParseDTLSMessage(message); err != nil {
		t.Fatal(err)
	}
	if string(h.Cookie) != "cookie" {
		t.Errorf("cookie %q", h.Cookie)
	}
	return string(h.AppendJA4(nil, fingerprint.DTLS, fingerprint.JA4Raw))
}

func TestDTLSFragmentsInAnyOrder(t *testing.T) {
	t.Parallel()
	message := dtlsHello()
	size := len(message) - 4
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		// Overlapping fragments of every place, some of them twice, shuffled.
		step := 1 + random.IntN(size)
		var datagrams [][]byte
		for from := 0; from < size; from += step {
			to := min(size, from+step+random.IntN(20))
			datagrams = append(datagrams, dtlsFragment(message, 3, from, to))
			if random.IntN(3) == 0 {
				datagrams = append(datagrams, datagrams[len(datagrams)-1])
			}
		}
		if len(datagrams) > 200 {
			continue // more than is kept
		}
		random.Shuffle(len(datagrams), func(i, j int) { datagrams[i], datagrams[j] = datagrams[j], datagrams[i] })
		var handshake fingerprint.DTLSHandshake
		got := 0
		for _, d := range datagrams {
			m, n, err := handshake.Next(d)
			switch {
			case err == nil:
				got++
				if ja4 := ja4OfDTLS(t, m); ja4 != dtlsJA4 {
					t.Fatal(ja4)
				}
			case !errors.Is(err, fingerprint.ErrTruncated) || n != len(d):
				t.Fatal(n, err)
			}
		}
		if got != 1 {
			t.Fatalf("round %d, steps of %d: %d messages", round, step, got)
		}
	}
}

func TestDTLSManyMessagesInOneDatagram(t *testing.T) {
	t.Parallel()
	server := serverMessage(0xfefd, 0xc030, [][]byte{ext(0xff01, []byte{0}), ext(11), ext(35), ext(23)})
	one := dtlsFragment(server, 1, 0, len(server)-4)
	done := dtlsFragment([]byte{14, 0, 0, 0}, 2, 0, 0)
	// Both messages in one record, a change of cipher specification behind it, and a third.
	datagram := slices.Concat(one[:11], vec16(one[13:], done[13:]), []byte{20, 0xfe, 0xfd}, make([]byte, 8), vec16([]byte{1}),
		dtlsFragment(dtlsHello(), 3, 0, len(dtlsHello())-4))
	var handshake fingerprint.DTLSHandshake
	var types []byte
	for rest := datagram; ; {
		m, n, err := handshake.Next(rest)
		rest = rest[n:]
		if err != nil {
			if !errors.Is(err, fingerprint.ErrTruncated) || len(rest) > 0 {
				t.Fatal(err, len(rest))
			}
			break
		}
		types = append(types, m[0])
		var h fingerprint.ServerHello
		if m[0] == 2 && (h.ParseMessage(m) != nil || string(h.AppendJA3SRaw(nil)) != "65277,49200,65281-11-35-23") {
			t.Errorf("%+v", h)
		}
	}
	if string(types) != "\x02\x0e\x01" {
		t.Errorf("messages %v", types)
	}
	if _, _, err := handshake.Next(datagram); !errors.Is(err, fingerprint.ErrTruncated) {
		t.Error("a message came twice", err)
	}
	handshake.Reset()
	if m, _, err := handshake.Next(datagram); err != nil || m[0] != 2 {
		t.Error("Reset does not forget", err)
	}
}

func TestDTLSRefuses(t *testing.T) {
	t.Parallel()
	good := dtlsFragment(dtlsHello(), 0, 0, 10)
	at := func(i int, v byte) []byte {
		b := slices.Clone(good)
		b[i] = v
		return b
	}
	for name, datagram := range map[string][]byte{
		"short":                    good[:12],
		"TLS":                      at(1, 3),
		"encrypted epoch":          at(4, 1),
		"application data":         at(0, 23),
		"record over the end":      at(12, 0xff),
		"fragment over the record": at(24, 0xff),
		"fragment over its end":    at(20, 0xff),
		"number":                   at(18, 32),
	} {
		var handshake fingerprint.DTLSHandshake
		if _, _, err := handshake.Next(datagram); !errors.Is(err, fingerprint.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDTLSMemoryIsBounded floods a connection with fragments of messages that never end:
// when 64 KiB are held, nothing more is.
func TestDTLSMemoryIsBounded(t *testing.T) {
	message := slices.Concat([]byte{1, 0, 0xf0, 0}, make([]byte, 0xf000))
	var flood [][]byte
	for number := range 32 {
		for from := 0; from < 0xf000; from += 1000 {
			flood = append(flood, dtlsFragment(message, number, from, min(from+900, 0xf000)))
		}
	}
	var handshake fingerprint.DTLSHandshake
	pour := func() {
		for _, d := range flood {
			if _, n, err := handshake.Next(d); !errors.Is(err, fingerprint.ErrTruncated) || n != len(d) {
				t.Fatal(err)
			}
		}
	}
	pour()
	if n := testing.AllocsPerRun(3, pour); n != 0 {
		t.Errorf("%v allocations for fragments that are not kept", n)
	}
}

func FuzzDTLSHandshake(f *testing.F) {
	message := dtlsHello()
	f.Add(slices.Concat(dtlsFragment(message, 0, 100, 200), dtlsFragment(message, 0, 0, 150), dtlsFragment(message, 0, 200, len(message)-4)))
	f.Add(slices.Concat(dtlsFragment(message, 1, 0, len(message)-4), dtlsFragment([]byte{14, 0, 0, 0}, 2, 0, 0)))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		var handshake fingerprint.DTLSHandshake
		for rest := datagram; ; {
			m, n, err := handshake.Next(rest)
			rest = rest[n:]
			if err != nil {
				break
			}
			if len(m) < 4 || len(m)-4 != int(m[1])<<16|int(m[2])<<8|int(m[3]) || len(m) > len(datagram) {
				t.Fatalf("message %x", m)
			}
			var h fingerprint.ClientHello
			if h.ParseDTLSMessage(m) == nil {
				h.JA4(fingerprint.DTLS)
			}
		}
	})
}
