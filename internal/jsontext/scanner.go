package jsontext

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/decnet/decnet"
)

// Scanner reads Text from Pos on. After the first error, which is kept in Err, it does
// nothing more and gives zero values.
type Scanner struct {
	Text string
	Pos  int
	Err  error
}

// Fail ends the reading with an error that names what is wrong and where. It wraps
// decnet.ErrInvalid.
func (p *Scanner) Fail(what string) {
	if p.Err == nil {
		p.Err = fmt.Errorf("%s at byte %d: %w", what, p.Pos, decnet.ErrInvalid)
	}
}

func (p *Scanner) skipSpace() {
	for p.Pos < len(p.Text) && (p.Text[p.Pos] == ' ' || p.Text[p.Pos] == '\t' || p.Text[p.Pos] == '\n' || p.Text[p.Pos] == '\r') {
		p.Pos++
	}
}

// End fails unless nothing but space is left.
func (p *Scanner) End() {
	if p.skipSpace(); p.Pos < len(p.Text) {
		p.Fail("text behind the value")
	}
}

// AtString reports whether the next value is a string.
func (p *Scanner) AtString() bool {
	p.skipSpace()
	return p.Pos < len(p.Text) && p.Text[p.Pos] == '"'
}

// next skips space and c, or fails.
func (p *Scanner) next(c byte) bool {
	p.skipSpace()
	if p.Err != nil || p.Pos >= len(p.Text) || p.Text[p.Pos] != c {
		p.Fail("no " + string(rune(c)))
		return false
	}
	p.Pos++
	return true
}

// Object reads an object and calls entry with each key, which must read the value.
func (p *Scanner) Object(entry func(key string)) {
	p.list('{', '}', func() {
		if key := p.Quoted(); p.next(':') {
			entry(key)
		}
	})
}

// Array reads an array and calls entry for each value, which it must read.
func (p *Scanner) Array(entry func()) { p.list('[', ']', entry) }

func (p *Scanner) list(from, to byte, entry func()) {
	if !p.next(from) {
		return
	}
	if p.skipSpace(); p.Pos < len(p.Text) && p.Text[p.Pos] == to {
		p.Pos++
		return
	}
	for {
		entry()
		p.skipSpace()
		if p.Err == nil && p.Pos < len(p.Text) && p.Text[p.Pos] == ',' {
			p.Pos++
			continue
		}
		p.next(to)
		return
	}
}

// Quoted reads a string. It shares memory with Text where it can.
func (p *Scanner) Quoted() string {
	if !p.next('"') {
		return ""
	}
	start := p.Pos
	for p.Pos < len(p.Text) {
		switch c := p.Text[p.Pos]; {
		case c == '"':
			p.Pos++
			return p.Text[start : p.Pos-1]
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			p.Fail("control character in a string")
			return ""
		}
		p.Pos++
	}
	p.Fail("string has no end")
	return ""
}

// escaped reads the rest of a string that began at start and has its first escape here.
func (p *Scanner) escaped(start int) string {
	out := append(make([]byte, 0, 2*(p.Pos-start)+64), p.Text[start:p.Pos]...)
	for p.Pos < len(p.Text) {
		from := p.Pos
		for p.Pos < len(p.Text) && p.Text[p.Pos] != '"' && p.Text[p.Pos] != '\\' && p.Text[p.Pos] >= ' ' {
			p.Pos++
		}
		out = append(out, p.Text[from:p.Pos]...)
		rest := p.Text[p.Pos:]
		switch {
		case rest == "" || rest == "\\":
			p.Fail("string has no end")
			return ""
		case rest[0] == '"':
			p.Pos++
			return string(out)
		case rest[0] != '\\':
			p.Fail("control character in a string")
			return ""
		}
		p.Pos += 2
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
			p.Fail("unknown escape")
			return ""
		}
		if p.Err != nil {
			return ""
		}
	}
	p.Fail("string has no end")
	return ""
}

// unicode reads what is behind \u, and the other half of a surrogate pair.
func (p *Scanner) unicode(out []byte) []byte {
	r := p.hex4()
	if 0xdc80 <= r && r <= 0xdcff {
		return append(out, byte(r))
	}
	if utf16.IsSurrogate(r) && strings.HasPrefix(p.Text[p.Pos:], `\u`) {
		before := p.Pos
		p.Pos += 2
		if pair := utf16.DecodeRune(r, p.hex4()); pair != utf8.RuneError {
			return utf8.AppendRune(out, pair)
		}
		p.Pos = before
	}
	return utf8.AppendRune(out, r)
}

func (p *Scanner) hex4() (r rune) {
	if len(p.Text)-p.Pos < 4 {
		p.Fail("short \\u escape")
		return 0
	}
	for _, c := range []byte(p.Text[p.Pos : p.Pos+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			p.Fail("\\u without hexadecimal digits")
			return 0
		}
		r = r<<4 | rune(c)
	}
	p.Pos += 4
	return r
}

// Value reads any value and returns its text.
func (p *Scanner) Value() string {
	if p.Err != nil {
		return ""
	}
	p.skipSpace()
	start, depth := p.Pos, 0
loop:
	for p.Pos < len(p.Text) {
		switch p.Text[p.Pos] {
		case '"':
			if p.Quoted(); p.Err != nil {
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
				p.Pos++
				break loop
			}
		case ',':
			if depth == 0 {
				break loop
			}
		}
		p.Pos++
	}
	text := strings.TrimRight(p.Text[start:p.Pos], " \t\r\n")
	if !json.Valid([]byte(text)) {
		p.Fail("value is not JSON")
	}
	return text
}
