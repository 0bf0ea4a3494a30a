package shell

import (
	"slices"
	"strings"
)

// busybox reports whether the program was called as an applet.
func (c *call) busybox() bool { return c.applet || c.alpine() }

func (c *call) busyboxUsage(name, synopsis, what string) string {
	return c.sh.m.busyboxName() + "\n\nUsage: " + name + " " + synopsis + "\n\n" + what
}

func (m *Machine) busyboxName() string {
	if m.distro.busybox == "" {
		return "BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary."
	}
	return m.distro.busybox
}

const applets = "[ [[ acpid adjtimex ar arch arp arping ascii ash awk base64 basename bc blkdiscard blkid blockdev brctl bunzip2 busybox bzcat bzip2 cal cat chgrp chmod chown chpasswd chroot chvt clear cmp cp cpio crc32 crond crontab cttyhack cut date dc dd deallocvt depmod devmem df diff dirname dmesg dnsdomainname dos2unix du dumpkmap dumpleases echo ed egrep env expand expr factor fallocate false fatattr fdisk fgrep find fold free freeramdisk fsfreeze fstrim ftpget ftpput getopt getty grep groups gunzip gzip halt head hexdump hostid hostname httpd hwclock i2cdetect i2cdump i2cget i2cset id ifconfig ifdown ifup init insmod ionice ip ipcalc ipneigh iproute kill killall klogd last less link linux32 linux64 linuxrc ln loadfont loadkmap logger login logname logread losetup ls lsmod lsscsi lzcat lzma lzop md5sum mdev microcom mim mkdir mkdosfs mke2fs mkfifo mknod mkpasswd mkswap mktemp modinfo modprobe more mount mt mv nameif nc netstat nl nologin nproc nslookup nuke od openvt partprobe passwd paste patch pidof ping ping6 pivot_root poweroff printf ps pwd rdate readlink realpath reboot renice reset resume rev rm rmdir rmmod route rpm rpm2cpio run-init run-parts sed seq setkeycodes setpriv setsid sh sha1sum sha256sum sha3sum sha512sum shred shuf sleep sort ssl_client start-stop-daemon stat static-sh strings stty su sulogin svc svok swapoff swapon switch_root sync sysctl syslogd tac tail tar taskset tc tee telnet telnetd test tftp time timeout top touch tr traceroute traceroute6 true truncate ts tty tunctl ubirename udhcpc udhcpd uevent umount uname uncompress unexpand uniq unix2dos unlink unlzma unshare unxz unzip uptime usleep uudecode uuencode vconfig vi w watch watchdog wc wget which who whoami xargs xxd xz xzcat yes zcat"

// applets are the names that this busybox was built with: those of Debian's that the
// machine has a program for.
func (m *Machine) applets() []string {
	return slices.DeleteFunc(strings.Fields(applets), func(name string) bool {
		_, builtin := m.builtins[name]
		_, program := m.programs[name]
		return !builtin && !program && !slices.Contains([]string{"sh", "static-sh"}, name)
	})
}

func progBusybox(c *call) int {
	args := c.args
	if c.name == "busybox" {
		if len(args) == 1 || args[1] == "--help" {
			var wrapped strings.Builder
			col := 0
			for _, a := range c.sh.m.applets() {
				if col+len(a)+2 > 75 {
					wrapped.WriteString("\n")
					col = 0
				}
				if col == 0 {
					wrapped.WriteString("\t")
				}
				wrapped.WriteString(a + ", ")
				col += len(a) + 2
			}
			c.print(c.sh.m.busyboxName() + "\nBusyBox is copyrighted by many authors between 1998-2015.\nLicensed under GPLv2. See source distribution for detailed\ncopyright notices.\n\nUsage: busybox [function [arguments]...]\n   or: busybox --list[-full]\n   or: function [arguments]...\n\n\tBusyBox is a multi-call binary that combines many common Unix\n\tutilities into a single executable.  Most people will create a\n\tlink to busybox for each function they wish to use and BusyBox\n\twill act like whatever it was invoked as.\n\nCurrently defined functions:\n" + strings.TrimSuffix(wrapped.String(), ", ") + "\n")
			return 0
		}
		if args[1] == "--list" {
			c.print(strings.Join(c.sh.m.applets(), "\n") + "\n")
			return 0
		}
		args = args[1:]
	}
	name := args[0]
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	if !slices.Contains(c.sh.m.applets(), name) {
		c.errln(name + ": applet not found")
		return 127
	}
	c.flush()
	switch name {
	case "sh", "ash", "static-sh":
		sub := *c
		sub.args = append([]string{name}, args[1:]...)
		sub.name, sub.applet = name, true
		status := progShell(ash)(&sub)
		sub.flush()
		return status
	}
	if b, ok := c.sh.m.builtins[name]; ok && name != "kill" && name != "type" {
		return b(c.interp, append([]string{name}, args[1:]...))
	}
	run := c.sh.m.programs[name]
	sub := *c
	sub.args = append([]string{name}, args[1:]...)
	sub.name, sub.applet, sub.buf = name, true, nil
	status := run(&sub)
	sub.flush()
	return status
}
