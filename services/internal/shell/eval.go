package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

func (in *interp) leaving() bool {
	return in.exiting || in.returning || in.brk > 0 || in.cont > 0
}

func (in *interp) stmts(list []*syntax.Stmt) {
	for _, st := range list {
		in.stmt(st)
		if in.leaving() {
			return
		}
	}
}

// pieces hands out a script in small pieces, so that the depth of the parser can be
// watched while it reads.
type pieces struct{ rest []byte }

var errTooDeep = errors.New("memory exhausted")

func (s *pieces) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	if tooDeep() {
		panic(errTooDeep)
	}
	n := copy(p[:min(len(p), 256)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (in *interp) lang() syntax.LangVariant {
	if in.kind == dash {
		return syntax.LangPOSIX
	}
	return syntax.LangBash
}

// parse calls each with the statements of every line of text that is complete, as shells
// do, and returns the error that stopped it.
func parse(text []byte, lang syntax.LangVariant, each func([]*syntax.Stmt) bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != errTooDeep {
				panic(p)
			}
			err = errTooDeep
		}
	}()
	if len(text) > maxCommand {
		return errTooDeep
	}
	var batch []*syntax.Stmt
	last, stopped := uint(0), false
	// The sequence goes on after it is told to stop when it has an error to tell, so it
	// is called and not ranged over.
	syntax.NewParser(syntax.Variant(lang)).StmtsSeq(&pieces{text})(func(st *syntax.Stmt, bad error) bool {
		switch {
		case stopped:
			return false
		case bad != nil:
			var at syntax.ParseError
			if errors.As(bad, &at) && len(batch) > 0 && at.Pos.Line() > last {
				stopped = !each(batch)
			}
			if !stopped {
				err, stopped = bad, true
			}
			return false
		case len(batch) > 0 && st.Pos().Line() > last:
			if !each(batch) {
				stopped = true
				return false
			}
			batch = nil
		}
		batch = append(batch, st)
		last = st.End().Line()
		return true
	})
	if !stopped && len(batch) > 0 {
		each(batch)
	}
	return err
}

// eval runs text in this shell.
func (in *interp) eval(text string) {
	if in.depth >= maxDepth {
		in.errorf("eval: maximum eval nesting level exceeded (%d)", maxDepth)
		in.status = 1
		return
	}
	in.depth++
	defer func() { in.depth-- }()
	in.runText(text)
}

// runText runs text line by line. A here-document that is not ended is, with a warning.
func (in *interp) runText(text string) {
	skip := 0 // statements that have run
	for range 8 {
		n := 0
		err := parse([]byte(text), in.lang(), func(list []*syntax.Stmt) bool {
			if n += len(list); n <= skip {
				return true
			}
			skip = n
			in.stmts(list)
			return !in.leaving()
		})
		var bad syntax.ParseError
		if err == nil {
			return
		}
		if !errors.As(err, &bad) || !strings.Contains(bad.Text, "unclosed here-document") {
			in.syntaxError(text, err)
			return
		}
		_, delim, _ := strings.Cut(bad.Text, "unclosed here-document ")
		delim = strings.Trim(delim, "`'\"")
		text = strings.TrimSuffix(text, "\n") + "\n"
		if in.kind == bash {
			in.line = strings.Count(text, "\n")
			in.errorf("warning: here-document at line %d delimited by end-of-file (wanted `%s')", bad.Pos.Line(), delim)
		}
		text += delim + "\n"
	}
}

// syntaxError reports why text cannot be parsed.
func (in *interp) syntaxError(text string, err error) {
	in.status = 2
	var bad syntax.ParseError
	var lang syntax.LangError
	line, what := uint(1), ""
	switch {
	case errors.As(err, &bad):
		line, what = bad.Pos.Line(), bad.Text
	case errors.As(err, &lang):
		line = lang.Pos.Line()
		bad.Pos = lang.Pos
	default:
		in.errorf("%v", err)
		return
	}
	rows := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	token := badToken(text, bad)
	end := token == ""
	total := in.lines + len(rows) + 1
	at := in.lines + int(line)
	row := ""
	if int(line) <= len(rows) && line > 0 {
		row = rows[line-1]
	}
	quote := ""
	if m := strings.Index(what, "without closing quote"); m >= 0 {
		for _, q := range []string{`"`, "'", "`"} {
			if strings.Contains(what, q) {
				quote = q
			}
		}
	}
	name := in.name
	if in.flag == "c" && in.kind == bash {
		name += ": -c"
	}
	switch in.kind {
	case dash:
		switch {
		case quote != "":
			in.write(2, fmt.Sprintf("%s: %d: Syntax error: Unterminated quoted string\n", in.name, at))
		case end:
			in.write(2, fmt.Sprintf("%s: %d: Syntax error: end of file unexpected\n", in.name, total-1))
		default:
			in.write(2, fmt.Sprintf("%s: %d: Syntax error: %s unexpected\n", in.name, at, dashToken(token)))
		}
	case ash:
		switch {
		case quote != "":
			in.write(2, fmt.Sprintf("%s: syntax error: unterminated quoted string\n", in.name))
		case end:
			in.write(2, fmt.Sprintf("%s: syntax error: unexpected end of file\n", in.name))
		default:
			in.write(2, fmt.Sprintf("%s: syntax error: unexpected %s\n", in.name, dashToken(token)))
		}
	case zsh:
		in.write(2, fmt.Sprintf("zsh: parse error near `%s'\n", token))
	default:
		where := func(n int) string {
			if in.interactive {
				return name + ": "
			}
			return fmt.Sprintf("%s: line %d: ", name, n)
		}
		switch {
		case quote != "":
			in.write(2, where(at)+fmt.Sprintf("unexpected EOF while looking for matching `%s'\n", quote))
		case end:
			in.write(2, where(total)+"syntax error: unexpected end of file\n")
		default:
			in.write(2, where(at)+fmt.Sprintf("syntax error near unexpected token `%s'\n", token))
			if !in.interactive {
				in.write(2, where(at)+fmt.Sprintf("`%s'\n", row))
			}
		}
	}
}

func dashToken(t string) string {
	if t == "newline" {
		return t
	}
	return `"` + t + `"`
}

// badToken returns the token at which the parser stopped, "" at the end of text.
func badToken(text string, bad syntax.ParseError) string {
	if bad.Incomplete || strings.Contains(bad.Text, "reached EOF") {
		return ""
	}
	off := int(bad.Pos.Offset())
	if _, call, ok := strings.Cut(bad.Text, "(` must be followed by"); ok && strings.Contains(call, ")") {
		off += max(strings.IndexByte(text[min(off, len(text)):], '('), 0) + 1
		off += len(text[min(off, len(text)):]) - len(strings.TrimLeft(text[min(off, len(text)):], " \t"))
		return tokenAt(text, off)
	}
	switch {
	case strings.Contains(bad.Text, "must be followed by a statement"), strings.Contains(bad.Text, "must be followed by a word"),
		strings.Contains(bad.Text, "must be followed by a name"), strings.Contains(bad.Text, "must be followed by a literal"):
		op := tokenAt(text, off)
		rest := strings.TrimLeft(text[min(off+len(op), len(text)):], " \t")
		if next := tokenAt(rest, 0); next != "" {
			return next
		}
		if strings.Contains(bad.Text, "statement") {
			return ""
		}
		return "newline"
	case strings.Contains(bad.Text, "must be followed by `do`"):
		rest := text[min(off, len(text)):]
		if _, after, ok := strings.Cut(rest, ";"); ok && strings.TrimSpace(after) != "" {
			return tokenAt(strings.TrimLeft(after, " \t\n"), 0)
		}
		return ""
	}
	// Where a statement lacks its end the position is that of its start.
	if strings.Contains(bad.Text, "must end with") || strings.Contains(bad.Text, "must be followed by") {
		for _, kw := range []string{"reached ", "encountered "} {
			if _, t, ok := strings.Cut(bad.Text, kw); ok {
				return strings.Trim(t, " `\"")
			}
		}
		rest := strings.TrimLeft(text[min(off, len(text)):], " \t")
		if i := strings.IndexByte(rest, '\n'); i >= 0 && strings.TrimSpace(rest[i:]) != "" {
			return "newline"
		}
		if strings.Contains(bad.Text, "must end with") {
			return ""
		}
		return "newline"
	}
	return tokenAt(text, off)
}

func tokenAt(text string, off int) string {
	if off >= len(text) {
		return ""
	}
	rest := text[off:]
	switch {
	case rest[0] == '\n':
		return "newline"
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"), strings.HasPrefix(rest, ";;"), strings.HasPrefix(rest, "<<"), strings.HasPrefix(rest, ">>"):
		return rest[:2]
	case strings.ContainsRune("()&|;<>", rune(rest[0])):
		return rest[:1]
	}
	end := strings.IndexAny(rest, " \t\n;&|()<>")
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}

// stmt runs one statement.
func (in *interp) stmt(st *syntax.Stmt) {
	in.use.step(in.ctx)
	if in.opt.noexec && !in.interactive {
		return
	}
	if st.Pos().IsValid() {
		in.line = in.lines + int(st.Pos().Line())
	}
	if in.depth++; in.depth > maxDepth {
		// A shell runs out of stack here.
		panic(killed{139})
	}
	mark := in.pending
	defer func() {
		in.depth--
		in.shrink(mark)
	}()
	if st.Background || st.Disown || st.Coprocess {
		in.background(st)
		return
	}
	in.foreground(st)
}

func (in *interp) foreground(st *syntax.Stmt) {
	if len(st.Redirs) == 0 {
		in.plain(st)
		return
	}
	saved := in.fds
	in.fds = retained(saved)
	keep := false
	if in.redirect(st.Redirs) {
		keep = in.plain(st)
	} else {
		in.status = 1
		if in.kind == dash {
			in.status = 2
		}
	}
	if keep {
		release(saved)
		return
	}
	release(in.fds)
	in.fds = saved
}

// plain runs a statement whose redirections are in place. It reports whether they stay,
// as after exec without a command.
func (in *interp) plain(st *syntax.Stmt) (keep bool) {
	if st.Negated {
		in.quiet++
	}
	if st.Cmd == nil {
		in.status = 0
	} else {
		keep = in.command(st.Cmd)
	}
	if st.Negated {
		in.quiet--
		if !in.leaving() {
			if in.status == 0 {
				in.status = 1
			} else {
				in.status = 0
			}
		}
		return keep
	}
	if b, ok := st.Cmd.(*syntax.BinaryCmd); ok && b.Op != syntax.Pipe && b.Op != syntax.PipeAll {
		return keep
	}
	if in.status != 0 && in.quiet == 0 && !in.leaving() {
		if text, ok := in.traps["ERR"]; ok && !in.trapping {
			in.trapping = true
			status := in.status
			in.eval(text)
			in.status, in.trapping = status, false
		}
		if in.opt.errexit {
			in.exiting = true
		}
	}
	return keep
}

func (in *interp) background(st *syntax.Stmt) {
	sub := in.fork()
	if sub == nil {
		return
	}
	if len(sub.fds) > 0 && sub.fds[0] != nil {
		sub.fds[0].release()
		sub.fds[0] = newStream(strings.NewReader(""), nil, nil)
	}
	one := &job{pid: in.sh.m.newPID(), text: printNode(st), done: make(chan struct{})}
	in.jobs.mu.Lock()
	one.id = len(in.jobs.list) + 1
	in.jobs.mu.Unlock()
	if in.interactive {
		in.write(2, fmt.Sprintf("[%d] %d\n", one.id, one.pid))
	}
	in.bgpid = one.pid
	in.status = 0
	copied := *st
	copied.Background, copied.Disown, copied.Coprocess = false, false, false
	in.jobs.start(in.ctx, one, func(ctx context.Context) {
		defer close(one.done)
		sub.ctx = ctx
		one.status = sub.run(func() { sub.stmt(&copied) })
	})
}

func printNode(n syntax.Node) string {
	var b bytes.Buffer
	if err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, n); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), " &")
}

// command runs cm and leaves its exit status.
func (in *interp) command(cm syntax.Command) (keep bool) {
	switch cm := cm.(type) {
	case *syntax.Block:
		in.stmts(cm.Stmts)
	case *syntax.Subshell:
		sub := in.fork()
		if sub == nil {
			return false
		}
		in.status = sub.run(func() { sub.stmts(cm.Stmts) })
	case *syntax.CallExpr:
		return in.simple(cm)
	case *syntax.BinaryCmd:
		switch cm.Op {
		case syntax.AndStmt, syntax.OrStmt:
			in.quiet++
			in.stmt(cm.X)
			in.quiet--
			if !in.leaving() && (in.status == 0) == (cm.Op == syntax.AndStmt) {
				in.stmt(cm.Y)
			}
		default:
			in.pipeline(cm)
		}
	case *syntax.IfClause:
		in.ifClause(cm)
	case *syntax.WhileClause:
		in.loops++
		defer func() { in.loops-- }()
		last := 0
		for {
			in.use.step(in.ctx)
			in.quiet++
			in.stmts(cm.Cond)
			in.quiet--
			if in.broken() || (in.status == 0) == cm.Until {
				break
			}
			in.stmts(cm.Do)
			last = in.status
			if in.broken() {
				break
			}
		}
		if !in.exiting && !in.returning {
			in.status = last
		}
	case *syntax.ForClause:
		in.forClause(cm)
	case *syntax.CaseClause:
		in.caseClause(cm)
	case *syntax.FuncDecl:
		in.status = 0
		if cm.Name == nil {
			in.status = 1
			return false
		}
		if in.funcs == nil {
			in.funcs = make(map[string]*syntax.Stmt)
		}
		in.funcs[cm.Name.Value] = cm.Body
	case *syntax.ArithmCmd:
		n, ok := in.arithm(cm.X)
		in.status = 0
		if !ok || n == 0 {
			in.status = 1
		}
	case *syntax.LetClause:
		in.status = 1
		for _, x := range cm.Exprs {
			n, ok := in.arithm(x)
			if !ok {
				in.status = 1
				break
			}
			in.status = 0
			if n == 0 {
				in.status = 1
			}
		}
	case *syntax.TestClause:
		in.status = 0
		if yes, ok := in.test(cm.X); !ok {
			in.status = 2
		} else if !yes {
			in.status = 1
		}
	case *syntax.DeclClause:
		in.declare(cm)
	case *syntax.TimeClause:
		start := in.sh.m.now()
		if cm.Stmt != nil {
			in.stmt(cm.Stmt)
		}
		d := in.sh.m.now().Sub(start)
		if cm.PosixFormat {
			in.write(2, fmt.Sprintf("real %.2f\nuser 0.00\nsys 0.00\n", d.Seconds()))
		} else {
			in.write(2, fmt.Sprintf("\nreal\t%dm%.3fs\nuser\t0m0.001s\nsys\t0m0.000s\n", int(d.Minutes()), (d%time.Minute).Seconds()))
		}
	case *syntax.CoprocClause:
		in.background(cm.Stmt)
	default:
		in.status = 2
	}
	return false
}

// broken takes one level off a break or continue and reports whether the loop ends.
func (in *interp) broken() bool {
	switch {
	case in.exiting, in.returning:
		return true
	case in.brk > 0:
		in.brk--
		return true
	case in.cont > 1:
		in.cont--
		return true
	case in.cont == 1:
		in.cont = 0
	}
	return false
}

func (in *interp) ifClause(cm *syntax.IfClause) {
	for ; cm != nil; cm = cm.Else {
		if len(cm.Cond) == 0 { // else
			in.stmts(cm.Then)
			return
		}
		in.quiet++
		in.stmts(cm.Cond)
		in.quiet--
		if in.leaving() {
			return
		}
		if in.status == 0 {
			in.stmts(cm.Then)
			return
		}
	}
	in.status = 0
}

func (in *interp) forClause(cm *syntax.ForClause) {
	in.loops++
	defer func() { in.loops-- }()
	switch loop := cm.Loop.(type) {
	case *syntax.WordIter:
		items := in.params
		if loop.InPos.IsValid() {
			var ok bool
			if items, ok = in.fields(loop.Items); !ok {
				in.status = 1
				return
			}
		}
		in.status = 0
		if cm.Select {
			in.selectLoop(loop.Name.Value, items, cm.Do)
			return
		}
		for _, item := range items {
			in.use.step(in.ctx)
			if !in.set(loop.Name.Value, item) {
				return
			}
			in.stmts(cm.Do)
			if in.broken() {
				return
			}
		}
	case *syntax.CStyleLoop:
		in.status = 0
		if loop.Init != nil {
			if _, ok := in.arithm(loop.Init); !ok {
				in.status = 1
				return
			}
		}
		for {
			in.use.step(in.ctx)
			if loop.Cond != nil {
				n, ok := in.arithm(loop.Cond)
				if !ok {
					in.status = 1
					return
				}
				if n == 0 {
					return
				}
			}
			in.stmts(cm.Do)
			if in.broken() {
				return
			}
			if loop.Post != nil {
				if _, ok := in.arithm(loop.Post); !ok {
					in.status = 1
					return
				}
			}
		}
	}
}

func (in *interp) selectLoop(name string, items []string, body []*syntax.Stmt) {
	for {
		for i, item := range items {
			in.write(2, fmt.Sprintf("%d) %s\n", i+1, item))
		}
		in.write(2, "#? ")
		line, ok := in.readLine(0, true)
		if !ok {
			in.status = 1
			return
		}
		in.set("REPLY", line)
		choice := ""
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n > 0 && n <= len(items) {
			choice = items[n-1]
		}
		in.set(name, choice)
		in.stmts(body)
		if in.broken() {
			return
		}
	}
}

func (in *interp) caseClause(cm *syntax.CaseClause) {
	word, ok := in.word(cm.Word)
	in.status = 0
	if !ok {
		in.status = 1
		return
	}
	through := false
	for _, item := range cm.Items {
		if !through && !slices.ContainsFunc(item.Patterns, func(w *syntax.Word) bool {
			p, ok := in.pattern(w)
			return ok && in.match(p, word)
		}) {
			continue
		}
		in.stmts(item.Stmts)
		if in.leaving() {
			return
		}
		switch item.Op {
		case syntax.Fallthrough:
			through = true
		case syntax.Resume, syntax.ResumeKorn:
			through = false
		default:
			return
		}
	}
}

// match reports whether a shell pattern matches all of s.
func (in *interp) match(pat, s string) bool {
	if !strings.ContainsAny(pat, `*?[\+@!(`) {
		return pat == s
	}
	re := in.sh.m.regexps.pattern(pat, pattern.EntireString|pattern.ExtendedOperators)
	return re != nil && re.MatchString(s)
}

func (in *interp) pipeline(cm *syntax.BinaryCmd) {
	var stages []*syntax.Stmt
	var both []bool // also standard error goes into the pipe
	var flatten func(st *syntax.Stmt)
	flatten = func(st *syntax.Stmt) {
		if b, ok := st.Cmd.(*syntax.BinaryCmd); ok && (b.Op == syntax.Pipe || b.Op == syntax.PipeAll) && len(st.Redirs) == 0 && !st.Negated {
			flatten(b.X)
			both[len(both)-1] = b.Op == syntax.PipeAll
			flatten(b.Y)
			return
		}
		stages, both = append(stages, st), append(both, false)
	}
	flatten(cm.X)
	both[len(both)-1] = cm.Op == syntax.PipeAll
	flatten(cm.Y)

	subs := make([]*interp, len(stages))
	for i := range stages {
		if subs[i] = in.fork(); subs[i] == nil {
			for _, s := range subs[:i] {
				s.run(func() {})
			}
			in.status = 254
			return
		}
	}
	for i := range len(stages) - 1 {
		r, w, stop := newPipe(in.ctx)
		defer stop()
		subs[i].replace(1, w)
		if both[i] {
			subs[i].replace(2, w.retain())
		}
		subs[i+1].replace(0, r)
	}
	status := make([]int, len(stages))
	done := make(chan struct{}, len(stages))
	for i, sub := range subs[:len(subs)-1] {
		go func() {
			defer func() { done <- struct{}{} }()
			status[i] = sub.run(func() { sub.stmt(stages[i]) })
		}()
	}
	last := len(stages) - 1
	status[last] = subs[last].run(func() { subs[last].stmt(stages[last]) })
	for range last {
		<-done
	}
	check(in.ctx)
	in.status = status[last]
	elems := make(map[string]string, len(status))
	for i, s := range status {
		elems[strconv.Itoa(i)] = strconv.Itoa(s)
		if in.opt.pipefail && s != 0 && in.status == 0 {
			in.status = s
		}
	}
	if in.kind == bash {
		in.store("PIPESTATUS", variable{elems: elems, set: true})
	}
}

// replace puts s, whose reference it takes, in the place of a descriptor.
func (in *interp) replace(fd int, s *stream) {
	for len(in.fds) <= fd {
		in.fds = append(in.fds, nil)
	}
	if in.fds[fd] != nil {
		in.fds[fd].release()
	}
	in.fds[fd] = s
}

const maxFD = 255

// redirect puts redirections in place.
func (in *interp) redirect(list []*syntax.Redirect) bool {
	for _, rd := range list {
		fd := -1
		if rd.N != nil {
			n, err := strconv.Atoi(rd.N.Value)
			if err != nil || n > maxFD {
				if name, isVar := strings.CutPrefix(rd.N.Value, "{"); isVar && err != nil {
					n = max(10, len(in.fds))
					in.set(strings.TrimSuffix(name, "}"), strconv.Itoa(n))
				} else {
					in.errorf("%s: Bad file descriptor", rd.N.Value)
					return false
				}
			}
			if n > maxFD {
				in.errorf("redirection error: cannot duplicate fd: Invalid argument")
				return false
			}
			fd = n
		}
		if rd.Op == syntax.Hdoc || rd.Op == syntax.DashHdoc || rd.Op == syntax.WordHdoc {
			body, ok := in.hereDocument(rd)
			if !ok {
				return false
			}
			s := newStream(strings.NewReader(body), nil, nil)
			in.replace(max(fd, 0), s)
			continue
		}
		names, ok := in.fields([]*syntax.Word{rd.Word})
		if !ok {
			return false
		}
		if len(names) != 1 {
			in.errorf("%s: ambiguous redirect", printNode(rd.Word))
			return false
		}
		name := names[0]
		flag := os.O_RDONLY
		switch rd.Op {
		case syntax.DplIn, syntax.DplOut:
			if fd < 0 {
				fd = 0
				if rd.Op == syntax.DplOut {
					fd = 1
				}
			}
			from, move := strings.CutSuffix(name, "-")
			if from == "" {
				in.replace(fd, nil)
				continue
			}
			n, err := strconv.Atoi(from)
			if err != nil {
				if rd.Op == syntax.DplOut && rd.N == nil {
					flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC // >&file
					break
				}
				in.errorf("%s: ambiguous redirect", name)
				return false
			}
			if n < 0 || n >= len(in.fds) || in.fds[n] == nil {
				in.errorf("%s: %s", from, "Bad file descriptor")
				return false
			}
			if n == fd {
				continue
			}
			in.replace(fd, in.fds[n].retain())
			if move {
				in.replace(n, nil)
			}
			continue
		case syntax.RdrIn:
		case syntax.RdrInOut:
			flag = os.O_RDWR | os.O_CREATE
		case syntax.AppOut, syntax.AppAll:
			flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
		default:
			flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		}
		s, err := in.openRedirect(name, flag)
		if err != nil {
			in.redirectError(name, flag, err)
			return false
		}
		switch {
		case rd.Op == syntax.RdrAll || rd.Op == syntax.AppAll || rd.Op == syntax.DplOut:
			in.replace(1, s)
			in.replace(2, s.retain())
		case fd >= 0:
			in.replace(fd, s)
		case rd.Op == syntax.RdrIn || rd.Op == syntax.RdrInOut:
			in.replace(0, s)
		default:
			in.replace(1, s)
		}
	}
	return true
}

// netError is why the network cannot be used, in the words of the C library.
type netError string

func (e netError) Error() string { return string(e) }

const (
	errRefused     = netError("Connection refused")
	errUnreachable = netError("Network is unreachable")
	errNoName      = netError("Temporary failure in name resolution")
)

// openRedirect opens what a redirection names, /dev/tcp and /dev/udp as bash does.
func (in *interp) openRedirect(name string, flag int) (*stream, error) {
	for _, proto := range []string{"tcp", "udp"} {
		rest, ok := strings.CutPrefix(name, "/dev/"+proto+"/")
		host, port, two := strings.Cut(rest, "/")
		if !ok || !two || in.kind != bash {
			continue
		}
		in.sh.reach("connect_attempt", host, port, "bash", proto)
		switch {
		case in.sh.m.isSelf(host) && in.sh.m.listens(port):
			return newStream(strings.NewReader(""), io.Discard, nil), nil
		case in.sh.m.isSelf(host):
			in.errorf("connect: %v", errRefused)
			return nil, fail("open", name, errRefused)
		case isIP(host):
			in.errorf("connect: %v", errUnreachable)
			return nil, fail("open", name, errUnreachable)
		}
		in.errorf("%s: %v", host, errNoName)
		return nil, fail("open", name, netError("Invalid argument"))
	}
	return in.open(name, flag)
}

func (in *interp) redirectError(name string, flag int, err error) {
	why := reason(err)
	if in.kind == bash || in.kind == zsh {
		if in.kind == zsh {
			in.errorf("%s: %s", strings.ToLower(why), name)
			return
		}
		in.errorf("%s: %s", name, why)
		return
	}
	verb := "open"
	if flag&os.O_CREATE != 0 {
		verb = "create"
	}
	if in.kind == ash {
		if why == "No such file or directory" {
			why = "no such file"
			if verb == "create" {
				why = "nonexistent directory"
			}
		}
		in.errorf("can't %s %s: %s", verb, name, why)
		return
	}
	if why == "No such file or directory" {
		why = "No such file"
		if verb == "create" {
			why = "Directory nonexistent"
		}
	}
	in.errorf("cannot %s %s: %s", verb, name, why)
}

func (in *interp) hereDocument(rd *syntax.Redirect) (string, bool) {
	if rd.Op == syntax.WordHdoc {
		s, ok := in.word(rd.Word)
		return s + "\n", ok
	}
	if rd.Hdoc == nil {
		return "", true
	}
	body, ok := in.document(rd.Hdoc)
	if rd.Op == syntax.DashHdoc {
		rows := strings.Split(body, "\n")
		for i := range rows {
			rows[i] = strings.TrimLeft(rows[i], "\t")
		}
		body = strings.Join(rows, "\n")
	}
	return body, ok
}

// simple runs a simple command: assignments, a function, a builtin or a program.
func (in *interp) simple(cm *syntax.CallExpr) (keep bool) {
	words := cm.Args
	if in.opt.expandAliases && len(words) > 0 && len(in.aliases) > 0 {
		if text, ok := in.alias(words); ok {
			in.eval(text)
			return false
		}
	}
	in.substituted = false
	args, ok := in.fields(words)
	if !ok {
		in.status = 1
		in.fatalExpansion()
		return false
	}
	if len(args) == 0 {
		for _, as := range cm.Assigns {
			if !in.assign(as, false) {
				in.status = 1
				in.fatalExpansion()
				return false
			}
		}
		if !in.substituted {
			in.status = 0
		}
		return false
	}
	if in.opt.xtrace {
		in.trace(args)
	}
	if len(cm.Assigns) > 0 {
		saved := make(map[string]*variable, len(cm.Assigns))
		for _, as := range cm.Assigns {
			saved[as.Name.Value] = in.vars[as.Name.Value]
			if !in.assign(as, true) {
				in.status = 1
				return false
			}
		}
		defer func() {
			for name, v := range saved {
				in.unset(name)
				if v != nil {
					if v.owner == in && in.use.hold(v.size()+len(name)) {
						in.held += v.size() + len(name)
					}
					in.vars[name] = v
				}
			}
		}()
	}
	return in.call(args)
}

// fatalExpansion ends a shell that is not interactive after a failed expansion.
func (in *interp) fatalExpansion() {
	if !in.interactive {
		in.exiting = true
		if in.noValue && in.kind == bash {
			in.status = 127
		}
		in.noValue = false
		if in.kind == dash {
			in.status = 2
		}
	}
}

func (in *interp) trace(args []string) {
	quoted := make([]string, len(args))
	for i, a := range args {
		q, err := syntax.Quote(a, syntax.LangBash)
		if err != nil {
			q = a
		}
		quoted[i] = q
	}
	in.write(2, "+ "+strings.Join(quoted, " ")+"\n")
}

// alias replaces the first word of a command, as text.
func (in *interp) alias(words []*syntax.Word) (string, bool) {
	name := words[0].Lit()
	text, ok := in.aliases[name]
	if !ok {
		return "", false
	}
	// An alias does not expand in its own text.
	if first, _, _ := strings.Cut(text, " "); first == name {
		text = `\` + text
	}
	for _, w := range words[1:] {
		text += " " + printNode(w)
	}
	return text, true
}

// call runs args, which are expanded.
func (in *interp) call(args []string) (keep bool) {
	in.use.step(in.ctx)
	in.lastArg = args[len(args)-1]
	if body, ok := in.funcs[args[0]]; ok {
		in.function(body, args)
		return false
	}
	if b, ok := in.builtin(args[0]); ok {
		in.status = b(in, args)
		return args[0] == "exec" && len(args) == 1
	}
	in.status = in.execute(args)
	return false
}

func (in *interp) function(body *syntax.Stmt, args []string) {
	params := in.params
	in.params = args[1:]
	in.calls++
	in.locals = append(in.locals, nil)
	loops := in.loops
	in.loops = 0
	defer func() {
		top := in.locals[len(in.locals)-1]
		in.locals = in.locals[:len(in.locals)-1]
		for name, v := range top {
			if cur := in.vars[name]; cur != nil && cur.owner == in {
				n := cur.size() + len(name)
				in.use.hold(-n)
				in.held -= n
			}
			if v == nil {
				delete(in.vars, name)
			} else {
				in.vars[name] = v
			}
		}
		in.params, in.loops = params, loops
		in.calls--
		in.returning = false
	}()
	in.stmt(body)
}

// local remembers what a variable is outside of the function being run.
func (in *interp) local(name string) {
	top := len(in.locals) - 1
	if _, ok := in.locals[top][name]; ok {
		return
	}
	if in.locals[top] == nil {
		in.locals[top] = make(map[string]*variable)
	}
	old := in.vars[name]
	in.locals[top][name] = old
	if old != nil {
		// What is replaced stays accounted for, since it comes back.
		shadow := *old
		shadow.owner = nil
		shadow.str, shadow.elems, shadow.set = "", nil, false
		in.vars[name] = &shadow
	}
}

// assign makes one assignment.
func (in *interp) assign(as *syntax.Assign, export bool) bool {
	name := as.Name.Value
	old := in.vars[name]
	v := variable{set: true, exported: export}
	if old != nil {
		v.exported = v.exported || old.exported
		v.assoc = old.assoc
	}
	switch {
	case as.Array != nil:
		return in.assignArray(as, v)
	case as.Index != nil:
		key, ok := in.index(name, as.Index)
		if !ok {
			return false
		}
		value, ok := in.word(as.Value)
		if !ok {
			return false
		}
		return in.setElem(name, key, value, as.Append)
	}
	value, ok := in.word(as.Value)
	if !ok {
		return false
	}
	if old != nil && old.elems != nil {
		return in.setElem(name, "0", value, as.Append)
	}
	if as.Append && old != nil {
		in.grow(len(old.str) + len(value))
		value = old.str + value
	}
	v.str = value
	if in.opt.xtrace && !export {
		in.write(2, "+ "+name+"="+value+"\n")
	}
	return in.store(name, v)
}

func (in *interp) setElem(name, key, value string, add bool) bool {
	v := variable{set: true, elems: make(map[string]string)}
	if old := in.vars[name]; old != nil {
		v.assoc, v.exported = old.assoc, old.exported
		if old.elems == nil && old.set {
			v.elems["0"] = old.str
		}
		for k, e := range old.elems {
			in.use.step(in.ctx)
			v.elems[k] = e
		}
	}
	if add {
		value = v.elems[key] + value
	}
	v.elems[key] = value
	return in.store(name, v)
}

func (in *interp) assignArray(as *syntax.Assign, v variable) bool {
	name := as.Name.Value
	v.elems = make(map[string]string)
	next := 0
	if old := in.vars[name]; old != nil && as.Append {
		if old.elems == nil && old.set {
			v.elems["0"], next = old.str, 1
		}
		for k, e := range old.elems {
			v.elems[k] = e
			if n, err := strconv.Atoi(k); err == nil && n >= next {
				next = n + 1
			}
		}
	}
	for _, el := range as.Array.Elems {
		if el.Index != nil {
			key, ok := in.index(name, el.Index)
			if !ok {
				return false
			}
			value := ""
			if el.Value != nil {
				if value, ok = in.word(el.Value); !ok {
					return false
				}
			}
			v.elems[key] = value
			if n, err := strconv.Atoi(key); err == nil {
				next = n + 1
			}
			continue
		}
		values, ok := in.fields([]*syntax.Word{el.Value})
		if !ok {
			return false
		}
		for _, value := range values {
			v.elems[strconv.Itoa(next)] = value
			next++
		}
	}
	return in.store(name, v)
}

// execute runs a program that args names and returns its exit status.
func (in *interp) execute(args []string) int {
	name := args[0]
	if !strings.Contains(name, "/") {
		path, ok := in.search(name)
		if !ok {
			return in.notFound(name)
		}
		return in.executeFile(path, args)
	}
	return in.executeFile(name, args)
}

// search finds a program on PATH.
func (in *interp) search(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	files := in.files()
	for dir := range strings.SplitSeq(in.env("PATH"), ":") {
		if dir == "" {
			dir = "."
		}
		i, err := files.stat("stat", dir+"/"+name, true)
		if err == nil && i.mode.IsRegular() && in.cred.may(i.node, 1) {
			return dir + "/" + name, true
		}
	}
	return "", false
}

func (in *interp) notFound(name string) int {
	switch {
	case in.kind == zsh:
		in.errorf("command not found: %s", name)
	case in.kind != bash:
		in.errorf("%s: not found", name)
	case in.interactive && in.sh.m.distro.suggest:
		in.suggest(name)
	default:
		in.errorf("%s: command not found", name)
	}
	return 127
}

// suggest says what Ubuntu's command-not-found says.
func (in *interp) suggest(name string) {
	if pkg, ok := suggestions[name]; ok {
		in.write(2, fmt.Sprintf("\nCommand '%s' not found, but can be installed with:\n\n", name))
		for _, p := range pkg {
			if in.cred.uid == 0 {
				in.write(2, "apt install "+p+"\n")
			} else {
				in.write(2, "sudo apt install "+p+"\n")
			}
		}
		in.write(2, "\n")
		return
	}
	in.write(2, name+": command not found\n")
}

// executeFile runs the file at name as the kernel and the shell would.
func (in *interp) executeFile(name string, args []string) int {
	i, err := in.files().stat("stat", name, true)
	switch {
	case err != nil:
		if in.kind == bash {
			in.errorf("%s: %s", args[0], reason(err))
		} else if in.kind == zsh {
			in.errorf("%s: %s", strings.ToLower(reason(err)), args[0])
		} else {
			in.errorf("%s: not found", args[0])
		}
		return 127
	case i.mode.IsDir():
		if in.kind == bash {
			in.errorf("%s: Is a directory", args[0])
		} else {
			in.errorf("%s: Permission denied", args[0])
		}
		return 126
	case !in.cred.may(i.node, 1):
		if in.kind == zsh {
			in.errorf("permission denied: %s", args[0])
		} else {
			in.errorf("%s: Permission denied", args[0])
		}
		return 126
	}
	if e, ok := i.node.src.(elf); ok {
		return in.program(e.program, args)
	}
	content, err := in.files().read(name)
	if err != nil {
		in.errorf("%s: %s", args[0], reason(err))
		return 126
	}
	return in.executeContent(name, content, args)
}

// executeContent runs what is not one of the machine's own programs.
func (in *interp) executeContent(name string, content []byte, args []string) int {
	path, _ := in.files().RealPath(name)
	switch {
	case bytes.HasPrefix(content, []byte("#!")):
		line, _, _ := bytes.Cut(content[2:min(len(content), 258)], []byte("\n"))
		interpreter, arg, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		next := []string{interpreter}
		if arg = strings.TrimSpace(arg); arg != "" {
			next = append(next, arg)
		}
		next = append(append(next, name), args[1:]...)
		if in.depth++; in.depth > maxDepth {
			panic(killed{139})
		}
		defer func() { in.depth-- }()
		if i, err := in.files().stat("stat", interpreter, true); err != nil {
			in.errorf("%s: %s: bad interpreter: %s", args[0], interpreter, reason(err))
			if in.kind == bash && in.sh.m.distro.bash >= 502 {
				return 127
			}
			return 126
		} else if e, ok := i.node.src.(elf); !ok {
			in.errorf("%s: %s: bad interpreter: Permission denied", args[0], interpreter)
			return 126
		} else if !interpreters[e.program] {
			in.sh.executed(path, content, "interpreted")
		}
		return in.executeFile(interpreter, next)
	case bytes.HasPrefix(content, []byte("\x7fELF")):
		if native(content) {
			in.sh.executed(path, content, "segmentation fault")
			in.crashed("Segmentation fault", args)
			return 139
		}
		in.sh.executed(path, content, "exec format error")
		in.formatError(args[0])
		return 126
	case bytes.IndexByte(content[:min(len(content), 80)], 0) >= 0:
		in.sh.executed(path, content, "exec format error")
		in.formatError(args[0])
		return 126
	}
	in.sh.executed(path, content, "interpreted")
	return in.script(in.kind, name, string(content), args[1:])
}

// interpreters report the scripts that they run themselves.
var interpreters = set("bash dash ash zsh python3 perl")

func (in *interp) formatError(name string) {
	switch in.kind {
	case bash:
		in.errorf("%s: cannot execute binary file: Exec format error", name)
	case zsh:
		in.errorf("exec format error: %s", name)
	case dash:
		in.errorf("%s: Exec format error", name)
	default:
		in.errorf("%s: Exec format error", name)
	}
}

// crashed says that a signal ended a program.
func (in *interp) crashed(signal string, args []string) {
	if in.interactive || in.kind != bash {
		in.write(2, signal+"\n")
		return
	}
	in.write(2, fmt.Sprintf("%s%6d %-23s %s\n", in.prefix(), in.sh.m.newPID(), signal, strings.Join(args, " ")))
}

// native reports whether an ELF file is for this machine and complete enough to start.
func native(b []byte) bool {
	if len(b) < 64 || b[5] != 1 {
		return false
	}
	machine := int(b[18]) | int(b[19])<<8
	return machine == 62 || machine == 3
}

// program runs one of the machine's own programs and returns its exit status.
func (in *interp) program(name string, args []string) (status int) {
	run, ok := in.sh.m.programs[name]
	if !ok {
		// A program that is there but does nothing of interest.
		return 0
	}
	if in.depth >= maxDepth || !in.use.fork() {
		in.errorf("fork: retry: Resource temporarily unavailable")
		return 254
	}
	c := &call{interp: in, args: args, name: args[0]}
	if i := strings.LastIndexByte(c.name, '/'); i >= 0 {
		c.name = c.name[i+1:]
	}
	in.depth++
	mark := in.pending
	defer func() {
		in.depth--
		in.shrink(mark)
		in.use.exit()
		if p := recover(); p != nil {
			k, ok := p.(killed)
			if !ok {
				in.sh.m.oops(p)
				in.crashed("Segmentation fault", args)
				k.status = 139
			}
			status = k.status
			if status != statusPipe && in.ctx.Err() != nil {
				panic(k)
			}
		}
	}()
	status = run(c)
	c.flush()
	return status
}

// script runs text in a new shell, as a program of its own.
func (in *interp) script(kind dialect, name, text string, params []string) int {
	sub := in.child(kind, name, "", params)
	if sub == nil {
		return 254
	}
	return sub.run(func() { sub.eval(text) })
}

// child returns a shell that is a program of its own: only the environment is inherited.
func (in *interp) child(kind dialect, name, flag string, params []string) *interp {
	sub := in.fork()
	if sub == nil {
		return nil
	}
	sub.kind, sub.name, sub.flag, sub.params = kind, name, flag, params
	sub.login, sub.funcs, sub.aliases, sub.locals = false, nil, nil, nil
	sub.opt = options{}
	sub.pid, sub.ppid = in.sh.m.newPID(), in.pid
	sub.bgpid, sub.calls, sub.sourced, sub.quiet, sub.status = 0, 0, 0, 0, 0
	sub.lines, sub.line = 0, 0
	sub.history = nil
	for name, v := range sub.vars {
		if !v.exported {
			delete(sub.vars, name)
		} else if v.readonly {
			c := *v
			c.readonly = false
			sub.vars[name] = &c
		}
	}
	level, _ := strconv.Atoi(in.env("SHLVL"))
	if kind == bash {
		sub.export("SHLVL", strconv.Itoa(level+1))
	}
	sub.set("IFS", " \t\n")
	return sub
}

// readLine reads a line without its end, as the read builtin does. It reports false at
// the end of input; what came before is returned.
func (in *interp) readLine(fd int, raw bool) (string, bool) {
	var line []byte
	var b [1]byte
	for {
		n, err := in.get(fd, b[:])
		if n == 1 {
			switch {
			case b[0] == '\n' && !raw && len(line) > 0 && line[len(line)-1] == '\\' && trailing(line)%2 == 1:
				line = line[:len(line)-1]
				continue
			case b[0] == '\n':
				return string(line), true
			case b[0] == 0:
				continue
			}
			if len(line) >= maxVariable {
				return string(line), false
			}
			line = append(line, b[0])
		}
		if err != nil {
			return string(line), false
		}
	}
}

func trailing(line []byte) int {
	n := 0
	for i := len(line) - 1; i >= 0 && line[i] == '\\'; i-- {
		n++
	}
	return n
}
