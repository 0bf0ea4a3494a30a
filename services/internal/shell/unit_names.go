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
