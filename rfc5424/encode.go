package rfc5424

import (
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
)

// Facility is the syslog facility of event lines, local0.
const Facility = 16

// SDID is the SD-ID of the element that holds the fields of an event.
const SDID = "relay@55555"

const traceSDID = "trace@55555"

// The longest names in bytes: RFC 5424 section 6 for the header, decnet.Field for
// parameter names.
const (
	maxHost   = 255
	maxApp    = 48
	maxProcID = 128
	maxMsgID  = 32
	maxParam  = 32
)

// Append appends e as one line, without a line end, and returns the extended slice. An
// attacker whom nothing in e names is written as a first field src_ip, and a severity
// above 7 as 7. It does not keep or change e.
func Append(dst []byte, e *decnet.Event) []byte {
	dst = appendHeader(dst, e.Severity, e.Time, e.Decky, e.Service, "", e.Type)
	source := unnamedAttacker(e)
	relay := len(e.Fields) > 0 || source.IsValid() || needsEscape(e.Msg)
	if relay {
		dst = append(dst, "["+SDID...)
		if source.IsValid() {
			dst = appendParam(dst, "src_ip", source.String())
		}
		dst = append(appendParams(dst, e.Fields), ']')
	}
	if traced(e.Trace) {
		dst = append(dst, "["+traceSDID...)
		dst = appendParam(dst, "trace_id", e.Trace.TraceID)
		dst = append(appendParam(dst, "span_id", e.Trace.SpanID), ']')
	} else if !relay {
		dst = append(dst, '-')
	}
	return appendMsg(dst, e.Msg)
}

// appendHeader appends everything before the structured data.
func appendHeader(dst []byte, sev decnet.Severity, t time.Time, host, app, procid, msgid string) []byte {
	pri := byte(Facility*8) + byte(min(sev, decnet.SeverityDebug))
	dst = append(dst, '<', '1', '0'+pri/10%10, '0'+pri%10, '>', '1', ' ')
	dst = append(appendTime(dst, t), ' ')
	dst = append(appendName(dst, host, maxHost), ' ')
	dst = append(appendName(dst, app, maxApp), ' ')
	dst = append(appendName(dst, procid, maxProcID), ' ')
	return append(appendName(dst, msgid, maxMsgID), ' ')
}

// writable reports whether t has a form in RFC 3339 and is not zero.
func writable(t time.Time) bool {
	if t.IsZero() {
		return false
	}
	year := t.UTC().Year()
	return 0 <= year && year <= 9999
}

func appendTime(dst []byte, t time.Time) []byte {
	if !writable(t) {
		return append(dst, '-')
	}
	dst = appendDateTime(dst, t.UTC(), 'T')
	return append(dst, "+00:00"...)
}

// appendDateTime appends t, which must be in UTC and of a year with at most four digits,
// with sep between date and time of day.
func appendDateTime(dst []byte, t time.Time, sep byte) []byte {
	year, month, day := t.Date()
	hour, minute, sec := t.Clock()
	dst = appendTwo(appendTwo(dst, year/100), year%100)
	dst = appendTwo(append(dst, '-'), int(month))
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, sep), hour)
	dst = appendTwo(append(dst, ':'), minute)
	dst = appendTwo(append(dst, ':'), sec)
	us := t.Nanosecond() / 1000
	return appendTwo(appendTwo(appendTwo(append(dst, '.'), us/10000), us/100%100), us%100)
}

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

func appendName(dst []byte, s string, limit int) []byte {
	s = headerName(s, limit)
	if s == "" {
		return append(dst, '-')
	}
	return append(dst, s...)
}

func appendParams(dst []byte, fields []decnet.Field) []byte {
	for i := range fields {
		dst = appendParam(dst, fields[i].Key, fields[i].Value)
	}
	return dst
}

func appendParam(dst []byte, key, value string) []byte {
	dst = append(dst, ' ')
	dst = append(dst, paramName(key)...)
	dst = append(dst, '=', '"')
	dst = appendEscaped(dst, value, true)
	return append(dst, '"')
}

func appendMsg(dst []byte, msg string) []byte {
	if msg == "" {
		return dst
	}
	return appendEscaped(append(dst, ' '), msg, false)
}

// The classes of bytes of values.
const (
	plain  = iota // written as it is
	quoted        // special in a parameter alone
	other         // backslash, controls and everything that is not ASCII
)

var class = func() (t [256]byte) {
	for c := range t {
		if c < 0x20 || c >= 0x7f || c == '\\' {
			t[c] = other
		}
	}
	t['"'], t[']'] = quoted, quoted
	return t
}()

const hexDigits = "0123456789ABCDEF"

// appendEscaped appends s by the rule of the package comment.
func appendEscaped(dst []byte, s string, inParam bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if class[c] == plain || class[c] == quoted && !inParam {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var visible bool
			if n, visible = jsontext.VisibleRune(s[i:]); visible {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		if c == '\\' || class[c] == quoted {
			dst = append(dst, '\\', c)
		} else {
			for _, b := range []byte(s[i : i+n]) {
				dst = append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
			}
		}
		i += n
		from = i
	}
	return append(dst, s[from:]...)
}

// needsEscape reports whether MSG s is changed by appendEscaped.
func needsEscape(s string) bool {
	for i := 0; i < len(s); {
		if class[s[i]] != other {
			i++
			continue
		}
		if s[i] < utf8.RuneSelf {
			return true
		}
		n, visible := jsontext.VisibleRune(s[i:])
		if !visible {
			return true
		}
		i += n
	}
	return false
}

// traced reports whether t has well-formed identifiers.
func traced(t decnet.Trace) bool {
	return lowerHex(t.TraceID, 32) && lowerHex(t.SpanID, 16)
}

func lowerHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unnamedAttacker returns the attacker of e when neither a field nor MSG names one.
func unnamedAttacker(e *decnet.Event) netip.Addr {
	a := e.Attacker.Unmap()
	if !a.IsValid() || namesAttacker(e.Fields) || attackerOf(e.Fields, e.Msg) == a {
		return netip.Addr{}
	}
	return a
}
