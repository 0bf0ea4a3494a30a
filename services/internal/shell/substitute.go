package shell

import (
	"context"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// substitute runs a command substitution.
func (in *interp) substitute(cs *syntax.CmdSubst) (string, bool) {
	if len(cs.Stmts) == 1 {
		if st := cs.Stmts[0]; st.Cmd == nil && len(st.Redirs) == 1 && st.Redirs[0].Op == syntax.RdrIn {
			name, ok := in.word(st.Redirs[0].Word)
			if !ok {
				return "", false
			}
			b, err := in.readFile(name)
			if err != nil {
				in.errorf("%s: %s", name, reason(err))
				in.status = 1
				return "", true
			}
			return clean(string(b)), true
		}
	}
	sub := in.fork()
	if sub == nil {
		return "", true
	}
	out := &sink{u: in.use}
	sub.replace(1, newStream(nil, out, nil))
	status := sub.run(func() { sub.stmts(cs.Stmts) })
	s := clean(out.take())
	check(in.ctx)
	in.status, in.substituted = status, true
	in.grow(len(s))
	return s, true
}

func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.TrimRight(s, "\n")
}

// processSubstitution runs <(…) to its end, or starts >(…), and returns the name of the
// descriptor that stands for it. The shell keeps the descriptor.
func (in *interp) processSubstitution(ps *syntax.ProcSubst) (string, bool) {
	sub := in.fork()
	if sub == nil {
		return "", false
	}
	fd := 63
	for fd > 10 && fd < len(in.fds) && in.fds[fd] != nil {
		fd--
	}
	if ps.Op == syntax.CmdOut {
		r, w, stop := newPipe(in.ctx)
		sub.replace(0, r)
		in.replace(fd, w)
		in.jobs.start(in.ctx, nil, func(ctx context.Context) {
			defer stop()
			sub.ctx = ctx
			sub.run(func() { sub.stmts(ps.Stmts) })
		})
		return "/dev/fd/" + strconv.Itoa(fd), true
	}
	out := &sink{u: in.use}
	sub.replace(1, newStream(nil, out, nil))
	sub.run(func() { sub.stmts(ps.Stmts) })
	s := out.take()
	check(in.ctx)
	in.grow(len(s))
	in.replace(fd, newStream(strings.NewReader(s), nil, nil))
	return "/dev/fd/" + strconv.Itoa(fd), true
}
