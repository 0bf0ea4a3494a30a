package shell

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

func builtinCd(in *interp, args []string) int {
	args = args[1:]
	physical := false
	for len(args) > 0 && (args[0] == "-P" || args[0] == "-L" || args[0] == "--") {
		physical = args[0] == "-P"
		args = args[1:]
	}
	to, print := "", false
	switch {
	case len(args) > 1 && in.kind == bash:
		in.errorf("cd: too many arguments")
		return 1
	case len(args) == 0:
		if to = in.env("HOME"); to == "" {
			in.errorf("cd: HOME not set")
			return 1
		}
	case args[0] == "-":
		if to = in.env("OLDPWD"); to == "" {
			in.errorf("cd: OLDPWD not set")
			return 1
		}
		print = true
	case args[0] == "":
		return 0
	default:
		to = args[0]
	}
	dir := to
	if !strings.HasPrefix(dir, "/") {
		dir = in.dir + "/" + dir
	}
	dir = path.Clean(dir)
	i, err := in.files().stat("stat", to, true)
	switch {
	case err == nil && !i.mode.IsDir():
		return in.cdError(to, "Not a directory")
	case err == nil && !in.cred.may(i.node, 1):
		return in.cdError(to, "Permission denied")
	case err != nil:
		return in.cdError(to, reason(err))
	}
	if physical {
		dir, _ = in.files().RealPath(dir)
	}
	in.export("OLDPWD", in.dir)
	in.dir = dir
	in.export("PWD", dir)
	if print {
		in.write(1, dir+"\n")
	}
	return 0
}

func (in *interp) cdError(to, why string) int {
	switch in.kind {
	case dash:
		in.errorf("cd: can't cd to %s", to)
		return 2
	case ash:
		if in.interactive || in.flag == "c" {
			in.write(2, fmt.Sprintf("%s: cd: line %d: can't cd to %s: %s\n", in.name, max(in.line-1, 0), to, why))
		} else {
			in.write(2, fmt.Sprintf("%s: cd: line %d: can't cd to %s: %s\n", in.name, in.line, to, why))
		}
	case zsh:
		in.write(2, fmt.Sprintf("cd: %s: %s\n", strings.ToLower(why), to))
	default:
		in.errorf("cd: %s: %s", to, why)
	}
	return 1
}

func builtinPwd(in *interp, args []string) int {
	dir := in.dir
	if len(args) > 1 && args[1] == "-P" {
		dir, _ = in.files().RealPath(dir)
	}
	in.write(1, dir+"\n")
	return 0
}

func (in *interp) exitStatus(name string, args []string) int {
	if len(args) < 2 {
		return in.status
	}
	n, err := strconv.Atoi(strings.TrimSpace(args[1]))
	if err != nil {
		if in.kind == dash || in.kind == ash {
			in.errorf("%s: Illegal number: %s", name, args[1])
		} else {
			in.errorf("%s: %s: numeric argument required", name, args[1])
		}
		return 2
	}
	return n & 0xff
}

func builtinExit(in *interp, args []string) int {
	status := in.exitStatus("exit", args)
	if in.interactive && in.login && in.kind == bash {
		in.write(2, "logout\n")
	} else if in.interactive && in.kind == bash {
		in.write(2, "exit\n")
	}
	in.exiting = true
	return status
}

func builtinLogout(in *interp, args []string) int {
	if !in.login {
		in.errorf("logout: not login shell: use `exit'")
		return 1
	}
	return builtinExit(in, args)
}

func builtinReturn(in *interp, args []string) int {
	if in.calls == 0 && in.sourced == 0 {
		if in.kind == bash {
			in.errorf("return: can only `return' from a function or sourced script")
			return 2
		}
		in.exiting = true
		return in.exitStatus("return", args)
	}
	in.returning = true
	return in.exitStatus("return", args)
}

func builtinBreak(in *interp, args []string) int {
	if in.loops == 0 {
		if in.kind == bash {
			in.errorf("%s: only meaningful in a `for', `while', or `until' loop", args[0])
		}
		return 0
	}
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 1 {
			in.errorf("%s: %s: loop count out of range", args[0], args[1])
			return 1
		}
	}
	n = min(n, in.loops)
	if args[0] == "break" {
		in.brk = n
	} else {
		in.cont = n
	}
	return 0
}

func builtinShift(in *interp, args []string) int {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 0 {
			in.errorf("shift: %s: numeric argument required", args[1])
			return 1
		}
	}
	if n > len(in.params) {
		if in.kind == dash {
			in.errorf("shift: can't shift that many")
			return 2
		}
		return 1
	}
	in.params = in.params[n:]
	return 0
}
