package shell

// describeUnit is the description in the file of a service.
func describeUnit(unit string) string {
	if s, ok := map[string]string{
		"ssh": "OpenBSD Secure Shell server", "sshd": "OpenSSH server daemon", "cron": "Regular background program processing daemon", "crond": "Command Scheduler", "dbus": "D-Bus System Message Bus", "dbus-broker": "D-Bus System Message Bus",
		"getty@tty1": "Getty on tty1", "rsyslog": "System Logging Service", "systemd-journald": "Journal Service", "systemd-logind": "User Login Management", "systemd-udevd": "Rule-based Manager for Device Events and Files",
		"auditd": "Security Auditing Service", "chronyd": "NTP client/server", "firewalld": "firewalld - dynamic firewall daemon", "NetworkManager": "Network Manager", "nginx": "A high performance web server and a reverse proxy server",
		"mariadb": "MariaDB 10.11.11 database server", "redis-server": "Advanced key-value store", "vsftpd": "vsftpd FTP server", "postfix": "Postfix Mail Transport Agent",
	}[unit]; ok {
		return s
	}
	return unit + ".service"
}

// mainProcess returns the process of a service, that of sshd when it has none of its own.
func (c *call) mainProcess(unit string) (pid int, name string) {
	want, ok := map[string]string{"ssh": "sshd", "dbus": "dbus-daemon", "getty@tty1": "agetty", "rsyslog": "rsyslogd", "mariadb": "mariadbd", "postfix": "master", "dbus-broker": "dbus-broker-launch"}[unit]
	if !ok {
		want = unit
	}
	for _, p := range c.sh.processes() {
		if n := p.comm(); n == want && p.ppid == 1 {
			return p.pid, n
		}
	}
	return c.sh.m.sshdPID(), want
}
