package shell

import (
	"fmt"
	"slices"
)

// progShell is bash, sh and the like.
func progShell(kind dialect) program {
	return func(c *call) int {
		args := c.args[1:]
		name := c.args[0]
		var opt options
		login := false
		for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
			a := args[0]
			args = args[1:]
			switch a {
			case "--version":
				if kind == bash {
					c.printf("GNU bash, version %s (x86_64-pc-linux-gnu)\nCopyright (C) 2022 Free Software Foundation, Inc.\nLicense GPLv3+: GNU GPL version 3 or later <http://gnu.org/licenses/gpl.html>\n\nThis is free software; you are free to change and redistribute it.\nThere is NO WARRANTY, to the extent permitted by law.\n", c.sh.m.distro.bashVersion)
					return 0
				}
				c.errln(c.name + ": 0: Illegal option --version")
				return 2
			case "--login", "--norc", "--noprofile", "--posix", "--":
				login = login || a == "--login"
				continue
			}
			stop := false
			for _, f := range a[1:] {
				switch f {
				case 'e':
					opt.errexit = true
				case 'x':
					opt.xtrace = true
				case 'u':
					opt.nounset = true
				case 'f':
					opt.noglob = true
				case 'n':
					opt.noexec = true
				case 'l':
					login = true
				case 'c':
					if len(args) == 0 {
						c.errln(name + ": -c: option requires an argument")
						return 2
					}
					stop = true
				}
			}
			if stop {
				text := args[0]
				params := args[1:]
				if len(params) > 0 {
					name, params = params[0], params[1:]
				}
				sub := c.child(kind, name, "c", params)
				if sub == nil {
					return 254
				}
				sub.text = text
				sub.opt = opt
				return sub.run(func() { sub.eval(text) })
			}
		}
		if len(args) > 0 && args[0] != "-s" {
			return c.runScript(kind, args, opt)
		}
		if login {
			name = "-" + c.name
		}
		sub := c.child(kind, name, "s", nil)
		if sub == nil {
			return 254
		}
		sub.opt, sub.login = opt, login
		return sub.run(func() { sub.session(c.term) })
	}
}

func (c *call) runScript(kind dialect, args []string, opt options) int {
	text, err := c.readFile(args[0])
	if err != nil {
		why := reason(err)
		switch {
		case kind == dash:
			c.errln(fmt.Sprintf("%s: 0: cannot open %s: No such file", c.args[0], args[0]))
			return 2
		case kind == ash:
			c.errln(fmt.Sprintf("%s: can't open '%s': %s", c.args[0], args[0], why))
			return 2
		case why == "Is a directory":
			c.errln(fmt.Sprintf("%s: %s: Is a directory", args[0], args[0]))
			return 126
		}
		c.errln(fmt.Sprintf("%s: %s: %s", c.args[0], args[0], why))
		return 127
	}
	if real, err := c.files().RealPath(args[0]); err == nil {
		if i, err := c.files().stat("stat", real, true); err == nil {
			if _, ok := i.node.src.(*blob); ok {
				c.sh.executed(real, text, "interpreted")
			}
		}
	}
	if slices.Contains(text[:min(len(text), 80)], 0) {
		c.errln(fmt.Sprintf("%s: %s: cannot execute binary file", c.args[0], args[0]))
		return 126
	}
	sub := c.child(kind, args[0], "", args[1:])
	if sub == nil {
		return 254
	}
	sub.opt = opt
	return sub.run(func() { sub.eval(string(text)) })
}
