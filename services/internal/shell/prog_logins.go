package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const uptimeUsage = "\nUsage:\n uptime [options]\n\nOptions:\n -p, --pretty   show uptime in pretty format\n -h, --help     display this help and exit\n -s, --since    system up since\n -V, --version  output version information and exit\n\nFor more details see uptime(1)."

func progUptime(c *call) int {
	m := c.sh.m
	now := m.now()
	opts, operands := c.flags("")
	if !c.known(opts, uptimeUsage, "-p", "--pretty", "-s", "--since", "-h", "--help", "-V", "--version") {
		return 1
	}
	switch {
	case len(operands) > 0:
		c.errln(uptimeUsage)
		return 1
	case has(opts, "-h", "--help"):
		c.print(strings.TrimPrefix(uptimeUsage, "\n") + "\n")
	case has(opts, "-V"):
		c.print(m.versionText("uptime"))
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

// open returns the log-ins of this attacker that last and have a terminal, as far as this
// one can know: sshd keeps no record of those without one.
func (sh *Shell) open() []login {
	sh.mu.Lock()
	terminal := len(sh.terminals) > 0
	sh.mu.Unlock()
	sh.attacker.mu.Lock()
	defer sh.attacker.mu.Unlock()
	var out []login
	for _, l := range sh.attacker.logins {
		if l.out.IsZero() && (terminal || !sh.owns(l)) {
			out = append(out, l)
		}
	}
	return out
}

// owns reports whether l is this log-in.
func (sh *Shell) owns(l login) bool { return l.tty == sh.tty && l.in.Equal(sh.since) }

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
	if c.term == nil {
		list = slices.DeleteFunc(list, sh.owns)
	}
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
