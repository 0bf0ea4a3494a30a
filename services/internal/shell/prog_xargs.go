package shell

import (
	"slices"
	"strconv"
	"strings"
)

func progXargs(c *call) int {
	args := c.args[1:]
	per, replace, delim := maxFields, "", ""
	empty := true
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		a := args[0]
		args = args[1:]
		value := func() string {
			if len(a) > 2 {
				return a[2:]
			}
			if len(args) > 0 {
				v := args[0]
				args = args[1:]
				return v
			}
			return ""
		}
		switch {
		case strings.HasPrefix(a, "-n"), strings.HasPrefix(a, "-L"):
			n, err := strconv.Atoi(value())
			if err != nil || n < 1 {
				c.errorf("invalid number for -n option")
				return 1
			}
			per = n
		case strings.HasPrefix(a, "-I"):
			replace = value()
		case strings.HasPrefix(a, "-d"):
			delim, _ = escapes(value(), false)
		case strings.HasPrefix(a, "-P"), strings.HasPrefix(a, "-s"), strings.HasPrefix(a, "-E"):
			value()
		case a == "-0":
			delim = "\x00"
		case a == "-r", a == "--no-run-if-empty":
			empty = false
		case a == "-i":
			replace = "{}"
		}
	}
	if len(args) == 0 {
		args = []string{"echo"}
	}
	b, _ := c.contents("-")
	c.grow(8 * len(b))
	var items []string
	switch {
	case delim != "":
		items = strings.Split(strings.TrimSuffix(string(b), delim), delim)
		if len(b) == 0 {
			items = nil
		}
	case replace != "":
		for _, l := range c.lines(b) {
			if l = strings.TrimSpace(l); l != "" {
				items = append(items, l)
			}
		}
	default:
		items = words(string(b))
	}
	status := 0
	run := func(cmd []string) {
		c.use.step(c.ctx)
		if s := c.runOther(cmd); s != 0 {
			status = 123
			if s == 127 || s == 126 {
				status = s
			}
		}
	}
	if replace != "" {
		for _, item := range items {
			cmd := make([]string, len(args))
			for i, a := range args {
				cmd[i] = strings.ReplaceAll(a, replace, item)
			}
			run(cmd)
		}
		return status
	}
	if len(items) == 0 && empty {
		run(args)
	}
	for len(items) > 0 {
		n := min(per, len(items))
		run(append(slices.Clip(args), items[:n]...))
		items = items[n:]
	}
	return status
}

// words splits at white space, minding quotes and backslashes as xargs does.
func words(s string) []string {
	var out []string
	var cur strings.Builder
	open, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				cur.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, open = c, true
		case c == '\\' && i+1 < len(s):
			i++
			cur.WriteByte(s[i])
			open = true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				out = append(out, cur.String())
				cur.Reset()
				open = false
			}
		default:
			cur.WriteByte(c)
			open = true
		}
	}
	if open {
		out = append(out, cur.String())
	}
	return out
}
