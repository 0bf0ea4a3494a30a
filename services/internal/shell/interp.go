package shell

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/syntax"
)

// dialect is the program behind a shell: it decides messages, not the syntax.
type dialect int

const (
	bash dialect = iota
	dash
	ash // busybox
	zsh
)

// variable is the value of a shell variable. It is replaced, never changed, so that
// subshells can share it.
type variable struct {
	owner              *interp
	str                string
	elems              map[string]string // of an array, by index or key; nil: not an array
	assoc              bool
	exported, readonly bool
	set                bool
}

func (v *variable) size() int {
	n := len(v.str)
	for k, e := range v.elems {
		n += len(k) + len(e) + 32
	}
	return n
}

type options struct {
	errexit, nounset, noexec, xtrace, noglob, allexport, pipefail   bool
	dotglob, nullglob, extglob, globstar, nocaseglob, expandAliases bool
}

// job is a command in the background.
type job struct {
	id, pid int
	text    string
	cancel  context.CancelFunc
	done    chan struct{}
	status  int
}

// jobs is shared by a shell and those who wait for what it started.
type jobs struct {
	mu   sync.Mutex
	list []*job
	ends map[int]context.CancelFunc // of all that runs
	last int                        // key in ends
	wg   sync.WaitGroup
}

// interp is one running shell or subshell. It belongs to one goroutine.
type interp struct {
	sh   *Shell
	use  *usage
	ctx  context.Context
	kind dialect
	name string // $0, and the start of messages
	text string // of -c
	flag string // "c" for -c, "s" for commands on standard input, "" for a script

	interactive, login bool
	term               *terminal // that controls the shell; nil: it has none
	cred               cred
	dir                string
	umask              fs.FileMode
	vars               map[string]*variable
	funcs              map[string]*syntax.Stmt
	aliases            map[string]string
	traps              map[string]string
	params             []string
	opt                options
	fds                []*stream
	pid, ppid, bgpid   int
	jobs               *jobs
	shopts, disabled   map[string]bool // options of shopt that were set and have no effect; builtins; replaced, never changed
	started            time.Time
	history            *history

	line, lines        int // of the statement being run; what comes before the text being run
	status             int
	noValue            bool // an expansion failed for want of a value
	substituted        bool // a command substitution ran since the statement began
	depth              int
	held, pending      int // memory of variables that this shell owns, and of expansions
	loops, calls       int
	brk, cont          int
	returning, exiting bool
	quiet              int // >0: failures do not end a shell with errexit
	trapping           bool
	sourced            int
	locals             []map[string]*variable
	randSeed           uint64
	lastArg            string
	underscore         string // "_" in the environment of programs: the path of the one last run
	optInd             int
}

// fork returns a subshell, nil after a message when there are too many processes.
func (in *interp) fork() *interp {
	if in.depth >= maxDepth || !in.use.fork() {
		in.errorf("fork: retry: Resource temporarily unavailable")
		in.status = 254
		return nil
	}
	sub := *in
	sub.vars = maps.Clone(in.vars)
	sub.funcs = maps.Clone(in.funcs)
	sub.aliases = maps.Clone(in.aliases)
	sub.traps = nil
	sub.fds = retained(in.fds)
	sub.jobs = &jobs{}
	sub.locals = nil
	for _, l := range in.locals {
		sub.locals = append(sub.locals, maps.Clone(l))
	}
	sub.held, sub.pending = 0, 0
	sub.depth++
	sub.interactive = false
	sub.term = in.term
	sub.brk, sub.cont, sub.loops = 0, 0, 0
	return &sub
}

// run runs body as the whole of a subshell and returns its exit status.
func (in *interp) run(body func()) (status int) {
	defer func() {
		if p := recover(); p != nil {
			k, ok := p.(killed)
			if !ok {
				in.sh.m.oops(p)
				k.status = 139
			}
			status = k.status
		}
		release(in.fds)
		in.jobs.finish(in.ctx)
		in.use.hold(-in.held - in.pending)
		in.use.exit()
	}()
	body()
	in.exitTrap()
	return in.status
}

func (in *interp) exitTrap() {
	if text, ok := in.traps["EXIT"]; ok && !in.trapping {
		in.trapping, in.exiting = true, false
		status := in.status
		delete(in.traps, "EXIT")
		in.eval(text)
		in.status, in.exiting = status, true
	}
}

// finish waits a moment for what still runs in the background, then ends it.
func (j *jobs) finish(ctx context.Context) {
	j.mu.Lock()
	running := len(j.ends)
	j.mu.Unlock()
	if running == 0 {
		j.wg.Wait()
		return
	}
	cancel := func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, end := range j.ends {
			end()
		}
	}
	t := time.AfterFunc(waitForJobs, cancel)
	defer t.Stop()
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	j.wg.Wait()
}

// start runs body in the background with a context of its own. one is its line in the
// list of jobs, nil when it has none.
func (j *jobs) start(ctx context.Context, one *job, body func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	j.mu.Lock()
	if j.ends == nil {
		j.ends = make(map[int]context.CancelFunc)
	}
	j.last++
	key := j.last
	j.ends[key] = cancel
	if one != nil {
		one.cancel = cancel
		j.list = append(j.list, one)
	}
	j.mu.Unlock()
	j.wg.Go(func() {
		defer func() {
			cancel()
			j.mu.Lock()
			delete(j.ends, key)
			j.mu.Unlock()
		}()
		body(ctx)
	})
}

// prefix is what comes before every message of the shell.
func (in *interp) prefix() string {
	switch in.kind {
	case dash:
		if in.interactive {
			return fmt.Sprintf("%s: %d: ", in.name, in.line)
		}
		return fmt.Sprintf("%s: %d: ", in.name, in.line)
	case ash:
		if in.interactive || in.flag == "c" {
			return in.name + ": "
		}
		return fmt.Sprintf("%s: line %d: ", in.name, in.line)
	case zsh:
		if in.interactive {
			return "zsh: "
		}
		return fmt.Sprintf("%s:%d: ", in.name, in.line)
	}
	if in.interactive || in.flag == "c" && in.sh.m.distro.bash < 501 {
		return in.name + ": "
	}
	return fmt.Sprintf("%s: line %d: ", in.name, in.line)
}

// errorf prints a message of the shell itself.
func (in *interp) errorf(format string, args ...any) {
	in.write(2, in.prefix()+fmt.Sprintf(format, args...)+"\n")
}

// write prints on a descriptor as the shell itself and its builtins do.
func (in *interp) write(fd int, s string) {
	if s == "" {
		return
	}
	if err := in.put(fd, []byte(s)); err == syscall.EBADF && fd == 1 {
		in.errorf("write error: Bad file descriptor")
	} else if err != nil && fd == 1 {
		in.errorf("write error: %s", reason(err))
	}
}

func (in *interp) put(fd int, p []byte) error {
	if fd >= len(in.fds) || in.fds[fd] == nil || in.fds[fd].w == nil {
		return syscall.EBADF
	}
	check(in.ctx)
	if in.fds[fd].file == nil && in.use.output.Add(int64(len(p))) > maxOutput {
		panic(killed{statusKilled})
	}
	for i := 0; i < len(p)/4096; i++ {
		in.use.step(in.ctx)
	}
	_, err := in.fds[fd].w.Write(p)
	if err == nil {
		return nil
	}
	if _, ok := err.(*fs.PathError); ok {
		return err
	}
	check(in.ctx)
	panic(killed{statusPipe})
}

// get reads from a descriptor. It returns io.EOF at the end.
func (in *interp) get(fd int, p []byte) (int, error) {
	if fd >= len(in.fds) || in.fds[fd] == nil || in.fds[fd].r == nil {
		return 0, syscall.EBADF
	}
	check(in.ctx)
	in.use.step(in.ctx)
	n, err := in.fds[fd].r.Read(p)
	if n == 0 {
		check(in.ctx)
	}
	if err != nil && err != io.EOF {
		if _, ok := err.(*fs.PathError); !ok {
			err = io.EOF
		}
	}
	return n, err
}

// files is the file tree as the shell sees it from where it is.
func (in *interp) files() *Files { return &Files{sh: in.sh, dir: in.dir, cred: in.cred} }

// grow accounts for n bytes of an expansion; the statement gives them back.
func (in *interp) grow(n int) {
	if !in.use.hold(n) {
		in.errorf("xrealloc: cannot allocate %d bytes", n)
		panic(killed{2})
	}
	in.pending += n
}

func (in *interp) shrink(mark int) {
	in.use.hold(mark - in.pending)
	in.pending = mark
}

// value returns the value of a variable or special parameter.
func (in *interp) value(name string) (string, bool) {
	switch name {
	case "#":
		return strconv.Itoa(len(in.params)), true
	case "?":
		return strconv.Itoa(in.status), true
	case "$":
		return strconv.Itoa(in.pid), true
	case "!":
		if in.bgpid == 0 {
			return "", false
		}
		return strconv.Itoa(in.bgpid), true
	case "-":
		return in.flags(), true
	case "_":
		return in.lastArg, true
	case "0":
		return in.name, true
	case "@", "*":
		return strings.Join(in.params, " "), len(in.params) > 0
	case "PPID":
		return strconv.Itoa(in.ppid), true
	case "BASHPID":
		return strconv.Itoa(in.pid + in.depth), in.kind == bash
	case "LINENO":
		return strconv.Itoa(in.line), true
	case "UID", "EUID":
		return strconv.Itoa(int(in.cred.uid)), in.kind == bash || in.kind == zsh
	case "SECONDS":
		return strconv.Itoa(int(in.sh.m.now().Sub(in.started).Seconds())), true
	case "EPOCHSECONDS":
		return strconv.FormatInt(in.sh.m.now().Unix(), 10), in.kind == bash
	case "RANDOM":
		if in.kind != dash {
			in.randSeed = in.randSeed*6364136223846793005 + 1442695040888963407
			return strconv.Itoa(int(in.randSeed >> 33 & 0x7fff)), true
		}
	}
	if n, err := strconv.Atoi(name); err == nil && name[0] != '-' {
		if n >= 1 && n <= len(in.params) {
			return in.params[n-1], true
		}
		return "", false
	}
	v := in.vars[name]
	if v == nil {
		return "", false
	}
	if v.elems != nil {
		s, ok := v.elems["0"]
		return s, ok
	}
	return v.str, v.set
}

// env returns the value of a variable, "" when it is not set.
func (in *interp) env(name string) string {
	s, _ := in.value(name)
	return s
}

func (in *interp) flags() string {
	f := ""
	if in.kind == bash {
		f = "h"
		if in.interactive {
			f = "him"
		}
	} else if in.interactive {
		f = "im"
	}
	for _, o := range []struct {
		on bool
		c  string
	}{{in.opt.allexport, "a"}, {in.opt.errexit, "e"}, {in.opt.noglob, "f"}, {in.opt.noexec, "n"}, {in.opt.nounset, "u"}, {in.opt.xtrace, "x"}} {
		if o.on {
			f = o.c + f
		}
	}
	if in.kind == bash {
		f += "B"
		if in.interactive {
			f += "H"
			if in.flag == "" {
				f += "s"
			}
		}
	}
	return f + in.flag
}

// store puts a variable, checking what may be and what it costs.
func (in *interp) store(name string, v variable) bool {
	old := in.vars[name]
	if old != nil && old.readonly {
		in.errorf("%s: %s", name, map[dialect]string{bash: "readonly variable", dash: "is read only", ash: "is read only", zsh: "read-only variable"}[in.kind])
		in.status = 1
		return false
	}
	size := v.size()
	if size > maxVariable {
		in.errorf("xrealloc: cannot allocate %d bytes", size)
		panic(killed{2})
	}
	if !in.use.hold(size + len(name)) {
		in.errorf("xrealloc: cannot allocate %d bytes", size)
		panic(killed{2})
	}
	in.held += size + len(name)
	if old != nil && old.owner == in {
		n := old.size() + len(name)
		in.use.hold(-n)
		in.held -= n
	}
	if old != nil {
		v.exported = v.exported || old.exported
	}
	v.exported = v.exported || in.opt.allexport
	v.owner = in
	in.vars[name] = &v
	switch name {
	case "HISTFILE":
		if in.history != nil {
			in.history.file = v.str
		}
	case "OPTIND":
		in.optInd = 0
	case "RANDOM":
		n, _ := strconv.ParseUint(v.str, 10, 64)
		in.randSeed = n
	}
	return true
}

func (in *interp) set(name, value string) bool {
	return in.store(name, variable{str: value, set: true})
}

func (in *interp) export(name, value string) {
	in.store(name, variable{str: value, set: true, exported: true})
}

func (in *interp) unset(name string) bool {
	v := in.vars[name]
	if v == nil {
		return true
	}
	if v.readonly {
		in.errorf("unset: %s: cannot unset: readonly variable", name)
		return false
	}
	if v.owner == in {
		n := v.size() + len(name)
		in.use.hold(-n)
		in.held -= n
	}
	delete(in.vars, name)
	if name == "HISTFILE" && in.history != nil {
		in.history.file = ""
	}
	return true
}

// open opens a file for a redirection.
func (in *interp) open(name string, flag int) (*stream, error) {
	abs := name
	if !strings.HasPrefix(abs, "/") {
		abs = in.dir + "/" + abs
	}
	switch fd, ok := strings.CutPrefix(abs, "/dev/fd/"); {
	case ok:
		if n, err := strconv.Atoi(fd); err == nil && n >= 0 && n < len(in.fds) && in.fds[n] != nil {
			return in.fds[n].retain(), nil
		}
		return nil, fail("open", name, syscall.ENOENT)
	case abs == "/dev/stdin" && in.fds[0] != nil:
		return in.fds[0].retain(), nil
	case abs == "/dev/stdout" && in.fds[1] != nil:
		return in.fds[1].retain(), nil
	case abs == "/dev/stderr" && in.fds[2] != nil:
		return in.fds[2].retain(), nil
	case abs == "/dev/tty":
		if in.term == nil {
			return nil, fail("open", name, syscall.ENXIO)
		}
		return in.term.stream(), nil
	}
	h, err := in.files().open(name, flag, 0o666&^in.umask)
	if err != nil {
		return nil, err
	}
	s := newStream(nil, nil, h)
	s.file = h
	if h.read {
		s.r = h
	}
	if h.write {
		s.w = h
	}
	return s, nil
}

// reason returns the text of the error of a system call.
func reason(err error) string {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			break
		}
		err = u.Unwrap()
	}
	errno, ok := err.(syscall.Errno)
	if !ok {
		return err.Error()
	}
	if s, ok := errnoText[errno]; ok {
		return s
	}
	return errno.Error()
}

var errnoText = map[syscall.Errno]string{
	syscall.ENOENT: "No such file or directory", syscall.EACCES: "Permission denied", syscall.EPERM: "Operation not permitted",
	syscall.ENOTDIR: "Not a directory", syscall.EISDIR: "Is a directory", syscall.EEXIST: "File exists",
	syscall.ENOTEMPTY: "Directory not empty", syscall.ELOOP: "Too many levels of symbolic links",
	syscall.ENOSPC: "No space left on device", syscall.ENAMETOOLONG: "File name too long", syscall.EINVAL: "Invalid argument",
	syscall.EBADF: "Bad file descriptor", syscall.EXDEV: "Invalid cross-device link", syscall.EBUSY: "Device or resource busy",
	syscall.ENXIO: "No such device or address", syscall.EROFS: "Read-only file system", syscall.ESRCH: "No such process",
}
