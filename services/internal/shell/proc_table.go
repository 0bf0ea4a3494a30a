package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// table is the process table with the shell that asks and the program that asks.
func (c *call) table() []process {
	list := c.sh.processes()
	tty := "?"
	cmd := c.interp.name
	if c.term != nil {
		tty = c.sh.tty
	}
	if c.flag == "c" {
		cmd += " -c " + c.text
	}
	parent := c.pid
	if c.flag == "c" && c.replaced() {
		parent = c.sh.pid
	} else {
		list = append(list, process{pid: c.pid, ppid: c.sh.pid, user: c.cred.name, tty: tty, stat: "Ss", start: c.started, vsz: 8104, rss: 5216, cmd: cmd})
	}
	for _, j := range c.running() {
		list = append(list, process{pid: j.pid, ppid: c.pid, user: c.cred.name, tty: tty, stat: "S", start: c.started, vsz: 5464, rss: 884, cmd: j.text})
	}
	stat := "R+"
	if c.term == nil {
		stat = "R"
		if parent == c.sh.pid {
			stat = "Rs"
		}
	}
	return append(list, process{pid: c.sh.m.newPID(), ppid: parent, user: c.cred.name, tty: tty, stat: stat, start: c.sh.m.now(), vsz: 11084, rss: 4380, cmd: strings.Join(c.args, " ")})
}

// replaced reports whether the program takes the place of the shell that starts it: bash
// does not fork for a command line of one simple command.
func (in *interp) replaced() bool {
	if in.kind != bash && in.kind != zsh {
		return false
	}
	var only []*syntax.Stmt
	err := parse([]byte(in.text), in.lang(), func(list []*syntax.Stmt) bool {
		only = append(only, list...)
		return true
	})
	if err != nil || len(only) != 1 || only[0].Background || only[0].Negated {
		return false
	}
	_, simple := only[0].Cmd.(*syntax.CallExpr)
	return simple
}

// branches orders processes as a forest and returns what ps draws before each of them. The
// children of the first process stand on their own.
func branches(list []process) (ordered []process, drawn []string) {
	kids := make(map[int][]process)
	have := make(map[int]bool)
	for _, p := range list {
		have[p.pid] = true
	}
	var roots []process
	for _, p := range list {
		if p.ppid > 1 && have[p.ppid] && p.ppid != p.pid {
			kids[p.ppid] = append(kids[p.ppid], p)
		} else {
			roots = append(roots, p)
		}
	}
	slices.SortStableFunc(roots, func(a, b process) int { // kernel threads come first
		return int(truth(b.pid == 2) - truth(a.pid == 2))
	})
	var walk func(p process, lead, mark string)
	walk = func(p process, lead, mark string) {
		ordered, drawn = append(ordered, p), append(drawn, mark)
		below := kids[p.pid]
		for i, k := range below {
			stem := " |  "
			if i == len(below)-1 {
				stem = "    "
			}
			walk(k, lead+stem, lead+" \\_ ")
		}
	}
	for _, p := range roots {
		walk(p, "", "")
	}
	return ordered, drawn
}
