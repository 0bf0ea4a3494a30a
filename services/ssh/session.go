package ssh

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/shell"
	"github.com/decnet/decnet/services/ssh/internal/transport"
)

// maxSessions is sshd's MaxSessions.
const maxSessions = 10

// user is the connection of a client that is logged in.
type user struct {
	srv     *server
	session *services.Session
	t       *transport.Transport
	name    string
	shell   *shell.Shell

	openSSH bool // the client is one, which gets OpenSSH's own extensions

	mu   sync.Mutex
	open int // session channels
}

// serveUser serves the connection protocol until the client or ctx ends it.
func (s *server) serveUser(ctx context.Context, session *services.Session, t *transport.Transport, name string) error {
	t.StartCompression()
	u := &user{srv: s, session: session, t: t, name: name}
	u.openSSH = isOpenSSH(t)
	if err := u.announceKeys(); err != nil {
		return err
	}
	conn, channels, requests, err := ssh.NewControlClientConn(newBridge(session, t))
	if err != nil {
		return err
	}
	u.shell = s.machine.Login(session, name)
	defer u.shell.Close()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	u.serveMux(ctx, &running, channels, requests)
	return ended(conn.Wait())
}

// serveMux answers requests and opens channels until the connection ends. As sshd does,
// which is one process, it answers a request before it opens a channel that came later.
func (u *user) serveMux(ctx context.Context, running *sync.WaitGroup, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	for channels != nil || requests != nil {
		select {
		case r, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			u.answer(r)
		case ch, ok := <-channels:
			if !ok {
				channels = nil
				continue
			}
			u.answerWaiting(requests)
			u.openChannel(ctx, running, ch)
		}
	}
}

func (u *user) answerWaiting(requests <-chan *ssh.Request) {
	for {
		select {
		case r, ok := <-requests:
			if !ok {
				return
			}
			u.answer(r)
		default:
			return
		}
	}
}

// isOpenSSH reports whether the client is one of OpenSSH, which gets its own extensions.
func isOpenSSH(t *transport.Transport) bool {
	return strings.HasPrefix(t.ClientVersion(), "SSH-2.0-OpenSSH_")
}

// ended makes a normal goodbye of the two ways in which a client leaves.
func ended(err error) error {
	var bye *transport.DisconnectError
	if errors.As(err, &bye) {
		return nil
	}
	return err
}

func (u *user) openChannel(ctx context.Context, running *sync.WaitGroup, open ssh.NewChannel) {
	kind := open.ChannelType()
	if kind != "session" {
		u.refuseChannel(open)
		return
	}
	u.mu.Lock()
	full := u.open >= maxSessions
	if !full {
		u.open++
	}
	u.mu.Unlock()
	if full {
		_ = open.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	ch, requests, err := open.Accept()
	if err != nil {
		return
	}
	running.Go(func() {
		c := &channel{user: u, Channel: ch}
		c.serve(ctx, requests)
		u.mu.Lock()
		u.open--
		u.mu.Unlock()
	})
}

// channel is one session channel (RFC 4254 section 6).
type channel struct {
	*user
	ssh.Channel

	pty      *shell.Terminal // nil: none was asked for
	started  bool            // a shell, command or subsystem runs or has run
	cancel   context.CancelFunc
	signal   string // that the client sent, without "SIG"
	signalMu sync.Mutex
}

// serve handles the requests on the channel until the client closes it.
func (c *channel) serve(ctx context.Context, requests <-chan *ssh.Request) {
	ctx, c.cancel = context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer c.cancel()
	for r := range requests {
		ok, run := c.request(r)
		if r.Reply(ok, nil) != nil {
			return
		}
		if run == nil {
			continue
		}
		c.started = true
		running.Go(func() {
			status := run(ctx)
			c.finish(status)
		})
	}
}

// request answers one request; run is what it starts.
func (c *channel) request(r *ssh.Request) (ok bool, run func(context.Context) int) {
	switch r.Type {
	case "pty-req":
		return c.ptyRequest(r.Payload), nil
	case "window-change":
		return c.windowChange(r.Payload), nil
	case "env":
		return c.env(r.Payload), nil
	case "signal":
		return c.sendSignal(r.Payload), nil
	case "shell":
		return c.start(c.runShell)
	case "exec":
		var m struct{ Command string }
		if ssh.Unmarshal(r.Payload, &m) != nil {
			return false, nil
		}
		return c.start(func(ctx context.Context) int { return c.runCommand(ctx, m.Command) })
	case "subsystem":
		return c.subsystem(r.Payload)
	case "x11-req":
		c.reportForward("x11")
		_ = c.t.SendDebug("No xauth program; cannot forward X11.")
	case "auth-agent-req@openssh.com":
		c.reportForward("agent")
	}
	return false, nil
}

// start lets one thing run in a channel, and only one.
func (c *channel) start(run func(context.Context) int) (bool, func(context.Context) int) {
	if c.started {
		return false, nil
	}
	return true, run
}

func (c *channel) ptyRequest(payload []byte) bool {
	var m struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	if ssh.Unmarshal(payload, &m) != nil || c.pty != nil {
		return false
	}
	c.pty = &shell.Terminal{Name: m.Term, Width: screen(m.Columns), Height: screen(m.Rows)}
	c.session.Emit("terminal", decnet.F("term", m.Term), number("width", m.Columns), number("height", m.Rows))
	return true
}

func (c *channel) windowChange(payload []byte) bool {
	var m struct{ Columns, Rows, Width, Height uint32 }
	if ssh.Unmarshal(payload, &m) != nil || c.pty == nil {
		return false
	}
	c.shell.Resize(screen(m.Columns), screen(m.Rows))
	return true
}

// screen keeps a terminal's size to what a struct winsize holds.
func screen(n uint32) int { return int(min(n, 1<<16-1)) }

// env takes what the AcceptEnv of the packaged sshd_config does.
func (c *channel) env(payload []byte) bool {
	var m struct{ Name, Value string }
	if ssh.Unmarshal(payload, &m) != nil {
		return false
	}
	c.session.Emit("env_request", decnet.F("name", m.Name), decnet.F("value", m.Value))
	if m.Name != "LANG" && !strings.HasPrefix(m.Name, "LC_") {
		return false
	}
	c.shell.Setenv(m.Name, m.Value)
	return true
}

// signals are those that sshd lets a client send to its session.
var signals = map[string]bool{
	"ABRT": true, "ALRM": true, "FPE": true, "HUP": true, "INFO": true, "INT": true,
	"KILL": true, "PIPE": true, "QUIT": true, "SEGV": true, "TERM": true, "USR1": true, "USR2": true,
}

func (c *channel) sendSignal(payload []byte) bool {
	var m struct{ Name string }
	if ssh.Unmarshal(payload, &m) != nil || !signals[m.Name] || !c.started {
		return false
	}
	c.session.Emit("signal", decnet.F("name", m.Name))
	c.signalMu.Lock()
	c.signal = m.Name
	c.signalMu.Unlock()
	c.cancel()
	return true
}

func (c *channel) subsystem(payload []byte) (bool, func(context.Context) int) {
	var m struct{ Name string }
	if ssh.Unmarshal(payload, &m) != nil || c.started {
		return false, nil
	}
	c.session.Emit("subsystem", decnet.F("name", m.Name))
	if m.Name != "sftp" {
		return false, nil
	}
	return c.start(c.runSFTP)
}

// runShell is what the client gets that asks for a shell: with a terminal a prompt, else
// the commands that it sends.
func (c *channel) runShell(ctx context.Context) int {
	if c.pty == nil {
		_, _ = io.WriteString(c, c.shell.Motd())
		return c.shell.Script(ctx, shell.Stdio{In: c, Out: c, Err: c.Stderr()})
	}
	_, _ = io.WriteString(c, crlf(c.shell.Motd()+c.shell.LastLogin()))
	return c.shell.Interactive(ctx, *c.pty, c)
}

// crlf is what a terminal's output processing makes of text.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

func (c *channel) runCommand(ctx context.Context, command string) int {
	if scp, ok := parseSCP(command); ok {
		c.session.Emit("command", decnet.F("command", command))
		return c.runSCP(ctx, scp)
	}
	if c.pty != nil {
		return c.shell.ExecTerminal(ctx, command, *c.pty, c)
	}
	return c.shell.Exec(ctx, command, shell.Stdio{In: c, Out: c, Err: c.Stderr()})
}

// finish ends the channel as sshd does when the process has ended.
func (c *channel) finish(status int) {
	c.signalMu.Lock()
	signal := c.signal
	c.signalMu.Unlock()
	if signal != "" {
		_, _ = c.SendRequest("exit-signal", false, ssh.Marshal(&struct {
			Signal            string
			Core              bool
			Message, Language string
		}{Signal: signal}))
	} else {
		_, _ = c.SendRequest("exit-status", false, ssh.Marshal(&struct{ Status uint32 }{uint32(status)}))
	}
	if c.openSSH {
		_, _ = c.SendRequest("eow@openssh.com", false, nil)
	}
	_ = c.CloseWrite()
	_ = c.Close()
}
