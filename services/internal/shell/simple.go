package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

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
	path, ok := in.locate(args[0])
	if !ok {
		in.status = in.notFound(args[0])
		return false
	}
	if in.kind == bash {
		in.underscore = path
	}
	in.status = in.executeFile(path, args)
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
