package shell

import (
	"fmt"
	"slices"
	"strings"
)

// users are the accounts that people log in to, root first. The caller must not change
// the list.
func (m *Machine) users() []account { return *m.people.Load() }

// setUsers makes the accounts of root, the administrator and those that are named.
func (m *Machine) setUsers(more []string) {
	shell := m.distro.loginShell()
	list := []account{{"root", 0, 0, "root", "/root", shell}}
	if m.distro.family == "arch" {
		list[0].gecos = ""
	}
	names := []string{m.distro.admin}
	for _, u := range more {
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
	list = slices.Clip(list)
	m.people.Store(&list)
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
			b.WriteString(sh.m.systemAccounts() + sh.m.serverAccounts())
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
	for _, a := range parseAccounts([]byte(m.serverAccounts())) {
		fmt.Fprintf(&b, "%s:x:%d:\n", a.name, a.gid)
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
			for line := range strings.Lines(m.systemAccounts() + m.serverAccounts()) {
				name, _, _ := strings.Cut(line, ":")
				fmt.Fprintf(&b, "%s:*:%d:0:99999:7:::\n", name, day)
			}
		}
	}
	return []byte(b.String())
}
