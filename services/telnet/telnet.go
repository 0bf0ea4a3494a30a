// Package telnet is a Telnet honeypot that negotiates as the telnetd of the distribution
// that its decky claims to run, asks for a log-in as its login(1) does, and opens the fake
// machine of services/internal/shell to whom the persona lets in. Nothing is ever executed,
// opened or dialled.
//
//	srv, err := telnet.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, nil)
//	err = srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 23}, Stream: listener}})
package telnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	realdaemon "github.com/decnet/decnet/services/daemon"
	"github.com/decnet/decnet/services/internal/login"
	"github.com/decnet/decnet/services/internal/shell"
)

const name = "telnet"

// What login(1) waits: for a log-in (LOGIN_TIMEOUT), and after a wrong password
// (pam_faildelay); and how long a session of ours may be silent.
const (
	loginTime   = 60 * time.Second
	failDelay   = 3 * time.Second
	sessionIdle = 15 * time.Minute
)

// Service is the honeypot. The zero value is ready for use.
type Service struct{}

// Info describes the service.
func (Service) Info() services.Info {
	return services.Info{
		Name:   name,
		Title:  "Telnet server with log-in and a shell",
		Ports:  []services.Port{{Network: "tcp", Number: 23}},
		Inside: true,
		Keys: append(login.Keys(failDelay), services.Key{
			Name: "telnetd", Type: services.KeyEnum, Default: autoDaemon,
			Enum: []string{autoDaemon, inetutils, netkit, busybox},
			Doc:  "which program to behave like; auto: the one that the distribution packages",
		}, realdaemon.Key()),
	}
}

// Container describes the container of the real telnetd, where cfg asks for it.
func (Service) Container(cfg services.Config) (services.Container, error) {
	return realdaemon.Container(name, cfg)
}

// New checks cfg and makes a Server.
func (Service) New(env services.Env, cfg services.Config) (services.Server, error) {
	env = env.Complete()
	cfg, err := cfg.Check(Service{}.Info())
	if err != nil {
		return nil, err
	}
	if err := realdaemon.Refuse(name, cfg); err != nil {
		return nil, err
	}
	env.Limits = env.Limits.Or(services.Limits{
		SessionSize: 16 << 20,
		Idle:        2 * loginTime,
		Total:       6 * time.Hour,
	})
	if h := cfg["hostname"]; h != "" {
		env.Identity.Hostname = h
	}
	machine := shell.Open(env)
	policy, err := login.New(cfg, machine)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	machine.AddUsers(policy.Users()...)
	return &server{
		env:     env,
		policy:  policy,
		daemon:  daemonOf(cfg["telnetd"], env.Identity.Release()),
		machine: machine,
	}, nil
}

type server struct {
	env     services.Env
	policy  *login.Policy
	daemon  daemon
	machine *shell.Machine
}

// Serve runs the honeypot on socks.
func (s *server) Serve(ctx context.Context, socks []services.Socket) error {
	return s.env.Serve(ctx, name, socks, s.handle)
}

func (s *server) handle(ctx context.Context, session *services.Session) error {
	t := &stream{session: session, quiet: !s.daemon.answers, restarts: s.daemon.restarts}
	t.options.took = possible
	if err := t.negotiate(s.daemon); err != nil {
		return err
	}
	reportClient(session, &t.client)
	user, err := s.login(ctx, session, t)
	if err != nil || user == "" {
		return err
	}
	session.SetIdle(sessionIdle)
	sh := s.machine.Login(session, user)
	defer sh.Close()
	t.resize = sh.Resize
	text := strings.ReplaceAll(sh.Motd()+sh.LastLogin(), "\n", "\r\n")
	if _, err := t.Write([]byte(text)); err != nil {
		return err
	}
	sh.Interactive(ctx, shell.Terminal{Name: t.client.terminal, Width: t.client.width, Height: t.client.height}, line{t})
	return nil
}

// line tells the shell that a client which says no more has hung up.
type line struct{ *stream }

func (l line) Read(p []byte) (int, error) {
	n, err := l.stream.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// possible reports whether telnetd lets an option be on when the client asks for it.
func possible(option byte, him bool) bool {
	switch option {
	case optBinary, optSGA:
		return true
	case optEcho, optStatus:
		return !him
	case optTType, optNAWS, optTSpeed, optLFlow, optLinemode, optXDisplay, optNewEnviron, optOldEnviron:
		return him
	}
	return false
}

// reportClient emits the session event, unless the client said nothing of itself.
func reportClient(session *services.Session, c *client) {
	if len(c.heard) == 0 {
		return
	}
	options, _ := json.Marshal(c.heard) // strings always marshal
	fields := []decnet.Field{decnet.F("client_options", string(options))}
	for _, f := range []decnet.Field{
		decnet.F("terminal", c.terminal), decnet.F("terminal_speed", c.speed), decnet.F("display", c.display),
	} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	if len(c.environ) > 0 {
		environ, _ := json.Marshal(c.environ)
		fields = append(fields, decnet.F("environ", string(environ)))
	}
	if c.width > 0 {
		fields = append(fields, decnet.F("width", strconv.Itoa(c.width)), decnet.F("height", strconv.Itoa(c.height)))
	}
	session.Emit("session", fields...)
}

// errLoginTime says that the client did not log in in time.
var errLoginTime = fmt.Errorf("telnet: not logged in in time: %w", os.ErrDeadlineExceeded)

// login is login(1): it returns the name of the user, or "" when it has hung up.
func (s *server) login(ctx context.Context, session *services.Session, t *stream) (string, error) {
	var late atomic.Bool
	alarm := time.AfterFunc(loginTime, func() {
		late.Store(true)
		_, _ = t.Write([]byte(s.daemon.timedOut))
		session.Conn.Conn.Close()
	})
	defer alarm.Stop()
	user, err := s.prompt(ctx, session, t)
	if late.Load() {
		return "", errLoginTime
	}
	if errors.Is(err, errInterrupt) {
		return "", nil
	}
	return user, err
}

func (s *server) prompt(ctx context.Context, session *services.Session, t *stream) (string, error) {
	host, _, _ := strings.Cut(s.env.Identity.Hostname, ".")
	ask := host + " login: "
	text := s.daemon.banner(s.env.Identity) + ask
	for range s.daemon.tries {
		if _, err := t.Write([]byte(text)); err != nil {
			return "", err
		}
		user, ok, err := s.attempt(session, t)
		if err != nil || ok {
			return user, err
		}
		s.policy.Punish(ctx, s.env.Rand)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		text = s.daemon.wrong + ask
	}
	text = strings.TrimSuffix(text, ask) + s.daemon.goodbye
	_, err := t.Write([]byte(text))
	return "", err
}

// attempt reads one name and password. An end of file instead of one of them is a failed
// attempt for login(1), and none that is worth an event.
func (s *server) attempt(session *services.Session, t *stream) (user string, ok bool, err error) {
	user, err = t.readLine(s.env.Limits.Line, true)
	if err == nil {
		_, err = t.Write([]byte("Password: "))
	}
	var password string
	if err == nil {
		password, err = t.readLine(s.env.Limits.Line, false)
	}
	if err != nil {
		if errors.Is(err, errEndOfFile) {
			err = nil
		}
		return "", false, err
	}
	ok = s.policy.Try(session.Attacker.Addr(), user, password)
	outcome := "failure"
	if ok {
		outcome = "success"
	}
	session.Emit("auth_attempt", decnet.F("username", user), decnet.F("password", password),
		decnet.F("method", "password"), decnet.F("outcome", outcome))
	return user, ok, nil
}
