package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// part is a piece of a word after expansion. What is quoted is neither split nor taken
// for a pattern.
type part struct {
	s      string
	quoted bool
}

// fieldList collects the fields that words expand to.
type fieldList struct {
	in     *interp
	whole  bool // no splitting, as in assignments
	here   bool // a here-document: double quotes are ordinary
	fields [][]part
	cur    []part
	open   bool // cur is a field even when it is empty
}

func (f *fieldList) add(s string, quoted bool) {
	f.in.grow(len(s))
	f.cur = append(f.cur, part{s, quoted})
	f.open = f.open || quoted || s != ""
}

func (f *fieldList) end() {
	if f.open {
		if len(f.fields) >= maxFields {
			f.in.errorf("xrealloc: cannot allocate %d bytes", len(f.fields)*16)
			panic(killed{2})
		}
		f.in.grow(32)
		f.fields = append(f.fields, f.cur)
	}
	f.cur, f.open = nil, false
}

// split adds the value of an unquoted expansion.
func (f *fieldList) split(s string) {
	if f.whole {
		f.add(s, false)
		return
	}
	ifs, set := f.in.value("IFS")
	if !set {
		ifs = " \t\n"
	}
	if ifs == "" {
		f.add(s, false)
		return
	}
	white := func(r rune) bool { return (r == ' ' || r == '\t' || r == '\n') && strings.ContainsRune(ifs, r) }
	start := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !strings.ContainsRune(ifs, r) {
			i += n
			continue
		}
		if start < i {
			f.add(s[start:i], false)
		}
		hard := !white(r)
		for i += n; i < len(s); i += n {
			r, n = utf8.DecodeRuneInString(s[i:])
			if white(r) {
				continue
			}
			if !hard && strings.ContainsRune(ifs, r) {
				hard = true
				continue
			}
			break
		}
		if hard {
			f.open = true
		}
		f.end()
		start = i
	}
	if start < len(s) {
		f.add(s[start:], false)
	}
}

// fields expands words to arguments.
func (in *interp) fields(words []*syntax.Word) ([]string, bool) {
	var out []string
	for _, w := range words {
		split := *w
		if in.kind == dash || !syntax.SplitBraces(&split) {
			var ok bool
			if out, ok = in.expandWord(w.Parts, out); !ok {
				return nil, false
			}
			continue
		}
		ok := in.braces(split.Parts, nil, func(parts []syntax.WordPart) bool {
			if len(out) >= maxFields {
				in.errorf("brace expansion: failed to allocate memory for %d elements", maxFields)
				return false
			}
			in.use.step(in.ctx)
			var ok bool
			out, ok = in.expandWord(parts, out)
			return ok
		})
		if !ok {
			return nil, false
		}
	}
	return out, true
}

func (in *interp) expandWord(parts []syntax.WordPart, out []string) ([]string, bool) {
	f := &fieldList{in: in}
	if !f.parts(parts, false) {
		return nil, false
	}
	f.end()
	for _, field := range f.fields {
		if !in.opt.noglob {
			if pat, ok := globPattern(field); ok {
				if names := in.glob(pat); len(names) > 0 || in.opt.nullglob {
					out = append(out, names...)
					continue
				}
			}
		}
		out = append(out, joined(field))
	}
	return out, true
}

func joined(field []part) string {
	if len(field) == 1 {
		return field[0].s
	}
	var b strings.Builder
	for _, p := range field {
		b.WriteString(p.s)
	}
	return b.String()
}

func globPattern(field []part) (string, bool) {
	if !slices.ContainsFunc(field, func(p part) bool { return !p.quoted && strings.ContainsAny(p.s, "*?[") }) {
		return "", false
	}
	pat := patternOf(field)
	return pat, pattern.HasMeta(pat, 0)
}

func patternOf(field []part) string {
	var b strings.Builder
	for _, p := range field {
		if p.quoted {
			b.WriteString(pattern.QuoteMeta(p.s, 0))
		} else {
			b.WriteString(p.s)
		}
	}
	return b.String()
}

// word expands a word to one string, as in an assignment.
func (in *interp) word(w *syntax.Word) (string, bool) {
	if w == nil {
		return "", true
	}
	f := &fieldList{in: in, whole: true}
	ok := f.parts(w.Parts, false)
	return joined(f.cur), ok
}

// document expands a here-document.
func (in *interp) document(w *syntax.Word) (string, bool) {
	f := &fieldList{in: in, whole: true, here: true}
	ok := f.parts(w.Parts, true)
	return joined(f.cur), ok
}

// pattern expands a word to a pattern.
func (in *interp) pattern(w *syntax.Word) (string, bool) {
	if w == nil {
		return "", true
	}
	f := &fieldList{in: in, whole: true}
	ok := f.parts(w.Parts, false)
	return patternOf(f.cur), ok
}

// braces calls each with every word that a word with brace expressions stands for.
func (in *interp) braces(parts, left []syntax.WordPart, each func([]syntax.WordPart) bool) bool {
	for i, p := range parts {
		b, ok := p.(*syntax.BraceExp)
		if !ok {
			continue
		}
		left = append(slices.Clip(left), parts[:i]...)
		rest := parts[i+1:]
		if b.Sequence {
			return in.sequence(b, func(s string) bool {
				return in.braces(append([]syntax.WordPart{&syntax.Lit{Value: s}}, rest...), left, each)
			})
		}
		for _, e := range b.Elems {
			if !in.braces(slices.Concat(e.Parts, rest), left, each) {
				return false
			}
		}
		return true
	}
	return each(append(slices.Clip(left), parts...))
}

func (in *interp) sequence(b *syntax.BraceExp, each func(string) bool) bool {
	from, to := b.Elems[0].Lit(), b.Elems[1].Lit()
	x, err1 := strconv.ParseInt(from, 10, 64)
	y, err2 := strconv.ParseInt(to, 10, 64)
	letters := err1 != nil || err2 != nil
	if letters {
		if from == "" || to == "" {
			return true
		}
		x, y = int64(from[0]), int64(to[0])
	}
	by := uint64(1)
	if len(b.Elems) > 2 {
		n, _ := strconv.ParseInt(b.Elems[2].Lit(), 10, 64)
		if n < 0 {
			n = -n
		}
		if n > 0 {
			by = uint64(n)
		}
	}
	width := 0
	if zero := func(s string) bool { s = strings.TrimPrefix(s, "-"); return len(s) > 1 && s[0] == '0' }; !letters && (zero(from) || zero(to)) {
		width = max(len(from), len(to))
	}
	span := uint64(y) - uint64(x)
	if y < x {
		span = uint64(x) - uint64(y)
	}
	if span/by >= maxFields {
		in.errorf("brace expansion: failed to allocate memory for %d elements", span/by+1)
		return false
	}
	for i := range span/by + 1 {
		n := x + int64(i*by)
		if y < x {
			n = x - int64(i*by)
		}
		s := strconv.FormatInt(n, 10)
		if letters {
			s = string(rune(n))
		} else if width > 0 {
			s = fmt.Sprintf("%0*d", width, n)
		}
		if !each(s) {
			return false
		}
	}
	return true
}

// parts expands the parts of a word.
func (f *fieldList) parts(list []syntax.WordPart, quoted bool) bool {
	in := f.in
	if in.depth++; in.depth > maxDepth {
		panic(killed{139})
	}
	defer func() { in.depth-- }()
	for i, p := range list {
		switch p := p.(type) {
		case *syntax.Lit:
			f.literal(p.Value, quoted, i == 0, len(list) > 1)
		case *syntax.SglQuoted:
			s := p.Value
			if p.Dollar {
				s = ansiC(s)
			}
			f.add(s, true)
		case *syntax.DblQuoted:
			if !soleList(in, p) {
				f.open = true
				if len(p.Parts) == 0 {
					f.add("", true)
				}
			}
			if !f.parts(p.Parts, true) {
				return false
			}
		case *syntax.ParamExp:
			if !f.param(p, quoted) {
				return false
			}
		case *syntax.CmdSubst:
			s, ok := in.substitute(p)
			if !ok {
				return false
			}
			f.scalar(s, quoted)
		case *syntax.ArithmExp:
			n, ok := in.arithm(p.X)
			if !ok {
				return false
			}
			f.scalar(strconv.FormatInt(n, 10), quoted)
		case *syntax.ProcSubst:
			name, ok := in.processSubstitution(p)
			if !ok {
				return false
			}
			f.add(name, quoted)
		case *syntax.ExtGlob:
			f.add(p.Op.String()+p.Pattern.Value+")", quoted)
		}
	}
	return true
}

// soleList reports whether all of p is "$@" or "${a[@]}", which can give no field.
func soleList(in *interp, p *syntax.DblQuoted) bool {
	if len(p.Parts) != 1 {
		return false
	}
	pe, ok := p.Parts[0].(*syntax.ParamExp)
	if !ok || pe.Param == nil || pe.Length || pe.Excl {
		return false
	}
	return pe.Param.Value == "@" || indexLit(pe.Index) == "@"
}

func indexLit(x syntax.ArithmExpr) string {
	if w, ok := x.(*syntax.Word); ok {
		return w.Lit()
	}
	return ""
}

func (f *fieldList) scalar(s string, quoted bool) {
	if quoted {
		f.add(s, true)
	} else {
		f.split(s)
	}
}

// literal adds text of the script itself.
func (f *fieldList) literal(s string, quoted, first, more bool) {
	if quoted {
		if strings.IndexByte(s, '\\') < 0 {
			f.add(s, true)
			return
		}
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' && i+1 < len(s) {
				switch c := s[i+1]; {
				case c == '\n':
					i++
					continue
				case c == '\\' || c == '$' || c == '`' || c == '"' && !f.here:
					i++
				}
			}
			b.WriteByte(s[i])
		}
		f.add(b.String(), true)
		return
	}
	if first && strings.HasPrefix(s, "~") {
		if home, rest, ok := f.in.tilde(s, more); ok {
			f.add(home, true)
			s = rest
		}
	}
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i == len(s)-1 {
			break
		}
		if i > 0 {
			f.add(s[:i], false)
		}
		if s[i+1] != '\n' {
			_, n := utf8.DecodeRuneInString(s[i+1:])
			f.add(s[i+1:i+1+n], true)
			s = s[i+1+n:]
		} else {
			s = s[i+2:]
		}
	}
	if s != "" {
		f.add(s, false)
	}
}

// tilde expands a leading ~ or ~user.
func (in *interp) tilde(s string, more bool) (home, rest string, ok bool) {
	name := s[1:]
	if i := strings.IndexByte(name, '/'); i >= 0 {
		name, rest = name[:i], name[i:]
	} else if more {
		return "", s, false
	}
	switch name {
	case "":
		if h, ok := in.value("HOME"); ok {
			return h, rest, true
		}
		return in.sh.home, rest, true
	case "+":
		return in.dir, rest, true
	}
	if a, ok := in.sh.account(name); ok {
		return a.home, rest, true
	}
	return "", s, false
}

// ansiC decodes what stands in $'…'.
func ansiC(s string) string {
	out, _ := escapes(s, false)
	if i := strings.IndexByte(out, 0); i >= 0 {
		out = out[:i]
	}
	return out
}

// escapes decodes backslash escapes as echo -e, printf and $'…' do. stop reports that \c
// was met, when octal escapes need a leading zero as in echo.
func escapes(s string, echo bool) (out string, stop bool) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, false
	}
	var b strings.Builder
	digits := func(i, limit, base int) (int, int) {
		n, k := 0, 0
		for ; k < limit && i+k < len(s); k++ {
			d := strings.IndexByte("0123456789abcdef", s[i+k]|0x20)
			if s[i+k] >= '0' && s[i+k] <= '9' {
				d = int(s[i+k] - '0')
			}
			if d < 0 || d >= base {
				break
			}
			n = n*base + d
		}
		return n, k
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'a':
			b.WriteByte(7)
		case 'b':
			b.WriteByte(8)
		case 'e', 'E':
			b.WriteByte(27)
		case 'f':
			b.WriteByte(12)
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'v':
			b.WriteByte(11)
		case '\\':
			b.WriteByte('\\')
		case '\'', '"', '?':
			if echo {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		case 'c':
			if echo {
				return b.String(), true
			}
			if i+1 < len(s) {
				i++
				b.WriteByte(s[i] & 0x1f)
			}
		case 'x':
			n, k := digits(i+1, 2, 16)
			if k == 0 {
				b.WriteString(`\x`)
			} else {
				b.WriteByte(byte(n))
			}
			i += k
		case 'u', 'U':
			limit := 4
			if c == 'U' {
				limit = 8
			}
			n, k := digits(i+1, limit, 16)
			if k == 0 {
				b.WriteByte('\\')
				b.WriteByte(c)
			} else {
				b.WriteRune(rune(n))
			}
			i += k
		case '0', '1', '2', '3', '4', '5', '6', '7':
			if echo && c != '0' {
				b.WriteByte('\\')
				b.WriteByte(c)
				continue
			}
			start, limit := i, 3
			if echo {
				start = i + 1
			}
			n, k := digits(start, limit, 8)
			b.WriteByte(byte(n))
			i = start + k - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String(), false
}
