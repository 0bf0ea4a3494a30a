package shell

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/decnet/decnet/services/internal/keys"
)

// sshFiles puts the host keys that the decky shows where sshd reads them. The public
// halves of the quick kinds are the real ones; what stands for the private halves is
// invented, because whoever reads it is not meant to have the key.
func (m *Machine) sshFiles(b *builder) {
	comment := " root@" + m.shortName() + "\n"
	point, err := keys.ECDSA(m.id, "ssh").PublicKey.Bytes()
	if err != nil {
		return // not for a key on the curve
	}
	ed25519 := keys.Ed25519(m.id, "ssh")
	for _, k := range []struct {
		name  string
		parts []string // of the wire format, RFC 4253 section 6.6
		size  int
	}{{"ecdsa", []string{"ecdsa-sha2-nistp256", "nistp256", string(point)}, 352}, {"ed25519", []string{"ssh-ed25519", string(ed25519[32:])}, 264}} {
		var wire []byte
		for _, p := range k.parts {
			wire = append(binary.BigEndian.AppendUint32(wire, uint32(len(p))), p...)
		}
		line := k.parts[0] + " " + base64.StdEncoding.EncodeToString(wire) + comment
		b.file("/etc/ssh/ssh_host_"+k.name+"_key.pub", 0o644, text(line))
		b.file("/etc/ssh/ssh_host_"+k.name+"_key", 0o600, text(m.privateKey(k.name, k.size)))
	}
}

// privateKey is text in the form of a private key that belongs to nothing.
func (m *Machine) privateKey(kind string, letters int) string {
	body := "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB" + token(m.id.Rand("private "+kind), letters)
	var b strings.Builder
	b.WriteString("-----BEGIN OPENSSH PRIVATE KEY-----\n")
	for len(body) > 70 {
		b.WriteString(body[:70] + "\n")
		body = body[70:]
	}
	return b.String() + body + "\n-----END OPENSSH PRIVATE KEY-----\n"
}

// progSshd is the server started by hand: its port is taken.
func progSshd(c *call) int {
	opts, _ := c.flags("CcEfghkopbu")
	software := c.sh.m.id.Pick("openssh", c.sh.m.release.OpenSSH...)
	switch {
	case has(opts, "-V"):
		c.errln(software + ", OpenSSL 3.0.15 3 Sep 2024")
		return 0
	case has(opts, "-t", "-T"):
		if c.cred.uid != 0 {
			c.errln("sshd: no hostkeys available -- exiting.")
			return 1
		}
		if has(opts, "-T") {
			c.print("port 22\naddressfamily any\nlistenaddress [::]:22\nlistenaddress 0.0.0.0:22\nusepam yes\npermitrootlogin yes\npubkeyauthentication yes\npasswordauthentication yes\n")
		}
		return 0
	case !strings.HasPrefix(c.args[0], "/"):
		c.errln("sshd re-exec requires execution with an absolute path")
		return 255
	case has(opts, "-?"):
		c.errln(fmt.Sprintf("unknown option -- ?\n%s, OpenSSL 3.0.15 3 Sep 2024\nusage: sshd [-46DdeiqTtV] [-C connection_spec] [-c host_cert_file]\n            [-E log_file] [-f config_file] [-g login_grace_time]\n            [-h host_key_file] [-o option] [-p port] [-u len]", software))
		return 1
	case c.cred.uid != 0:
		c.errln("sshd: no hostkeys available -- exiting.")
		return 1
	}
	return 255 // in the background, where it says in the log that its port is taken
}
