package shell

import (
	"crypto/sha512"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"time"

	"github.com/decnet/decnet/services"
)

// users are the accounts that people log in to, root first.
func (m *Machine) users() []account {
	shell := m.distro.loginShell()
	list := []account{{"root", 0, 0, "root", "/root", shell}}
	if m.distro.family == "arch" {
		list[0].gecos = ""
	}
	names := []string{m.distro.admin}
	for _, u := range m.opt.Users {
		if u = loginName(u); u != "root" && !slices.Contains(names, u) {
			names = append(names, u)
		}
	}
	for i, u := range names {
		gecos := ",,,"
		if i == 0 {
			gecos = strings.ToUpper(u[:1]) + u[1:]
		}
		list = append(list, account{u, 1000 + i, 1000 + i, gecos, "/home/" + u, shell})
	}
	return list
}

func (m *Machine) known(name string) (account, bool) {
	for _, a := range m.users() {
		if a.name == name {
			return a, true
		}
	}
	return account{}, false
}

const debianAccounts = `daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
games:x:5:60:games:/usr/games:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
news:x:9:9:news:/var/spool/news:/usr/sbin/nologin
uucp:x:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin
proxy:x:13:13:proxy:/bin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
list:x:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin
irc:x:39:39:ircd:/run/ircd:/usr/sbin/nologin
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin
systemd-timesync:x:997:997:systemd Time Synchronization:/:/usr/sbin/nologin
messagebus:x:100:107::/nonexistent:/usr/sbin/nologin
sshd:x:101:65534::/run/sshd:/usr/sbin/nologin
`

const rhelAccounts = `bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
adm:x:3:4:adm:/var/adm:/sbin/nologin
lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin
sync:x:5:0:sync:/sbin:/bin/sync
shutdown:x:6:0:shutdown:/sbin:/sbin/shutdown
halt:x:7:0:halt:/sbin:/sbin/halt
mail:x:8:12:mail:/var/spool/mail:/sbin/nologin
operator:x:11:0:operator:/root:/sbin/nologin
games:x:12:100:games:/usr/games:/sbin/nologin
ftp:x:14:50:FTP User:/var/ftp:/sbin/nologin
nobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin
dbus:x:81:81:System message bus:/:/sbin/nologin
polkitd:x:998:996:User for polkitd:/:/sbin/nologin
sshd:x:74:74:Privilege-separated SSH:/usr/share/empty.sshd:/sbin/nologin
chrony:x:997:995::/var/lib/chrony:/sbin/nologin
`

const alpineAccounts = `bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
adm:x:3:4:adm:/var/adm:/sbin/nologin
lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin
sync:x:5:0:sync:/sbin:/bin/sync
shutdown:x:6:0:shutdown:/sbin:/sbin/shutdown
halt:x:7:0:halt:/sbin:/sbin/halt
mail:x:8:12:mail:/var/mail:/sbin/nologin
news:x:9:13:news:/usr/lib/news:/sbin/nologin
uucp:x:10:14:uucp:/var/spool/uucppublic:/sbin/nologin
operator:x:11:0:operator:/root:/sbin/nologin
cron:x:16:16:cron:/var/spool/cron:/sbin/nologin
sshd:x:22:22:sshd:/dev/null:/sbin/nologin
ntp:x:123:123:NTP:/var/empty:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
`

func (m *Machine) systemAccounts() string {
	switch m.distro.family {
	case "debian":
		return debianAccounts
	case "alpine":
		return alpineAccounts
	}
	return rhelAccounts
}

// people are the users of the machine and the one that is logged in.
func (sh *Shell) people() []account {
	list := sh.m.users()
	if _, ok := sh.m.known(sh.user.name); !ok && sh.user.uid >= 1000 {
		list = append(list, sh.user)
	}
	return list
}

func passwdFile(sh *Shell) []byte {
	var b strings.Builder
	for i, a := range sh.people() {
		fmt.Fprintf(&b, "%s:x:%d:%d:%s:%s:%s\n", a.name, a.uid, a.gid, a.gecos, a.home, a.shell)
		if i == 0 {
			b.WriteString(sh.m.systemAccounts())
		}
	}
	return []byte(b.String())
}

func groupFile(sh *Shell) []byte {
	m := sh.m
	var b strings.Builder
	admin := m.distro.admin
	wheel := func(name string) string {
		if name == m.distro.wheel || name == "adm" && m.distro.family == "debian" {
			return admin
		}
		return ""
	}
	list := "root:0 daemon:1 bin:2 sys:3 adm:4 tty:5 disk:6 lp:7 mail:8 news:9 uucp:10 man:12 proxy:13 kmem:15 dialout:20 fax:21 voice:22 cdrom:24 floppy:25 tape:26 sudo:27 audio:29 dip:30 www-data:33 backup:34 operator:37 list:38 irc:39 src:40 shadow:42 utmp:43 video:44 sasl:45 plugdev:46 staff:50 games:60 users:100 nogroup:65534 systemd-journal:999 systemd-network:998 crontab:101 input:102 sgx:103 kvm:104 render:105 netdev:106 messagebus:107 _ssh:108"
	if m.distro.family != "debian" {
		list = "root:0 bin:1 daemon:2 sys:3 adm:4 tty:5 disk:6 lp:7 mem:8 kmem:9 wheel:10 cdrom:11 mail:12 man:15 dialout:18 floppy:19 games:20 utmp:22 tape:33 video:39 ftp:50 lock:54 audio:63 users:100 nobody:65534 dbus:81 utempter:35 input:999 kvm:36 render:998 systemd-journal:190 sshd:74"
	}
	for _, g := range strings.Fields(list) {
		name, gid, _ := strings.Cut(g, ":")
		fmt.Fprintf(&b, "%s:x:%s:%s\n", name, gid, wheel(name))
	}
	for _, a := range sh.people()[1:] {
		fmt.Fprintf(&b, "%s:x:%d:\n", a.name, a.gid)
	}
	return []byte(b.String())
}

func shadowFile(sh *Shell) []byte {
	m := sh.m
	day := m.installed().Unix() / 86400
	var b strings.Builder
	for i, a := range sh.people() {
		changed := day + int64(m.id.Rand("shadow:"+a.name).IntN(20))
		fmt.Fprintf(&b, "%s:%s:%d:0:99999:7:::\n", a.name, m.hash(a.name), changed)
		if i == 0 {
			for line := range strings.Lines(m.systemAccounts()) {
				name, _, _ := strings.Cut(line, ":")
				fmt.Fprintf(&b, "%s:*:%d:0:99999:7:::\n", name, day)
			}
		}
	}
	return []byte(b.String())
}

const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// hash returns a password hash for user in the form that the distribution uses. It
// belongs to no password.
func (m *Machine) hash(user string) string {
	r := m.id.Rand("hash:" + user)
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = crypt64[r.IntN(64)]
		}
		return string(b)
	}
	if m.distro.family == "debian" && m.distro.bash >= 501 {
		return "$y$j9T$" + random(22) + "$" + random(43)
	}
	return "$6$" + random(16) + "$" + random(86)
}

// sha512Text makes a salted hash of a password that an attacker sets.
func sha512Text(salt, password string) string {
	sum := sha512.Sum512([]byte(salt + "$" + password))
	var b strings.Builder
	for i := 0; i < len(sum) && b.Len() < 86; i++ {
		b.WriteByte(crypt64[sum[i]&63])
		b.WriteByte(crypt64[sum[i]>>2&63])
	}
	return "$6$" + salt + "$" + b.String()[:86]
}

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
	b.file("/etc/fstab", 0o644, text("# /etc/fstab: static file system information.\n#\n# <file system> <mount point>   <type>  <options>       <dump>  <pass>\nUUID="+m.hw.uuid+" /               "+m.rootFS()+"    errors=remount-ro 0       1\n/swapfile                                 none            swap    sw              0       0\n"))
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

func osRelease(r services.Release) string {
	var b strings.Builder
	line := func(k, v string, quote bool) {
		if v == "" {
			return
		}
		if quote {
			v = `"` + v + `"`
		}
		b.WriteString(k + "=" + v + "\n")
	}
	line("PRETTY_NAME", r.PrettyName, true)
	line("NAME", r.Name, true)
	line("VERSION_ID", r.VersionID, true)
	line("VERSION", r.Version, true)
	line("VERSION_CODENAME", r.Codename, false)
	line("ID", r.ID, strings.Contains(r.IDLike, "rhel") || r.ID == "rocky")
	line("ID_LIKE", r.IDLike, strings.Contains(r.IDLike, " ") || strings.Contains(r.IDLike, "fedora"))
	switch r.ID {
	case "debian":
		b.WriteString("HOME_URL=\"https://www.debian.org/\"\nSUPPORT_URL=\"https://www.debian.org/support\"\nBUG_REPORT_URL=\"https://bugs.debian.org/\"\n")
	case "ubuntu":
		b.WriteString("HOME_URL=\"https://www.ubuntu.com/\"\nSUPPORT_URL=\"https://help.ubuntu.com/\"\nBUG_REPORT_URL=\"https://bugs.launchpad.net/ubuntu/\"\nPRIVACY_POLICY_URL=\"https://www.ubuntu.com/legal/terms-and-policies/privacy-policy\"\nUBUNTU_CODENAME=" + r.Codename + "\n")
	case "rocky":
		b.WriteString("PLATFORM_ID=\"platform:el9\"\nANSI_COLOR=\"0;32\"\nLOGO=\"fedora-logo-icon\"\nCPE_NAME=\"cpe:/o:rocky:rocky:9::baseos\"\nHOME_URL=\"https://rockylinux.org/\"\n")
	case "alpine":
		b.WriteString("HOME_URL=\"https://alpinelinux.org/\"\nBUG_REPORT_URL=\"https://gitlab.alpinelinux.org/alpine/aports/-/issues\"\n")
	}
	return b.String()
}

func issue(r services.Release) string {
	switch r.ID {
	case "ubuntu":
		return r.PrettyName + ` \n \l` + "\n\n"
	case "debian":
		return "Debian GNU/Linux 12 \\n \\l\n\n"
	case "alpine":
		return "Welcome to Alpine Linux 3.19\nKernel \\r on an \\m (\\l)\n\n"
	case "kali":
		return "Kali GNU/Linux Rolling \\n \\l\n"
	case "arch":
		return "Arch Linux \\r (\\l)\n\n"
	}
	return "\\S\nKernel \\r on an \\m\n\n"
}

const debianMotd = `
The programs included with the Debian GNU/Linux system are free software;
the exact distribution terms for each program are described in the
individual files in /usr/share/doc/*/copyright.

Debian GNU/Linux comes with ABSOLUTELY NO WARRANTY, to the extent
permitted by applicable law.
`

const alpineMotd = `Welcome to Alpine!

The Alpine Wiki contains a large amount of how-to guides and general
information about administrating Alpine systems.
See <https://wiki.alpinelinux.org/>.

You can setup the system with the command: setup-alpine

You may change this message by editing /etc/motd.

`

func (m *Machine) motdFile() string {
	switch m.release.ID {
	case "debian":
		return debianMotd
	case "alpine":
		return alpineMotd
	}
	return ""
}

// Motd returns what the distribution prints at log-in, with line feeds, "" when nothing.
func (sh *Shell) Motd() string {
	m := sh.m
	release, version := m.kernel()
	switch m.release.ID {
	case "debian":
		return "Linux " + m.shortName() + " " + release + " " + version + " x86_64\n" + debianMotd
	case "kali":
		return "Linux " + m.shortName() + " " + release + " " + version + " x86_64\n" + debianMotd
	case "ubuntu":
		return m.ubuntuMotd(release)
	case "alpine":
		return alpineMotd
	}
	return ""
}

func (m *Machine) ubuntuMotd(kernel string) string {
	now := m.now().UTC()
	r := m.id.Rand("motd")
	tasks := len(m.daemons())
	usage := float64(m.diskUsedKB()) / float64(m.diskKB()) * 100
	left := fmt.Sprintf("  System load:  %-20s", fmt.Sprintf("%.2f", m.load(now)))
	lines := []string{
		left + fmt.Sprintf("Processes:             %d", tasks+60),
		fmt.Sprintf("  Usage of /:   %-20sUsers logged in:       0", fmt.Sprintf("%.1f%% of %.2fGB", usage, float64(m.diskKB())/(1<<20))),
		fmt.Sprintf("  Memory usage: %-20sIPv4 address for %s: %s", fmt.Sprintf("%d%%", 10+r.IntN(25)), m.hw.nic, m.hw.addr.Addr()),
		"  Swap usage:   0%",
	}
	v := "20.04.6 LTS"
	docs := " * Documentation:  https://help.ubuntu.com\n * Management:     https://landscape.canonical.com\n * Support:        https://ubuntu.com/pro\n"
	if m.release.Codename == "jammy" {
		v = "22.04.5 LTS"
	}
	return "Welcome to Ubuntu " + v + " (GNU/Linux " + kernel + " x86_64)\n\n" + docs + "\n  System information as of " + now.Format("Mon Jan _2 03:04:05 PM UTC 2006") + "\n\n" +
		strings.Join(lines, "\n") + "\n\n\nExpanded Security Maintenance for Applications is not enabled.\n\n" +
		strconv.Itoa(r.IntN(60)) + " updates can be applied immediately.\nTo see these additional updates run: apt list --upgradable\n\nEnable ESM Apps to receive additional future security updates.\nSee https://ubuntu.com/esm or run: sudo pro status\n\n\n"
}

// load is the load average of the last minute.
func (m *Machine) load(now time.Time) float64 {
	r := m.id.Rand("load " + strconv.FormatInt(now.Unix()/60, 10))
	return float64(r.IntN(12)) / 100
}

const crontab = `# /etc/crontab: system-wide crontab
# Unlike any other crontab you don't have to run the ` + "`crontab'" + `
# command to install the new version when you edit this file
# and files in /etc/cron.d. These files also have username fields,
# that none of the other crontabs do.

SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

17 *	* * *	root	cd / && run-parts --report /etc/cron.hourly
25 6	* * *	root	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
47 6	* * 7	root	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }
52 6	1 * *	root	test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.monthly; }
#
`

const sshdConfig = `# This is the sshd server system-wide configuration file.  See
# sshd_config(5) for more information.

Include /etc/ssh/sshd_config.d/*.conf

#Port 22
#AddressFamily any
#ListenAddress 0.0.0.0

PermitRootLogin yes
PubkeyAuthentication yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem	sftp	/usr/lib/openssh/sftp-server
`

const profile = `# /etc/profile: system-wide .profile file for the Bourne shell (sh(1))
# and Bourne compatible shells (bash(1), ksh(1), ash(1), ...).

if [ "$(id -u)" -eq 0 ]; then
  PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
else
  PATH="/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
fi
export PATH
`

const bashBashrc = `# System-wide .bashrc file for interactive bash(1) shells.

# If not running interactively, don't do anything
[ -z "$PS1" ] && return

# check the window size after each command and, if necessary,
# update the values of LINES and COLUMNS.
shopt -s checkwinsize
`

// mirror is where packages come from: a host of the site, as on machines that cannot reach
// the internet.
func (m *Machine) mirror() string {
	if m.id.Domain == "" {
		return "mirror.internal"
	}
	return "mirror." + m.id.Domain
}

// repositories are the lines of sources.list without "deb" and the sections.
func (m *Machine) repositories() []string {
	base, suite := "http://"+m.mirror()+"/"+m.release.ID, m.release.Codename
	if m.release.ID == "kali" {
		return []string{base + " " + suite}
	}
	return []string{base + " " + suite, base + " " + suite + "-updates", base + "-security " + suite + "-security"}
}

func (m *Machine) sources() string {
	sections := map[string]string{
		"ubuntu": " main restricted universe multiverse\n",
		"kali":   " main contrib non-free non-free-firmware\n",
		"debian": " main non-free-firmware\n",
	}[m.release.ID]
	var b strings.Builder
	for _, r := range m.repositories() {
		b.WriteString("deb " + r + sections)
	}
	return b.String()
}

// logs of a machine that is used a little every day.
func (m *Machine) logs(b *builder) {
	auth, sys := "/var/log/auth.log", "/var/log/syslog"
	if m.distro.family != "debian" {
		auth, sys = "/var/log/secure", "/var/log/messages"
	}
	adm := 4
	b.file(auth, 0o640, made(authLog)).at(timeNow, 0, adm)
	b.file(sys, 0o640, made(sysLog)).at(timeNow, 0, adm)
	b.file("/var/log/kern.log", 0o640, made(func(sh *Shell) []byte { return []byte(sh.m.dmesg()) })).at(timeBoot, 0, adm)
	b.file("/var/log/dmesg", 0o640, made(func(sh *Shell) []byte { return []byte(sh.m.dmesg()) })).at(timeBoot, 0, adm)
	b.file("/var/log/wtmp", 0o664, made(func(sh *Shell) []byte { return make([]byte, 384*(3+len(sh.m.adminLogins()))) })).at(timeNow, 0, 43)
	b.file("/var/log/btmp", 0o660, made(func(sh *Shell) []byte { return make([]byte, 384*40) })).at(timeNow, 0, 43)
	b.file("/var/log/lastlog", 0o664, made(func(sh *Shell) []byte { return make([]byte, 292*3) })).at(timeNow, 0, 43)
	b.file("/run/utmp", 0o664, made(func(sh *Shell) []byte { return make([]byte, 384*3) })).at(timeNow, 0, 43)
	b.link("/var/run", "/run")
	b.file("/run/sshd.pid", 0o644, text(strconv.Itoa(m.sshdPID())+"\n")).mtime = timeBoot
	if m.distro.family == "debian" {
		b.file("/var/log/dpkg.log", 0o644, text("")).mtime = b.when
		b.file("/var/log/apt/history.log", 0o644, text(""))
	}
	b.dir("/var/log/journal/"+m.hw.machine, 0o755)
}

var bannedNames = []string{"admin", "test", "oracle", "ubuntu", "postgres", "git", "ftpuser", "user", "deploy", "guest"}

func authLog(sh *Shell) []byte {
	m := sh.m
	now := m.now().UTC()
	var b strings.Builder
	host := m.shortName()
	start := now.Truncate(time.Hour).Add(-20 * time.Hour)
	line := func(t time.Time, text string) {
		b.WriteString(t.Format("Jan _2 15:04:05") + " " + host + " " + text + "\n")
	}
	for h := start; h.Before(now); h = h.Add(time.Hour) {
		r := m.id.Rand("auth " + strconv.FormatInt(h.Unix(), 10))
		at := h
		for range r.IntN(4) {
			at = at.Add(time.Duration(r.IntN(240)) * time.Second)
			pid := 1000 + r.IntN(30000)
			line(at, fmt.Sprintf("sshd[%d]: Failed password for invalid user %s from %s port %d ssh2", pid, bannedNames[r.IntN(len(bannedNames))], publicAddr(r), 1024+r.IntN(60000)))
		}
		if cron := h.Add(17*time.Minute + time.Second); cron.Before(now) {
			pid := 1000 + r.IntN(30000)
			line(cron, fmt.Sprintf("CRON[%d]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", pid))
			line(cron, fmt.Sprintf("CRON[%d]: pam_unix(cron:session): session closed for user root", pid))
		}
	}
	a := sh.attacker
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.logins {
		pid := sh.pid
		line(l.in, fmt.Sprintf("sshd[%d]: Accepted password for %s from %s port %d ssh2", pid, l.user, l.from, sh.from.Port()))
		line(l.in, fmt.Sprintf("sshd[%d]: pam_unix(sshd:session): session opened for user %s by (uid=0)", pid, l.user))
	}
	return []byte(b.String())
}

func publicAddr(r *rand.Rand) string {
	return fmt.Sprintf("%d.%d.%d.%d", []int{45, 61, 91, 103, 141, 159, 185, 193, 218}[r.IntN(9)], r.IntN(256), r.IntN(256), 1+r.IntN(254))
}

func sysLog(sh *Shell) []byte {
	m := sh.m
	now := m.now().UTC()
	var b strings.Builder
	host := m.shortName()
	for h := now.Truncate(time.Hour).Add(-20 * time.Hour); h.Before(now); h = h.Add(time.Hour) {
		r := m.id.Rand("syslog " + strconv.FormatInt(h.Unix(), 10))
		for _, l := range []struct {
			after time.Duration
			text  string
		}{
			{17*time.Minute + time.Second, fmt.Sprintf("CRON[%d]: (root) CMD (cd / && run-parts --report /etc/cron.hourly)", 1000+r.IntN(30000))},
			{time.Duration(20+r.IntN(10)) * time.Minute, "systemd[1]: Starting fstrim.service - Discard unused blocks on filesystems from /etc/fstab..."},
			{time.Duration(31+r.IntN(10)) * time.Minute, "systemd[1]: logrotate.service: Deactivated successfully."},
			{time.Duration(45+r.IntN(10)) * time.Minute, "systemd[1]: Finished apt-daily.service - Daily apt download activities."},
		} {
			if at := h.Add(l.after); at.Before(now) {
				b.WriteString(at.Format("Jan _2 15:04:05") + " " + host + " " + l.text + "\n")
			}
		}
	}
	return []byte(b.String())
}

// adminLogins are the log-ins of the machine's owner, latest first.
func (m *Machine) adminLogins() []login {
	r := m.id.Rand("admin logins")
	now := m.now()
	base := m.hw.addr.Masked().Addr().As4()
	if m.hw.addr.Addr().Is6() {
		base = [4]byte{10, 0, 0, 0}
	}
	from := fmt.Sprintf("%d.%d.%d.%d", base[0], base[1], base[2], 2+r.IntN(250))
	var out []login
	at := now.Truncate(24 * time.Hour)
	for range 6 {
		at = at.Add(-time.Duration(1+r.IntN(6)) * 24 * time.Hour)
		in := at.Add(time.Duration(8+r.IntN(9))*time.Hour + time.Duration(r.IntN(3600))*time.Second)
		if in.Before(m.installed()) {
			break
		}
		out = append(out, login{user: m.distro.admin, tty: "pts/0", from: from, in: in, out: in.Add(time.Duration(2+r.IntN(90)) * time.Minute)})
	}
	if len(out) == 0 {
		out = append(out, login{user: m.distro.admin, tty: "pts/0", from: from, in: m.installed(), out: m.installed().Add(time.Hour)})
	}
	return out
}

// diskKB is the size of the root file system.
func (m *Machine) diskKB() int64 { return int64(m.hw.diskGB)<<20 - int64(m.hw.diskGB)*54000 }

func (m *Machine) diskUsedKB() int64 {
	return 2_100_000 + m.id.Rand("disk").Int64N(m.diskKB()/2)
}
