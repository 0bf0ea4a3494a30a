package shell

import (
	"net/netip"
	"strings"
	"testing"
)

var (
	attacker7 = netip.MustParseAddr("192.0.2.7")
	attacker8 = netip.MustParseAddr("192.0.2.8")
)

// Passwords that an attacker sets hold at that attacker's next log-in, and at no other's.
func TestPasswordsHold(t *testing.T) {
	for _, c := range []struct {
		name, distro, command, input string
		user, password               string
		right, changed               bool
	}{
		{"nothing done", "debian", "id", "", "root", "x", false, false},
		{"chpasswd", "debian", "echo root:Zz9 | chpasswd", "", "root", "Zz9", true, true},
		{"old one", "debian", "echo root:Zz9 | chpasswd", "", "root", "x", false, true},
		{"other user", "debian", "echo root:Zz9 | chpasswd", "", "debian", "Zz9", false, false},
		{"passwd", "debian", "passwd", "new one\nnew one\n", "root", "new one", true, true},
		{"passwd differs", "debian", "passwd", "new one\nnew two\n", "root", "new one", false, false},
		{"stdin", "rocky9", "echo s3 | passwd --stdin root", "", "root", "s3", true, true},
		{"no stdin", "debian", "echo s3 | passwd --stdin root", "", "root", "s3", false, false},
		{"new user", "debian", "useradd -m -s /bin/bash ftpd; echo ftpd:qwerty | chpasswd", "", "ftpd", "qwerty", true, true},
		{"new user without", "debian", "useradd -m ftpd", "", "ftpd", "qwerty", false, true},
		{"hash of openssl", "ubuntu20", "useradd -p '$1$abcdefgh$1s0bv7.OjNizlrMAOIQD7.' ftpd", "", "ftpd", "pass", true, true},
		{"usermod", "debian", "usermod -p '$1$abcdefgh$1s0bv7.OjNizlrMAOIQD7.' root", "", "root", "pass", true, true},
		{"encrypted", "alpine", "echo 'root:$1$abcdefgh$1s0bv7.OjNizlrMAOIQD7.' | chpasswd -e", "", "root", "pass", true, true},
		{"own editor", "debian", `sed -i 's|^root:[^:]*|root:$1$abcdefgh$1s0bv7.OjNizlrMAOIQD7.|' /etc/shadow`, "", "root", "pass", true, true},
		{"locked", "debian", "passwd -l root", "", "root", "x", false, true},
		{"locked and back", "debian", "passwd -l root; passwd -u root", "", "root", "x", false, false},
		{"locked after", "debian", "echo root:Zz9 | chpasswd; usermod -L root", "", "root", "Zz9", false, true},
		{"deleted", "debian", "userdel debian", "", "debian", "x", false, true},
	} {
		b := newBox(t, c.distro, Options{})
		sh := b.login("root", "192.0.2.7:4711")
		out, errs, _ := b.run(sh, c.command, c.input)
		right, changed := b.m.CheckPassword(attacker7, c.user, c.password)
		if right != c.right || changed != c.changed {
			t.Errorf("%s: right %v, changed %v\n%s%s", c.name, right, changed, out, errs)
		}
		if right, changed := b.m.CheckPassword(attacker8, c.user, c.password); right || changed {
			t.Errorf("%s: another attacker: right %v, changed %v", c.name, right, changed)
		}
	}
}

func TestHashesLookLikeTheDistribution(t *testing.T) {
	for distro, prefix := range map[string]string{
		"debian": "$y$j9T$", "ubuntu22": "$y$j9T$", "ubuntu20": "$6$", "rocky9": "$6$", "centos7": "$6$", "fedora": "$y$j9T$", "alpine": "$6$", "arch": "$y$j9T$", "kali": "$y$j9T$",
	} {
		b := newBox(t, distro, Options{})
		sh := b.login("root", "192.0.2.7:4711")
		before, _, _ := b.run(sh, "grep ^root: /etc/shadow | cut -d: -f2", "")
		after, _, _ := b.run(sh, "echo root:x | chpasswd; grep ^root: /etc/shadow | cut -d: -f2", "")
		if !strings.HasPrefix(before, prefix) || !strings.HasPrefix(after, prefix) || len(before) != len(after) || before == after {
			t.Errorf("%s: %q, then %q", distro, before, after)
		}
	}
}

func TestAuthorizedKeys(t *testing.T) {
	for _, c := range []struct {
		name, command, user string
		want                bool
	}{
		{"nothing done", "id", "root", false},
		{"appended", "mkdir -p ~/.ssh; echo ssh-rsa AAAA x >> ~/.ssh/authorized_keys", "root", true},
		{"other user", "mkdir -p ~/.ssh; echo ssh-rsa AAAA x >> ~/.ssh/authorized_keys", "debian", false},
		{"user never seen", "mkdir -p /home/pi/.ssh; echo ssh-rsa AAAA x >> /home/pi/.ssh/authorized_keys", "pi", true},
		{"too open", "mkdir -p ~/.ssh; echo ssh-rsa AAAA x >> ~/.ssh/authorized_keys; chmod 777 ~/.ssh", "root", false},
		{"of somebody else", "useradd -m eve; mkdir -p ~/.ssh; echo ssh-rsa AAAA x >> ~/.ssh/authorized_keys; chown eve ~/.ssh/authorized_keys", "root", false},
		{"removed", "mkdir -p ~/.ssh; echo ssh-rsa AAAA x >> ~/.ssh/authorized_keys; rm -rf ~/.ssh", "root", false},
	} {
		b := newBox(t, "debian", Options{})
		sh := b.login("root", "192.0.2.7:4711")
		b.run(sh, c.command, "")
		got := string(b.m.AuthorizedKeys(attacker7, c.user))
		if strings.HasSuffix(got, "ssh-rsa AAAA x\n") != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
		if got := b.m.AuthorizedKeys(attacker8, c.user); got != nil {
			t.Errorf("%s: another attacker: %q", c.name, got)
		}
	}
}
