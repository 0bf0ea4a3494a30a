package shell

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"
)

type builtin func(in *interp, args []string) int

// builtin returns the builtin of that name if this shell has it.
func (in *interp) builtin(name string) (builtin, bool) {
	b, ok := in.sh.m.builtins[name]
	if !ok || in.kind != bash && in.kind != zsh && bashOnly[name] {
		return nil, false
	}
	return b, true
}

var bashOnly = set("declare typeset let source shopt mapfile readarray pushd popd dirs disown enable help caller builtin suspend logout compgen complete bind")

// buildBuiltins returns the builtins of bash; other shells have fewer.
func buildBuiltins() map[string]builtin {
	return map[string]builtin{
		":": succeed, "true": succeed, "false": func(*interp, []string) int { return 1 },
		"echo": builtinEcho, "printf": builtinPrintf, "cd": builtinCd, "chdir": builtinCd, "pwd": builtinPwd,
		"exit": builtinExit, "logout": builtinLogout, "return": builtinReturn,
		"break": builtinBreak, "continue": builtinBreak, "shift": builtinShift, "set": builtinSet, "unset": builtinUnset,
		"export": builtinExport, "readonly": builtinExport, "local": builtinExport, "declare": builtinExport, "typeset": builtinExport,
		"eval": builtinEval, "exec": builtinExec, "source": builtinSource, ".": builtinSource,
		"command": builtinCommand, "builtin": builtinBuiltin, "type": builtinType, "hash": builtinHash,
		"test": builtinTest, "[": builtinTest, "read": builtinRead, "mapfile": builtinMapfile, "readarray": builtinMapfile,
		"trap": builtinTrap, "wait": builtinWait, "jobs": builtinJobs, "fg": builtinFg, "bg": builtinFg, "disown": succeed,
		"kill": builtinKill, "alias": builtinAlias, "unalias": builtinUnalias, "umask": builtinUmask, "ulimit": builtinUlimit,
		"shopt": builtinShopt, "history": builtinHistory, "fc": succeed, "let": builtinLet, "getopts": builtinGetopts,
		"times": builtinTimes, "pushd": builtinPushd, "popd": builtinPushd, "dirs": builtinPushd, "help": builtinHelp,
		"enable": succeed, "bind": succeed, "complete": succeed, "compgen": succeed, "suspend": succeed, "caller": func(*interp, []string) int { return 1 },
	}
}

func succeed(*interp, []string) int { return 0 }

func builtinEcho(in *interp, args []string) int {
	args = args[1:]
	newline, decode := true, in.kind == dash
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		flags := args[0][1:]
		if in.kind == dash && flags != "n" || strings.Trim(flags, "neE") != "" {
			break
		}
		for _, c := range flags {
			switch c {
			case 'n':
				newline = false
			case 'e':
				decode = true
			case 'E':
				decode = false
			}
		}
		args = args[1:]
	}
	s := strings.Join(args, " ")
	if decode {
		var stop bool
		if s, stop = escapes(s, true); stop {
			newline = false
		}
	}
	if newline {
		s += "\n"
	}
	if s != "" {
		if err := in.put(1, []byte(s)); err != nil {
			in.errorf("echo: write error: %s", reason(err))
			return 1
		}
	}
	return 0
}

func builtinPrintf(in *interp, args []string) int {
	args = args[1:]
	target := ""
	if len(args) > 1 && args[0] == "-v" && in.kind == bash {
		target, args = args[1], args[2:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		if in.kind == dash {
			in.errorf("printf: usage: printf format [arg ...]")
		} else {
			in.write(2, "printf: usage: printf [-v var] format [arguments]\n")
		}
		return 2
	}
	f := &formatter{in: in, args: args[1:]}
	s := f.format(args[0])
	if target != "" {
		in.set(target, s)
		return f.status
	}
	if s != "" {
		if err := in.put(1, []byte(s)); err != nil {
			in.errorf("printf: write error: %s", reason(err))
			return 1
		}
	}
	return f.status
}

// formatter is printf(1).
type formatter struct {
	in     *interp
	args   []string
	status int
	stop   bool
}

const maxWidth = 64 << 10

func (f *formatter) next() (string, bool) {
	if len(f.args) == 0 {
		return "", false
	}
	s := f.args[0]
	f.args = f.args[1:]
	return s, true
}

func (f *formatter) format(spec string) string {
	var b strings.Builder
	for {
		before := len(f.args)
		f.once(&b, spec)
		if f.stop || len(f.args) == 0 || len(f.args) == before {
			return b.String()
		}
		f.in.use.step(f.in.ctx)
	}
}

func (f *formatter) once(b *strings.Builder, spec string) {
	for i := 0; i < len(spec) && !f.stop; {
		switch spec[i] {
		case '\\':
			j := i + 1
			for j < len(spec) && j < i+11 && spec[j] != '%' && (j == i+1 || spec[j] != '\\') {
				j++
			}
			if j == i+1 && j < len(spec) {
				j++
			}
			s, _ := escapes(spec[i:j], false)
			f.in.grow(len(s))
			b.WriteString(s)
			i = j
		case '%':
			i = f.conversion(b, spec, i+1)
		default:
			b.WriteByte(spec[i])
			i++
		}
	}
}

// conversion handles what follows a percent sign and returns where it ends.
func (f *formatter) conversion(b *strings.Builder, spec string, i int) int {
	start := i
	flags := ""
	for i < len(spec) && strings.IndexByte("-+ #0", spec[i]) >= 0 {
		flags += spec[i : i+1]
		i++
	}
	number := func() (int, bool) {
		if i < len(spec) && spec[i] == '*' {
			i++
			s, _ := f.next()
			n, _ := strconv.Atoi(s)
			return n, true
		}
		j := i
		for i < len(spec) && spec[i] >= '0' && spec[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(spec[j:i])
		if i > j && err != nil {
			n = maxWidth
		}
		return n, i > j
	}
	width, wide := number()
	if width < 0 {
		flags, width = flags+"-", -width
	}
	precision, precise := 0, false
	if i < len(spec) && spec[i] == '.' {
		i++
		precision, _ = number()
		precise = true
	}
	for i < len(spec) && strings.IndexByte("hlLqjzt", spec[i]) >= 0 && !(spec[i] == 'q') {
		i++
	}
	if i >= len(spec) {
		f.in.errorf("printf: `%%%s': missing format character", spec[start:])
		f.status, f.stop = 1, true
		return i
	}
	verb := spec[i]
	i++
	width, precision = min(width, maxWidth), min(precision, maxWidth)
	f.in.grow(width + precision)
	layout := "%" + flags
	if wide {
		layout += strconv.Itoa(width)
	}
	if precise {
		layout += "." + strconv.Itoa(precision)
	}
	switch verb {
	case '%':
		b.WriteByte('%')
	case 's', 'b', 'q':
		s, _ := f.next()
		if verb == 'b' {
			var stop bool
			if s, stop = escapes(s, true); stop {
				f.stop = true
			}
		} else if verb == 'q' {
			s = shellQuote(s)
		}
		if precise && precision < len(s) {
			s = s[:precision]
		}
		f.in.grow(len(s))
		pad(b, s, width, strings.Contains(flags, "-"))
	case 'c':
		s, _ := f.next()
		if len(s) > 1 {
			s = s[:1]
		}
		pad(b, s, width, strings.Contains(flags, "-"))
	case 'd', 'i':
		fmt.Fprintf(b, layout+"d", f.integer())
	case 'u':
		fmt.Fprintf(b, layout+"d", uint64(f.integer()))
	case 'o', 'x', 'X':
		fmt.Fprintf(b, layout+string(verb), uint64(f.integer()))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		fmt.Fprintf(b, layout+string(verb), f.float())
	default:
		f.in.errorf("printf: `%c': invalid format character", verb)
		f.status, f.stop = 1, true
	}
	return i
}

func pad(b *strings.Builder, s string, width int, left bool) {
	fill := strings.Repeat(" ", max(0, width-len(s)))
	if left {
		b.WriteString(s + fill)
	} else {
		b.WriteString(fill + s)
	}
}

func (f *formatter) integer() int64 {
	s, ok := f.next()
	if !ok || s == "" {
		return 0
	}
	if (s[0] == '\'' || s[0] == '"') && len(s) > 1 {
		return int64([]rune(s[1:])[0])
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err == nil {
		return n
	}
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return int64(u)
	}
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ = strconv.ParseInt(s[:end], 10, 64)
	f.badNumber(s)
	return n
}

func (f *formatter) badNumber(s string) {
	f.status = 1
	if f.in.kind == dash {
		f.in.errorf("printf: %s: expected numeric value", s)
	} else {
		f.in.errorf("printf: %s: invalid number", s)
	}
}

func (f *formatter) float() float64 {
	s, ok := f.next()
	if !ok || s == "" {
		return 0
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		f.badNumber(s)
	}
	return x
}

// shellQuote quotes as printf %q does.
func shellQuote(s string) string {
	if s == "" {
		return "''"
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(" \t!\"#$&'()*;<>?[\\]^`{|}~", c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

func builtinCd(in *interp, args []string) int {
	args = args[1:]
	physical := false
	for len(args) > 0 && (args[0] == "-P" || args[0] == "-L" || args[0] == "--") {
		physical = args[0] == "-P"
		args = args[1:]
	}
	to, print := "", false
	switch {
	case len(args) > 1 && in.kind == bash:
		in.errorf("cd: too many arguments")
		return 1
	case len(args) == 0:
		if to = in.env("HOME"); to == "" {
			in.errorf("cd: HOME not set")
			return 1
		}
	case args[0] == "-":
		if to = in.env("OLDPWD"); to == "" {
			in.errorf("cd: OLDPWD not set")
			return 1
		}
		print = true
	case args[0] == "":
		return 0
	default:
		to = args[0]
	}
	dir := to
	if !strings.HasPrefix(dir, "/") {
		dir = in.dir + "/" + dir
	}
	dir = path.Clean(dir)
	i, err := in.files().stat("stat", to, true)
	switch {
	case err == nil && !i.mode.IsDir():
		return in.cdError(to, "Not a directory")
	case err == nil && !in.cred.may(i.node, 1):
		return in.cdError(to, "Permission denied")
	case err != nil:
		return in.cdError(to, reason(err))
	}
	if physical {
		dir, _ = in.files().RealPath(dir)
	}
	in.export("OLDPWD", in.dir)
	in.dir = dir
	in.export("PWD", dir)
	if print {
		in.write(1, dir+"\n")
	}
	return 0
}

func (in *interp) cdError(to, why string) int {
	switch in.kind {
	case dash:
		in.errorf("cd: can't cd to %s", to)
		return 2
	case ash:
		if in.interactive || in.flag == "c" {
			in.write(2, fmt.Sprintf("%s: cd: line %d: can't cd to %s: %s\n", in.name, max(in.line-1, 0), to, why))
		} else {
			in.write(2, fmt.Sprintf("%s: cd: line %d: can't cd to %s: %s\n", in.name, in.line, to, why))
		}
	case zsh:
		in.write(2, fmt.Sprintf("cd: %s: %s\n", strings.ToLower(why), to))
	default:
		in.errorf("cd: %s: %s", to, why)
	}
	return 1
}

func builtinPwd(in *interp, args []string) int {
	dir := in.dir
	if len(args) > 1 && args[1] == "-P" {
		dir, _ = in.files().RealPath(dir)
	}
	in.write(1, dir+"\n")
	return 0
}

func (in *interp) exitStatus(name string, args []string) int {
	if len(args) < 2 {
		return in.status
	}
	n, err := strconv.Atoi(strings.TrimSpace(args[1]))
	if err != nil {
		if in.kind == dash || in.kind == ash {
			in.errorf("%s: Illegal number: %s", name, args[1])
		} else {
			in.errorf("%s: %s: numeric argument required", name, args[1])
		}
		return 2
	}
	return n & 0xff
}

func builtinExit(in *interp, args []string) int {
	status := in.exitStatus("exit", args)
	if in.interactive && in.login && in.kind == bash {
		in.write(2, "logout\n")
	} else if in.interactive && in.kind == bash {
		in.write(2, "exit\n")
	}
	in.exiting = true
	return status
}

func builtinLogout(in *interp, args []string) int {
	if !in.login {
		in.errorf("logout: not login shell: use `exit'")
		return 1
	}
	return builtinExit(in, args)
}

func builtinReturn(in *interp, args []string) int {
	if in.calls == 0 && in.sourced == 0 {
		if in.kind == bash {
			in.errorf("return: can only `return' from a function or sourced script")
			return 2
		}
		in.exiting = true
		return in.exitStatus("return", args)
	}
	in.returning = true
	return in.exitStatus("return", args)
}

func builtinBreak(in *interp, args []string) int {
	if in.loops == 0 {
		if in.kind == bash {
			in.errorf("%s: only meaningful in a `for', `while', or `until' loop", args[0])
		}
		return 0
	}
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 1 {
			in.errorf("%s: %s: loop count out of range", args[0], args[1])
			return 1
		}
	}
	n = min(n, in.loops)
	if args[0] == "break" {
		in.brk = n
	} else {
		in.cont = n
	}
	return 0
}

func builtinShift(in *interp, args []string) int {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 0 {
			in.errorf("shift: %s: numeric argument required", args[1])
			return 1
		}
	}
	if n > len(in.params) {
		if in.kind == dash {
			in.errorf("shift: can't shift that many")
			return 2
		}
		return 1
	}
	in.params = in.params[n:]
	return 0
}

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

// declare runs export, declare, local and their like with the arguments as they stand in
// the script.
func (in *interp) declare(cm *syntax.DeclClause) {
	in.status = 0
	verb := cm.Variant.Value
	if verb == "nameref" {
		verb = "declare"
	}
	var plain []string
	d := declaration{in: in, verb: verb}
	for _, as := range cm.Args {
		if as.Name == nil {
			words, ok := in.fields([]*syntax.Word{as.Value})
			if !ok {
				in.status = 1
				return
			}
			plain = append(plain, words...)
			continue
		}
		if as.Naked {
			plain = append(plain, as.Name.Value)
			continue
		}
		if !d.args(plain) {
			in.status = d.status
			return
		}
		plain = nil
		d.named = true
		if !d.begin(as.Name.Value) {
			continue
		}
		if d.assoc {
			if v := in.vars[as.Name.Value]; v == nil || !v.assoc {
				in.store(as.Name.Value, variable{elems: map[string]string{}, assoc: true, set: true})
			}
		}
		if !in.assign(as, false) {
			d.status = 1
			continue
		}
		d.mark(as.Name.Value)
	}
	d.args(plain)
	if !d.named && d.status == 0 {
		d.list()
	}
	in.status = d.status
}

func builtinExport(in *interp, args []string) int {
	d := declaration{in: in, verb: args[0]}
	d.args(args[1:])
	if !d.named && d.status == 0 {
		d.list()
	}
	return d.status
}

// declaration is one call of export, readonly, local, declare or typeset.
type declaration struct {
	in     *interp
	verb   string
	status int
	named  bool // a name was given
	print  bool
	funcs  bool
	assoc  bool
	array  bool
	global bool
	on     string // attributes to give
	off    string
}

func (d *declaration) args(args []string) bool {
	in := d.in
	for _, a := range args {
		if len(a) > 1 && (a[0] == '-' || a[0] == '+') && !d.named {
			for _, c := range a[1:] {
				switch c {
				case 'x', 'r', 'i', 'l', 'u', 't':
					if a[0] == '-' {
						d.on += string(c)
					} else {
						d.off += string(c)
					}
				case 'n':
					if d.verb == "export" {
						d.off += "x"
					}
				case 'p':
					d.print = true
				case 'f', 'F':
					d.funcs = true
				case 'A':
					d.assoc = true
				case 'a':
					d.array = true
				case 'g', 'I':
					d.global = true
				case '-':
				default:
					in.errorf("%s: -%c: invalid option", d.verb, c)
					in.write(2, d.verb+": usage: "+declareUsage[d.verb]+"\n")
					d.status = 2
					return false
				}
			}
			continue
		}
		d.named = true
		name, value, assign := strings.Cut(a, "=")
		add := strings.HasSuffix(name, "+") && assign
		name = strings.TrimSuffix(name, "+")
		if !syntax.ValidName(name) {
			if in.kind == dash {
				in.errorf("%s: %s: bad variable name", d.verb, a)
			} else {
				in.errorf("%s: `%s': not a valid identifier", d.verb, a)
			}
			d.status = 1
			continue
		}
		if d.print || d.funcs {
			d.show(name)
			continue
		}
		if !d.begin(name) {
			continue
		}
		old := in.vars[name]
		switch {
		case assign && add:
			in.set(name, in.env(name)+value)
		case assign:
			in.set(name, value)
		case d.assoc && (old == nil || !old.assoc):
			in.store(name, variable{elems: map[string]string{}, assoc: true, set: true})
		case d.array && (old == nil || old.elems == nil):
			in.store(name, variable{elems: map[string]string{}, set: true})
		case old == nil:
			in.store(name, variable{})
		}
		d.mark(name)
	}
	return true
}

var declareUsage = map[string]string{
	"declare":  "declare [-aAfFgiIlnrtux] [name[=value] ...] or declare -p [-aAfFilnrtux] [name ...]",
	"typeset":  "typeset [-aAfFgiIlnrtux] name[=value] ... or typeset -p [-aAfFilnrtux] [name ...]",
	"export":   "export [-fn] [name[=value] ...] or export -p",
	"readonly": "readonly [-aAf] [name[=value] ...] or readonly -p",
	"local":    "local [option] name[=value] ...",
}

// begin makes name local where the verb asks for it.
func (d *declaration) begin(name string) bool {
	in := d.in
	switch d.verb {
	case "local":
		if in.calls == 0 {
			if in.kind == dash {
				in.errorf("local: not in a function")
			} else {
				in.errorf("local: can only be used in a function")
			}
			d.status = 1
			return false
		}
		in.local(name)
	case "declare", "typeset":
		if in.calls > 0 && !d.global {
			in.local(name)
		}
	}
	return true
}

func (d *declaration) mark(name string) {
	v := d.in.vars[name]
	if v == nil {
		return
	}
	c := *v
	if d.verb == "export" && !strings.Contains(d.off, "x") || strings.Contains(d.on, "x") {
		c.exported = true
	}
	if strings.Contains(d.off, "x") {
		c.exported = false
	}
	if d.verb == "readonly" || strings.Contains(d.on, "r") {
		c.readonly = true
	}
	if strings.Contains(d.on, "i") {
		if n, ok := d.in.number(c.str); ok && c.elems == nil && c.set {
			c.str = strconv.FormatInt(n, 10)
		}
	}
	d.in.vars[name] = &c
}

func (d *declaration) show(name string) {
	in := d.in
	if d.funcs {
		body, ok := in.funcs[name]
		if !ok {
			d.status = 1
			return
		}
		in.write(1, name+" () \n"+printNode(body)+"\n")
		return
	}
	if !d.in.printDeclared(name) {
		in.errorf("%s: %s: not found", d.verb, name)
		d.status = 1
	}
}

func (in *interp) printDeclared(name string) bool {
	v := in.vars[name]
	if v == nil {
		return false
	}
	attr := in.attributes(name)
	if attr == "" {
		attr = "-"
	}
	line := "declare -" + attr + " " + name
	switch {
	case v.elems != nil:
		line += "=("
		for i, k := range v.keys() {
			if i > 0 {
				line += " "
			}
			line += "[" + k + "]=\"" + v.elems[k] + "\""
		}
		line += ")"
	case v.set:
		line += "=\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(v.str) + "\""
	}
	in.write(1, line+"\n")
	return true
}

func (d *declaration) list() {
	in := d.in
	for _, name := range slices.Sorted(maps.Keys(in.vars)) {
		v := in.vars[name]
		switch d.verb {
		case "export":
			if !v.exported {
				continue
			}
			if in.kind != bash {
				in.write(1, "export "+name+"='"+v.str+"'\n")
				continue
			}
		case "readonly":
			if !v.readonly {
				continue
			}
		case "local":
			continue
		default:
			if strings.Contains(d.on, "x") && !v.exported || strings.Contains(d.on, "r") && !v.readonly {
				continue
			}
			if d.funcs {
				continue
			}
			if d.on == "" && !d.print {
				if v.set && v.elems == nil {
					in.write(1, name+"="+plainQuote(v.str)+"\n")
				}
				continue
			}
		}
		in.printDeclared(name)
	}
}

func builtinEval(in *interp, args []string) int {
	text := strings.Join(args[1:], " ")
	if strings.TrimSpace(text) == "" {
		return 0
	}
	in.eval(text)
	return in.status
}

func builtinExec(in *interp, args []string) int {
	args = args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-a" && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return 0
	}
	status := in.execute(args)
	if status != 127 && status != 126 || !in.interactive {
		in.exiting = true
	}
	return status
}

// readFile reads a file, or what a descriptor of the shell refers to.
func (in *interp) readFile(name string) ([]byte, error) {
	s, err := in.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer s.release()
	if s.file != nil && s.file.node.isDir() {
		return nil, fail("read", name, errIsDir)
	}
	if s.file != nil && s.file.device() != "" && s.file.device() != "null" {
		return nil, nil
	}
	var out []byte
	buf := make([]byte, 16<<10)
	for s.r != nil {
		in.use.step(in.ctx)
		n, err := s.r.Read(buf)
		out = append(out, buf[:n]...)
		in.grow(n)
		if err != nil || n == 0 {
			break
		}
	}
	return out, nil
}

func builtinSource(in *interp, args []string) int {
	if len(args) < 2 {
		in.errorf("%s: filename argument required", args[0])
		in.write(2, args[0]+": usage: "+args[0]+" filename [arguments]\n")
		return 2
	}
	name := args[1]
	if !strings.Contains(name, "/") {
		for dir := range strings.SplitSeq(in.env("PATH"), ":") {
			if i, err := in.files().stat("stat", dir+"/"+name, true); err == nil && i.mode.IsRegular() {
				name = dir + "/" + name
				break
			}
		}
	}
	text, err := in.readFile(name)
	if err != nil {
		switch in.kind {
		case dash:
			in.errorf(".: cannot open %s: No such file", args[1])
			in.exiting = !in.interactive
			return 2
		case ash:
			in.errorf(".: can't open '%s': %s", args[1], reason(err))
			in.exiting = !in.interactive
			return 2
		}
		if reason(err) == "Is a directory" {
			in.errorf("%s: %s: is a directory", args[0], args[1])
		} else {
			in.errorf("%s: %s", args[1], reason(err))
		}
		return 1
	}
	if slices.Contains(text[:min(len(text), 80)], 0) {
		in.errorf("%s: %s: cannot execute binary file", args[0], args[1])
		return 126
	}
	params := in.params
	if len(args) > 2 {
		in.params = args[2:]
		defer func() { in.params = params }()
	}
	in.sourced++
	line, lines := in.line, in.lines
	in.lines = 0
	in.eval(string(text))
	in.line, in.lines = line, lines
	in.sourced--
	in.returning = false
	return in.status
}

func builtinCommand(in *interp, args []string) int {
	rest := args[1:]
	show, verbose := false, false
	for len(rest) > 0 && len(rest[0]) > 1 && rest[0][0] == '-' {
		switch rest[0] {
		case "-v":
			show = true
		case "-V":
			verbose = true
		case "-p", "--":
		default:
			in.errorf("command: %s: invalid option", rest[0])
			in.write(2, "command: usage: command [-pVv] command [arg ...]\n")
			return 2
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return 0
	}
	if verbose {
		return builtinType(in, append([]string{"command"}, rest...))
	}
	if !show {
		if b, ok := in.builtin(rest[0]); ok {
			return b(in, rest)
		}
		return in.execute(rest)
	}
	status := 0
	if in.kind == bash {
		status = 1
	}
	for _, name := range rest {
		s, ok := in.whichShell(name)
		if !ok {
			if in.kind != bash {
				status = 127
			}
			continue
		}
		if in.kind == bash {
			status = 0
		}
		in.write(1, s+"\n")
	}
	return status
}

// whichShell says how the shell would run name, as command -v prints it.
func (in *interp) whichShell(name string) (string, bool) {
	if a, ok := in.aliases[name]; ok {
		return "alias " + name + "=" + quoteWord(a), true
	}
	if syntax.IsKeyword(name) || in.funcs[name] != nil {
		return name, true
	}
	if _, ok := in.builtin(name); ok {
		return name, true
	}
	if strings.Contains(name, "/") {
		i, err := in.files().stat("stat", name, true)
		return name, err == nil && i.mode.IsRegular() && in.cred.may(i.node, 1)
	}
	return in.search(name)
}

func builtinBuiltin(in *interp, args []string) int {
	if len(args) < 2 {
		return 0
	}
	b, ok := in.builtin(args[1])
	if !ok {
		in.errorf("builtin: %s: not a shell builtin", args[1])
		return 1
	}
	return b(in, args[1:])
}

func builtinType(in *interp, args []string) int {
	mode := ""
	names := args[1:]
	for len(names) > 0 && len(names[0]) > 1 && names[0][0] == '-' {
		mode += names[0][1:]
		names = names[1:]
	}
	status := 0
	for _, name := range names {
		path, isFile := in.search(name)
		if strings.Contains(name, "/") {
			path, isFile = in.whichShell(name)
		}
		kind := ""
		switch _, isBuiltin := in.builtin(name); {
		case in.aliases[name] != "":
			kind = "alias"
		case syntax.IsKeyword(name):
			kind = "keyword"
		case in.funcs[name] != nil:
			kind = "function"
		case isBuiltin:
			kind = "builtin"
		case isFile:
			kind = "file"
		}
		switch {
		case strings.ContainsAny(mode, "pP"):
			if isFile && (kind == "file" || strings.Contains(mode, "P")) {
				in.write(1, path+"\n")
			} else if kind == "" {
				status = 1
			}
			continue
		case strings.Contains(mode, "t"):
			if kind == "" {
				status = 1
				continue
			}
			in.write(1, kind+"\n")
			continue
		}
		switch kind {
		case "alias":
			in.write(1, name+" is aliased to `"+in.aliases[name]+"'\n")
		case "keyword":
			in.write(1, name+" is a shell keyword\n")
		case "function":
			in.write(1, name+" is a function\n"+name+" () \n"+printNode(in.funcs[name])+"\n")
		case "builtin":
			in.write(1, name+" is a shell builtin\n")
		case "file":
			in.write(1, name+" is "+path+"\n")
		default:
			if in.kind == bash {
				in.errorf("%s: %s: not found", args[0], name)
				status = 1
			} else {
				in.write(1, name+": not found\n")
				status = 127
			}
		}
	}
	return status
}

func builtinHash(in *interp, args []string) int {
	if len(args) == 1 && in.kind == bash {
		in.write(1, "hash: hash table empty\n")
	}
	return 0
}

func builtinRead(in *interp, args []string) int {
	raw, array, prompt, silent := false, "", "", false
	limit, fd, delim := -1, 0, byte('\n')
	rest := args[1:]
	for len(rest) > 0 && len(rest[0]) > 1 && rest[0][0] == '-' {
		flags := rest[0][1:]
		rest = rest[1:]
		if flags == "-" {
			break
		}
		for i := 0; i < len(flags); i++ {
			c := flags[i]
			value := ""
			if strings.IndexByte("apntudiN", c) >= 0 {
				if value = flags[i+1:]; value == "" && len(rest) > 0 {
					value, rest = rest[0], rest[1:]
				}
				i = len(flags)
			}
			switch c {
			case 'r':
				raw = true
			case 's':
				silent = true
			case 'a':
				array = value
			case 'p':
				prompt = value
			case 'n', 'N':
				limit, _ = strconv.Atoi(value)
			case 'u':
				fd, _ = strconv.Atoi(value)
			case 'd':
				delim = 0
				if value != "" {
					delim = value[0]
				}
			case 't', 'i', 'e':
			default:
				in.errorf("read: -%c: invalid option", c)
				in.write(2, "read: usage: read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]\n")
				return 2
			}
		}
	}
	for _, name := range rest {
		if !syntax.ValidName(name) {
			in.errorf("read: `%s': not a valid identifier", name)
			return 1
		}
	}
	onTerminal := fd < len(in.fds) && fd >= 0 && in.fds[fd] != nil && in.fds[fd].tty
	if prompt != "" && onTerminal {
		in.write(2, prompt)
	}
	if silent && onTerminal && in.term != nil {
		in.term.echo(false)
		defer in.term.echo(true)
	}
	line, ok := in.readUntil(fd, delim, limit, raw)
	if array != "" {
		v := variable{set: true, elems: make(map[string]string)}
		for i, s := range in.splitLine(line, -1, raw) {
			v.elems[strconv.Itoa(i)] = s
		}
		in.store(array, v)
	} else if len(rest) == 0 {
		in.set("REPLY", line)
	} else {
		fields := in.splitLine(line, len(rest), raw)
		for i, name := range rest {
			value := ""
			if i < len(fields) {
				value = fields[i]
			}
			in.set(name, value)
		}
	}
	if !ok {
		return 1
	}
	return 0
}

func (in *interp) readUntil(fd int, delim byte, limit int, raw bool) (string, bool) {
	if delim == '\n' && limit < 0 {
		return in.readLine(fd, raw)
	}
	var out []byte
	var b [1]byte
	for limit < 0 || len(out) < limit {
		n, err := in.get(fd, b[:])
		if n == 1 {
			if b[0] == delim {
				return string(out), true
			}
			if len(out) < maxVariable {
				out = append(out, b[0])
			}
		}
		if err != nil {
			return string(out), false
		}
	}
	return string(out), true
}

// splitLine splits what read has read into at most n fields; the last takes the rest.
func (in *interp) splitLine(line string, n int, raw bool) []string {
	ifs, set := in.value("IFS")
	if !set {
		ifs = " \t\n"
	}
	white := func(c byte) bool { return (c == ' ' || c == '\t' || c == '\n') && strings.IndexByte(ifs, c) >= 0 }
	var out []string
	i := 0
	for i < len(line) && white(line[i]) {
		i++
	}
	for i < len(line) {
		if n > 0 && len(out) == n-1 {
			end := len(line)
			for end > i && white(line[end-1]) {
				end--
			}
			s := line[i:end]
			if !raw {
				s = unescape(s)
			}
			return append(out, s)
		}
		var b strings.Builder
		for i < len(line) {
			c := line[i]
			if c == '\\' && !raw && i+1 < len(line) {
				b.WriteByte(line[i+1])
				i += 2
				continue
			}
			if strings.IndexByte(ifs, c) >= 0 {
				break
			}
			b.WriteByte(c)
			i++
		}
		out = append(out, b.String())
		if len(out) > maxFields {
			return out
		}
		for i < len(line) && white(line[i]) {
			i++
		}
		if i < len(line) && strings.IndexByte(ifs, line[i]) >= 0 {
			for i++; i < len(line) && white(line[i]); i++ {
			}
		}
	}
	return out
}

func builtinMapfile(in *interp, args []string) int {
	trim, name := false, "MAPFILE"
	for _, a := range args[1:] {
		switch {
		case a == "-t":
			trim = true
		case !strings.HasPrefix(a, "-"):
			name = a
		}
	}
	v := variable{set: true, elems: make(map[string]string)}
	size := 0
	for {
		line, ok := in.readLine(0, true)
		if !ok && line == "" {
			break
		}
		if !trim && ok {
			line += "\n"
		}
		if size += len(line) + 32; size > maxVariable {
			break
		}
		v.elems[strconv.Itoa(len(v.elems))] = line
		if !ok {
			break
		}
	}
	in.store(name, v)
	return 0
}

func builtinTrap(in *interp, args []string) int {
	args = args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 || args[0] == "-p" {
		for _, sig := range slices.Sorted(maps.Keys(in.traps)) {
			name := sig
			if name != "EXIT" && name != "ERR" && in.kind == bash {
				name = "SIG" + name
			}
			in.write(1, "trap -- "+quoteWord(in.traps[sig])+" "+name+"\n")
		}
		return 0
	}
	if args[0] == "-l" {
		return builtinKill(in, []string{"kill", "-l"})
	}
	text, signals := args[0], args[1:]
	if len(signals) == 0 {
		text, signals = "-", args
	}
	if in.traps == nil {
		in.traps = make(map[string]string)
	}
	for _, s := range signals {
		sig := strings.TrimPrefix(strings.ToUpper(s), "SIG")
		if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < len(signalNames) {
			sig = signalNames[n]
		}
		if sig != "EXIT" && sig != "ERR" && sig != "DEBUG" && sig != "RETURN" && !slices.Contains(signalNames, sig) {
			in.errorf("trap: %s: invalid signal specification", s)
			return 1
		}
		if text == "-" {
			delete(in.traps, sig)
		} else if in.use.hold(len(text)) {
			in.held += len(text)
			in.traps[sig] = text
		}
	}
	return 0
}

var signalNames = strings.Fields("EXIT HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS")

func builtinWait(in *interp, args []string) int {
	in.jobs.mu.Lock()
	list := slices.Clone(in.jobs.list)
	in.jobs.mu.Unlock()
	status := 0
	for _, j := range list {
		if len(args) > 1 && args[1] != "-n" && args[1] != strconv.Itoa(j.pid) && args[1] != "%"+strconv.Itoa(j.id) {
			continue
		}
		select {
		case <-j.done:
		case <-in.ctx.Done():
			check(in.ctx)
		}
		if len(args) > 1 {
			return j.status
		}
	}
	if len(args) > 1 && args[1] != "-n" {
		in.errorf("wait: pid %s is not a child of this shell", args[1])
		status = 127
	}
	return status
}

// finished takes the jobs that have ended off the list.
func (in *interp) finished() []*job {
	in.jobs.mu.Lock()
	defer in.jobs.mu.Unlock()
	var ended []*job
	in.jobs.list = slices.DeleteFunc(in.jobs.list, func(j *job) bool {
		select {
		case <-j.done:
			ended = append(ended, j)
			return true
		default:
			return false
		}
	})
	return ended
}

func (in *interp) reportJobs() {
	for _, j := range in.finished() {
		state := "Done"
		if j.status != 0 {
			state = "Exit " + strconv.Itoa(j.status)
		}
		if j.status >= statusInterrupt {
			state = "Terminated"
		}
		in.write(2, fmt.Sprintf("[%d]+  %-24s%s\n", j.id, state, j.text))
	}
}

func builtinJobs(in *interp, args []string) int {
	in.reportJobs()
	in.jobs.mu.Lock()
	list := slices.Clone(in.jobs.list)
	in.jobs.mu.Unlock()
	for i, j := range list {
		mark := " "
		switch i {
		case len(list) - 1:
			mark = "+"
		case len(list) - 2:
			mark = "-"
		}
		in.write(1, fmt.Sprintf("[%d]%s  %-24s%s &\n", j.id, mark, "Running", j.text))
	}
	return 0
}

func builtinFg(in *interp, args []string) int {
	in.jobs.mu.Lock()
	list := slices.Clone(in.jobs.list)
	in.jobs.mu.Unlock()
	if len(list) == 0 {
		in.errorf("%s: current: no such job", args[0])
		return 1
	}
	j := list[len(list)-1]
	in.write(1, j.text+"\n")
	if args[0] == "bg" {
		return 0
	}
	return builtinWait(in, []string{"wait", strconv.Itoa(j.pid)})
}

func builtinKill(in *interp, args []string) int {
	rest := args[1:]
	if len(rest) > 0 && rest[0] == "-l" {
		if len(rest) > 1 {
			if n, err := strconv.Atoi(rest[1]); err == nil && n > 0 && n&127 < len(signalNames) {
				in.write(1, signalNames[n&127]+"\n")
			}
			return 0
		}
		for i := 1; i < len(signalNames); i++ {
			end := "\t"
			if i%5 == 0 || i == len(signalNames)-1 {
				end = "\n"
			}
			in.write(1, fmt.Sprintf("%2d) SIG%s%s", i, signalNames[i], end))
		}
		return 0
	}
	for len(rest) > 0 && len(rest[0]) > 1 && rest[0][0] == '-' {
		if (rest[0] == "-s" || rest[0] == "-n") && len(rest) > 1 {
			rest = rest[1:]
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		in.write(2, "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n")
		return 2
	}
	status := 0
	for _, r := range rest {
		if !in.kill(r) {
			status = 1
		}
	}
	return status
}

// kill ends a job of this shell, or pretends to end another process.
func (in *interp) kill(target string) bool {
	in.jobs.mu.Lock()
	list := slices.Clone(in.jobs.list)
	in.jobs.mu.Unlock()
	for _, j := range list {
		if target == strconv.Itoa(j.pid) || target == "%"+strconv.Itoa(j.id) || target == "%%" || target == "%+" {
			j.cancel()
			return true
		}
	}
	if strings.HasPrefix(target, "%") {
		in.errorf("kill: %s: no such job", target)
		return false
	}
	pid, err := strconv.Atoi(target)
	if err != nil {
		in.errorf("kill: %s: arguments must be process or job IDs", target)
		return false
	}
	if pid == in.pid {
		in.exiting = true
		return true
	}
	p := in.sh.process(pid)
	switch {
	case p == nil:
		in.errorf("kill: (%d) - No such process", pid)
		return false
	case in.cred.uid != 0 && p.user != in.cred.name:
		in.errorf("kill: (%d) - Operation not permitted", pid)
		return false
	}
	in.sh.end(pid)
	return true
}

func builtinAlias(in *interp, args []string) int {
	if len(args) == 1 {
		for _, name := range slices.Sorted(maps.Keys(in.aliases)) {
			in.write(1, "alias "+name+"="+quoteWord(in.aliases[name])+"\n")
		}
		return 0
	}
	status := 0
	for _, a := range args[1:] {
		name, text, ok := strings.Cut(a, "=")
		if !ok {
			if text, ok := in.aliases[name]; ok {
				in.write(1, "alias "+name+"="+quoteWord(text)+"\n")
				continue
			}
			in.errorf("alias: %s: not found", name)
			status = 1
			continue
		}
		if in.aliases == nil {
			in.aliases = make(map[string]string)
		}
		if len(in.aliases) < 256 && in.use.hold(len(a)) {
			in.held += len(a)
			in.aliases[name] = text
		}
	}
	return status
}

func builtinUnalias(in *interp, args []string) int {
	status := 0
	for _, a := range args[1:] {
		if a == "-a" {
			in.aliases = nil
		} else if _, ok := in.aliases[a]; !ok {
			in.errorf("unalias: %s: not found", a)
			status = 1
		}
		delete(in.aliases, a)
	}
	return status
}

func builtinUmask(in *interp, args []string) int {
	if len(args) == 1 {
		in.write(1, fmt.Sprintf("%04o\n", in.umask))
		return 0
	}
	if args[1] == "-S" {
		text := make([]string, 3)
		for i, who := range []string{"u=", "g=", "o="} {
			bits := ^in.umask >> (6 - 3*i) & 7
			text[i] = who + strings.ReplaceAll(strings.TrimPrefix(permString(bits), "------"), "-", "")
		}
		in.write(1, strings.Join(text, ",")+"\n")
		return 0
	}
	n, err := strconv.ParseUint(args[1], 8, 12)
	if err != nil {
		in.errorf("umask: %s: octal number out of range", args[1])
		return 1
	}
	in.umask = os.FileMode(n) & 0o777
	return 0
}

func builtinUlimit(in *interp, args []string) int {
	type limit struct{ text, flag, value string }
	list := []limit{
		{"real-time non-blocking time  (microseconds, -R) ", "-R", "unlimited"}, {"core file size              (blocks, -c) ", "-c", "0"},
		{"data seg size               (kbytes, -d) ", "-d", "unlimited"}, {"scheduling priority                 (-e) ", "-e", "0"},
		{"file size                   (blocks, -f) ", "-f", "unlimited"}, {"pending signals                     (-i) ", "-i", strconv.Itoa(in.sh.m.maxTasks())},
		{"max locked memory           (kbytes, -l) ", "-l", strconv.Itoa(in.sh.m.hw.memKB / 8)}, {"max memory size             (kbytes, -m) ", "-m", "unlimited"},
		{"open files                          (-n) ", "-n", "1024"}, {"pipe size                (512 bytes, -p) ", "-p", "8"},
		{"POSIX message queues         (bytes, -q) ", "-q", "819200"}, {"real-time priority                  (-r) ", "-r", "0"},
		{"stack size                  (kbytes, -s) ", "-s", "8192"}, {"cpu time                   (seconds, -t) ", "-t", "unlimited"},
		{"max user processes                  (-u) ", "-u", strconv.Itoa(in.sh.m.maxTasks())}, {"virtual memory              (kbytes, -v) ", "-v", "unlimited"},
		{"file locks                          (-x) ", "-x", "unlimited"},
	}
	flag := "-f"
	for _, a := range args[1:] {
		switch {
		case a == "-a":
			for _, l := range list {
				if l.flag != "-R" || in.sh.m.distro.bash >= 501 {
					in.write(1, l.text+l.value+"\n")
				}
			}
			return 0
		case strings.HasPrefix(a, "-"):
			flag = "-" + a[len(a)-1:]
		default:
			return 0 // a new limit is accepted
		}
	}
	for _, l := range list {
		if l.flag == flag {
			in.write(1, l.value+"\n")
			return 0
		}
	}
	if flag == "-S" || flag == "-H" {
		in.write(1, "unlimited\n")
		return 0
	}
	in.errorf("ulimit: %s: invalid option", flag)
	return 2
}

func builtinShopt(in *interp, args []string) int {
	mode := ""
	for _, a := range args[1:] {
		if strings.HasPrefix(a, "-") {
			mode = a
			continue
		}
		var o *bool
		switch a {
		case "dotglob":
			o = &in.opt.dotglob
		case "nullglob":
			o = &in.opt.nullglob
		case "extglob":
			o = &in.opt.extglob
		case "globstar":
			o = &in.opt.globstar
		case "nocaseglob":
			o = &in.opt.nocaseglob
		case "expand_aliases":
			o = &in.opt.expandAliases
		default:
			if !knownShopt[a] {
				in.errorf("shopt: %s: invalid shell option name", a)
				return 1
			}
			continue
		}
		switch mode {
		case "-s":
			*o = true
		case "-u":
			*o = false
		default:
			on := "off"
			if *o {
				on = "on"
			}
			in.write(1, fmt.Sprintf("%-15s\t%s\n", a, on))
			if !*o {
				return 1
			}
		}
	}
	return 0
}

var knownShopt = set("autocd cdspell checkhash checkjobs checkwinsize cmdhist direxpand dirspell execfail extdebug failglob histappend histreedit histverify hostcomplete huponexit interactive_comments lastpipe lithist login_shell mailwarn nocasematch progcomp promptvars restricted_shell shift_verbose sourcepath xpg_echo globasciiranges inherit_errexit")

func builtinHistory(in *interp, args []string) int {
	if in.history == nil {
		return 0
	}
	for _, a := range args[1:] {
		switch a {
		case "-c":
			in.history.clear()
			return 0
		case "-w", "-a", "-r", "-n":
			in.saveHistory()
			return 0
		case "-d":
			in.history.drop(args[len(args)-1])
			return 0
		}
	}
	lines := in.history.list()
	first := 0
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			in.errorf("history: %s: numeric argument required", args[1])
			return 1
		}
		first = max(0, len(lines)-n)
	}
	var b strings.Builder
	for i := first; i < len(lines); i++ {
		fmt.Fprintf(&b, "%5d  %s\n", i+1, lines[i])
	}
	in.write(1, b.String())
	return 0
}

func builtinLet(in *interp, args []string) int {
	status := 1
	for _, a := range args[1:] {
		x, ok := parseArithm(a)
		if !ok {
			in.errorf("let: %s: syntax error in expression", a)
			return 1
		}
		n, ok := in.arithm(x)
		if !ok {
			return 1
		}
		status = int(truth(n == 0))
	}
	return status
}

func builtinGetopts(in *interp, args []string) int {
	if len(args) < 3 {
		in.write(2, "getopts: usage: getopts optstring name [arg ...]\n")
		return 2
	}
	spec, name, list := args[1], args[2], in.params
	if len(args) > 3 {
		list = args[3:]
	}
	ind, _ := strconv.Atoi(in.env("OPTIND"))
	ind = max(ind, 1)
	at := in.optInd
	finish := func(opt string, ind, at, status int) int {
		in.set("OPTIND", strconv.Itoa(ind))
		in.optInd = at
		in.set(name, opt)
		return status
	}
	if ind > len(list) || len(list[ind-1]) < 2 || list[ind-1][0] != '-' || list[ind-1] == "--" {
		if ind <= len(list) && list[ind-1] == "--" {
			ind++
		}
		return finish("?", ind, 0, 1)
	}
	word := list[ind-1]
	if at == 0 || at >= len(word) {
		at = 1
	}
	c := word[at]
	next, nextAt := ind, at+1
	if nextAt >= len(word) {
		next, nextAt = ind+1, 0
	}
	in.unset("OPTARG")
	i := strings.IndexByte(spec, c)
	if i < 0 || c == ':' {
		if strings.HasPrefix(spec, ":") {
			in.set("OPTARG", string(c))
		} else {
			in.write(2, fmt.Sprintf("%s: illegal option -- %c\n", in.name, c))
		}
		return finish("?", next, nextAt, 0)
	}
	if i+1 < len(spec) && spec[i+1] == ':' {
		switch {
		case at+1 < len(word):
			in.set("OPTARG", word[at+1:])
			next = ind + 1
		case ind < len(list):
			in.set("OPTARG", list[ind])
			next = ind + 2
		default:
			if strings.HasPrefix(spec, ":") {
				in.set("OPTARG", string(c))
				return finish(":", ind+1, 0, 0)
			}
			in.write(2, fmt.Sprintf("%s: option requires an argument -- %c\n", in.name, c))
			return finish("?", ind+1, 0, 0)
		}
		nextAt = 0
	}
	return finish(string(c), next, nextAt, 0)
}

func builtinTimes(in *interp, _ []string) int {
	in.write(1, "0m0.003s 0m0.001s\n0m0.002s 0m0.004s\n")
	return 0
}

func builtinPushd(in *interp, args []string) int {
	v := in.vars["DIRSTACK"]
	var stack []string
	if v != nil {
		for _, k := range v.keys() {
			stack = append(stack, v.elems[k])
		}
	}
	switch args[0] {
	case "pushd":
		if len(args) < 2 {
			in.errorf("pushd: no other directory")
			return 1
		}
		old := in.dir
		if status := builtinCd(in, []string{"cd", args[1]}); status != 0 {
			return status
		}
		stack = append([]string{old}, stack...)
	case "popd":
		if len(stack) == 0 {
			in.errorf("popd: directory stack empty")
			return 1
		}
		if status := builtinCd(in, []string{"cd", stack[0]}); status != 0 {
			return status
		}
		stack = stack[1:]
	}
	next := variable{set: true, elems: make(map[string]string)}
	for i, d := range stack {
		next.elems[fmt.Sprintf("%04d", i)] = d
	}
	in.store("DIRSTACK", next)
	in.write(1, strings.Join(append([]string{in.dir}, stack...), " ")+"\n")
	return 0
}

func builtinHelp(in *interp, args []string) int {
	if len(args) > 1 {
		in.errorf("help: no help topics match `%s'.  Try `help help' or `man -k %s' or `info %s'.", args[1], args[1], args[1])
		return 1
	}
	v := in.sh.m.distro.bashVersion
	in.write(1, "GNU bash, version "+v+" (x86_64-pc-linux-gnu)\n"+
		"These shell commands are defined internally.  Type `help' to see this list.\n"+
		"Type `help name' to find out more about the function `name'.\n"+
		"Use `info bash' to find out more about the shell in general.\n"+
		"Use `man -k' or `info' to find out more about commands not in this list.\n\n"+
		"A star (*) next to a name means that the command is disabled.\n\n")
	return 0
}

// sleepFor pauses a program; it ends with its context.
func (in *interp) sleepFor(d time.Duration) { pause(in.ctx, d) }
