package fingerprint

import (
	"encoding/binary"
	"slices"
	"strings"
)

// OSGuess is what a SYN or SYN-ACK suggests about the system that sent it.
type OSGuess struct {
	// Name is linux, windows, macos_ios, freebsd, openbsd or embedded, the name of a
	// scanner that writes its own packets (nmap, masscan, zmap, hping, mirai), or unknown.
	Name string
	// Confidence is between 0 for unknown and 1. It is a judgement of the rule, not a
	// measured rate.
	Confidence float64
	// Rule names the rule that matched, empty for unknown.
	Rule string
}

// OS guesses the system by the first matching of a list of rules: what scanners send, the
// exact option layouts of the common stacks, then what only roughly fits one of them.
// A layout outweighs the TTL, which proxies and evasive clients change.
func (s *SYN) OS() OSGuess {
	var buf [80]byte
	layout := string(s.AppendOptionsSignature(buf[:0]))
	initial := s.InitialTTL()
	for i := range osRules {
		r := &osRules[i]
		if r.ttl != 0 && r.ttl != initial || !r.fitsLayout(layout) ||
			len(r.windows) > 0 && !slices.Contains(r.windows, s.Window) ||
			r.fits != nil && !r.fits(s) || r.scanner && s.IsSYNACK() {
			continue
		}
		return OSGuess{Name: r.os, Confidence: r.confidence, Rule: r.name}
	}
	return OSGuess{Name: "unknown"}
}

// osRule is one rule: all that is set must hold.
type osRule struct {
	name, os   string
	confidence float64
	scanner    bool     // only for the first packet of a client
	ttl        uint8    // initial
	layouts    []string // letters of OptionsSignature; "M,W…" stands for a beginning, "…E" for an end
	windows    []uint16
	fits       func(*SYN) bool
}

func (r *osRule) fitsLayout(layout string) bool {
	if len(r.layouts) == 0 {
		return true
	}
	return slices.ContainsFunc(r.layouts, func(want string) bool {
		if begin, ok := strings.CutSuffix(want, "…"); ok {
			return strings.HasPrefix(layout, begin)
		}
		if end, ok := strings.CutPrefix(want, "…"); ok {
			return strings.HasSuffix(layout, end)
		}
		return layout == want
	})
}

// The predicates of the rules.

func hasDF(s *SYN) bool { return s.Quirks&QuirkDF != 0 || s.IPVersion == 6 }

// countsInMSS reports whether the window is a multiple of the MSS, as Linux makes it.
func countsInMSS(s *SYN) bool { return s.MSS > 0 && s.Window%s.MSS == 0 }

func scaleWithin(low, high uint8) func(*SYN) bool {
	return func(s *SYN) bool { return s.HasScale && low <= s.Scale && s.Scale <= high }
}

func scaleOf(scales ...uint8) func(*SYN) bool {
	return func(s *SYN) bool { return s.HasScale && slices.Contains(scales, s.Scale) }
}

func windowAtLeast(n uint16) func(*SYN) bool { return func(s *SYN) bool { return s.Window >= n } }

func sack(s *SYN) bool       { return s.SACKPermitted }
func timestamps(s *SYN) bool { return s.HasTimestamps }

func all(fits ...func(*SYN) bool) func(*SYN) bool {
	return func(s *SYN) bool {
		return !slices.ContainsFunc(fits, func(f func(*SYN) bool) bool { return !f(s) })
	}
}

// seqIsDestination reports whether the sequence number is the address that is attacked.
func seqIsDestination(s *SYN) bool {
	dst := s.Dst.Addr().Unmap()
	if !dst.Is4() || s.Seq == 0 {
		return false
	}
	b := dst.As4()
	return s.Seq == binary.BigEndian.Uint32(b[:])
}

var nmapWindows = []uint16{1024, 2048, 3072, 4096, 31337, 32768, 65535}

// osRules in the order in which they are tried.
var osRules = []osRule{
	{name: "sequence number is the destination", os: "mirai", confidence: 0.95, scanner: true,
		fits: seqIsDestination},
	{name: "nmap os detection", os: "nmap", confidence: 0.95, scanner: true,
		layouts: []string{"W,N,M,T,S", "M,W,S,T,E", "T,N,N,W,N,M", "S,T,W,E", "M,S,T,W,E", "M,S,T", "W,N,M,S,N,N"},
		windows: []uint16{1, 3, 4, 16, 63, 512}},
	{name: "nmap syn scan", os: "nmap", confidence: 0.9, scanner: true,
		layouts: []string{"M"}, windows: []uint16{1024, 2048, 3072, 4096},
		fits: func(s *SYN) bool { return s.TTL <= 64 && s.Quirks&QuirkDF == 0 && s.MSS == 1460 }},
	{name: "nmap options", os: "nmap", confidence: 0.7, scanner: true, ttl: 64,
		layouts: []string{"M,W,T,S", "M,W,T,S,…"}, windows: nmapWindows},
	{name: "zmap packet id", os: "zmap", confidence: 0.9, scanner: true,
		fits: func(s *SYN) bool { return s.IPVersion == 4 && s.ID == 54321 && s.Window == 65535 }},
	{name: "masscan", os: "masscan", confidence: 0.8, scanner: true, ttl: 255,
		layouts: []string{"", "M"}, windows: []uint16{1024}},
	{name: "hping", os: "hping", confidence: 0.7, scanner: true, ttl: 64,
		layouts: []string{""}, windows: []uint16{512}},

	{name: "macos layout", os: "macos_ios", confidence: 0.95, ttl: 64,
		layouts: []string{"M,N,W,N,N,T,S,E"}, windows: []uint16{65535}, fits: scaleWithin(5, 6)},
	{name: "macos layout, other numbers", os: "macos_ios", confidence: 0.8,
		layouts: []string{"M,N,W,N,N,T,S,E", "M,N,W,N,N,T,S,E,…"}},
	{name: "openbsd layout", os: "openbsd", confidence: 0.95, ttl: 64,
		layouts: []string{"M,N,N,S,N,W,N,N,T"}, windows: []uint16{16384, 16960}, fits: scaleWithin(3, 6)},
	{name: "openbsd layout, other numbers", os: "openbsd", confidence: 0.75,
		layouts: []string{"M,N,N,S,N,W,N,N,T"}},
	{name: "linux layout, window in segments", os: "linux", confidence: 0.95, ttl: 64,
		layouts: []string{"M,S,T,N,W"}, fits: all(hasDF, countsInMSS, scaleWithin(0, 14))},
	{name: "linux layout", os: "linux", confidence: 0.85, ttl: 64,
		layouts: []string{"M,S,T,N,W"}},
	{name: "linux layout, other ttl", os: "linux", confidence: 0.6,
		layouts: []string{"M,S,T,N,W"}},
	{name: "linux layout without timestamps", os: "linux", confidence: 0.85, ttl: 64,
		layouts: []string{"M,N,N,S,N,W"}, fits: all(hasDF, scaleWithin(0, 14))},
	{name: "windows layout", os: "windows", confidence: 0.95, ttl: 128,
		layouts: []string{"M,N,W,N,N,S"}, fits: all(hasDF, windowAtLeast(8192), scaleOf(2, 6, 7, 8))},
	{name: "windows layout with timestamps", os: "windows", confidence: 0.85, ttl: 128,
		layouts: []string{"M,N,W,S,T", "M,N,W,N,N,T,N,N,S"}, fits: windowAtLeast(8192)},
	{name: "windows layout without scale", os: "windows", confidence: 0.85, ttl: 128,
		layouts: []string{"M,N,N,S"}, windows: []uint16{8192, 16384, 64240, 65535}},
	{name: "windows layout, other numbers", os: "windows", confidence: 0.6, ttl: 128,
		layouts: []string{"M,N,W,N,N,S"}},
	{name: "freebsd layout", os: "freebsd", confidence: 0.9, ttl: 64,
		layouts: []string{"M,N,W,S,T"}, windows: []uint16{65535}, fits: all(hasDF, scaleWithin(6, 9))},

	// From here on: what roughly fits.
	{name: "apple-like end of list", os: "macos_ios", confidence: 0.6, ttl: 64,
		layouts: []string{"…E"}, windows: []uint16{65535}, fits: all(timestamps, scaleWithin(5, 6))},
	{name: "bsd-like numbers", os: "freebsd", confidence: 0.5, ttl: 64,
		windows: []uint16{65535}, fits: all(timestamps, sack, scaleOf(6))},
	{name: "linux-like numbers", os: "linux", confidence: 0.5, ttl: 64,
		fits: all(timestamps, sack, windowAtLeast(5000), scaleWithin(6, 14))},
	{name: "openbsd-like numbers", os: "openbsd", confidence: 0.4, ttl: 64,
		windows: []uint16{16384, 16960}, fits: scaleWithin(3, 6)},
	{name: "windows-like numbers", os: "windows", confidence: 0.5, ttl: 128,
		fits: all(sack, windowAtLeast(8192), scaleOf(2, 6, 7, 8))},
	{name: "windows-like window", os: "windows", confidence: 0.4, ttl: 128,
		windows: []uint16{8192, 16384, 65535}},
	{name: "ttl of network devices", os: "embedded", confidence: 0.4, ttl: 255},
}
