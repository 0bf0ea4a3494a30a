package capture

import (
	"path"
	"slices"
	"strings"
)

// call is what a thread has asked the kernel for: a line of /proc/<tid>/syscall.
type call struct {
	argv uint64 // where the arguments of the new program are in the memory of the old one
	wide bool   // they are pointers of eight bytes
}

// shells are those that read commands, without bash, which tells of them itself.
var shells = []string{"sh", "dash", "ash", "zsh", "ksh", "mksh", "tcsh", "csh", "fish", "busybox"}

// prompted reports whether a process, by its program and arguments, is a shell that is given
// commands one after the other, and does not tell of them.
func prompted(exe string, args []string) bool {
	name := path.Base(exe)
	if len(args) == 0 {
		return false
	}
	options := args[1:]
	switch {
	case name == "bash":
		// Without its start-up file it does not tell.
		if !slices.ContainsFunc(options, func(a string) bool { return a == "--norc" || a == "--rcfile" || a == "--init-file" }) {
			return false
		}
	case name == "busybox" && path.Base(args[0]) == "busybox":
		if len(options) == 0 || !slices.Contains(shells, options[0]) {
			return false
		}
		options = options[1:]
	case !slices.Contains(shells, name):
		return false
	}
	for i, a := range options {
		file := i > 0 && (options[i-1] == "--rcfile" || options[i-1] == "--init-file" || options[i-1] == "-o")
		if !file && a != "" && a[0] != '-' && a[0] != '+' || isShort(a) && strings.Contains(a, "c") {
			return false // a script, or the one line of -c
		}
	}
	return true
}

func isShort(option string) bool {
	return strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--")
}

// line returns the one command that a daemon has a shell run, where that shell does not tell
// of it itself: exe is the shell, by the program that starts it.
func line(exe string, args []string, by string) (string, bool) {
	name := path.Base(exe)
	if b := path.Base(by); !strings.HasPrefix(b, "sshd") || !slices.Contains(shells, name) || len(args) != 3 || args[1] != "-c" {
		return "", false
	}
	return args[2], true
}

// quoted returns arguments as a line that a shell would split into them again.
func quoted(args []string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		if a != "" && strings.Trim(a, plain) == "" {
			b.WriteString(a)
			continue
		}
		b.WriteString("'" + strings.ReplaceAll(a, "'", `'\''`) + "'")
	}
	return b.String()
}
