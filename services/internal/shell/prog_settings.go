package shell

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

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
	if status, ok := c.noArguments(); !ok {
		return status
	}
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
