package rfc5424

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
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
	p := recordParser{Scanner: jsontext.Scanner{Text: string(record)}}
	p.event.Severity = decnet.SeverityInfo
	p.Object(p.key)
	p.End()
	if p.Err == nil && p.seen != seenAll {
		p.Fail("a key is missing")
	}
	if p.Err != nil {
		p.Err = fmt.Errorf("rfc5424: record: %w", p.Err)
	}
	if !traced(p.event.Trace) {
		p.event.Trace = decnet.Trace{}
	}
	if !p.attacker {
		p.event.Attacker = attackerOf(p.event.Fields, p.event.Msg)
	}
	return p.event, p.raw, p.Err
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
	jsontext.Scanner
	event    decnet.Event
	raw      string
	seen     int
	attacker bool
}

func (p *recordParser) key(key string) {
	switch key {
	case "timestamp":
		p.seen |= seenTime
		if s := p.Quoted(); s != "" && p.Err == nil {
			p.time(s)
		}
	case "decky":
		p.seen |= seenDecky
		p.event.Decky = headerName(p.Quoted(), maxHost)
	case "service":
		p.seen |= seenService
		p.event.Service = headerName(p.Quoted(), maxApp)
	case "event_type":
		p.seen |= seenType
		p.event.Type = headerName(p.Quoted(), maxMsgID)
	case "attacker_ip":
		a, _ := netip.ParseAddr(p.Quoted())
		p.event.Attacker, p.attacker = a.Unmap(), true
	case "fields":
		p.seen |= seenFields
		p.event.Fields = nil
		p.Object(p.field)
	case "msg":
		p.event.Msg = p.Quoted()
	case "raw_line":
		p.raw = p.Quoted()
		var line parser
		line.rest = p.raw
		if line.priority(); line.err == nil {
			p.event.Severity = line.event.Severity
		}
	case "_trace":
		p.Object(p.carrier)
	case "trace_id":
		p.event.Trace.TraceID = p.Quoted()
	case "span_id":
		p.event.Trace.SpanID = p.Quoted()
	default:
		p.Value()
	}
}

func (p *recordParser) time(s string) {
	t, ok := parseTime(s, ' ')
	if !ok {
		t, ok = parseTime(s, 'T')
	}
	if !ok {
		p.Fail("timestamp is not one")
	}
	p.event.Time = t
}

func (p *recordParser) field(key string) {
	if p.event.Fields == nil {
		p.event.Fields = make([]decnet.Field, 0, 8)
	}
	value := ""
	if p.AtString() {
		value = p.Quoted()
	} else {
		value = p.Value()
	}
	if p.Err == nil {
		p.event.Fields = append(p.event.Fields, decnet.Field{Key: paramName(key), Value: value})
	}
}

// carrier reads one entry of the W3C trace context.
func (p *recordParser) carrier(key string) {
	if key != "traceparent" {
		p.Value()
		return
	}
	if parts := strings.Split(p.Quoted(), "-"); len(parts) >= 4 {
		p.event.Trace = decnet.Trace{TraceID: parts[1], SpanID: parts[2]}
	}
}
