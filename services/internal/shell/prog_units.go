package shell

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func progCrontab(c *call) int {
	opts, operands := c.flags("u")
	user := c.cred.name
	if u, ok := valueOf(opts, "-u"); ok {
		if c.cred.uid != 0 && u != user {
			c.errln("must be privileged to use -u")
			return 1
		}
		user = u
	}
	file := "/var/spool/cron/crontabs/" + user
	root := &Files{sh: c.sh}
	switch {
	case has(opts, "-l"):
		b, err := root.read(file)
		if err != nil {
			c.errln("no crontab for " + user)
			return 1
		}
		for l := range strings.Lines(string(b)) {
			if !strings.HasPrefix(l, "# DO NOT EDIT") && !strings.HasPrefix(l, "# (") {
				c.print(l)
			}
		}
		return 0
	case has(opts, "-r"):
		if root.Remove(file) != nil {
			c.errln("no crontab for " + user)
			return 1
		}
		return 0
	case has(opts, "-e"):
		c.errln("/bin/sh: 1: /usr/bin/sensible-editor: not found")
		c.errln("crontab: \"/usr/bin/sensible-editor\" exited with status 127")
		return 1
	}
	name := "-"
	if len(operands) > 0 {
		name = operands[0]
	} else if c.terminal() {
		c.errln("crontab: usage error: file name or - (for stdin) must be specified\nusage:\tcrontab [ -u user ] file\n\tcrontab [ -u user ] [ -i ] { -e | -l | -r }")
		return 1
	}
	b, err := c.contents(name)
	if err != nil {
		c.errln(name + ": " + reason(err))
		return 1
	}
	for i, l := range c.lines(b) {
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' || strings.Contains(strings.Fields(l)[0], "=") || l[0] == '@' {
			continue
		}
		if len(strings.Fields(l)) < 6 {
			c.errln(fmt.Sprintf("\"%s\":%d: bad minute\nerrors in crontab file, can't install.", name, i))
			return 1
		}
	}
	h, err := root.open(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		c.errln("crontab: " + reason(err))
		return 1
	}
	defer h.Close()
	if _, err := h.Write(b); err != nil {
		c.errln("crontab: " + reason(err))
		return 1
	}
	return 0
}

// units are the services that systemctl knows besides those of the open ports.
func (m *Machine) units() []string {
	list := []string{"cron", "dbus", "getty@tty1", "rsyslog", "systemd-journald", "systemd-logind", "systemd-udevd"}
	if m.distro.family == "rhel" {
		list = []string{"auditd", "chronyd", "crond", "dbus-broker", "firewalld", "getty@tty1", "NetworkManager", "rsyslog", "systemd-journald", "systemd-logind", "systemd-udevd"}
	}
	for _, s := range m.servers() {
		list = append(list, s.unit)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// mainProcess is the number and the name of a unit's process.
func (m *Machine) mainProcess(unit string) (pid int, comm string) {
	for _, s := range m.servers() {
		if s.unit == unit || s.unit == "ssh" && unit == "sshd" {
			return s.pid, s.comm
		}
	}
	for _, p := range m.daemons() {
		if c := p.comm(); c == unit || c == unit+"d" || c == strings.TrimSuffix(unit, "@tty1") || c == "a"+strings.TrimSuffix(unit, "@tty1") || c == strings.TrimSuffix(unit, "-broker")+"-daemon" {
			return p.pid, c
		}
	}
	return 1, "systemd"
}

func progSystemctl(c *call) int {
	m := c.sh.m
	opts, operands := c.flags("tnpo", "--type", "--state", "--lines")
	verb := "list-units"
	if len(operands) > 0 {
		verb, operands = operands[0], operands[1:]
	}
	units := m.units()
	known := func(u string) bool {
		u = strings.TrimSuffix(u, ".service")
		if _, err := c.files().stat("stat", "/etc/systemd/system/"+u+".service", true); err == nil {
			return true
		}
		return slices.Contains(units, u) || u == "sshd" && slices.Contains(units, "ssh")
	}
	switch verb {
	case "list-units", "list-unit-files":
		c.print("  UNIT                     LOAD   ACTIVE SUB     DESCRIPTION\n")
		for _, u := range units {
			c.printf("  %-24s loaded active running %s\n", u+".service", describeUnit(u))
		}
		c.printf("\nLOAD   = Reflects whether the unit definition was properly loaded.\nACTIVE = The high-level unit activation state, i.e. generalization of SUB.\nSUB    = The low-level unit activation state, values depend on unit type.\n%d loaded units listed.\n", len(units))
	case "status":
		if len(operands) == 0 {
			c.printf("● %s\n    State: running\n    Units: 214 loaded (incl. loaded aliases)\n     Jobs: 0 queued\n   Failed: 0 units\n    Since: %s; %d days ago\n", m.shortName(), clock(m.boot(), "Mon 2006-01-02 15:04:05 MST"), int(m.now().Sub(m.boot()).Hours())/24)
			return 0
		}
		u := strings.TrimSuffix(operands[0], ".service")
		if !known(u) {
			c.errln("Unit " + u + ".service could not be found.")
			return 4
		}
		pid, comm := m.mainProcess(u)
		c.printf("● %s.service - %s\n     Loaded: loaded (/lib/systemd/system/%s.service; enabled; preset: enabled)\n     Active: active (running) since %s; %d days ago\n   Main PID: %d (%s)\n      Tasks: 1 (limit: %d)\n     Memory: 5.1M\n        CPU: 1.204s\n     CGroup: /system.slice/%s.service\n",
			u, describeUnit(u), u, clock(m.boot().Add(5*time.Second), "Mon 2006-01-02 15:04:05 MST"), int(m.now().Sub(m.boot()).Hours())/24, pid, comm, m.maxTasks()/3, u)
	case "is-active", "is-enabled":
		status := 0
		for _, u := range operands {
			yes, no := "active", "inactive"
			if verb == "is-enabled" {
				yes, no = "enabled", "Failed to get unit file state for "+u+".service: No such file or directory"
			}
			if known(u) {
				c.print(yes + "\n")
			} else if verb == "is-enabled" {
				c.errln(no)
				status = 1
			} else {
				c.print(no + "\n")
				status = 3
			}
		}
		return status
	case "start", "stop", "restart", "reload", "enable", "disable", "mask", "unmask", "kill", "try-restart":
		if c.cred.uid != 0 {
			c.errln("Failed to " + verb + " unit: Interactive authentication required.\nSee system logs and 'systemctl status' for details.")
			return 1
		}
		for _, u := range operands {
			u = strings.TrimSuffix(u, ".service")
			if !known(u) {
				switch verb {
				case "enable", "disable", "mask", "unmask":
					c.errln("Failed to " + verb + " unit: Unit file " + u + ".service does not exist.")
					return 1
				case "stop", "kill":
					c.errln("Failed to " + verb + " " + u + ".service: Unit " + u + ".service not loaded.")
				default:
					c.errln("Failed to " + verb + " " + u + ".service: Unit " + u + ".service not found.")
				}
				return 5
			}
			switch {
			case verb == "enable" && !has(opts, "-q"):
				c.errln("Created symlink /etc/systemd/system/multi-user.target.wants/" + u + ".service → /etc/systemd/system/" + u + ".service.")
			case verb == "disable" && !has(opts, "-q"):
				c.errln("Removed \"/etc/systemd/system/multi-user.target.wants/" + u + ".service\".")
			}
		}
	case "daemon-reload", "daemon-reexec", "reset-failed":
	case "reboot", "poweroff", "halt":
		c.name = verb
		return progReboot(c)
	case "get-default":
		c.print("multi-user.target\n")
	case "is-system-running":
		c.print("running\n")
	default:
		c.errln("Unknown command verb " + verb + ".")
		return 1
	}
	return 0
}

func progService(c *call) int {
	_, operands := c.flags("")
	if len(c.args) > 1 && c.args[1] == "--status-all" {
		for _, u := range c.sh.m.units() {
			c.printf(" [ + ]  %s\n", u)
		}
		return 0
	}
	if len(operands) < 2 {
		c.errln("Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]")
		return 1
	}
	sub := *c
	sub.args = []string{"systemctl", operands[1], operands[0]}
	sub.name = "systemctl"
	if !slices.Contains(c.sh.m.units(), operands[0]) && operands[0] != "sshd" {
		c.errln(operands[0] + ": unrecognized service")
		return 1
	}
	status := progSystemctl(&sub)
	c.buf = sub.buf
	return status
}

func progJournalctl(c *call) int {
	if c.cred.uid != 0 {
		c.errln("Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm', 'systemd-journal' can see all messages.\n      Pass -q to turn off this notice.")
		c.print("-- No entries --\n")
		return 0
	}
	opts, _ := c.flags("unpSU", "--unit", "--lines", "--since", "--until", "--vacuum-time", "--vacuum-size")
	if has(opts, "--vacuum-time", "--vacuum-size", "--rotate") {
		c.errln("Vacuuming done, freed 0B of archived journals from /var/log/journal/" + c.sh.m.hw.machine + ".")
		return 0
	}
	n := 200
	if s, ok := valueOf(opts, "-n", "--lines"); ok {
		n, _ = strconv.Atoi(s)
	}
	rows := lines(sysLog(c.sh))
	if u, ok := valueOf(opts, "-u", "--unit"); ok && strings.HasPrefix(u, "ssh") {
		rows = slices.DeleteFunc(lines(authLog(c.sh)), func(l string) bool { return !strings.Contains(l, "sshd[") })
	}
	for _, l := range rows[max(0, len(rows)-max(n, 0)):] {
		c.print(l + "\n")
	}
	return 0
}
