package rfc5424

import (
	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
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
	dst = jsontext.Append(dst, headerName(e.Decky, maxHost))
	dst = append(dst, `,"service":`...)
	dst = jsontext.Append(dst, headerName(e.Service, maxApp))
	dst = append(dst, `,"event_type":`...)
	dst = jsontext.Append(dst, headerName(e.Type, maxMsgID))
	dst = append(dst, `,"attacker_ip":`...)
	if e.Attacker.IsValid() {
		dst = jsontext.Append(dst, e.Attacker.Unmap().String())
	} else {
		dst = jsontext.Append(dst, unknownAttacker)
	}
	dst = append(dst, `,"fields":{`...)
	for i := range e.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.Append(dst, paramName(e.Fields[i].Key))
		dst = append(dst, ':')
		dst = jsontext.Append(dst, e.Fields[i].Value)
	}
	dst = append(dst, `},"msg":`...)
	dst = jsontext.Append(dst, e.Msg)
	dst = append(dst, `,"raw_line":`...)
	dst = jsontext.Append(dst, raw)
	if traced(e.Trace) {
		dst = append(dst, `,"_trace":{"traceparent":"00-`...)
		dst = append(dst, e.Trace.TraceID...)
		dst = append(dst, '-')
		dst = append(dst, e.Trace.SpanID...)
		dst = append(dst, `-01"}`...)
	}
	return append(dst, '}')
}
