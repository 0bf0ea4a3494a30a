package shell

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

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
