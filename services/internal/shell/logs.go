package shell

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

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
		r := m.id.Rand("login " + l.from + strconv.FormatInt(l.in.UnixNano(), 10))
		pid, port := 1000+r.IntN(max(sh.pid-1000, 1)), 1024+r.IntN(60000)
		if sh.owns(l) {
			pid, port = sh.pid, int(sh.from.Port())
		}
		uid := sh.uid(l.user)
		if l.telnet {
			line(l.in, fmt.Sprintf("login[%d]: pam_unix(login:session): session opened for user %s(uid=%d) by LOGIN(uid=0)", pid, l.user, uid))
			continue
		}
		line(l.in, fmt.Sprintf("sshd[%d]: Accepted password for %s from %s port %d ssh2", pid, l.user, l.from, port))
		line(l.in, fmt.Sprintf("sshd[%d]: pam_unix(sshd:session): session opened for user %s(uid=%d) by (uid=0)", pid, l.user, uid))
		if !l.out.IsZero() {
			line(l.out, fmt.Sprintf("sshd[%d]: pam_unix(sshd:session): session closed for user %s", pid, l.user))
		}
	}
	return []byte(b.String())
}

// uid is the number of a user that has logged in. It asks the machine alone, because logs
// are read while the files of the log-in are locked.
func (sh *Shell) uid(user string) int {
	if a, ok := sh.m.known(user); ok {
		return a.uid
	}
	if user == sh.user.name {
		return sh.user.uid
	}
	return 1000 + len(sh.m.users())
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
