package shell

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

func progDocker(c *call) int {
	c.errln("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
	return 1
}

// detached runs what follows the options of screen.
func (c *call) detached() int {
	args := c.args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if strings.ContainsAny(args[0][len(args[0])-1:], "Stpcs") && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return 0
	}
	return c.runOther(args)
}

func progScreen(c *call) int {
	opts, operands := c.flags("SdrxXpc")
	if c.name == "screen" {
		switch {
		case has(opts, "-v"):
			c.print("Screen version 4.09.00 (GNU) 30-Jan-22\n")
			return 0
		case slices.Contains(c.args, "-ls") || slices.Contains(c.args, "-list"):
			c.printf("No Sockets found in /run/screen/S-%s.\n\n", c.cred.name)
			return 1
		case slices.Contains(c.args, "-r") || slices.Contains(c.args, "-x"):
			c.print("There is no screen to be resumed.\n")
			return 1
		case slices.ContainsFunc(c.args, func(a string) bool { return strings.HasPrefix(a, "-dm") || a == "-Sdm" }):
			return c.detached()
		}
		if c.term == nil {
			c.errln("Must be connected to a terminal.")
			return 1
		}
		return 0
	}
	if len(operands) > 0 && (operands[0] == "ls" || operands[0] == "attach" || operands[0] == "a") {
		c.errln("no server running on /tmp/tmux-" + strconv.Itoa(int(c.cred.uid)) + "/default")
		return 1
	}
	if has(opts, "-V") {
		c.print("tmux 3.3a\n")
		return 0
	}
	if c.term == nil && !slices.Contains(c.args, "-d") {
		c.errln("open terminal failed: not a terminal")
		return 1
	}
	return 0
}

func progVisudo(c *call) int {
	c.errln("visudo: no editor found (editor path = /usr/bin/editor)")
	return 1
}

func progLogger(*call) int { return 0 }

func progWall(c *call) int {
	_, _ = c.contents("-")
	return 0
}

// progExpr evaluates the arithmetic and string expressions of expr(1).
func progExpr(c *call) int {
	a := c.args[1:]
	out := ""
	switch {
	case len(a) == 1:
		out = a[0]
	case len(a) == 2 && a[0] == "length":
		out = strconv.Itoa(len(a[1]))
	case len(a) == 3:
		x, err1 := strconv.ParseInt(a[0], 10, 64)
		y, err2 := strconv.ParseInt(a[2], 10, 64)
		numeric := err1 == nil && err2 == nil
		truth := func(b bool) string {
			if b {
				return "1"
			}
			return "0"
		}
		switch a[1] {
		case "=":
			out = truth(a[0] == a[2])
		case "!=":
			out = truth(a[0] != a[2])
		case "<":
			out = truth(numeric && x < y || !numeric && a[0] < a[2])
		case ">":
			out = truth(numeric && x > y || !numeric && a[0] > a[2])
		case ":":
			re := c.sh.m.regexps.compile("^(?:" + basicRegexp(a[2]) + ")")
			if re == nil {
				return 2
			}
			m := re.FindStringSubmatch(a[0])
			switch {
			case len(m) > 1:
				out = m[1]
			case m != nil:
				out = strconv.Itoa(len(m[0]))
			default:
				out = "0"
			}
		case "+", "-", "*", "/", "%":
			if !numeric {
				c.errorf("non-integer argument")
				return 2
			}
			switch a[1] {
			case "+":
				x += y
			case "-":
				x -= y
			case "*":
				x *= y
			default:
				if y == 0 {
					c.errorf("division by zero")
					return 2
				}
				if a[1] == "/" {
					x /= y
				} else {
					x %= y
				}
			}
			out = strconv.FormatInt(x, 10)
		default:
			c.errorf("syntax error: unexpected argument ‘%s’", a[1])
			return 2
		}
	default:
		c.errorf("missing operand")
		c.try()
		return 2
	}
	c.print(out + "\n")
	if out == "0" || out == "" {
		return 1
	}
	return 0
}

func progSync(*call) int { return 0 }

func progMknod(c *call) int {
	_, operands := c.flags("m")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	if _, err := c.files().make("mknod", operands[0], fs.ModeNamedPipe|0o666&^c.umask); err != nil {
		c.errorf("%s: %s", operands[0], reason(err))
		return 1
	}
	return 0
}
