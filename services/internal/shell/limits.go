package shell

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// What a log-in may use. The machine itself has limits too, because many attackers can
// be logged in.
const (
	maxCommand  = 512 << 10 // bytes of one command line or script
	maxSteps    = 2_000_000 // statements, loop turns and words of one command line
	freeSteps   = 20_000    // how many of them run at full speed
	stepPause   = 2 * time.Millisecond
	pauseEvery  = 64
	maxMemory   = 12 << 20 // bytes of variables and expansions of one log-in
	allMemory   = 64 << 20 // of all log-ins to one machine
	maxProcs    = 48       // concurrent programs and subshells of one log-in
	allProcs    = 512      // of all log-ins to one machine
	maxOutput   = 16 << 20 // bytes written by one command line
	maxDepth    = 400      // nested functions, substitutions and subshells
	maxNesting  = 4000     // call frames while parsing
	maxVariable = 1 << 20  // bytes of one variable
	maxFields   = 16 << 10 // words that one expansion gives
	maxCommandT = 10 * time.Minute
	maxSubject  = 256 << 10 // bytes of a line that is matched as often as it goes
	maxCaptures = 256       // artifacts of one log-in
	waitForJobs = 2 * time.Second
)

// errInterrupt is why a command ends when the attacker types ^C.
var errInterrupt = errors.New("interrupted")

// killed ends a program or a subshell from within. It is thrown with panic and caught
// where that program or subshell was started.
type killed struct{ status int }

const (
	statusInterrupt = 130
	statusKilled    = 137
	statusPipe      = 141
	statusTerm      = 143
)

// usage counts what one command line uses. Memory and processes count for the log-in and
// the machine as well.
type usage struct {
	sh     *Shell
	steps  atomic.Int64
	output atomic.Int64
}

// step accounts for one unit of work. It slows down what runs for long and ends what runs
// for too long.
func (u *usage) step(ctx context.Context) {
	n := u.steps.Add(1)
	if n%pauseEvery != 0 {
		return
	}
	check(ctx)
	if n > maxSteps {
		panic(killed{statusKilled})
	}
	if n > freeSteps {
		pause(ctx, stepPause)
	}
}

// check ends the caller when its context has ended.
func check(ctx context.Context) {
	if ctx.Err() == nil {
		return
	}
	if errors.Is(context.Cause(ctx), errInterrupt) {
		panic(killed{statusInterrupt})
	}
	panic(killed{statusTerm})
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		check(ctx)
	case <-t.C:
	}
}

// hold takes n bytes, or reports that there are none left. A negative n gives back.
func (u *usage) hold(n int) bool {
	if n > 0 && (u.sh.memory.Load()+int64(n) > maxMemory || u.sh.m.memory.Load()+int64(n) > allMemory) {
		return false
	}
	u.sh.memory.Add(int64(n))
	u.sh.m.memory.Add(int64(n))
	return true
}

// fork takes a process slot, or reports that there is none left.
func (u *usage) fork() bool {
	if u.sh.procs.Add(1) > maxProcs {
		u.sh.procs.Add(-1)
		return false
	}
	if u.sh.m.procs.Add(1) > allProcs {
		u.sh.procs.Add(-1)
		u.sh.m.procs.Add(-1)
		return false
	}
	return true
}

func (u *usage) exit() {
	u.sh.procs.Add(-1)
	u.sh.m.procs.Add(-1)
}

// tooDeep reports whether the caller is nested in more than maxNesting calls. The parser
// has no limit of its own, and a stack that overflows cannot be recovered from.
func tooDeep() bool {
	var pc [1]uintptr
	return runtime.Callers(maxNesting, pc[:]) > 0
}
