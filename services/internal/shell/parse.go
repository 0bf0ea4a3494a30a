package shell

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func (in *interp) leaving() bool {
	return in.exiting || in.returning || in.brk > 0 || in.cont > 0
}

func (in *interp) stmts(list []*syntax.Stmt) {
	for _, st := range list {
		in.stmt(st)
		if in.leaving() {
			return
		}
	}
}

// pieces hands out a script in small pieces, so that the depth of the parser can be
// watched while it reads.
type pieces struct{ rest []byte }

var errTooDeep = errors.New("memory exhausted")

func (s *pieces) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	if tooDeep() {
		panic(errTooDeep)
	}
	n := copy(p[:min(len(p), 256)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (in *interp) lang() syntax.LangVariant {
	if in.kind == dash {
		return syntax.LangPOSIX
	}
	return syntax.LangBash
}

// parse calls each with the statements of every line of text that is complete, as shells
// do, and returns the error that stopped it.
func parse(text []byte, lang syntax.LangVariant, each func([]*syntax.Stmt) bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != errTooDeep {
				panic(p)
			}
			err = errTooDeep
		}
	}()
	if len(text) > maxCommand {
		return errTooDeep
	}
	var batch []*syntax.Stmt
	last, stopped := uint(0), false
	// The sequence goes on after it is told to stop when it has an error to tell, so it
	// is called and not ranged over.
	syntax.NewParser(syntax.Variant(lang)).StmtsSeq(&pieces{text})(func(st *syntax.Stmt, bad error) bool {
		switch {
		case stopped:
			return false
		case bad != nil:
			var at syntax.ParseError
			if errors.As(bad, &at) && len(batch) > 0 && at.Pos.Line() > last {
				stopped = !each(batch)
			}
			if !stopped {
				err, stopped = bad, true
			}
			return false
		case len(batch) > 0 && st.Pos().Line() > last:
			if !each(batch) {
				stopped = true
				return false
			}
			batch = nil
		}
		batch = append(batch, st)
		last = st.End().Line()
		return true
	})
	if !stopped && len(batch) > 0 {
		each(batch)
	}
	return err
}

// eval runs text in this shell.
func (in *interp) eval(text string) {
	if in.depth >= maxDepth {
		in.errorf("eval: maximum eval nesting level exceeded (%d)", maxDepth)
		in.status = 1
		return
	}
	if in.flag == "c" && in.text == "" {
		in.text = text
	}
	in.depth++
	defer func() { in.depth-- }()
	in.runText(text)
}

// runText runs text line by line. A here-document that is not ended is, with a warning.
func (in *interp) runText(text string) {
	text = in.plainLet(text)
	skip := 0 // statements that have run
	for range 8 {
		n := 0
		err := parse([]byte(text), in.lang(), func(list []*syntax.Stmt) bool {
			if n += len(list); n <= skip {
				return true
			}
			skip = n
			in.stmts(list)
			return !in.leaving()
		})
		var bad syntax.ParseError
		if err == nil {
			return
		}
		if !errors.As(err, &bad) || !strings.Contains(bad.Text, "unclosed here-document") {
			in.syntaxError(text, err)
			return
		}
		_, delim, _ := strings.Cut(bad.Text, "unclosed here-document ")
		delim = strings.Trim(delim, "`'\"")
		text = strings.TrimSuffix(text, "\n") + "\n"
		if in.kind == bash {
			in.line = strings.Count(text, "\n")
			in.errorf("warning: here-document at line %d delimited by end-of-file (wanted `%s')", bad.Pos.Line(), delim)
		}
		text += delim + "\n"
	}
}

// syntaxError reports why text cannot be parsed.
func (in *interp) syntaxError(text string, err error) {
	in.status = 2
	var bad syntax.ParseError
	var lang syntax.LangError
	line, what := uint(1), ""
	switch {
	case errors.As(err, &bad):
		line, what = bad.Pos.Line(), bad.Text
	case errors.As(err, &lang):
		line = lang.Pos.Line()
		bad.Pos = lang.Pos
	default:
		in.errorf("%v", err)
		return
	}
	rows := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	token := badToken(text, bad)
	end := token == ""
	total := in.lines + len(rows) + 1
	at := in.lines + int(line)
	row := ""
	if int(line) <= len(rows) && line > 0 {
		row = rows[line-1]
	}
	quote := ""
	if _, q, ok := strings.Cut(what, "without closing quote "); ok && len(q) > 2 {
		quote = q[1 : len(q)-1]
	}
	if strings.Contains(what, "without matching `$(`") {
		quote, at = ")", total
	}
	name := in.name
	if in.flag == "c" && in.kind == bash {
		name += ": -c"
	}
	switch in.kind {
	case dash:
		switch {
		case quote != "":
			in.write(2, fmt.Sprintf("%s: %d: Syntax error: Unterminated quoted string\n", in.name, at))
		case end:
			in.write(2, fmt.Sprintf("%s: %d: Syntax error: end of file unexpected\n", in.name, total-1))
		default:
			in.write(2, fmt.Sprintf("%s: %d: Syntax error: %s unexpected\n", in.name, at, dashToken(token)))
		}
	case ash:
		switch {
		case quote != "":
			in.write(2, fmt.Sprintf("%s: syntax error: unterminated quoted string\n", in.name))
		case end:
			in.write(2, fmt.Sprintf("%s: syntax error: unexpected end of file\n", in.name))
		default:
			in.write(2, fmt.Sprintf("%s: syntax error: unexpected %s\n", in.name, dashToken(token)))
		}
	case zsh:
		in.write(2, fmt.Sprintf("zsh: parse error near `%s'\n", token))
	default:
		where := func(n int) string {
			if in.interactive {
				return name + ": "
			}
			return fmt.Sprintf("%s: line %d: ", name, n)
		}
		switch {
		case quote != "":
			in.write(2, where(at)+fmt.Sprintf("unexpected EOF while looking for matching `%s'\n", quote))
		case end:
			in.write(2, where(total)+"syntax error: unexpected end of file\n")
		default:
			in.write(2, where(at)+fmt.Sprintf("syntax error near unexpected token `%s'\n", token))
			if !in.interactive {
				in.write(2, where(at)+fmt.Sprintf("`%s'\n", row))
			}
		}
	}
}

func dashToken(t string) string {
	if t == "newline" {
		return t
	}
	return `"` + t + `"`
}

// badToken returns the token at which the parser stopped, "" at the end of text.
func badToken(text string, bad syntax.ParseError) string {
	off := int(bad.Pos.Offset())
	if strings.Contains(bad.Text, "must be followed by a literal") || strings.Contains(bad.Text, "must be followed by a name") || strings.Contains(bad.Text, "must be followed by a word") {
		op := tokenAt(text, off)
		if next := tokenAt(strings.TrimLeft(text[min(off+len(op), len(text)):], " \t"), 0); next != "" {
			return next
		}
		return "newline"
	}
	if bad.Incomplete || strings.Contains(bad.Text, "reached EOF") {
		return ""
	}
	if _, call, ok := strings.Cut(bad.Text, "(` must be followed by"); ok && strings.Contains(call, ")") {
		off += max(strings.IndexByte(text[min(off, len(text)):], '('), 0) + 1
		off += len(text[min(off, len(text)):]) - len(strings.TrimLeft(text[min(off, len(text)):], " \t"))
		return tokenAt(text, off)
	}
	switch {
	case strings.Contains(bad.Text, "must be followed by a statement"):
		op := tokenAt(text, off)
		return tokenAt(strings.TrimLeft(text[min(off+len(op), len(text)):], " \t\n"), 0)
	case strings.Contains(bad.Text, "must be followed by `do`"):
		rest := text[min(off, len(text)):]
		if _, after, ok := strings.Cut(rest, ";"); ok && strings.TrimSpace(after) != "" {
			return tokenAt(strings.TrimLeft(after, " \t\n"), 0)
		}
		return ""
	}
	// Where a statement lacks its end the position is that of its start.
	if strings.Contains(bad.Text, "must end with") || strings.Contains(bad.Text, "must be followed by") {
		for _, kw := range []string{"reached ", "encountered "} {
			if _, t, ok := strings.Cut(bad.Text, kw); ok {
				return strings.Trim(t, " `\"")
			}
		}
		rest := strings.TrimLeft(text[min(off, len(text)):], " \t")
		if i := strings.IndexByte(rest, '\n'); i >= 0 && strings.TrimSpace(rest[i:]) != "" {
			return "newline"
		}
		if strings.Contains(bad.Text, "must end with") {
			return ""
		}
		return "newline"
	}
	return tokenAt(text, off)
}

func tokenAt(text string, off int) string {
	if off >= len(text) {
		return ""
	}
	rest := text[off:]
	switch {
	case rest[0] == '\n':
		return "newline"
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, ";;"), strings.HasPrefix(rest, "<<"), strings.HasPrefix(rest, ">>"):
		return rest[:2]
	case strings.ContainsRune("()&|;<>", rune(rest[0])):
		return rest[:1]
	}
	end := strings.IndexAny(rest, " \t\n;&|()<>")
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}
