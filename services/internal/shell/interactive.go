package shell

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Interactive runs a log-in shell with prompt, echo and line editing on a terminal in raw
// mode at the other end of rw. The caller prints Motd and LastLogin before it. When rw
// ends with io.EOF the shell ends after what was typed before; any other error is a
// connection that broke, which ends what runs too. When Interactive returns, a Read of rw
// may still be pending; it ends when the caller closes the connection, and what it reads
// is lost.
func (sh *Shell) Interactive(ctx context.Context, t Terminal, rw io.ReadWriter) (status int) {
	in := sh.shell(ctx, "-"+path.Base(sh.user.shell), "", Stdio{})
	term, detach := in.attach(t, rw)
	defer detach()
	in.interactive, in.login = true, true
	in.opt.expandAliases = true
	in.loginFiles(t)
	return sh.start(in, func() { in.loop(term) })
}

// ExecTerminal is Exec of a command that has a terminal, as "ssh -t host command" asks
// for. What Interactive says of rw holds here too.
func (sh *Shell) ExecTerminal(ctx context.Context, command string, t Terminal, rw io.ReadWriter) (status int) {
	timed, stop := context.WithTimeout(ctx, maxCommandT)
	defer stop()
	ctx, cancel := context.WithCancelCause(timed)
	defer cancel(nil)
	in := sh.command(ctx, command, Stdio{})
	term, detach := in.attach(t, rw)
	defer detach()
	in.report(command)
	term.foreground(cancel)
	return sh.start(in, func() { in.eval(command) })
}

// attach gives in a terminal for its standard streams. detach must be called after in has
// ended.
func (in *interp) attach(t Terminal, rw io.ReadWriter) (term *terminal, detach func()) {
	sh := in.sh
	term = newTerminal(t, rw)
	sh.mu.Lock()
	sh.terminals = append(sh.terminals, term)
	sh.mu.Unlock()
	ctx, cancel := context.WithCancel(in.ctx)
	in.ctx = ctx
	stop := context.AfterFunc(ctx, term.hangUp)
	release(in.fds)
	tty := term.stream()
	in.fds = []*stream{tty, tty.retain(), tty.retain()}
	in.term = term
	in.export("TERM", t.Name)
	if in.sh.overSSH() {
		in.export("SSH_TTY", "/dev/"+sh.tty)
	}
	go func() {
		if term.feed(rw) != io.EOF {
			cancel()
		}
	}()
	return term, func() {
		stop()
		cancel()
		term.hangUp()
		sh.mu.Lock()
		defer sh.mu.Unlock()
		sh.terminals = slices.DeleteFunc(sh.terminals, func(x *terminal) bool { return x == term })
	}
}

// loginFiles sets what the profiles of the distribution set.
func (in *interp) loginFiles(t Terminal) {
	in.aliases = map[string]string{}
	d := in.sh.m.distro
	switch {
	case d.family == "debian" && in.cred.uid != 0 || in.sh.m.release.ID == "ubuntu":
		in.aliases["l"], in.aliases["la"], in.aliases["ll"] = "ls -CF", "ls -A", "ls -alF"
		if t.Name != "dumb" && t.Name != "" {
			in.aliases["ls"], in.aliases["grep"] = "ls --color=auto", "grep --color=auto"
		}
	case d.family == "rhel":
		in.aliases["ll"], in.aliases["ls"], in.aliases["grep"] = "ls -l --color=auto", "ls --color=auto", "grep --color=auto"
		if in.cred.uid == 0 {
			in.aliases["cp"], in.aliases["mv"], in.aliases["rm"] = "cp -i", "mv -i", "rm -i"
		}
	}
	in.set("PS1", in.prompt1())
	in.set("PS2", "> ")
	file := in.sh.home + "/.bash_history"
	switch d.login {
	case ash:
		file = in.sh.home + "/.ash_history"
	case zsh:
		file = in.sh.home + "/.zsh_history"
	}
	in.history = &history{file: file}
	if b, err := in.files().read(file); err == nil {
		in.history.load(b)
	}
	in.set("HISTFILE", file)
	in.set("HISTSIZE", "500")
	in.set("HISTFILESIZE", "500")
}

// prompt1 is PS1 as the distribution sets it.
func (in *interp) prompt1() string {
	m := in.sh.m
	term := in.env("TERM")
	title := strings.HasPrefix(term, "xterm") || strings.HasPrefix(term, "rxvt")
	switch m.distro.family {
	case "rhel", "arch":
		return `[\u@\h \W]\$ `
	case "alpine":
		return `\h:\w\$ `
	}
	if m.distro.login == zsh {
		return "\x1b[34m┌──(\x1b[1m\x1b[31m" + in.cred.name + "㉿" + m.shortName() + "\x1b[0m\x1b[34m)-[\x1b[0m\x1b[1m\\w\x1b[0m\x1b[34m]\x1b[0m\n\x1b[34m└─\x1b[1m\x1b[31m\\$\x1b[0m "
	}
	ps := `\u@\h:\w\$ `
	if in.cred.uid != 0 && (term == "xterm-color" || strings.HasSuffix(term, "-256color")) {
		ps = `\[\033[01;32m\]\u@\h\[\033[00m\]:\[\033[01;34m\]\w\[\033[00m\]\$ `
	}
	if title && (in.cred.uid != 0 || m.release.ID == "ubuntu") {
		ps = `\[\e]0;\u@\h: \w\a\]` + ps
	}
	return ps
}

// decodePrompt expands the escapes of a prompt.
func (in *interp) decodePrompt(ps string) string {
	dir := in.dir
	if home := in.env("HOME"); home != "" && (dir == home || strings.HasPrefix(dir, home+"/")) && home != "/" {
		dir = "~" + dir[len(home):]
	}
	var b strings.Builder
	for i := 0; i < len(ps); i++ {
		if ps[i] != '\\' || i+1 == len(ps) {
			b.WriteByte(ps[i])
			continue
		}
		i++
		switch ps[i] {
		case 'u':
			b.WriteString(in.cred.name)
		case 'h':
			b.WriteString(in.sh.m.shortName())
		case 'H':
			b.WriteString(in.sh.m.hostname())
		case 'w':
			b.WriteString(dir)
		case 'W':
			if dir == "~" || dir == "/" {
				b.WriteString(dir)
			} else {
				b.WriteString(path.Base(dir))
			}
		case '$':
			if in.cred.uid == 0 {
				b.WriteByte('#')
			} else {
				b.WriteByte('$')
			}
		case 's':
			b.WriteString(strings.TrimPrefix(in.name, "-"))
		case 't':
			b.WriteString(clock(in.sh.m.now(), "15:04:05"))
		case 'A':
			b.WriteString(clock(in.sh.m.now(), "15:04"))
		case 'd':
			b.WriteString(clock(in.sh.m.now(), "Mon Jan 02"))
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'a':
			b.WriteByte(7)
		case 'e':
			b.WriteByte(27)
		case '[', ']':
		case 'j':
			b.WriteString(strconv.Itoa(len(in.running())))
		case '!', '#':
			b.WriteString(strconv.Itoa(len(in.history.list()) + 1))
		case '0', '1', '2', '3':
			n, _ := strconv.ParseUint(ps[i:min(i+3, len(ps))], 8, 8)
			b.WriteByte(byte(n))
			i = min(i+2, len(ps)-1)
		case '\\':
			b.WriteByte('\\')
		default:
			b.WriteByte('\\')
			b.WriteByte(ps[i])
		}
	}
	return b.String()
}

// loop is a log-in shell on a terminal.
func (in *interp) loop(term *terminal) {
	for !in.exiting {
		in.reportJobs()
		if in.sh.m.distro.family == "rhel" && strings.HasPrefix(in.env("TERM"), "xterm") {
			term.raw(in.decodePrompt(`\e]0;\u@\h:\w\a`))
		}
		text, err := in.readCommand(term)
		if err != nil {
			if err == io.EOF { // ^D
				if in.kind == bash && in.login {
					term.raw("logout\r\n")
				} else if in.kind == bash {
					term.raw("exit\r\n")
				} else {
					term.raw("\r\n")
				}
			}
			break
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		in.report(text)
		if expanded, ok := in.bang(text); ok {
			if expanded == "" {
				continue
			}
			in.write(1, expanded+"\n")
			text = expanded
		}
		if text[0] != ' ' || in.sh.m.distro.family != "debian" || in.cred.uid == 0 && in.sh.m.release.ID != "ubuntu" {
			in.history.add(text)
		}
		in.runLine(term, text)
	}
	in.saveHistory()
}

// bang replaces a history reference, when the whole line is one.
func (in *interp) bang(text string) (string, bool) {
	if len(text) < 2 || text[0] != '!' || in.kind != bash || text[1] == ' ' || text[1] == '=' {
		return "", false
	}
	list := in.history.list()
	ref := text[1:]
	if ref == "!" {
		ref = "-1"
	}
	if n, err := strconv.Atoi(ref); err == nil {
		if n < 0 {
			n += len(list) + 1
		}
		if n >= 1 && n <= len(list) {
			return list[n-1], true
		}
	}
	for _, l := range slices.Backward(list) {
		if strings.HasPrefix(l, ref) {
			return l, true
		}
	}
	in.write(2, in.name+": "+text+": event not found\n")
	return "", true
}

// runLine runs what was typed. ^C ends it.
func (in *interp) runLine(term *terminal, text string) {
	outer := in.ctx
	timed, stop := context.WithTimeout(outer, maxCommandT)
	defer stop()
	ctx, cancel := context.WithCancelCause(timed)
	defer cancel(nil)
	wake := context.AfterFunc(ctx, func() {
		term.mu.Lock()
		term.ended = true
		term.mu.Unlock()
		term.wake()
	})
	defer wake()
	in.ctx = ctx
	depth, fds := in.depth, in.fds
	loops, calls, quiet := in.loops, in.calls, in.quiet
	defer func() {
		in.ctx = outer
		term.foreground(nil)
		term.echo(true)
		if p := recover(); p != nil {
			k, ok := p.(killed)
			if !ok {
				in.sh.m.oops(p)
				k.status = 139
			}
			in.status = k.status
			in.depth, in.loops, in.calls, in.quiet = depth, loops, calls, quiet
			in.shrink(0)
			if &in.fds[0] != &fds[0] {
				release(in.fds)
				in.fds = fds
			}
			in.locals = nil
			if k.status == statusInterrupt {
				_, _ = term.Write([]byte("\n"))
			} else if outer.Err() != nil {
				in.exiting = true
			}
		}
		in.brk, in.cont, in.returning = 0, 0, false
	}()
	in.use.steps.Store(0)
	in.use.output.Store(0)
	term.foreground(cancel)
	in.line, in.lines = 1, 0
	in.runText(text)
}

// readCommand reads lines until they make a whole command.
func (in *interp) readCommand(term *terminal) (string, error) {
	text := ""
	for {
		ps := "PS1"
		if text != "" {
			ps = "PS2"
		}
		prompt := in.decodePrompt(in.env(ps))
		if text != "" && in.kind != bash && in.kind != zsh {
			prompt = "> "
		}
		line, err := in.readTyped(term, prompt)
		switch {
		case errors.Is(err, errInterrupt):
			in.status = statusInterrupt
			return "", nil
		case err == io.EOF && text != "":
			in.report(text)
			in.syntaxError(text, syntax.ParseError{Incomplete: true})
			return "", nil
		case err != nil:
			return "", err
		}
		if text != "" {
			text += "\n"
		}
		text += line
		if len(text) > maxCommand {
			in.errorf("%v", errTooDeep)
			return "", nil
		}
		if in.complete(text + "\n") {
			return text, nil
		}
	}
}

// complete reports whether text can be run as it is, also when that gives an error.
func (in *interp) complete(text string) bool {
	if strings.HasSuffix(text, "\\\n") && trailing([]byte(text[:len(text)-1]))%2 == 1 {
		return false
	}
	err := parse([]byte(in.plainLet(text)), in.lang(), func([]*syntax.Stmt) bool { return true })
	if err == nil {
		return true
	}
	var bad syntax.ParseError
	if errors.As(err, &bad) {
		return badToken(text, bad) != ""
	}
	return true
}

// readTyped is the line editor. It returns io.EOF for ^D and errInterrupt for ^C.
func (in *interp) readTyped(term *terminal, prompt string) (string, error) {
	term.edit(true)
	defer term.edit(false)
	bracketed := in.sh.m.distro.bracketed() && term.name != "dumb"
	if bracketed {
		term.raw("\x1b[?2004h")
	}
	prompt = strings.ReplaceAll(prompt, "\n", "\r\n")
	term.raw(prompt)
	e := &editor{term: term, prompt: prompt[strings.LastIndexByte(prompt, '\n')+1:], in: in, hist: in.history.list()}
	e.at = len(e.hist)
	line, err := e.run()
	off := ""
	if bracketed {
		off = "\x1b[?2004l\r"
	}
	switch {
	case errors.Is(err, errInterrupt):
		term.raw("^C" + off + "\r\n")
	case err == io.EOF:
		term.raw(off + "\r\n")
		if bracketed {
			return "", err
		}
	case err == nil:
		term.raw("\r\n" + off)
	}
	return line, err
}
