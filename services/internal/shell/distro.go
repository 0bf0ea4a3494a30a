package shell

import (
	"strings"

	"github.com/decnet/decnet/services"
)

// distro is what differs between distributions besides services.Release.
type distro struct {
	family      string // "debian", "rhel", "alpine", "arch"
	login, sh   dialect
	bash        int // version, 502 for 5.2
	bashVersion string
	suggest     bool // Ubuntu's command-not-found
	coreutils   string
	busybox     string
	gcc         string // of the kernel
	admin       string // the account that the installer makes
	wheel       string // group of those who may sudo
}

func distroOf(r services.Release) distro {
	d := distro{family: "debian", login: bash, sh: dash, admin: "debian", wheel: "sudo"}
	switch r.ID {
	case "ubuntu":
		d.admin, d.suggest = "ubuntu", true
		if r.VersionID == "20.04" {
			d.bash, d.bashVersion, d.coreutils, d.busybox = 500, "5.0.17(1)-release", "8.30", "BusyBox v1.30.1 (Ubuntu 1:1.30.1-4ubuntu6.5) multi-call binary."
			d.gcc = "(buildd@lcy02-amd64-046) (gcc version 9.4.0 (Ubuntu 9.4.0-1ubuntu1~20.04.2))"
			return d
		}
		d.bash, d.bashVersion, d.coreutils, d.busybox = 501, "5.1.16(1)-release", "8.32", "BusyBox v1.30.1 (Ubuntu 1:1.30.1-7ubuntu3.1) multi-call binary."
		d.gcc = "(buildd@lcy02-amd64-078) (gcc (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0, GNU ld (GNU Binutils for Ubuntu) 2.38)"
	case "rocky", "centos", "fedora":
		d.family, d.sh, d.admin, d.wheel = "rhel", bash, r.ID, "wheel"
		switch r.ID {
		case "rocky":
			d.bash, d.bashVersion, d.coreutils = 501, "5.1.8(1)-release", "8.32"
			d.gcc = "(mockbuild@iad1-prod-build001.bld.equ.rockylinux.org) (gcc (GCC) 11.5.0 20240719 (Red Hat 11.5.0-2), GNU ld version 2.35.2-54.el9)"
		case "centos":
			d.bash, d.bashVersion, d.coreutils = 402, "4.2.46(2)-release", "8.22"
			d.gcc = "(mockbuild@kbuilder.bsys.centos.org) (gcc version 4.8.5 20150623 (Red Hat 4.8.5-44) (GCC) )"
		default:
			d.bash, d.bashVersion, d.coreutils = 502, "5.2.26(1)-release", "9.3"
			d.gcc = "(mockbuild@buildvm-x86-01.iad2.fedoraproject.org) (gcc (GCC) 13.3.1 20240522 (Red Hat 13.3.1-1), GNU ld version 2.40-14.fc39)"
		}
	case "alpine":
		d.family, d.login, d.sh, d.admin, d.wheel = "alpine", ash, ash, "alpine", "wheel"
		d.busybox, d.coreutils = "BusyBox v1.36.1 (2024-06-12 14:55:29 UTC) multi-call binary.", "9.4"
		d.gcc = "(buildozer@build-3-19-x86_64) (gcc (Alpine 13.2.1_git20231014) 13.2.1 20231014, GNU ld (GNU Binutils) 2.41)"
	case "arch":
		d.family, d.sh, d.admin, d.wheel = "arch", bash, "arch", "wheel"
		d.bash, d.bashVersion, d.coreutils = 502, "5.2.37(1)-release", "9.5"
		d.gcc = "(linux@archlinux) (gcc (GCC) 14.2.1 20240910, GNU ld (GNU Binutils) 2.43.0)"
	case "kali":
		d.login, d.admin, d.bash, d.bashVersion, d.coreutils = zsh, "kali", 502, "5.2.32(1)-release", "9.5"
		d.busybox = "BusyBox v1.37.0 (Debian 1:1.37.0-4) multi-call binary."
		d.gcc = "(devel@kali.org) (x86_64-linux-gnu-gcc-14 (Debian 14.2.0-6) 14.2.0, GNU ld (GNU Binutils for Debian) 2.43.1)"
	default:
		d.bash, d.bashVersion, d.coreutils, d.busybox = 502, "5.2.15(1)-release", "9.1", "BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary."
		d.gcc = "(debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40)"
	}
	return d
}

// bracketed reports whether the login shell brackets pastes, as readline 8.1 and later do.
func (d distro) bracketed() bool { return d.login == bash && d.bash >= 501 || d.login == zsh }

// merged reports whether /bin is a link to /usr/bin.
func (d distro) merged() bool { return d.family != "alpine" }

// loginShell is the path of root's shell.
func (d distro) loginShell() string {
	switch d.login {
	case ash:
		return "/bin/ash"
	case zsh:
		return "/usr/bin/zsh"
	}
	return "/bin/bash"
}

// kernel splits an entry of Release.Kernels into uname -r and uname -v.
func kernelOf(s string) (release, version string) {
	release, version, _ = strings.Cut(s, "|")
	return release, version
}

// suggestions are what command-not-found knows of what attackers miss.
var suggestions = map[string][]string{
	"docker": {"docker.io      # version 24.0.7-0ubuntu2~22.04.1", "podman-docker  # version 3.4.4+ds1-1ubuntu1.22.04.3"},
	"gcc":    {"gcc"}, "cc": {"gcc", "clang", "pentium-builder", "tcc"}, "g++": {"g++"}, "make": {"make", "make-guile"},
	"vim": {"vim", "vim-tiny", "vim-athena", "vim-gtk3", "vim-nox", "neovim"}, "nmap": {"nmap"}, "netstat": {"net-tools"},
	"ifconfig": {"net-tools"}, "route": {"net-tools"}, "arp": {"net-tools"}, "php": {"php8.1-cli", "php-cli"}, "nano": {"nano"},
	"vi": {"vim", "vim-tiny", "neovim"}, "go": {"golang-go", "gccgo-go"}, "node": {"nodejs"}, "npm": {"npm"}, "git": {"git"},
	"pip": {"python3-pip"}, "pip3": {"python3-pip"}, "python": {"python3", "python-is-python3"}, "ruby": {"ruby"}, "unzip": {"unzip"},
	"zip": {"zip"}, "htop": {"htop"}, "tftp": {"tftp", "tftp-hpa", "atftp"}, "ftp": {"ftp", "inetutils-ftp", "tnftp"}, "java": {"default-jre", "openjdk-11-jre-headless"},
	"yum": {"yum"}, "rpm": {"rpm"}, "tmux": {"tmux"}, "telnet": {"telnet", "inetutils-telnet"}, "masscan": {"masscan"}, "hydra": {"hydra"},
}
