package shell

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// arithm evaluates an arithmetic expression in 64 bits. It reports false after a message.
func (in *interp) arithm(x syntax.ArithmExpr) (int64, bool) {
	in.use.step(in.ctx)
	if in.depth++; in.depth > maxDepth {
		in.depth--
		in.errorf("expression recursion level exceeded")
		return 0, false
	}
	defer func() { in.depth-- }()
	switch x := x.(type) {
	case nil:
		return 0, true
	case *syntax.Word:
		s, ok := in.word(x)
		if !ok {
			return 0, false
		}
		return in.number(s)
	case *syntax.ParenArithm:
		return in.arithm(x.X)
	case *syntax.UnaryArithm:
		return in.unary(x)
	case *syntax.BinaryArithm:
		return in.binary(x)
	}
	in.errorf("syntax error in expression")
	return 0, false
}

// number evaluates the text of an operand: a constant, a variable, or an expression that
// a variable holds.
func (in *interp) number(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, true
	}
	if syntax.ValidName(s) {
		v, _ := in.value(s)
		if v == "" || v == s {
			return 0, true
		}
		if in.depth++; in.depth > maxDepth {
			in.depth--
			in.errorf("%s: expression recursion level exceeded (error token is \"%s\")", s, s)
			return 0, false
		}
		defer func() { in.depth-- }()
		return in.number(v)
	}
	if n, ok := constant(s); ok {
		return n, true
	}
	if c := s[0]; c >= '0' && c <= '9' && !strings.ContainsAny(s, "+-*/%()<>=!&|^~?: \t,") {
		if i := strings.IndexFunc(s, func(r rune) bool { return r == '.' || r > 127 }); i >= 0 {
			in.errorf("%s: syntax error: invalid arithmetic operator (error token is \"%s\")", s, s[i:])
		} else {
			in.errorf("%s: value too great for base (error token is \"%s\")", s, s)
		}
		return 0, false
	}
	x, ok := parseArithm(s)
	if w, isWord := x.(*syntax.Word); !ok || isWord && w.Lit() == s {
		in.errorf("%s: syntax error: operand expected (error token is \"%s\")", s, s)
		return 0, false
	}
	return in.arithm(x)
}

func parseArithm(s string) (x syntax.ArithmExpr, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if p != errTooDeep {
				panic(p)
			}
			x, ok = nil, false
		}
	}()
	if len(s) > maxPattern {
		return nil, false
	}
	x, err := syntax.NewParser().Arithmetic(&pieces{[]byte(s)})
	return x, err == nil
}

// constant parses 12, 012, 0x1f and base#digits.
func constant(s string) (int64, bool) {
	neg := false
	if s[0] == '-' || s[0] == '+' {
		neg, s = s[0] == '-', s[1:]
	}
	base, digits := 10, s
	switch b, rest, ok := strings.Cut(s, "#"); {
	case ok:
		n, err := strconv.Atoi(b)
		if err != nil || n < 2 || n > 36 {
			return 0, false
		}
		base, digits = n, rest
	case len(s) > 2 && (strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X")):
		base, digits = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	}
	if digits == "" || digits[0] == '-' || digits[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil && !strings.Contains(err.Error(), "range") {
		return 0, false
	}
	if neg {
		return -int64(n), true
	}
	return int64(n), true
}

// lvalue is what an assignment changes: a variable or an element of an array.
func (in *interp) lvalue(x syntax.ArithmExpr) (name, key string, ok bool) {
	if w, isWord := x.(*syntax.Word); isWord && len(w.Parts) == 1 {
		switch p := w.Parts[0].(type) {
		case *syntax.Lit:
			if syntax.ValidName(p.Value) {
				return p.Value, "", true
			}
		case *syntax.ParamExp:
			if p.Index != nil && p.Param != nil && syntax.ValidName(p.Param.Value) {
				key, ok = in.index(p.Param.Value, p.Index)
				return p.Param.Value, key, ok
			}
		}
	}
	in.errorf("syntax error: attempted assignment to non-variable")
	return "", "", false
}

func (in *interp) loadNumber(name, key string) (int64, bool) {
	if key == "" {
		return in.number(name)
	}
	if v := in.vars[name]; v != nil && v.elems[key] != "" {
		return in.number(v.elems[key])
	}
	return 0, true
}

func (in *interp) storeNumber(name, key string, n int64) bool {
	if key == "" {
		return in.set(name, strconv.FormatInt(n, 10))
	}
	return in.setElem(name, key, strconv.FormatInt(n, 10), false)
}

func (in *interp) unary(x *syntax.UnaryArithm) (int64, bool) {
	if x.Op == syntax.Inc || x.Op == syntax.Dec {
		name, key, ok := in.lvalue(x.X)
		if !ok {
			return 0, false
		}
		old, ok := in.loadNumber(name, key)
		if !ok {
			return 0, false
		}
		next := old + 1
		if x.Op == syntax.Dec {
			next = old - 1
		}
		if !in.storeNumber(name, key, next) {
			return 0, false
		}
		if x.Post {
			return old, true
		}
		return next, true
	}
	n, ok := in.arithm(x.X)
	switch x.Op {
	case syntax.Not:
		return truth(n == 0), ok
	case syntax.BitNegation:
		return ^n, ok
	case syntax.Minus:
		return -n, ok
	}
	return n, ok
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

var assignOps = map[syntax.BinAritOperator]syntax.BinAritOperator{
	syntax.AddAssgn: syntax.Add, syntax.SubAssgn: syntax.Sub, syntax.MulAssgn: syntax.Mul, syntax.QuoAssgn: syntax.Quo,
	syntax.RemAssgn: syntax.Rem, syntax.AndAssgn: syntax.And, syntax.OrAssgn: syntax.Or, syntax.XorAssgn: syntax.Xor,
	syntax.ShlAssgn: syntax.Shl, syntax.ShrAssgn: syntax.Shr,
}

func (in *interp) binary(x *syntax.BinaryArithm) (int64, bool) {
	if op, ok := assignOps[x.Op]; ok || x.Op == syntax.Assgn {
		name, key, ok := in.lvalue(x.X)
		if !ok {
			return 0, false
		}
		n, ok := in.arithm(x.Y)
		if !ok {
			return 0, false
		}
		if x.Op != syntax.Assgn {
			old, ok := in.loadNumber(name, key)
			if !ok {
				return 0, false
			}
			if n, ok = in.compute(op, old, n, x); !ok {
				return 0, false
			}
		}
		return n, in.storeNumber(name, key, n)
	}
	a, ok := in.arithm(x.X)
	if !ok {
		return 0, false
	}
	switch x.Op {
	case syntax.TernQuest:
		branches, ok := x.Y.(*syntax.BinaryArithm)
		if !ok {
			return 0, false
		}
		if a != 0 {
			return in.arithm(branches.X)
		}
		return in.arithm(branches.Y)
	case syntax.AndArit:
		if a == 0 {
			return 0, true
		}
		b, ok := in.arithm(x.Y)
		return truth(b != 0), ok
	case syntax.OrArit:
		if a != 0 {
			return 1, true
		}
		b, ok := in.arithm(x.Y)
		return truth(b != 0), ok
	}
	b, ok := in.arithm(x.Y)
	if !ok {
		return 0, false
	}
	return in.compute(x.Op, a, b, x)
}

func (in *interp) compute(op syntax.BinAritOperator, a, b int64, x *syntax.BinaryArithm) (int64, bool) {
	switch op {
	case syntax.Add:
		return a + b, true
	case syntax.Sub:
		return a - b, true
	case syntax.Mul:
		return a * b, true
	case syntax.Quo, syntax.Rem:
		if b == 0 {
			in.divisionByZero(x)
			return 0, false
		}
		if op == syntax.Rem {
			return a % b, true
		}
		return a / b, true
	case syntax.Pow:
		if b < 0 {
			in.errorf("exponent less than 0")
			return 0, false
		}
		p := int64(1)
		for ; b > 0; b >>= 1 {
			if b&1 != 0 {
				p *= a
			}
			a *= a
		}
		return p, true
	case syntax.Eql:
		return truth(a == b), true
	case syntax.Neq:
		return truth(a != b), true
	case syntax.Gtr:
		return truth(a > b), true
	case syntax.Lss:
		return truth(a < b), true
	case syntax.Geq:
		return truth(a >= b), true
	case syntax.Leq:
		return truth(a <= b), true
	case syntax.And:
		return a & b, true
	case syntax.Or:
		return a | b, true
	case syntax.Xor:
		return a ^ b, true
	case syntax.Shl:
		return a << (uint64(b) & 63), true
	case syntax.Shr:
		return a >> (uint64(b) & 63), true
	case syntax.Comma:
		return b, true
	}
	in.errorf("syntax error in expression")
	return 0, false
}

func (in *interp) divisionByZero(x *syntax.BinaryArithm) {
	left, right := printArithm(x.X), printArithm(x.Y)
	switch in.kind {
	case dash:
		in.errorf("arithmetic expression: division by zero: \"%s%s%s\"", left, x.Op, right)
	case ash:
		in.errorf("divide by zero")
	case zsh:
		in.errorf("division by zero")
	default:
		in.errorf("%s%s%s: division by 0 (error token is \"%s\")", left, x.Op, right, right)
	}
}

func printArithm(x syntax.ArithmExpr) string {
	if w, ok := x.(*syntax.Word); ok {
		return printNode(w)
	}
	s := printNode(&syntax.LetClause{Exprs: []syntax.ArithmExpr{x}})
	return strings.TrimPrefix(s, "let ")
}
