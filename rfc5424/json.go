package rfc5424

import (
	"unicode/utf8"

	"github.com/decnet/decnet"
)

// unknownAttacker stands for the attacker in a JSON record when there is none.
const unknownAttacker = "Unknown"

// AppendJSON appends the JSON record of e and of the line that it came from, raw, as one
// object on one line without a line end, and returns the extended slice. The keys, always
// in this order, are
//
//   - timestamp: "2006-01-02 15:04:05.000000" in UTC, "" for a zero time;
//   - decky, service, event_type;
//   - attacker_ip: an address, or "Unknown";
//   - fields: an object with string values, in the order of the event. A key that occurs
//     twice in the event occurs twice in the object;
//   - msg;
//   - raw_line: the only place of the severity, which is in its PRI;
//   - _trace: {"traceparent": "00-<trace id>-<span id>-01"}, when the event has a trace.
//
// A byte that is not part of valid UTF-8 is written as a lone surrogate, \udc80 to
// \udcff, from which [ParseJSON], like Python's surrogateescape, restores it; readers
// that cannot hold one see U+FFFD.
func AppendJSON(dst []byte, e *decnet.Event, raw string) []byte {
	dst = append(dst, `{"timestamp":"`...)
	if writable(e.Time) {
		dst = appendDateTime(dst, e.Time.UTC(), ' ')
	}
	dst = append(dst, `","decky":`...)
	dst = appendString(dst, headerName(e.Decky, maxHost))
	dst = append(dst, `,"service":`...)
	dst = appendString(dst, headerName(e.Service, maxApp))
	dst = append(dst, `,"event_type":`...)
	dst = appendString(dst, headerName(e.Type, maxMsgID))
	dst = append(dst, `,"attacker_ip":`...)
	if e.Attacker.IsValid() {
		dst = appendString(dst, e.Attacker.Unmap().String())
	} else {
		dst = appendString(dst, unknownAttacker)
	}
	dst = append(dst, `,"fields":{`...)
	for i := range e.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, paramName(e.Fields[i].Key))
		dst = append(dst, ':')
		dst = appendString(dst, e.Fields[i].Value)
	}
	dst = append(dst, `},"msg":`...)
	dst = appendString(dst, e.Msg)
	dst = append(dst, `,"raw_line":`...)
	dst = appendString(dst, raw)
	if traced(e.Trace) {
		dst = append(dst, `,"_trace":{"traceparent":"00-`...)
		dst = append(dst, e.Trace.TraceID...)
		dst = append(dst, '-')
		dst = append(dst, e.Trace.SpanID...)
		dst = append(dst, `-01"}`...)
	}
	return append(dst, '}')
}

const lowerHexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if class[c] == plain || c == ']' {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var visible bool
			if n, visible = visibleRune(s[i:]); visible {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < utf8.RuneSelf:
			dst = appendUnicode(dst, rune(c))
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if n == 1 {
				r = 0xdc00 | rune(c)
			}
			dst = appendUnicode(dst, r)
		}
		i += n
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

func appendUnicode(dst []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', lowerHexDigits[r>>12&15], lowerHexDigits[r>>8&15], lowerHexDigits[r>>4&15], lowerHexDigits[r&15])
}
