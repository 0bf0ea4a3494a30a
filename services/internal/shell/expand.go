package shell

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
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

// substitute runs a command substitution.
func (in *interp) substitute(cs *syntax.CmdSubst) (string, bool) {
	if len(cs.Stmts) == 1 {
		if st := cs.Stmts[0]; st.Cmd == nil && len(st.Redirs) == 1 && st.Redirs[0].Op == syntax.RdrIn {
			name, ok := in.word(st.Redirs[0].Word)
			if !ok {
				return "", false
			}
			b, err := in.readFile(name)
			if err != nil {
				in.errorf("%s: %s", name, reason(err))
				in.status = 1
				return "", true
			}
			return clean(string(b)), true
		}
	}
	sub := in.fork()
	if sub == nil {
		return "", true
	}
	out := &sink{u: in.use}
	sub.replace(1, newStream(nil, out, nil))
	status := sub.run(func() { sub.stmts(cs.Stmts) })
	s := clean(out.take())
	check(in.ctx)
	in.status, in.substituted = status, true
	in.grow(len(s))
	return s, true
}

func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.TrimRight(s, "\n")
}

// processSubstitution runs <(…) to its end, or starts >(…), and returns the name of the
// descriptor that stands for it. The shell keeps the descriptor.
func (in *interp) processSubstitution(ps *syntax.ProcSubst) (string, bool) {
	sub := in.fork()
	if sub == nil {
		return "", false
	}
	fd := 63
	for fd > 10 && fd < len(in.fds) && in.fds[fd] != nil {
		fd--
	}
	if ps.Op == syntax.CmdOut {
		r, w, stop := newPipe(in.ctx)
		sub.replace(0, r)
		in.replace(fd, w)
		in.jobs.start(in.ctx, nil, func(ctx context.Context) {
			defer stop()
			sub.ctx = ctx
			sub.run(func() { sub.stmts(ps.Stmts) })
		})
		return "/dev/fd/" + strconv.Itoa(fd), true
	}
	out := &sink{u: in.use}
	sub.replace(1, newStream(nil, out, nil))
	sub.run(func() { sub.stmts(ps.Stmts) })
	s := out.take()
	check(in.ctx)
	in.grow(len(s))
	in.replace(fd, newStream(strings.NewReader(s), nil, nil))
	return "/dev/fd/" + strconv.Itoa(fd), true
}

// param expands a parameter.
func (f *fieldList) param(pe *syntax.ParamExp, quoted bool) bool {
	in := f.in
	if pe.Param == nil {
		in.errorf("%s: bad substitution", printNode(&syntax.Word{Parts: []syntax.WordPart{pe}}))
		return false
	}
	name := pe.Param.Value
	if pe.Names != 0 {
		var names []string
		for n := range in.vars {
			if strings.HasPrefix(n, name) {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		return f.list(names, pe.Names == syntax.NamesPrefix, quoted)
	}
	if pe.Excl && pe.Index == nil {
		target, _ := in.value(name)
		if target == "" {
			in.errorf("%s: invalid indirect expansion", name)
			return false
		}
		if !syntax.ValidName(target) && !special(target) {
			in.errorf("%s: invalid variable name", target)
			return false
		}
		name = target
	}
	elems, isList, star := in.elements(name, pe)
	value, set := "", false
	switch {
	case isList:
		set = len(elems) > 0
		value = strings.Join(elems, " ")
	case pe.Index != nil:
		key, ok := in.index(name, pe.Index)
		if !ok {
			return false
		}
		if v := in.vars[name]; v != nil && v.elems != nil {
			value, set = v.elems[key]
		} else if v != nil && key == "0" {
			value, set = v.str, v.set
		}
	default:
		value, set = in.value(name)
	}
	if !set && in.opt.nounset && !isList && pe.Exp == nil {
		in.errorf("%s: %s", name, map[bool]string{true: "unbound variable", false: "parameter not set"}[in.kind == bash])
		in.status, in.noValue = 1, true
		return false
	}
	switch {
	case pe.Length:
		n := utf8.RuneCountInString(value)
		if isList {
			n = len(elems)
		}
		f.scalar(strconv.Itoa(n), quoted)
		return true
	case pe.Exp != nil:
		switch pe.Exp.Op {
		case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
			if !set || pe.Exp.Op == syntax.AlternateUnsetOrNull && value == "" {
				return true
			}
			return f.inner(pe.Exp.Word, quoted)
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
			if !set || pe.Exp.Op == syntax.DefaultUnsetOrNull && value == "" {
				return f.inner(pe.Exp.Word, quoted)
			}
		case syntax.AssignUnset, syntax.AssignUnsetOrNull:
			if !set || pe.Exp.Op == syntax.AssignUnsetOrNull && value == "" {
				s, ok := in.word(pe.Exp.Word)
				if !ok || !in.set(name, s) {
					return false
				}
				value = s
			}
		case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
			if !set || pe.Exp.Op == syntax.ErrorUnsetOrNull && value == "" {
				s, ok := in.word(pe.Exp.Word)
				if !ok {
					return false
				}
				if s == "" {
					s = "parameter null or not set"
				}
				in.errorf("%s: %s", name, s)
				in.status, in.noValue = 1, true
				return false
			}
		}
	}
	if !isList {
		s, ok := in.operate(pe, name, value)
		if !ok {
			return false
		}
		f.scalar(s, quoted)
		return true
	}
	if pe.Slice != nil {
		var ok bool
		if elems, ok = in.sliceList(pe, elems); !ok {
			return false
		}
	} else {
		for i, e := range elems {
			s, ok := in.operate(pe, name, e)
			if !ok {
				return false
			}
			elems[i] = s
		}
	}
	return f.list(elems, star, quoted)
}

func special(name string) bool {
	if len(name) == 1 && strings.Contains("@*#?-$!0123456789_", name) {
		return true
	}
	_, err := strconv.ParseUint(name, 10, 16)
	return err == nil
}

// inner expands the word of an operator such as ${x:-word} in place.
func (f *fieldList) inner(w *syntax.Word, quoted bool) bool {
	if w == nil {
		return true
	}
	return f.parts(w.Parts, quoted)
}

func (f *fieldList) list(elems []string, star, quoted bool) bool {
	if quoted && star || f.whole {
		sep := " "
		if ifs, set := f.in.value("IFS"); set && star {
			_, n := utf8.DecodeRuneInString(ifs)
			sep = ifs[:n]
		}
		f.add(strings.Join(elems, sep), quoted)
		return true
	}
	for i, e := range elems {
		if i > 0 {
			f.end()
		}
		if quoted {
			f.add(e, true)
		} else {
			f.split(e)
		}
	}
	return true
}

// elements returns the values of "@", "*" and whole arrays.
func (in *interp) elements(name string, pe *syntax.ParamExp) (elems []string, isList, star bool) {
	if name == "@" || name == "*" {
		return slices.Clone(in.params), true, name == "*"
	}
	lit := indexLit(pe.Index)
	if lit != "@" && lit != "*" {
		return nil, false, false
	}
	v := in.vars[name]
	switch {
	case v == nil:
	case v.elems == nil && v.set && pe.Excl:
		elems = []string{"0"}
	case v.elems == nil && v.set:
		elems = []string{v.str}
	default:
		for _, k := range v.keys() {
			if pe.Excl {
				elems = append(elems, k)
			} else {
				elems = append(elems, v.elems[k])
			}
		}
	}
	for _, e := range elems {
		in.grow(len(e) + 16)
	}
	return elems, true, lit == "*"
}

// keys returns the indices or keys of an array in order.
func (v *variable) keys() []string {
	keys := slices.Collect(maps.Keys(v.elems))
	if v.assoc {
		slices.Sort(keys)
		return keys
	}
	slices.SortFunc(keys, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return keys
}

// index evaluates the subscript of an array.
func (in *interp) index(name string, x syntax.ArithmExpr) (string, bool) {
	v := in.vars[name]
	if v != nil && v.assoc {
		if w, ok := x.(*syntax.Word); ok {
			return in.word(w)
		}
	}
	n, ok := in.arithm(x)
	if !ok {
		return "", false
	}
	if n < 0 && v != nil && v.elems != nil {
		if keys := v.keys(); len(keys) > 0 {
			top, _ := strconv.ParseInt(keys[len(keys)-1], 10, 64)
			n += top + 1
		}
	}
	if n < 0 {
		in.errorf("%s: bad array subscript", name)
		return "", false
	}
	return strconv.FormatInt(n, 10), true
}

// operate applies the operator of an expansion to one value.
func (in *interp) operate(pe *syntax.ParamExp, name, value string) (string, bool) {
	switch {
	case pe.Slice != nil:
		rs := []rune(value)
		from, to, ok := in.sliceRange(pe, len(rs))
		if !ok {
			return "", false
		}
		return string(rs[from:to]), true
	case pe.Repl != nil:
		return in.replaceIn(pe.Repl, value)
	case pe.Exp == nil:
		return value, true
	}
	switch op := pe.Exp.Op; op {
	case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix:
		pat, ok := in.pattern(pe.Exp.Word)
		if !ok {
			return "", false
		}
		return in.strip(op, pat, value), true
	case syntax.UpperFirst, syntax.LowerFirst, syntax.UpperAll, syntax.LowerAll:
		conv := unicode.ToUpper
		if op == syntax.LowerFirst || op == syntax.LowerAll {
			conv = unicode.ToLower
		}
		rs := []rune(value)
		for i := range rs {
			rs[i] = conv(rs[i])
			if op == syntax.UpperFirst || op == syntax.LowerFirst {
				break
			}
		}
		return string(rs), true
	case syntax.OtherParamOps:
		how, ok := in.word(pe.Exp.Word)
		if !ok {
			return "", false
		}
		switch how {
		case "Q":
			return quoteWord(value), true
		case "U":
			return strings.ToUpper(value), true
		case "L":
			return strings.ToLower(value), true
		case "u":
			if r, n := utf8.DecodeRuneInString(value); n > 0 {
				return string(unicode.ToUpper(r)) + value[n:], true
			}
		case "E":
			return ansiC(value), true
		case "A":
			return name + "=" + quoteWord(value), true
		case "a":
			return in.attributes(name), true
		}
	}
	return value, true
}

// quoteWord quotes s as bash's ${x@Q} does.
func quoteWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (in *interp) attributes(name string) string {
	v := in.vars[name]
	if v == nil {
		return ""
	}
	s := ""
	if v.elems != nil {
		s = "a"
		if v.assoc {
			s = "A"
		}
	}
	if v.readonly {
		s += "r"
	}
	if v.exported {
		s += "x"
	}
	return s
}

func (in *interp) sliceRange(pe *syntax.ParamExp, n int) (from, to int, ok bool) {
	off, ok := in.arithm(pe.Slice.Offset)
	if !ok {
		return 0, 0, false
	}
	if off < 0 {
		if off += int64(n); off < 0 {
			return 0, 0, true
		}
	}
	from, to = int(min(off, int64(n))), n
	if pe.Slice.Length != nil {
		length, ok := in.arithm(pe.Slice.Length)
		if !ok {
			return 0, 0, false
		}
		if length < 0 {
			if to = int(max(int64(n)+length, -1)); to < from {
				in.errorf("%d: substring expression < 0", length)
				return 0, 0, false
			}
		} else {
			to = int(min(int64(from)+min(length, int64(n)), int64(n)))
		}
	}
	return from, to, true
}

func (in *interp) sliceList(pe *syntax.ParamExp, elems []string) ([]string, bool) {
	if name := pe.Param.Value; name == "@" || name == "*" {
		elems = append([]string{in.name}, elems...)
	}
	from, to, ok := in.sliceRange(pe, len(elems))
	if !ok {
		return nil, false
	}
	if name := pe.Param.Value; (name == "@" || name == "*") && pe.Slice.Length == nil && from == 0 {
		return elems, true
	}
	return elems[from:to], true
}

func (in *interp) replaceIn(r *syntax.Replace, value string) (string, bool) {
	pat, ok := in.pattern(r.Orig)
	if !ok {
		return "", false
	}
	with, ok := in.word(r.With)
	if !ok || pat == "" {
		return value, ok
	}
	anchor := byte(0)
	if !r.All && (pat[0] == '#' || pat[0] == '%') {
		anchor, pat = pat[0], pat[1:]
	}
	re := in.sh.m.regexps.anchored(pat, anchor)
	if re == nil || tooMuch(pat, value) {
		return value, true
	}
	if !r.All {
		m := re.FindStringIndex(value)
		if m == nil || m[0] == m[1] && anchor == 0 {
			return value, true
		}
		in.grow(len(with))
		return value[:m[0]] + with + value[m[1]:], true
	}
	return re.ReplaceAllStringFunc(value, func(m string) string {
		if m == "" {
			return ""
		}
		in.grow(len(with))
		return with
	}), true
}

// tooMuch reports whether matching would take more time than is allowed.
func tooMuch(pat, s string) bool { return len(pat)*len(s) > 32<<20 }

func (in *interp) strip(op syntax.ParExpOperator, pat, s string) string {
	if tooMuch(pat, s) {
		return s
	}
	mode := pattern.ExtendedOperators
	if op == syntax.RemSmallPrefix || op == syntax.RemSmallSuffix {
		mode |= pattern.Shortest
	}
	var re *regexp.Regexp
	suffix := op == syntax.RemSmallSuffix || op == syntax.RemLargeSuffix
	switch {
	case suffix && mode&pattern.Shortest != 0:
		re = in.sh.m.regexps.wrapped("(?s).*(", pat, ")$", mode)
	case suffix:
		re = in.sh.m.regexps.wrapped("(", pat, ")$", mode)
	default:
		re = in.sh.m.regexps.wrapped("^(", pat, ")", mode)
	}
	if re == nil {
		return s
	}
	if m := re.FindStringSubmatchIndex(s); m != nil {
		return s[:m[2]] + s[m[3]:]
	}
	return s
}

// regexps remembers the patterns that were compiled last.
type regexps struct {
	mu   sync.Mutex
	list map[string]*regexp.Regexp
}

const (
	maxRegexps = 64
	maxPattern = 4 << 10
)

// compile returns nil for what is not a regular expression or too large.
func (r *regexps) compile(expr string) *regexp.Regexp {
	if len(expr) > maxPattern {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if re, ok := r.list[expr]; ok {
		return re
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil
	}
	if r.list == nil || len(r.list) >= maxRegexps {
		r.list = make(map[string]*regexp.Regexp)
	}
	r.list[expr] = re
	return re
}

func (r *regexps) pattern(pat string, mode pattern.Mode) *regexp.Regexp {
	if len(pat) > maxPattern {
		return nil
	}
	expr, err := pattern.Regexp(pat, mode)
	if err != nil {
		return nil
	}
	return r.compile(expr)
}

func (r *regexps) wrapped(before, pat, after string, mode pattern.Mode) *regexp.Regexp {
	if len(pat) > maxPattern {
		return nil
	}
	expr, err := pattern.Regexp(pat, mode)
	if err != nil {
		return nil
	}
	return r.compile(before + expr + after)
}

func (r *regexps) anchored(pat string, anchor byte) *regexp.Regexp {
	switch anchor {
	case '#':
		return r.wrapped("^(?:", pat, ")", pattern.ExtendedOperators)
	case '%':
		return r.wrapped("(?:", pat, ")$", pattern.ExtendedOperators)
	}
	return r.wrapped("(?:", pat, ")", pattern.ExtendedOperators)
}

// glob returns the files that match pat, sorted.
func (in *interp) glob(pat string) []string {
	elems := strings.Split(pat, "/")
	at := []string{""}
	if elems[0] == "" {
		at[0], elems = "/", elems[1:]
	}
	files := in.files()
	for i, elem := range elems {
		last := i == len(elems)-1
		var next []string
		for _, dir := range at {
			in.use.step(in.ctx)
			if !pattern.HasMeta(elem, 0) {
				name := dir + unescape(elem)
				if !last {
					name += "/"
				}
				if _, err := files.stat("stat", name, !last); err == nil || elem == "" && last {
					next = append(next, name)
				}
				continue
			}
			next = append(next, in.globDir(files, dir, elem, last)...)
			if len(next) > maxFields {
				break
			}
		}
		at = next
	}
	slices.Sort(at)
	return at
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func (in *interp) globDir(files *Files, dir, elem string, last bool) []string {
	where := dir
	if where == "" {
		where = "."
	}
	list, err := files.list(where)
	if err != nil {
		return nil
	}
	mode := pattern.Filenames | pattern.EntireString | pattern.NoGlobStar
	if in.opt.dotglob {
		mode |= pattern.GlobLeadingDot
	}
	if in.opt.nocaseglob {
		mode |= pattern.NoGlobCase
	}
	if in.opt.extglob {
		mode |= pattern.ExtendedOperators
	}
	re := in.sh.m.regexps.pattern(elem, mode)
	if re == nil {
		return nil
	}
	var out []string
	for _, i := range list {
		in.use.step(in.ctx)
		if !re.MatchString(i.name) {
			continue
		}
		name := dir + i.name
		if !last {
			if i.mode&fs.ModeSymlink != 0 {
				if t, err := files.stat("stat", name, true); err != nil || !t.mode.IsDir() {
					continue
				}
			} else if !i.mode.IsDir() {
				continue
			}
			name += "/"
		}
		in.grow(len(name) + 16)
		out = append(out, name)
	}
	return out
}
