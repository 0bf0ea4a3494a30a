package shell

import (
	"os"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func builtinEval(in *interp, args []string) int {
	text := strings.Join(args[1:], " ")
	if strings.TrimSpace(text) == "" {
		return 0
	}
	in.eval(text)
	return in.status
}

func builtinExec(in *interp, args []string) int {
	args = args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-a" && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return 0
	}
	status := in.execute(args)
	if status != 127 && status != 126 || !in.interactive {
		in.exiting = true
	}
	return status
}

// readFile reads a file, or what a descriptor of the shell refers to.
func (in *interp) readFile(name string) ([]byte, error) {
	s, err := in.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer s.release()
	if s.file != nil && s.file.node.isDir() {
		return nil, fail("read", name, errIsDir)
	}
	if s.file != nil && s.file.device() != "" && s.file.device() != "null" {
		return nil, nil
	}
	var out []byte
	buf := make([]byte, 16<<10)
	for s.r != nil {
		in.use.step(in.ctx)
		n, err := s.r.Read(buf)
		out = append(out, buf[:n]...)
		in.grow(n)
		if err != nil || n == 0 {
			break
		}
	}
	return out, nil
}

func builtinSource(in *interp, args []string) int {
	if len(args) < 2 {
		in.errorf("%s: filename argument required", args[0])
		in.write(2, args[0]+": usage: "+args[0]+" filename [arguments]\n")
		return 2
	}
	name := args[1]
	if !strings.Contains(name, "/") {
		for dir := range strings.SplitSeq(in.env("PATH"), ":") {
			if i, err := in.files().stat("stat", dir+"/"+name, true); err == nil && i.mode.IsRegular() {
				name = dir + "/" + name
				break
			}
		}
	}
	text, err := in.readFile(name)
	if err != nil {
		switch in.kind {
		case dash:
			in.errorf(".: cannot open %s: No such file", args[1])
			in.exiting = !in.interactive
			return 2
		case ash:
			in.errorf(".: can't open '%s': %s", args[1], reason(err))
			in.exiting = !in.interactive
			return 2
		}
		if reason(err) == "Is a directory" {
			in.errorf("%s: %s: is a directory", args[0], args[1])
		} else {
			in.errorf("%s: %s", args[1], reason(err))
		}
		return 1
	}
	if slices.Contains(text[:min(len(text), 80)], 0) {
		in.errorf("%s: %s: cannot execute binary file", args[0], args[1])
		return 126
	}
	params := in.params
	if len(args) > 2 {
		in.params = args[2:]
		defer func() { in.params = params }()
	}
	in.sourced++
	line, lines := in.line, in.lines
	in.lines = 0
	in.eval(string(text))
	in.line, in.lines = line, lines
	in.sourced--
	in.returning = false
	return in.status
}

func builtinCommand(in *interp, args []string) int {
	rest := args[1:]
	show, verbose := false, false
	for len(rest) > 0 && len(rest[0]) > 1 && rest[0][0] == '-' {
		switch rest[0] {
		case "-v":
			show = true
		case "-V":
			verbose = true
		case "-p", "--":
		default:
			in.errorf("command: %s: invalid option", rest[0])
			in.write(2, "command: usage: command [-pVv] command [arg ...]\n")
			return 2
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return 0
	}
	if verbose {
		return builtinType(in, append([]string{"command"}, rest...))
	}
	if !show {
		if b, ok := in.builtin(rest[0]); ok {
			return b(in, rest)
		}
		return in.execute(rest)
	}
	status := 0
	if in.kind == bash {
		status = 1
	}
	for _, name := range rest {
		s, ok := in.whichShell(name)
		if !ok {
			if in.kind != bash {
				status = 127
			}
			continue
		}
		if in.kind == bash {
			status = 0
		}
		in.write(1, s+"\n")
	}
	return status
}

// whichShell says how the shell would run name, as command -v prints it.
func (in *interp) whichShell(name string) (string, bool) {
	if a, ok := in.aliases[name]; ok {
		return "alias " + name + "=" + quoteWord(a), true
	}
	if syntax.IsKeyword(name) || in.funcs[name] != nil {
		return name, true
	}
	if _, ok := in.builtin(name); ok {
		return name, true
	}
	if strings.Contains(name, "/") {
		i, err := in.files().stat("stat", name, true)
		return name, err == nil && i.mode.IsRegular() && in.cred.may(i.node, 1)
	}
	return in.search(name)
}

func builtinBuiltin(in *interp, args []string) int {
	if len(args) < 2 {
		return 0
	}
	b, ok := in.builtin(args[1])
	if !ok {
		in.errorf("builtin: %s: not a shell builtin", args[1])
		return 1
	}
	return b(in, args[1:])
}

func builtinType(in *interp, args []string) int {
	mode := ""
	names := args[1:]
	for len(names) > 0 && len(names[0]) > 1 && names[0][0] == '-' {
		mode += names[0][1:]
		names = names[1:]
	}
	status := 0
	for _, name := range names {
		path, isFile := in.search(name)
		if strings.Contains(name, "/") {
			path, isFile = in.whichShell(name)
		}
		kind := ""
		switch _, isBuiltin := in.builtin(name); {
		case in.aliases[name] != "":
			kind = "alias"
		case syntax.IsKeyword(name):
			kind = "keyword"
		case in.funcs[name] != nil:
			kind = "function"
		case isBuiltin:
			kind = "builtin"
		case isFile:
			kind = "file"
		}
		switch {
		case strings.ContainsAny(mode, "pP"):
			if isFile && (kind == "file" || strings.Contains(mode, "P")) {
				in.write(1, path+"\n")
			} else if kind == "" {
				status = 1
			}
			continue
		case strings.Contains(mode, "t"):
			if kind == "" {
				status = 1
				continue
			}
			in.write(1, kind+"\n")
			continue
		}
		switch kind {
		case "alias":
			in.write(1, name+" is aliased to `"+in.aliases[name]+"'\n")
		case "keyword":
			in.write(1, name+" is a shell keyword\n")
		case "function":
			in.write(1, name+" is a function\n"+name+" () \n"+printNode(in.funcs[name])+"\n")
		case "builtin":
			in.write(1, name+" is a shell builtin\n")
		case "file":
			in.write(1, name+" is "+path+"\n")
		default:
			if in.kind == bash {
				in.errorf("%s: %s: not found", args[0], name)
				status = 1
			} else {
				in.write(1, name+": not found\n")
				status = 127
			}
		}
	}
	return status
}

func builtinHash(in *interp, args []string) int {
	if len(args) == 1 && in.kind == bash {
		in.write(1, "hash: hash table empty\n")
	}
	return 0
}
