package shell

// buildPrograms returns the programs of the machine by the name of their file.
func buildPrograms() map[string]program {
	return map[string]program{
		// Files.
		"ls": progLs, "cat": progCat, "cp": progCp, "mv": progMv, "rm": progRm, "mkdir": progMkdir, "rmdir": progRmdir, "ln": progLn, "touch": progTouch,
		"chmod": progChmod, "chown": progChown, "chgrp": progChown, "chattr": progChattr, "lsattr": progLsattr, "stat": progStat, "file": progFile,
		"find": progFind, "du": progDu, "df": progDf, "readlink": progReadlink, "realpath": progReadlink, "basename": progBasename, "dirname": progBasename,
		"mktemp": progMktemp, "tee": progTee, "dd": progDd, "sync": progSync, "mkfifo": progMknod, "mknod": progMknod, "tar": progTar, "gzip": progGzip, "gunzip": progGzip, "zcat": progGzip,
		// Text.
		"head": progHead, "tail": progHead, "grep": progGrep, "egrep": progGrep, "fgrep": progGrep, "sed": progSed, "awk": progAwk, "sort": progSort, "uniq": progUniq,
		"wc": progWc, "cut": progCut, "tr": progTr, "xargs": progXargs, "seq": progSeq, "yes": progYes, "base64": progBase64, "base32": progBase64, "md5sum": progSum,
		"sha1sum": progSum, "sha256sum": progSum, "sha512sum": progSum, "xxd": progXxd, "hexdump": progHexdump, "hd": progHexdump, "od": progOd, "strings": progStrings,
		"tac": progReverse, "rev": progReverse, "nl": progReverse, "shuf": progReverse, "diff": progDiff, "cmp": progDiff, "less": progCat, "more": progCat, "expr": progExpr,
		"echo": asProgram("echo"), "printf": asProgram("printf"), "pwd": asProgram("pwd"), "true": asProgram("true"), "false": asProgram("false"), "test": asProgram("test"), "[": asProgram("["),
		"paste": progPaste, "comm": progComm, "column": progColumn, "fold": progFold, "expand": progExpand, "unexpand": progExpand, "truncate": progTruncate, "fallocate": progTruncate,
		"link": progLink, "unlink": progLink, "split": progSplit, "cksum": progCksum, "sum": progCksum, "sha224sum": progSum, "sha384sum": progSum, "factor": progFactor,
		"dir": progDir, "vdir": progDir, "rgrep": progRgrep, "pager": progCat, "ldd": progLdd, "ld": progLoader,
		// System.
		"uname": progUname, "id": progID, "groups": progGroups, "whoami": progWhoami, "logname": progWhoami, "hostname": progHostname, "hostnamectl": progHostnamectl, "uptime": progUptime,
		"w": progW, "who": progWho, "users": progUsers, "last": progLast, "lastb": progLast, "lastlog": progLastlog, "free": progFree, "ps": progPs, "top": progTop, "pgrep": progPgrep,
		"pkill": progPgrep, "killall": progKillall, "pidof": progPidof, "kill": progKill, "nproc": progNproc, "lscpu": progLscpu, "dmesg": progDmesg, "dmidecode": progDmidecode,
		"lspci": progLspci, "lsmod": progLsmod, "modprobe": progModprobe, "insmod": progModprobe, "rmmod": progModprobe, "mount": progMount, "umount": progUmount, "lsblk": progLsblk,
		"fdisk": progFdisk, "blkid": progBlkid, "date": progDate, "sleep": progSleep, "usleep": progSync, "timeout": progTimeout, "nohup": progRun, "nice": progRun, "setsid": progRun, "stdbuf": progRun,
		"ionice": progRun, "taskset": progRun, "flock": progRun, "setarch": progRun, "linux32": progRun, "linux64": progRun, "i386": progRun,
		"vmstat": progVmstat, "timedatectl": progTimedatectl, "systemd-detect-virt": progDetectVirt, "mountpoint": progMountpoint, "ipcs": progIpcs, "mcookie": progMcookie,
		"mesg": progMesg, "tput": progTput, "script": progScript, "env": progEnv, "printenv": progPrintenv, "which": progWhich, "whereis": progWhereis, "tty": progTty, "clear": progClear, "reset": progClear, "stty": progStty,
		"sysctl": progSysctl, "getconf": progGetconf, "arch": progArch, "locale": progLocale, "getent": progGetent, "reboot": progReboot, "shutdown": progReboot, "poweroff": progReboot,
		"halt": progReboot, "init": progReboot, "telinit": progReboot, "logger": progLogger, "wall": progWall,
		// Network.
		"ip": progIP, "ifconfig": progIfconfig, "route": progRoute, "arp": progArp, "ss": progSs, "netstat": progNetstat, "wget": progWget, "curl": progCurl, "tftp": progFetch,
		"ftpget": progFetch, "ftpput": progFetch, "ftp": progClient, "scp": progClient, "sftp": progClient, "ssh": progClient, "rsync": progClient, "telnet": progClient, "nc": progClient,
		"netcat": progClient, "ping": progPing, "nslookup": progLookup, "dig": progLookup, "host": progLookup, "iptables": progIptables, "ip6tables": progIptables,
		"sshd": progSshd, "iptables-save": progIptablesSave, "iptables-restore": progWall, "ufw": progUfw,
		// Administration.
		"crontab": progCrontab, "systemctl": progSystemctl, "service": progService, "journalctl": progJournalctl, "apt": progApt, "apt-get": progApt, "apt-cache": progApt, "dpkg": progDpkg,
		"dpkg-query": progDpkg, "yum": progYum, "dnf": progYum, "rpm": progRpm, "apk": progApk, "pacman": progPacman, "passwd": progPasswd, "chpasswd": progChpasswd, "useradd": progUseradd,
		"adduser": progUseradd, "userdel": progUserdel, "deluser": progUserdel, "usermod": progUsermod, "groupadd": progGroupadd, "addgroup": progGroupadd, "su": progSu, "sudo": progSudo, "visudo": progVisudo,
		"screen": progScreen, "tmux": progScreen, "docker": progDocker, "perl": progPerl, "busybox": progBusybox,
		"bash": progShell(bash), "dash": progShell(dash), "ash": progShell(ash), "zsh": progShell(zsh),
	}
}

// asProgram makes a program of a builtin of the shell.
func asProgram(name string) program {
	return func(c *call) int { return c.sh.m.builtins[name](c.interp, append([]string{name}, c.args[1:]...)) }
}

// placement says which distributions have a program: "" all of them, "-" none by that
// name, otherwise families or os-release ids.
var placement = map[string]string{
	"bash": "-", "dash": "-", "ash": "-", "zsh": "-", "awk": "-", "busybox": "debian", "apt": "debian", "apt-get": "debian", "apt-cache": "debian", "dpkg": "debian", "dpkg-query": "debian",
	"adduser": "debian", "deluser": "debian", "addgroup": "debian", "yum": "rhel", "dnf": "rocky,fedora", "rpm": "rhel", "apk": "-", "pacman": "arch", "ufw": "ubuntu", "docker": "-", "tftp": "-", "ftpget": "-", "ftpput": "-",
	"ftp": "-", "telnet": "debian", "netstat": "centos,debian,kali", "ifconfig": "centos,debian,kali", "route": "centos,debian,kali", "arp": "centos,debian,kali", "iptables": "debian,rhel",
	"nc": "debian", "netcat": "debian", "rsync": "debian", "dig": "rhel", "nslookup": "rhel", "host": "rhel", "usleep": "-", "tmux": "ubuntu", "screen": "ubuntu", "hd": "debian", "visudo": "", "journalctl": "", "xxd": "debian,rhel", "strings": "rhel,kali",
	"ld": "-", "lastb": "", "init": "", "telinit": "", "hostnamectl": "", "[": "", "service": "debian,rhel",
}

var systemPrograms = set("sshd ifconfig route arp iptables ip6tables iptables-save iptables-restore dmidecode lsmod modprobe insmod rmmod fdisk blkid useradd adduser userdel deluser usermod groupadd addgroup chpasswd visudo sysctl reboot shutdown poweroff halt init telinit ufw service")

var setuid = set("su sudo passwd mount umount ping")

// alpinePrograms are those of Alpine: the directory of the busybox link, "" for a program
// of its own.
var alpinePrograms = func() map[string]string {
	m := map[string]string{"ssh": "", "sshd": "", "scp": "", "sftp": ""}
	for _, n := range []string{"ls", "cat", "cp", "mv", "rm", "mkdir", "rmdir", "ln", "touch", "chmod", "chown", "chgrp", "chattr", "lsattr", "stat", "df", "mktemp", "tar", "gzip", "gunzip", "zcat", "grep", "egrep", "fgrep", "sed", "dd", "sync", "mknod", "uname", "hostname", "ps", "kill", "pidof", "mount", "umount", "date", "sleep", "usleep", "su", "echo", "printenv", "pwd", "true", "false", "base64", "ping", "netstat", "login", "ash", "nice", "ionice", "arch", "getopt", "more", "stty", "dmesg"} {
		m[n] = "/bin"
	}
	for _, n := range []string{"ifconfig", "route", "ip", "arp", "lsmod", "modprobe", "insmod", "rmmod", "fdisk", "blkid", "reboot", "poweroff", "halt", "init", "sysctl"} {
		m[n] = "/sbin"
	}
	for _, n := range []string{"head", "tail", "awk", "sort", "uniq", "wc", "cut", "tr", "tee", "xargs", "seq", "yes", "md5sum", "sha1sum", "sha256sum", "sha512sum", "xxd", "hexdump", "hd", "od", "strings", "tac", "rev", "nl", "shuf", "diff", "cmp", "less", "expr", "printf", "test", "[", "id", "groups", "whoami", "logname", "uptime", "w", "who", "last", "free", "top", "pgrep", "pkill", "killall", "nproc", "timeout", "nohup", "setsid", "env", "which", "tty", "clear", "reset", "find", "du", "readlink", "realpath", "basename", "dirname", "crontab", "passwd", "chpasswd", "wget", "tftp", "ftpget", "ftpput", "telnet", "nc", "nslookup", "logger", "wall", "mkfifo", "adduser", "deluser", "addgroup"} {
		m[n] = "/usr/bin"
	}
	return m
}()
