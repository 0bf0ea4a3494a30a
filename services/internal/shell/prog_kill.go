package shell

import (
	"slices"
	"strconv"
	"strings"
)

func progPgrep(c *call) int {
	opts, operands := c.flags("uUtPgsF", "--signal")
	if len(operands) == 0 {
		c.errorf("no matching criteria specified")
		c.try()
		return 2
	}
	re := c.sh.m.regexps.compile(extendedRegexp(operands[0]))
	if re == nil {
		c.errorf("bad regular expression")
		return 2
	}
	found := 1
	for _, p := range c.sh.processes() {
		subject := p.comm()
		if has(opts, "-f", "--full") {
			subject = p.cmd
		}
		if u, ok := valueOf(opts, "-u", "-U"); ok && u != p.user || !re.MatchString(subject) || has(opts, "-x") && subject != operands[0] {
			continue
		}
		found = 0
		switch {
		case c.name == "pkill":
			if c.cred.uid != 0 && p.user != c.cred.name {
				c.errorf("killing pid %d failed: Operation not permitted", p.pid)
				found = 1
				continue
			}
			c.sh.end(p.pid)
		case has(opts, "-l", "--list-name"):
			c.printf("%d %s\n", p.pid, p.comm())
		case has(opts, "-a", "--list-full"):
			c.printf("%d %s\n", p.pid, p.cmd)
		default:
			c.printf("%d\n", p.pid)
		}
	}
	return found
}

func progKillall(c *call) int {
	_, operands := c.flags("us")
	if len(operands) == 0 {
		c.errln("Usage: killall [OPTION]... [--] NAME...")
		return 1
	}
	status := 0
	for _, name := range operands {
		hit := false
		for _, p := range c.sh.processes() {
			if p.comm() == name {
				hit = true
				c.sh.end(p.pid)
			}
		}
		for _, j := range c.running() {
			if strings.HasPrefix(j.text, name) {
				hit = true
				j.cancel()
			}
		}
		if !hit {
			c.errln(name + ": no process found")
			status = 1
		}
	}
	return status
}

func progPidof(c *call) int {
	_, operands := c.flags("o")
	var out []string
	for _, name := range operands {
		for _, p := range slices.Backward(c.sh.processes()) {
			if p.comm() == name {
				out = append(out, strconv.Itoa(p.pid))
			}
		}
	}
	if len(out) == 0 {
		return 1
	}
	c.print(strings.Join(out, " ") + "\n")
	return 0
}

func progKill(c *call) int {
	_, operands := c.flags("sn")
	if len(operands) == 0 {
		return builtinKill(c.interp, append([]string{"kill"}, c.args[1:]...))
	}
	status := 0
	for _, o := range operands {
		pid, err := strconv.Atoi(o)
		switch {
		case err != nil:
			c.errln(c.args[0] + ": failed to parse argument: '" + o + "'")
			status = 1
		case c.sh.process(pid) == nil:
			c.errln(c.args[0] + ": (" + o + "): No such process")
			status = 1
		default:
			c.sh.end(pid)
		}
	}
	return status
}
