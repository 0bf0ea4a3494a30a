package shell

import (
	"slices"
	"strings"
)

// fetchFails prints how a package manager fails without a name server.
func progApt(c *call) int {
	m := c.sh.m
	_, operands := c.flags("otc")
	if len(operands) == 0 {
		c.print(aptUsage[c.name])
		return 0
	}
	verb, names := operands[0], operands[1:]
	if c.name == "apt" && !c.terminal() {
		c.errln("\nWARNING: apt does not have a stable CLI interface. Use with caution in scripts.\n")
	}
	host, repos := m.mirror(), m.repositories()
	rootOnly := slices.Contains([]string{"update", "upgrade", "install", "remove", "purge", "autoremove", "dist-upgrade", "full-upgrade", "clean"}, verb)
	if rootOnly && c.cred.uid != 0 {
		if verb == "update" {
			c.print("Reading package lists... Done\n")
			c.errln("E: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)\nE: Unable to lock directory /var/lib/apt/lists/")
		} else {
			c.errln("E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?")
		}
		return 100
	}
	switch verb {
	case "update":
		for i, r := range repos {
			c.printf("Err:%d %s InRelease\n  Temporary failure resolving '%s'\n", i+1, r, hostOf(r))
			c.flush()
			c.sleepFor(netWait / 6)
		}
		c.print("Reading package lists... Done\n")
		if c.name == "apt" {
			c.print("Building dependency tree... Done\nReading state information... Done\nAll packages are up to date.\n")
		}
		for _, r := range repos {
			base, suite, _ := strings.Cut(r, " ")
			c.errln("W: Failed to fetch " + base + "/dists/" + suite + "/InRelease  Temporary failure resolving '" + hostOf(r) + "'")
		}
		c.errln("W: Some index files failed to download. They have been ignored, or old ones used instead.")
	case "install":
		c.print("Reading package lists... Done\nBuilding dependency tree... Done\nReading state information... Done\n")
		var fetch []string
		for _, n := range names {
			if m.hasPackage(n) || m.hasProgram(n) {
				c.printf("%s is already the newest version.\n", n)
			} else if !knownPackages[n] {
				c.errln("E: Unable to locate package " + n)
				return 100
			} else {
				fetch = append(fetch, n)
			}
		}
		if len(fetch) == 0 {
			c.print("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")
			return 0
		}
		c.printf("The following NEW packages will be installed:\n  %s\n0 upgraded, %d newly installed, 0 to remove and 0 not upgraded.\nNeed to get %d kB of archives.\nAfter this operation, %d kB of additional disk space will be used.\n", strings.Join(fetch, " "), len(fetch), 412*len(fetch), 1364*len(fetch))
		c.flush()
		for i, n := range fetch {
			c.printf("Err:%d %s/main amd64 %s amd64\n  Temporary failure resolving '%s'\n", i+1, repos[0], n, host)
			c.flush()
			c.sleepFor(netWait / 6)
		}
		for _, n := range fetch {
			c.errln("E: Failed to fetch http://" + host + "/pool/main/" + n[:1] + "/" + n + "/" + n + "_amd64.deb  Temporary failure resolving '" + host + "'")
		}
		c.errln("E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?")
		return 100
	case "remove", "purge":
		c.print("Reading package lists... Done\nBuilding dependency tree... Done\nReading state information... Done\n")
		for _, n := range names {
			c.printf("Package '%s' is not installed, so not removed\n", n)
		}
		c.print("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")
	case "upgrade", "dist-upgrade", "full-upgrade", "autoremove":
		c.print("Reading package lists... Done\nBuilding dependency tree... Done\nReading state information... Done\nCalculating upgrade... Done\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n")
	case "clean", "autoclean", "check":
	case "list":
		c.print("Listing... Done\n")
		for _, p := range m.packages() {
			c.printf("%s/stable,now %s amd64 [installed]\n", p.name, p.version)
		}
	case "search", "show", "policy":
		if verb != "search" {
			c.errln("N: Unable to locate package " + strings.Join(names, " "))
			return 100
		}
		c.print("Sorting... Done\nFull Text Search... Done\n")
	default:
		c.errln("E: Invalid operation " + verb)
		return 100
	}
	return 0
}

func hostOf(repo string) string {
	h, _, _ := strings.Cut(strings.TrimPrefix(repo, "http://"), "/")
	return h
}

func (m *Machine) hasProgram(name string) bool {
	_, ok := m.programs[name]
	return ok
}

var knownPackages = set("gcc g++ make build-essential vim nano git nmap net-tools htop screen tmux unzip zip python3-pip python-is-python3 docker.io docker-compose nginx apache2 mysql-server mariadb-server php php-cli nodejs npm golang-go ruby default-jre masscan hydra telnet ftp tftp-hpa wireguard openvpn tor proxychains4 sshpass jq iftop nload hping3 libcurl4-openssl-dev libssl-dev cmake automake autoconf libtool libuv1-dev libhwloc-dev pip dnsutils whois traceroute lsof strace gdb cron at socat netcat netcat-traditional ncat tcpdump iptables ufw fail2ban certbot redis-server postgresql squid dante-server microsocks 3proxy")

func progDpkg(c *call) int {
	m := c.sh.m
	opts, operands := c.flags("")
	switch {
	case has(opts, "-l", "--list"):
		c.print("Desired=Unknown/Install/Remove/Purge/Hold\n| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend\n|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)\n||/ Name                Version                    Architecture Description\n+++-===================-==========================-============-=================================================\n")
		found := len(operands) == 0
		for _, p := range m.packages() {
			if len(operands) > 0 && !slices.ContainsFunc(operands, func(o string) bool { return c.match(o, p.name) }) {
				continue
			}
			found = true
			c.printf("ii  %-19s %-26s %-12s %s\n", p.name, p.version, "amd64", p.about)
		}
		if !found {
			c.errln("dpkg-query: no packages found matching " + operands[0])
			return 1
		}
	case has(opts, "-s", "--status"):
		for i, o := range operands {
			p, ok := m.findPackage(o)
			if !ok {
				c.errln("dpkg-query: package '" + o + "' is not installed and no information is available\nUse dpkg --info (= dpkg-deb --info) to examine archive files.")
				return 1
			}
			if i > 0 {
				c.print("\n")
			}
			c.print(p.record())
		}
	case has(opts, "-S", "--search"):
		if len(operands) == 0 {
			c.errln("dpkg-query: error: --search needs at least one file name pattern argument\n\nUse --help for help about querying packages.")
			return 2
		}
		status := 0
		for _, o := range operands {
			name := m.packageOf(c, o)
			if name == "" {
				c.errln("dpkg-query: no path found matching pattern " + o)
				status = 1
				continue
			}
			c.print(name + ": " + o + "\n")
		}
		return status
	case has(opts, "--print-architecture"):
		c.print("amd64\n")
	case has(opts, "-i", "--install"):
		if c.cred.uid != 0 {
			c.errln("dpkg: error: requested operation requires superuser privilege")
			return 2
		}
		for _, o := range operands {
			c.errln("dpkg: error: cannot access archive '" + o + "': No such file or directory")
		}
		return 2
	case has(opts, "--version"):
		c.print("Debian 'dpkg' package management program version 1.21.22 (amd64).\n")
	default:
		c.errln("dpkg: error: need an action option\n\nType dpkg --help for help about installing and deinstalling packages [*];\nUse 'apt' or 'aptitude' for user-friendly package management;")
		return 2
	}
	return 0
}

func progYum(c *call) int {
	_, operands := c.flags("")
	if len(operands) == 0 {
		c.errln("usage: " + c.name + " [options] COMMAND")
		return 1
	}
	if c.cred.uid != 0 && slices.Contains([]string{"install", "remove", "update", "upgrade"}, operands[0]) {
		c.errln("Error: This command has to be run with superuser privileges (under the root user on most systems).")
		return 1
	}
	if c.sh.m.release.ID == "centos" {
		c.print("Loaded plugins: fastestmirror\nDetermining fastest mirrors\n")
		c.flush()
		c.sleepFor(netWait)
		c.errln("Could not retrieve mirrorlist http://" + c.sh.m.mirror() + "/?release=7&arch=x86_64&repo=os&infra=stock error was\n14: curl#6 - \"Could not resolve host: " + c.sh.m.mirror() + "; Unknown error\"\n\n\n One of the configured repositories failed (Unknown),\n and yum doesn't have enough cached data to continue.")
		return 1
	}
	c.print(c.sh.m.release.Name + " " + c.sh.m.release.VersionID + " - BaseOS                          0.0  B/s |   0  B     00:00    \n")
	c.flush()
	c.sleepFor(netWait)
	host := c.sh.m.mirror()
	c.errln("Errors during downloading metadata for repository 'baseos':\n  - Curl error (6): Couldn't resolve host name for https://" + host + "/mirrorlist?arch=x86_64&repo=BaseOS [Could not resolve host: " + host + "]\nError: Failed to download metadata for repo 'baseos': Cannot prepare internal mirrorlist: Curl error (6): Couldn't resolve host name")
	return 1
}

func progRpm(c *call) int {
	opts, operands := c.flags("")
	if has(opts, "-q") {
		if has(opts, "-a") {
			for _, p := range c.sh.m.packages() {
				v, _, _ := strings.Cut(p.version, "-")
				c.printf("%s-%s-1.el9.x86_64\n", p.name, strings.TrimPrefix(v, "1:"))
			}
			return 0
		}
		status := 0
		for _, o := range operands {
			c.printf("package %s is not installed\n", o)
			status = 1
		}
		return status
	}
	c.errln("RPM version 4.16.1.3\nCopyright (C) 1998-2002 - Red Hat, Inc.\nThis program may be freely redistributed under the terms of the GNU GPL")
	return 1
}

func progApk(c *call) int {
	_, operands := c.flags("")
	if len(operands) == 0 {
		c.print("apk-tools 2.14.4, compiled for x86_64.\n")
		return 1
	}
	switch operands[0] {
	case "info":
		c.print("alpine-baselayout\nalpine-keys\napk-tools\nbusybox\nbusybox-binsh\nlibc-utils\nmusl\nmusl-utils\nopenssh\nscanelf\nssl_client\nzlib\n")
		return 0
	case "add", "update", "upgrade":
		c.print("fetch https://" + c.sh.m.mirror() + "/alpine/v3.19/main/x86_64/APKINDEX.tar.gz\n")
		c.flush()
		c.sleepFor(netWait)
		c.errln("WARNING: fetching https://" + c.sh.m.mirror() + "/alpine/v3.19/main: temporary error (try again later)")
		if operands[0] == "add" && len(operands) > 1 {
			c.errln("ERROR: unable to select packages:\n  " + operands[1] + " (no such package):\n    required by: world[" + operands[1] + "]")
		}
		return 1
	}
	return 0
}

func progPacman(c *call) int {
	c.errln(":: Synchronizing package databases...\n core.db failed to download\nerror: failed retrieving file 'core.db' from geo.mirror.pkgbuild.com : Could not resolve host: geo.mirror.pkgbuild.com\nerror: failed to synchronize all databases (failed to retrieve some files)")
	return 1
}
