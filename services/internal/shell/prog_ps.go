package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const freeUsage = "\nUsage:\n free [options]\n\nOptions:\n -b, --bytes         show output in bytes\n     --kilo          show output in kilobytes\n     --mega          show output in megabytes\n     --giga          show output in gigabytes\n     --tera          show output in terabytes\n     --peta          show output in petabytes\n -k, --kibi          show output in kibibytes\n -m, --mebi          show output in mebibytes\n -g, --gibi          show output in gibibytes\n     --tebi          show output in tebibytes\n     --pebi          show output in pebibytes\n -h, --human         show human-readable output\n     --si            use powers of 1000 not 1024\n -l, --lohi          show detailed low and high memory statistics\n -t, --total         show total for RAM + swap\n -v, --committed     show committed memory and commit limit\n -s N, --seconds N   repeat printing every N seconds\n -c N, --count N     repeat printing N times, then exit\n -w, --wide          wide output\n\n     --help     display this help and exit\n -V, --version  output version information and exit\n\nFor more details see free(1)."

func progFree(c *call) int {
	m := c.sh.m
	total, free, available, buffers, cached := m.memoryUse()
	opts, operands := c.flags("sc", "--seconds", "--count")
	if !c.known(opts, freeUsage, "-b", "--bytes", "--kilo", "--mega", "--giga", "--tera", "--peta", "-k", "--kibi", "-m", "--mebi", "-g", "--gibi", "--tebi", "--pebi", "-h", "--human", "--si", "-l", "--lohi", "-t", "--total", "-v", "--committed", "-s", "--seconds", "-c", "--count", "-w", "--wide", "--help", "-V", "--version") {
		return 1
	}
	switch {
	case len(operands) > 0:
		c.errln(freeUsage)
		return 1
	case has(opts, "--help"):
		c.print(freeUsage + "\n")
		return 0
	case has(opts, "-V"):
		c.print(m.versionText("free"))
		return 0
	}
	used := total - free - buffers - cached
	format := func(kb int) string {
		switch {
		case has(opts, "-h", "--human"):
			return humanFree(int64(kb) * 1024)
		case has(opts, "-m", "--mebi"):
			return strconv.Itoa(kb / 1024)
		case has(opts, "-g", "--gibi"):
			return strconv.Itoa(kb >> 20)
		case has(opts, "-b", "--bytes"):
			return strconv.Itoa(kb * 1024)
		}
		return strconv.Itoa(kb)
	}
	c.print("               total        used        free      shared  buff/cache   available\n")
	c.printf("%-9s%11s %11s %11s %11s %11s %11s\n", "Mem:", format(total), format(used), format(free), format(900), format(buffers+cached), format(available))
	c.printf("%-9s%11s %11s %11s\n", "Swap:", format(0), format(0), format(0))
	if has(opts, "-t", "--total") {
		c.printf("%-9s%11s %11s %11s\n", "Total:", format(total), format(used), format(free))
	}
	return 0
}

func humanFree(n int64) string {
	units := []string{"B", "Ki", "Mi", "Gi", "Ti"}
	v, u := float64(n), 0
	for v >= 1024 && u < 4 {
		v, u = v/1024, u+1
	}
	if v < 10 && u > 0 {
		return fmt.Sprintf("%.1f%s", v, units[u])
	}
	return fmt.Sprintf("%.0f%s", v, units[u])
}

// cpuTime formats the time that a process has used.
func cpuTime(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

func longTime(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

func startTime(t, now time.Time) string {
	switch {
	case now.Sub(t) < 24*time.Hour && t.UTC().Day() == now.UTC().Day():
		return clock(t, "15:04")
	case t.UTC().Year() == now.UTC().Year():
		return clock(t, "Jan02")
	}
	return clock(t, "2006")
}

func progPs(c *call) int {
	m := c.sh.m
	list := c.table()
	now := m.now()
	var bsd, every, full, long, forest bool
	var columns, user, command, pids string
	args := c.args[1:]
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		next := func() string {
			if len(args) == 0 {
				return ""
			}
			v := args[0]
			args = args[1:]
			return v
		}
		switch {
		case a == "-o" || a == "o" || a == "-eo" || a == "-Ao" || a == "axo" || a == "-axo":
			every = every || strings.ContainsAny(a, "eAx")
			columns += "," + next()
		case strings.HasPrefix(a, "--sort"), a == "--no-headers", a == "--no-heading":
		case a == "-u" || a == "-U" || a == "--user":
			user = next()
		case a == "-C":
			command, every = next(), true
		case a == "-p" || a == "--pid" || a == "p":
			pids = next()
		case a == "--forest":
			forest = true
		case strings.HasPrefix(a, "--"):
			c.errln("error: unknown gnu long option\n\nUsage:\n ps [options]\n\n Try 'ps --help <simple|list|output|threads|misc|all>'\n  or 'ps --help <s|l|o|t|m|a>'\n for additional help text.\n\nFor more details see ps(1).")
			return 1
		case strings.HasPrefix(a, "-"):
			every = every || strings.ContainsAny(a, "eA") || strings.Contains(a, "a") && strings.Contains(a, "x")
			full = full || strings.Contains(a, "f") || strings.Contains(a, "F")
			long = long || strings.Contains(a, "l")
			if strings.Contains(a, "u") && strings.Contains(a, "x") {
				bsd, every = true, true
			}
		default:
			every = every || strings.Contains(a, "x") || strings.Contains(a, "a") && strings.Contains(a, "u")
			bsd = bsd || strings.Contains(a, "u")
			forest = forest || strings.Contains(a, "f")
			if strings.Contains(a, "x") && !strings.Contains(a, "a") {
				user = c.cred.name
			}
		}
	}
	if c.alpine() {
		c.print("PID   USER     TIME  COMMAND\n")
		for _, p := range list {
			c.printf("%5d %-8s %5s %s\n", p.pid, p.user, cpuTime(p.cpu), p.cmd)
		}
		return 0
	}
	tty := "?"
	if c.term != nil {
		tty = c.sh.tty
	}
	list = slices.DeleteFunc(list, func(p process) bool {
		switch {
		case pids != "":
			return !slices.Contains(strings.FieldsFunc(pids, func(r rune) bool { return r == ',' || r == ' ' }), strconv.Itoa(p.pid))
		case command != "":
			return p.comm() != command
		case user != "":
			return p.user != user && !(user == "0" && p.user == "root")
		case every:
			return false
		}
		return p.tty != tty || p.user != c.cred.name
	})
	width := 1 << 20
	if c.terminal() && c.term != nil {
		width, _ = c.term.size()
	}
	line := func(format string, a ...any) {
		s := fmt.Sprintf(format, a...)
		if len(s) > width {
			s = s[:width]
		}
		c.print(s + "\n")
	}
	memory := func(p process) string { return fmt.Sprintf("%.1f", float64(p.rss)*100/float64(m.hw.memKB)) }
	drawn := make(map[int]string)
	if forest {
		var marks []string
		list, marks = branches(list)
		for i, p := range list {
			drawn[p.pid] = marks[i]
		}
	}
	display := func(p process) string { return drawn[p.pid] + p.cmd }
	switch {
	case columns != "":
		c.psColumns(list, columns, memory, line)
	case bsd:
		line("%s", "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND")
		for _, p := range list {
			line("%-8s %7d %4.1f %4s %6d %5d %-8s %-4s %5s %6s %s", p.user, p.pid, 0.0, memory(p), p.vsz, p.rss, p.tty, p.stat, startTime(p.start, now), cpuTime(p.cpu), display(p))
		}
	case full:
		line("%s", "UID          PID    PPID  C STIME TTY          TIME CMD")
		for _, p := range list {
			line("%-8s %7d %7d  0 %-5s %-8s %s %s", p.user, p.pid, p.ppid, startTime(p.start, now), p.tty, longTime(p.cpu), display(p))
		}
	case long:
		line("%s", "F S   UID     PID    PPID  C PRI  NI ADDR SZ WCHAN  TTY          TIME CMD")
		for _, p := range list {
			line("4 %s %5d %7d %7d  0  80   0 - %5d -      %-8s %s %s", p.stat[:1], c.cred.uid, p.pid, p.ppid, p.vsz/4, p.tty, longTime(p.cpu), p.comm())
		}
	default:
		if slices.Contains(c.args[1:], "x") || slices.Contains(c.args[1:], "ax") || slices.Contains(c.args[1:], "a") {
			line("%s", "    PID TTY      STAT   TIME COMMAND")
			for _, p := range list {
				line("%7d %-8s %-4s %6s %s", p.pid, p.tty, p.stat, cpuTime(p.cpu), display(p))
			}
			return 0
		}
		line("%s", "    PID TTY          TIME CMD")
		for _, p := range list {
			line("%7d %-8s %s %s", p.pid, p.tty, longTime(p.cpu), p.comm())
		}
	}
	return 0
}

func (c *call) psColumns(list []process, spec string, memory func(process) string, line func(string, ...any)) {
	type column struct {
		title string
		value func(process) string
		right bool
	}
	var cols []column
	for name := range strings.SplitSeq(strings.Trim(spec, ","), ",") {
		name, title, custom := strings.Cut(strings.TrimSpace(name), "=")
		var col column
		switch name {
		case "pid":
			col = column{"PID", func(p process) string { return strconv.Itoa(p.pid) }, true}
		case "ppid":
			col = column{"PPID", func(p process) string { return strconv.Itoa(p.ppid) }, true}
		case "user", "ruser", "euser", "uname":
			col = column{"USER", func(p process) string { return p.user }, false}
		case "%cpu", "pcpu":
			col = column{"%CPU", func(process) string { return "0.0" }, true}
		case "%mem", "pmem":
			col = column{"%MEM", memory, true}
		case "vsz":
			col = column{"VSZ", func(p process) string { return strconv.Itoa(p.vsz) }, true}
		case "rss":
			col = column{"RSS", func(p process) string { return strconv.Itoa(p.rss) }, true}
		case "tty", "tt":
			col = column{"TT", func(p process) string { return p.tty }, false}
		case "stat", "s", "state":
			col = column{"STAT", func(p process) string { return p.stat }, false}
		case "time", "cputime":
			col = column{"TIME", func(p process) string { return longTime(p.cpu) }, true}
		case "comm", "ucmd":
			col = column{"COMMAND", func(p process) string { return p.comm() }, false}
		case "args", "cmd", "command":
			col = column{map[string]string{"cmd": "CMD"}[name], func(p process) string { return p.cmd }, false}
			if col.title == "" {
				col.title = "COMMAND"
			}
		case "etime":
			col = column{"ELAPSED", func(p process) string { return longTime(c.sh.m.now().Sub(p.start)) }, true}
		default:
			c.errln("error: unknown user-defined format specifier \"" + name + "\"")
			panic(killed{1})
		}
		if custom {
			col.title = title
		}
		cols = append(cols, col)
	}
	widths := make([]int, len(cols))
	for i, col := range cols {
		widths[i] = len(col.title)
		for _, p := range list {
			widths[i] = max(widths[i], len(col.value(p)))
		}
	}
	row := func(cell func(column) string) {
		var b strings.Builder
		for i, col := range cols {
			switch {
			case col.right:
				fmt.Fprintf(&b, "%*s", widths[i], cell(col))
			case i == len(cols)-1:
				b.WriteString(cell(col))
			default:
				fmt.Fprintf(&b, "%-*s", widths[i], cell(col))
			}
			if i < len(cols)-1 {
				b.WriteByte(' ')
			}
		}
		line("%s", b.String())
	}
	if slices.ContainsFunc(cols, func(c column) bool { return c.title != "" }) {
		row(func(c column) string { return c.title })
	}
	for _, p := range list {
		row(func(c column) string { return c.value(p) })
	}
}

func progTop(c *call) int {
	m := c.sh.m
	opts, _ := c.flags("nduUpow")
	if !has(opts, "-b") && c.term == nil {
		c.errln("top: failed tty get")
		return 1
	}
	list := c.table()
	total, free, available, buffers, cached := m.memoryUse()
	mb := func(kb int) float64 { return float64(kb) / 1024 }
	screen := "top -" + m.uptimeLine(c.sh.sessions())[0:] + "\n" +
		fmt.Sprintf("Tasks: %3d total,   1 running, %3d sleeping,   0 stopped,   0 zombie\n", len(list), len(list)-1) +
		"%Cpu(s):  0.3 us,  0.3 sy,  0.0 ni, 99.3 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st \n" +
		fmt.Sprintf("MiB Mem : %8.1f total, %8.1f free, %8.1f used, %8.1f buff/cache     \n", mb(total), mb(free), mb(total-free-buffers-cached), mb(buffers+cached)) +
		fmt.Sprintf("MiB Swap: %8.1f total, %8.1f free, %8.1f used. %8.1f avail Mem \n\n", 0.0, 0.0, 0.0, mb(available)) +
		"    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n"
	for _, p := range list {
		nice, pr := 0, "20"
		if strings.Contains(p.stat, "<") {
			nice, pr = -20, " 0"
		}
		screen += fmt.Sprintf("%7d %-8s  %s %3d %7d %6d %6d %s   0.0 %5.1f %9s %s\n", p.pid, p.user, pr, nice, p.vsz, p.rss, p.rss*2/3, p.stat[:1], float64(p.rss)*100/float64(m.hw.memKB), fmt.Sprintf("%d:%05.2f", int(p.cpu.Minutes()), (p.cpu%time.Minute).Seconds()), p.comm())
	}
	if has(opts, "-b") {
		c.print(screen)
		return 0
	}
	c.flush()
	return c.topLoop(screen)
}

// topLoop shows a screen until q is pressed.
func (c *call) topLoop(screen string) int {
	c.term.edit(true)
	defer c.term.edit(false)
	for {
		c.print("\x1b[H\x1b[2J" + screen)
		c.flush()
		key, pressed, err := c.term.keyWithin(c.ctx, topPause)
		switch {
		case err != nil:
			check(c.ctx)
			return 0
		case pressed && (key == 'q' || key == 3):
			c.print("\n")
			return 0
		}
	}
}

const topPause = 3 * time.Second
