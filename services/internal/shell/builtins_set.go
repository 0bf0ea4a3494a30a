package shell

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (in *interp) option(name string) *bool {
	switch name {
	case "allexport", "a":
		return &in.opt.allexport
	case "errexit", "e":
		return &in.opt.errexit
	case "noglob", "f":
		return &in.opt.noglob
	case "noexec", "n":
		return &in.opt.noexec
	case "nounset", "u":
		return &in.opt.nounset
	case "xtrace", "x":
		return &in.opt.xtrace
	case "pipefail":
		return &in.opt.pipefail
	}
	return nil
}

var ignoredOptions = set("b h k m p t v B C E H P T history posix emacs vi monitor verbose braceexpand hashall interactive-comments histexpand noclobber physical functrace errtrace ignoreeof nolog notify onecmd privileged keyword")

func builtinSet(in *interp, args []string) int {
	args = args[1:]
	if len(args) == 0 {
		for _, name := range slices.Sorted(maps.Keys(in.vars)) {
			if v := in.vars[name]; v.set && v.elems == nil {
				in.write(1, name+"="+plainQuote(v.str)+"\n")
			}
		}
		return 0
	}
	for len(args) > 0 {
		a := args[0]
		if a == "--" || a == "-" {
			in.params = args[1:]
			return 0
		}
		if len(a) < 2 || a[0] != '-' && a[0] != '+' {
			break
		}
		args = args[1:]
		for i, c := range a[1:] {
			name := string(c)
			if c == 'o' {
				if len(args) == 0 {
					in.listOptions()
					return 0
				}
				name, args = args[0], args[1:]
			}
			switch o := in.option(name); {
			case o != nil:
				*o = a[0] == '-'
			case ignoredOptions[name]:
			case c == 'o':
				in.errorf("set: %s: invalid option name", name)
				return 2
			default:
				in.errorf("set: %c%c: invalid option", a[0], a[1+i])
				in.write(2, "set: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n")
				return 2
			}
		}
	}
	if len(args) > 0 {
		in.params = args
	}
	return 0
}

func plainQuote(s string) string {
	if s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%") == "" {
		return s
	}
	if strings.ContainsAny(s, "\n\t") {
		return "$'" + strings.NewReplacer("\\", `\\`, "\n", `\n`, "\t", `\t`, "'", `\'`).Replace(s) + "'"
	}
	return quoteWord(s)
}

func (in *interp) listOptions() {
	for _, name := range strings.Fields("allexport braceexpand emacs errexit errtrace functrace hashall histexpand history ignoreeof interactive-comments keyword monitor noclobber noexec noglob nolog notify nounset onecmd physical pipefail posix privileged verbose vi xtrace") {
		on := "off"
		if o := in.option(name); o != nil && *o || name == "braceexpand" || name == "hashall" || name == "interactive-comments" ||
			in.interactive && (name == "emacs" || name == "histexpand" || name == "history" || name == "monitor") {
			on = "on"
		}
		in.write(1, fmt.Sprintf("%-15s\t%s\n", name, on))
	}
}

func builtinUnset(in *interp, args []string) int {
	status, functions, variables := 0, true, true
	for _, name := range args[1:] {
		switch {
		case name == "-v":
			functions = false
			continue
		case name == "-f":
			variables = false
			continue
		case name == "-n":
			continue
		case len(name) > 1 && name[0] == '-':
			in.errorf("unset: %s: invalid option", name)
			in.write(2, "unset: usage: unset [-f] [-v] [-n] [name ...]\n")
			return 2
		}
		if base, key, ok := strings.Cut(name, "["); ok && in.vars[base] != nil && in.vars[base].elems != nil {
			v := *in.vars[base]
			v.elems = maps.Clone(v.elems)
			delete(v.elems, strings.TrimSuffix(key, "]"))
			in.store(base, v)
			continue
		}
		if variables && in.vars[name] != nil {
			if !in.unset(name) {
				status = 1
			}
		} else if functions {
			delete(in.funcs, name)
		}
	}
	return status
}
