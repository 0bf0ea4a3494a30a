package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet/services"
)

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
