package shell

import (
	"slices"
	"strings"
)

func progTimeout(c *call) int {
	args := c.args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if (args[0] == "-k" || args[0] == "-s") && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) < 2 {
		c.try()
		return 125
	}
	return c.runOther(args[1:])
}

// progRun runs the command that follows its options, like nohup, nice and env do.
func progRun(c *call) int {
	args := c.args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if (args[0] == "-n" || args[0] == "-c" || args[0] == "-p" || args[0] == "-o" || args[0] == "-e" || args[0] == "-i") && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		if c.name == "nohup" {
			c.errorf("missing operand")
			c.try()
			return 125
		}
		if c.name == "nice" {
			c.print("0\n")
		}
		return 0
	}
	if c.name == "nohup" && c.terminal() {
		c.errln("nohup: ignoring input and appending output to 'nohup.out'")
		s, err := c.interp.open("nohup.out", 0x441) // write, create, append
		if err == nil {
			saved := c.fds
			c.fds = retained(saved)
			c.replace(1, s)
			c.replace(2, s.retain())
			defer func() {
				release(c.fds)
				c.fds = saved
			}()
		}
	}
	if !strings.Contains(args[0], "/") {
		if _, ok := c.search(args[0]); !ok {
			c.errorf("failed to run command '%s': No such file or directory", args[0])
			return 127
		}
	}
	return c.runOther(args)
}

func progEnv(c *call) int {
	args := c.args[1:]
	sub := map[string]string{}
	clear := false
	var drop []string
	for len(args) > 0 {
		a := args[0]
		if a == "-i" || a == "-" || a == "--ignore-environment" {
			clear = true
		} else if a == "-u" && len(args) > 1 {
			drop = append(drop, args[1])
			args = args[1:]
		} else if name, value, ok := strings.Cut(a, "="); ok && name != "" {
			sub[name] = value
		} else {
			break
		}
		args = args[1:]
	}
	if len(args) == 0 {
		if !clear {
			for _, kv := range c.environ() {
				name, _, _ := strings.Cut(kv, "=")
				if _, ok := sub[name]; !ok && !slices.Contains(drop, name) {
					c.print(kv + "\n")
				}
			}
			if c.kind == bash {
				c.print("_=/usr/bin/env\n")
			}
		}
		for k, v := range sub {
			c.print(k + "=" + v + "\n")
		}
		return 0
	}
	child := c.child(c.kind, c.interp.name, c.flag, nil)
	if child == nil {
		return 125
	}
	c.flush()
	return child.run(func() {
		if clear {
			for name := range child.vars {
				if child.vars[name].exported {
					delete(child.vars, name)
				}
			}
			child.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
		}
		for _, n := range drop {
			delete(child.vars, n)
		}
		for k, v := range sub {
			child.export(k, v)
		}
		if !strings.Contains(args[0], "/") {
			if _, ok := child.search(args[0]); !ok {
				child.write(2, "env: ‘"+args[0]+"’: No such file or directory\n")
				child.status = 127
				return
			}
		}
		child.status = child.execute(args)
	})
}

func progPrintenv(c *call) int {
	if len(c.args) == 1 {
		for _, kv := range c.environ() {
			c.print(kv + "\n")
		}
		return 0
	}
	status := 0
	for _, name := range c.args[1:] {
		v := c.vars[name]
		if v == nil || !v.exported {
			status = 1
			continue
		}
		c.print(v.str + "\n")
	}
	return status
}
