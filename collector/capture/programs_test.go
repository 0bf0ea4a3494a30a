package capture

import (
	"slices"
	"testing"
)

func TestShellsThatAreGivenCommands(t *testing.T) {
	for _, c := range []struct {
		exe  string
		args []string
		want bool
	}{
		{"/usr/bin/dash", []string{"sh"}, true},
		{"/usr/bin/dash", []string{"-sh"}, true},
		{"/usr/bin/dash", []string{"sh", "-i"}, true},
		{"/usr/bin/dash", []string{"sh", "-o", "vi", "+x"}, true},
		{"/usr/bin/dash", []string{"sh", "/tmp/x.sh"}, false},
		{"/usr/bin/dash", []string{"sh", "-ec", "id"}, false},
		{"/usr/bin/dash", []string{"sh", "-e", "x", "-c"}, false},
		{"/usr/bin/busybox", []string{"busybox", "sh"}, true},
		{"/usr/bin/busybox", []string{"busybox", "wget"}, false},
		{"/usr/bin/busybox", []string{"busybox"}, false},
		{"/usr/bin/busybox", []string{"ash"}, true},
		{"/usr/bin/bash", []string{"-bash"}, false},
		{"/usr/bin/bash", []string{"bash", "--norc"}, true},
		{"/usr/bin/bash", []string{"bash", "--rcfile", "/dev/null", "-i"}, true},
		{"/usr/bin/bash", []string{"bash", "--norc", "-c", "id"}, false},
		{"/usr/bin/bash", []string{"bash", "--norc", "x.sh"}, false},
		{"/usr/bin/python3.11", []string{"python3"}, false},
		{"", nil, false},
		{"/usr/bin/dash", []string{""}, true},
		{"/usr/bin/dash", []string{"sh", ""}, true},
	} {
		if got := prompted(c.exe, c.args); got != c.want {
			t.Errorf("%s %q: %t", c.exe, c.args, got)
		}
	}
}

func TestOneLineOfADaemon(t *testing.T) {
	for _, c := range []struct {
		exe  string
		args []string
		by   string
		want string
	}{
		{"/usr/bin/dash", []string{"sh", "-c", "id; ls"}, "/usr/sbin/sshd", "id; ls"},
		{"/usr/bin/zsh", []string{"zsh", "-c", "id"}, "/usr/lib/openssh/sshd-session", "id"},
		{"/usr/bin/bash", []string{"bash", "-c", "id"}, "/usr/sbin/sshd", ""},
		{"/usr/bin/dash", []string{"-sh"}, "/usr/sbin/sshd", ""},
		{"/usr/bin/dash", []string{"sh", "-c", "id"}, "/usr/bin/python3", ""},
	} {
		if got, ok := line(c.exe, c.args, c.by); got != c.want || ok != (c.want != "") {
			t.Errorf("%s %q: %q", c.exe, c.args, got)
		}
	}
}

func TestQuoted(t *testing.T) {
	for want, args := range map[string][]string{
		"":                  nil,
		"ls -la /tmp/x_y.z": {"ls", "-la", "/tmp/x_y.z"},
		`echo '' 'a b' 'it'\''s' '$(id)' '` + "\n'": {"echo", "", "a b", "it's", "$(id)", "\n"},
	} {
		if got := quoted(args); got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}

func FuzzShells(f *testing.F) {
	f.Add("/usr/bin/dash", "sh", "-c", "id")
	f.Add("/usr/bin/busybox", "busybox", "", "-")
	f.Add("/bin/bash", "-bash", "--norc", "-")
	f.Fuzz(func(t *testing.T, exe, a, b, c string) {
		args := []string{a, b, c}
		prompted(exe, args)
		line(exe, args, "/usr/sbin/sshd")
		if text := quoted(args); len(text) < len(a)+len(b)+len(c) {
			t.Errorf("%q", text)
		}
		if !slices.Equal(args, []string{a, b, c}) {
			t.Error("the arguments have changed")
		}
	})
}
