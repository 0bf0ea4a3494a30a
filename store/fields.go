package store

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/decnet/decnet"
)

const hexDigits = "0123456789abcdef"

// AppendFields appends fields to b as the text of one JSON object and returns the extended
// buffer. Order and repeated keys are kept, because they are evidence; readers that want one
// value for a key take the first, as [decnet.Event.Field] does.
//
// The text is always valid JSON and nothing is lost: a byte that is not part of valid UTF-8
// becomes the escape \udcXX with the byte in XX (a lone surrogate, which no text contains),
// and [ParseFields] turns it back into the byte.
func AppendFields(b []byte, fields []decnet.Field) []byte {
	b = append(b, '{')
	for i := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendField(b, fields[i])
	}
	return append(b, '}')
}

// AppendField appends f as it stands inside the text of AppendFields: "key":"value" with both
// quoted. A text of fields contains it exactly if one of its fields equals f, provided that
// f.Key matches [A-Za-z0-9_]+: no quote inside a value is left unescaped, so a quoted key
// followed by a colon occurs nowhere else.
func AppendField(b []byte, f decnet.Field) []byte {
	b = appendQuoted(b, f.Key)
	b = append(b, ':')
	return appendQuoted(b, f.Value)
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0 // s[plain:i] needs no escape and is not yet written
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[plain:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			plain = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[plain:i]...)
			b = append(b, '\\', 'u', 'd', 'c', hexDigits[c>>4], hexDigits[c&15])
			plain = i + 1
		}
		i += size
	}
	b = append(b, s[plain:]...)
	return append(b, '"')
}

// ParseFields reads a JSON object whose values are strings, such as [AppendFields] writes. It
// gives the fields in their order, and after a malformed part those before it together with
// an error that wraps [decnet.ErrInvalid].
func ParseFields(text string) ([]decnet.Field, error) {
	p := fieldsParser{text: text}
	fields, ok := p.object()
	if !ok {
		return fields, fmt.Errorf("store: fields: byte %d: %w", p.pos, decnet.ErrInvalid)
	}
	return fields, nil
}

type fieldsParser struct {
	text string
	pos  int
}

func (p *fieldsParser) object() (fields []decnet.Field, ok bool) {
	if !p.token('{') {
		return nil, false
	}
	if n := strings.Count(p.text, `":"`); n > 0 {
		fields = make([]decnet.Field, 0, n)
	}
	for !p.token('}') {
		if len(fields) > 0 && !p.token(',') {
			return fields, false
		}
		var f decnet.Field
		if f.Key, ok = p.quoted(); !ok || !p.token(':') {
			return fields, false
		}
		if f.Value, ok = p.quoted(); !ok {
			return fields, false
		}
		fields = append(fields, f)
	}
	p.space()
	return fields, p.pos == len(p.text)
}

func (p *fieldsParser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// token skips white space and c, and reports whether c was there.
func (p *fieldsParser) token(c byte) bool {
	p.space()
	if p.pos == len(p.text) || p.text[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

func (p *fieldsParser) quoted() (string, bool) {
	if !p.token('"') {
		return "", false
	}
	start := p.pos
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			s := p.text[start:p.pos]
			p.pos++
			return s, true
		case c == '\\':
			return p.escaped([]byte(p.text[start:p.pos]))
		case c < 0x20:
			return "", false
		}
		p.pos++
	}
	return "", false
}

// escaped continues a string of which b has been read, up to its closing quote.
func (p *fieldsParser) escaped(b []byte) (string, bool) {
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		switch {
		case c == '"':
			return string(b), true
		case c < 0x20:
			p.pos--
			return "", false
		case c != '\\':
			b = append(b, c)
			continue
		}
		if p.pos == len(p.text) {
			return "", false
		}
		c = p.text[p.pos]
		p.pos++
		switch c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'u':
			r, ok := p.hex4(p.pos)
			if !ok {
				return "", false
			}
			p.pos += 4
			if r >= 0xdc80 && r <= 0xdcff {
				b = append(b, byte(r))
				continue
			}
			if low, ok := p.lowSurrogate(); ok && r >= 0xd800 && r < 0xdc00 {
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				p.pos += 6
			}
			b = utf8.AppendRune(b, r) // another lone surrogate becomes U+FFFD
		default:
			p.pos--
			return "", false
		}
	}
	return "", false
}

// lowSurrogate reads the escape of a low surrogate without moving past it.
func (p *fieldsParser) lowSurrogate() (rune, bool) {
	if !strings.HasPrefix(p.text[p.pos:], `\u`) {
		return 0, false
	}
	r, ok := p.hex4(p.pos + 2)
	return r, ok && r >= 0xdc00 && r < 0xe000
}

func (p *fieldsParser) hex4(at int) (rune, bool) {
	if len(p.text)-at < 4 {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.text[at : at+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
