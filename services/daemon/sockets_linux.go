package daemon

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The sockets of the machine that the first process serves, where systemd, nscd and
// systemd-userdbd have theirs.
const (
	logSocket     = "/dev/log"
	commandSocket = "/run/systemd/journal/stdout"
	cacheSocket   = "/run/nscd/socket"
	authSocket    = "/run/systemd/userdb/io.systemd.DropIn"
)

// Limits of what comes over the sockets. Whoever is in can send anything.
const (
	maxLogLine  = 72 << 10
	maxRequest  = 8 << 10
	maxCommand  = 256 << 10
	askTimeout  = 5 * time.Second
	lookEvery   = 2 * time.Second
	maxAtOnce   = 64
	authMode    = 0o600
	publicMode  = 0o666
	dirMode     = 0o755
	maxPassword = 4 << 10
)

// place makes room for a socket.
func place(name string) error {
	if err := os.MkdirAll(path.Dir(name), dirMode); err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// whileThere closes c when ctx ends, or when an intruder has put something else in the
// place of its name.
func whileThere(ctx context.Context, name string, c io.Closer) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	mine, err := os.Lstat(name)
	var watching sync.WaitGroup
	watching.Go(func() {
		defer c.Close()
		for err == nil && ctx.Err() == nil {
			pause(ctx, lookEvery)
			now, gone := os.Lstat(name)
			if gone != nil || !os.SameFile(mine, now) {
				return
			}
		}
	})
	return func() { cancel(); watching.Wait() }
}

// serveLog is the machine's log service until the socket goes.
func (s *server) serveLog(ctx context.Context, name string) error {
	if err := place(name); err != nil {
		return err
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer whileThere(ctx, name, c)()
	if err := os.Chmod(name, publicMode); err != nil {
		return err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) { optErr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1) })
	if err = errors.Join(err, optErr); err != nil {
		return err
	}
	var file authLog
	defer file.close()
	buf, oob := make([]byte, maxLogLine), make([]byte, 256)
	for {
		n, m, _, _, err := c.ReadMsgUnix(buf, oob)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if s.drained(buf[:n]) {
			continue
		}
		line := parseLine(buf[:n])
		file.write(s.env.Now(), s.env.Identity.Hostname, line)
		if pid := sender(oob[:m]); pid > 0 {
			s.observe(line, pid)
		}
	}
}

// drain waits until the log service has heard all that was sent to it before, for a second
// at most: what the programs of a connection said last belongs to it.
func (s *server) drain() {
	mark, heard := rand.Text(), make(chan struct{})
	s.mu.Lock()
	s.marks[mark] = heard
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.marks, mark)
	}()
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: logSocket, Net: "unixgram"})
	if err != nil {
		return // an intruder has removed it, and it is made anew
	}
	defer c.Close()
	deadline := time.Now().Add(time.Second)
	if c.SetWriteDeadline(deadline) != nil {
		return
	}
	if _, err := c.Write([]byte(mark)); err != nil {
		return
	}
	select {
	case <-heard:
	case <-time.After(time.Until(deadline)):
	}
}

// drained reports whether a datagram is the mark of a drain, which then ends.
func (s *server) drained(datagram []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	heard, ok := s.marks[string(datagram)]
	if ok {
		close(heard)
		delete(s.marks, string(datagram))
	}
	return ok
}

// sender returns the process that sent a datagram, as the kernel says.
func sender(oob []byte) int {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range messages {
		if cred, err := syscall.ParseUnixCredentials(&messages[i]); err == nil {
			return int(cred.Pid)
		}
	}
	return 0
}

// observe makes events of a line that a process wrote.
func (s *server) observe(l logLine, pid int) {
	v, depth := s.visit(pid)
	if v == nil {
		return
	}
	switch {
	case l.tag == "sshd" && depth <= 1:
		v.mu.Lock()
		typ, fields := v.log.observe(l.text)
		if typ == "auth_attempt" && fields[2].Value == "success" {
			v.in = true
		}
		v.mu.Unlock()
		if typ != "" {
			v.Emit(typ, fields...)
		}
	case l.tag == "sftp-server":
		if typ, fields := transfer(l.text); typ != "" {
			v.Emit(typ, fields...)
		}
	}
}

// asker is the process at the other end of a stream socket, as the kernel says.
type asker struct {
	pid, uid int
	visit    *visit // that the process belongs to; nil: none
	depth    int    // generations below the daemon of visit
}

// serveStream serves a stream socket, at most maxAtOnce askers at a time.
func (s *server) serveStream(ctx context.Context, name string, mode os.FileMode, serve func(*net.UnixConn, asker)) error {
	if err := place(name); err != nil {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false) // what has its name by now is not ours
	defer whileThere(ctx, name, l)()
	if err := os.Chmod(name, mode); err != nil {
		return err
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	room := make(chan struct{}, maxAtOnce)
	for {
		room <- struct{}{}
		c, err := l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		serving.Go(func() {
			defer func() { <-room }()
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(askTimeout)) // a socket that takes none is closed by its peer
			if a, ok := s.asker(c); ok {
				serve(c, a)
			}
		})
	}
}

// asker finds out who is at the other end. A process that has ended belongs to no
// connection: another one could have its number by now.
func (s *server) asker(c *net.UnixConn) (asker, bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return asker{}, false
	}
	var cred *syscall.Ucred
	var credErr, fdErr error
	var pidfd int
	err = raw.Control(func(fd uintptr) {
		if cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); credErr == nil {
			pidfd, fdErr = peer(int(fd), int(cred.Pid))
		}
	})
	if err != nil || credErr != nil || cred.Pid <= 0 {
		return asker{}, false
	}
	a := asker{pid: int(cred.Pid), uid: int(cred.Uid)}
	if fdErr != nil {
		return a, true
	}
	defer syscall.Close(pidfd)
	v, depth := s.visit(a.pid)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0); err == nil && n == 0 { // it is still there
		a.visit, a.depth = v, depth
	}
	return a, true
}

// peer returns a descriptor of the process at the other end of a socket.
func peer(socket, pid int) (pidfd int, err error) {
	const peerPIDFD = 77 // SO_PEERPIDFD, Linux 6.5 and later
	pidfd, err = syscall.GetsockoptInt(socket, syscall.SOL_SOCKET, peerPIDFD)
	if errors.Is(err, syscall.ENOPROTOOPT) {
		return unix.PidfdOpen(pid, 0)
	}
	return pidfd, err
}

// serveCache is the name service cache. It knows nothing, except towards a daemon whose
// client has not logged in: for that one every name is an account, so that the password
// which goes with it is asked for.
func (s *server) serveCache(ctx context.Context, name string) error {
	return s.serveStream(ctx, name, publicMode, func(c *net.UnixConn, a asker) {
		typ, user, err := question(c)
		if err != nil {
			return
		}
		answer := notCached()
		if typ == passwdByName && a.visit != nil && a.depth == 0 && !a.visit.loggedIn() && plausible.MatchString(user) {
			passwd, err := os.ReadFile("/etc/passwd")
			if err != nil {
				return
			}
			found, known := accountOf(string(passwd), user)
			if !known {
				found = stranger(user)
			}
			answer = found.answer()
		} else if typ != passwdByName && typ > 3 {
			return // it asks for the memory of the cache
		}
		_, _ = c.Write(answer) // who has hung up does not want it
	})
}

// request is what the process that PAM starts asks.
type request struct {
	User     string `json:"u"`
	Password []byte `json:"p"`
	Service  string `json:"s"`
	Failed   bool   `json:"f"` // the password is not that of the account
}

// serveAuth hears of every password and says whether a wrong one is let in.
func (s *server) serveAuth(ctx context.Context, name string) error {
	return s.serveStream(ctx, name, authMode, func(c *net.UnixConn, a asker) {
		var r request
		if json.NewDecoder(io.LimitReader(c, maxRequest)).Decode(&r) != nil {
			return
		}
		answer := byte(0)
		if a.visit != nil && s.judge(a.visit, r) {
			answer = 1
		}
		_, _ = c.Write([]byte{answer}) // who has hung up is not let in
	})
}

// judge reports whether a client gets in, and reports what it tried.
func (s *server) judge(v *visit, r request) bool {
	if !r.Failed {
		v.attempt(r.User, string(r.Password), r.Service, true)
		return true
	}
	passwd, err := os.ReadFile("/etc/passwd")
	_, known := accountOf(string(passwd), r.User)
	if err == nil && known && s.policy.Any() && s.policy.Try(v.Attacker.Addr(), r.User, string(r.Password)) {
		return true // PAM comes back to tell so
	}
	v.attempt(r.User, string(r.Password), r.Service, false)
	return false
}

// Ask is what the process does that PAM starts for a password: it tells the first process
// of the container, and reports whether the client gets in. failed says that the password
// is not that of the account.
func Ask(user, service string, password io.Reader, failed bool) (in bool, err error) {
	text, err := io.ReadAll(io.LimitReader(password, maxPassword))
	if err != nil {
		return false, err
	}
	if n := len(text); n > 0 && text[n-1] == 0 {
		text = text[:n-1] // pam_exec(8) ends it so
	}
	answer, err := ask(authSocket, request{user, text, service, failed})
	return err == nil && answer == 1, err
}

// ask sends v to a socket of the first process, and returns its answer of one byte.
func ask(socket string, v any) (byte, error) {
	c, err := net.DialTimeout("unix", socket, askTimeout)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(askTimeout)); err != nil {
		return 0, err
	}
	if err := json.NewEncoder(c).Encode(v); err != nil {
		return 0, err
	}
	var answer [1]byte
	_, err = io.ReadFull(c, answer[:])
	return answer[0], err
}
