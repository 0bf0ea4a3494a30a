package shell

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

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
			} else if n := slices.Index(signalNames, strings.TrimPrefix(strings.ToUpper(rest[1]), "SIG")); n > 0 {
				in.write(1, strconv.Itoa(n)+"\n")
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
