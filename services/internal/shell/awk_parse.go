package shell

import (
	"os"
	"slices"
	"strings"
)

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
	f := &formatter{in: a.c.interp, args: args, lenient: true}
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
