package ssh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/ssh/internal/transport"
)

// Message numbers of RFC 4252 section 6 and RFC 4256 section 5.
const (
	msgServiceRequest  = 5
	msgServiceAccept   = 6
	msgAuthRequest     = 50
	msgAuthFailure     = 51
	msgAuthSuccess     = 52
	msgAuthInfoRequest = 60
	msgAuthInfoReply   = 61
)

const (
	maxAuthTries    = 6    // MaxAuthTries: failures before sshd disconnects
	maxAuthRequests = 1024 // requests of any kind before it does
)

var (
	errAuth    = errors.New("ssh: not authenticated")
	errMessage = fmt.Errorf("%w: malformed message", transport.ErrProtocol)
)

// authentication is the user authentication of one connection (RFC 4252) as sshd does it.
type authentication struct {
	srv     *server
	session *services.Session
	t       *transport.Transport

	user, service string
	requests      int
	failures      int
	probed        bool // only the method "none" was tried so far
}

// authenticate returns the name under which the client logged in.
func (s *server) authenticate(ctx context.Context, session *services.Session, t *transport.Transport) (string, error) {
	a := &authentication{srv: s, session: session, t: t}
	err := a.run(ctx)
	if a.probed {
		session.Emit("auth_attempt", decnet.F("username", a.user), decnet.F("method", "none"), decnet.F("outcome", "failure"))
	}
	return a.user, err
}

func (a *authentication) run(ctx context.Context) error {
	for {
		p, err := a.t.ReadPacket()
		if err != nil {
			return err
		}
		in := false
		switch {
		case p[0] == msgServiceRequest:
			err = a.serviceRequest(p)
		case p[0] == msgAuthRequest && a.service != "":
			in, err = a.request(ctx, p)
		default:
			err = a.t.Unimplemented()
		}
		if err != nil {
			return err
		}
		if in {
			return nil
		}
	}
}

const userAuthService = "ssh-userauth"

func (a *authentication) serviceRequest(p []byte) error {
	var m struct {
		Service string `sshtype:"5"`
	}
	if ssh.Unmarshal(p, &m) != nil {
		return errMessage
	}
	if m.Service != userAuthService {
		return a.t.Disconnect("bad service request " + m.Service)
	}
	a.service = m.Service
	return a.t.WritePacket(ssh.Marshal(&struct {
		Service string `sshtype:"6"`
	}{m.Service}))
}

type authRequest struct {
	User    string `sshtype:"50"`
	Service string
	Method  string
	Payload []byte `ssh:"rest"`
}

// request handles one attempt and reports whether it succeeded.
func (a *authentication) request(ctx context.Context, p []byte) (bool, error) {
	var m authRequest
	if ssh.Unmarshal(p, &m) != nil {
		return false, errMessage
	}
	m.User, _, _ = strings.Cut(m.User, ":") // what follows is the style, for sshd
	a.requests++
	if a.requests == 1 {
		a.user, a.service = m.User, m.Service
	} else if m.User != a.user || m.Service != a.service {
		return false, a.t.Disconnect(fmt.Sprintf("Change of username or service not allowed: (%s,%s) -> (%s,%s)",
			a.user, a.service, m.User, m.Service))
	}
	if a.requests >= maxAuthRequests {
		return false, a.tooMany()
	}
	start := time.Now()
	ok, err := a.try(ctx, &m, p)
	if errors.Is(err, errAsked) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if ok && m.Service == "ssh-connection" {
		return true, a.t.WritePacket([]byte{msgAuthSuccess})
	}
	if m.Method != "none" {
		a.atLeast(ctx, start)
	}
	if m.Method != "none" || a.requests > 1 {
		a.failures++
	}
	if a.failures >= maxAuthTries {
		return false, a.tooMany()
	}
	return false, a.t.WritePacket(ssh.Marshal(&struct {
		Methods string `sshtype:"51"`
		Partial bool
	}{a.srv.methods, false}))
}

func (a *authentication) tooMany() error {
	return errors.Join(errAuth, a.t.Disconnect("Too many authentication failures"))
}

// try checks one attempt and reports it.
func (a *authentication) try(ctx context.Context, m *authRequest, p []byte) (bool, error) {
	a.probed = m.Method == "none" && (a.requests == 1 || a.probed)
	switch m.Method {
	case "none":
		return false, nil
	case "password":
		return a.password(ctx, m)
	case "keyboard-interactive":
		return a.keyboardInteractive(ctx)
	case "publickey", hostBound:
		return a.publicKey(m, p)
	}
	a.report(m.Method, false)
	return false, nil
}

func (a *authentication) report(method string, ok bool, fields ...decnet.Field) {
	outcome := "failure"
	if ok {
		outcome = "success"
	}
	all := append([]decnet.Field{decnet.F("username", a.user)}, fields...)
	a.session.Emit("auth_attempt", append(all, decnet.F("method", method), decnet.F("outcome", outcome))...)
}

func (a *authentication) password(ctx context.Context, m *authRequest) (bool, error) {
	var p struct {
		Change   bool
		Password string
		Rest     []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(m.Payload, &p) != nil || !p.Change && len(p.Rest) > 0 {
		return false, errMessage
	}
	return a.check(ctx, "password", p.Password), nil
}

func (a *authentication) check(ctx context.Context, method, password string) bool {
	ok := a.srv.policy.Try(a.session.Attacker.Addr(), a.user, password)
	a.report(method, ok, decnet.F("password", password))
	if !ok {
		a.srv.policy.Punish(ctx, a.srv.env.Rand)
	}
	return ok
}

// keyboardInteractive asks for the password as PAM does.
func (a *authentication) keyboardInteractive(ctx context.Context) (bool, error) {
	const method = "keyboard-interactive"
	if !strings.Contains(a.srv.methods, method) {
		a.report(method, false)
		return false, nil
	}
	if err := a.t.WritePacket(ssh.Marshal(&struct {
		Name, Instruction, Language string `sshtype:"60"`
		Prompts                     uint32
		Prompt                      string
		Echo                        bool
	}{Prompts: 1, Prompt: "Password: "})); err != nil {
		return false, err
	}
	p, err := a.t.ReadPacket()
	if err != nil {
		return false, err
	}
	var reply struct {
		Answers uint32 `sshtype:"61"`
		Answer  string
	}
	if ssh.Unmarshal(p, &reply) != nil || reply.Answers != 1 {
		return false, errMessage
	}
	return a.check(ctx, method, reply.Answer), nil
}

// The shortest time that sshd takes to refuse, and how much longer it is for some users.
const (
	minFail    = 5 * time.Millisecond
	fuzzFail   = 4 * time.Millisecond
	fuzzSource = "ssh fail delay:"
)

// atLeast waits until the attempt has taken as long as sshd makes it take for this user.
func (a *authentication) atLeast(ctx context.Context, start time.Time) {
	key := a.srv.env.Identity.Key(fuzzSource + a.user)
	want := minFail + time.Duration(binary.BigEndian.Uint32(key[:]))*fuzzFail>>32
	left := want - time.Since(start)
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
