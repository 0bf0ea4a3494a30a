package shell

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// awk is a small awk: patterns, actions, fields, variables, arrays, control flow and the
// usual functions; no user functions, getline or pipes.
type awk struct {
	c       *call
	vars    map[string]awkValue
	arrays  map[string]map[string]awkValue
	fields  []string // [0] is the whole record
	rules   []awkRule
	begin   []awkStmt
	end     []awkStmt
	outputs map[string]*handle
	size    int // bytes in variables and arrays
}

type awkValue struct {
	s       string
	n       float64
	numeric bool
}

func awkNumber(n float64) awkValue { return awkValue{n: n, numeric: true} }
func awkString(s string) awkValue  { return awkValue{s: s} }

func (v awkValue) num() float64 {
	if v.numeric {
		return v.n
	}
	s := strings.TrimLeft(v.s, " \t\n")
	end := 0
	for end < len(s) && end < 32 && strings.IndexByte("0123456789.+-eE", s[end]) >= 0 {
		end++
	}
	for ; end > 0; end-- {
		if n, err := strconv.ParseFloat(s[:end], 64); err == nil {
			return n
		}
	}
	return 0
}

func (v awkValue) str() string {
	if !v.numeric {
		return v.s
	}
	if v.n == math.Trunc(v.n) && math.Abs(v.n) < 1e16 {
		return strconv.FormatInt(int64(v.n), 10)
	}
	return strconv.FormatFloat(v.n, 'g', 6, 64)
}

func (v awkValue) truth() bool {
	if v.numeric {
		return v.n != 0
	}
	return v.s != ""
}

// looksNumeric reports whether a field compares as a number.
func looksNumeric(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil
}

type awkRule struct {
	pattern awkExpr // nil: every record
	until   awkExpr // of a range
	body    []awkStmt
	print   bool // no action was given
	inside  *bool
}

type awkExpr func(a *awk) awkValue
type awkStmt func(a *awk) awkFlow

type awkFlow int

const (
	awkOn awkFlow = iota
	awkBreak
	awkContinue
	awkNext
	awkExit
)

var errAwk = errors.New("syntax error")

func progAwk(c *call) int {
	args := c.args[1:]
	a := &awk{c: c, vars: map[string]awkValue{"FS": awkString(" "), "OFS": awkString(" "), "ORS": awkString("\n"), "RS": awkString("\n"), "SUBSEP": awkString("\x1c")}, arrays: map[string]map[string]awkValue{}, outputs: map[string]*handle{}}
	program, have := "", false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		o := args[0]
		args = args[1:]
		value := func() string {
			if len(o) > 2 {
				return o[2:]
			}
			if len(args) == 0 {
				return ""
			}
			v := args[0]
			args = args[1:]
			return v
		}
		switch {
		case strings.HasPrefix(o, "-F"):
			s, _ := escapes(value(), false)
			a.vars["FS"] = awkString(s)
		case strings.HasPrefix(o, "-v"):
			name, v, _ := strings.Cut(value(), "=")
			v, _ = escapes(v, false)
			a.set(name, awkString(v))
		case strings.HasPrefix(o, "-f"):
			b, err := c.contents(value())
			if err != nil {
				c.errorf("cannot open: %s", reason(err))
				return 2
			}
			program, have = program+string(b)+"\n", true
		}
		if o == "--" {
			break
		}
	}
	if !have {
		if len(args) == 0 {
			c.errln("usage: mawk [Options] [Program] [file ...]")
			return 2
		}
		program, args = args[0], args[1:]
	}
	p := &awkParser{a: a, s: program}
	if err := p.program(); err != nil {
		c.errln("mawk: line 1: syntax error at or near " + p.near())
		return 2
	}
	defer func() {
		for _, h := range a.outputs {
			_ = h.Close()
		}
	}()
	status := 0
	if a.run(a.begin) == awkExit {
		return int(a.get("exit status").num())
	}
	if len(a.rules) > 0 || len(a.end) > 0 {
		var files []string
		for _, f := range args {
			if name, v, ok := strings.Cut(f, "="); ok && validName(name) {
				a.set(name, awkString(v))
				continue
			}
			files = append(files, f)
		}
		if len(files) == 0 {
			files = []string{"-"}
		}
		nr := 0
	reading:
		for _, f := range files {
			b, err := c.contents(f)
			if err != nil {
				c.errorf("cannot open %s (%s)", f, reason(err))
				status = 2
				continue
			}
			a.set("FILENAME", awkString(f))
			for fnr, row := range c.lines(b) {
				c.use.step(c.ctx)
				nr++
				a.set("NR", awkNumber(float64(nr)))
				a.set("FNR", awkNumber(float64(fnr+1)))
				a.record(row)
				if a.apply() == awkExit {
					break reading
				}
			}
		}
	}
	a.run(a.end)
	if v, ok := a.vars["exit status"]; ok {
		return int(v.num()) & 0xff
	}
	return status
}

func (a *awk) apply() awkFlow {
	for i := range a.rules {
		r := &a.rules[i]
		if r.until != nil {
			if !*r.inside {
				if !r.pattern(a).truth() {
					continue
				}
				*r.inside = true
			}
			if r.until(a).truth() {
				*r.inside = false
			}
		} else if r.pattern != nil && !r.pattern(a).truth() {
			continue
		}
		if r.print {
			a.c.print(a.fields[0] + a.get("ORS").str())
			continue
		}
		switch f := a.run(r.body); f {
		case awkNext:
			return awkOn
		case awkExit:
			return f
		}
	}
	return awkOn
}

func (a *awk) run(body []awkStmt) awkFlow {
	for _, s := range body {
		a.c.use.step(a.c.ctx)
		if f := s(a); f != awkOn {
			return f
		}
	}
	return awkOn
}

func (a *awk) record(row string) {
	a.fields = append([]string{row}, a.split(row, a.get("FS").str())...)
	a.vars["NF"] = awkNumber(float64(len(a.fields) - 1))
}

func (a *awk) split(s, sep string) []string {
	if len(s) > maxSubject {
		a.c.errln("mawk: program limit exceeded: maximum number of fields size=32767")
		panic(killed{2})
	}
	switch {
	case sep == " ":
		return strings.Fields(s)
	case s == "":
		return nil
	case utf8.RuneCountInString(sep) == 1:
		return strings.Split(s, sep)
	}
	re := a.c.sh.m.regexps.compile(extendedRegexp(sep))
	if re == nil || tooMuch(sep, s) {
		return []string{s}
	}
	return re.Split(s, maxFields)
}

func (a *awk) get(name string) awkValue { return a.vars[name] }

func (a *awk) account(n int) {
	if a.size += n; a.size > maxVariable {
		a.c.errln("mawk: program limit exceeded: string size")
		panic(killed{2})
	}
}

func (a *awk) set(name string, v awkValue) {
	if old, ok := a.vars[name]; ok {
		a.size -= len(old.s)
	}
	a.account(len(v.s))
	a.vars[name] = v
	if name == "NF" && a.fields != nil {
		n := int(min(max(v.num(), 0), 1000))
		for len(a.fields) <= n {
			a.fields = append(a.fields, "")
		}
		a.fields = a.fields[:n+1]
		a.rebuild()
	}
}

func (a *awk) rebuild() { a.fields[0] = strings.Join(a.fields[1:], a.get("OFS").str()) }

func (a *awk) field(n int) awkValue {
	if n < 0 || n >= len(a.fields) {
		return awkString("")
	}
	return awkString(a.fields[n])
}

func (a *awk) setField(n int, s string) {
	if n < 0 || n > 1000 {
		return
	}
	if n == 0 {
		a.record(s)
		return
	}
	if len(a.fields) == 0 {
		a.fields = []string{""}
	}
	for len(a.fields) <= n {
		a.fields = append(a.fields, "")
	}
	a.fields[n] = s
	a.vars["NF"] = awkNumber(float64(len(a.fields) - 1))
	a.rebuild()
}

func (a *awk) match(v awkValue, expr string) bool {
	re := a.regexp(expr)
	return re != nil && !tooMuch(expr, v.str()) && re.MatchString(v.str())
}

func (a *awk) regexp(expr string) *regexp.Regexp {
	return a.c.sh.m.regexps.compile(extendedRegexp(expr))
}
