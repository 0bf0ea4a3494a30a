// Package ssh is an SSH honeypot that speaks as the OpenSSH server of the distribution
// that its decky claims to run, down to the algorithms, the host keys and the wording of
// errors. Who gets in finds the fake machine of services/internal/shell; nothing is ever
// executed, opened or dialled.
//
//	srv, err := ssh.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, services.Config{"password": "letmein"})
//	err = srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 22}, Stream: listener}})
package ssh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/daemon"
	"github.com/decnet/decnet/services/internal/login"
	"github.com/decnet/decnet/services/internal/shell"
	"github.com/decnet/decnet/services/ssh/internal/transport"
)

const name = "ssh"

// What sshd and its log-in stack wait: for a log-in (LoginGraceTime), after a wrong
// password (pam_unix), and how long a session of ours may be silent.
const (
	graceTime   = 120 * time.Second
	pamDelay    = 2 * time.Second
	sessionIdle = 15 * time.Minute
)

// Service is the honeypot. The zero value is ready for use.
type Service struct{}

// Info describes the service.
func (Service) Info() services.Info {
	return services.Info{
		Name:   name,
		Title:  "OpenSSH server with a shell, SFTP and SCP",
		Ports:  []services.Port{{Network: "tcp", Number: 22}},
		Inside: true,
		Keys: append(login.Keys(pamDelay),
			services.Key{Name: "version", Type: services.KeyString,
				Doc: `what follows "SSH-2.0-" in the identification line; empty: as the distribution has it`},
			services.Key{Name: "keyboard_interactive", Type: services.KeyBool, Default: "false",
				Doc: "offer keyboard-interactive log-in, which most distributions turn off"},
			daemon.Key(),
		),
	}
}

// Container describes the container of the real OpenSSH server, where cfg asks for it.
func (Service) Container(cfg services.Config) (services.Container, error) {
	return daemon.Container(name, cfg)
}

// New checks cfg and makes a Server.
func (Service) New(env services.Env, cfg services.Config) (services.Server, error) {
	env = env.Complete()
	cfg, err := cfg.Check(Service{}.Info())
	if err != nil {
		return nil, err
	}
	if err := daemon.Refuse(name, cfg); err != nil {
		return nil, err
	}
	env.Limits = env.Limits.Or(services.Limits{
		SessionSize: 64 << 20,
		Idle:        graceTime,
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
	software := cfg["version"]
	if software == "" {
		software = env.Identity.Pick("openssh", env.Identity.Release().OpenSSH...)
	}
	if strings.Trim(software, printable) != "" || len(software) > 200 {
		return nil, fmt.Errorf("%s: version: %q cannot be sent: %w", name, software, decnet.ErrSemantic)
	}
	srv := &server{
		env:      env,
		policy:   policy,
		keys:     newHostKeys(env.Identity),
		config:   offer(software, env.Identity.Release()),
		methods:  "publickey,password",
		machine:  machine,
		software: releaseOf(software),
	}
	if cfg.Bool("keyboard_interactive") {
		srv.methods += ",keyboard-interactive"
	}
	srv.config.HostKeys = srv.keys.offer(hostKeyNames(srv.software))
	srv.config.Rand = env.Rand
	return srv, nil
}

// printable are the characters that an identification line may have (RFC 4253 section 4.2).
const printable = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

type server struct {
	env      services.Env
	policy   *login.Policy
	keys     *hostKeys
	config   transport.Config
	methods  string // that can continue, in sshd's order
	machine  *shell.Machine
	software release
}

// Serve runs the honeypot on socks.
func (s *server) Serve(ctx context.Context, socks []services.Socket) error {
	defer s.keys.searching.Wait()
	return s.env.Serve(ctx, name, socks, s.handle)
}

// errGrace says that the client did not log in in time.
var errGrace = fmt.Errorf("ssh: not logged in in time: %w", os.ErrDeadlineExceeded)

func (s *server) handle(ctx context.Context, session *services.Session) error {
	grace := time.AfterFunc(graceTime, func() { session.Conn.Conn.Close() })
	defer grace.Stop()
	t := transport.New(session, &s.config)
	err := t.Handshake()
	reportHello(session)
	if err != nil {
		return err
	}
	if isOpenSSH(t) {
		s.keys.prepare()
	}
	user, err := s.authenticate(ctx, session, t)
	if !grace.Stop() && err != nil {
		return errors.Join(errGrace, err)
	}
	if err != nil {
		return err
	}
	session.SetIdle(sessionIdle)
	return s.serveUser(ctx, session, t, user)
}
