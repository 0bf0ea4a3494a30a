package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	opts, operands := c.flags("F", "--file")
	m := c.sh.m
	if !c.known(opts, hostnameUsage, "-a", "--alias", "-A", "--all-fqdns", "-b", "--boot", "-d", "--domain", "-f", "--fqdn", "--long", "-F", "--file", "-i", "--ip-address", "-I", "--all-ip-addresses", "-s", "--short", "-y", "--yp", "--nis", "-V", "--version", "-h", "--help") {
		return 255
	}
	switch {
	case len(operands) > 1:
		c.errln(hostnameUsage)
		return 255
	case has(opts, "-V"):
		c.print(m.versionText("hostname"))
	case has(opts, "-h", "--help"):
		c.print(hostnameUsage + "\n")
	case has(opts, "-a", "--alias"):
		c.print("\n")
	case has(opts, "-A", "--all-fqdns"):
		c.print(m.id.FQDN() + " \n")
	case has(opts, "-y", "--yp", "--nis"):
		c.errorf("Local domain name not set")
		return 1
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
