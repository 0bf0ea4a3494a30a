package ssh

import (
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ssh/internal/transport"
)

// release is a version of OpenSSH in hundredths: 902 is 9.2, 1000 is 10.0.
type release int

// releaseOf reads the version in the software part of an identification line, such as
// "OpenSSH_9.2p1 Debian-2+deb12u3". Without one it returns the version of Debian 12.
func releaseOf(software string) release {
	const unknown = 902
	number, ok := strings.CutPrefix(software, "OpenSSH_")
	if !ok {
		return unknown
	}
	major, rest, _ := strings.Cut(number, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	n, err := strconv.Atoi(major)
	m, err2 := strconv.Atoi(rest[:end])
	if err != nil || err2 != nil {
		return unknown
	}
	return release(n*100 + m)
}

// offer returns what the sshd with this identification, as packaged for the distribution,
// sends in its KEXINIT and EXT_INFO.
func offer(software string, distro services.Release) transport.Config {
	r := releaseOf(software)
	c := transport.Config{
		Version:     software,
		Kex:         kexNames(r, software),
		Ciphers:     cipherNames(r),
		MACs:        slices.Clone(macNames),
		Compression: []string{"none", "zlib@openssh.com"},
		ExtInfo:     []transport.Extension{{Name: "server-sig-algs", Value: signatureNames(r)}},
		Ping:        r >= 905,
	}
	if r >= 809 {
		c.ExtInfo = append(c.ExtInfo, transport.Extension{Name: "publickey-hostbound@openssh.com", Value: "0"})
	}
	if r >= 905 {
		c.ExtInfo = append(c.ExtInfo, transport.Extension{Name: "ping@openssh.com", Value: "0"})
	}
	switch {
	case distro.Package == "yum" && r < 800:
		centos7(&c)
	case distro.Package == "dnf":
		cryptoPolicy(&c)
	}
	return c
}

var (
	ecdhNames = []string{
		"curve25519-sha256", "curve25519-sha256@libssh.org",
		"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
	}
	modpNames = []string{
		"diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512",
		"diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256",
	}
	macNames = []string{
		"umac-64-etm@openssh.com", "umac-128-etm@openssh.com",
		"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com",
		"umac-64@openssh.com", "umac-128@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1",
	}
)

const (
	sntrup       = "sntrup761x25519-sha512"
	sntrupVendor = "sntrup761x25519-sha512@openssh.com"
	mlkem        = "mlkem768x25519-sha256"
	strictKex    = "kex-strict-s-v00@openssh.com"
)

// kexNames is the default KexAlgorithms of a release, with the markers that its sshd adds.
func kexNames(r release, software string) []string {
	var names []string
	switch {
	case r >= 1000:
		names = slices.Concat([]string{mlkem, sntrup, sntrupVendor}, ecdhNames)
	case r >= 909:
		names = slices.Concat([]string{sntrup, sntrupVendor, mlkem}, ecdhNames, modpNames)
	case r >= 900:
		names = slices.Concat([]string{sntrupVendor}, ecdhNames, modpNames)
		if hasSntrupAlias(software) {
			names = slices.Insert(names, 0, sntrup)
		}
	case r >= 809:
		names = slices.Concat(ecdhNames, []string{sntrupVendor}, modpNames)
	default:
		names = slices.Concat(ecdhNames, modpNames)
		if r < 802 {
			names = append(names, "diffie-hellman-group14-sha1")
		}
	}
	if r >= 906 {
		names = append(names, "ext-info-s")
	}
	if r >= 802 {
		names = append(names, strictKex)
	}
	return names
}

// hasSntrupAlias reports whether Debian 12's update 4 is in, which added the name without
// the vendor's domain.
func hasSntrupAlias(software string) bool {
	_, update, ok := strings.Cut(software, "+deb12u")
	n, err := strconv.Atoi(update)
	return ok && err == nil && n >= 4
}

func cipherNames(r release) []string {
	ctr := []string{"aes128-ctr", "aes192-ctr", "aes256-ctr"}
	gcm := []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com"}
	if r >= 1000 {
		ctr, gcm = gcm, ctr
	}
	return slices.Concat([]string{"chacha20-poly1305@openssh.com"}, ctr, gcm)
}

// hostKeyNames lists the signature algorithms that sshd offers for an RSA, an ECDSA and an
// Ed25519 key.
func hostKeyNames(r release) []string {
	switch {
	case r >= 808:
		return []string{rsa512, rsa256, ecdsa256, ed25519}
	case r >= 708:
		return []string{rsa512, rsa256, rsa1, ecdsa256, ed25519}
	}
	return []string{rsa1, rsa512, rsa256, ecdsa256, ed25519}
}

const (
	rsa512   = "rsa-sha2-512"
	rsa256   = "rsa-sha2-256"
	rsa1     = "ssh-rsa"
	ecdsa256 = "ecdsa-sha2-nistp256"
	ed25519  = "ssh-ed25519"
)

func signatureNames(r release) string {
	switch {
	case r >= 902:
		return "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521," +
			"sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-dss,ssh-rsa,rsa-sha2-256,rsa-sha2-512"
	case r >= 804:
		return "ssh-ed25519,sk-ssh-ed25519@openssh.com,ssh-rsa,rsa-sha2-256,rsa-sha2-512,ssh-dss,ecdsa-sha2-nistp256," +
			"ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
	case r >= 802:
		return "ssh-ed25519,sk-ssh-ed25519@openssh.com,ssh-rsa,rsa-sha2-256,rsa-sha2-512,ssh-dss,ecdsa-sha2-nistp256," +
			"ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ecdsa-sha2-nistp256@openssh.com"
	}
	return "rsa-sha2-256,rsa-sha2-512"
}

// centos7 is the packaged configuration of CentOS 7, which kept what upstream had dropped.
func centos7(c *transport.Config) {
	c.Kex = slices.Concat(ecdhNames, []string{
		"diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
		"diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1",
		"diffie-hellman-group1-sha1",
	})
	c.Ciphers = append(c.Ciphers, "aes128-cbc", "aes192-cbc", "aes256-cbc", "blowfish-cbc", "cast128-cbc", "3des-cbc")
}

// cryptoPolicy is the DEFAULT policy of RHEL 9 and its relatives for sshd.
func cryptoPolicy(c *transport.Config) {
	c.Kex = slices.Concat(ecdhNames, []string{
		"diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha256",
		"diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", strictKex,
	})
	c.Ciphers = []string{
		"aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-gcm@openssh.com", "aes128-ctr",
	}
	c.MACs = []string{
		"hmac-sha2-256-etm@openssh.com", "hmac-sha1-etm@openssh.com", "umac-128-etm@openssh.com",
		"hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha1", "umac-128@openssh.com", "hmac-sha2-512",
	}
}
