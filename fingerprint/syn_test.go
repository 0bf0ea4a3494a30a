package fingerprint_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/fingerprint"
)

// synPacket is an IP packet of a test; its zero value is a bare SYN.
type synPacket struct {
	ttl, tos       byte
	id, fragment   uint16
	ipOptions      []byte
	seq, ack       uint32
	flags          fingerprint.TCPFlags
	window, urgent uint16
	options        []byte
	payload        int // bytes that the IP header speaks of
	flow           uint32
	extensions     []byte // of IPv6, behind each other
	next           byte   // the first of them
}

const dontFragment = 0x4000

func (p synPacket) segment() []byte {
	options := append(slices.Clone(p.options), make([]byte, (4-len(p.options)%4)%4)...)
	b := slices.Concat(u16s(40000, 443), binary.BigEndian.AppendUint32(nil, p.seq), binary.BigEndian.AppendUint32(nil, p.ack),
		[]byte{byte(5+len(options)/4) << 4, byte(p.flags | fingerprint.FlagSYN)}, u16s(p.window, 0, p.urgent))
	return append(b, options...)
}

func (p synPacket) ipv4() []byte {
	segment := p.segment()
	total := 20 + len(p.ipOptions) + len(segment) + p.payload
	return slices.Concat([]byte{0x45 + byte(len(p.ipOptions)/4), p.tos}, u16s(uint16(total), p.id, p.fragment),
		[]byte{p.ttl, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2}, p.ipOptions, segment)
}

func (p synPacket) ipv6() []byte {
	segment := p.segment()
	next := p.next
	if p.extensions == nil {
		next = 6
	}
	src, dst := netip.MustParseAddr("2001:db8::1").As16(), netip.MustParseAddr("2001:db8::2").As16()
	return slices.Concat(binary.BigEndian.AppendUint32(nil, 6<<28|uint32(p.tos)<<20|p.flow),
		u16s(uint16(len(p.extensions)+len(segment)+p.payload)), []byte{next, p.ttl}, src[:], dst[:], p.extensions, segment)
}

// options makes TCP options of the letters of OptionsSignature.
func options(mss uint16, scale byte, letters string) []byte {
	var b []byte
	for _, c := range letters {
		switch c {
		case 'M':
			b = append(b, 2, 4, byte(mss>>8), byte(mss))
		case 'W':
			b = append(b, 3, 3, scale)
		case 'S':
			b = append(b, 4, 2)
		case 'T':
			b = append(b, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0)
		case 'N':
			b = append(b, 1)
		case 'E':
			b = append(b, 0)
		}
	}
	return b
}

func parseSYN(t *testing.T, packet []byte) *fingerprint.SYN {
	t.Helper()
	s := new(fingerprint.SYN)
	if err := s.Parse(packet); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestP0f(t *testing.T) {
	t.Parallel()
	linux := options(1460, 7, "MSTNW")
	for name, test := range map[string]struct {
		packet []byte
		want   string
	}{
		"macOS": {
			synPacket{ttl: 64, id: 9, fragment: dontFragment, seq: 1, window: 65535, options: options(1460, 6, "MNWNNTSEE")}.ipv4(),
			"4:64+0:0:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,id+:0",
		},
		"Linux": {
			synPacket{ttl: 57, id: 9, fragment: dontFragment, seq: 1, window: 64240, options: linux}.ipv4(),
			"4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0",
		},
		"window in own segments less timestamps": {
			synPacket{ttl: 64, fragment: dontFragment, seq: 1, window: 1388 * 7, options: options(1400, 7, "MSTNW")}.ipv4(),
			"4:64+0:0:1400:mss*7,7:mss,sok,ts,nop,ws:df:0",
		},
		"window in MTUs": {
			synPacket{ttl: 255, seq: 1, window: 1440 * 3, options: options(1400, 0, "M")}.ipv4(),
			"4:255+0:0:1400:mtu*3,0:mss:id-:0",
		},
		"every quirk of IPv4": {
			synPacket{ttl: 200, tos: 1, fragment: dontFragment | 0x8000, ipOptions: []byte{1, 1, 1, 0}, ack: 5, urgent: 1,
				flags: fingerprint.FlagPSH, options: []byte{8, 10, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 15, 0, 9}, payload: 3}.ipv4(),
			"4:200+?:4:0:0,15:ts,ws,eol+2:df,ecn,0+,seq-,ack+,uptr+,pushf+,ts1-,ts2+,opt+,exws:+",
		},
		"the others": {
			synPacket{ttl: 33, seq: 1, window: 9, flags: fingerprint.FlagACK | fingerprint.FlagURG | fingerprint.FlagECE, urgent: 7,
				options: []byte{5, 2, 77, 3, 0, 2, 9}}.ipv4(),
			"4:33+31:0:0:9,0:sack,?77,mss:id-,ecn,ack-,urgf+,bad:0",
		},
		"IPv6": {
			synPacket{ttl: 64, seq: 1, window: 64800, flow: 1, options: options(1440, 10, "MSTNW")}.ipv6(),
			"6:64+0:0:1440:mss*45,10:mss,sok,ts,nop,ws:flow:0",
		},
	} {
		s := parseSYN(t, test.packet)
		if got := s.P0f(nil); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
	// A SYN-ACK may count in the segments of its peer.
	syn := parseSYN(t, synPacket{ttl: 64, seq: 1, options: options(777, 0, "M")}.ipv4())
	synack := parseSYN(t, synPacket{ttl: 64, id: 1, seq: 1, ack: 2, flags: fingerprint.FlagACK, window: 777 * 5, options: options(1460, 0, "M")}.ipv4())
	if got := synack.P0f(syn) + " " + synack.P0f(nil); got != "4:64+0:0:1460:mss*5,0:mss::0 4:64+0:0:1460:3885,0:mss::0" {
		t.Error(got)
	}
}

func TestSYNFields(t *testing.T) {
	t.Parallel()
	s := parseSYN(t, synPacket{ttl: 50, id: 9, fragment: dontFragment, seq: 7, window: 29200, payload: 4, flags: fingerprint.FlagECE,
		options: options(1460, 7, "MSTNW")}.ipv4())
	if s.Src.String() != "192.0.2.1:40000" || s.Dst.String() != "198.51.100.2:443" || s.Seq != 7 || s.Window != 29200 || s.MSS != 1460 ||
		s.Scale != 7 || !s.HasMSS || !s.HasScale || !s.HasTimestamps || !s.SACKPermitted || s.TSValue != 1 || s.PayloadLen != 4 ||
		s.InitialTTL() != 64 || s.HopDistance() != 14 || s.IsSYNACK() || s.ID != 9 || s.IPVersion != 4 ||
		s.OptionsSignature() != "M,S,T,N,W" || s.Quirks.String() != "df,id+,ecn" {
		t.Errorf("%+v", s)
	}
	for letters, want := range map[string]string{"": "", "MNWNNTSEE": "M,N,W,N,N,T,S,E"} {
		if got := parseSYN(t, synPacket{options: options(1, 1, letters)}.ipv4()).OptionsSignature(); got != want {
			t.Errorf("%s: %s", letters, got)
		}
	}
	odd := parseSYN(t, synPacket{options: []byte{14, 3, 1, 28, 4, 1, 1, 15, 2, 5, 2, 99, 2, 2, 1}}.ipv4())
	if got := odd.OptionsSignature(); got != "A,U,A,S,?,M" || odd.Quirks&fingerprint.QuirkBadOptions == 0 {
		t.Error(got, odd.Quirks)
	}
	twice := parseSYN(t, synPacket{options: []byte{2, 4, 0, 1, 2, 4, 0, 2}}.ipv4())
	if twice.MSS != 2 {
		t.Errorf("MSS %d", twice.MSS)
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[uint8]string{
		0: "32 32", 1: "32 31", 32: "32 0", 33: "64 31", 64: "64 0", 65: "128 63", 128: "128 0", 129: "255 64", 200: "255 55", 255: "255 0",
	} {
		s := fingerprint.SYN{TTL: ttl}
		if got := fmt.Sprint(s.InitialTTL(), s.HopDistance()); got != want {
			t.Errorf("%d: %s, want %s", ttl, got, want)
		}
	}
}

// TestW16_IPv6 holds that IPv6 is read like IPv4, behind any extension headers.
func TestW16_IPv6(t *testing.T) {
	t.Parallel()
	header := func(next byte, size int) []byte {
		return append([]byte{next, byte(size/8 - 1)}, make([]byte, size-2)...)
	}
	chain := slices.Concat(header(60, 8), header(43, 16), header(44, 24), []byte{51, 0, 0, 1, 0, 0, 0, 0}, []byte{6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	s := parseSYN(t, synPacket{ttl: 64, seq: 1, window: 3, extensions: chain, payload: 2, options: options(1440, 7, "MSTNW")}.ipv6())
	if s.Src.String() != "[2001:db8::1]:40000" || s.IPVersion != 6 || int(s.IPOptions) != len(chain) || s.PayloadLen != 2 || s.OS().Name != "linux" {
		t.Errorf("%+v", s)
	}
	for name, test := range map[string]struct {
		packet []byte
		want   error
	}{
		"later fragment":    {synPacket{next: 44, extensions: []byte{6, 0, 0, 8, 0, 0, 0, 0}}.ipv6(), fingerprint.ErrMalformed},
		"UDP":               {synPacket{next: 17, extensions: []byte{}}.ipv6(), fingerprint.ErrMalformed},
		"encrypted":         {synPacket{next: 50, extensions: make([]byte, 8)}.ipv6(), fingerprint.ErrMalformed},
		"endless extension": {synPacket{next: 0, extensions: slices.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 0}, 9)}.ipv6(), fingerprint.ErrMalformed},
		"cut extension":     {synPacket{next: 0, extensions: header(6, 16)}.ipv6()[:50], fingerprint.ErrTruncated},
	} {
		var s fingerprint.SYN
		if err := s.Parse(test.packet); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSYNRefuses(t *testing.T) {
	t.Parallel()
	good := synPacket{ttl: 64, options: options(1460, 7, "MSTNW")}.ipv4()
	for i := range good {
		var s fingerprint.SYN
		if err := s.Parse(good[:i]); !errors.Is(err, fingerprint.ErrTruncated) {
			t.Fatalf("%d of %d bytes: %v", i, len(good), err)
		}
	}
	at := func(i int, v byte) []byte {
		b := slices.Clone(good)
		b[i] = v
		return b
	}
	for name, packet := range map[string][]byte{
		"no IP": at(0, 0x20), "header of 16 bytes": at(0, 0x44), "UDP": at(9, 17), "no SYN": at(33, 0x10), "fragment": at(7, 1),
		"total below the header": at(3, 8), "total below TCP": at(3, 30), "TCP header of 16 bytes": at(32, 0x40), "TCP header over the end": at(32, 0xf0),
	} {
		var s fingerprint.SYN
		if err := s.Parse(packet); !errors.Is(err, fingerprint.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOS(t *testing.T) {
	t.Parallel()
	df := uint16(dontFragment)
	for name, test := range map[string]struct {
		packet synPacket
		want   string
		least  float64
	}{
		"Linux":                    {synPacket{ttl: 64, fragment: df, seq: 1, window: 64240, options: options(1460, 7, "MSTNW")}, "linux", 0.9},
		"Linux far away":           {synPacket{ttl: 41, fragment: df, seq: 1, window: 29200, options: options(1460, 7, "MSTNW")}, "linux", 0.9},
		"Linux over a tunnel":      {synPacket{ttl: 60, fragment: df, seq: 1, window: 64860, options: options(1380, 8, "MSTNW")}, "linux", 0.9},
		"Linux, odd window":        {synPacket{ttl: 64, fragment: df, seq: 1, window: 60001, options: options(1460, 7, "MSTNW")}, "linux", 0.8},
		"Linux, TTL of Windows":    {synPacket{ttl: 128, fragment: df, seq: 1, window: 64240, options: options(1460, 7, "MSTNW")}, "linux", 0.5},
		"Linux, no timestamps":     {synPacket{ttl: 64, fragment: df, seq: 1, window: 64240, options: options(1460, 7, "MNNSNW")}, "linux", 0.8},
		"Windows 10":               {synPacket{ttl: 128, fragment: df, seq: 1, window: 64240, options: options(1460, 8, "MNWNNS")}, "windows", 0.9},
		"Windows 7":                {synPacket{ttl: 117, fragment: df, seq: 1, window: 8192, options: options(1460, 2, "MNWNNS")}, "windows", 0.9},
		"Windows with timestamps":  {synPacket{ttl: 128, fragment: df, seq: 1, window: 65535, options: options(1460, 8, "MNWST")}, "windows", 0.8},
		"Windows XP":               {synPacket{ttl: 128, fragment: df, seq: 1, window: 65535, options: options(1460, 0, "MNNS")}, "windows", 0.8},
		"macOS":                    {synPacket{ttl: 64, fragment: df, seq: 1, window: 65535, options: options(1460, 6, "MNWNNTSEE")}, "macos_ios", 0.9},
		"macOS, other scale":       {synPacket{ttl: 64, fragment: df, seq: 1, window: 65535, options: options(16344, 3, "MNWNNTSEE")}, "macos_ios", 0.7},
		"FreeBSD":                  {synPacket{ttl: 64, fragment: df, seq: 1, window: 65535, options: options(1460, 6, "MNWST")}, "freebsd", 0.8},
		"OpenBSD":                  {synPacket{ttl: 64, fragment: df, seq: 1, window: 16384, options: options(1460, 6, "MNNSNWNNT")}, "openbsd", 0.9},
		"network device":           {synPacket{ttl: 250, seq: 1, window: 4128, options: options(536, 0, "M")}, "embedded", 0.3},
		"nmap -sS":                 {synPacket{ttl: 43, id: 1, seq: 1, window: 1024, options: options(1460, 0, "M")}, "nmap", 0.8},
		"nmap -O":                  {synPacket{ttl: 50, id: 1, seq: 1, window: 1, options: options(1460, 10, "WNMTS")}, "nmap", 0.9},
		"nmap of the rules":        {synPacket{ttl: 64, id: 1, seq: 1, window: 31337, options: options(1460, 10, "MWTS")}, "nmap", 0.6},
		"masscan":                  {synPacket{ttl: 250, id: 1, seq: 1, window: 1024, options: options(1460, 0, "M")}, "masscan", 0.7},
		"zmap":                     {synPacket{ttl: 240, id: 54321, seq: 1, window: 65535}, "zmap", 0.8},
		"hping":                    {synPacket{ttl: 64, id: 1, seq: 1, window: 512}, "hping", 0.6},
		"mirai":                    {synPacket{ttl: 60, id: 1, seq: 0xc6336402, window: 5555}, "mirai", 0.9},
		"rule 4 of the base":       {synPacket{ttl: 64, seq: 1, window: 65535, options: options(1460, 5, "MTWE")}, "macos_ios", 0.5},
		"rule 5":                   {synPacket{ttl: 64, seq: 1, window: 65535, options: options(1460, 6, "TSWMN")}, "freebsd", 0.4},
		"rule 6":                   {synPacket{ttl: 64, seq: 1, window: 5000, options: options(1460, 9, "WSTM")}, "linux", 0.4},
		"rule 7":                   {synPacket{ttl: 64, seq: 1, window: 16960, options: options(1460, 3, "MW")}, "openbsd", 0.3},
		"rule 8":                   {synPacket{ttl: 128, seq: 1, window: 9000, options: options(1460, 7, "WSM")}, "windows", 0.4},
		"rule 9":                   {synPacket{ttl: 128, seq: 1, window: 16384}, "windows", 0.3},
		"rule 10":                  {synPacket{ttl: 255, seq: 1, window: 1}, "embedded", 0.3},
		"nothing known":            {synPacket{ttl: 64, seq: 1, window: 77}, "unknown", 0},
		"SYN-ACK is no scanner":    {synPacket{ttl: 43, id: 1, seq: 1, flags: fingerprint.FlagACK, window: 1024, options: options(1460, 0, "M")}, "unknown", 0},
		"SYN-ACK of Windows":       {synPacket{ttl: 128, fragment: df, seq: 1, ack: 2, flags: fingerprint.FlagACK, window: 65535, options: options(1460, 8, "MNWNNS")}, "windows", 0.9},
		"SYN-ACK of Linux":         {synPacket{ttl: 64, fragment: df, seq: 1, ack: 2, flags: fingerprint.FlagACK, window: 65160, options: options(1460, 7, "MSTNW")}, "linux", 0.8},
		"SYN-ACK of Linux, no opt": {synPacket{ttl: 64, fragment: df, seq: 1, ack: 2, flags: fingerprint.FlagACK, window: 64240, options: options(1460, 7, "MNNSNW")}, "linux", 0.8},
	} {
		g := parseSYN(t, test.packet.ipv4()).OS()
		if g.Name != test.want || g.Confidence < test.least || g.Confidence > 1 || (g.Rule == "") != (g.Name == "unknown") {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

func FuzzSYN(f *testing.F) {
	f.Add(synPacket{ttl: 64, options: options(1460, 7, "MNWNNTSEE")}.ipv4())
	f.Add(synPacket{ttl: 64, next: 0, extensions: []byte{6, 0, 0, 0, 0, 0, 0, 0}, options: []byte{2, 9}}.ipv6())
	f.Fuzz(func(t *testing.T, packet []byte) {
		var s fingerprint.SYN
		if s.Parse(packet) != nil {
			return
		}
		if p := s.P0f(&s); strings.Count(p, ":") != 7 {
			t.Fatal(p)
		}
		if g := s.OS(); g.Name == "" || len(s.OptionsSignature()) > 80 || s.HopDistance() < 0 || s.HopDistance() > 64 {
			t.Fatal(g, s.OptionsSignature(), s.HopDistance())
		}
	})
}
