package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

func progUname(c *call) int {
	m := c.sh.m
	release, version := m.kernel()
	opts, operands := c.flags("")
	if len(operands) > 0 {
		c.errorf("extra operand ‘%s’", operands[0])
		c.try()
		return 1
	}
	system := "GNU/Linux"
	if c.alpine() {
		system = "Linux"
	}
	fields := []struct{ flag, long, value string }{
		{"-s", "--kernel-name", "Linux"}, {"-n", "--nodename", m.hostname()}, {"-r", "--kernel-release", release}, {"-v", "--kernel-version", version},
		{"-m", "--machine", "x86_64"}, {"-p", "--processor", "unknown"}, {"-i", "--hardware-platform", "unknown"}, {"-o", "--operating-system", system},
	}
	if m.distro.suggest || m.distro.family == "rhel" {
		fields[5].value, fields[6].value = "x86_64", "x86_64"
	}
	for _, o := range opts {
		switch o.name {
		case "-a", "--all":
		case "--version":
			c.print("uname (GNU coreutils) " + m.distro.coreutils + "\n")
			return 0
		case "--help":
			c.print("Usage: uname [OPTION]...\nPrint certain system information.  With no OPTION, same as -s.\n")
			return 0
		default:
			if !slices.ContainsFunc(fields, func(f struct{ flag, long, value string }) bool { return f.flag == o.name || f.long == o.name }) {
				return c.badOption(o.name)
			}
		}
	}
	var out []string
	all := has(opts, "-a", "--all")
	for i, f := range fields {
		if all && !((i == 5 || i == 6) && f.value == "unknown") || has(opts, f.flag, f.long) || len(opts) == 0 && i == 0 {
			out = append(out, f.value)
		}
	}
	c.print(strings.Join(out, " ") + "\n")
	return 0
}

func progID(c *call) int {
	opts, operands := c.flags("")
	who := c.cred
	a := account{name: who.name, uid: int(who.uid), gid: int(who.gid)}
	if len(operands) > 0 {
		var ok bool
		if a, ok = c.sh.account(operands[0]); !ok {
			c.errorf("‘%s’: no such user", operands[0])
			return 1
		}
	}
	n := c.sh.names()
	gids := []int{a.gid}
	for _, g := range c.sh.groups() {
		if slices.Contains(g.members, a.name) && g.gid != a.gid {
			gids = append(gids, g.gid)
		}
	}
	if a.uid == 0 && c.alpine() {
		gids = []int{0, 1, 2, 3, 4, 6, 10, 11, 20, 26, 27}
	}
	label := func(id int, named string) string {
		if has(opts, "-n", "--name") {
			return named
		}
		return strconv.Itoa(id)
	}
	switch {
	case has(opts, "-u", "--user"):
		c.print(label(a.uid, a.name) + "\n")
	case has(opts, "-g", "--group"):
		c.print(label(a.gid, n.group(uint32(a.gid))) + "\n")
	case has(opts, "-G", "--groups"):
		var out []string
		for _, g := range gids {
			out = append(out, label(g, n.group(uint32(g))))
		}
		c.print(strings.Join(out, " ") + "\n")
	default:
		for _, o := range opts {
			return c.badOption(o.name)
		}
		var list []string
		for _, g := range gids {
			list = append(list, fmt.Sprintf("%d(%s)", g, n.group(uint32(g))))
		}
		c.printf("uid=%d(%s) gid=%d(%s) groups=%s", a.uid, a.name, a.gid, n.group(uint32(a.gid)), strings.Join(list, ","))
		if c.sh.m.distro.family == "rhel" {
			c.print(" context=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023")
		}
		c.print("\n")
	}
	return 0
}

func progGroups(c *call) int {
	_, operands := c.flags("")
	name := c.cred.name
	prefix := ""
	if len(operands) > 0 {
		name = operands[0]
		prefix = name + " : "
	}
	a, ok := c.sh.account(name)
	if !ok {
		c.errorf("‘%s’: no such user", name)
		return 1
	}
	n := c.sh.names()
	out := []string{n.group(uint32(a.gid))}
	for _, g := range c.sh.groups() {
		if slices.Contains(g.members, name) {
			out = append(out, g.name)
		}
	}
	c.print(prefix + strings.Join(out, " ") + "\n")
	return 0
}

func progWhoami(c *call) int {
	c.print(c.cred.name + "\n")
	return 0
}

func progHostname(c *call) int {
	opts, operands := c.flags("F")
	m := c.sh.m
	switch {
	case has(opts, "-f", "--fqdn", "--long"):
		c.print(m.id.FQDN() + "\n")
	case has(opts, "-I", "--all-ip-addresses"):
		c.print(m.hw.addr.Addr().String() + " \n")
	case has(opts, "-i", "--ip-address"):
		c.print("127.0.1.1\n")
	case has(opts, "-d", "--domain"):
		_, domain, _ := strings.Cut(m.id.FQDN(), ".")
		c.print(domain + "\n")
	case has(opts, "-s", "--short"):
		c.print(m.shortName() + "\n")
	case len(operands) > 0:
		if c.cred.uid != 0 {
			c.errorf("you must be root to change the host name")
			return 1
		}
	default:
		c.print(m.hostname() + "\n")
	}
	return 0
}

func progHostnamectl(c *call) int {
	m := c.sh.m
	release, _ := m.kernel()
	c.printf(" Static hostname: %s\n       Icon name: computer-vm\n         Chassis: vm\n      Machine ID: %s\n         Boot ID: %s\n  Virtualization: %s\nOperating System: %s\n          Kernel: Linux %s\n    Architecture: x86-64\n",
		m.hostname(), m.hw.machine, strings.ReplaceAll(m.id.Hex("boot "+strconv.FormatInt(m.boot().Unix(), 10), 32), "-", ""), strings.ToLower(m.hw.virt), m.release.PrettyName, release)
	return 0
}

func progUptime(c *call) int {
	m := c.sh.m
	now := m.now()
	opts, _ := c.flags("")
	switch {
	case has(opts, "-s", "--since"):
		c.print(clock(m.boot(), "2006-01-02 15:04:05") + "\n")
	case has(opts, "-p", "--pretty"):
		up := now.Sub(m.boot())
		d, h, min := int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60
		c.printf("up %d weeks, %d days, %d hours, %d minutes\n", d/7, d%7, h, min)
	default:
		c.print(m.uptimeLine(c.sh.sessions()) + "\n")
	}
	return 0
}

// uptimeLine is the line that uptime, w and top begin with.
func (m *Machine) uptimeLine(users int) string {
	now := m.now()
	up := now.Sub(m.boot())
	days, hours, minutes := int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60
	span := fmt.Sprintf("%2d:%02d", hours, minutes)
	if hours == 0 {
		span = fmt.Sprintf("%d min", minutes)
	}
	if days == 1 {
		span = "1 day, " + span
	} else if days > 0 {
		span = fmt.Sprintf("%d days, %s", days, span)
	}
	unit := "users"
	if users == 1 {
		unit = "user"
	}
	return fmt.Sprintf(" %s up %s,  %d %s,  load average: %.2f, %.2f, %.2f", clock(now, "15:04:05"), span, users, unit,
		m.load(now), m.load(now.Add(-5*time.Minute)), m.load(now.Add(-15*time.Minute)))
}

// open returns the log-ins of this attacker that last.
func (sh *Shell) open() []login {
	sh.attacker.mu.Lock()
	defer sh.attacker.mu.Unlock()
	var out []login
	for _, l := range sh.attacker.logins {
		if l.out.IsZero() {
			out = append(out, l)
		}
	}
	return out
}

func (sh *Shell) sessions() int { return len(sh.open()) }

func progW(c *call) int {
	m := c.sh.m
	opts, _ := c.flags("")
	if !has(opts, "-h") {
		c.print(m.uptimeLine(c.sh.sessions()) + "\n")
		c.print("USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT\n")
	}
	for _, l := range c.sh.open() {
		what := "-" + shellName(m.distro.login)
		if l.tty == c.sh.tty {
			what = strings.Join(c.args, " ")
		}
		from := l.from
		if len(from) > 16 {
			from = from[:16]
		}
		c.printf("%-8s %-8s %-16s %s    0.00s  0.0%ds  0.00s %s\n", l.user, l.tty, from, clock(l.in, "15:04"), 1+len(what)%7, what)
	}
	return 0
}

func progWho(c *call) int {
	opts, operands := c.flags("")
	if has(opts, "-b", "--boot") {
		c.printf("         system boot  %s\n", clock(c.sh.m.boot(), "2006-01-02 15:04"))
		return 0
	}
	if has(opts, "-r") {
		c.printf("         run-level 5  %s\n", clock(c.sh.m.boot(), "2006-01-02 15:04"))
		return 0
	}
	for _, l := range c.sh.open() {
		if (has(opts, "-m") || len(operands) == 2) && l.tty != c.sh.tty {
			continue
		}
		c.printf("%-8s %-12s %s (%s)\n", l.user, l.tty, clock(l.in, "2006-01-02 15:04"), l.from)
	}
	return 0
}

func progUsers(c *call) int {
	var out []string
	for _, l := range c.sh.open() {
		out = append(out, l.user)
	}
	c.print(strings.Join(out, " ") + "\n")
	return 0
}

func progLast(c *call) int {
	m := c.sh.m
	opts, operands := c.flags("nfpst")
	limit := 1 << 20
	if s, ok := valueOf(opts, "-n"); ok {
		limit, _ = strconv.Atoi(s)
	}
	for _, o := range opts {
		if n, err := strconv.Atoi(strings.TrimPrefix(o.name, "-")); err == nil {
			limit = n
		}
	}
	if c.name == "lastb" {
		if c.cred.uid != 0 {
			c.errorf("cannot open /var/log/btmp: Permission denied")
			return 1
		}
		c.printf("\nbtmp begins %s\n", clock(m.boot(), "Mon Jan _2 15:04:05 2006"))
		return 0
	}
	sh := c.sh
	sh.attacker.mu.Lock()
	list := slices.Clone(sh.attacker.logins)
	sh.attacker.mu.Unlock()
	slices.Reverse(list)
	kernel, _ := m.kernel()
	n := 0
	line := func(s string) {
		if n++; n <= limit {
			c.print(s + "\n")
		}
	}
	want := func(user, tty string) bool {
		return len(operands) == 0 || slices.Contains(operands, user) || slices.Contains(operands, tty)
	}
	booted := false
	for _, l := range append(list, m.adminLogins()...) {
		if !booted && l.in.Before(m.boot()) {
			booted = true
			if want("reboot", "") {
				line(fmt.Sprintf("reboot   system boot  %-16s %s   still running", kernel[:min(16, len(kernel))], clock(m.boot(), "Mon Jan _2 15:04")))
			}
		}
		if !want(l.user, l.tty) {
			continue
		}
		end := "  still logged in"
		if !l.out.IsZero() {
			d := l.out.Sub(l.in)
			end = fmt.Sprintf("- %s  (%02d:%02d)", clock(l.out, "15:04"), int(d.Hours()), int(d.Minutes())%60)
		}
		line(fmt.Sprintf("%-8s %-12s %-16s %s %s", l.user, l.tty, l.from, clock(l.in, "Mon Jan _2 15:04"), end))
	}
	if !booted && want("reboot", "") {
		line(fmt.Sprintf("reboot   system boot  %-16s %s   still running", kernel[:min(16, len(kernel))], clock(m.boot(), "Mon Jan _2 15:04")))
	}
	c.printf("\nwtmp begins %s\n", clock(m.installed(), "Mon Jan _2 15:04:05 2006"))
	return 0
}

func progLastlog(c *call) int {
	m := c.sh.m
	c.print("Username         Port     From                                       Latest\n")
	for _, a := range c.sh.accounts() {
		var last *login
		for _, l := range c.sh.open() {
			if l.user == a.name {
				last = &l
			}
		}
		if last == nil && a.name == m.distro.admin {
			l := m.adminLogins()[0]
			last = &l
		}
		if last == nil {
			c.printf("%-16s %-8s %-42s %s\n", a.name, "", "", "**Never logged in**")
			continue
		}
		c.printf("%-16s %-8s %-42s %s\n", a.name, last.tty, last.from, clock(last.in, "Mon Jan _2 15:04:05 -0700 2006"))
	}
	return 0
}

func progFree(c *call) int {
	m := c.sh.m
	total, free, available, buffers, cached := m.memoryUse()
	opts, _ := c.flags("sc")
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
	display := func(p process) string {
		if forest && p.ppid > 2 {
			return " \\_ " + p.cmd
		}
		return p.cmd
	}
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
	// On a terminal the first screen is shown until a key is pressed.
	c.print("\x1b[H\x1b[2J" + screen)
	c.flush()
	var one [1]byte
	_, _ = c.get(0, one[:])
	return 0
}

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

func progNproc(c *call) int {
	c.printf("%d\n", c.sh.m.hw.cores)
	return 0
}

func progLscpu(c *call) int {
	h := c.sh.m.hw
	online := "0"
	if h.cores > 1 {
		online = fmt.Sprintf("0-%d", h.cores-1)
	}
	c.printf("Architecture:                       x86_64\nCPU op-mode(s):                     32-bit, 64-bit\nAddress sizes:                      40 bits physical, 48 bits virtual\nByte Order:                         Little Endian\nCPU(s):                             %d\nOn-line CPU(s) list:                %s\nVendor ID:                          GenuineIntel\nModel name:                         %s\nCPU family:                         6\nModel:                              79\nThread(s) per core:                 1\nCore(s) per socket:                 1\nSocket(s):                          %d\nStepping:                           1\nBogoMIPS:                           %.2f\nFlags:                              %s\nHypervisor vendor:                  %s\nVirtualization type:                full\nL1d cache:                          %d KiB (%d instances)\nL1i cache:                          %d KiB (%d instances)\nL2 cache:                           %d MiB (%d instances)\nL3 cache:                           %d MiB (%d instances)\nNUMA node(s):                       1\nNUMA node0 CPU(s):                  %s\n",
		h.cores, online, h.cpu, h.cores, 2*h.mhz, cpuFlags, h.virt, 32*h.cores, h.cores, 32*h.cores, h.cores, 4*h.cores, h.cores, 16*h.cores, h.cores, online)
	return 0
}

func progDmesg(c *call) int {
	if c.cred.uid != 0 && c.sh.m.distro.family == "debian" {
		c.errorf("read kernel buffer failed: Operation not permitted")
		return 1
	}
	opts, _ := c.flags("ln")
	if has(opts, "-c", "-C", "--clear") {
		return 0
	}
	c.print(c.sh.m.dmesg())
	return 0
}

func progDmidecode(c *call) int {
	h := c.sh.m.hw
	if c.cred.uid != 0 {
		c.errln("/sys/firmware/dmi/tables/smbios_entry_point: Permission denied\nScanning /dev/mem for entry point.\n/dev/mem: Permission denied")
		return 1
	}
	opts, _ := c.flags("st")
	serial := "VMware-" + c.sh.m.id.Hex("serial", 16)
	if h.vendor == "QEMU" {
		serial = "Not Specified"
	}
	if key, ok := valueOf(opts, "-s"); ok {
		v, ok := map[string]string{"system-manufacturer": h.vendor, "system-product-name": h.product, "system-serial-number": serial, "bios-vendor": "SeaBIOS", "bios-version": "1.16.2-1", "system-uuid": h.uuid, "system-version": "pc-i440fx-8.1", "chassis-manufacturer": h.vendor, "processor-version": h.cpu}[key]
		if !ok {
			c.errln("Invalid string keyword: " + key)
			return 2
		}
		c.print(v + "\n")
		return 0
	}
	c.printf("# dmidecode 3.4\nGetting SMBIOS data from sysfs.\nSMBIOS 2.8 present.\n\nHandle 0x0100, DMI type 1, 27 bytes\nSystem Information\n\tManufacturer: %s\n\tProduct Name: %s\n\tVersion: pc-i440fx-8.1\n\tSerial Number: %s\n\tUUID: %s\n\tWake-up Type: Power Switch\n\tSKU Number: Not Specified\n\tFamily: Not Specified\n\n", h.vendor, h.product, serial, h.uuid)
	return 0
}

func progLspci(c *call) int {
	if c.sh.m.hw.vendor != "QEMU" {
		c.print("00:00.0 Host bridge: Intel Corporation 440BX/ZX/DX - 82443BX/ZX/DX Host bridge (rev 01)\n00:07.0 ISA bridge: Intel Corporation 82371AB/EB/MB PIIX4 ISA (rev 08)\n00:0f.0 VGA compatible controller: VMware SVGA II Adapter\n03:00.0 Serial Attached SCSI controller: VMware PVSCSI SCSI Controller (rev 02)\n0b:00.0 Ethernet controller: VMware VMXNET3 Ethernet Controller (rev 01)\n")
		return 0
	}
	c.print("00:00.0 Host bridge: Intel Corporation 440FX - 82441FX PMC [Natoma] (rev 02)\n00:01.0 ISA bridge: Intel Corporation 82371SB PIIX3 ISA [Natoma/Triton II]\n00:01.1 IDE interface: Intel Corporation 82371SB PIIX3 IDE [Natoma/Triton II]\n00:01.3 Bridge: Intel Corporation 82371AB/EB/MB PIIX4 ACPI (rev 03)\n00:02.0 VGA compatible controller: Device 1234:1111 (rev 02)\n00:03.0 Ethernet controller: Red Hat, Inc. Virtio network device\n00:04.0 SCSI storage controller: Red Hat, Inc. Virtio block device\n00:05.0 Unclassified device [00ff]: Red Hat, Inc. Virtio memory balloon\n")
	return 0
}

func progLsmod(c *call) int {
	c.print("Module                  Size  Used by\n")
	for _, l := range loaded {
		s := fmt.Sprintf("%-20s %8d  %d", l.name, l.size, l.use)
		if l.by != "" {
			s += " " + l.by
		}
		c.print(s + "\n")
	}
	return 0
}

func progModprobe(c *call) int {
	_, operands := c.flags("")
	if len(operands) == 0 {
		c.errorf("ERROR: missing parameters. See -h.")
		return 1
	}
	if c.cred.uid != 0 {
		c.errorf("ERROR: could not insert '%s': Operation not permitted", operands[0])
		return 1
	}
	release, _ := c.sh.m.kernel()
	if c.name == "modprobe" && !slices.ContainsFunc(loaded, func(l struct {
		name string
		size int
		use  int
		by   string
	}) bool {
		return l.name == operands[0]
	}) {
		c.errln("modprobe: FATAL: Module " + operands[0] + " not found in directory /lib/modules/" + release)
		return 1
	}
	return 0
}

func progMount(c *call) int {
	_, operands := c.flags("tooL")
	if len(operands) == 0 {
		for l := range strings.Lines(c.sh.m.mounts()) {
			f := strings.Fields(l)
			c.printf("%s on %s type %s (%s)\n", f[0], f[1], f[2], f[3])
		}
		return 0
	}
	if c.cred.uid != 0 {
		c.errorf("%s: must be superuser to use %s.", operands[len(operands)-1], c.name)
		return 1
	}
	if c.name == "umount" {
		c.errorf("%s: target is busy.", operands[0])
		return 32
	}
	if len(operands) > 1 {
		if _, err := c.files().stat("stat", operands[1], true); err != nil {
			c.errorf("%s: mount point does not exist.", operands[1])
			return 32
		}
	}
	c.errorf("%s: can't find in /etc/fstab.", operands[0])
	return 1
}

func progLsblk(c *call) int {
	h := c.sh.m.hw
	major := "  8"
	if h.disk == "vda" {
		major = "254"
	}
	c.printf("NAME   MAJ:MIN RM  SIZE RO TYPE MOUNTPOINTS\n%s    %s:0    0 %4dG  0 disk \n└─%s1 %s:1    0 %4dG  0 part /\n", h.disk, major, h.diskGB, h.disk, major, h.diskGB)
	return 0
}

func progFdisk(c *call) int {
	h := c.sh.m.hw
	opts, operands := c.flags("")
	if c.cred.uid != 0 {
		c.errorf("cannot open /dev/%s: Permission denied", h.disk)
		return 1
	}
	if !has(opts, "-l", "--list") {
		if len(operands) == 0 {
			c.errorf("bad usage")
			c.try()
			return 1
		}
		c.errorf("cannot open %s: No such file or directory", operands[0])
		return 1
	}
	sectors := int64(h.diskGB) << 21
	c.printf("Disk /dev/%s: %d GiB, %d bytes, %d sectors\nUnits: sectors of 1 * 512 = 512 bytes\nSector size (logical/physical): 512 bytes / 512 bytes\nI/O size (minimum/optimal): 512 bytes / 512 bytes\nDisklabel type: dos\nDisk identifier: 0x%s\n\nDevice     Boot Start      End  Sectors Size Id Type\n/dev/%s1  *     2048 %d %d  %dG 83 Linux\n",
		h.disk, h.diskGB, sectors*512, sectors, c.sh.m.id.Hex("disk id", 8), h.disk, sectors-1, sectors-2048, h.diskGB)
	return 0
}

func progBlkid(c *call) int {
	h := c.sh.m.hw
	c.printf("/dev/%s1: UUID=\"%s\" BLOCK_SIZE=\"4096\" TYPE=\"%s\" PARTUUID=\"%s-01\"\n", h.disk, h.uuid, c.sh.m.rootFS(), c.sh.m.id.Hex("disk id", 8))
	return 0
}

func progDate(c *call) int {
	opts, operands := c.flags("dsrfI", "--date", "--set", "--reference")
	t := c.sh.m.now()
	if s, ok := valueOf(opts, "-d", "--date"); ok {
		var good bool
		if t, good = parseDate(s, t); !good {
			c.errorf("invalid date ‘%s’", s)
			return 1
		}
	}
	if has(opts, "-s", "--set") && c.cred.uid != 0 {
		c.errorf("cannot set date: Operation not permitted")
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	if c.sh.m.distro.family == "debian" && c.env("LANG") == "en_US.UTF-8" {
		format = "%a %b %e %I:%M:%S %p %Z %Y"
	}
	switch {
	case len(operands) > 0 && strings.HasPrefix(operands[0], "+"):
		format = operands[0][1:]
	case len(operands) > 0:
		c.errorf("invalid date ‘%s’", operands[0])
		return 1
	case has(opts, "-R", "--rfc-email"):
		format = "%a, %d %b %Y %H:%M:%S +0000"
	case has(opts, "-I", "--iso-8601"):
		format = "%F"
	}
	c.print(strftime(format, t.UTC()) + "\n")
	return 0
}

func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		for i+1 < len(format) && strings.IndexByte("-_0^#", format[i]) >= 0 {
			i++
		}
		layouts := map[byte]string{'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'S': "05",
			'y': "06", 'Y': "2006", 'Z': "UTC", 'z': "+0000", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/2006", 'X': "03:04:05 PM", 'r': "03:04:05 PM", 'N': "000000000", 'j': "002", 'P': "pm"}
		switch f := format[i]; f {
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'N':
			fmt.Fprintf(&b, "%09d", t.Nanosecond())
		case 'Z', 'z':
			b.WriteString(layouts[f])
		case 'u', 'w':
			d := int(t.Weekday())
			if f == 'u' && d == 0 {
				d = 7
			}
			b.WriteString(strconv.Itoa(d))
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '%':
			b.WriteByte('%')
		default:
			if l, ok := layouts[f]; ok {
				b.WriteString(t.Format(l))
			} else {
				b.WriteByte('%')
				b.WriteByte(f)
			}
		}
	}
	return b.String()
}

func progSleep(c *call) int {
	if len(c.args) < 2 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	var total float64
	for _, a := range c.args[1:] {
		unit := 1.0
		s := a
		for suffix, u := range map[string]float64{"s": 1, "m": 60, "h": 3600, "d": 86400} {
			if t, ok := strings.CutSuffix(a, suffix); ok {
				s, unit = t, u
			}
		}
		x, err := strconv.ParseFloat(s, 64)
		if a == "infinity" || a == "inf" {
			x, err = 1e9, nil
		}
		if err != nil || x < 0 {
			c.errorf("invalid time interval ‘%s’", a)
			c.try()
			return 1
		}
		total += x * unit
	}
	c.flush()
	c.sleepFor(time.Duration(min(total, maxCommandT.Seconds()) * float64(time.Second)))
	return 0
}

func progTimeout(c *call) int {
	args := c.args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if (args[0] == "-k" || args[0] == "-s") && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) < 2 {
		c.errorf("missing operand")
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

func progWhich(c *call) int {
	opts, operands := c.flags("")
	status := 0
	for _, name := range operands {
		p, ok := c.search(name)
		if strings.Contains(name, "/") {
			p, ok = c.whichShell(name)
		}
		if !ok {
			status = 1
			if c.sh.m.distro.family == "rhel" {
				c.errorf("no %s in (%s)", name, c.interp.env("PATH"))
			}
			continue
		}
		if !has(opts, "-s") {
			c.print(p + "\n")
		}
	}
	return status
}

func progWhereis(c *call) int {
	_, operands := c.flags("BMS")
	for _, name := range operands {
		out := name + ":"
		for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/sbin"} {
			if dir[:2] != "/u" && c.sh.m.distro.merged() {
				continue
			}
			if _, err := c.files().stat("stat", dir+"/"+name, true); err == nil {
				out += " " + dir + "/" + name
			}
		}
		c.print(out + "\n")
	}
	return 0
}

func progTty(c *call) int {
	if c.term == nil || len(c.fds) == 0 || c.fds[0] == nil || !c.fds[0].tty {
		c.print("not a tty\n")
		return 1
	}
	c.print("/dev/" + c.sh.tty + "\n")
	return 0
}

func progClear(c *call) int {
	if c.interp.env("TERM") == "" {
		c.errln("TERM environment variable not set.")
		return 1
	}
	if c.name == "reset" {
		c.print("\x1bc\x1b[!p\x1b[?3;4l\x1b[4l\x1b>")
		return 0
	}
	c.print("\x1b[H\x1b[2J\x1b[3J")
	return 0
}

func progStty(c *call) int {
	if c.term == nil {
		c.errorf("'standard input': Inappropriate ioctl for device")
		return 1
	}
	for _, a := range c.args[1:] {
		switch a {
		case "size":
			w, h := c.term.size()
			c.printf("%d %d\n", h, w)
			return 0
		case "-echo":
			c.term.echo(false)
		case "echo", "sane":
			c.term.echo(true)
		}
	}
	if len(c.args) == 1 {
		c.print("speed 38400 baud; line = 0;\n-brkint -imaxbel iutf8\n")
	}
	return 0
}

func progSysctl(c *call) int {
	opts, operands := c.flags("p")
	if has(opts, "-p", "--system") {
		c.print("net.ipv4.ip_forward = 0\nvm.swappiness = 60\n")
		return 0
	}
	if has(opts, "-a", "--all") {
		operands = []string{"fs.file-max", "kernel.core_pattern", "kernel.hostname", "kernel.osrelease", "kernel.ostype", "kernel.pid_max", "kernel.randomize_va_space", "kernel.version", "net.ipv4.ip_forward", "net.ipv4.tcp_syncookies", "vm.nr_hugepages", "vm.overcommit_memory", "vm.swappiness"}
	}
	status := 0
	for _, o := range operands {
		key, value, assign := strings.Cut(o, "=")
		b, err := c.files().read("/proc/sys/" + strings.ReplaceAll(key, ".", "/"))
		switch {
		case err != nil:
			c.errorf("cannot stat /proc/sys/%s: No such file or directory", strings.ReplaceAll(key, ".", "/"))
			status = 255
		case assign && c.cred.uid != 0:
			c.errorf("permission denied on key \"%s\"", key)
			status = 255
		case assign:
			c.printf("%s = %s\n", key, value)
		case has(opts, "-n", "--values"):
			c.print(string(b))
		default:
			c.printf("%s = %s", key, b)
		}
	}
	return status
}

func progGetconf(c *call) int {
	v, ok := map[string]string{"LONG_BIT": "64", "PAGESIZE": "4096", "PAGE_SIZE": "4096", "_NPROCESSORS_ONLN": strconv.Itoa(c.sh.m.hw.cores), "_NPROCESSORS_CONF": strconv.Itoa(c.sh.m.hw.cores), "ARG_MAX": "2097152", "CLK_TCK": "100"}[c.args[len(c.args)-1]]
	if !ok {
		c.errorf("Unrecognized variable `%s'", c.args[len(c.args)-1])
		return 2
	}
	c.print(v + "\n")
	return 0
}

func progArch(c *call) int {
	c.print("x86_64\n")
	return 0
}

func progLocale(c *call) int {
	opts, _ := c.flags("")
	if has(opts, "-a") {
		c.print("C\nC.utf8\nen_US.utf8\nPOSIX\n")
		return 0
	}
	lang := c.interp.env("LANG")
	c.printf("LANG=%s\nLANGUAGE=\n", lang)
	if lang == "" {
		lang = "POSIX"
	}
	for _, k := range strings.Fields("CTYPE NUMERIC TIME COLLATE MONETARY MESSAGES PAPER NAME ADDRESS TELEPHONE MEASUREMENT IDENTIFICATION") {
		c.printf("LC_%s=\"%s\"\n", k, lang)
	}
	c.print("LC_ALL=\n")
	return 0
}

func progGetent(c *call) int {
	if len(c.args) < 2 {
		c.errln("Usage: getent [OPTION...] database [key ...]")
		return 1
	}
	file, ok := map[string]string{"passwd": "/etc/passwd", "group": "/etc/group", "shadow": "/etc/shadow", "services": "/etc/services", "protocols": "/etc/protocols"}[c.args[1]]
	if !ok {
		if c.args[1] != "hosts" && c.args[1] != "ahosts" {
			c.errln("Unknown database: " + c.args[1])
			return 1
		}
		if len(c.args) < 3 {
			c.print("127.0.0.1       localhost\n127.0.1.1       " + c.sh.m.hostname() + "\n")
			return 0
		}
		if c.sh.m.isSelf(c.args[2]) {
			c.printf("%-15s %s\n", "127.0.0.1", c.args[2])
			return 0
		}
		return 2
	}
	b, err := c.files().read(file)
	if err != nil {
		return 2
	}
	if len(c.args) == 2 {
		c.printBytes(b)
		return 0
	}
	status := 0
	for _, key := range c.args[2:] {
		hit := false
		for _, l := range lines(b) {
			f := strings.Split(l, ":")
			if f[0] == key || len(f) > 2 && f[2] == key {
				c.print(l + "\n")
				hit = true
				break
			}
		}
		if !hit {
			status = 2
		}
	}
	return status
}

// progReboot ends the log-in, as a machine that goes down does.
func progReboot(c *call) int {
	if c.cred.uid != 0 {
		c.errln("Call to " + map[string]string{"reboot": "Reboot", "poweroff": "PowerOff", "halt": "Halt", "shutdown": "PowerOff"}[c.name] + " failed: Interactive authentication required.")
		return 1
	}
	if c.name == "shutdown" && (len(c.args) < 2 || !slices.Contains(c.args, "now") && !slices.Contains(c.args, "+0")) {
		if slices.Contains(c.args, "-c") {
			return 0
		}
		c.errln("Shutdown scheduled for " + clock(c.sh.m.now().Add(time.Minute), "Mon 2006-01-02 15:04:05 MST") + ", use 'shutdown -c' to cancel.")
		return 0
	}
	if (c.name == "init" || c.name == "telinit") && (len(c.args) < 2 || c.args[1] != "0" && c.args[1] != "6") {
		return 0
	}
	c.flush()
	c.exiting = true
	c.sh.s.Emit("shutdown_attempt", decnet.F("command", strings.Join(c.args, " ")), decnet.F("user", c.cred.name))
	if c.term != nil {
		c.print("\nBroadcast message from root@" + c.sh.m.shortName() + " on " + c.sh.tty + " (" + clock(c.sh.m.now(), "Mon 2006-01-02 15:04:05 MST") + "):\n\nThe system will reboot now!\n\n")
	}
	return 0
}
