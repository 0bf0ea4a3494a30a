package shell

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// as runs body in a shell of another user.
func (c *call) as(a account, login bool, body func(in *interp)) int {
	c.flush()
	kind := bash
	switch a.shell {
	case "/bin/sh", "/usr/bin/sh":
		kind = c.sh.m.distro.sh
	case "/bin/ash":
		kind = ash
	case "/usr/bin/zsh":
		kind = zsh
	}
	name := shellName(kind)
	if login {
		name = "-" + name
	}
	sub := c.child(kind, name, "", nil)
	if sub == nil {
		return 1
	}
	sub.login = login
	return sub.run(func() {
		sub.cred = c.sh.credOf(a)
		sub.export("HOME", a.home)
		sub.export("USER", a.name)
		sub.export("LOGNAME", a.name)
		sub.export("SHELL", a.shell)
		if login {
			sub.dir = a.home
			if _, err := sub.files().stat("stat", a.home, true); err != nil {
				sub.dir = "/"
			}
			sub.export("PWD", sub.dir)
		}
		body(sub)
	})
}

// session runs an interactive shell inside the one that is running, or reads commands
// from standard input when there is no terminal.
func (in *interp) session(term *terminal) {
	if term == nil || len(in.fds) == 0 || in.fds[0] == nil || !in.fds[0].tty {
		in.flag = "s"
		in.scriptLoop()
		return
	}
	in.interactive, in.term = true, term
	defer term.foreground(term.inForeground())
	in.opt.expandAliases = true
	in.loginFiles(Terminal{Name: in.env("TERM")})
	outer := in.ctx
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	in.ctx = ctx
	in.loop(term)
}

func progSu(c *call) int {
	args := c.args[1:]
	user, login, command := "root", false, ""
	hasCommand := false
	shell := ""
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "-" || a == "-l" || a == "--login":
			login = true
		case (a == "-c" || a == "--command") && len(args) > 0:
			command, hasCommand = args[0], true
			args = args[1:]
		case (a == "-s" || a == "--shell") && len(args) > 0:
			shell = args[0]
			args = args[1:]
		case strings.HasPrefix(a, "--shell="):
			shell = strings.TrimPrefix(a, "--shell=")
		case strings.HasPrefix(a, "-"):
		default:
			user = a
		}
	}
	acc, ok := c.sh.account(user)
	if !ok {
		c.errln("su: user " + user + " does not exist or the user entry does not contain all the required fields")
		return 1
	}
	if c.cred.uid != 0 {
		password, _ := c.promptSecret("Password: ")
		right, _ := c.sh.m.CheckPassword(c.sh.from.Addr(), user, password)
		outcome := "failure"
		if right {
			outcome = "success"
		}
		c.sh.s.Emit("auth_attempt", decnet.F("username", user), decnet.F("password", password), decnet.F("method", "su"), decnet.F("outcome", outcome))
		if !right {
			c.flush()
			c.sleepFor(2 * time.Second)
			c.errln("su: Authentication failure")
			return 1
		}
	}
	if shell != "" {
		if _, err := c.files().stat("stat", shell, true); err != nil {
			c.errln("su: failed to execute " + shell + ": No such file or directory")
			return 127
		}
		acc.shell = shell
	}
	if strings.HasSuffix(acc.shell, "nologin") || strings.HasSuffix(acc.shell, "/false") {
		c.print("This account is currently not available.\n")
		return 1
	}
	return c.as(acc, login, func(in *interp) {
		if hasCommand {
			in.flag = "c"
			in.eval(command)
			return
		}
		in.session(c.term)
	})
}

func progSudo(c *call) int {
	args := c.args[1:]
	user, shell := "root", false
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.Contains(args[0], "=")) {
		a := args[0]
		args = args[1:]
		switch a {
		case "-u", "-g", "-p", "-C", "-h":
			if len(args) > 0 {
				if a == "-u" {
					user = strings.TrimPrefix(args[0], "#")
				}
				args = args[1:]
			}
		case "-i", "-s", "--login", "--shell", "-si":
			shell = true
		case "-V", "--version":
			c.print("Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3\nSudoers file grammar version 50\nSudoers I/O plugin version 1.9.13p3\nSudoers audit plugin version 1.9.13p3\n")
			return 0
		case "-k", "-K", "-v":
			if len(args) == 0 {
				return 0
			}
		case "-l", "--list":
			c.printf("Matching Defaults entries for %s on %s:\n    env_reset, mail_badpass, secure_path=/usr/local/sbin\\:/usr/local/bin\\:/usr/sbin\\:/usr/bin\\:/sbin\\:/bin\n\nUser %s may run the following commands on %s:\n    (ALL : ALL) ALL\n", c.cred.name, c.sh.m.shortName(), c.cred.name, c.sh.m.shortName())
			return 0
		}
	}
	acc, ok := c.sh.account(user)
	if !ok && user == "0" {
		acc, ok = c.sh.account("root")
	}
	if !ok {
		c.errln("sudo: unknown user " + user + "\nsudo: error initializing audit plugin sudoers_audit")
		return 1
	}
	if len(args) == 0 && !shell {
		c.errln("usage: sudo -h | -K | -k | -V\nusage: sudo -v [-ABkNnS] [-g group] [-h host] [-p prompt] [-u user]\nusage: sudo -l [-ABkNnS] [-g group] [-h host] [-p prompt] [-U user] [-u user]\n            [command [arg ...]]\nusage: sudo [-ABbEHkNnPS] [-r role] [-t type] [-C num] [-D directory] [-g\n            group] [-h host] [-p prompt] [-R directory] [-T timeout] [-u user]\n            [VAR=value] [-i | -s] [command [arg ...]]\nusage: sudo -e [-ABkNnS] [-r role] [-t type] [-C num] [-D directory] [-g group]\n            [-h host] [-p prompt] [-R directory] [-T timeout] [-u user] file ...")
		return 1
	}
	if c.cred.uid != 0 && !c.maySudo() {
		return 1
	}
	if len(args) > 0 && !strings.Contains(args[0], "/") {
		if _, ok := c.search(args[0]); !ok {
			c.errln("sudo: " + args[0] + ": command not found")
			return 1
		}
	}
	return c.as(acc, shell && len(args) == 0, func(in *interp) {
		in.export("SUDO_USER", c.cred.name)
		in.export("SUDO_UID", strconv.Itoa(int(c.cred.uid)))
		in.export("SUDO_GID", strconv.Itoa(int(c.cred.gid)))
		in.export("SUDO_COMMAND", strings.Join(args, " "))
		if len(args) > 0 {
			in.status = in.execute(args)
			return
		}
		in.session(c.term)
	})
}

// maySudo asks for the password of the user. Any is right, as the one of the log-in was;
// without a terminal there is nobody to ask.
func (c *call) maySudo() bool {
	if slices.Contains(c.args, "-n") {
		c.errln("sudo: a password is required")
		return false
	}
	if c.term == nil && !slices.Contains(c.args, "-S") {
		c.errln("sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required")
		return false
	}
	password, ok := c.promptSecret("[sudo] password for " + c.cred.name + ": ")
	outcome := "success"
	if !ok || password == "" {
		outcome = "failure"
	}
	c.sh.s.Emit("auth_attempt", decnet.F("username", c.cred.name), decnet.F("password", password), decnet.F("method", "sudo"), decnet.F("outcome", outcome))
	if outcome == "failure" {
		c.errln("sudo: no password was provided\nsudo: a password is required")
		return false
	}
	return true
}
