package shell

import (
	"slices"
	"strings"
)

// coreutils are the programs of GNU coreutils with their authors.
var coreutils = []struct{ programs, authors string }{
	{"ls uniq comm dir vdir", "Richard M. Stallman and David MacKenzie."},
	{"cat split", "Torbjorn Granlund and Richard M. Stallman."},
	{"cp", "Torbjorn Granlund, David MacKenzie, and Jim Meyering."},
	{"mv", "Mike Parker, David MacKenzie, and Jim Meyering."},
	{"rm", "Paul Rubin, David MacKenzie, Richard M. Stallman,\nand Jim Meyering."},
	{"mkdir rmdir basename mkfifo mknod yes uname date nice tty fold expand unexpand stty", "David MacKenzie."},
	{"ln", "Mike Parker and David MacKenzie."},
	{"touch", "Paul Rubin, Arnold Robbins, Jim Kingdon,\nDavid MacKenzie, and Randy Smith."},
	{"chmod chown chgrp dirname head", "David MacKenzie and Jim Meyering."},
	{"stat", "Michael Meskes."},
	{"df", "Torbjorn Granlund, David MacKenzie, and Paul Eggert."},
	{"du", "Torbjorn Granlund, David MacKenzie, Paul Eggert,\nand Jim Meyering."},
	{"readlink", "Dmitry V. Levin."},
	{"realpath timeout stdbuf truncate", "Padraig Brady."},
	{"mktemp", "Jim Meyering and Eric Blake."},
	{"tee", "Mike Parker, Richard M. Stallman, and David MacKenzie."},
	{"dd", "Paul Rubin, David MacKenzie, and Stuart Kemp."},
	{"sync", "Jim Meyering and Giuseppe Scrivano."},
	{"tail", "Paul Rubin, David MacKenzie, Ian Lance Taylor,\nand Jim Meyering."},
	{"sort", "Mike Haertel and Paul Eggert."},
	{"wc", "Paul Rubin and David MacKenzie."},
	{"cut", "David M. Ihnat, David MacKenzie, and Jim Meyering."},
	{"tr od nohup", "Jim Meyering."},
	{"seq", "Ulrich Drepper."},
	{"base64 base32", "Simon Josefsson."},
	{"md5sum sha1sum sha256sum sha512sum", "Ulrich Drepper, Scott Miller, and David Madore."},
	{"tac", "Jay Lepreau and David MacKenzie."},
	{"nl", "Scott Bartram and David MacKenzie."},
	{"shuf", "Paul Eggert."},
	{"expr", "Mike Parker, James Youngman, and Paul Eggert."},
	{"id", "Arnold Robbins and David MacKenzie."},
	{"groups", "David MacKenzie and James Youngman."},
	{"whoami", "Richard Mlynarik."},
	{"logname", "FIXME: unknown."},
	{"who", "Joseph Arceneaux, David MacKenzie, and Michael Stone."},
	{"users", "Joseph Arceneaux and David MacKenzie."},
	{"nproc", "Giuseppe Scrivano."},
	{"sleep", "Jim Meyering and Paul Eggert."},
	{"env", "Richard Mlynarik, David MacKenzie, and Assaf Gordon."},
	{"printenv", "David MacKenzie and Richard Mlynarik."},
	{"arch", "David MacKenzie and Karel Zak."},
	{"paste", "David M. Ihnat and David MacKenzie."},
	{"join", "Mike Haertel."},
	{"link unlink", "Michael Stone."},
	{"factor", "Paul Rubin, Torbjörn Granlund, and Niels Möller."},
	{"cksum", "Padraig Brady and Q. Frank Xia."},
	{"sum", "Kayvan Aghaiepour and David MacKenzie."},
	{"b2sum", "Padraig Brady and Samuel Neves."},
	{"tsort", "Mark Kettenis."},
	{"fmt", "Ross Paterson."},
}

// Programs of procps and util-linux answer --version in one line.
const (
	procps    = "free kill pgrep pkill ps sysctl top uptime vmstat w"
	utilLinux = "blkid chrt column dmesg fallocate fdisk flock ionice ipcs lsblk lscpu mcookie mesg more mountpoint rev script setarch setsid taskset"
)

// versionText is what a program prints for --version, "" when it has no such option or
// answers by itself.
func (m *Machine) versionText(name string) string {
	if m.distro.family == "alpine" {
		return ""
	}
	in := func(list string) bool { return slices.Contains(strings.Fields(list), name) }
	for _, c := range coreutils {
		if in(c.programs) {
			d := m.distro
			pkg := "GNU coreutils"
			if name == "dd" {
				pkg = "coreutils"
			}
			return name + " (" + pkg + ") " + d.coreutils + "\n" + license(d.coreutilsYear()) + "\nWritten by " + c.authors + "\n"
		}
	}
	switch {
	case in(procps):
		return name + " from procps-ng " + m.distro.procps() + "\n"
	case in(utilLinux):
		return name + " from util-linux " + m.distro.utilLinux() + "\n"
	case name == "hostname":
		return "hostname " + map[bool]string{true: "3.23", false: "3.20"}[m.release.VersionID == "12"] + "\n"
	}
	if m.release.VersionID != "12" {
		return ""
	}
	switch name {
	case "sed":
		return "sed (GNU sed) 4.9\nPackaged by Debian\n" + license("2022") + "\nWritten by Jay Fenlason, Tom Lord, Ken Pizzini,\nPaolo Bonzini, Jim Meyering, and Assaf Gordon.\n\nThis sed program was built with SELinux support.\nSELinux is disabled on this system.\n\nGNU sed home page: <https://www.gnu.org/software/sed/>.\nGeneral help using GNU software: <https://www.gnu.org/gethelp/>.\nE-mail bug reports to: <bug-sed@gnu.org>.\n"
	case "grep", "egrep", "fgrep":
		return "grep (GNU grep) 3.8\n" + license("2022") + "\nWritten by Mike Haertel and others; see\n<https://git.sv.gnu.org/cgit/grep.git/tree/AUTHORS>.\n"
	case "tar":
		return "tar (GNU tar) 1.34\n" + license("2021") + "\nWritten by John Gilmore and Jay Fenlason.\n"
	case "gzip", "gunzip", "zcat":
		return name + " 1.12\nCopyright (C) 2018 Free Software Foundation, Inc.\nCopyright (C) 1993 Jean-loup Gailly.\nThis is free software.  You may redistribute copies of it under the terms of\nthe GNU General Public License <https://www.gnu.org/licenses/gpl.html>.\nThere is NO WARRANTY, to the extent permitted by law.\n\nWritten by Jean-loup Gailly.\n"
	case "xargs":
		return "xargs (GNU findutils) 4.9.0\n" + license("2022") + "\nWritten by Eric B. Decker, James Youngman, and Kevin Dalley.\n"
	case "diff":
		return "diff (GNU diffutils) 3.8\n" + license("2021") + "\nWritten by Paul Eggert, Mike Haertel, David Hayes,\nRichard Stallman, and Len Tower.\n"
	case "cmp":
		return "cmp (GNU diffutils) 3.8\n" + license("2021") + "\nWritten by Torbjörn Granlund and David MacKenzie.\n"
	case "file":
		return "file-5.44\nmagic file from /etc/magic:/usr/share/misc/magic\n"
	}
	return ""
}

func license(year string) string {
	return "Copyright (C) " + year + " Free Software Foundation, Inc.\nLicense GPLv3+: GNU GPL version 3 or later <https://gnu.org/licenses/gpl.html>.\nThis is free software: you are free to change and redistribute it.\nThere is NO WARRANTY, to the extent permitted by law.\n"
}

func (d distro) coreutilsYear() string {
	return map[string]string{"8.22": "2013", "8.30": "2018", "8.32": "2020", "9.1": "2022", "9.3": "2023", "9.4": "2023", "9.5": "2024"}[d.coreutils]
}

// procps and utilLinux are the versions that came with a version of bash.
func (d distro) procps() string {
	return map[string]string{"5.2.15(1)-release": "4.0.2", "5.1.16(1)-release": "3.3.17", "5.1.8(1)-release": "3.3.17", "5.0.17(1)-release": "3.3.16", "4.2.46(2)-release": "3.3.10", "5.2.26(1)-release": "4.0.3", "5.2.32(1)-release": "4.0.4", "5.2.37(1)-release": "4.0.4"}[d.bashVersion]
}

func (d distro) utilLinux() string {
	return map[string]string{"5.2.15(1)-release": "2.38.1", "5.1.16(1)-release": "2.37.2", "5.1.8(1)-release": "2.37.4", "5.0.17(1)-release": "2.34", "4.2.46(2)-release": "2.23.2", "5.2.26(1)-release": "2.39.4", "5.2.32(1)-release": "2.40.2", "5.2.37(1)-release": "2.40.2"}[d.bashVersion]
}
