package shell

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

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
		switch st.Cmd.(type) {
		case *syntax.CallExpr, *syntax.Subshell, *syntax.ArithmCmd, *syntax.TestClause, *syntax.DeclClause, *syntax.LetClause:
			in.pipeStatus(in.status)
		}
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
	for _, s := range status {
		if in.opt.pipefail && s != 0 && in.status == 0 {
			in.status = s
		}
	}
	in.pipeStatus(status...)
}
