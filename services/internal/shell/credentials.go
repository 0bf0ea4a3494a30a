package shell

import (
	"io/fs"
	"net/netip"
	"slices"
	"strings"
)

// maxKeyFile bounds an authorized_keys file that is looked at.
const maxKeyFile = 256 << 10

// CheckPassword reports whether password is right for user since the attacker at from
// changed it, which holds for that attacker alone. changed is false when from has not.
func (m *Machine) CheckPassword(from netip.Addr, user, password string) (right, changed bool) {
	sh := m.visitor(from)
	if sh == nil {
		return false, false
	}
	_, shadow := sh.inode("/etc/shadow")
	if shadow == nil {
		return false, false
	}
	for line := range strings.Lines(string(shadow)) {
		f := strings.Split(line, ":")
		if f[0] != user || len(f) < 2 {
			continue
		}
		if f[1] == m.hash(user) {
			return false, false
		}
		return m.matches(password, f[1]), true
	}
	_, known := m.known(user)
	return false, known // else deleted
}

// AuthorizedKeys returns the authorized_keys of user as the attacker at from has written
// it, nil when from has not or when sshd would not take it for its modes (StrictModes).
func (m *Machine) AuthorizedKeys(from netip.Addr, user string) []byte {
	sh := m.visitor(from)
	if sh == nil {
		return nil
	}
	a := sh.accountOf(loginName(user))
	for _, name := range []string{".ssh/authorized_keys", ".ssh/authorized_keys2"} {
		n, text := sh.inode(a.home + "/" + name)
		if text == nil || !private(n, a) {
			continue
		}
		if dir, _ := sh.inode(a.home + "/.ssh"); !private(dir, a) {
			continue
		}
		if home, _ := sh.inode(a.home); !private(home, a) {
			continue
		}
		return text
	}
	return nil
}

// visitor is how the attacker at from sees the machine, nil when from has changed nothing.
func (m *Machine) visitor(from netip.Addr) *Shell {
	m.mu.Lock()
	a, ok := m.attackers.Peek(from)
	m.mu.Unlock()
	if !ok {
		return nil
	}
	a.files.mu.RLock()
	defer a.files.mu.RUnlock()
	if a.files.root == m.base {
		return nil
	}
	return &Shell{m: m, attacker: a, files: a.files}
}

// inode is a copy of what is at name, and its content when an attacker wrote it.
func (sh *Shell) inode(name string) (*node, []byte) {
	l := sh.files
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, n, err := l.lookup(sh, cred{}, name, true)
	if err != nil || n == nil {
		return nil, nil
	}
	info := &node{mode: n.mode, uid: n.uid, gid: n.gid}
	if b, ok := n.src.(*blob); ok && n.mode.IsRegular() && len(b.b) <= maxKeyFile {
		return info, slices.Clone(b.b)
	}
	return info, nil
}

// private reports whether nobody but a and root can write to n.
func private(n *node, a account) bool {
	return n != nil && (n.uid == 0 || int(n.uid) == a.uid) && n.mode.Perm()&fs.FileMode(0o022) == 0
}
