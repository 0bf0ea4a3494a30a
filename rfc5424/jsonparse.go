package rfc5424

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/decnet/decnet"
)

// ParseJSON reads one JSON record (see [AppendJSON]) and returns its event and its
// raw_line. Times without a fraction, and times of RFC 3339, are accepted; keys that it
// does not know are passed over; a field whose value is not a string keeps the JSON text
// of it. trace_id and span_id are an alternative to _trace. A missing attacker_ip is
// taken from the fields.
//
// A record that is not well formed, or that lacks one of timestamp, decky, service,
// event_type and fields, gives what was understood and an error that wraps
// decnet.ErrInvalid. record is not kept.
func ParseJSON(record []byte) (e decnet.Event, raw string, err error) {
	p := recordParser{scanner: scanner{s: string(record)}}
	p.event.Severity = decnet.SeverityInfo
	p.object(p.key)
	if p.skipSpace(); p.err == nil && p.i < len(p.s) {
		p.fail("text behind the object")
	}
	if p.err == nil && p.seen != seenAll {
		p.fail("a key is missing")
	}
	if !traced(p.event.Trace) {
		p.event.Trace = decnet.Trace{}
	}
	if !p.attacker {
		p.event.Attacker = attackerOf(p.event.Fields, p.event.Msg)
	}
	return p.event, p.raw, p.err
}

// The keys that a record must have, as bits.
const (
	seenTime = 1 << iota
	seenDecky
	seenService
	seenType
	seenFields
	seenAll = 1<<iota - 1
)

type recordParser struct {
	scanner
	event    decnet.Event
	raw      string
	seen     int
	attacker bool
}

func (p *recordParser) key(key string) {
	switch key {
	case "timestamp":
		p.seen |= seenTime
		if s := p.str(); s != "" && p.err == nil {
			p.time(s)
		}
	case "decky":
		p.seen |= seenDecky
		p.event.Decky = headerName(p.str(), maxHost)
	case "service":
		p.seen |= seenService
		p.event.Service = headerName(p.str(), maxApp)
	case "event_type":
		p.seen |= seenType
		p.event.Type = headerName(p.str(), maxMsgID)
	case "attacker_ip":
		a, _ := netip.ParseAddr(p.str())
		p.event.Attacker, p.attacker = a.Unmap(), true
	case "fields":
		p.seen |= seenFields
		p.event.Fields = nil
		p.object(p.field)
	case "msg":
		p.event.Msg = p.str()
	case "raw_line":
		p.raw = p.str()
		var line parser
		line.rest = p.raw
		if line.priority(); line.err == nil {
			p.event.Severity = line.event.Severity
		}
	case "_trace":
		p.object(p.carrier)
	case "trace_id":
		p.event.Trace.TraceID = p.str()
	case "span_id":
		p.event.Trace.SpanID = p.str()
	default:
		p.value()
	}
}

func (p *recordParser) time(s string) {
	t, ok := parseTime(s, ' ')
	if !ok {
		t, ok = parseTime(s, 'T')
	}
	if !ok {
		p.fail("timestamp is not one")
	}
	p.event.Time = t
}

func (p *recordParser) field(key string) {
	if p.event.Fields == nil {
		p.event.Fields = make([]decnet.Field, 0, 8)
	}
	value := ""
	if p.skipSpace(); p.i < len(p.s) && p.s[p.i] == '"' {
		value = p.str()
	} else {
		value = p.value()
	}
	if p.err == nil {
		p.event.Fields = append(p.event.Fields, decnet.Field{Key: paramName(key), Value: value})
	}
}

// carrier reads one entry of the W3C trace context.
func (p *recordParser) carrier(key string) {
	if key != "traceparent" {
		p.value()
		return
	}
	if parts := strings.Split(p.str(), "-"); len(parts) >= 4 {
		p.event.Trace = decnet.Trace{TraceID: parts[1], SpanID: parts[2]}
	}
}

// scanner reads JSON text from s at i. After the first error it does nothing more.
type scanner struct {
	s   string
	i   int
	err error
}

func (p *scanner) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("rfc5424: record: %s at byte %d: %w", what, p.i, decnet.ErrInvalid)
	}
}

func (p *scanner) skipSpace() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\n' || p.s[p.i] == '\r') {
		p.i++
	}
}

// next skips space and c, or fails.
func (p *scanner) next(c byte) bool {
	p.skipSpace()
	if p.err != nil || p.i >= len(p.s) || p.s[p.i] != c {
		p.fail("no " + string(rune(c)))
		return false
	}
	p.i++
	return true
}

// object reads an object and calls entry with each key, which must read the value.
func (p *scanner) object(entry func(key string)) {
	if !p.next('{') {
		return
	}
	if p.skipSpace(); p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		return
	}
	for {
		key := p.str()
		if !p.next(':') {
			return
		}
		entry(key)
		p.skipSpace()
		if p.err == nil && p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			continue
		}
		p.next('}')
		return
	}
}

// str reads a string.
func (p *scanner) str() string {
	if !p.next('"') {
		return ""
	}
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[start : p.i-1]
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			p.fail("control character in a string")
			return ""
		}
		p.i++
	}
	p.fail("string has no end")
	return ""
}

// escaped reads the rest of a string that began at start and has its first escape here.
func (p *scanner) escaped(start int) string {
	out := append(make([]byte, 0, 2*(p.i-start)+64), p.s[start:p.i]...)
	for p.i < len(p.s) {
		from := p.i
		for p.i < len(p.s) && p.s[p.i] != '"' && p.s[p.i] != '\\' && p.s[p.i] >= ' ' {
			p.i++
		}
		out = append(out, p.s[from:p.i]...)
		rest := p.s[p.i:]
		switch {
		case rest == "" || rest == "\\":
			p.fail("string has no end")
			return ""
		case rest[0] == '"':
			p.i++
			return string(out)
		case rest[0] != '\\':
			p.fail("control character in a string")
			return ""
		}
		p.i += 2
		switch c := rest[1]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			out = p.unicode(out)
		default:
			p.fail("unknown escape")
			return ""
		}
		if p.err != nil {
			return ""
		}
	}
	p.fail("string has no end")
	return ""
}

// unicode reads what is behind \u, and the other half of a surrogate pair.
func (p *scanner) unicode(out []byte) []byte {
	r := p.hex4()
	if 0xdc80 <= r && r <= 0xdcff {
		return append(out, byte(r))
	}
	if utf16.IsSurrogate(r) && strings.HasPrefix(p.s[p.i:], `\u`) {
		before := p.i
		p.i += 2
		if pair := utf16.DecodeRune(r, p.hex4()); pair != utf8.RuneError {
			return utf8.AppendRune(out, pair)
		}
		p.i = before
	}
	return utf8.AppendRune(out, r)
}

func (p *scanner) hex4() (r rune) {
	if len(p.s)-p.i < 4 {
		p.fail("short \\u escape")
		return 0
	}
	for _, c := range []byte(p.s[p.i : p.i+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			p.fail("\\u without hexadecimal digits")
			return 0
		}
		r = r<<4 | rune(c)
	}
	p.i += 4
	return r
}

// value reads any value and returns its text.
func (p *scanner) value() string {
	if p.err != nil {
		return ""
	}
	p.skipSpace()
	start, depth := p.i, 0
loop:
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case '"':
			if p.str(); p.err != nil {
				return ""
			}
			if depth == 0 {
				break loop
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				break loop
			}
			if depth--; depth == 0 {
				p.i++
				break loop
			}
		case ',':
			if depth == 0 {
				break loop
			}
		}
		p.i++
	}
	text := strings.TrimRight(p.s[start:p.i], " \t\r\n")
	if !json.Valid([]byte(text)) {
		p.fail("value is not JSON")
	}
	return text
}
