package ja4plus_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/fingerprint"
	"github.com/decnet/decnet/fingerprint/ja4plus"
)

// serverHello parses a ServerHello with the extensions given in hexadecimal.
func serverHello(tb testing.TB, version, cipher, extensions string) *fingerprint.ServerHello {
	tb.Helper()
	block := decode(tb, extensions)
	body := slices.Concat(decode(tb, version), make([]byte, 32), []byte{0}, decode(tb, cipher), []byte{0})
	if len(block) > 0 {
		body = slices.Concat(body, []byte{byte(len(block) >> 8), byte(len(block))}, block)
	}
	h := new(fingerprint.ServerHello)
	message := slices.Concat([]byte{2, 0, byte(len(body) >> 8), byte(len(body))}, body)
	if err := h.ParseMessage(message); err != nil {
		tb.Fatal(err)
	}
	return h
}

func decode(tb testing.TB, digits string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestW13_JA4SIsThePublicOne holds values that several public tools agree on.
func TestW13_JA4SIsThePublicOne(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		version, cipher, extensions string
		transport                   fingerprint.Transport
		raw, hash                   string
	}{
		"no extensions":      {"0303", "002f", "", fingerprint.TCP, "t120000_002f_", "t120000_002f_000000000000"},
		"HelloRetryRequest":  {"0303", "1301", "002b 0002 0304 0033 0002 0017", fingerprint.TCP, "t130200_1301_002b,0033", "t130200_1301_a56c5b993250"},
		"DTLS":               {"fefd", "c030", "ff01 0001 00 000b 0002 0100 0023 0000 0017 0000", fingerprint.DTLS, "dd20400_c030_ff01,000b,0023,0017", "dd20400_c030_12a20535f9be"},
		"version 0 selected": {"0303", "1301", "002b 0002 0000", fingerprint.TCP, "t000100_1301_002b", ""},
		"protocol, wire order, GREASE kept": {
			"0303", "c02f", "2a2a 0000 0010 0005 0003 02 6832 0000 0000", fingerprint.QUIC, "q1203h2_c02f_2a2a,0010,0000", "",
		},
	} {
		h := serverHello(t, test.version, test.cipher, test.extensions)
		if got := string(ja4plus.AppendJA4SRaw(nil, h, test.transport)); got != test.raw {
			t.Errorf("%s: %s", name, got)
		}
		if got := ja4plus.JA4S(h, test.transport); test.hash != "" && got != test.hash {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestW14_JA4LMeasuresTheOtherSide has the packets of the published example: 1001 µs to
// the SYN-ACK, 333 µs to the ACK.
func TestW14_JA4LMeasuresTheOtherSide(t *testing.T) {
	t.Parallel()
	syn := time.Date(2024, 2, 29, 23, 59, 59, 999_999_000, time.UTC)
	at := func(d time.Duration) time.Time { return syn.Add(d) }
	for _, test := range []struct {
		packet, answer time.Time
		ttl            uint8
		want           string
	}{
		{syn, at(1001 * time.Microsecond), 64, "500_64"},
		{at(1001 * time.Microsecond), at(1334 * time.Microsecond), 64, "166_64"},
		{syn, at(2345678 * time.Microsecond), 255, "1172839_255"},
		{syn, at(1999 * time.Nanosecond), 1, "0_1"},
		{syn, syn, 128, "0_128"},
		{at(1), syn, 64, ""},
		{time.Time{}, syn, 64, ""},
		{syn, time.Time{}, 64, ""},
	} {
		if got := ja4plus.JA4L(test.packet, test.answer, test.ttl); got != test.want {
			t.Errorf("%v: %q, want %q", test.answer.Sub(test.packet), got, test.want)
		}
	}
}

// syn makes an IPv4 packet with a SYN.
func syn(tb testing.TB, window uint16, options string) *fingerprint.SYN {
	tb.Helper()
	opts := decode(tb, options)
	segment := slices.Concat(make([]byte, 12), []byte{byte(5+len(opts)/4) << 4, byte(fingerprint.FlagSYN), byte(window >> 8), byte(window), 0, 0, 0, 0}, opts)
	packet := slices.Concat([]byte{0x45, 0, 0, byte(20 + len(segment)), 0, 0, 0, 0, 64, 6}, make([]byte, 10), segment)
	s := new(fingerprint.SYN)
	if err := s.Parse(packet); err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestJA4T(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		window  uint16
		options string
		want    string
	}{
		"Linux":                   {64240, "020405b4 0402 080a 0000000000000000 01 030307", "64240_2-4-8-1-3_1460_7"},
		"macOS":                   {65535, "020405b4 01 030306 01 01 080a 0000000000000000 0402 0000", "65535_2-1-3-1-1-8-4-0-0_1460_6"},
		"no options":              {1024, "", "1024_00_00_00"},
		"scale of zero":           {8192, "020405b4 01 030300", "8192_2-1-3_1460_00"},
		"small segments":          {1, "02040005 01010101", "1_2-1-1-1-1_05_00"},
		"the last counts":         {1, "02040005 02040100 030302 030303 0101", "1_2-2-3-3-1-1_256_3"},
		"options behind the end":  {1, "00 030304 020400ff", "1_0-3-2_255_4"},
		"length over the options": {1, "020405b4 08ff 0000", "1_2-8_1460_00"},
		"length of one":           {1, "05010000", "1_5_00_00"},
		"no length":               {1, "010101fd", "1_1-1-1-253_00_00"},
	} {
		s := syn(t, test.window, test.options)
		if got := ja4plus.JA4T(s); got != test.want || ja4plus.JA4TS(s) != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// certificate makes one of names and extensions, a list of object identifiers each.
func certificate(issuer, subject, extensions []string) []byte {
	element := func(tag byte, parts ...[]byte) []byte {
		body := slices.Concat(parts...)
		return slices.Concat([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}, body)
	}
	id := func(digits string) []byte {
		b, _ := hex.DecodeString(digits)
		return element(6, b)
	}
	name := func(types []string) []byte {
		var sets []byte
		for _, typ := range types {
			sets = append(sets, element(0x31, element(0x30, id(typ), element(0x0c, []byte("x"))))...)
		}
		return element(0x30, sets)
	}
	var list []byte
	for _, typ := range extensions {
		list = append(list, element(0x30, id(typ), element(4))...)
	}
	algorithm := element(0x30, id("2a"))
	validity := element(0x30, element(0x17, []byte("200101000000Z")), element(0x17, []byte("300101000000Z")))
	tbs := element(0x30, element(2, []byte{1}), algorithm, name(issuer), validity, name(subject), element(0x30, algorithm, element(3)),
		element(0xa3, element(0x30, list)))
	return element(0x30, tbs, algorithm, element(3))
}

func TestJA4X(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		issuer, subject, extensions []string
		raw, hash                   string
	}{
		{ // of the published capture badcurveball
			[]string{"550406", "550408", "55040a", "550403"}, []string{"550406", "55040a", "550403"}, []string{"551d13", "551d11", "551d0e", "551d0f", "551d25"},
			"550406,550408,55040a,550403_550406,55040a,550403_551d13,551d11,551d0e,551d0f,551d25",
			"2e9214a636bc_a373a9f83c6b_0e17604154c5",
		},
		{ // of dtls-udp
			[]string{"550406", "550408", "55040a"}, []string{"550406", "550408", "55040a"}, nil,
			"550406,550408,55040a_550406,550408,55040a_", "5de83f524929_5de83f524929_000000000000",
		},
	} {
		var c fingerprint.Certificate
		if err := c.Parse(certificate(test.issuer, test.subject, test.extensions)); err != nil {
			t.Fatal(err)
		}
		if got := string(ja4plus.AppendJA4XRaw(nil, &c)); got != test.raw {
			t.Errorf("%s, want %s", got, test.raw)
		}
		if got := ja4plus.JA4X(&c); got != test.hash {
			t.Errorf("%s, want %s", got, test.hash)
		}
	}
}

func TestJA4H(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ head, r, ro string }{
		"cookies in another order, referer": {
			"GET /a b HTTP/1.1\r\nHost: x\r\nCookie: b=2; a-x=3;; a=1\r\nAccept-Language: en-US,en;q=0.9\r\nReferer: y\r\nX-Odd:z\r\n\r\n",
			"ge11cr03enus_Host,Accept-Language,X-Odd_a,a-x,b_a=1,a-x=3,b=2",
			"ge11cr03enus_Host,Accept-Language,X-Odd_b,a-x,a_b=2,a-x=3,a=1",
		},
		"bare line feeds, short language": {
			"POST / HTTP/1.0\nhost: x\naccept-language: DE;q=1\n\n", "po10nn02de00_host,accept-language__", "po10nn02de00_host,accept-language__",
		},
		"nothing but a line":  {"CONNECT x:443 HTTP/1.1\r\n\r\n", "co11nn000000___", "co11nn000000___"},
		"hyphen in a method":  {"M-SEARCH * HTTP/1.1\r\nHOST: x\r\n\r\n", "ms11nn010000_HOST__", "ms11nn010000_HOST__"},
		"empty cookie, folds": {"G / HTTP/2.0\r\nCookie:\r\nA: b\r\n c: d\r\nno header\r\n\r\n", "g020cn010000_A__", "g020cn010000_A__"},
	} {
		var r ja4plus.Request
		if err := r.Parse([]byte(test.head)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := string(ja4plus.AppendJA4H(nil, &r, ja4plus.JA4HRaw)); got != test.r {
			t.Errorf("%s: %s, want %s", name, got, test.r)
		}
		if got := string(ja4plus.AppendJA4H(nil, &r, ja4plus.JA4HOriginalInRaw)); got != test.ro {
			t.Errorf("%s: %s, want %s", name, got, test.ro)
		}
	}
	// Of the published captures: a CONNECT with one header.
	r := ja4plus.Request{Method: "CONNECT", Version: "10", Headers: []ja4plus.Header{{Name: "User-Agent", Value: "x"}}}
	if got := ja4plus.JA4H(&r); got != "co10nn010000_b8bcd45ac095_000000000000_000000000000" {
		t.Error(got)
	}
	r.Headers = slices.Repeat(r.Headers, 120)
	if got := ja4plus.JA4H(&r); !strings.HasPrefix(got, "co10nn990000_") {
		t.Error(got)
	}
}

func TestRequestRefuses(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]error{
		"":                              fingerprint.ErrTruncated,
		"GET / HTTP/1.1":                fingerprint.ErrTruncated,
		"GET / HTTP/1.1\r\nHost: x":     fingerprint.ErrTruncated,
		"GET / HTTP/1.1\r\nHost: x\r\n": fingerprint.ErrTruncated,
		"GET /\r\n\r\n":                 fingerprint.ErrMalformed,
		"SSH-2.0-x\r\n\r\n":             fingerprint.ErrMalformed,
		" / HTTP/1.1\r\n\r\n":           fingerprint.ErrMalformed,
		"GET / HTTP/11\r\n\r\n":         fingerprint.ErrMalformed,
	} {
		var r ja4plus.Request
		if err := r.Parse([]byte(head)); !errors.Is(err, want) {
			t.Errorf("%q: %v", head, err)
		}
	}
}

func TestJA4SSH(t *testing.T) {
	t.Parallel()
	var w ja4plus.SSHWindow
	if got := w.Flush(); got != "" {
		t.Errorf("nothing gives %q", got)
	}
	for round := range 2 { // the second window knows nothing of the first
		var got string
		for i := range 200 {
			if got != "" {
				t.Fatal("early: " + got)
			}
			size := 36
			if i%3 == 0 {
				size = 80 + i
			}
			w.Add(i%4 == 0, 0, true)
			w.Add(true, 0, false) // a bare FIN is no ACK
			got = w.Add(i%2 == 0, size, false)
		}
		if got != "c36s36_c100s100_c50s150" {
			t.Errorf("round %d: %s", round, got)
		}
	}
	// The smallest of equally frequent sizes counts, and a size over 16 bits as the largest.
	for _, size := range []int{9, 5, 9, 5, 1 << 20} {
		w.Add(true, size, true)
	}
	w.Add(false, 1<<20, true)
	if got := w.Flush(); got != "c5s65535_c5s1_c0s0" {
		t.Error(got)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nCookie: a=1; b\r\nAccept-Language: x\r\n\r\n"))
	f.Add([]byte("M- HTTP/1.0\n:\n\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		var r ja4plus.Request
		if r.Parse(head) != nil {
			return
		}
		if got := ja4plus.JA4H(&r); len(got) != 12+3*13 {
			t.Fatal(got)
		}
		raw := ja4plus.AppendJA4H(nil, &r, ja4plus.JA4HRaw)
		if len(raw) > 2*len(head)+20 {
			t.Fatalf("%d bytes from %d", len(raw), len(head))
		}
	})
}

func FuzzHellosAndCertificates(f *testing.F) {
	f.Add(certificate([]string{"550403"}, nil, []string{"551d13"}), uint16(1024), []byte{2, 4, 5, 180})
	f.Fuzz(func(t *testing.T, b []byte, window uint16, options []byte) {
		var c fingerprint.Certificate
		_ = c.Parse(b)
		if got := ja4plus.JA4X(&c); len(got) != 3*12+2 {
			t.Fatal(got)
		}
		var h fingerprint.ServerHello
		if h.ParseMessage(b) == nil {
			if got := ja4plus.JA4S(&h, fingerprint.TCP); len(got) != len("t130200_1301_a56c5b993250") {
				t.Fatal(got)
			}
		}
		options = options[:min(len(options), 40)/4*4]
		if got := ja4plus.JA4T(syn(t, window, hex.EncodeToString(options))); strings.Count(got, "_") != 3 {
			t.Fatal(got)
		}
	})
}

func ExampleJA4S() {
	answer, _ := hex.DecodeString("160303002a" + "02000026" + "0303" + strings.Repeat("00", 32) + "00" + "002f" + "00")
	var hello fingerprint.ServerHello
	if err := hello.Parse(answer); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ja4plus.JA4S(&hello, fingerprint.TCP))
	// Output: t120000_002f_000000000000
}

func ExampleJA4L() {
	syn := time.Unix(0, 0)
	synACK := syn.Add(90 * time.Microsecond)
	ack := synACK.Add(24 * time.Millisecond)
	fmt.Println("client", ja4plus.JA4L(synACK, ack, 52))
	fmt.Println("server", ja4plus.JA4L(syn, synACK, 64))
	// Output:
	// client 12000_52
	// server 45_64
}

func ExampleSSHWindow() {
	var w ja4plus.SSHWindow
	for range 150 { // an interactive session: a key, its echo, the client's acknowledgement
		w.Add(true, 36, false)
		if fingerprint := w.Add(false, 36, false); fingerprint != "" {
			fmt.Println(fingerprint)
		}
		w.Add(true, 0, true)
	}
	fmt.Println(w.Flush())
	// Output:
	// c36s36_c100s100_c99s0
	// c36s36_c50s50_c51s0
}
