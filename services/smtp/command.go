package smtp

import (
	"net/netip"
	"strings"
)

// tokens splits a command as Postfix's smtpd_token does: at white space, and after a
// colon; what is in double quotes or angle brackets stays together.
func tokens(line string) []string {
	var list []string
	for {
		line = strings.TrimLeft(line, " \t\r\n\v\f")
		if line == "" {
			return list
		}
		n := tokenEnd(line)
		list = append(list, line[:n])
		line = line[n:]
	}
}

// tokenEnd returns the length of the token at the beginning of line.
func tokenEnd(line string) int {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			return i
		case ':':
			return i + 1
		case '\\':
			i++
		case '"':
			i = closing(line, i, '"')
		case '<':
			i = closing(line, i, '>')
		}
	}
	return len(line)
}

// closing returns the index of the character end that closes what opens at index i, or
// the last one of line when nothing does.
func closing(line string, i int, end byte) int {
	for i++; i < len(line); i++ {
		switch {
		case line[i] == end:
			return i
		case line[i] == '\\':
			i++
		case line[i] == '"' && end == '>':
			i = closing(line, i, '"')
		}
	}
	return len(line) - 1
}

// address reads the address of MAIL, RCPT or VRFY: without brackets, source route,
// comments and needless quotes. It reports whether Postfix accepts the syntax; domains
// beyond ASCII need utf8.
func address(token string, emptyOK, utf8 bool) (addr string, ok bool) {
	if strings.HasPrefix(token, "<") {
		if !strings.HasSuffix(token, ">") || len(token) < 2 {
			return "", false
		}
		token = token[1 : len(token)-1]
	} else {
		token = strings.TrimSuffix(token, ">")
	}
	if strings.HasPrefix(token, "@") {
		if i := strings.IndexByte(token, ':'); i >= 0 {
			token = token[i+1:]
		}
	}
	addr, ok = unquote(strings.Trim(token, " \t"))
	if !ok || addr == "" {
		return addr, ok && emptyOK
	}
	i := strings.LastIndexByte(addr, '@')
	return addr, i < 0 || validDomain(addr[i+1:], utf8)
}

// unquote removes quotes and comments from an address and refuses what separates
// addresses.
func unquote(s string) (string, bool) {
	var out strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case depth > 0:
			switch c {
			case '(':
				depth++
			case ')':
				depth--
			}
		case c == '(':
			depth++
		case c == '"':
			end := closing(s, i, '"')
			if end == i || s[end] != '"' || end+1 < len(s) && s[end+1] != '@' && s[end+1] != '.' {
				return "", false
			}
			out.WriteString(strings.ReplaceAll(s[i+1:end], `\`, ""))
			i = end
		case strings.IndexByte(" \t,;<>)", c) >= 0:
			return "", false
		case c == '\\' && i+1 < len(s):
			i++
			out.WriteByte(s[i])
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), depth == 0
}

// validDomain reports whether d is a host name or an address literal to Postfix. With
// utf8 the name may go beyond ASCII.
func validDomain(d string, utf8 bool) bool {
	if strings.HasPrefix(d, "[") {
		d, ok := strings.CutSuffix(d[1:], "]")
		if rest, v6 := strings.CutPrefix(strings.ToLower(d), "ipv6:"); v6 {
			d = rest
		}
		a, err := netip.ParseAddr(d)
		return ok && err == nil && a.Zone() == ""
	}
	d = strings.TrimSuffix(d, ".")
	if d == "" || len(d) > 255 {
		return false
	}
	numeric := true
	for label := range strings.SplitSeq(d, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			c := label[i] | 0x20
			switch {
			case label[i] >= '0' && label[i] <= '9':
			case c >= 'a' && c <= 'z', label[i] == '_', label[i] == '-', label[i] >= 0x80 && utf8:
				numeric = false
			default:
				return false
			}
		}
	}
	return !numeric
}

// isHeader reports whether the first token of a command is the beginning of a mail
// header, which tells Postfix that the client is a program abused to speak SMTP.
func isHeader(token string) bool {
	name, ok := strings.CutSuffix(token, ":")
	if !ok || name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':' {
			return false
		}
	}
	return true
}

// forbidden reports whether verb is one of smtpd_forbidden_commands.
func forbidden(verb string) bool {
	switch strings.ToUpper(verb) {
	case "CONNECT", "GET", "POST":
		return true
	}
	c := verb[0] | 0x20
	return c < 'a' || c > 'z'
}
