package shell

import "strings"

// dashEscapes decodes backslash escapes as the echo, printf and %b of dash do. stop reports
// that \c was met, which ends the output where argument is set. Only there an octal number
// may have a leading zero besides its three digits.
func dashEscapes(s string, argument bool) (out string, stop bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		c := s[i]
		if at := strings.IndexByte(`abefnrtv\`, c); at >= 0 {
			b.WriteByte("\a\b\x1b\f\n\r\t\v\\"[at])
			continue
		}
		switch {
		case c == 'c' && argument:
			return b.String(), true
		case c >= '0' && c <= '7':
			if argument && c == '0' {
				i++
			}
			n, end := 0, min(i+3, len(s))
			for ; i < end && s[i] >= '0' && s[i] <= '7'; i++ {
				n = n*8 + int(s[i]-'0')
			}
			i--
			b.WriteByte(byte(n))
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String(), false
}

// escapes decodes backslash escapes as this shell's echo or printf does.
func (in *interp) escapes(s string, echo bool) (out string, stop bool) {
	if in.kind == dash {
		return dashEscapes(s, echo)
	}
	return escapes(s, echo)
}
