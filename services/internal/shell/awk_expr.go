package shell

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
		if p.s = p.s[1:]; op == '*' && strings.HasPrefix(p.s, "*") {
			op, p.s = '^', p.s[1:]
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
