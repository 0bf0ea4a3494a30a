package shell

import (
	"strings"
	"testing"
)

// The SHA ones are those of the specification by Ulrich Drepper, the last was made with
// openssl passwd.
func TestCrypt(t *testing.T) {
	m := newBox(t, "debian", Options{}).m
	for _, c := range []struct{ password, hash string }{
		{"Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"Hello world!", "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
		{"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
		{"pass", "$1$abcdefgh$1s0bv7.OjNizlrMAOIQD7."},
	} {
		if !m.matches(c.password, c.hash) {
			t.Errorf("%s: got %s", c.hash, m.crypt(c.password, c.hash))
		}
		if m.matches(c.password+"x", c.hash) {
			t.Errorf("%s: another password matches", c.hash)
		}
	}
	for _, hash := range []string{"", "*", "!", "!$1$abcdefgh$1s0bv7.OjNizlrMAOIQD7.", "x$1$a$b", "$6$rounds=999999999$a$b", "$y$j9T$x", "$2b$05$abc$d", "pass"} {
		if m.matches("pass", hash) || m.matches("", hash) {
			t.Errorf("%q matches", hash)
		}
	}
	if m.matches(strings.Repeat("x", 100000), "$6$a$b") {
		t.Error("a long password matches")
	}
}

func FuzzCrypt(f *testing.F) {
	for _, s := range []string{"$6$saltstring$x", "$5$rounds=1000$$", "$1$$", "$y$j9T$a$b", "$y$$$$", "$6$"} {
		f.Add("password", s)
		f.Add("", s)
	}
	m := newBox(f, "debian", Options{}).m
	f.Fuzz(func(t *testing.T, password, setting string) {
		hash := m.crypt(password, setting)
		if hash != "" && !m.matches(password, hash) {
			t.Errorf("%q does not match its hash %q", password, hash)
		}
	})
}
