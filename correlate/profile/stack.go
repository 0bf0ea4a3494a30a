package profile

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// maxLabels bounds how many names of operating systems are told apart.
const maxLabels = 16

// stack sums up what sensors saw of an attacker's network stack.
type stack struct {
	Guesses     []label      `json:"guesses,omitempty"` // in the order of first sight
	TTLs        map[int]int  `json:"ttls,omitempty"`
	Hops        map[int]int  `json:"hops,omitempty"`
	Retransmits int          `json:"retransmits,omitempty"`
	Last        *tcpSnapshot `json:"last,omitempty"`
}

type label struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// tcpSnapshot is the TCP part of a profile, as last seen.
type tcpSnapshot struct {
	Window     int    `json:"window"`
	Wscale     *int   `json:"wscale"` // nil: not offered
	MSS        int    `json:"mss"`
	Options    string `json:"options_sig"`
	SACK       bool   `json:"has_sack"`
	Timestamps bool   `json:"has_timestamps"`
}

// add folds in an event of a sensor, or a session event that knows the SYN.
func (s *stack) add(e *decnet.Event) {
	switch e.Type {
	case "tcp_flow_timing":
		if n, ok := number(e, "retransmits"); ok && n > 0 {
			s.Retransmits += min(n, 1<<30)
		}
	case "tcp_syn_fingerprint", "session":
		if guess := e.Value("os_guess"); guess != "" && guess != "unknown" {
			s.guess(guess)
		}
		if ttl, ok := number(e, "ttl"); ok {
			s.TTLs = count(s.TTLs, ttl)
		}
		if hops, ok := number(e, "hop_distance"); ok && hops > 0 {
			s.Hops = count(s.Hops, hops)
		}
		if window, ok := number(e, "window"); ok {
			s.Last = &tcpSnapshot{Window: window, Options: cut(e.Value("options_sig")), SACK: e.Value("has_sack") == "true", Timestamps: e.Value("has_timestamps") == "true"}
			s.Last.MSS, _ = number(e, "mss")
			if w, ok := number(e, "wscale"); ok {
				s.Last.Wscale = &w
			}
		}
	case "tcpfp_fingerprint":
		if ttl, ok := number(e, "ttl"); ok {
			s.TTLs = count(s.TTLs, ttl)
			if hops := initialTTL(ttl) - ttl; hops > 0 {
				s.Hops = count(s.Hops, hops)
			}
		}
		if window, ok := number(e, "window_size"); ok {
			s.Last = &tcpSnapshot{Window: window, Options: cut(e.Value("options_order")), SACK: e.Value("sack_ok") == "1", Timestamps: e.Value("timestamp") == "1"}
			s.Last.MSS, _ = number(e, "mss")
			if w, ok := number(e, "window_scale"); ok && w >= 0 {
				s.Last.Wscale = &w
			}
		}
	}
}

func (s *stack) guess(name string) {
	name = cut(name)
	i := slices.IndexFunc(s.Guesses, func(l label) bool { return l.Name == name })
	if i >= 0 {
		s.Guesses[i].Count++
	} else if len(s.Guesses) < maxLabels {
		s.Guesses = append(s.Guesses, label{name, 1})
	}
}

// count adds one to m[n]. Only values of one byte are kept: TTLs and hops have no others.
func count(m map[int]int, n int) map[int]int {
	if n < 0 || n > 255 {
		return m
	}
	if m == nil {
		m = make(map[int]int)
	}
	m[n]++
	return m
}

// number returns the field key as a whole number that fits into 32 bits.
func number(e *decnet.Event, key string) (int, bool) {
	n, err := strconv.ParseInt(e.Value(key), 10, 32)
	return int(n), err == nil
}

// cut bounds what is kept of a text, which JSON must hold as it is.
func cut(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), 128)], "\ufffd")
}

func initialTTL(ttl int) int {
	switch {
	case ttl <= 64:
		return 64
	case ttl <= 128:
		return 128
	}
	return 255
}

// os returns the operating system guessed most often, or else the one whose usual TTL
// fits the TTL seen most often; "" when neither is known.
func (s *stack) os() string {
	if len(s.Guesses) > 0 {
		return slices.MaxFunc(s.Guesses, func(a, b label) int { return cmp.Compare(a.Count, b.Count) }).Name
	}
	ttl, most := 0, 0
	for _, t := range slices.Sorted(maps.Keys(s.TTLs)) {
		if s.TTLs[t] > most {
			ttl, most = t, s.TTLs[t]
		}
	}
	switch {
	case ttl >= 55 && ttl <= 70:
		return "linux"
	case ttl >= 115 && ttl <= 135:
		return "windows"
	case ttl >= 235:
		return "embedded"
	}
	return ""
}

// distance returns the median of the hop distances, 0 when there are none.
func (s *stack) distance() int {
	total := 0
	for _, n := range s.Hops {
		total += n
	}
	if total == 0 {
		return 0
	}
	keys := slices.Sorted(maps.Keys(s.Hops))
	at := func(i int) int {
		for _, k := range keys {
			if i -= s.Hops[k]; i < 0 {
				return k
			}
		}
		return 0
	}
	return (at((total-1)/2) + at(total/2)) / 2
}

// tcp returns the last snapshot as JSON, nil when there is none.
func (s *stack) tcp() json.RawMessage {
	if s.Last == nil {
		return nil
	}
	text, _ := json.Marshal(s.Last) // numbers, booleans and a text always marshal
	return text
}
