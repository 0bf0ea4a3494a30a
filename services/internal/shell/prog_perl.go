package shell

import (
	"strings"
)

// progPerl runs what people try a perl with: print, system and exec of literals. Of
// anything else it dies.
func progPerl(c *call) int {
	opts, operands := c.flags("eEM")
	if has(opts, "-v", "--version") {
		c.print("\nThis is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64-linux-gnu-thread-multi\n(with 61 registered patches, see perl -V for more detail)\n\nCopyright 1987-2022, Larry Wall\n\nPerl may be copied only under the terms of either the Artistic License or the\nGNU General Public License, which may be found in the Perl 5 source kit.\n\nComplete documentation for Perl, including FAQ lists, should be found on\nthis system using \"man perl\" or \"perldoc perl\".  If you have access to the\nInternet, point your browser at https://www.perl.org/, the Perl Home Page.\n\n")
		return 0
	}
	code, given := valueOf(opts, "-e", "-E")
	if !given {
		name := "-"
		if len(operands) > 0 {
			name = operands[0]
		}
		b, err := c.contents(name)
		if err != nil {
			c.errln("Can't open perl script \"" + name + "\": " + reason(err))
			return 2
		}
		if name != "-" {
			real, _ := c.files().RealPath(name)
			c.sh.executed(real, b, "interpreted")
		}
		code = string(b)
	}
	for _, statement := range perlStatements(code) {
		verb, rest, _ := strings.Cut(statement, " ")
		if i := strings.IndexAny(statement, "(\"'"); i > 0 && i < len(verb) {
			verb, rest = statement[:i], statement[i:]
		}
		if verb == "use" || verb == "no" || strings.HasPrefix(statement, "$|") {
			continue
		}
		text, ok := perlText(strings.TrimSpace(rest))
		switch {
		case ok && verb == "print":
			c.print(text)
		case ok && verb == "say" && has(opts, "-E"):
			c.print(text + "\n")
		case ok && (verb == "system" || verb == "exec"):
			c.flush()
			status := c.executeFile("/bin/sh", []string{"sh", "-c", text})
			if verb == "exec" {
				return status
			}
		case statement == "exit", statement == "exit 0":
			return 0
		default:
			c.flush()
			c.crashed("Segmentation fault", c.args)
			return 139
		}
	}
	return 0
}

// perlStatements splits a program at the semicolons and line ends outside of quotes.
func perlStatements(code string) []string {
	var out []string
	var quote byte
	start := 0
	take := func(end int) {
		if s := strings.TrimSpace(code[start:end]); s != "" && s[0] != '#' {
			out = append(out, s)
		}
		start = min(end+1, len(code))
	}
	for i := 0; i < len(code); i++ {
		switch b := code[i]; {
		case quote != 0 && b == '\\':
			i++
		case quote != 0 && b == quote:
			quote = 0
		case quote != 0:
		case b == '"' || b == '\'':
			quote = b
		case b == ';':
			take(i)
		case b == '#' && (start == i || code[i-1] == '\n'):
			for i+1 < len(code) && code[i+1] != '\n' {
				i++
			}
			take(i + 1)
		}
	}
	take(len(code))
	return out
}

// perlText returns the value of a list of literals, which may be repeated.
func perlText(s string) (string, bool) {
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	var b strings.Builder
	for s != "" {
		switch {
		case s[0] == '"' || s[0] == '\'':
			end := 1
			for end < len(s) && s[end] != s[0] {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(s) {
				return "", false
			}
			text := s[1:end]
			if s[0] == '"' {
				if strings.ContainsAny(text, "$@") {
					return "", false
				}
				text, _ = escapes(text, false)
			}
			b.WriteString(text)
			s = s[end+1:]
		case s[0] >= '0' && s[0] <= '9':
			n := len(s) - len(strings.TrimLeft(s, "0123456789"))
			if n > 15 || n > 1 && s[0] == '0' {
				return "", false
			}
			b.WriteString(s[:n])
			s = s[n:]
		default:
			return "", false
		}
		s = strings.TrimSpace(s)
		if s == "" {
			break
		}
		if s[0] != ',' && s[0] != '.' {
			return "", false
		}
		if s = strings.TrimSpace(s[1:]); s == "" {
			return "", false
		}
	}
	return b.String(), true
}
