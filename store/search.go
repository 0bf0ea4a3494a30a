package store

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/decnet/decnet"
)

// The bounds of [Filter.Search]; a search beyond them gives decnet.ErrInvalid.
const (
	MaxSearch = 4096 // bytes
	MaxTerms  = 64
)

// Target says what a [Term] is compared with.
type Target uint8

// The targets of terms.
const (
	MatchText     Target = iota // a part of the raw line, the decky, the service or the attacker's address, ASCII letters in either case
	MatchDecky                  // the whole decky
	MatchService                // the whole service
	MatchEvent                  // the whole event type
	MatchAttacker               // the whole address; "" selects records without one
	MatchField                  // the whole value of any field with the key
)

// Term is one condition of a search.
type Term struct {
	Target Target
	Key    string // only with MatchField: [A-Za-z_][A-Za-z0-9_]*
	Value  string
}

// columns maps the keys that name a column.
var columns = map[string]Target{
	"decky":       MatchDecky,
	"service":     MatchService,
	"event":       MatchEvent,
	"attacker":    MatchAttacker,
	"attacker_ip": MatchAttacker,
	"attacker-ip": MatchAttacker,
}

// ParseSearch reads the language of [Filter.Search]. Every text up to [MaxSearch] bytes and
// [MaxTerms] terms means something; a longer one gives [decnet.ErrInvalid].
func ParseSearch(s string) ([]Term, error) {
	if len(s) > MaxSearch {
		return nil, fmt.Errorf("store: search of %d bytes, at most %d: %w", len(s), MaxSearch, decnet.ErrInvalid)
	}
	words, ok := splitShell(s)
	if !ok {
		words = strings.Fields(s)
	}
	if len(words) > MaxTerms {
		return nil, fmt.Errorf("store: search of %d terms, at most %d: %w", len(words), MaxTerms, decnet.ErrInvalid)
	}
	terms := make([]Term, 0, len(words))
	for _, w := range words {
		if w != "" {
			terms = append(terms, parseTerm(w))
		}
	}
	return terms, nil
}

// splitShell splits s into words by the quoting rules of a POSIX shell, without expansion of
// any kind. It reports false when a quote or an escape is not closed.
func splitShell(s string) (words []string, ok bool) {
	var word []byte
	inWord := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n', '\r':
			if inWord {
				words = append(words, string(word))
				word, inWord = word[:0], false
			}
			continue
		case '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, false
			}
			word = append(word, s[i+1:i+1+end]...)
			i += end + 1
		case '"':
			for i++; ; i++ {
				if i >= len(s) {
					return nil, false
				}
				if s[i] == '"' {
					break
				}
				if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
					i++
				}
				word = append(word, s[i])
			}
		case '\\':
			if i++; i == len(s) {
				return nil, false
			}
			word = append(word, s[i])
		default:
			word = append(word, c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, string(word))
	}
	return words, true
}

func parseTerm(w string) Term {
	key, value, found := strings.Cut(w, ":")
	if !found {
		return Term{Value: w}
	}
	if target, ok := columns[key]; ok {
		if target == MatchAttacker {
			if a, err := netip.ParseAddr(value); err == nil {
				value = AddrText(a)
			}
		}
		return Term{Target: target, Value: value}
	}
	if !isFieldKey(key) || strings.HasPrefix(value, "//") || isColonHex(w) {
		return Term{Value: w}
	}
	return Term{Target: MatchField, Key: key, Value: value}
}

// isFieldKey reports whether s can be taken for the key of a field. Digits in front are the
// mark of times, ports and IPv6 addresses.
func isFieldKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' && i > 0 || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			continue
		}
		return false
	}
	return s != ""
}

// isColonHex reports whether s looks like an IPv6 address, a part of one, or a MAC address:
// at least two colons and between them nothing but hexadecimal digits; an IPv4 tail or a
// zone may follow.
func isColonHex(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return strings.Count(s, ":") > 1 && strings.Trim(s, "0123456789abcdefABCDEF:") == ""
}

// AddrText is the one text form of an address in a store: canonical, IPv4-mapped IPv6
// addresses unmapped, "" for the zero Addr.
func AddrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

// Match reports whether r meets the condition.
func (t Term) Match(r *Record) bool {
	switch t.Target {
	case MatchDecky:
		return r.Decky == t.Value
	case MatchService:
		return r.Service == t.Value
	case MatchEvent:
		return r.Type == t.Value
	case MatchAttacker:
		return AddrText(r.Attacker) == t.Value
	case MatchField:
		for i := range r.Fields {
			if r.Fields[i].Key == t.Key && r.Fields[i].Value == t.Value {
				return true
			}
		}
		return false
	}
	if strings.IndexByte(t.Value, 0) >= 0 {
		return false // lines hold no NUL
	}
	return containsFold(r.Raw, t.Value) || containsFold(r.Decky, t.Value) ||
		containsFold(r.Service, t.Value) || containsFold(AddrText(r.Attacker), t.Value)
}

// containsFold reports whether part occurs in s, ASCII letters in either case.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		j := 0
		for j < len(part) && lower(s[i+j]) == lower(part[j]) {
			j++
		}
		if j == len(part) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Matcher returns a function that tells whether a record is one that f selects, by the same
// rules as Records.Records and without a store. Before, Limit, Offset and Most are ignored. The
// function is safe for concurrent use. The error is that of [ParseSearch].
func (f Filter) Matcher() (func(*Record) bool, error) {
	terms, err := ParseSearch(f.Search)
	if err != nil {
		return nil, err
	}
	return func(r *Record) bool {
		if f.AfterID != 0 && r.ID <= f.AfterID {
			return false
		}
		at := r.Time.UnixMicro()
		if !f.Start.IsZero() && at < f.Start.UnixMicro() || !f.End.IsZero() && at > f.End.UnixMicro() {
			return false
		}
		for _, t := range terms {
			if !t.Match(r) {
				return false
			}
		}
		return true
	}, nil
}
