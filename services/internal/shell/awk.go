package shell

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
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

// awkParser turns a program into closures.
type awkParser struct {
	a     *awk
	s     string
	depth int
	// inPrint keeps > from being a comparison.
	inPrint bool
}

func (p *awkParser) near() string {
	f := strings.Fields(p.s)
	if len(f) == 0 {
		return "end of file"
	}
	return f[0]
}

func (p *awkParser) space(newlines bool) {
	for p.s != "" {
		switch {
		case p.s[0] == ' ' || p.s[0] == '\t' || p.s[0] == '\r' || newlines && p.s[0] == '\n':
			p.s = p.s[1:]
		case strings.HasPrefix(p.s, "\\\n"):
			p.s = p.s[2:]
		case p.s[0] == '#':
			if i := strings.IndexByte(p.s, '\n'); i >= 0 {
				p.s = p.s[i:]
			} else {
				p.s = ""
			}
		default:
			return
		}
	}
}

// take consumes a token if it comes next.
func (p *awkParser) take(tok string) bool {
	p.space(false)
	if !strings.HasPrefix(p.s, tok) {
		return false
	}
	rest := p.s[len(tok):]
	if isWord(tok[0]) && rest != "" && isWord(rest[0]) {
		return false
	}
	p.s = rest
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *awkParser) enter() error {
	if p.depth++; p.depth > 200 {
		return errAwk
	}
	return nil
}

func (p *awkParser) program() error {
	for {
		p.space(true)
		for p.take(";") {
			p.space(true)
		}
		if p.s == "" {
			return nil
		}
		switch {
		case p.take("BEGIN"):
			body, err := p.block()
			if err != nil {
				return err
			}
			p.a.begin = append(p.a.begin, body...)
		case p.take("END"):
			body, err := p.block()
			if err != nil {
				return err
			}
			p.a.end = append(p.a.end, body...)
		default:
			r := awkRule{inside: new(bool)}
			var err error
			if p.s[0] != '{' {
				if r.pattern, err = p.expr(); err != nil {
					return err
				}
				if p.take(",") {
					if r.until, err = p.expr(); err != nil {
						return err
					}
				}
			}
			p.space(false)
			if strings.HasPrefix(p.s, "{") {
				if r.body, err = p.block(); err != nil {
					return err
				}
			} else {
				r.print = true
			}
			p.a.rules = append(p.a.rules, r)
		}
	}
}

func (p *awkParser) block() ([]awkStmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if !p.take("{") {
		return nil, errAwk
	}
	var out []awkStmt
	for {
		p.space(true)
		for p.take(";") {
			p.space(true)
		}
		if p.take("}") {
			return out, nil
		}
		if p.s == "" {
			return nil, errAwk
		}
		s, err := p.stmt()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
}

// body is a block or one statement.
func (p *awkParser) body() (awkStmt, error) {
	p.space(true)
	if strings.HasPrefix(p.s, "{") {
		b, err := p.block()
		return func(a *awk) awkFlow { return a.run(b) }, err
	}
	if p.take(";") {
		return func(*awk) awkFlow { return awkOn }, nil
	}
	return p.stmt()
}

func (p *awkParser) paren() (awkExpr, error) {
	if !p.take("(") {
		return nil, errAwk
	}
	e, err := p.expr()
	if err != nil || !p.take(")") {
		return nil, errAwk
	}
	return e, nil
}

func (p *awkParser) stmt() (awkStmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.space(false)
	switch {
	case strings.HasPrefix(p.s, "{"):
		return p.body()
	case p.take("if"):
		return p.ifStmt()
	case p.take("while"):
		cond, err := p.paren()
		if err != nil {
			return nil, err
		}
		body, err := p.body()
		return awkLoop(nil, cond, nil, body), err
	case p.take("for"):
		return p.forStmt()
	case p.take("next"):
		return func(*awk) awkFlow { return awkNext }, nil
	case p.take("break"):
		return func(*awk) awkFlow { return awkBreak }, nil
	case p.take("continue"):
		return func(*awk) awkFlow { return awkContinue }, nil
	case p.take("exit"):
		p.space(false)
		if p.s == "" || strings.IndexByte(";}\n", p.s[0]) >= 0 {
			return func(*awk) awkFlow { return awkExit }, nil
		}
		e, err := p.expr()
		return func(a *awk) awkFlow { a.set("exit status", e(a)); return awkExit }, err
	case p.take("delete"):
		return p.deleteStmt()
	case p.take("printf"):
		return p.printStmt(true)
	case p.take("print"):
		return p.printStmt(false)
	}
	e, err := p.expr()
	return func(a *awk) awkFlow { e(a); return awkOn }, err
}

func (p *awkParser) ifStmt() (awkStmt, error) {
	cond, err := p.paren()
	if err != nil {
		return nil, err
	}
	yes, err := p.body()
	if err != nil {
		return nil, err
	}
	saved := p.s
	p.space(true)
	for p.take(";") {
		p.space(true)
	}
	if !p.take("else") {
		p.s = saved
		return func(a *awk) awkFlow {
			if cond(a).truth() {
				return yes(a)
			}
			return awkOn
		}, nil
	}
	no, err := p.body()
	return func(a *awk) awkFlow {
		if cond(a).truth() {
			return yes(a)
		}
		return no(a)
	}, err
}

func awkLoop(first, cond, step awkExpr, body awkStmt) awkStmt {
	return func(a *awk) awkFlow {
		if first != nil {
			first(a)
		}
		for cond == nil || cond(a).truth() {
			a.c.use.step(a.c.ctx)
			switch f := body(a); f {
			case awkBreak:
				return awkOn
			case awkNext, awkExit:
				return f
			}
			if step != nil {
				step(a)
			}
		}
		return awkOn
	}
}

func (p *awkParser) forStmt() (awkStmt, error) {
	if !p.take("(") {
		return nil, errAwk
	}
	saved := p.s
	if name := p.name(); name != "" && p.take("in") {
		array := p.name()
		if array != "" && p.take(")") {
			body, err := p.body()
			return func(a *awk) awkFlow {
				keys := make([]string, 0, len(a.arrays[array]))
				for k := range a.arrays[array] {
					keys = append(keys, k)
				}
				slices.Sort(keys)
				for _, k := range keys {
					a.c.use.step(a.c.ctx)
					a.set(name, awkString(k))
					switch f := body(a); f {
					case awkBreak:
						return awkOn
					case awkNext, awkExit:
						return f
					}
				}
				return awkOn
			}, err
		}
	}
	p.s = saved
	var parts [3]awkExpr
	for i, end := range []string{";", ";", ")"} {
		if p.take(end) {
			continue
		}
		var err error
		if parts[i], err = p.expr(); err != nil {
			return nil, err
		}
		if !p.take(end) {
			return nil, errAwk
		}
	}
	body, err := p.body()
	return awkLoop(parts[0], parts[1], parts[2], body), err
}

func (p *awkParser) deleteStmt() (awkStmt, error) {
	name := p.name()
	if name == "" {
		return nil, errAwk
	}
	if !p.take("[") {
		return func(a *awk) awkFlow { delete(a.arrays, name); return awkOn }, nil
	}
	e, err := p.expr()
	if err != nil || !p.take("]") {
		return nil, errAwk
	}
	return func(a *awk) awkFlow { delete(a.arrays[name], e(a).str()); return awkOn }, nil
}

func (p *awkParser) printStmt(formatted bool) (awkStmt, error) {
	p.inPrint = true
	defer func() { p.inPrint = false }()
	var list []awkExpr
	p.space(false)
	wrapped := false
	if strings.HasPrefix(p.s, "(") {
		// print (a, b) > file is a list, print (a) b is not.
		saved := p.s
		p.take("(")
		p.inPrint = false
		l, err := p.list(")")
		p.inPrint = true
		p.space(false)
		if err == nil && (p.s == "" || strings.IndexByte(";}\n>|", p.s[0]) >= 0) {
			list, wrapped = l, true
		} else {
			p.s = saved
		}
	}
	if !wrapped && p.s != "" && strings.IndexByte(";}\n>", p.s[0]) < 0 {
		for {
			e, err := p.expr()
			if err != nil {
				return nil, err
			}
			list = append(list, e)
			if !p.take(",") {
				break
			}
			p.space(true)
		}
	}
	add := p.take(">>")
	var to awkExpr
	if add || p.take(">") {
		var err error
		if to, err = p.primary(); err != nil {
			return nil, err
		}
	}
	return func(a *awk) awkFlow {
		var s string
		switch {
		case formatted && len(list) > 0:
			args := make([]string, len(list)-1)
			for i, e := range list[1:] {
				args[i] = e(a).str()
			}
			s = a.sprintf(list[0](a).str(), args)
		case len(list) == 0:
			s = a.field(0).str() + a.get("ORS").str()
		default:
			parts := make([]string, len(list))
			for i, e := range list {
				parts[i] = e(a).str()
			}
			s = strings.Join(parts, a.get("OFS").str()) + a.get("ORS").str()
		}
		if to == nil {
			a.c.print(s)
			return awkOn
		}
		a.writeFile(to(a).str(), s, add)
		return awkOn
	}, nil
}

func (a *awk) writeFile(name, s string, add bool) {
	switch name {
	case "/dev/stdout", "-":
		a.c.print(s)
		return
	case "/dev/stderr":
		a.c.flush()
		a.c.interp.write(2, s)
		return
	}
	h, ok := a.outputs[name]
	if !ok {
		flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		if add {
			flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
		}
		var err error
		if len(a.outputs) >= 64 {
			return
		}
		if h, err = a.c.files().open(name, flag, 0o666&^a.c.umask); err != nil {
			a.c.errln("mawk: cannot open \"" + name + "\" for output")
			panic(killed{2})
		}
		a.outputs[name] = h
	}
	if _, err := h.Write([]byte(s)); err != nil {
		a.c.errln("mawk: write failure: " + reason(err))
		panic(killed{2})
	}
}

func (a *awk) sprintf(format string, args []string) string {
	f := &formatter{in: a.c.interp, args: args}
	// awk takes any text for a number, without a message.
	for i, s := range f.args {
		if v := awkString(s); !looksNumeric(s) && strings.ContainsAny(format, "di") && !strings.Contains(format, "%s") {
			f.args[i] = v.str()
		} else if looksNumeric(s) && strings.Contains(s, ".") && !strings.ContainsAny(format, "efgs") {
			f.args[i] = strconv.FormatInt(int64(v.num()), 10)
		}
	}
	var b strings.Builder
	f.once(&b, format)
	return b.String()
}

func (p *awkParser) list(end string) ([]awkExpr, error) {
	var out []awkExpr
	p.space(true)
	if p.take(end) {
		return nil, nil
	}
	for {
		e, err := p.expr()
		if err != nil {
			return nil, err
		}
		out = append(out, e)
		p.space(true)
		if p.take(end) {
			return out, nil
		}
		if !p.take(",") {
			return nil, errAwk
		}
		p.space(true)
	}
}

func (p *awkParser) name() string {
	p.space(false)
	i := 0
	for i < len(p.s) && isWord(p.s[i]) && (i > 0 || p.s[0] < '0' || p.s[0] > '9') {
		i++
	}
	n := p.s[:i]
	p.s = p.s[i:]
	return n
}

// expr parses from the assignment downwards.
func (p *awkParser) expr() (awkExpr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	saved := p.s
	if target, ok := p.target(); ok {
		for _, op := range []string{"+=", "-=", "*=", "/=", "%=", "^="} {
			if p.take(op) {
				v, err := p.expr()
				return func(a *awk) awkValue {
					n := awkNumber(arith(op[0], target.get(a).num(), v(a).num()))
					target.set(a, n)
					return n
				}, err
			}
		}
		p.space(false)
		if strings.HasPrefix(p.s, "=") && !strings.HasPrefix(p.s, "==") {
			p.s = p.s[1:]
			p.space(true)
			v, err := p.expr()
			return func(a *awk) awkValue {
				x := v(a)
				target.set(a, x)
				return x
			}, err
		}
	}
	p.s = saved
	return p.ternary()
}

func (p *awkParser) ternary() (awkExpr, error) {
	cond, err := p.or()
	if err != nil || !p.take("?") {
		return cond, err
	}
	yes, err := p.expr()
	if err != nil || !p.take(":") {
		return nil, errAwk
	}
	no, err := p.expr()
	return func(a *awk) awkValue {
		if cond(a).truth() {
			return yes(a)
		}
		return no(a)
	}, err
}

func truthValue(b bool) awkValue {
	if b {
		return awkNumber(1)
	}
	return awkNumber(0)
}

func (p *awkParser) or() (awkExpr, error) {
	left, err := p.and()
	for err == nil && p.take("||") {
		p.space(true)
		l := left
		var r awkExpr
		r, err = p.and()
		left = func(a *awk) awkValue { return truthValue(l(a).truth() || r(a).truth()) }
	}
	return left, err
}

func (p *awkParser) and() (awkExpr, error) {
	left, err := p.compare()
	for err == nil && p.take("&&") {
		p.space(true)
		l := left
		var r awkExpr
		r, err = p.compare()
		left = func(a *awk) awkValue { return truthValue(l(a).truth() && r(a).truth()) }
	}
	return left, err
}

func (p *awkParser) compare() (awkExpr, error) {
	left, err := p.concat()
	for err == nil {
		l := left
		switch {
		case p.take("in"):
			name := p.name()
			left = func(a *awk) awkValue { _, ok := a.arrays[name][l(a).str()]; return truthValue(ok) }
		case p.take("!~"):
			return p.matchExpr(l, true)
		case p.take("~"):
			return p.matchExpr(l, false)
		default:
			op := ""
			for _, o := range []string{"==", "!=", "<=", ">=", "<", ">"} {
				if o[0] == '>' && p.inPrint {
					continue
				}
				if p.take(o) {
					op = o
					break
				}
			}
			if op == "" {
				return left, nil
			}
			var r awkExpr
			if r, err = p.concat(); err != nil {
				return nil, err
			}
			left = func(a *awk) awkValue { return truthValue(awkCompare(op, l(a), r(a))) }
		}
	}
	return left, err
}

// matchExpr parses the right side of ~; the operator has been taken.
func (p *awkParser) matchExpr(l awkExpr, negate bool) (awkExpr, error) {
	expr, dynamic, err := p.regexpOperand()
	if err != nil {
		return nil, err
	}
	return func(a *awk) awkValue {
		e := expr
		if dynamic != nil {
			e = dynamic(a).str()
		}
		return truthValue(a.match(l(a), e) != negate)
	}, nil
}

func (p *awkParser) regexpOperand() (string, awkExpr, error) {
	p.space(false)
	if strings.HasPrefix(p.s, "/") {
		e, ok := p.regexpLiteral()
		if !ok {
			return "", nil, errAwk
		}
		return e, nil, nil
	}
	d, err := p.concat()
	return "", d, err
}

func (p *awkParser) regexpLiteral() (string, bool) {
	for i := 1; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			i++
		case '\n':
			return "", false
		case '/':
			e := strings.ReplaceAll(p.s[1:i], `\/`, "/")
			p.s = p.s[i+1:]
			return e, true
		}
	}
	return "", false
}

func awkCompare(op string, x, y awkValue) bool {
	c := 0
	if (x.numeric || looksNumeric(x.s)) && (y.numeric || looksNumeric(y.s)) {
		a, b := x.num(), y.num()
		switch {
		case a < b:
			c = -1
		case a > b:
			c = 1
		}
	} else {
		c = strings.Compare(x.str(), y.str())
	}
	switch op {
	case "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func (p *awkParser) concat() (awkExpr, error) {
	left, err := p.sum()
	for err == nil {
		p.space(false)
		if p.s == "" || !(isWord(p.s[0]) || strings.IndexByte("$\"(-!", p.s[0]) >= 0) || strings.HasPrefix(p.s, "!=") || strings.HasPrefix(p.s, "!~") || p.keyword("in") {
			return left, nil
		}
		l := left
		var r awkExpr
		if r, err = p.sum(); err != nil {
			return nil, err
		}
		left = func(a *awk) awkValue {
			x, y := l(a).str(), r(a).str()
			a.c.grow(len(x) + len(y))
			return awkString(x + y)
		}
	}
	return left, err
}

func (p *awkParser) keyword(k string) bool {
	return strings.HasPrefix(p.s, k) && (len(p.s) == len(k) || !isWord(p.s[len(k)]))
}

func arith(op byte, x, y float64) float64 {
	switch op {
	case '+':
		return x + y
	case '-':
		return x - y
	case '*':
		return x * y
	case '/':
		return x / y
	case '%':
		return math.Mod(x, y)
	}
	return math.Pow(x, y)
}

func (p *awkParser) sum() (awkExpr, error) {
	left, err := p.product()
	for err == nil {
		p.space(false)
		if p.s == "" || p.s[0] != '+' && p.s[0] != '-' || strings.HasPrefix(p.s, "+=") || strings.HasPrefix(p.s, "-=") || strings.HasPrefix(p.s, "++") || strings.HasPrefix(p.s, "--") {
			return left, nil
		}
		op := p.s[0]
		p.s = p.s[1:]
		l := left
		var r awkExpr
		r, err = p.product()
		left = func(a *awk) awkValue { return awkNumber(arith(op, l(a).num(), r(a).num())) }
	}
	return left, err
}

func (p *awkParser) product() (awkExpr, error) {
	left, err := p.unary()
	for err == nil {
		p.space(false)
		if p.s == "" || strings.IndexByte("*/%", p.s[0]) < 0 || len(p.s) > 1 && p.s[1] == '=' {
			return left, nil
		}
		op := p.s[0]
		p.s = strings.TrimPrefix(p.s[1:], "*")
		if op == '*' && strings.HasPrefix(p.s, "*") {
			op = '^'
		}
		l := left
		var r awkExpr
		r, err = p.unary()
		left = func(a *awk) awkValue {
			d := r(a).num()
			if d == 0 && (op == '/' || op == '%') {
				a.c.errln("mawk: division by zero")
				panic(killed{2})
			}
			return awkNumber(arith(op, l(a).num(), d))
		}
	}
	return left, err
}

func (p *awkParser) unary() (awkExpr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.space(false)
	switch {
	case p.s == "":
		return nil, errAwk
	case p.s[0] == '!' && !strings.HasPrefix(p.s, "!=") && !strings.HasPrefix(p.s, "!~"):
		p.s = p.s[1:]
		e, err := p.unary()
		return func(a *awk) awkValue { return truthValue(!e(a).truth()) }, err
	case strings.HasPrefix(p.s, "++"), strings.HasPrefix(p.s, "--"):
		by := 1.0
		if p.s[0] == '-' {
			by = -1
		}
		p.s = p.s[2:]
		t, ok := p.target()
		if !ok {
			return nil, errAwk
		}
		return func(a *awk) awkValue {
			n := awkNumber(t.get(a).num() + by)
			t.set(a, n)
			return n
		}, nil
	case p.s[0] == '-':
		p.s = p.s[1:]
		e, err := p.unary()
		return func(a *awk) awkValue { return awkNumber(-e(a).num()) }, err
	case p.s[0] == '+':
		p.s = p.s[1:]
		e, err := p.unary()
		return func(a *awk) awkValue { return awkNumber(e(a).num()) }, err
	}
	base, err := p.primary()
	if err == nil && p.take("^") {
		var exp awkExpr
		exp, err = p.unary()
		return func(a *awk) awkValue { return awkNumber(math.Pow(base(a).num(), exp(a).num())) }, err
	}
	return base, err
}

// awkTarget is what can be assigned to.
type awkTarget struct {
	get func(*awk) awkValue
	set func(*awk, awkValue)
}

var awkReserved = set("in if else while for next exit print printf delete break continue BEGIN END getline function return do")

func (p *awkParser) target() (awkTarget, bool) {
	p.space(false)
	if strings.HasPrefix(p.s, "$") {
		p.s = p.s[1:]
		p.space(false)
		var n awkExpr
		var err error
		if strings.HasPrefix(p.s, "++") || strings.HasPrefix(p.s, "--") || strings.HasPrefix(p.s, "-") {
			n, err = p.unary()
		} else if t, ok := p.target(); ok {
			n = t.get
		} else {
			n, err = p.primary()
		}
		if err != nil {
			return awkTarget{}, false
		}
		index := func(a *awk) int { return int(min(max(n(a).num(), -1), 1e6)) }
		return awkTarget{func(a *awk) awkValue { return a.field(index(a)) }, func(a *awk, v awkValue) { a.setField(index(a), v.str()) }}, true
	}
	saved := p.s
	name := p.name()
	if name == "" || awkReserved[name] || strings.HasPrefix(p.s, "(") {
		p.s = saved
		return awkTarget{}, false
	}
	if strings.HasPrefix(p.s, "[") {
		p.s = p.s[1:]
		list, err := p.list("]")
		if err != nil || len(list) == 0 {
			p.s = saved
			return awkTarget{}, false
		}
		key := func(a *awk) string {
			parts := make([]string, len(list))
			for i, e := range list {
				parts[i] = e(a).str()
			}
			return strings.Join(parts, "\x1c")
		}
		return awkTarget{func(a *awk) awkValue { return a.element(name, key(a)) }, func(a *awk, v awkValue) { a.setElement(name, key(a), v) }}, true
	}
	return awkTarget{func(a *awk) awkValue { return a.get(name) }, func(a *awk, v awkValue) { a.set(name, v) }}, true
}

func (a *awk) element(name, key string) awkValue {
	if v, ok := a.arrays[name][key]; ok {
		return v
	}
	a.setElement(name, key, awkValue{})
	return awkValue{}
}

func (a *awk) setElement(name, key string, v awkValue) {
	m := a.arrays[name]
	if m == nil {
		m = make(map[string]awkValue)
		a.arrays[name] = m
	}
	if old, ok := m[key]; ok {
		a.size -= len(old.s)
	} else {
		a.account(len(key) + 48)
	}
	a.account(len(v.s))
	m[key] = v
}

func (p *awkParser) primary() (awkExpr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.space(false)
	if p.s == "" {
		return nil, errAwk
	}
	switch c := p.s[0]; {
	case c == '(':
		p.s = p.s[1:]
		saved := p.inPrint
		p.inPrint = false
		e, err := p.expr()
		p.inPrint = saved
		if err != nil || !p.take(")") {
			return nil, errAwk
		}
		return e, nil
	case c == '"':
		return p.stringLiteral()
	case c == '/':
		expr, ok := p.regexpLiteral()
		if !ok {
			return nil, errAwk
		}
		return func(a *awk) awkValue { return truthValue(a.match(a.field(0), expr)) }, nil
	case c >= '0' && c <= '9' || c == '.':
		i := 0
		for i < len(p.s) && (p.s[i] >= '0' && p.s[i] <= '9' || p.s[i] == '.' || (p.s[i] == 'e' || p.s[i] == 'E') && i > 0) {
			i++
		}
		n, err := strconv.ParseFloat(p.s[:i], 64)
		p.s = p.s[i:]
		return func(*awk) awkValue { return awkNumber(n) }, err
	}
	if t, ok := p.target(); ok {
		for _, op := range []string{"++", "--"} {
			if strings.HasPrefix(p.s, op) {
				p.s = p.s[2:]
				by := 1.0
				if op == "--" {
					by = -1
				}
				return func(a *awk) awkValue {
					old := t.get(a).num()
					t.set(a, awkNumber(old+by))
					return awkNumber(old)
				}, nil
			}
		}
		return t.get, nil
	}
	name := p.name()
	if name == "" || awkReserved[name] {
		return nil, errAwk
	}
	return p.function(name)
}

func (p *awkParser) stringLiteral() (awkExpr, error) {
	for i := 1; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			i++
		case '"':
			s, _ := escapes(p.s[1:i], false)
			p.s = p.s[i+1:]
			return func(*awk) awkValue { return awkString(s) }, nil
		}
	}
	return nil, errAwk
}

func (p *awkParser) function(name string) (awkExpr, error) {
	if !p.take("(") {
		return nil, errAwk
	}
	// The first argument of split's and sub's kin may be a regular expression.
	var expr string
	literal := false
	p.space(true)
	if name == "sub" || name == "gsub" {
		if strings.HasPrefix(p.s, "/") {
			var ok bool
			if expr, ok = p.regexpLiteral(); !ok {
				return nil, errAwk
			}
			literal = true
			p.take(",")
		}
		if !literal {
			d, err := p.expr()
			if err != nil || !p.take(",") {
				return nil, errAwk
			}
			return p.substitution(name, "", d)
		}
		return p.substitution(name, expr, nil)
	}
	if name == "split" {
		s, err := p.expr()
		if err != nil || !p.take(",") {
			return nil, errAwk
		}
		array := p.name()
		var sep awkExpr
		if p.take(",") {
			p.space(false)
			if strings.HasPrefix(p.s, "/") {
				e, ok := p.regexpLiteral()
				if !ok {
					return nil, errAwk
				}
				sep = func(*awk) awkValue { return awkString(e) }
			} else if sep, err = p.expr(); err != nil {
				return nil, err
			}
		}
		if !p.take(")") {
			return nil, errAwk
		}
		return func(a *awk) awkValue {
			by := a.get("FS").str()
			if sep != nil {
				by = sep(a).str()
			}
			parts := a.split(s(a).str(), by)
			delete(a.arrays, array)
			for i, v := range parts {
				a.setElement(array, strconv.Itoa(i+1), awkString(v))
			}
			return awkNumber(float64(len(parts)))
		}, nil
	}
	if name == "match" {
		s, err := p.expr()
		if err != nil || !p.take(",") {
			return nil, errAwk
		}
		e, d, err := p.regexpOperand()
		if err != nil || !p.take(")") {
			return nil, errAwk
		}
		return func(a *awk) awkValue {
			expr := e
			if d != nil {
				expr = d(a).str()
			}
			at, length := 0, -1
			if re := a.regexp(expr); re != nil {
				if m := re.FindStringIndex(s(a).str()); m != nil {
					at, length = m[0]+1, m[1]-m[0]
				}
			}
			a.set("RSTART", awkNumber(float64(at)))
			a.set("RLENGTH", awkNumber(float64(length)))
			return awkNumber(float64(at))
		}, nil
	}
	args, err := p.list(")")
	if err != nil {
		return nil, err
	}
	arg := func(a *awk, i int) awkValue {
		if i < len(args) {
			return args[i](a)
		}
		return awkValue{}
	}
	switch name {
	case "length":
		return func(a *awk) awkValue {
			if len(args) == 0 {
				return awkNumber(float64(utf8.RuneCountInString(a.field(0).str())))
			}
			return awkNumber(float64(utf8.RuneCountInString(arg(a, 0).str())))
		}, nil
	case "substr":
		return func(a *awk) awkValue {
			rs := []rune(arg(a, 0).str())
			from := int(min(max(arg(a, 1).num(), -1e9), 1e9))
			to := len(rs) + 1
			if len(args) > 2 {
				to = from + int(min(max(arg(a, 2).num(), -1e9), 1e9))
			}
			from, to = max(from, 1), min(to, len(rs)+1)
			if from >= to {
				return awkString("")
			}
			return awkString(string(rs[from-1 : to-1]))
		}, nil
	case "index":
		return func(a *awk) awkValue { return awkNumber(float64(strings.Index(arg(a, 0).str(), arg(a, 1).str()) + 1)) }, nil
	case "tolower":
		return func(a *awk) awkValue { return awkString(strings.ToLower(arg(a, 0).str())) }, nil
	case "toupper":
		return func(a *awk) awkValue { return awkString(strings.ToUpper(arg(a, 0).str())) }, nil
	case "int":
		return func(a *awk) awkValue { return awkNumber(math.Trunc(arg(a, 0).num())) }, nil
	case "sqrt", "exp", "log", "sin", "cos":
		f := map[string]func(float64) float64{"sqrt": math.Sqrt, "exp": math.Exp, "log": math.Log, "sin": math.Sin, "cos": math.Cos}[name]
		return func(a *awk) awkValue { return awkNumber(f(arg(a, 0).num())) }, nil
	case "rand":
		return func(a *awk) awkValue { var b [1]byte; a.c.sh.m.noise(b[:]); return awkNumber(float64(b[0]) / 256) }, nil
	case "srand", "close", "fflush":
		return func(*awk) awkValue { return awkNumber(0) }, nil
	case "system":
		return func(a *awk) awkValue {
			text := arg(a, 0).str()
			a.c.flush()
			return awkNumber(float64(a.c.script(a.c.sh.m.distro.sh, "sh", text, nil)))
		}, nil
	case "strftime", "systime":
		return func(a *awk) awkValue { return awkNumber(float64(a.c.sh.m.now().Unix())) }, nil
	case "sprintf":
		return func(a *awk) awkValue {
			rest := make([]string, max(len(args)-1, 0))
			for i := range rest {
				rest[i] = arg(a, i+1).str()
			}
			return awkString(a.sprintf(arg(a, 0).str(), rest))
		}, nil
	}
	return nil, fmt.Errorf("%w: %s", errAwk, name)
}

func (p *awkParser) substitution(name, expr string, dynamic awkExpr) (awkExpr, error) {
	p.space(true)
	with, err := p.expr()
	if err != nil {
		return nil, err
	}
	target := awkTarget{func(a *awk) awkValue { return a.field(0) }, func(a *awk, v awkValue) { a.setField(0, v.str()) }}
	if p.take(",") {
		t, ok := p.target()
		if !ok {
			return nil, errAwk
		}
		target = t
	}
	if !p.take(")") {
		return nil, errAwk
	}
	return func(a *awk) awkValue {
		e := expr
		if dynamic != nil {
			e = dynamic(a).str()
		}
		re := a.regexp(e)
		s := target.get(a).str()
		if re == nil || len(s) > maxSubject {
			return awkNumber(0)
		}
		n := 1
		if name == "gsub" {
			n = -1
		}
		w := with(a).str()
		var b strings.Builder
		last, count := 0, 0
		for _, m := range re.FindAllStringSubmatchIndex(s, n) {
			b.WriteString(s[last:m[0]])
			r := sedExpand(w, s, m)
			a.c.grow(len(r))
			b.WriteString(r)
			last = m[1]
			count++
		}
		if count > 0 {
			b.WriteString(s[last:])
			target.set(a, awkString(b.String()))
		}
		return awkNumber(float64(count))
	}, nil
}
