package rfc5424

import (
	"fmt"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// Parse reads one line, with or without its line end. The strings of the event share
// memory with line wherever a value needs no unescaping.
//
// A line that is not well formed gives what was understood before the first error, and an
// error that wraps decnet.ErrInvalid. Whatever Parse returns is canonical (see
// [Canonical]).
func Parse(line string) (decnet.Event, error) {
	var d Decoder
	return d.Decode(line)
}

// Decoder parses lines without allocating for what it can reuse. The zero value is
// ready to use; a Decoder is not safe for concurrent use.
type Decoder struct {
	fields []decnet.Field
}

// Decode is Parse, except that the next call overwrites the slice Fields of the event.
// The strings in it stay valid.
func (d *Decoder) Decode(line string) (decnet.Event, error) {
	d.fields = d.fields[:0]
	p := parser{rest: trimEnd(line), fields: d.fields}
	p.line()
	d.fields = p.fields
	if len(p.fields) > 0 {
		p.event.Fields = p.fields
	}
	if !traced(p.event.Trace) {
		p.event.Trace = decnet.Trace{}
	}
	p.event.Attacker = attackerOf(p.event.Fields, p.event.Msg)
	return p.event, p.err
}

func trimEnd(line string) string {
	line = strings.TrimSuffix(line, "\n")
	return strings.TrimSuffix(line, "\r")
}

// parser takes rest apart from its beginning. After the first error it does nothing more.
type parser struct {
	rest   string
	event  decnet.Event
	fields []decnet.Field
	relay  bool // a relay@55555 element was seen
	err    error
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("rfc5424: %s: %w", what, decnet.ErrInvalid)
	}
}

func (p *parser) line() {
	p.priority()
	p.timestamp()
	p.event.Decky = p.name("HOSTNAME", maxHost)
	p.event.Service = p.name("APP-NAME", maxApp)
	p.name("PROCID", maxProcID)
	p.event.Type = p.lastName()
	p.structured()
	p.message()
}

// priority reads <PRI>1 and the space behind it.
func (p *parser) priority() {
	s := p.rest
	end := strings.IndexByte(s[:min(len(s), 5)], '>')
	if end < 2 || s[0] != '<' {
		p.fail("no priority")
		return
	}
	pri := 0
	for _, c := range []byte(s[1:end]) {
		if c < '0' || c > '9' {
			p.fail("priority is not a number")
			return
		}
		pri = pri*10 + int(c-'0')
	}
	if pri > 191 {
		p.fail("priority above 191")
		return
	}
	p.event.Severity = decnet.Severity(pri & 7)
	if s = s[end+1:]; !strings.HasPrefix(s, "1 ") {
		p.fail("version is not 1")
		return
	}
	p.rest = s[2:]
}

// token reads up to the next space and over it.
func (p *parser) token(what string) string {
	if p.err != nil {
		return ""
	}
	t, rest, found := strings.Cut(p.rest, " ")
	if !found || t == "" {
		p.fail("line ends before or in " + what)
		return ""
	}
	p.rest = rest
	return t
}

func (p *parser) timestamp() {
	t := p.token("TIMESTAMP")
	if p.err != nil || t == "-" {
		return
	}
	var ok bool
	if p.event.Time, ok = parseTime(t, 'T'); !ok {
		p.fail("TIMESTAMP is not one")
	}
}

func (p *parser) name(what string, limit int) string {
	return headerName(p.token(what), limit)
}

// lastName reads MSGID, behind which some emitters end the line.
func (p *parser) lastName() string {
	if p.err == nil && p.rest != "" && strings.IndexByte(p.rest, ' ') < 0 {
		id := p.rest
		p.rest = ""
		return headerName(id, maxMsgID)
	}
	return p.name("MSGID", maxMsgID)
}

// structured reads the structured data and the space behind it. A line without any is
// left as it is: all of the rest is MSG.
func (p *parser) structured() {
	if p.err != nil {
		return
	}
	if p.rest == "-" || strings.HasPrefix(p.rest, "- ") {
		p.rest = strings.TrimPrefix(p.rest[1:], " ")
		return
	}
	if !strings.HasPrefix(p.rest, "[") {
		return
	}
	for p.err == nil && strings.HasPrefix(p.rest, "[") {
		p.element()
	}
	if p.err == nil && p.rest != "" {
		if p.rest[0] != ' ' {
			p.fail("text sticks to the structured data")
			return
		}
		p.rest = p.rest[1:]
	}
}

func (p *parser) element() {
	end := strings.IndexAny(p.rest, " ]")
	if end < 2 {
		p.fail("SD-ID is empty or endless")
		return
	}
	id := p.rest[1:end]
	p.rest = p.rest[end:]
	if id == SDID {
		if p.relay {
			p.fail("second element " + SDID)
			return
		}
		p.relay = true
	}
	for {
		if strings.HasPrefix(p.rest, "]") {
			p.rest = p.rest[1:]
			break
		}
		key, value, ok := p.param()
		if !ok {
			return
		}
		switch {
		case id == SDID:
			p.fields = append(p.fields, decnet.Field{Key: paramName(key), Value: value})
		case id == traceSDID && key == "trace_id":
			p.event.Trace.TraceID = value
		case id == traceSDID && key == "span_id":
			p.event.Trace.SpanID = value
		}
	}
}

// param reads a space and one name="value".
func (p *parser) param() (key, value string, ok bool) {
	s := p.rest
	eq := strings.IndexByte(s, '=')
	if len(s) == 0 || s[0] != ' ' || eq < 2 || strings.IndexByte(s[1:eq], ' ') >= 0 || eq+1 >= len(s) || s[eq+1] != '"' {
		p.fail("parameter is not name=\"value\"")
		return "", "", false
	}
	key, s = s[1:eq], s[eq+2:]
	end := strings.IndexByte(s, '"')
	if end >= 0 && strings.IndexByte(s[:end], '\\') < 0 {
		p.rest = s[end+1:]
		return key, s[:end], true
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			p.rest = s[i+1:]
			return key, unescape(s[:i], true), true
		}
	}
	p.fail("value of " + paramName(key) + " has no end")
	return "", "", false
}

func (p *parser) message() {
	if p.err != nil {
		return
	}
	msg := strings.TrimPrefix(p.rest, "\ufeff")
	if p.relay {
		msg = unescape(msg, false)
	}
	p.event.Msg = msg
}

// unescape undoes appendEscaped in a single pass. A backslash before anything else stays
// as it is, as RFC 5424 section 6.3.3 demands.
func unescape(s string, inParam bool) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		out = append(out, s[:i]...)
		s = s[i:]
		switch {
		case len(s) >= 4 && s[1] == 'x' && upperHex(s[2]) && upperHex(s[3]):
			out = append(out, nibble(s[2])<<4|nibble(s[3]))
			s = s[4:]
		case len(s) >= 2 && (s[1] == '\\' || inParam && (s[1] == '"' || s[1] == ']')):
			out = append(out, s[1])
			s = s[2:]
		default:
			out = append(out, '\\')
			s = s[1:]
		}
	}
	return string(append(out, s...))
}

func upperHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'A' + 10
}

// parseTime reads a time of RFC 3339 with sep between date and time of day, zero to nine
// digits of fraction, and without an offset only when sep is a space: such a time is UTC.
// The result is in UTC with microseconds.
func parseTime(s string, sep byte) (time.Time, bool) {
	const fixed = len("2006-01-02T15:04:05")
	if len(s) < fixed || s[4] != '-' || s[7] != '-' || s[10] != sep || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	digits := true
	two := func(i int) int {
		a, b := s[i]-'0', s[i+1]-'0'
		digits = digits && a <= 9 && b <= 9
		return int(a)*10 + int(b)
	}
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, sec := two(11), two(14), two(17)
	if !digits || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) || hour > 23 || minute > 59 || sec > 59 {
		return time.Time{}, false
	}
	s = s[fixed:]
	us := 0
	if len(s) > 1 && s[0] == '.' {
		n := 1
		for scale := 100_000; n < len(s) && n <= 9 && '0' <= s[n] && s[n] <= '9'; n++ {
			us += int(s[n]-'0') * scale
			scale /= 10
		}
		if n == 1 {
			return time.Time{}, false
		}
		s = s[n:]
	}
	offset, ok := parseOffset(s, sep)
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, sec, us*1000, time.UTC)
	if offset != 0 {
		t = t.Add(-offset)
	}
	if !t.IsZero() && !writable(t) {
		return time.Time{}, false
	}
	return t, true
}

func parseOffset(s string, sep byte) (time.Duration, bool) {
	switch {
	case s == "+00:00", s == "Z", s == "" && sep == ' ':
		return 0, true
	case len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':':
		return 0, false
	}
	for _, i := range [...]int{1, 2, 4, 5} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	hours, minutes := int(s[1]-'0')*10+int(s[2]-'0'), int(s[4]-'0')*10+int(s[5]-'0')
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, true
}

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}
