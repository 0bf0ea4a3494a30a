package shell

import (
	"io/fs"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// test evaluates what stands in [[ … ]]. ok is false after a message.
func (in *interp) test(x syntax.TestExpr) (yes, ok bool) {
	in.use.step(in.ctx)
	switch x := x.(type) {
	case *syntax.Word:
		s, ok := in.word(x)
		return s != "", ok
	case *syntax.ParenTest:
		return in.test(x.X)
	case *syntax.UnaryTest:
		if x.Op == syntax.TsNot {
			yes, ok := in.test(x.X)
			return !yes, ok
		}
		w, isWord := x.X.(*syntax.Word)
		if !isWord {
			return false, false
		}
		s, ok := in.word(w)
		if !ok {
			return false, false
		}
		return in.testFile(x.Op.String(), s), true
	case *syntax.BinaryTest:
		switch x.Op {
		case syntax.AndTest:
			if yes, ok := in.test(x.X); !yes || !ok {
				return false, ok
			}
			return in.test(x.Y)
		case syntax.OrTest:
			if yes, ok := in.test(x.X); yes || !ok {
				return yes, ok
			}
			return in.test(x.Y)
		}
		l, ok1 := x.X.(*syntax.Word)
		r, ok2 := x.Y.(*syntax.Word)
		if !ok1 || !ok2 {
			return false, false
		}
		a, ok := in.word(l)
		if !ok {
			return false, false
		}
		switch x.Op {
		case syntax.TsMatch, syntax.TsMatchShort, syntax.TsNoMatch:
			pat, ok := in.pattern(r)
			return in.match(pat, a) == (x.Op != syntax.TsNoMatch), ok
		case syntax.TsReMatch:
			return in.matchRegexp(a, r)
		}
		b, ok := in.word(r)
		if !ok {
			return false, false
		}
		switch x.Op {
		case syntax.TsEql, syntax.TsNeq, syntax.TsLeq, syntax.TsGeq, syntax.TsLss, syntax.TsGtr:
			m, ok1 := in.number(a)
			n, ok2 := in.number(b)
			return compareNumbers(x.Op.String(), m, n), ok1 && ok2
		}
		return in.testPair(x.Op.String(), a, b), true
	}
	return false, false
}

func (in *interp) matchRegexp(s string, w *syntax.Word) (yes, ok bool) {
	f := &fieldList{in: in, whole: true}
	if !f.parts(w.Parts, false) {
		return false, false
	}
	var expr strings.Builder
	for _, p := range f.cur {
		if p.quoted {
			expr.WriteString(regexpQuote(p.s))
		} else {
			expr.WriteString(p.s)
		}
	}
	re := in.sh.m.regexps.compile(expr.String())
	if re == nil || tooMuch(expr.String(), s) {
		return false, false
	}
	m := re.FindStringSubmatch(s)
	v := variable{set: true, elems: make(map[string]string)}
	for i, g := range m {
		v.elems[strconv.Itoa(i)] = g
	}
	in.store("BASH_REMATCH", v)
	return m != nil, true
}

// testFile evaluates a unary operator.
func (in *interp) testFile(op, s string) bool {
	switch op {
	case "-z":
		return s == ""
	case "-n":
		return s != ""
	case "-v":
		_, set := in.value(s)
		return set
	case "-o":
		return strings.Contains(in.flags(), map[string]string{"errexit": "e", "nounset": "u", "xtrace": "x", "noglob": "f"}[s]) && s != ""
	case "-t":
		n, err := strconv.Atoi(s)
		return err == nil && n >= 0 && n < len(in.fds) && in.fds[n] != nil && in.fds[n].tty
	}
	i, err := in.files().stat("stat", s, op != "-L" && op != "-h")
	if err != nil {
		return false
	}
	switch op {
	case "-e", "-a":
		return true
	case "-f":
		return i.mode.IsRegular()
	case "-d":
		return i.mode.IsDir()
	case "-L", "-h":
		return i.mode&fs.ModeSymlink != 0
	case "-s":
		return i.size > 0
	case "-r":
		return in.cred.may(i.node, 4)
	case "-w":
		return in.cred.may(i.node, 2)
	case "-x":
		return in.cred.may(i.node, 1)
	case "-c":
		return i.mode&fs.ModeCharDevice != 0
	case "-b":
		return i.mode&fs.ModeDevice != 0 && i.mode&fs.ModeCharDevice == 0
	case "-p":
		return i.mode&fs.ModeNamedPipe != 0
	case "-S":
		return i.mode&fs.ModeSocket != 0
	case "-u":
		return i.mode&fs.ModeSetuid != 0
	case "-g":
		return i.mode&fs.ModeSetgid != 0
	case "-k":
		return i.mode&fs.ModeSticky != 0
	case "-O":
		return i.node.uid == in.cred.uid
	case "-G":
		return i.node.gid == in.cred.gid
	}
	return false
}

// testPair evaluates a binary operator other than the numeric ones.
func (in *interp) testPair(op, a, b string) bool {
	switch op {
	case "=", "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	}
	x, err1 := in.files().stat("stat", a, true)
	y, err2 := in.files().stat("stat", b, true)
	switch op {
	case "-nt":
		return err1 == nil && (err2 != nil || x.mtime.After(y.mtime))
	case "-ot":
		return err2 == nil && (err1 != nil || y.mtime.After(x.mtime))
	case "-ef":
		return err1 == nil && err2 == nil && x.node == y.node
	}
	return false
}

func compareNumbers(op string, a, b int64) bool {
	switch op {
	case "-eq":
		return a == b
	case "-ne":
		return a != b
	case "-lt":
		return a < b
	case "-le":
		return a <= b
	case "-gt":
		return a > b
	}
	return a >= b
}

// bracket is the test builtin.
type bracket struct {
	in   *interp
	name string
	args []string
	bad  bool
	deep int
}

func builtinTest(in *interp, args []string) int {
	t := &bracket{in: in, name: args[0], args: args[1:]}
	if t.name == "[" {
		if len(t.args) == 0 || t.args[len(t.args)-1] != "]" {
			in.errorf("[: missing `]'")
			return 2
		}
		t.args = t.args[:len(t.args)-1]
	}
	yes := t.decide()
	switch {
	case t.bad:
		return 2
	case yes:
		return 0
	}
	return 1
}

// decide goes by the number of arguments, as POSIX wants.
func (t *bracket) decide() bool {
	a := t.args
	switch len(a) {
	case 0:
		return false
	case 1:
		return a[0] != ""
	case 2:
		if a[0] == "!" {
			return a[1] == ""
		}
		if !unaryOps[a[0]] {
			t.fail("%s: unary operator expected", a[0])
			return false
		}
		return t.in.testFile(a[0], a[1])
	case 3:
		switch {
		case binaryOps[a[1]]:
			return t.pair(a[0], a[1], a[2])
		case a[0] == "!":
			t.args = a[1:]
			return !t.decide()
		case a[0] == "(" && a[2] == ")":
			return a[1] != ""
		case a[1] == "-a":
			return a[0] != "" && a[2] != ""
		case a[1] == "-o":
			return a[0] != "" || a[2] != ""
		}
		t.fail("%s: binary operator expected", a[1])
		return false
	}
	yes := t.or()
	if !t.bad && len(t.args) > 0 {
		t.fail("too many arguments")
	}
	return yes
}

func (t *bracket) fail(format string, args ...any) {
	if !t.bad {
		t.in.errorf(t.name+": "+format, args...)
	}
	t.bad = true
}

func (t *bracket) next() (string, bool) {
	if len(t.args) == 0 {
		t.fail("argument expected")
		return "", false
	}
	s := t.args[0]
	t.args = t.args[1:]
	return s, true
}

func (t *bracket) or() bool {
	yes := t.and()
	for !t.bad && len(t.args) > 0 && t.args[0] == "-o" {
		t.args = t.args[1:]
		yes = t.and() || yes
	}
	return yes
}

func (t *bracket) and() bool {
	yes := t.primary()
	for !t.bad && len(t.args) > 0 && t.args[0] == "-a" {
		t.args = t.args[1:]
		yes = t.primary() && yes
	}
	return yes
}

func (t *bracket) primary() bool {
	if t.deep++; t.deep > maxDepth {
		t.fail("too many arguments")
		return false
	}
	s, ok := t.next()
	switch {
	case !ok:
		return false
	case s == "!":
		return !t.primary()
	case s == "(":
		yes := t.or()
		if c, ok := t.next(); ok && c != ")" {
			t.fail("`)' expected, found %s", c)
		}
		return yes
	case len(t.args) >= 2 && binaryOps[t.args[0]]:
		op, b := t.args[0], t.args[1]
		t.args = t.args[2:]
		return t.pair(s, op, b)
	case unaryOps[s] && len(t.args) > 0:
		a := t.args[0]
		t.args = t.args[1:]
		return t.in.testFile(s, a)
	}
	return s != ""
}

func (t *bracket) pair(a, op, b string) bool {
	if !strings.HasPrefix(op, "-") || op == "-nt" || op == "-ot" || op == "-ef" {
		return t.in.testPair(op, a, b)
	}
	x, err := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	if err != nil {
		t.notNumber(a)
		return false
	}
	y, err := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
	if err != nil {
		t.notNumber(b)
		return false
	}
	return compareNumbers(op, x, y)
}

func (t *bracket) notNumber(s string) {
	switch t.in.kind {
	case dash:
		t.fail("Illegal number: %s", s)
	case ash:
		t.fail("%s: bad number", s)
	default:
		t.fail("%s: integer expression expected", s)
	}
}

var unaryOps = set("-e -a -f -d -L -h -s -r -w -x -c -b -p -S -u -g -k -O -G -N -z -n -t -v -o")
var binaryOps = set("= == != < > -eq -ne -lt -le -gt -ge -nt -ot -ef")

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
