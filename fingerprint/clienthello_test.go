package fingerprint_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint"
	"pgregory.net/rapid"
)

// TestW13_FingerprintsAreThePublicOnes holds the values of published captures and of
// hellos built to be odd against those that several public tools agree on.
func TestW13_FingerprintsAreThePublicOnes(t *testing.T) {
	t.Parallel()
	suites := []uint16{0xc02c, 0xcca8, 0xc030, 0xc02f, 0xc02b, 0x0035}
	for name, test := range map[string]struct {
		message                  []byte
		transport                fingerprint.Transport
		ja3Raw, ja3, ja4Raw, ja4 string
	}{
		"browser": {
			message: browserHello(),
			ja3Raw:  "771,4865-4867-4866-49195-49199-52393-52392-49196-49200-49162-49161-49171-49172-156-157-47-53,0-23-65281-10-11-35-16-5-34-51-43-13-45-28-21,29-23-24-25-256-257,0",
			ja3:     "579ccef312d18482fc42e2b822ca2430",
			ja4Raw:  "t13d1715h2_002f,0035,009c,009d,1301,1302,1303,c009,c00a,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,0015,0017,001c,0022,0023,002b,002d,0033,ff01_0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201",
			ja4:     "t13d1715h2_5b57614c22b0_3d5424432f57",
		},
		"no extensions block": {
			message: clientMessage(0x0301, suites, nil),
			ja3Raw:  "769,49196-52392-49200-49199-49195-53,,,",
			ja3:     "6f7c0c063ee924f6195ce74a0d275524",
			ja4Raw:  "t10i060000_0035,c02b,c02c,c02f,c030,cca8_",
			ja4:     "t10i060000_fe95fe614cd7_000000000000",
		},
		"empty extensions block": {
			message: clientMessage(0x0301, suites, [][]byte{}),
			ja4:     "t10i060000_fe95fe614cd7_000000000000",
		},
		"GREASE among the signature algorithms": {
			message: clientMessage(0x0303, []uint16{0x1301, 0x1302, 0x1303}, [][]byte{
				serverNameExt("a.example"), versionsExt(0x0304), groupsExt(29), sigAlgsExt(0x0a0a, 0x0804, 0x0501, 0x0805, 0x0403),
			}),
			ja4Raw: "t13d030400_1301,1302,1303_000a,000d,002b_0804,0501,0805,0403",
			ja4:    "t13d030400_55b375c5d22e_6d81dd611ce6",
		},
		"GREASE everywhere": {
			message: clientMessage(0x0303, []uint16{0x1a1a, 0x1301, 0x0a1a, 0xfafa}, [][]byte{
				ext(0x2a2a), groupsExt(0x3a3a, 29), versionsExt(0x4a4a, 0x0304, 0x0303), ext(0xeaea, []byte{0}),
			}),
			ja3Raw: "771,4865-2586,10-43,29,",
			ja4Raw: "t13i020200_0a1a,1301_000a,002b",
		},
		"only a name": {
			message: clientMessage(0x0301, suites, [][]byte{serverNameExt("b.example")}),
			ja4:     "t10d060100_fe95fe614cd7_000000000000",
		},
		"an empty name": {
			message: clientMessage(0x0301, suites, [][]byte{ext(0)}),
			ja4:     "t10d060100_fe95fe614cd7_000000000000",
		},
		"draft version": {
			message: clientMessage(0x0303, suites, [][]byte{versionsExt(0x0303, 0x7f1c)}),
			ja4Raw:  "t00i060100_0035,c02b,c02c,c02f,c030,cca8_002b",
		},
		"SSL 3": {
			message: clientMessage(0x0300, []uint16{4}, nil),
			ja3Raw:  "768,4,,,",
			ja4Raw:  "ts3i010000_0004_",
		},
		"no cipher suites": {
			message: clientMessage(0x0303, nil, nil),
			ja3Raw:  "771,,,,",
			ja4:     "t12i000000_000000000000_000000000000",
		},
		"empty signature algorithms": {
			message: clientMessage(0x0303, []uint16{5}, [][]byte{sigAlgsExt()}),
			ja4Raw:  "t12i010100_0005_000d",
		},
		"delegated credentials before signature algorithms": {
			message: clientMessage(0x0303, []uint16{5}, [][]byte{ext(34, vec16(u16s(0x0503))), sigAlgsExt(0x0403)}),
			ja4Raw:  "t12i010200_0005_000d,0022_0403",
		},
		"QUIC": {
			message:   clientMessage(0x0303, []uint16{0x1301}, [][]byte{alpnExt("h3"), versionsExt(0x0304)}),
			transport: fingerprint.QUIC,
			ja4Raw:    "q13i0102h3_1301_002b",
		},
		"duplicate extensions and suites": {
			message: clientMessage(0x0303, []uint16{5, 4, 5}, [][]byte{ext(23), ext(5), ext(23)}),
			ja3Raw:  "771,5-4-5,23-5-23,,",
			ja4Raw:  "t12i030300_0004,0005,0005_0005,0017,0017",
		},
		"rare values": {
			message: clientMessage(0x0303, []uint16{0xd001, 5, 0x8b8c, 5}, [][]byte{ext(0x3374), ext(0xabcd), ext(16, vec16()), ext(0)}),
			ja3Raw:  "771,53249-5-35724-5,13172-43981-16-0,,",
			ja4Raw:  "t12d040400_0005,0005,8b8c,d001_3374,abcd",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h fingerprint.ClientHello
			if err := h.ParseMessage(test.message); err != nil {
				t.Fatal(err)
			}
			transport := test.transport
			if transport == 0 {
				transport = fingerprint.TCP
			}
			for _, check := range []struct{ kind, got, want string }{
				{"JA3 raw", string(h.AppendJA3Raw(nil)), test.ja3Raw},
				{"JA3", h.JA3(), test.ja3},
				{"JA4 raw", string(h.AppendJA4(nil, transport, fingerprint.JA4Raw)), test.ja4Raw},
				{"JA4", h.JA4(transport), test.ja4},
			} {
				if check.want != "" && check.got != check.want {
					t.Errorf("%s:\n got %s\nwant %s", check.kind, check.got, check.want)
				}
			}
		})
	}
}

func TestJA4OriginalOrder(t *testing.T) {
	t.Parallel()
	var h fingerprint.ClientHello
	message := clientMessage(0x0301, []uint16{0x0035, 0x1301}, [][]byte{serverNameExt("b.example")})
	if err := h.ParseMessage(message); err != nil {
		t.Fatal(err)
	}
	// The second part of JA4_o is the hash of "0000", where JA4 has zeros.
	hash := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4Original))
	if !strings.HasPrefix(hash, "t10d020100_") || !strings.HasSuffix(hash, "_9af15b336e6a") {
		t.Error(hash)
	}
	if raw := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4OriginalInRaw)); raw != "t10d020100_0035,1301_0000" {
		t.Error(raw)
	}
}

func TestJA4ALPN(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "00", "h": "hh", "h2": "h2", "http/1.1": "h1", "HTTP/1.0": "H0",
		"\xab": "ab", "\x20": "20", "\xab\xcd": "ad", "\x20\x61": "21", "\x30\xab": "3b", "\x61\x20": "60",
		"\x30\x31\xab\xcd": "3d", "\x30\xab\xcd\x31": "01",
	} {
		if got := string(fingerprint.AppendJA4ALPN(nil, []byte(name))); got != want {
			t.Errorf("%x: %s, want %s", name, got, want)
		}
		var h fingerprint.ClientHello
		if err := h.ParseMessage(clientMessage(0x0303, nil, [][]byte{alpnExt(name, "other")})); err != nil {
			t.Fatal(err)
		}
		if got := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4Raw)); got != "t12i0001"+want+"__" {
			t.Errorf("%x: %s", name, got)
		}
	}
}

func TestJA4CountsUpTo99(t *testing.T) {
	t.Parallel()
	var ciphers []uint16
	var extensions [][]byte
	for i := range uint16(120) {
		ciphers = append(ciphers, 0xd000+119-i)
		extensions = append(extensions, ext(0xe100+i))
	}
	var h fingerprint.ClientHello
	if err := h.ParseMessage(clientMessage(0x0303, ciphers, extensions)); err != nil {
		t.Fatal(err)
	}
	raw := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4Raw))
	parts := strings.Split(raw, "_")
	if parts[0] != "t12i999900" || strings.Count(parts[1], ",") != 119 || !strings.HasPrefix(parts[1], "d000,d001,") ||
		strings.Count(parts[2], ",") != 119 || !strings.HasSuffix(parts[2], ",e176,e177") {
		t.Error(raw)
	}
}

// TestFormatting compares the writing of numbers, which takes short cuts, with a plain one.
func TestFormatting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.OneOf(rapid.Uint16(), rapid.SampledFrom([]uint16{0, 9, 10, 99, 100, 0x1301, 0xc02b, 0xff01, 0x0a0a, 0xfafa}))
		ciphers := rapid.SliceOfN(number, 0, 200).Draw(t, "ciphers")
		types := rapid.SliceOfN(rapid.Uint16Min(64), 0, 80).Draw(t, "types")
		groups := rapid.SliceOfN(number, 0, 60).Draw(t, "groups")
		algs := rapid.SliceOfN(number, 0, 60).Draw(t, "algs")
		extensions := [][]byte{groupsExt(groups...), sigAlgsExt(algs...)}
		for _, typ := range types {
			extensions = append(extensions, ext(typ))
		}
		var h fingerprint.ClientHello
		if err := h.ParseMessage(clientMessage(0x0303, ciphers, extensions)); err != nil {
			t.Fatal(err)
		}
		types = slices.Concat([]uint16{10, 13}, types)
		grease := func(v uint16) bool { return v>>8 == v&0xff && v&15 == 10 }
		for _, list := range []*[]uint16{&ciphers, &types, &groups, &algs} {
			*list = slices.DeleteFunc(*list, grease)
		}
		join := func(format, by string, list []uint16) string {
			var words []string
			for _, v := range list {
				words = append(words, fmt.Sprintf(format, v))
			}
			return strings.Join(words, by)
		}
		ja3 := "771," + join("%d", "-", ciphers) + "," + join("%d", "-", types) + "," + join("%d", "-", groups) + ","
		if got := string(h.AppendJA3Raw(nil)); got != ja3 {
			t.Fatalf("JA3\n got %s\nwant %s", got, ja3)
		}
		tail := ""
		if len(algs) > 0 {
			tail = "_" + join("%04x", ",", algs)
		}
		head := fmt.Sprintf("t12i%02d%02d00_", min(99, len(ciphers)), min(99, len(types)))
		ro := head + join("%04x", ",", ciphers) + "_" + join("%04x", ",", types) + tail
		if got := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4OriginalInRaw)); got != ro {
			t.Fatalf("JA4_ro\n got %s\nwant %s", got, ro)
		}
		slices.Sort(ciphers)
		slices.Sort(types)
		r := head + join("%04x", ",", ciphers) + "_" + join("%04x", ",", types) + tail
		if got := string(h.AppendJA4([]byte("kept "), fingerprint.TCP, fingerprint.JA4Raw)); got != "kept "+r {
			t.Fatalf("JA4_r\n got %s\nwant %s", got, r)
		}
	})
}

func TestEveryNumber(t *testing.T) {
	t.Parallel()
	for v := range 1 << 16 {
		var h fingerprint.ClientHello
		if err := h.ParseMessage(clientMessage(0x0303, []uint16{uint16(v), 1}, nil)); err != nil {
			t.Fatal(err)
		}
		ja3, ja4 := fmt.Sprintf("771,%d-1,,,", v), fmt.Sprintf("t12i020000_%04x,0001__", v)
		if fingerprint.IsGREASE(uint16(v)) {
			ja3, ja4 = "771,1,,,", "t12i010000_0001__"
		}
		if got := string(h.AppendJA3Raw(nil)); got != ja3 {
			t.Fatalf("%d: %s", v, got)
		}
		if got := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4OriginalInRaw)); got+"_" != ja4 {
			t.Fatalf("%d: %s", v, got)
		}
	}
}

// TestW15_HelloMaySpanRecordsAndSegments cuts a hello in every way.
func TestW15_HelloMaySpanRecordsAndSegments(t *testing.T) {
	t.Parallel()
	message := browserHello()
	const want = "t13d1715h2_5b57614c22b0_3d5424432f57"
	for size := 1; size <= len(message); size++ {
		stream := records(message, size)
		var h fingerprint.ClientHello
		if err := h.Parse(stream); err != nil || h.JA4(fingerprint.TCP) != want {
			t.Fatalf("records of %d bytes: %v", size, err)
		}
		for _, end := range []int{0, 1, 5, 6, 9, len(stream) / 2, len(stream) - 1} {
			if err := h.Parse(stream[:min(end, len(stream)-1)]); !errors.Is(err, fingerprint.ErrTruncated) {
				t.Fatalf("records of %d bytes, %d bytes of them: %v", size, end, err)
			}
		}
	}
}

func TestHelloAroundOtherRecords(t *testing.T) {
	t.Parallel()
	parts := records(browserHello(), 300)
	other := []byte("\x15\x03\x01\x00\x02\x01\x00\x14\x03\x01\x00\x01\x01") // a warning, a change of cipher specification
	stream := slices.Concat(other, parts[:305], other, parts[305:])
	var h fingerprint.ClientHello
	if err := h.Parse(stream); err != nil || h.JA3() != "579ccef312d18482fc42e2b822ca2430" {
		t.Error(err, h.JA3())
	}
}

func TestClientHelloFields(t *testing.T) {
	t.Parallel()
	message := clientMessage(0x0303, []uint16{0x1301}, [][]byte{
		serverNameExt("host.example"), alpnExt("h2", "http/1.1"), ext(35, []byte("ticket")), ext(41, []byte{0}), ext(42), versionsExt(0x0304, 0x0303),
	})
	var h fingerprint.ClientHello
	if err := h.ParseMessage(message); err != nil {
		t.Fatal(err)
	}
	if got := h.ALPNProtocols(); !slices.Equal(got, []string{"h2", "http/1.1"}) {
		t.Error(got)
	}
	if got := h.Resumption(); !slices.Equal(got, []string{"session_ticket", "psk", "early_data_0rtt", "session_id"}) {
		t.Error(got)
	}
	if string(h.ServerName) != "host.example" || h.Version != 0x0303 || len(h.Random) != 32 || len(h.SessionID) != 32 ||
		hex.EncodeToString(h.SupportedVersions) != "03040303" || string(h.CompressionMethods) != "\x00" {
		t.Errorf("%+v", h)
	}
	var types []uint16
	h.EachExtension(func(typ uint16, body []byte) bool {
		types = append(types, typ)
		return typ != 41
	})
	if !slices.Equal(types, []uint16{0, 16, 35, 41}) {
		t.Error(types)
	}
	// A parser that is used again keeps nothing.
	if err := h.ParseMessage(clientMessage(0x0303, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if h.HasServerName || h.ServerName != nil || len(h.Resumption()) != 1 || h.ALPNProtocols() != nil {
		t.Errorf("%+v", h)
	}
}

func TestClientHelloRefuses(t *testing.T) {
	t.Parallel()
	good := clientMessage(0x0303, []uint16{1}, [][]byte{serverNameExt("x")})
	at := func(i int, v byte) []byte {
		b := bytes.Clone(good)
		b[i] = v
		return b
	}
	for name, message := range map[string][]byte{
		"other message":            at(0, 2),
		"session ID over the end":  at(4+34, 200),
		"long session ID":          slices.Concat([]byte{1}, vec24(u16s(0x0303), make([]byte, 32), vec8(make([]byte, 33)), vec16(u16s(1)), vec8([]byte{0}))),
		"odd cipher suites":        slices.Concat([]byte{1}, vec24(u16s(0x0303), make([]byte, 32), vec8(), vec16([]byte{1, 2, 3}), vec8([]byte{0}))),
		"extensions over the end":  at(len(good)-11, 99),
		"extension over the end":   clientMessage(0x0303, nil, [][]byte{{0, 23, 0, 9}}),
		"half an extension":        clientMessage(0x0303, nil, [][]byte{{0, 23, 0}}),
		"name over its list":       clientMessage(0x0303, nil, [][]byte{ext(0, vec16([]byte{0, 0, 9, 'x'}))}),
		"list over its extension":  clientMessage(0x0303, nil, [][]byte{ext(10, []byte{0, 9, 0, 1})}),
		"bytes behind a list":      clientMessage(0x0303, nil, [][]byte{ext(13, vec16(u16s(1)), []byte{0})}),
		"odd groups":               clientMessage(0x0303, nil, [][]byte{ext(10, vec16([]byte{0, 1, 2}))}),
		"bytes behind the block":   slices.Concat([]byte{1}, vec24(good[4:], []byte{0})),
		"empty body":               {1, 0, 0, 0},
		"no room for a random":     slices.Concat([]byte{1}, vec24(u16s(0x0303), make([]byte, 31))),
		"no compression":           slices.Concat([]byte{1}, vec24(u16s(0x0303), make([]byte, 32), vec8(), vec16(u16s(1)))),
		"protocol over its list":   clientMessage(0x0303, nil, [][]byte{ext(16, vec16([]byte{255, 'a', 'b'}))}),
		"second protocol too long": clientMessage(0x0303, nil, [][]byte{ext(16, vec16([]byte{2, 'h', '2', 9, 'x'}))}),
		"versions without a count": clientMessage(0x0303, nil, [][]byte{ext(43)}),
	} {
		var h fingerprint.ClientHello
		if err := h.ParseMessage(message); !errors.Is(err, fingerprint.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, stream := range map[string][]byte{
		"SSH":                   []byte("SSH-2.0-x\r\n"),
		"SSL 2":                 {0x80, 0x2e, 1, 0, 2},
		"application data":      {23, 3, 3, 0, 1, 0},
		"version":               {22, 2, 0, 0, 1},
		"empty record":          {22, 3, 1, 0, 0},
		"record too long":       {22, 3, 1, 0xff, 0xff},
		"message over 64 KiB":   {22, 3, 1, 0, 4, 1, 1, 0, 0},
		"data within a message": {22, 3, 1, 0, 4, 1, 0, 0, 9, 23, 3, 1, 0, 2, 1, 0},
	} {
		var h fingerprint.ClientHello
		if err := h.Parse(stream); !errors.Is(err, fingerprint.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFingerprintsAllocateNothing(t *testing.T) {
	stream := records(browserHello(), 1<<14)
	server := records(serverMessage(0x0303, 0x1301, [][]byte{ext(43, u16s(0x0304)), ext(51, make([]byte, 36))}), 1<<14)
	opening := hello("SSH-2.0-x", dropbearKex, dropbearEnc, dropbearMAC, dropbearComp)
	dst := make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() {
		var h fingerprint.ClientHello
		var s fingerprint.ServerHello
		if h.Parse(stream) != nil || s.Parse(server) != nil {
			t.Fatal("hello refused")
		}
		dst = h.AppendJA3(dst[:0])
		for form := fingerprint.JA4Hash; form <= fingerprint.JA4OriginalInRaw; form++ {
			dst = h.AppendJA4(dst[:0], fingerprint.TCP, form)
		}
		dst = s.AppendJA3S(dst[:0])
		ssh, err := fingerprint.ParseSSH(opening)
		if err != nil {
			t.Fatal(err)
		}
		dst = ssh.AppendHASSH(dst[:0])
		dst = ssh.AppendHASSHServer(dst[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzClientHello(f *testing.F) {
	f.Add(records(browserHello(), 1<<14))
	f.Add(records(browserHello(), 3))
	f.Add(records(clientMessage(0x0300, []uint16{1, 1, 0x9999}, [][]byte{ext(0), alpnExt(""), ext(16, vec16())}), 100))
	f.Add([]byte("\x14\x03\x01\x00\x01\x01\x16\x03\x01\x00\x04\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h fingerprint.ClientHello
		if err := h.Parse(b); err != nil {
			if !errors.Is(err, fingerprint.ErrTruncated) && !errors.Is(err, fingerprint.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		ja3 := strings.Split(string(h.AppendJA3Raw(nil)), ",")
		if len(ja3) != 5 || ja3[0] != strconv.Itoa(int(h.Version)) {
			t.Fatal(ja3)
		}
		sorted := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4Raw))
		wire := string(h.AppendJA4(nil, fingerprint.TCP, fingerprint.JA4OriginalInRaw))
		if len(h.JA4(fingerprint.TCP)) != 36 || len(h.JA3()) != 32 || sorted[:10] != wire[:10] || len(sorted) > len(wire) {
			t.Fatalf("%s\n%s", sorted, wire)
		}
		h.ALPNProtocols()
		h.Resumption()
		var dtls fingerprint.ClientHello
		_ = dtls.ParseDTLSMessage(b)
	})
}
