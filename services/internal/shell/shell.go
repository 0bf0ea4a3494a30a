// Package shell is the machine that an attacker believes to have logged in to: a shell, a
// file system and the programs that attackers run first, all of them invented.
//
//	m := shell.Open(env)
//	sh := m.Login(session, "root")
//	defer sh.Close()
//	status := sh.Exec(ctx, "uname -a; id", shell.Stdio{In: ch, Out: ch, Err: ch.Stderr()})
//
// The grammar is that of mvdan.cc/sh/v3/syntax; what it yields is evaluated here, on an
// in-memory file tree and an invented process table. The package imports no os/exec, opens
// no file, looks up no user and no host name, and has no dialer: there is no path from what
// an attacker types to the machine that DECNET runs on. The interpreter of the same module
// is not used, because it takes the host for granted in too many places (pipes and named
// pipes, process ids, users, search paths, the stack) and bounds neither memory nor
// recursion.
//
// # What attackers change
//
// Each attacker address has a machine of its own to change: its files, passwords, keys and
// killed processes are there at its next log-in, over every service of the decky that
// opens the same machine, and nobody else sees them. A password set with passwd, chpasswd,
// useradd, usermod or an editor is the one that logs in from then on (CheckPassword), and
// so is a key that is added to authorized_keys (AuthorizedKeys). All of it is kept in
// memory for as many attackers as Options.AttackerStates says.
//
// # What is bounded
//
// A log-in has a quota of files, a budget of memory, programs, output, nesting and steps.
// A command that goes on for long runs slower and slower and is killed in the end; all of
// a machine's log-ins together have a limit of memory and programs too.
//
// # Events
//
// command (command, user, cwd, tty) for every command line, download_attempt (url, tool,
// output) for wget, curl and their like, connect_attempt (host, port, tool, protocol) for
// nc, ssh, telnet, ping and /dev/tcp, file_executed (path, sha256, size, outcome) for
// every program that the attacker brought, file_captured for every file written, and
// credential_change (username, password) for passwd and chpasswd.
//
// # What can still be told apart
//
// Programs that change nothing visible only pretend (a killed process stays dead for this
// attacker alone). Uploaded programs never run. There is no editor, no compiler and no
// language but the shell, awk and sed, each without their rarer features; perl runs print,
// system and exec of literals and crashes on anything else, and python is not installed.
// The many small programs of a distribution that nobody misses (zgrep, gpg, iconv, xz) are
// not there. /proc/self is a directory and not a link, /etc/ssh has no RSA key and no
// moduli, and private host keys do not parse. A history reference is expanded only when it
// is the whole line, ^R searches nothing, timeout does not end a program that waits for a
// pipe, and a log-in without a terminal is listed by w to the others of its address. Everything
// outside the machine is unreachable, which a patient visitor can test from outside. Two
// attackers never see what the other changed, and what an attacker changed is gone when
// the process that runs the decky is started again, although the uptime goes on; so it is
// when many others have come since. The machine's own ports take connections that end at
// once. A hash of yescrypt is one in form only. Resource limits are met sooner than on a
// real machine. Jobs cannot be suspended. Of zsh there is the prompt and the messages, not
// the language.
package shell

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// Shell is one log-in. Its methods are safe for concurrent use: every Exec, Script and
// Interactive is a process of its own that starts in the home directory.
type Shell struct {
	m        *Machine
	s        *services.Session
	attacker *attacker
	files    *layer
	user     account
	cred     cred
	home     string
	tty      string
	from     netip.AddrPort
	pid      int // of the server process that holds the log-in
	since    time.Time
	memory   atomic.Int64
	self     atomic.Pointer[process] // the program that runs, nil: the shell
	procs    atomic.Int32

	mu        sync.Mutex
	env       []string
	captured  map[string]bool
	closed    bool
	terminals []*terminal
	last      login // the log-in before this one
}

// Login logs user in. What the same attacker address changed at earlier log-ins is there.
// A user that the machine does not know is made, as if it had always been there. The
// caller must Close the Shell.
func (m *Machine) Login(s *services.Session, user string) *Shell {
	m.build()
	sh := &Shell{m: m, s: s, pid: m.newPID(), since: m.now()}
	if s.Conn != nil {
		sh.from = s.Conn.Attacker
	}
	sh.attacker = m.attacker(sh.from.Addr())
	sh.files = sh.attacker.files
	user = loginName(user)
	sh.user = sh.accountOf(user)
	sh.cred = sh.credOf(sh.user)
	sh.home = sh.user.home
	f := &Files{sh: sh, cred: cred{}}
	if i, err := f.stat("stat", sh.home, true); err != nil {
		if f.Mkdir(sh.home, 0o755) == nil {
			_ = f.Chown(sh.home, sh.user.uid, sh.user.gid)
		} else {
			sh.home = "/"
		}
	} else if !i.mode.IsDir() {
		sh.home = "/"
	}
	a := sh.attacker
	a.mu.Lock()
	defer a.mu.Unlock()
	open := 0
	for _, l := range a.logins {
		if l.out.IsZero() {
			open++
		}
		if l.user == user {
			sh.last = l
		}
	}
	sh.tty = "pts/" + strconv.Itoa(open)
	a.logins = append(a.logins, login{user: user, tty: sh.tty, from: sh.from.Addr().String(), in: sh.since, telnet: !sh.overSSH()})
	if len(a.logins) > maxLogins {
		a.logins = a.logins[1:]
	}
	return sh
}

// accountOf is the account under which user logs in.
func (sh *Shell) accountOf(user string) account {
	if a, ok := sh.account(user); ok {
		return a
	}
	n := 1000 + len(sh.m.users())
	return account{user, n, n, ",,,", "/home/" + user, sh.m.distro.loginShell()}
}

// loginName cuts what cannot be a login name.
func loginName(s string) string {
	keep := func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}
	s = strings.TrimLeft(strings.Map(keep, s), "-.")
	if s == "" {
		return "root"
	}
	return s[:min(len(s), 32)]
}

// Close ends the log-in.
func (sh *Shell) Close() {
	sh.mu.Lock()
	closed := sh.closed
	sh.closed = true
	sh.mu.Unlock()
	if closed {
		return
	}
	a := sh.attacker
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.logins {
		if l := &a.logins[i]; l.out.IsZero() && l.in.Equal(sh.since) && l.tty == sh.tty {
			l.out = sh.m.now()
			break
		}
	}
}

// Stdio is what a command reads and writes. Err may be the same as Out; nil is empty
// input and discarded output.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Terminal is what a client tells of its terminal: the value of TERM and the size.
type Terminal struct {
	Name          string
	Width, Height int
}

// Home returns the home directory of the user.
func (sh *Shell) Home() string { return sh.home }

// Files returns the file tree that the shell works on.
func (sh *Shell) Files() *Files { return &Files{sh: sh, dir: sh.home, cred: sh.cred} }

// Setenv sets an environment variable for the commands that start from now on, such as
// LANG from an SSH env request. Names that are not identifiers, and more than 32 of them,
// are ignored.
func (sh *Shell) Setenv(name, value string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.env) < 32 && len(name) < 128 && len(value) < 4096 && validName(name) {
		sh.env = append(sh.env, name+"="+value)
	}
}

func validName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// shell returns a shell process of this log-in.
func (sh *Shell) shell(ctx context.Context, name, flag string, std Stdio) *interp {
	in := &interp{
		sh: sh, use: &usage{sh: sh}, ctx: ctx, kind: sh.m.distro.login, name: name, flag: flag,
		cred: sh.cred, dir: sh.home, umask: 0o022, vars: make(map[string]*variable, 24),
		pid: sh.m.newPID(), ppid: sh.pid, jobs: &jobs{}, started: sh.m.now(), randSeed: uint64(sh.m.now().UnixNano()),
	}
	if sh.user.shell == "/bin/sh" {
		in.kind = sh.m.distro.sh
	}
	stdout := newStream(nil, discard(std.Out), nil)
	if std.Out != nil && std.Out == std.Err {
		stdout.w = &lockedWriter{w: std.Out}
	}
	stderr := stdout.retain()
	if std.Err != std.Out {
		stderr.release()
		stderr = newStream(nil, discard(std.Err), nil)
	}
	stdin := std.In
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	in.fds = []*stream{newStream(stdin, nil, nil), stdout, stderr}
	in.environment(sh)
	return in
}

func discard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// environment sets what sshd and the shell put there.
func (in *interp) environment(sh *Shell) {
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	switch {
	case sh.cred.uid != 0 && sh.m.distro.family == "debian":
		path = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
	case sh.m.distro.family == "rhel":
		path = sh.home + "/.local/bin:" + sh.home + "/bin:/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin"
	case sh.m.distro.family == "alpine":
		path = "/bin:/usr/bin:/sbin:/usr/sbin"
	}
	in.export("SHELL", sh.user.shell)
	in.export("PWD", in.dir)
	in.export("LOGNAME", sh.user.name)
	in.export("HOME", sh.home)
	in.export("USER", sh.user.name)
	in.export("PATH", path)
	if in.kind == bash {
		in.export("SHLVL", "1")
	}
	if sh.m.distro.family != "alpine" {
		in.export("LANG", "en_US.UTF-8")
		in.export("XDG_SESSION_ID", strconv.Itoa(1+sh.pid%400))
		in.export("XDG_RUNTIME_DIR", "/run/user/"+strconv.Itoa(int(sh.cred.uid)))
	}
	if sh.from.IsValid() && sh.overSSH() {
		local := sh.local()
		in.export("SSH_CLIENT", sh.from.Addr().String()+" "+strconv.Itoa(int(sh.from.Port()))+" "+strconv.Itoa(int(local.Port())))
		in.export("SSH_CONNECTION", sh.from.Addr().String()+" "+strconv.Itoa(int(sh.from.Port()))+" "+local.Addr().String()+" "+strconv.Itoa(int(local.Port())))
	}
	in.set("IFS", " \t\n")
	in.set("OPTIND", "1")
	in.set("PS4", "+ ")
	in.bashVariables()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, kv := range sh.env {
		name, value, _ := strings.Cut(kv, "=")
		in.export(name, value)
	}
}

// overSSH reports whether sshd holds the log-in; else it is telnetd.
func (sh *Shell) overSSH() bool { return sh.s.Service() != "telnet" }

// local is the address that the attacker connected to, as the machine sees it.
func (sh *Shell) local() netip.AddrPort {
	port := uint16(22)
	if !sh.overSSH() {
		port = 23
	}
	if sh.s.Conn != nil && sh.s.Conn.Local.IsValid() {
		if a := sh.s.Conn.Local.Addr(); !a.IsLoopback() {
			return netip.AddrPortFrom(a, port)
		}
	}
	return netip.AddrPortFrom(sh.m.hw.addr.Addr(), port)
}

// start runs body as a process of this log-in and returns its exit status.
func (sh *Shell) start(in *interp, body func()) int {
	if !in.use.fork() {
		release(in.fds)
		return 254
	}
	return in.run(body)
}

// Exec runs a command line as "sh -c" does and returns its exit status, which is 128 and
// the number of a signal when one ended it.
func (sh *Shell) Exec(ctx context.Context, command string, std Stdio) (status int) {
	ctx, cancel := context.WithTimeout(ctx, maxCommandT)
	defer cancel()
	in := sh.command(ctx, command, std)
	in.report(command)
	return sh.start(in, func() { in.eval(command) })
}

// command returns the shell that runs command.
func (sh *Shell) command(ctx context.Context, command string, std Stdio) *interp {
	in := sh.shell(ctx, path.Base(sh.user.shell), "c", std)
	in.text = command
	return in
}

// Script runs the commands that arrive on std.In, without prompt or echo, until it ends or
// a command exits. Commands that read their standard input read what follows them.
func (sh *Shell) Script(ctx context.Context, std Stdio) (status int) {
	in := sh.shell(ctx, "-"+path.Base(sh.user.shell), "s", std)
	return sh.start(in, in.scriptLoop)
}

// scriptLoop reads standard input line by line, so that a command can read from it too.
func (in *interp) scriptLoop() {
	var text strings.Builder
	for !in.exiting {
		line, ok := in.readLine(0, true)
		if !ok && line == "" {
			break
		}
		text.WriteString(line)
		if ok {
			text.WriteByte('\n')
		}
		if text.Len() > maxCommand {
			in.errorf("%v", errTooDeep)
			in.status = 2
			return
		}
		lines := strings.Count(text.String(), "\n")
		if ok && !in.complete(text.String()) {
			continue
		}
		if s := strings.TrimSpace(text.String()); s != "" {
			in.report(strings.TrimSuffix(text.String(), "\n"))
			in.use.steps.Store(0)
			in.use.output.Store(0)
			in.eval(text.String())
		}
		in.lines += lines
		text.Reset()
		if !ok {
			break
		}
	}
	if text.Len() > 0 && !in.exiting {
		in.report(text.String())
		in.eval(text.String())
	}
}

// report emits the command event of a command line.
func (in *interp) report(command string) {
	tty := "no"
	if in.term != nil {
		tty = "yes"
	}
	in.sh.s.Emit("command", decnet.F("command", command), decnet.F("user", in.cred.name), decnet.F("cwd", in.dir), decnet.F("tty", tty))
}

// capture stores what an attacker wrote to a file, once for each content and path.
func (sh *Shell) capture(ctx context.Context, name string, content []byte) {
	if len(content) == 0 {
		return
	}
	sum := sha256.Sum256(content)
	key := name + "\x00" + string(sum[:])
	sh.mu.Lock()
	if sh.captured == nil {
		sh.captured = make(map[string]bool)
	}
	n := len(sh.captured)
	known := sh.captured[key]
	if n <= maxCaptures {
		sh.captured[key] = true
	}
	sh.mu.Unlock()
	switch {
	case known || n > maxCaptures:
	case n == maxCaptures:
		sh.s.Warn("captures_exceeded", decnet.F("limit", strconv.Itoa(maxCaptures)), decnet.F("orig_path", name))
	default:
		// The error is the store's; the event has been emitted all the same.
		_, _ = sh.s.CaptureBytes(ctx, name, content, decnet.F("user", sh.user.name))
	}
}

// executed reports a program that the attacker brought.
func (sh *Shell) executed(name string, content []byte, outcome string) {
	sum := sha256.Sum256(content)
	sh.s.Emit("file_executed", decnet.F("path", name), decnet.F("sha256", hex.EncodeToString(sum[:])),
		decnet.F("size", strconv.Itoa(len(content))), decnet.F("outcome", outcome))
}

// reach reports an attempt to reach another machine.
func (sh *Shell) reach(event, host, port, tool, protocol string) {
	sh.s.Emit(event, decnet.F("host", host), decnet.F("port", port), decnet.F("tool", tool), decnet.F("protocol", protocol))
}

// download reports an attempt to fetch a URL.
func (sh *Shell) download(url, tool, output string) {
	sh.s.Emit("download_attempt", decnet.F("url", url), decnet.F("tool", tool), decnet.F("output", output))
}

// account is a line of /etc/passwd.
type account struct {
	name        string
	uid, gid    int
	gecos, home string
	shell       string
}

func parseAccounts(passwd []byte) []account {
	var out []account
	for line := range strings.Lines(string(passwd)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) != 7 {
			continue
		}
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		if err1 == nil && err2 == nil && uid >= 0 && gid >= 0 {
			out = append(out, account{f[0], uid, gid, f[4], f[5], f[6]})
		}
	}
	return out
}

// directory is what /etc/passwd and /etc/group say. It is never changed.
type directory struct {
	passwd, group string
	accounts      []account
	groups        []group
	names         names
}

// directory returns the accounts and groups as this attacker sees them. The machine keeps
// those that were asked for last, which most attackers share.
func (sh *Shell) directory() *directory {
	f := &Files{sh: sh}
	passwd, _ := f.read("/etc/passwd")
	groups, _ := f.read("/etc/group")
	if d := sh.m.directory.Load(); d != nil && d.passwd == string(passwd) && d.group == string(groups) {
		return d
	}
	d := &directory{passwd: string(passwd), group: string(groups), accounts: parseAccounts(passwd), groups: parseGroups(groups)}
	d.names = newNames(d.accounts, d.groups)
	sh.m.directory.Store(d)
	return d
}

// accounts are the lines of /etc/passwd as this attacker sees it.
func (sh *Shell) accounts() []account { return sh.directory().accounts }

func (sh *Shell) account(name string) (account, bool) {
	if a, ok := sh.m.known(name); ok {
		return a, true
	}
	list := sh.accounts()
	if i := slices.IndexFunc(list, func(a account) bool { return a.name == name }); i >= 0 {
		return list[i], true
	}
	return account{}, false
}

// group is a line of /etc/group.
type group struct {
	name    string
	gid     int
	members []string
}

func parseGroups(text []byte) []group {
	var out []group
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) != 4 {
			continue
		}
		if gid, err := strconv.Atoi(f[2]); err == nil {
			out = append(out, group{f[0], gid, strings.FieldsFunc(f[3], func(r rune) bool { return r == ',' })})
		}
	}
	return out
}

// groups are the lines of /etc/group as this attacker sees it.
func (sh *Shell) groups() []group { return sh.directory().groups }

// credOf returns what a has the right to.
func (sh *Shell) credOf(a account) cred {
	c := cred{name: a.name, uid: uint32(a.uid), gid: uint32(a.gid)}
	if a.uid == 0 {
		return c
	}
	for _, g := range sh.groups() {
		if slices.Contains(g.members, a.name) {
			c.groups = append(c.groups, uint32(g.gid))
		}
	}
	return c
}

// clock formats a time as the machine's programs print it. The machine is set to UTC.
func clock(t time.Time, layout string) string { return t.UTC().Format(layout) }

// LastLogin returns the "Last login: …" line with its line feed, "" at the first log-in.
func (sh *Shell) LastLogin() string {
	l := sh.last
	if l.in.IsZero() {
		if sh.user.name != "root" && sh.user.name != sh.m.distro.admin {
			return ""
		}
		l = sh.m.adminLogins()[0]
	}
	return "Last login: " + clock(l.in, "Mon Jan _2 15:04:05 2006") + " from " + l.from + "\n"
}
