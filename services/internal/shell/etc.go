package shell

import (
	"strings"

	"github.com/decnet/decnet/services"
)

func (m *Machine) etc(b *builder) {
	r := m.release
	b.file("/etc/passwd", 0o644, made(passwdFile))
	b.file("/etc/passwd-", 0o644, made(passwdFile))
	b.file("/etc/group", 0o644, made(groupFile))
	shadow := b.file("/etc/shadow", 0o640, made(shadowFile))
	shadow.gid = 42
	if m.distro.family != "debian" {
		shadow.mode, shadow.gid = 0, 0
	}
	b.file("/etc/shadow-", shadow.mode, made(shadowFile)).gid = shadow.gid
	b.file("/etc/hostname", 0o644, text(m.hostname()+"\n"))
	b.file("/etc/hosts", 0o644, text(m.hosts()))
	osRelease := b.file("/usr/lib/os-release", 0o644, text(osRelease(r)))
	osRelease.mtime = b.when - 4_000_000
	b.link("/etc/os-release", "../usr/lib/os-release")
	b.file("/etc/machine-id", 0o444, text(m.hw.machine+"\n"))
	b.file("/etc/resolv.conf", 0o644, text("nameserver "+m.hw.dns+"\n"+domainLine(m.id)))
	b.file("/etc/fstab", 0o644, text("# /etc/fstab: static file system information.\n#\n# <file system> <mount point>   <type>  <options>       <dump>  <pass>\nUUID="+m.hw.uuid+" /               "+m.rootFS()+"    errors=remount-ro 0       1\n"))
	b.file("/etc/shells", 0o644, text("# /etc/shells: valid login shells\n/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/rbash\n/usr/bin/rbash\n/usr/bin/sh\n/bin/dash\n/usr/bin/dash\n"))
	b.file("/etc/crontab", 0o644, text(crontab))
	b.file("/etc/cron.d/e2scrub_all", 0o644, text("30 3 * * 0 root test -e /run/systemd/system || SERVICE_MODE=1 /usr/lib/x86_64-linux-gnu/e2fsprogs/e2scrub_all_cron\n"))
	b.file("/etc/cron.daily/logrotate", 0o755, text("#!/bin/sh\n\n# skip in favour of systemd timer\nif [ -d /run/systemd/system ]; then\n    exit 0\nfi\n\n/usr/sbin/logrotate /etc/logrotate.conf\n"))
	for _, d := range []string{"hourly", "weekly", "monthly"} {
		b.dir("/etc/cron."+d, 0o755)
	}
	b.file("/etc/ssh/sshd_config", 0o644, text(sshdConfig))
	b.file("/etc/ssh/ssh_config", 0o644, text("Include /etc/ssh/ssh_config.d/*.conf\n\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n"))
	b.dir("/etc/ssh/sshd_config.d", 0o755)
	m.sshFiles(b)
	b.file("/etc/sudoers", 0o440, text("Defaults\tenv_reset\nDefaults\tmail_badpass\nDefaults\tsecure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nroot\tALL=(ALL:ALL) ALL\n%"+m.distro.wheel+"\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"))
	b.dir("/etc/sudoers.d", 0o750)
	b.file("/etc/login.defs", 0o644, text("MAIL_DIR        /var/mail\nFAILLOG_ENAB            yes\nLOG_UNKFAIL_ENAB        no\nLOG_OK_LOGINS           no\nUMASK           022\nPASS_MAX_DAYS   99999\nPASS_MIN_DAYS   0\nPASS_WARN_AGE   7\nUID_MIN                  1000\nUID_MAX                 60000\nENCRYPT_METHOD YESCRYPT\n"))
	b.file("/etc/profile", 0o644, text(profile))
	b.file("/etc/environment", 0o644, text("PATH=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games:/usr/local/games\"\n"))
	b.file("/etc/nsswitch.conf", 0o644, text("passwd:         files systemd\ngroup:          files systemd\nshadow:         files\ngshadow:        files\n\nhosts:          files dns\nnetworks:       files\n\nprotocols:      db files\nservices:       db files\nethers:         db files\nrpc:            db files\n\nnetgroup:       nis\n"))
	b.file("/etc/sysctl.conf", 0o644, text("#\n# /etc/sysctl.conf - Configuration file for setting system variables\n#\nnet.ipv4.ip_forward=0\nvm.swappiness=60\n"))
	b.file("/etc/timezone", 0o644, text("Etc/UTC\n"))
	b.link("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
	b.file("/usr/share/zoneinfo/Etc/UTC", 0o644, text("TZif2\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	b.file("/etc/inputrc", 0o644, text("set input-meta on\nset output-meta on\n"))
	b.file("/etc/ld.so.conf", 0o644, text("include /etc/ld.so.conf.d/*.conf\n\n"))
	b.file("/etc/services", 0o644, text("ftp\t\t21/tcp\nssh\t\t22/tcp\ntelnet\t\t23/tcp\nsmtp\t\t25/tcp\t\tmail\ndomain\t\t53/tcp\ndomain\t\t53/udp\nhttp\t\t80/tcp\t\twww\npop3\t\t110/tcp\nntp\t\t123/udp\nimap2\t\t143/tcp\nhttps\t\t443/tcp\nmysql\t\t3306/tcp\npostgresql\t5432/tcp\nredis\t\t6379/tcp\n"))
	b.file("/etc/protocols", 0o644, text("ip\t0\tIP\nicmp\t1\tICMP\ntcp\t6\tTCP\nudp\t17\tUDP\n"))
	for _, d := range strings.Fields("/etc/init.d /etc/rc.d /etc/network /etc/profile.d /etc/security /etc/systemd/system /etc/default /etc/logrotate.d /etc/pam.d /etc/skel /etc/udev/rules.d /etc/modprobe.d /etc/ld.so.conf.d /etc/ssl/certs /etc/ssl/private") {
		b.dir(d, 0o755)
	}
	switch r.ID {
	case "debian", "kali":
		b.file("/etc/debian_version", 0o644, text(map[string]string{"debian": "12.11\n", "kali": "kali-rolling\n"}[r.ID]))
	case "ubuntu":
		b.file("/etc/debian_version", 0o644, text(map[string]string{"jammy": "bookworm/sid\n", "focal": "bullseye/sid\n"}[r.Codename]))
		b.file("/etc/lsb-release", 0o644, text("DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE="+r.VersionID+"\nDISTRIB_CODENAME="+r.Codename+"\nDISTRIB_DESCRIPTION=\""+r.PrettyName+"\"\n"))
	case "rocky":
		b.file("/etc/redhat-release", 0o644, text("Rocky Linux release "+r.Version+"\n"))
	case "centos":
		b.file("/etc/redhat-release", 0o644, text("CentOS Linux release 7.9.2009 (Core)\n"))
	case "fedora":
		b.file("/etc/redhat-release", 0o644, text("Fedora release 39 (Thirty Nine)\n"))
	case "alpine":
		b.file("/etc/alpine-release", 0o644, text(r.VersionID+"\n"))
	case "arch":
		b.file("/etc/arch-release", 0o644, text(""))
	}
	if m.distro.family == "rhel" {
		b.link("/etc/system-release", "redhat-release")
	}
	b.file("/etc/issue", 0o644, text(issue(r)))
	b.file("/etc/issue.net", 0o644, text(strings.TrimSuffix(strings.NewReplacer(` \n \l`, "", "\n\n", "\n").Replace(issue(r)), "\n")+"\n"))
	b.file("/etc/motd", 0o644, text(m.motdFile()))
	if m.distro.family == "debian" {
		b.file("/etc/bash.bashrc", 0o644, text(bashBashrc))
		b.file("/etc/apt/sources.list", 0o644, text(m.sources()))
		b.file("/var/lib/dpkg/status", 0o644, made(func(sh *Shell) []byte { return []byte(dpkgStatus(sh.m)) }))
		b.file("/etc/network/interfaces", 0o644, text("source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nallow-hotplug "+m.hw.nic+"\niface "+m.hw.nic+" inet static\n\taddress "+m.hw.addr.String()+"\n\tgateway "+m.hw.gateway.String()+"\n"))
	}
}

func domainLine(id services.Identity) string {
	if id.Domain == "" {
		return ""
	}
	return "search " + id.Domain + "\n"
}

func (m *Machine) rootFS() string {
	if m.distro.family == "rhel" {
		return "xfs"
	}
	return "ext4"
}

func (m *Machine) hosts() string {
	names := m.shortName()
	if fq := m.id.FQDN(); fq != names {
		names = fq + "\t" + names
	}
	if m.distro.family != "debian" {
		return "127.0.0.1   localhost localhost.localdomain localhost4 localhost4.localdomain4\n::1         localhost localhost.localdomain localhost6 localhost6.localdomain6\n"
	}
	return "127.0.0.1\tlocalhost\n127.0.1.1\t" + names + "\n\n# The following lines are desirable for IPv6 capable hosts\n::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n"
}
