package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// program is one that a process in a container starts.
type program struct {
	exe    string   // the file
	args   []string // nil: not known
	by     string   // the program that starts it
	shell  []string // the arguments of that one
	dir    string
	pid    int
	uid    string
	origin origin
}

// programs sees what is started in one container. The kernel lets a program start when its
// event has been answered (FAN_OPEN_EXEC_PERM): until then the thread that starts it waits in
// its call, with the arguments in its memory.
type programs struct {
	w     *Watcher
	c     Container
	at    *guests
	group *os.File
	self  os.FileInfo // the program of the first process, which is not an intruder's

	calls  map[int]string // the last call of each thread: one call opens a script, its interpreter and the loader
	second time.Time
	seen   int // in that second
	lost   *flood
}

// maxCalls bounds how many threads are remembered.
const maxCalls = 4 << 10

// watchPrograms asks for the programs that are started in the container of a daemon. It is
// nil for other containers, whose connections nothing tells apart.
func (w *Watcher) watchPrograms(c Container, at *guests) (*programs, error) {
	if c.Service != "ssh" && c.Service != "telnet" {
		return nil, nil
	}
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_REPORT_TID|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_LARGEFILE|unix.O_CLOEXEC|unix.O_NOATIME)
	if err != nil {
		return nil, fmt.Errorf("capture: fanotify: %w", err)
	}
	group := os.NewFile(uintptr(fd), "fanotify")
	self, err := os.Stat("/proc/" + strconv.Itoa(c.PID) + "/exe")
	if err == nil {
		err = mark(fd, c, unix.FAN_OPEN_EXEC_PERM, func(string) bool { return true })
	}
	if err != nil {
		group.Close()
		return nil, err
	}
	return &programs{
		w: w, c: c, at: at, group: group, self: self, calls: make(map[int]string),
		lost: &flood{w: w, c: c, typ: "exec_skipped"},
	}, nil
}

// read answers events until ctx ends. When it returns every program may start.
func (p *programs) read(ctx context.Context) error {
	defer p.group.Close()
	stop := context.AfterFunc(ctx, func() { _ = p.group.SetReadDeadline(time.Unix(1, 0)) }) // a closed group needs none
	defer stop()
	defer p.lost.tell(p.w.opt.Now())
	buf := make([]byte, 4<<10)
	for {
		if err := p.group.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		n, err := p.group.Read(buf)
		p.lost.tellSometimes(p.w.opt.Now())
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return fmt.Errorf("capture: fanotify: %w", err)
		}
		var started []program
		err = eachEvent(buf[:n], func(mask uint64, fd, tid int) error {
			if fd < 0 {
				p.lost.add()
				return nil
			}
			f := os.NewFile(uintptr(fd), "")
			defer f.Close()
			if one, ok := p.look(f, tid); ok {
				started = append(started, one)
			}
			return p.allow(fd)
		})
		if err != nil {
			return err
		}
		for _, one := range started {
			typ, fields := one.event()
			p.w.emit(p.c, decnet.SeverityInfo, typ, fields)
		}
	}
}

// allow lets a program start.
func (p *programs) allow(fd int) error {
	var answer [8]byte
	binary.NativeEndian.PutUint32(answer[:], uint32(fd))
	binary.NativeEndian.PutUint32(answer[4:], unix.FAN_ALLOW)
	_, err := p.group.Write(answer[:])
	if errors.Is(err, unix.ENOENT) { // who wanted it has been killed
		return nil
	}
	return err
}

// look finds out what a thread starts and who is behind it. ok is false for what is no news.
func (p *programs) look(f *os.File, tid int) (one program, ok bool) {
	if now := p.w.opt.Now(); now.Sub(p.second).Abs() >= time.Second {
		p.second, p.seen = now, 0
	}
	if p.seen++; p.seen > p.w.opt.Programs {
		p.lost.add()
		return program{}, false
	}
	dir := "/proc/" + strconv.Itoa(tid)
	info, err := f.Stat()
	by, err2 := os.Stat(dir + "/exe")
	if err != nil || err2 != nil || os.SameFile(info, p.self) || os.SameFile(by, p.self) {
		return program{}, false
	}
	starter := look(tid)
	if !p.inside(starter) {
		return program{}, false // who works on the container from the host
	}
	raw := callOf(dir)
	if raw != "" && p.calls[tid] == raw {
		return program{}, false
	}
	if len(p.calls) >= maxCalls {
		clear(p.calls)
	}
	p.calls[tid] = raw
	one = program{pid: tid, uid: starter.uid, args: argsOf(dir, raw)}
	one.exe, _ = os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd()))) // of an open file it is there
	one.by, _ = os.Readlink(dir + "/exe")                                  // what is missing is not told
	one.dir, _ = os.Readlink(dir + "/cwd")
	if title := titleOf(dir, maxArgs); title != "" {
		one.shell = strings.Split(strings.TrimSuffix(title, "\x00"), "\x00")
	}
	// What a daemon has forked bears its name until the program starts.
	daemon := daemonOf(look(starter.parent), p.c.Service, p.c.PID)
	var sockets []string
	if daemon.pid != 0 {
		sockets = socketsOf(daemon.pid)
	}
	one.origin = attribute(daemon, sockets, p.at.peers(), nil)
	return one, true
}

// inside reports whether the first process of the container is an ancestor of another one.
func (p *programs) inside(q process) bool {
	for range maxAncestors {
		if q.parent <= 1 {
			return false
		}
		if q.parent == p.c.PID {
			return true
		}
		q = look(q.parent)
	}
	return false
}

// callOf returns what a thread has asked the kernel for, "" when that is not known. It may be
// on its way to waiting still.
func callOf(dir string) string {
	const tries = 20
	for range tries {
		text, err := os.ReadFile(dir + "/syscall")
		if err != nil {
			return ""
		}
		if line := strings.TrimSpace(string(text)); line != "running" {
			return line
		}
		time.Sleep(100 * time.Microsecond)
	}
	return ""
}

// parseCall reads a line of /proc/<tid>/syscall: a number and arguments. ok is false for
// another call than one that starts a program.
func parseCall(line string) (c call, ok bool) {
	const compat = 11 // execve of 32-bit programs, on x86 and ARM
	f := strings.Fields(line)
	if len(f) < 4 {
		return call{}, false
	}
	at := 2
	switch f[0] {
	case strconv.Itoa(unix.SYS_EXECVE), strconv.Itoa(compat):
	case strconv.Itoa(unix.SYS_EXECVEAT):
		at = 3
	default:
		return call{}, false
	}
	argv, err := strconv.ParseUint(f[at], 0, 64)
	return call{argv, f[0] != strconv.Itoa(compat)}, err == nil && argv != 0
}

// Bounds of the arguments that are read, and of one.
const (
	maxArgs = 16 << 10
	maxArg  = 4 << 10
)

// argsOf returns the arguments of the program that a thread starts, cut off where there are
// too many.
func argsOf(dir, raw string) []string {
	c, ok := parseCall(raw)
	if !ok {
		return nil
	}
	memory, err := os.Open(dir + "/mem")
	if err != nil {
		return nil
	}
	defer memory.Close()
	width := 4
	if c.wide {
		width = 8
	}
	var args []string
	for total := 0; total < maxArgs; c.argv += uint64(width) {
		pointer := make([]byte, 8)
		if _, err := memory.ReadAt(pointer[:width], int64(c.argv)); err != nil {
			return args
		}
		at := binary.LittleEndian.Uint64(pointer)
		if at == 0 {
			return args
		}
		arg := stringAt(memory, at)
		args = append(args, arg)
		total += len(arg) + width
	}
	return args
}

// stringAt returns the text that ends with a zero byte, as far as it can be read: what
// follows it may not be there.
func stringAt(memory *os.File, at uint64) string {
	const step = 256
	var text []byte
	for len(text) < maxArg {
		chunk := make([]byte, step-at%step) // does not reach into the next page
		n, err := memory.ReadAt(chunk, int64(at))
		if i := bytes.IndexByte(chunk[:n], 0); i >= 0 {
			return string(append(text, chunk[:i]...))
		}
		text = append(text, chunk[:n]...)
		at += uint64(n)
		if err != nil || n == 0 {
			break
		}
	}
	return string(text)
}

// event is a command where a shell that does not tell of them itself was given it, and
// otherwise a program that was started.
func (p program) event() (typ string, fields []decnet.Field) {
	typ, text := "exec", quoted(p.args)
	if len(p.args) == 0 {
		text = quoted([]string{p.exe})
	}
	shell := ""
	if prompted(p.by, p.shell) {
		typ, shell = "command", p.by
	} else if one, ok := line(p.exe, p.args, p.by); ok {
		typ, shell, text = "command", p.exe, one
	}
	fields = appendText(p.origin.address(), "command", text)
	if shell != "" {
		fields = append(fields, decnet.F("shell", shell))
	}
	if p.args != nil {
		argv, _ := json.Marshal(p.args) // texts always marshal
		fields = append(fields, decnet.F("argv", string(argv)))
	}
	daemon := ""
	if p.origin.pid != 0 {
		daemon = strconv.Itoa(p.origin.pid)
	}
	for _, f := range []decnet.Field{
		decnet.F("exe", p.exe), decnet.F("by", p.by), decnet.F("pwd", p.dir), decnet.F("uid", p.uid), decnet.F("pid", strconv.Itoa(p.pid)),
		decnet.F("ssh_user", p.origin.user), decnet.F("ssh_pid", daemon), decnet.F("attribution", p.origin.how),
	} {
		if f.Value != "" {
			fields = appendText(fields, f.Key, f.Value)
		}
	}
	return typ, fields
}
