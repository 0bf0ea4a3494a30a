package services

// Release holds what the services of one decky must agree on about the distribution that
// it claims to run. The lists name versions that were current in the life of the release;
// a decky picks one by its seed (Identity.Pick).
type Release struct {
	ID         string   // os-release ID
	IDLike     string   // os-release ID_LIKE
	Name       string   // os-release NAME
	VersionID  string   // os-release VERSION_ID
	Version    string   // os-release VERSION
	Codename   string   // os-release VERSION_CODENAME
	PrettyName string   // os-release PRETTY_NAME
	Kernels    []string // uname -r and uname -v, separated by "|"
	OpenSSH    []string // what follows "SSH-2.0-" in the identification line
	Apache     string   // Server header of the packaged Apache httpd
	Nginx      string   // Server header of the packaged nginx
	Shell      string   // login shell of root
	WebUser    string   // account that the packaged web server runs as
	Package    string   // "apt", "dnf", "yum", "apk", "pacman"
}

// releases is keyed by the slugs of the fleet's distributions.
var releases = map[string]Release{
	"debian": {
		ID: "debian", Name: "Debian GNU/Linux", VersionID: "12", Version: "12 (bookworm)", Codename: "bookworm",
		PrettyName: "Debian GNU/Linux 12 (bookworm)",
		Kernels: []string{
			"6.1.0-28-amd64|#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)",
			"6.1.0-31-amd64|#1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1 (2025-02-07)",
			"6.1.0-37-amd64|#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)",
		},
		OpenSSH: []string{"OpenSSH_9.2p1 Debian-2+deb12u3", "OpenSSH_9.2p1 Debian-2+deb12u5", "OpenSSH_9.2p1 Debian-2+deb12u6", "OpenSSH_9.2p1 Debian-2+deb12u7"},
		Apache:  "Apache/2.4.62 (Debian)", Nginx: "nginx/1.22.1", Shell: "/bin/bash", WebUser: "www-data", Package: "apt",
	},
	"ubuntu22": {
		ID: "ubuntu", IDLike: "debian", Name: "Ubuntu", VersionID: "22.04", Version: "22.04.5 LTS (Jammy Jellyfish)", Codename: "jammy",
		PrettyName: "Ubuntu 22.04.5 LTS",
		Kernels: []string{
			"5.15.0-122-generic|#132-Ubuntu SMP Thu Aug 29 13:45:52 UTC 2024",
			"5.15.0-130-generic|#140-Ubuntu SMP Wed Dec 18 17:59:53 UTC 2024",
			"5.15.0-139-generic|#149-Ubuntu SMP Fri Apr 11 22:06:13 UTC 2025",
		},
		OpenSSH: []string{"OpenSSH_8.9p1 Ubuntu-3ubuntu0.10", "OpenSSH_8.9p1 Ubuntu-3ubuntu0.11", "OpenSSH_8.9p1 Ubuntu-3ubuntu0.13"},
		Apache:  "Apache/2.4.52 (Ubuntu)", Nginx: "nginx/1.18.0 (Ubuntu)", Shell: "/bin/bash", WebUser: "www-data", Package: "apt",
	},
	"ubuntu20": {
		ID: "ubuntu", IDLike: "debian", Name: "Ubuntu", VersionID: "20.04", Version: "20.04.6 LTS (Focal Fossa)", Codename: "focal",
		PrettyName: "Ubuntu 20.04.6 LTS",
		Kernels: []string{
			"5.4.0-196-generic|#216-Ubuntu SMP Thu Aug 29 13:26:53 UTC 2024",
			"5.4.0-204-generic|#224-Ubuntu SMP Thu Dec 5 13:38:28 UTC 2024",
			"5.4.0-216-generic|#236-Ubuntu SMP Fri Apr 11 19:53:21 UTC 2025",
		},
		OpenSSH: []string{"OpenSSH_8.2p1 Ubuntu-4ubuntu0.11", "OpenSSH_8.2p1 Ubuntu-4ubuntu0.12", "OpenSSH_8.2p1 Ubuntu-4ubuntu0.13"},
		Apache:  "Apache/2.4.41 (Ubuntu)", Nginx: "nginx/1.18.0 (Ubuntu)", Shell: "/bin/bash", WebUser: "www-data", Package: "apt",
	},
	"rocky9": {
		ID: "rocky", IDLike: "rhel centos fedora", Name: "Rocky Linux", VersionID: "9.5", Version: "9.5 (Blue Onyx)",
		PrettyName: "Rocky Linux 9.5 (Blue Onyx)",
		Kernels: []string{
			"5.14.0-503.14.1.el9_5.x86_64|#1 SMP PREEMPT_DYNAMIC Fri Nov 15 12:04:32 UTC 2024",
			"5.14.0-503.26.1.el9_5.x86_64|#1 SMP PREEMPT_DYNAMIC Wed Feb 26 14:20:31 UTC 2025",
		},
		OpenSSH: []string{"OpenSSH_8.7"},
		Apache:  "Apache/2.4.62 (Rocky Linux)", Nginx: "nginx/1.20.1", Shell: "/bin/bash", WebUser: "apache", Package: "dnf",
	},
	"centos7": {
		ID: "centos", IDLike: "rhel fedora", Name: "CentOS Linux", VersionID: "7", Version: "7 (Core)",
		PrettyName: "CentOS Linux 7 (Core)",
		Kernels: []string{
			"3.10.0-1160.108.1.el7.x86_64|#1 SMP Thu Jan 25 16:17:31 UTC 2024",
			"3.10.0-1160.119.1.el7.x86_64|#1 SMP Tue Jun 4 14:43:51 UTC 2024",
		},
		OpenSSH: []string{"OpenSSH_7.4"},
		Apache:  "Apache/2.4.6 (CentOS)", Nginx: "nginx/1.20.1", Shell: "/bin/bash", WebUser: "apache", Package: "yum",
	},
	"alpine": {
		ID: "alpine", Name: "Alpine Linux", VersionID: "3.19.4", Version: "",
		PrettyName: "Alpine Linux v3.19",
		Kernels: []string{
			"6.6.41-0-lts|#1-Alpine SMP PREEMPT_DYNAMIC Fri, 19 Jul 2024 07:40:53 +0000",
			"6.6.54-0-lts|#1-Alpine SMP PREEMPT_DYNAMIC Fri, 04 Oct 2024 15:46:21 +0000",
		},
		OpenSSH: []string{"OpenSSH_9.6"},
		Apache:  "Apache/2.4.62 (Unix)", Nginx: "nginx/1.24.0", Shell: "/bin/ash", WebUser: "apache", Package: "apk",
	},
	"fedora": {
		ID: "fedora", Name: "Fedora Linux", VersionID: "39", Version: "39 (Server Edition)",
		PrettyName: "Fedora Linux 39 (Server Edition)",
		Kernels: []string{
			"6.8.11-200.fc39.x86_64|#1 SMP PREEMPT_DYNAMIC Sun May 26 20:05:41 UTC 2024",
			"6.11.9-100.fc39.x86_64|#1 SMP PREEMPT_DYNAMIC Sun Nov 17 18:52:19 UTC 2024",
		},
		OpenSSH: []string{"OpenSSH_9.3"},
		Apache:  "Apache/2.4.62 (Fedora Linux)", Nginx: "nginx/1.26.2", Shell: "/bin/bash", WebUser: "apache", Package: "dnf",
	},
	"kali": {
		ID: "kali", IDLike: "debian", Name: "Kali GNU/Linux", VersionID: "2024.4", Version: "2024.4", Codename: "kali-rolling",
		PrettyName: "Kali GNU/Linux Rolling",
		Kernels: []string{
			"6.11.2-amd64|#1 SMP PREEMPT_DYNAMIC Kali 6.11.2-1kali1 (2024-10-15)",
		},
		OpenSSH: []string{"OpenSSH_9.9p1 Debian-3"},
		Apache:  "Apache/2.4.62 (Debian)", Nginx: "nginx/1.26.0", Shell: "/usr/bin/zsh", WebUser: "www-data", Package: "apt",
	},
	"arch": {
		ID: "arch", Name: "Arch Linux",
		PrettyName: "Arch Linux",
		Kernels: []string{
			"6.11.6-arch1-1|#1 SMP PREEMPT_DYNAMIC Fri, 01 Nov 2024 03:30:41 +0000",
			"6.12.4-arch1-1|#1 SMP PREEMPT_DYNAMIC Mon, 09 Dec 2024 14:31:57 +0000",
		},
		OpenSSH: []string{"OpenSSH_9.9"},
		Apache:  "Apache/2.4.62 (Unix)", Nginx: "nginx/1.26.2", Shell: "/bin/bash", WebUser: "http", Package: "pacman",
	},
}

// ReleaseOf returns the facts of a distribution by its slug (debian, ubuntu22, ubuntu20,
// rocky9, centos7, alpine, fedora, kali, arch). An unknown slug gives Debian's.
func ReleaseOf(distro string) Release {
	if r, ok := releases[distro]; ok {
		return r
	}
	return releases["debian"]
}
