package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/login"
)

// program is a daemon that takes one connection as its standard input and output.
type program struct {
	path string
	args []string
	info services.Info
}

func programOf(service string) (program, error) {
	keys := append(login.Keys(0), Key())
	switch service {
	case "ssh":
		return program{
			path: "/usr/sbin/sshd",
			args: []string{"sshd", "-i", "-o", "LogLevel=DEBUG2"},
			info: services.Info{Name: service, Ports: []services.Port{{Network: "tcp", Number: 22}}, Keys: keys},
		}, nil
	case "telnet":
		return program{
			path: "/usr/sbin/telnetd",
			args: []string{"telnetd"},
			info: services.Info{Name: service, Ports: []services.Port{{Network: "tcp", Number: 23}}, Keys: keys},
		}, nil
	}
	return program{}, fmt.Errorf("daemon: %q is no service with a real daemon: %w", service, decnet.ErrSemantic)
}

// New makes the server of a service with a real daemon, for the first process of a
// container as [Container] describes it. cfg holds the settings that were given.
func New(env services.Env, service string, cfg services.Config) (services.Server, error) {
	p, err := programOf(service)
	if err != nil {
		return nil, err
	}
	if cfg, err = cfg.Check(p.info); err != nil {
		return nil, err
	}
	env = env.Complete()
	env.Limits = env.Limits.Or(services.Limits{Conns: 48, Total: 6 * time.Hour})
	policy, err := login.New(cfg, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", service, err)
	}
	return &server{env: env, program: p, policy: policy, processes: processes{waiting: make(map[int]chan struct{})}, visits: make(map[int]*visit), marks: make(map[string]chan struct{})}, nil
}

type server struct {
	env       services.Env
	program   program
	policy    *login.Policy
	processes processes

	mu     sync.Mutex
	visits map[int]*visit           // by the process of the daemon
	marks  map[string]chan struct{} // of drains under way
}

// visit is one connection and the daemon that serves it.
type visit struct {
	*services.Session
	pid   int
	ended <-chan struct{}

	session string // the log-in session of its processes, "" for not known; under the mu of server

	mu  sync.Mutex
	log sshdLog
	in  bool // logged in
}

// Serve makes the machine what the persona says and runs the daemon on socks.
func (s *server) Serve(ctx context.Context, socks []services.Socket) error {
	ctx, cancel := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
	defer func() {
		for _, sock := range socks {
			sock.Stream.Close()
		}
	}()
	if err := s.boot(); err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	for path, serve := range map[string]func(context.Context, string) error{
		logSocket: s.serveLog, commandSocket: s.serveCommands, cacheSocket: s.serveCache, authSocket: s.serveAuth,
	} {
		helpers.Go(func() {
			for ctx.Err() == nil {
				if err := serve(ctx, path); err != nil && ctx.Err() == nil {
					s.env.Log.Error("socket failed", "path", path, "err", err)
					pause(ctx, time.Second)
				}
			}
		})
	}
	if os.Getpid() == 1 {
		helpers.Go(func() { s.processes.reap(ctx) })
	}
	return s.env.Serve(ctx, s.program.info.Name, socks, s.handle)
}

// handle gives a connection to a daemon and waits for its end.
func (s *server) handle(ctx context.Context, c *services.Session) error {
	tcp, ok := c.Conn.Conn.(*net.TCPConn)
	if !ok {
		return errors.New("daemon: not a TCP connection")
	}
	v, err := s.start(c, tcp)
	if err != nil {
		s.env.Log.Error("daemon does not start", "err", err)
		return err
	}
	defer s.forget(v)
	defer s.drain()
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = raw.Read(func(uintptr) bool { return false }) // until the connection is closed on this side
	}()
	late := time.NewTimer(s.env.Limits.Total)
	defer late.Stop()
	err = nil
	select {
	case <-v.ended:
	case <-closed:
		err = ctx.Err()
	case <-late.C:
		err = os.ErrDeadlineExceeded
	}
	count(raw, c.Conn)
	_ = syscall.Kill(v.pid, syscall.SIGKILL) // it may have ended
	<-v.ended
	tcp.Close()
	<-closed
	return err
}

// start starts a daemon for a connection.
func (s *server) start(c *services.Session, tcp *net.TCPConn) (*visit, error) {
	f, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	errs := null
	if s.program.info.Name == "telnet" {
		errs = f
	}
	s.mu.Lock() // the daemon asks for accounts at once
	defer s.mu.Unlock()
	pid, ended, err := s.processes.start(s.program.path, s.program.args, &os.ProcAttr{
		Dir: "/", Env: []string{"LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Files: []*os.File{f, f, errs}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, err
	}
	v := &visit{Session: c, pid: pid, ended: ended}
	s.visits[pid] = v
	return v, nil
}

func (s *server) forget(v *visit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.visits, v.pid)
}

// maxGenerations bounds the way from a process to the daemon that is its ancestor.
const maxGenerations = 64

// visit returns the connection that a process belongs to, and how many generations it is
// below the daemon; nil when it belongs to none. One whose ancestors have ended belongs to
// the connection whose log-in session the kernel says that it is of.
func (s *server) visit(pid int) (*visit, int) {
	session := loginSession(pid)
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, n := pid, 0; n < maxGenerations && p > 1; p, n = parent(p), n+1 {
		if v := s.visits[p]; v != nil {
			if session != "" {
				v.session = session
			}
			return v, n
		}
	}
	for _, v := range s.visits {
		if session != "" && v.session == session {
			return v, maxGenerations
		}
	}
	return nil, 0
}

// count tells the connection what the daemon has received and sent.
func count(raw syscall.RawConn, c *services.Conn) {
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			c.Count(int64(info.Bytes_received), int64(info.Bytes_acked))
		}
	})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// attempt reports a log-in with a password.
func (v *visit) attempt(user, password, by string, in bool) {
	outcome := "failure"
	if in {
		outcome = "success"
		v.mu.Lock()
		v.in = true
		v.mu.Unlock()
	}
	fields := []decnet.Field{
		decnet.F("username", user), decnet.F("password", password), decnet.F("method", "password"), decnet.F("outcome", outcome),
	}
	if by != "sshd" && by != "login" {
		fields = append(fields, decnet.F("program", by))
	}
	v.Emit("auth_attempt", fields...)
}

func (v *visit) loggedIn() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.in
}
