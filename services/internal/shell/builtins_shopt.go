package shell

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The options of shopt, those that are on in a new shell first, then the others, and those
// that came with bash 5.2.
var (
	shoptOn    = strings.Fields("checkwinsize cmdhist complete_fullquote extquote force_fignore globasciiranges globskipdots hostcomplete interactive_comments patsub_replacement progcomp promptvars sourcepath")
	shoptOff   = strings.Fields("autocd assoc_expand_once cdable_vars cdspell checkhash checkjobs compat31 compat32 compat40 compat41 compat42 compat43 compat44 direxpand dirspell dotglob execfail expand_aliases extdebug extglob failglob globstar gnu_errfmt histappend histreedit histverify huponexit inherit_errexit lastpipe lithist localvar_inherit localvar_unset login_shell mailwarn no_empty_cmd_completion nocaseglob nocasematch noexpand_translation nullglob progcomp_alias restricted_shell shift_verbose varredir_close xpg_echo")
	shoptSince = map[string]int{"globskipdots": 502, "noexpand_translation": 502, "patsub_replacement": 502, "varredir_close": 502, "assoc_expand_once": 500, "compat43": 500, "compat44": 500, "inherit_errexit": 500, "localvar_inherit": 500, "localvar_unset": 500, "progcomp_alias": 500}
)

// shoptOption returns what turns an option that has an effect on or off.
func (in *interp) shoptOption(name string) *bool {
	switch name {
	case "dotglob":
		return &in.opt.dotglob
	case "nullglob":
		return &in.opt.nullglob
	case "extglob":
		return &in.opt.extglob
	case "globstar":
		return &in.opt.globstar
	case "nocaseglob":
		return &in.opt.nocaseglob
	case "expand_aliases":
		return &in.opt.expandAliases
	}
	return nil
}

// shoptIs reports whether an option is on.
func (in *interp) shoptIs(name string) bool {
	if o := in.shoptOption(name); o != nil {
		return *o
	}
	if on, ok := in.shopts[name]; ok {
		return on
	}
	return name == "login_shell" && in.login || slices.Contains(shoptOn, name)
}

func builtinShopt(in *interp, args []string) int {
	known := slices.DeleteFunc(slices.Concat(shoptOn, shoptOff), func(name string) bool { return shoptSince[name] > in.sh.m.distro.bash })
	slices.SortFunc(known, func(a, b string) int {
		if first := cmp.Compare(truth(b == "autocd"), truth(a == "autocd")); first != 0 {
			return first
		}
		return cmp.Compare(a, b)
	})
	mode, quiet, reusable := "", false, false
	args = args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		for _, f := range args[0][1:] {
			switch f {
			case 's', 'u':
				mode = string(f)
			case 'q':
				quiet = true
			case 'p':
				reusable = true
			case 'o':
				in.listOptions()
				return 0
			default:
				in.errorf("shopt: -%c: invalid option", f)
				in.write(2, "shopt: usage: shopt [-pqsu] [-o] [optname ...]\n")
				return 2
			}
		}
		args = args[1:]
	}
	var b strings.Builder
	show := func(name string) {
		on := in.shoptIs(name)
		switch {
		case quiet:
		case reusable:
			fmt.Fprintf(&b, "shopt -%c %s\n", map[bool]byte{true: 's', false: 'u'}[on], name)
		default:
			fmt.Fprintf(&b, "%-15s\t%s\n", name, map[bool]string{true: "on", false: "off"}[on])
		}
	}
	if len(args) == 0 {
		for _, name := range known {
			if mode == "" || in.shoptIs(name) == (mode == "s") {
				show(name)
			}
		}
		in.write(1, b.String())
		return 0
	}
	status := 0
	for _, name := range args {
		switch o := in.shoptOption(name); {
		case !slices.Contains(known, name):
			in.errorf("shopt: %s: invalid shell option name", name)
			status = 1
		case mode == "":
			show(name)
			if !in.shoptIs(name) {
				status = 1
			}
		case o != nil:
			*o = mode == "s"
		default:
			next := maps.Clone(in.shopts)
			if next == nil {
				next = make(map[string]bool)
			}
			next[name] = mode == "s"
			in.shopts = next
		}
	}
	in.write(1, b.String())
	return status
}

// builtinNames are the builtins of bash, sorted.
func (in *interp) builtinNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(in.sh.m.builtins)), func(name string) bool { return notBash[name] })
}

func builtinEnable(in *interp, args []string) int {
	off, list := false, false
	args = args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		for _, f := range args[0][1:] {
			switch f {
			case 'n':
				off = true
			case 'a', 'p', 's':
				list = list || f != 'p'
			default:
				in.errorf("enable: -%c: invalid option", f)
				in.write(2, "enable: usage: enable [-a] [-dnps] [-f filename] [name ...]\n")
				return 2
			}
		}
		args = args[1:]
	}
	if len(args) == 0 {
		var b strings.Builder
		for _, name := range in.builtinNames() {
			switch disabled := in.disabled[name]; {
			case disabled && (off || list):
				b.WriteString("enable -n " + name + "\n")
			case !disabled && !off:
				b.WriteString("enable " + name + "\n")
			}
		}
		in.write(1, b.String())
		return 0
	}
	status := 0
	next := maps.Clone(in.disabled)
	if next == nil {
		next = make(map[string]bool)
	}
	for _, name := range args {
		if !slices.Contains(in.builtinNames(), name) {
			in.errorf("enable: %s: not a shell builtin", name)
			status = 1
			continue
		}
		next[name] = off
	}
	in.disabled = next
	return status
}

// builtinCompgen lists what the words of a kind are that begin with a prefix.
func builtinCompgen(in *interp, args []string) int {
	var words []string
	prefix := ""
	for i := 1; i < len(args); i++ {
		switch a := args[i]; a {
		case "-b":
			words = append(words, in.builtinNames()...)
		case "-a":
			words = append(words, slices.Sorted(maps.Keys(in.aliases))...)
		case "-k":
			words = append(words, strings.Fields("if then else elif fi case esac for select while until do done in function time { } ! [[ ]] coproc")...)
		case "-v":
			words = append(words, slices.Sorted(maps.Keys(in.vars))...)
		case "-e":
			for name, v := range in.vars {
				if v.exported {
					words = append(words, name)
				}
			}
			slices.Sort(words)
		case "-u":
			for _, a := range in.sh.accounts() {
				words = append(words, a.name)
			}
		case "-g":
			for _, g := range in.sh.groups() {
				words = append(words, g.name)
			}
		case "-c":
			words = append(words, in.builtinNames()...)
			for dir := range strings.SplitSeq(in.env("PATH"), ":") {
				list, _ := in.files().list(dir)
				for _, f := range list {
					words = append(words, f.name)
				}
			}
		case "-W", "-A", "-F", "-C", "-G", "-P", "-S", "-X", "-o":
			if i++; a == "-W" && i < len(args) {
				words = append(words, strings.Fields(args[i])...)
			}
		case "-d", "-f":
			list, _ := in.files().list(".")
			for _, f := range list {
				if a == "-f" || f.mode.IsDir() {
					words = append(words, f.name)
				}
			}
		default:
			prefix = a
		}
	}
	var b strings.Builder
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			b.WriteString(w + "\n")
		}
	}
	in.write(1, b.String())
	return int(truth(b.Len() == 0))
}

// builtinDisown takes jobs off the list, the last one when none is named.
func builtinDisown(in *interp, args []string) int {
	in.jobs.mu.Lock()
	n := len(in.jobs.list)
	in.jobs.list = slices.DeleteFunc(in.jobs.list, func(j *job) bool {
		return slices.Contains(args, "-a") || len(args) == 1 && j == in.jobs.list[n-1] ||
			slices.Contains(args, fmt.Sprint(j.pid)) || slices.Contains(args, fmt.Sprintf("%%%d", j.id))
	})
	left := len(in.jobs.list)
	in.jobs.mu.Unlock()
	if left < n || slices.Contains(args, "-a") {
		return 0
	}
	name := "current"
	if len(args) > 1 {
		name = args[len(args)-1]
	}
	in.errorf("disown: %s: no such job", name)
	return 1
}

func builtinSuspend(in *interp, _ []string) int {
	if in.login {
		in.errorf("suspend: cannot suspend a login shell")
	} else {
		in.errorf("suspend: cannot suspend: no job control")
	}
	return 1
}

func builtinBind(in *interp, _ []string) int {
	if !in.interactive {
		in.errorf("bind: warning: line editing not enabled")
	}
	return 0
}

func builtinCompopt(in *interp, _ []string) int {
	in.errorf("compopt: not currently executing completion function")
	return 1
}

// builtinFc lists the commands typed last. To edit one it needs an editor, of which the
// machine has none.
func builtinFc(in *interp, args []string) int {
	lines := in.history.list()
	if !slices.ContainsFunc(args[1:], func(a string) bool { return strings.HasPrefix(a, "-l") }) {
		if len(lines) == 0 {
			return 0
		}
		if slices.Contains(args, "-s") {
			last := lines[max(len(lines)-2, 0)]
			in.write(2, last+"\n")
			in.eval(last)
			return in.status
		}
		return in.notFound("editor")
	}
	var b strings.Builder
	for i := max(len(lines)-17, 0); i < len(lines)-1; i++ {
		fmt.Fprintf(&b, "%d\t %s\n", i+1, lines[i])
	}
	in.write(1, b.String())
	return 0
}
