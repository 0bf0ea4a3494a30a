package mysql

import (
	"math"
	"strconv"
	"strings"
)

// maxNesting bounds the depth of expressions and subqueries.
const maxNesting = 60

// parser reads one statement. A method that cannot go on panics with *failure; parse
// turns that into an error.
type parser struct {
	sql    string
	tokens []token
	at     int
	depth  int
	params int
	flav   *flavor
}

type (
	expr any

	literal  struct{ v value }
	param    struct{ n int }
	column   struct{ path []string }
	star     struct{ table []string }
	variable struct{ name string }
	call     struct {
		name     string
		args     []expr
		star     bool
		distinct bool
	}
	unary struct {
		op string
		x  expr
	}
	infix struct {
		op   string
		a, b expr
	}
	inList struct {
		x    expr
		list []expr
	}
	caseOf struct {
		x     expr // nil: searched
		whens [][2]expr
		other expr
	}
	subquery struct {
		sel    *selection
		exists bool
	}
)

// item is one column of a result.
type item struct {
	e    expr
	name string
}

// source is one table of a FROM.
type source struct {
	path  []string
	sub   *selection
	alias string
	on    expr
}

// order is one term of ORDER BY.
type order struct {
	e    expr
	desc bool
}

// selection is a SELECT with its unions.
type selection struct {
	distinct bool
	items    []item
	from     []source
	where    expr
	group    []expr
	having   expr
	order    []order
	limit    int64 // -1: none
	offset   int64
	outfile  string // INTO OUTFILE or DUMPFILE
	into     bool
	unions   []part
}

// part is what UNION adds to a selection.
type part struct {
	sel *selection
	all bool
}

// syntaxError is the message for a statement that goes wrong at byte pos.
func (f *flavor) syntaxError(sql string, pos int) *failure {
	near := sql[min(pos, len(sql)):]
	line := 1 + strings.Count(sql[:min(pos, len(sql))], "\n")
	if len(near) > 80 {
		near = near[:80]
	}
	return fail(1064, "42000", "You have an error in your SQL syntax; check the manual that corresponds to your %s server version for the right syntax to use near '%s' at line %d", f.product, near, line)
}

func (p *parser) fail() { panic(p.flav.syntaxError(p.sql, p.peek().pos)) }

func (p *parser) peek() token { return p.tokens[min(p.at, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

// accept takes the words if they come next.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.tokens) || !p.tokens[p.at+i].is(w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) expect(words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.fail()
		}
	}
}

func (p *parser) enter() {
	p.depth++
	if p.depth > maxNesting {
		panic(fail(1436, "HY000", "Thread stack overrun:  Need more than available stack."))
	}
}

func (p *parser) leave() { p.depth-- }

// reserved are the words that end an expression or a table instead of naming something.
var reserved = map[string]bool{
	"SELECT": true, "FROM": true, "WHERE": true, "GROUP": true, "ORDER": true, "BY": true, "LIMIT": true, "UNION": true,
	"AND": true, "OR": true, "XOR": true, "NOT": true, "IN": true, "IS": true, "LIKE": true, "BETWEEN": true, "AS": true,
	"ON": true, "JOIN": true, "LEFT": true, "RIGHT": true, "INNER": true, "CROSS": true, "NATURAL": true, "STRAIGHT_JOIN": true,
	"INTO": true, "VALUES": true, "SET": true, "HAVING": true, "CASE": true, "WHEN": true, "THEN": true, "ELSE": true,
	"DESC": true, "ASC": true, "INSERT": true, "DELETE": true, "UPDATE": true, "DROP": true, "CREATE": true, "TABLE": true,
	"EXISTS": true, "DIV": true, "REGEXP": true, "RLIKE": true, "PROCEDURE": true, "FOR": true, "LOCK": true, "USING": true, "DISTINCT": true, "SHOW": true,
}

func (p *parser) isName(t token) bool {
	return t.kind == tokName || t.kind == tokWord && !reserved[strings.ToUpper(t.text)]
}

func (p *parser) name() string {
	t := p.peek()
	if !p.isName(t) {
		p.fail()
	}
	p.at++
	return t.text
}

// path reads a name with up to two qualifiers.
func (p *parser) path() []string {
	parts := []string{p.name()}
	for len(parts) < 3 && p.accept(".") {
		t := p.next()
		if t.kind != tokName && t.kind != tokWord {
			p.at--
			p.fail()
		}
		parts = append(parts, t.text)
	}
	return parts
}

func (p *parser) end() {
	p.accept(";")
	if p.peek().kind != tokEnd {
		p.fail()
	}
}

// selection reads a SELECT with its unions. What orders and limits the last part does so
// for the whole.
func (p *parser) selection() *selection {
	p.enter()
	defer p.leave()
	s := p.simpleSelection()
	p.unions(s)
	return s
}

func (p *parser) unions(s *selection) {
	for p.accept("UNION") {
		u := part{all: p.accept("ALL")}
		p.accept("DISTINCT")
		paren := p.accept("(")
		u.sel = p.simpleSelection()
		if paren {
			p.expect(")")
		} else {
			s.order, s.limit, s.offset = u.sel.order, u.sel.limit, u.sel.offset
			u.sel.order, u.sel.limit, u.sel.offset = nil, -1, 0
		}
		s.unions = append(s.unions, u)
	}
	if len(s.unions) > 0 {
		p.orderAndLimit(s)
	}
}

func (p *parser) simpleSelection() *selection {
	p.expect("SELECT")
	s := &selection{limit: -1}
	for {
		switch {
		case p.accept("DISTINCT"), p.accept("DISTINCTROW"):
			s.distinct = true
			continue
		case p.accept("ALL"), p.accept("SQL_NO_CACHE"), p.accept("SQL_CACHE"), p.accept("SQL_CALC_FOUND_ROWS"), p.accept("HIGH_PRIORITY"):
			continue
		}
		break
	}
	for {
		s.items = append(s.items, p.item())
		if !p.accept(",") {
			break
		}
	}
	p.into(s)
	if p.accept("FROM") && !p.accept("DUAL") {
		p.from(s)
	}
	if p.accept("WHERE") {
		s.where = p.expr()
	}
	if p.accept("GROUP", "BY") {
		s.group = p.exprs()
	}
	if p.accept("HAVING") {
		s.having = p.expr()
	}
	if p.accept("PROCEDURE") {
		p.expr()
	}
	p.orderAndLimit(s)
	p.into(s)
	_ = p.accept("FOR", "UPDATE") || p.accept("LOCK", "IN", "SHARE", "MODE")
	return s
}

func (p *parser) orderAndLimit(s *selection) {
	if p.accept("ORDER", "BY") {
		for {
			o := order{e: p.expr()}
			o.desc = p.accept("DESC")
			p.accept("ASC")
			s.order = append(s.order, o)
			if !p.accept(",") {
				break
			}
		}
	}
	if p.accept("LIMIT") {
		s.limit = p.count()
		switch {
		case p.accept(","):
			s.offset, s.limit = s.limit, p.count()
		case p.accept("OFFSET"):
			s.offset = p.count()
		}
	}
}

func (p *parser) count() int64 {
	t := p.peek()
	if t.kind == tokParam {
		p.at++
		p.params++
		return 1 << 30
	}
	n, err := strconv.ParseUint(t.text, 10, 64)
	if t.kind != tokNumber || err != nil {
		p.fail()
	}
	p.at++
	return int64(min(n, math.MaxInt64))
}

func (p *parser) into(s *selection) {
	if s.into || !p.accept("INTO") {
		return
	}
	s.into = true
	if p.accept("OUTFILE") || p.accept("DUMPFILE") {
		t := p.next()
		if t.kind != tokString {
			p.at--
			p.fail()
		}
		s.outfile = t.text
		for !p.peek().is("FROM") && p.peek().kind != tokEnd && !p.peek().is(";") {
			if p.peek().kind == tokBad {
				p.fail()
			}
			p.at++ // the format of the file
		}
		return
	}
	for {
		if p.next().kind != tokVariable {
			p.at--
			p.fail()
		}
		if !p.accept(",") {
			return
		}
	}
}

func (p *parser) from(s *selection) {
	for {
		s.from = append(s.from, p.source())
		for {
			natural := p.accept("NATURAL")
			joined := p.accept("JOIN") || p.accept("INNER", "JOIN") || p.accept("CROSS", "JOIN") || p.accept("STRAIGHT_JOIN") ||
				p.accept("LEFT", "JOIN") || p.accept("LEFT", "OUTER", "JOIN") || p.accept("RIGHT", "JOIN") || p.accept("RIGHT", "OUTER", "JOIN")
			if natural && !joined {
				p.fail()
			}
			if !joined {
				break
			}
			src := p.source()
			if p.accept("ON") {
				src.on = p.expr()
			}
			s.from = append(s.from, src)
		}
		if !p.accept(",") {
			return
		}
	}
}

func (p *parser) source() source {
	var src source
	if p.accept("(") {
		src.sub = p.selection()
		p.expect(")")
	} else {
		src.path = p.path()
	}
	if p.accept("AS") || p.isName(p.peek()) {
		src.alias = p.name()
	}
	return src
}

func (p *parser) item() item {
	start := p.peek().pos
	if p.accept("*") {
		return item{e: star{}}
	}
	e := p.expr()
	text := strings.TrimSpace(p.sql[start:p.peek().pos])
	it := item{e: e, name: text}
	if c, ok := e.(column); ok {
		it.name = c.path[len(c.path)-1]
	}
	if l, ok := e.(literal); ok && l.v.kind == textValue {
		it.name = l.v.s
	}
	switch {
	case p.accept("AS"):
		t := p.next()
		if t.kind != tokString && t.kind != tokWord && t.kind != tokName {
			p.at--
			p.fail()
		}
		it.name = t.text
	case p.isName(p.peek()) || p.peek().kind == tokString:
		it.name = p.next().text
	}
	return it
}

func (p *parser) exprs() []expr {
	list := []expr{p.expr()}
	for p.accept(",") {
		list = append(list, p.expr())
	}
	return list
}

// expr reads an expression: OR, XOR, AND, NOT, comparison, arithmetic.
func (p *parser) expr() expr {
	p.enter()
	defer p.leave()
	a := p.and()
	for {
		switch {
		case p.accept("OR"), p.accept("||"):
			a = infix{"OR", a, p.and()}
		case p.accept("XOR"):
			a = infix{"XOR", a, p.and()}
		default:
			return a
		}
	}
}

func (p *parser) and() expr {
	a := p.not()
	for p.accept("AND") || p.accept("&&") {
		a = infix{"AND", a, p.not()}
	}
	return a
}

func (p *parser) not() expr {
	if p.accept("NOT") || p.accept("!") {
		p.enter()
		defer p.leave()
		return unary{"NOT", p.not()}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	a := p.sum()
	for {
		not := false
		if p.peek().is("NOT") {
			p.at++
			not = true
		}
		var e expr
		switch {
		case !not && p.accept("IS"):
			not = p.accept("NOT")
			switch {
			case p.accept("NULL"):
				e = unary{"ISNULL", a}
			case p.accept("TRUE"):
				e = unary{"NOT", unary{"NOT", a}}
			case p.accept("FALSE"):
				e = unary{"NOT", a}
			default:
				p.fail()
			}
		case p.accept("LIKE"):
			e = infix{"LIKE", a, p.sum()}
			if p.accept("ESCAPE") {
				p.sum()
			}
		case p.accept("REGEXP"), p.accept("RLIKE"):
			e = infix{"REGEXP", a, p.sum()}
		case p.accept("BETWEEN"):
			lo := p.sum()
			p.expect("AND")
			e = infix{"AND", infix{">=", a, lo}, infix{"<=", a, p.sum()}}
		case p.accept("IN"):
			p.expect("(")
			if p.peek().is("SELECT") {
				e = infix{"IN", a, subquery{sel: p.selection()}}
			} else {
				e = inList{x: a, list: p.exprs()}
			}
			p.expect(")")
		case not:
			p.fail()
		default:
			t := p.peek()
			switch t.text {
			case "=", "<", ">", "<=", ">=", "<>", "!=", "<=>", ":=":
				if t.kind == tokOp {
					p.at++
					e = infix{t.text, a, p.sum()}
				}
			}
			if e == nil {
				return a
			}
		}
		if not {
			e = unary{"NOT", e}
		}
		a = e
	}
}

func (p *parser) sum() expr {
	a := p.product()
	for {
		t := p.peek()
		switch {
		case t.kind == tokOp && len(t.text) == 1 && strings.Contains("+-|&^", t.text), t.is("<<"), t.is(">>"):
			p.at++
			a = infix{t.text, a, p.product()}
		default:
			return a
		}
	}
}

func (p *parser) product() expr {
	a := p.unary()
	for {
		t := p.peek()
		switch {
		case t.is("*"), t.is("/"), t.is("%"), t.is("DIV"), t.is("MOD"):
			p.at++
			a = infix{strings.ToUpper(t.text), a, p.unary()}
		default:
			return a
		}
	}
}

func (p *parser) unary() expr {
	p.enter()
	defer p.leave()
	for _, op := range []string{"-", "+", "~"} {
		if p.accept(op) {
			return unary{op, p.unary()}
		}
	}
	if p.accept("BINARY") {
		return p.unary()
	}
	e := p.primary()
	for p.accept("COLLATE") {
		p.name()
	}
	return e
}

func (p *parser) primary() expr {
	t := p.next()
	switch t.kind {
	case tokNumber:
		return literal{number(t.text)}
	case tokString:
		s := t.text
		for p.peek().kind == tokString {
			s += p.next().text
		}
		return literal{text(s)}
	case tokVariable:
		return variable{t.text}
	case tokParam:
		p.params++
		return param{p.params - 1}
	}
	switch {
	case t.is("("):
		if p.peek().is("SELECT") {
			s := p.selection()
			p.expect(")")
			return subquery{sel: s}
		}
		e := p.expr()
		p.expect(")")
		return e
	case t.is("EXISTS"):
		p.expect("(")
		s := p.selection()
		p.expect(")")
		return subquery{sel: s, exists: true}
	case t.is("CASE"):
		return p.caseOf()
	case t.is("NULL"):
		return literal{}
	case t.is("TRUE"):
		return literal{integer(1)}
	case t.is("FALSE"):
		return literal{integer(0)}
	}
	if t.kind == tokWord && p.peek().kind == tokString && strings.HasPrefix(t.text, "_") {
		return p.primary() // a character set introducer
	}
	if t.kind == tokWord && p.peek().is("(") {
		return p.call(t.text)
	}
	p.at--
	if t.is("LEFT") || t.is("RIGHT") || !p.isName(t) {
		p.fail()
	}
	path := []string{p.name()}
	for len(path) < 3 && p.accept(".") {
		if p.accept("*") {
			return star{path}
		}
		n := p.next()
		if n.kind != tokName && n.kind != tokWord {
			p.at--
			p.fail()
		}
		path = append(path, n.text)
	}
	if len(path) == 1 {
		switch strings.ToUpper(path[0]) {
		case "CURRENT_USER", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "UTC_TIMESTAMP", "LOCALTIME":
			if t.kind == tokWord {
				return call{name: strings.ToLower(path[0])}
			}
		}
	}
	return column{path}
}

func (p *parser) call(name string) expr {
	p.expect("(")
	c := call{name: strings.ToLower(name)}
	switch {
	case p.accept("*"):
		c.star = true
	case c.name == "cast" || c.name == "convert":
		c.args = []expr{p.expr()}
		if p.accept("AS") || p.accept("USING") || p.accept(",") {
			for depth := 0; depth > 0 || !p.peek().is(")"); p.at++ {
				switch t := p.peek(); {
				case t.kind == tokEnd || t.kind == tokBad:
					p.fail()
				case t.is("("):
					depth++
				case t.is(")"):
					depth--
				}
			}
		}
	case c.name == "substring" || c.name == "substr" || c.name == "mid":
		c.args = []expr{p.expr()}
		for p.accept(",") || p.accept("FROM") || p.accept("FOR") {
			c.args = append(c.args, p.expr())
		}
	case !p.peek().is(")"):
		c.distinct = p.accept("DISTINCT")
		c.args = p.exprs()
		if c.name == "group_concat" {
			if p.accept("ORDER", "BY") {
				p.exprs()
				_ = p.accept("DESC") || p.accept("ASC")
			}
			if p.accept("SEPARATOR") {
				c.args = append(c.args, param{-1}, p.primary())
			}
		}
	}
	p.expect(")")
	return c
}

func (p *parser) caseOf() expr {
	var c caseOf
	if !p.peek().is("WHEN") {
		c.x = p.expr()
	}
	for p.accept("WHEN") {
		when := p.expr()
		p.expect("THEN")
		c.whens = append(c.whens, [2]expr{when, p.expr()})
	}
	if len(c.whens) == 0 {
		p.fail()
	}
	if p.accept("ELSE") {
		c.other = p.expr()
	}
	p.expect("END")
	return c
}
