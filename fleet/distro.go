package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/decnet/decnet"
)

// HostnameStyle is the way in which the machines of a distribution are usually named.
type HostnameStyle string

// The styles of host names.
const (
	StyleGeneric HostnameStyle = "generic" // SRV-MAIL-42
	StyleRHEL    HostnameStyle = "rhel"    // mail42.localdomain
	StyleMinimal HostnameStyle = "minimal" // mail-42
	StyleRolling HostnameStyle = "rolling" // mail-nova
)

// Distro is a distribution that a decky claims to run.
type Distro struct {
	Slug      string
	Title     string
	Image     string // its official container image
	BuildBase string // base of the images of its services, which must have apt
	Style     HostnameStyle
}

// Distros returns all distributions in the order of listings. The caller owns the result.
func Distros() []Distro {
	const apt = "debian:bookworm-slim"
	return []Distro{
		{"debian", "Debian 12 (Bookworm)", "debian:bookworm-slim", apt, StyleGeneric},
		{"ubuntu22", "Ubuntu 22.04 LTS (Jammy)", "ubuntu:22.04", "ubuntu:22.04", StyleGeneric},
		{"ubuntu20", "Ubuntu 20.04 LTS (Focal)", "ubuntu:20.04", "ubuntu:20.04", StyleGeneric},
		{"rocky9", "Rocky Linux 9", "rockylinux:9-minimal", apt, StyleRHEL},
		{"centos7", "CentOS 7", "centos:7", apt, StyleRHEL},
		{"alpine", "Alpine Linux 3.19", "alpine:3.19", apt, StyleMinimal},
		{"fedora", "Fedora 39", "fedora:39", apt, StyleRHEL},
		{"kali", "Kali Linux (Rolling)", "kalilinux/kali-rolling", "kalilinux/kali-rolling", StyleRolling},
		{"arch", "Arch Linux", "archlinux:latest", apt, StyleRolling},
	}
}

// DistroOf returns the distribution called slug. An unknown one gives an error that wraps
// decnet.ErrSemantic and lists the known.
func DistroOf(slug string) (Distro, error) {
	all := Distros()
	i := slices.IndexFunc(all, func(d Distro) bool { return d.Slug == slug })
	if i < 0 {
		return Distro{}, fmt.Errorf("distribution %q is not one of %s: %w", slug, strings.Join(distroSlugs(), ", "), decnet.ErrSemantic)
	}
	return all[i], nil
}

func distroSlugs() []string {
	var slugs []string
	for _, d := range Distros() {
		slugs = append(slugs, d.Slug)
	}
	return slugs
}
