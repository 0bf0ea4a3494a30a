package shell

import (
	"regexp"
	"strings"
	"unicode"
)

// regexpQuote quotes s for regular expressions.
func regexpQuote(s string) string { return regexp.QuoteMeta(s) }

// basicRegexp turns a basic regular expression of POSIX into Go's syntax.
func basicRegexp(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i++; i >= len(s) {
				b.WriteString(`\\`)
				break
			}
			switch s[i] {
			case '(', ')', '{', '}', '|', '+', '?':
				b.WriteByte(s[i])
			case '<', '>':
				b.WriteString(`\b`)
			default:
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		case '(', ')', '{', '}', '|', '+', '?':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '*':
			if i == 0 || i == 1 && s[0] == '^' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		case '[':
			end := bracketEnd(s, i)
			b.WriteString(fixBracket(s[i:end]))
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// bracketEnd returns where the bracket expression that starts at i ends.
func bracketEnd(s string, i int) int {
	j := i + 1
	if j < len(s) && s[j] == '^' {
		j++
	}
	if j < len(s) && s[j] == ']' {
		j++
	}
	for j < len(s) && s[j] != ']' {
		if s[j] == '[' && j+1 < len(s) && s[j+1] == ':' {
			if k := strings.Index(s[j:], ":]"); k > 0 {
				j += k + 1
			}
		}
		j++
	}
	return min(j+1, len(s))
}

// fixBracket escapes backslashes, which are ordinary in a POSIX bracket expression.
func fixBracket(s string) string {
	s = strings.ReplaceAll(s, `\`, `\\`)
	if strings.HasPrefix(s, "[]") {
		s = `[\]` + s[2:]
	} else if strings.HasPrefix(s, "[^]") {
		s = `[^\]` + s[3:]
	}
	return s
}

// extendedRegexp turns an extended regular expression of POSIX into Go's syntax.
func extendedRegexp(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] == '<' || s[i] == '>' {
				b.WriteString(`\b`)
			} else if unicode.IsLetter(rune(s[i])) && strings.IndexByte("wWsSdDbBntrfv", s[i]) < 0 {
				b.WriteByte(s[i])
			} else {
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		case c == '[':
			end := bracketEnd(s, i)
			b.WriteString(fixBracket(s[i:end]))
			i = end - 1
		case c == '{' && (i+1 >= len(s) || s[i+1] < '0' || s[i+1] > '9'):
			b.WriteString(`\{`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
