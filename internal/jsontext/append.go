// Package jsontext writes and reads the JSON text of events so that nothing is lost: bytes
// that are not valid UTF-8, repeated keys and the order of keys survive.
//
//	text := jsontext.Append(nil, "caf\xe9") // "caf\udce9"
//	s := jsontext.Scanner{Text: string(text)}
//	s.Quoted() // "caf\xe9"
//
// A byte that is not part of valid UTF-8 is written as a lone surrogate, \udc80 to \udcff,
// which no text contains and which encoding/json would read as U+FFFD.
package jsontext

import "unicode/utf8"

// plain are the bytes that are written as they are.
var plain = func() (t [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const digits = "0123456789abcdef"

// Append appends s as a JSON string, with its quotes, and returns the extended slice.
// Controls, invalid bytes and what [VisibleRune] refuses are escaped, so the text holds no
// line end of any kind.
func Append(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var visible bool
			if n, visible = VisibleRune(s[i:]); visible {
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
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// VisibleRune returns the length of the first rune of s, which is not ASCII, and whether it
// may stand in a line as it is: it is valid, and no control, line end or byte order mark.
func VisibleRune(s string) (int, bool) {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && n == 1, r <= 0x9f, r == 0x2028, r == 0x2029, r == 0xfeff:
		return n, false
	}
	return n, true
}
