package mysql

import "strings"

type tokenKind byte

const (
	tokEnd tokenKind = iota
	tokWord
	tokName // `quoted`
	tokNumber
	tokString
	tokVariable // @name, @@name
	tokParam    // ?
	tokOp
	tokBad
)

// token is one word of a statement; pos is where it begins.
type token struct {
	kind tokenKind
	text string
	pos  int
}

// is reports whether the token is the keyword or operator word, given in upper case.
func (t token) is(word string) bool {
	return (t.kind == tokWord || t.kind == tokOp) && len(t.text) == len(word) && strings.EqualFold(t.text, word)
}

// lex splits a statement. The list ends with a tokEnd; before it comes a tokBad where a
// string, name or comment is not closed.
func lex(sql string) []token {
	var list []token
	add := func(kind tokenKind, text string, pos int) { list = append(list, token{kind, text, pos}) }
	for i := 0; i < len(sql); {
		start := i
		c := sql[i]
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			i++
		case c == '#' || c == '-' && strings.HasPrefix(sql[i:], "--") && (i+2 == len(sql) || sql[i+2] <= ' '):
			for i < len(sql) && sql[i] != '\n' {
				i++
			}
		case strings.HasPrefix(sql[i:], "/*!"):
			// The server reads what is inside such a comment.
			for i += 3; i < len(sql) && isDigit(sql[i]); i++ {
			}
		case strings.HasPrefix(sql[i:], "*/"):
			i += 2
		case strings.HasPrefix(sql[i:], "/*"):
			end := strings.Index(sql[i+2:], "*/")
			if end < 0 {
				add(tokBad, "", start)
				add(tokEnd, "", len(sql))
				return list
			}
			i += end + 4
		case c == '\'' || c == '"' || c == '`':
			text, n, ok := lexQuoted(sql[i:])
			if !ok {
				add(tokBad, "", start)
				add(tokEnd, "", len(sql))
				return list
			}
			i += n
			if c == '`' {
				add(tokName, text, start)
			} else {
				add(tokString, text, start)
			}
		case c == '@':
			for i++; i < len(sql) && (isWord(sql[i]) || sql[i] == '@' || sql[i] == '.' || sql[i] == '`'); i++ {
			}
			add(tokVariable, strings.ReplaceAll(sql[start:i], "`", ""), start)
		case isDigit(c) || c == '.' && i+1 < len(sql) && isDigit(sql[i+1]):
			i = lexNumber(sql, i)
			if i < len(sql) && isWord(sql[i]) && !strings.ContainsAny(sql[start:i], ".") {
				for i < len(sql) && isWord(sql[i]) {
					i++
				}
				if n := sql[start:i]; len(n) > 2 && n[0] == '0' && (n[1] == 'x' || n[1] == 'b') {
					add(tokNumber, n, start)
				} else {
					add(tokWord, n, start)
				}
				continue
			}
			add(tokNumber, sql[start:i], start)
		case isWord(c):
			for i < len(sql) && isWord(sql[i]) {
				i++
			}
			add(tokWord, sql[start:i], start)
		case c == '?':
			i++
			add(tokParam, "?", start)
		default:
			i++
			for _, op := range []string{"<=>", "<=", ">=", "<>", "!=", ":=", "||", "&&", "<<", ">>"} {
				if strings.HasPrefix(sql[start:], op) {
					i = start + len(op)
					break
				}
			}
			add(tokOp, sql[start:i], start)
		}
	}
	add(tokEnd, "", len(sql))
	return list
}

func lexNumber(sql string, i int) int {
	for i < len(sql) && isDigit(sql[i]) {
		i++
	}
	if i < len(sql) && sql[i] == '.' {
		for i++; i < len(sql) && isDigit(sql[i]); i++ {
		}
	}
	if i+1 < len(sql) && (sql[i] == 'e' || sql[i] == 'E') {
		j := i + 1
		if sql[j] == '+' || sql[j] == '-' {
			j++
		}
		if j < len(sql) && isDigit(sql[j]) {
			for i = j; i < len(sql) && isDigit(sql[i]); i++ {
			}
		}
	}
	return i
}

// lexQuoted decodes a quoted string or name at the beginning of s, and returns how many
// bytes it takes.
func lexQuoted(s string) (text string, n int, ok bool) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && i+1 < len(s) && s[i+1] == quote:
			b.WriteByte(c)
			i++
		case c == quote:
			return b.String(), i + 1, true
		case c == '\\' && quote != '`' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case '0':
				b.WriteByte(0)
			case 'b':
				b.WriteByte('\b')
			case 'Z':
				b.WriteByte(26)
			case '%', '_':
				b.WriteByte('\\')
				b.WriteByte(s[i])
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// splitStatements cuts a text at the semicolons between statements.
func splitStatements(sql string) []string {
	var list []string
	start := 0
	for _, t := range lex(sql) {
		if t.kind == tokOp && t.text == ";" {
			list = append(list, sql[start:t.pos])
			start = t.pos + 1
		}
	}
	if rest := sql[start:]; len(lex(rest)) > 1 || len(list) == 0 {
		list = append(list, rest)
	}
	return list
}
