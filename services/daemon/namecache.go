package daemon

import (
	"encoding/binary"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// The protocol of the name service cache between the C library and nscd(8), in the byte
// order of the machine: a question is a version, a type, the length of a key and the key.
const (
	cacheVersion = 2
	passwdByName = 0
	maxName      = 256
)

// question reads a question. Other types than those for an account have no name.
func question(r io.Reader) (typ int32, name string, err error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, "", err
	}
	order := binary.NativeEndian
	typ, size := int32(order.Uint32(head[4:])), order.Uint32(head[8:])
	if order.Uint32(head[:]) != cacheVersion || size > maxName {
		return 0, "", errors.New("not a question for the name service cache")
	}
	key := make([]byte, size)
	if _, err := io.ReadFull(r, key); err != nil {
		return 0, "", err
	}
	return typ, strings.TrimRight(string(key), "\x00"), nil
}

// notCached says that the cache knows nothing and the asker has to look for itself. It is
// as long as the longest head of an answer.
func notCached() []byte {
	answer := make([]byte, 64)
	binary.NativeEndian.PutUint32(answer, cacheVersion)
	binary.NativeEndian.PutUint32(answer[4:], ^uint32(0))
	return answer
}

// account is a line of passwd(5).
type account struct {
	name, password, gecos, home, shell string
	uid, gid                           uint32
}

// answer is what the cache says of an account that it knows.
func (a account) answer() []byte {
	order := binary.NativeEndian
	texts := []string{a.name, a.password, a.gecos, a.home, a.shell}
	head := []uint32{
		cacheVersion, 1, uint32(len(a.name) + 1), uint32(len(a.password) + 1), a.uid, a.gid,
		uint32(len(a.gecos) + 1), uint32(len(a.home) + 1), uint32(len(a.shell) + 1),
	}
	var out []byte
	for _, n := range head {
		out = order.AppendUint32(out, n)
	}
	for _, t := range texts {
		out = append(append(out, t...), 0)
	}
	return out
}

// accountOf finds name in a file of accounts.
func accountOf(passwd, name string) (account, bool) {
	for line := range strings.Lines(passwd) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) != 7 || f[0] != name {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err == nil && err2 == nil {
			return account{f[0], f[1], f[4], f[5], f[6], uint32(uid), uint32(gid)}, true
		}
	}
	return account{}, false
}

// plausible is a name that could be one of an account. For others sshd refuses by itself
// before it asks for a password.
var plausible = regexp.MustCompile(`^[^\x00:/\n]{1,255}$`)

// stranger is an account that nobody has and nobody gets into.
func stranger(name string) account {
	return account{name: name, password: "x", gecos: "", home: "/nonexistent", shell: "/bin/sh", uid: 65534, gid: 65534}
}
