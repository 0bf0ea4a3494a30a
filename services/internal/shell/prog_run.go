package shell

import (
	"slices"
	"strings"
)

// starter is a program that runs the command after its own options and operands.
type starter struct {
	valued  string // options that take a value
	needs   int    // operands before the command
	missing func(c *call) int
	failed  string // said of a command that is not there
}

func starterOf(name string) starter {
	missing := func(status int) func(c *call) int {
		return func(c *call) int {
			c.errorf("missing operand")
			c.try()
			return status
		}
	}
	shell := func(c *call) int { return c.runOther([]string{"/bin/sh"}) }
	switch name {
	case "nice":
		return starter{"n", 0, func(c *call) int { c.print("0\n"); return 0 }, "‘%s’"}
	case "setsid":
		return starter{"", 0, func(c *call) int {
			c.errorf("no command specified")
			c.try()
			return 1
		}, "failed to execute %s"}
	case "ionice":
		return starter{"cnpPu", 0, func(c *call) int { c.print("none: prio 0\n"); return 0 }, "failed to execute %s"}
	case "taskset":
		return starter{"", 1, missing(1), "failed to execute %s"}
	case "flock":
		return starter{"wE", 1, missing(64), "failed to execute %s"}
	case "setarch":
		return starter{"", 1, shell, "failed to execute %s"}
	case "linux32", "linux64", "i386":
		return starter{"", 0, shell, "failed to execute %s"}
	case "stdbuf":
		return starter{"ioe", 0, missing(125), "failed to run command '%s'"}
	}
	return starter{"", 0, missing(125), "failed to run command '%s'"}
}

// progRun runs the command that follows its options, as nohup and nice do.
func progRun(c *call) int {
	s := starterOf(c.name)
	args := c.args[1:]
	var opts []string
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		a := args[0]
		args = args[1:]
		if a == "--" {
			break
		}
		opts = append(opts, a)
		if len(a) == 2 && strings.Contains(s.valued, a[1:]) && len(args) > 0 {
			args = args[1:]
		}
	}
	if c.name == "taskset" && slices.Contains(opts, "-p") && len(args) > 0 {
		c.printf("pid %s's current affinity mask: %x\n", args[len(args)-1], 1<<c.sh.m.hw.cores-1)
		return 0
	}
	if c.name == "ionice" && slices.Contains(opts, "-p") {
		args = nil
	}
	if len(args) <= s.needs {
		return s.missing(c)
	}
	args = args[s.needs:]
	switch {
	case c.name == "stdbuf" && len(opts) == 0:
		c.errorf("you must specify a buffering mode option")
		c.try()
		return 125
	case c.name == "flock" && (args[0] == "-c" || args[0] == "--command") && len(args) > 1:
		args = []string{"/bin/sh", "-c", args[1]}
	case c.name == "nohup" && c.terminal():
		c.errln("nohup: ignoring input and appending output to 'nohup.out'")
		h, err := c.interp.open("nohup.out", 0x441) // write, create, append
		if err == nil {
			saved := c.fds
			c.fds = retained(saved)
			c.replace(1, h)
			c.replace(2, h.retain())
			defer func() {
				release(c.fds)
				c.fds = saved
			}()
		}
	}
	path, ok := c.locate(args[0])
	if _, err := c.files().stat("stat", path, true); !ok || err != nil {
		c.errorf(s.failed+": No such file or directory", args[0])
		return 127
	}
	c.flush()
	return c.executeFile(path, args)
}

func progEnv(c *call) int {
	args := c.args[1:]
	var sub [][2]string // what is set, in the order given
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
			if i := slices.IndexFunc(sub, func(s [2]string) bool { return s[0] == name }); i >= 0 {
				sub[i][1] = value
			} else {
				sub = append(sub, [2]string{name, value})
			}
		} else {
			break
		}
		args = args[1:]
	}
	if len(args) == 0 {
		if !clear {
			for _, kv := range c.environ() {
				name, _, _ := strings.Cut(kv, "=")
				if !slices.ContainsFunc(sub, func(s [2]string) bool { return s[0] == name }) && !slices.Contains(drop, name) {
					c.print(kv + "\n")
				}
			}
		}
		for _, s := range sub {
			c.print(s[0] + "=" + s[1] + "\n")
		}
		return 0
	}
	child := c.fork()
	if child == nil {
		return 125
	}
	c.flush()
	return child.run(func() {
		if clear {
			child.underscore = ""
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
		for _, s := range sub {
			child.export(s[0], s[1])
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
