package shell

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

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

func builtinHistory(in *interp, args []string) int {
	if len(args) > 1 && !strings.HasPrefix(args[1], "-") {
		if _, err := strconv.Atoi(args[1]); err != nil {
			in.errorf("history: %s: numeric argument required", args[1])
			return 1
		}
		if len(args) > 2 {
			in.errorf("history: too many arguments")
			in.exiting = !in.interactive
			return 1
		}
	}
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
