package shell

import (
	"cmp"
	"slices"
	"strings"
)

// installed is a package of the machine.
type installed struct{ name, version, about string }

// debianPackages are what dpkg lists: name, version, description. The version SSH is that of
// the server which the decky shows.
var debianPackages = []string{
	"adduser 3.134 add and remove users and groups", "apt 2.6.1 commandline package manager", "base-files 12.4+deb12u11 Debian base system miscellaneous files",
	"bash 5.2.15-2+b8 GNU Bourne Again SHell", "bsdutils 1:2.38.1-5+deb12u3 basic utilities from 4.4BSD-Lite", "busybox 1:1.35.0-4+deb12u1+b1 Tiny utilities for small and embedded systems",
	"ca-certificates 20230311 Common CA certificates", "coreutils 9.1-1 GNU core utilities", "cron 3.0pl1-162 process scheduling daemon", "curl 7.88.1-10+deb12u12 command line tool for transferring data with URL syntax",
	"dash 0.5.12-2 POSIX-compliant shell", "dpkg 1.21.22 Debian package management system", "e2fsprogs 1.47.0-2 ext2/ext3/ext4 file system utilities", "findutils 4.9.0-4 utilities for finding files",
	"gawk 1:5.2.1-2 GNU awk, a pattern scanning and processing language", "grep 3.8-5 GNU grep, egrep and fgrep", "gzip 1.12-1 GNU compression utilities", "hostname 3.23+nmu1 utility to set/show the host name or domain name", "ifupdown 0.8.41 high level tools to configure network interfaces",
	"init-system-helpers 1.65.2 helper tools for all init systems", "iproute2 6.1.0-3 networking and traffic control tools", "iptables 1.8.9-2 administration tools for packet filtering and NAT", "iputils-ping 3:20221126-1+deb12u1 Tools to test the reachability of network hosts",
	"libc6 2.36-9+deb12u10 GNU C Library: Shared libraries", "libssl3 3.0.16-1~deb12u1 Secure Sockets Layer toolkit - shared libraries", "login 1:4.13+dfsg1-1+b1 system login tools", "logrotate 3.21.0-1 Log rotation utility",
	"mawk 1.3.4.20200120-3.1 Pattern scanning and text processing language", "mount 2.38.1-5+deb12u3 tools for mounting and manipulating filesystems", "netbase 6.4 Basic TCP/IP networking system", "openssh-client SSH secure shell (SSH) client",
	"openssh-server SSH secure shell (SSH) server", "passwd 1:4.13+dfsg1-1+b1 change and administer password and group data", "perl-base 5.36.0-7+deb12u2 minimal Perl system", "procps 2:4.0.2-3 /proc file system utilities",
	"rsyslog 8.2302.0-1 reliable system and kernel logging daemon", "sed 4.9-1 GNU stream editor for filtering/transforming text", "sudo 1.9.13p3-1+deb12u2 Provide limited super user privileges to specific users",
	"systemd 252.38-1~deb12u1 system and service manager", "tar 1.34+dfsg-1.2+deb12u1 GNU version of the tar archiving utility", "tzdata 2025b-0+deb12u1 time zone and daylight-saving time data", "udev 252.38-1~deb12u1 /dev/ and hotplug management daemon",
	"util-linux 2.38.1-5+deb12u3 miscellaneous system utilities", "wget 1.21.3-1+deb12u1 retrieves files from the web", "xz-utils 5.4.1-1 XZ-format compression utilities", "zlib1g 1:1.2.13.dfsg-1 compression library - runtime",
}

// packages are what is installed, sorted by name.
func (m *Machine) packages() []installed {
	var out []installed
	for _, p := range debianPackages {
		f := strings.SplitN(p, " ", 3)
		if f[1] == "SSH" {
			f[1] = m.sshVersion()
		}
		out = append(out, installed{f[0], f[1], f[2]})
	}
	slices.SortFunc(out, func(a, b installed) int { return cmp.Compare(a.name, b.name) })
	return out
}

// sshVersion is the version of the packages of OpenSSH that give the identification line.
func (m *Machine) sshVersion() string {
	software := m.id.Pick("openssh", m.release.OpenSSH...)
	upstream, revision, _ := strings.Cut(strings.TrimPrefix(software, "OpenSSH_"), " ")
	_, revision, ok := strings.Cut(revision, "-")
	if !ok {
		return upstream
	}
	return "1:" + upstream + "-" + revision
}

func (m *Machine) findPackage(name string) (installed, bool) {
	for _, p := range m.packages() {
		if p.name == name {
			return p, true
		}
	}
	return installed{}, false
}

func (m *Machine) hasPackage(name string) bool {
	_, ok := m.findPackage(name)
	return ok
}

// record is the entry of a package in dpkg's status file.
func (p installed) record() string {
	text := "Package: " + p.name + "\n"
	if slices.Contains(strings.Fields("base-files bash bsdutils coreutils dash dpkg e2fsprogs findutils grep gzip hostname login perl-base sed tar util-linux"), p.name) {
		text += "Essential: yes\n"
	}
	return text + "Status: install ok installed\nPriority: " + p.priority() + "\nArchitecture: amd64\nVersion: " + p.version + "\nDescription: " + p.about + "\n"
}

// priority is how much the distribution needs a package.
func (p installed) priority() string {
	in := func(list string) bool { return slices.Contains(strings.Fields(list), p.name) }
	switch {
	case in("base-files bash bsdutils coreutils dash dpkg findutils grep gzip hostname init-system-helpers login mawk mount passwd perl-base sed tar tzdata util-linux"):
		return "required"
	case in("adduser apt cron e2fsprogs ifupdown iproute2 iputils-ping logrotate netbase procps rsyslog systemd udev"):
		return "important"
	case in("bash-completion ca-certificates openssh-client wget xz-utils"):
		return "standard"
	}
	return "optional"
}

func dpkgStatus(m *Machine) string {
	var b strings.Builder
	for _, p := range m.packages() {
		b.WriteString(p.record() + "\n")
	}
	return b.String()
}

// packageFiles are the packages of programs that coreutils has not.
var packageFiles = map[string]string{
	"bash": "bash", "dash": "dash", "sh": "dash", "grep": "grep", "egrep": "grep", "fgrep": "grep", "sed": "sed", "tar": "tar", "gzip": "gzip", "gunzip": "gzip", "zcat": "gzip", "find": "findutils", "xargs": "findutils",
	"ps": "procps", "top": "procps", "free": "procps", "uptime": "procps", "vmstat": "procps", "w": "procps", "pgrep": "procps", "pkill": "procps", "kill": "procps", "sysctl": "procps", "mount": "mount", "umount": "mount",
	"ip": "iproute2", "ss": "iproute2", "ping": "iputils-ping", "curl": "curl", "wget": "wget", "crontab": "cron", "cron": "cron", "dpkg": "dpkg", "dpkg-query": "dpkg", "apt": "apt", "apt-get": "apt", "apt-cache": "apt",
	"ssh": "openssh-client", "scp": "openssh-client", "sftp": "openssh-client", "sshd": "openssh-server", "sudo": "sudo", "visudo": "sudo", "perl": "perl-base", "busybox": "busybox", "mawk": "mawk", "hostname": "hostname",
	"passwd": "passwd", "useradd": "passwd", "usermod": "passwd", "userdel": "passwd", "groupadd": "passwd", "chpasswd": "passwd", "adduser": "adduser", "deluser": "adduser", "addgroup": "adduser", "su": "util-linux", "lsblk": "util-linux", "lscpu": "util-linux",
	"dmesg": "util-linux", "script": "bsdutils", "logger": "bsdutils", "wall": "bsdutils", "iptables": "iptables", "systemctl": "systemd", "journalctl": "systemd", "hostnamectl": "systemd", "timedatectl": "systemd", "chattr": "e2fsprogs", "lsattr": "e2fsprogs",
}

// packageOf returns the package that a file belongs to, "" for none.
func (m *Machine) packageOf(c *call, file string) string {
	if !strings.HasPrefix(file, "/") {
		return ""
	}
	i, err := c.files().stat("stat", file, false)
	if err != nil || i.node.owner != nil {
		return ""
	}
	base := file[strings.LastIndexByte(file, '/')+1:]
	if pkg, ok := packageFiles[base]; ok {
		return pkg
	}
	for _, u := range coreutils {
		if slices.Contains(strings.Fields(u.programs), base) {
			return "coreutils"
		}
	}
	return ""
}
