package shell

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// execute runs a program that args names and returns its exit status.
func (in *interp) execute(args []string) int {
	path, ok := in.locate(args[0])
	if !ok {
		return in.notFound(args[0])
	}
	return in.executeFile(path, args)
}

// locate returns the path of the program that a command name stands for.
func (in *interp) locate(name string) (string, bool) {
	if strings.Contains(name, "/") {
		return name, true
	}
	return in.search(name)
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
var interpreters = set("bash dash ash zsh perl")

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
	if !ok { // a library, the kernel: nothing that can be started
		in.crashed("Segmentation fault", args)
		return 139
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
	outer := in.sh.self.Swap(&process{pid: in.pid + 1, ppid: in.pid, user: in.cred.name, stat: "R", start: in.started, vsz: 5464, rss: 1620, cmd: strings.Join(args, " "), name: c.name})
	defer func() {
		in.sh.self.Store(outer)
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
	if text := in.sh.m.versionText(name); text != "" && len(args) == 2 && args[1] == "--version" {
		c.print(text)
	} else {
		status = run(c)
	}
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
	sub.opt, sub.shopts, sub.disabled = options{}, nil, nil
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
	sub.bashVariables()
	return sub
}
