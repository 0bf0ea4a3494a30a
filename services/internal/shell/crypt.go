package shell

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
	"math/rand/v2"
	"strconv"
	"strings"
)

const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Bounds on what checking a password may cost.
const (
	maxPassword = 512   // bytes, as PAM has it
	maxRounds   = 20000 // of sha256crypt and sha512crypt
)

func randomSalt(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = crypt64[r.IntN(64)]
	}
	return string(b)
}

// hash returns a password hash for user in the form that the distribution uses. It
// belongs to no password.
func (m *Machine) hash(user string) string {
	r := m.id.Rand("hash:" + user)
	if m.distro.yescrypt() {
		return "$y$j9T$" + randomSalt(r, 22) + "$" + randomSalt(r, 43)
	}
	return "$6$" + randomSalt(r, 16) + "$" + randomSalt(r, 86)
}

// yescrypt reports whether passwords are hashed with yescrypt, else with sha512crypt.
func (d distro) yescrypt() bool {
	return d.bash >= 501 && d.family != "rhel" || d.bash >= 502
}

// newHash hashes a password that an attacker sets.
func (m *Machine) newHash(user, password string) string {
	r := m.id.Rand("salt " + user + " " + password + strconv.FormatInt(m.now().UnixNano(), 10))
	if m.distro.yescrypt() {
		return m.crypt(password, "$y$j9T$"+randomSalt(r, 22)+"$")
	}
	return m.crypt(password, "$6$"+randomSalt(r, 16)+"$")
}

// matches reports whether password has the hash want.
func (m *Machine) matches(password, want string) bool {
	got := m.crypt(password, want)
	return got != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// crypt is crypt(3) for the methods that are in use; "" for others and for what costs too
// much. What stands for yescrypt, which takes megabytes, is the machine's own.
func (m *Machine) crypt(password, setting string) string {
	f := strings.Split(setting, "$")
	if len(password) > maxPassword || len(f) < 4 || f[0] != "" {
		return ""
	}
	switch f[1] {
	case "1":
		return md5Crypt(password, f[2])
	case "5", "6":
		rounds, explicit := 5000, false
		if s, ok := strings.CutPrefix(f[2], "rounds="); ok {
			n, err := strconv.Atoi(s)
			if err != nil || n > maxRounds {
				return ""
			}
			rounds, explicit = max(n, 1000), true
			f = f[1:]
		}
		return shaCrypt(password, f[2], setting[1] == '6', rounds, explicit)
	case "y":
		if len(f) < 5 {
			return ""
		}
		prefix := strings.Join(f[:4], "$") + "$"
		key := m.id.Key("yescrypt")
		h := hmac.New(sha512.New, key[:])
		h.Write([]byte(prefix + password))
		sum := h.Sum(nil)
		out := make([]byte, 43)
		for i := range out {
			out[i] = crypt64[sum[i]&63]
		}
		out[42] = crypt64[sum[42]&15] // 32 bytes end in four bits
		return prefix + string(out)
	}
	return ""
}

// shaCrypt is the SHA-crypt of Ulrich Drepper's specification.
func shaCrypt(password, salt string, wide bool, rounds int, explicit bool) string {
	newHash, id := sha256.New, "$5$"
	if wide {
		newHash, id = sha512.New, "$6$"
	}
	salt = salt[:min(len(salt), 16)]
	pw := []byte(password)
	sum := func(parts ...[]byte) []byte {
		h := newHash()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	stretch := func(b []byte, n int) []byte { return bytes.Repeat(b, n/len(b)+1)[:n] }

	b := sum(pw, []byte(salt), pw)
	parts := [][]byte{pw, []byte(salt), stretch(b, len(pw))}
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 == 1 {
			parts = append(parts, b)
		} else {
			parts = append(parts, pw)
		}
	}
	c := sum(parts...)
	p := stretch(sum(bytes.Repeat(pw, len(pw))), len(pw))
	s := stretch(sum(bytes.Repeat([]byte(salt), 16+int(c[0]))), len(salt))
	for i := range rounds {
		c = cryptRound(newHash(), i, c, p, s)
	}
	out := id
	if explicit {
		out += "rounds=" + strconv.Itoa(rounds) + "$"
	}
	return out + salt + "$" + shaCrypt64(c)
}

// cryptRound is one round of SHA-crypt and of MD5-crypt.
func cryptRound(h hash.Hash, i int, c, p, s []byte) []byte {
	first, last := c, p
	if i&1 == 1 {
		first, last = p, c
	}
	h.Write(first)
	if i%3 != 0 {
		h.Write(s)
	}
	if i%7 != 0 {
		h.Write(p)
	}
	h.Write(last)
	return h.Sum(nil)
}

// shaCrypt64 writes a digest in the order of bytes that SHA-crypt has.
func shaCrypt64(c []byte) string {
	var out []byte
	third := len(c) / 3
	i, j, k := 0, third, 2*third
	for range third {
		out = append24(out, c[i], c[j], c[k], 4)
		if len(c) == 64 {
			i, j, k = j+1, k+1, i+1
		} else {
			i, j, k = k+1, i+1, j+1
		}
	}
	if len(c) == 64 {
		return string(append24(out, 0, 0, c[63], 2))
	}
	return string(append24(out, 0, c[31], c[30], 3))
}

// append24 appends n digits of 24 bits, the lowest first.
func append24(out []byte, b2, b1, b0 byte, n int) []byte {
	w := uint(b2)<<16 | uint(b1)<<8 | uint(b0)
	for range n {
		out = append(out, crypt64[w&63])
		w >>= 6
	}
	return out
}

// md5Crypt is the MD5-based crypt of FreeBSD.
func md5Crypt(password, salt string) string {
	const id = "$1$"
	salt = salt[:min(len(salt), 8)]
	pw := []byte(password)
	final := md5.Sum([]byte(password + salt + password))
	text := password + id + salt
	for n := len(pw); n > 0; n -= 16 {
		text += string(final[:min(n, 16)])
	}
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 == 1 {
			text += "\x00"
		} else {
			text += password[:1]
		}
	}
	sum := md5.Sum([]byte(text))
	c := sum[:]
	for i := range 1000 {
		c = cryptRound(md5.New(), i, c, pw, []byte(salt))
	}
	var out []byte
	for i := range 5 {
		k := i + 12
		if i == 4 {
			k = 5
		}
		out = append24(out, c[i], c[i+6], c[k], 4)
	}
	return id + salt + "$" + string(append24(out, 0, 0, c[11], 2))
}
