package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/decnet/decnet"
)

// Archetype is a kind of machine: a bundle of services with the distributions and the
// OS family that go with it.
type Archetype struct {
	Slug     string
	Title    string
	Doc      string   // one line
	Services []string // names of services
	Distros  []string // slugs of distributions, most fitting first
	OSFamily string
}

// Archetypes returns all archetypes in the order of listings. The caller owns the result.
func Archetypes() []Archetype {
	return []Archetype{
		{"windows-workstation", "Windows Workstation", "Office desktop with file sharing and remote desktop",
			[]string{"smb", "rdp"}, []string{"debian", "ubuntu22"}, "windows"},
		{"windows-server", "Windows Server", "Member server with shares, remote desktop and directory access",
			[]string{"smb", "rdp", "ldap"}, []string{"debian", "ubuntu22"}, "windows_server"},
		{"domain-controller", "Domain Controller", "Directory server that also answers name queries of the LAN",
			[]string{"ldap", "smb", "rdp", "llmnr"}, []string{"debian", "ubuntu22"}, "windows_server"},
		{"linux-server", "Linux Server", "General purpose server with remote login and a web site",
			[]string{"ssh", "http"}, []string{"debian", "ubuntu22", "rocky9", "fedora"}, "linux"},
		{"web-server", "Web Server", "Web site whose files are maintained over FTP",
			[]string{"http", "ftp"}, []string{"debian", "ubuntu22", "ubuntu20"}, "linux"},
		{"database-server", "Database Server", "Relational databases and a cache",
			[]string{"mysql", "postgres", "redis"}, []string{"debian", "ubuntu22"}, "linux"},
		{"mail-server", "Mail Server", "Mail transfer and mailboxes",
			[]string{"smtp", "pop3", "imap"}, []string{"debian", "ubuntu22"}, "linux"},
		{"file-server", "File Server", "Shares over several protocols",
			[]string{"smb", "ftp", "ssh"}, []string{"debian", "ubuntu22", "rocky9"}, "linux"},
		{"printer", "Network Printer", "Office printer with management and scan-to-FTP",
			[]string{"snmp", "ftp"}, []string{"alpine", "debian"}, "embedded"},
		{"iot-device", "IoT Device", "Sensor gateway with a message broker and a forgotten console",
			[]string{"mqtt", "snmp", "telnet"}, []string{"alpine"}, "embedded"},
		{"industrial-control", "Industrial Control System", "Controller of a plant",
			[]string{"conpot", "snmp"}, []string{"debian"}, "embedded"},
		{"voip-server", "VoIP Server", "Telephone exchange",
			[]string{"sip"}, []string{"debian", "ubuntu22"}, "linux"},
		{"monitoring-node", "Monitoring Node", "Poller that watches other machines",
			[]string{"snmp", "ssh"}, []string{"debian", "rocky9"}, "linux"},
		{"devops-host", "DevOps Host", "Container host with its interfaces left open",
			[]string{"docker_api", "ssh", "k8s"}, []string{"ubuntu22", "debian"}, "linux"},
		{"deaddeck", "Deaddeck (Entry Point)", "Neglected machine with nothing but remote login",
			[]string{"ssh"}, []string{"debian", "ubuntu22"}, "linux"},
	}
}

// ArchetypeOf returns the archetype called slug. An unknown one gives an error that wraps
// decnet.ErrSemantic and lists the known.
func ArchetypeOf(slug string) (Archetype, error) {
	all := Archetypes()
	i := slices.IndexFunc(all, func(a Archetype) bool { return a.Slug == slug })
	if i < 0 {
		slugs := make([]string, len(all))
		for i, a := range all {
			slugs[i] = a.Slug
		}
		return Archetype{}, fmt.Errorf("archetype %q is not one of %s: %w", slug, strings.Join(slugs, ", "), decnet.ErrSemantic)
	}
	return all[i], nil
}

// CheckArchetype refuses a decky whose archetype is not known or whose OS family a machine of
// it cannot have, with an error that wraps decnet.ErrSemantic.
func CheckArchetype(d decnet.Decky) error {
	if d.Archetype == "" {
		return nil
	}
	a, err := ArchetypeOf(d.Archetype)
	if err != nil {
		return err
	}
	if _, err := Sysctls(d.OSFamily); err == nil && !a.Fits(d.OSFamily) {
		return fmt.Errorf("archetype %s does not go with the OS family %s: %w", d.Archetype, d.OSFamily, decnet.ErrSemantic)
	}
	return nil
}

// Fits reports whether a machine of the archetype may have the network stack of family.
// The families of Windows stand for each other, and what is embedded may run a Unix;
// anything else gives the decky away.
func (a Archetype) Fits(family string) bool {
	switch a.OSFamily {
	case "windows", "windows_server":
		return family == "windows" || family == "windows_server"
	case "embedded":
		return family == "embedded" || family == "linux" || family == "bsd"
	}
	return family == "linux" || family == "bsd"
}
