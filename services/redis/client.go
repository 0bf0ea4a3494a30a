package redis

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

const (
	// flushAt is how much may wait to be sent while more requests are at hand.
	flushAt = 64 << 10
	// pushesQueued is how many messages may wait for a subscriber before it is dropped.
	pushesQueued = 256
	// commandsQueued bounds a transaction.
	commandsQueued = 16 << 10
	// reportedArgs is how many arguments an event lists.
	reportedArgs = 16
	// reportedSize is how much of an argument is looked at for an event.
	reportedSize = 16 << 10
)

// errOverflow ends a session whose replies or messages pile up.
var errOverflow = errors.New("redis: output buffer limit")

// client is one connection. What other connections look at (CLIENT LIST, PUBLISH, WATCH,
// MONITOR) changes only while the world is locked.
type client struct {
	reply
	srv      *server
	session  *services.Session
	ctx      context.Context
	in       requests
	world    *world
	db       *db
	id       int64
	started  time.Time
	last     time.Time
	cmd      *command // the one that runs, and the last one in CLIENT LIST
	name     string
	user     string
	loggedIn bool
	greeted  bool // a session event was made
	closing  bool
	mute     mute

	inMulti  bool
	broken   bool // a queued command was refused
	stale    bool // a watched key was changed
	queue    [][][]byte
	watching map[watch]struct{}

	channels, patterns, shards map[string]struct{}
	monitor                    bool
	replica                    bool

	sending  sync.Mutex // held while writing to the connection
	pushes   chan []byte
	overflow sync.Once
	pusher   sync.WaitGroup
}

// watch names a key that WATCH was called for.
type watch struct {
	db  *db
	key string
}

func (s *server) handle(ctx context.Context, sess *services.Session) error {
	ctx, cancel := context.WithCancel(ctx)
	c := &client{
		srv: s, session: sess, ctx: ctx, id: s.nextID.Add(1),
		in:       requests{br: bufio.NewReaderSize(sess, 16<<10)},
		world:    s.worlds.of(sess.Attacker.Addr().String()),
		started:  s.env.Now(),
		user:     "default",
		loggedIn: !s.needsPassword,
	}
	c.last = c.started
	c.db = c.world.dbs[0]
	c.world.mu.Lock()
	c.world.clients[c] = struct{}{}
	c.world.mu.Unlock()
	defer func() {
		c.world.mu.Lock()
		delete(c.world.clients, c)
		c.world.mu.Unlock()
		cancel()
		c.pusher.Wait()
	}()
	return c.serve()
}

// serve answers requests until the client goes or has to go.
func (c *client) serve() error {
	for !c.closing {
		if c.in.br.Buffered() == 0 || len(c.buf) > flushAt {
			if err := c.flush(); err != nil {
				return err
			}
		}
		args, err := c.in.next(c.loggedIn)
		if err != nil {
			return c.hangUp(err)
		}
		if len(args) > 0 {
			c.dispatch(args)
		}
		if c.full {
			return errOverflow
		}
	}
	return c.flush()
}

// hangUp ends the session after err, with the answer to a breach of the protocol.
func (c *client) hangUp(err error) error {
	var breach protocolError
	if !errors.As(err, &breach) {
		_ = c.flush()
		return err
	}
	c.fail("ERR Protocol error: " + string(breach))
	c.session.Warn("protocol_error", decnet.F("reason", string(breach)), decnet.F("data", string(c.session.Opening())))
	return c.flush()
}

func (c *client) flush() error {
	if len(c.buf) == 0 {
		return nil
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	_, err := c.session.Write(c.buf)
	c.buf = c.buf[:0]
	if cap(c.buf) > 4*flushAt {
		c.buf = nil
	}
	return err
}

// startPushes begins to send messages that other connections cause.
func (c *client) startPushes() {
	if c.pushes != nil {
		return
	}
	c.pushes = make(chan []byte, pushesQueued)
	c.pusher.Go(func() {
		for {
			select {
			case <-c.ctx.Done():
				return
			case msg := <-c.pushes:
				c.sending.Lock()
				_, err := c.session.Write(msg)
				c.sending.Unlock()
				if err != nil {
					return
				}
			}
		}
	})
}

// deliver queues msg for c, and closes c when it does not keep up. It is called with the
// world locked.
func (c *client) deliver(msg []byte) {
	select {
	case c.pushes <- msg:
	default:
		c.overflow.Do(func() { c.session.Close() })
	}
}

// mute says which replies CLIENT REPLY holds back.
type mute int

const (
	muteNone mute = iota
	muteNext
	muteAll
)

// dispatch answers one request.
func (c *client) dispatch(args [][]byte) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.last = c.srv.env.Now()
	muted, start := c.mute, len(c.buf)
	c.answer(args)
	if muted == muteNone || c.mute == muteNone {
		return
	}
	c.buf = c.buf[:min(start, len(c.buf))]
	if muted == muteNext && c.mute == muteNext {
		c.mute = muteNone
	}
}

// answer runs, queues or refuses one request, with the world locked.
func (c *client) answer(args [][]byte) {
	name := strings.ToLower(string(args[0][:min(len(args[0]), 64)]))
	if name == "post" || name == "host:" {
		// A web page makes the browser talk to us: the server hangs up at once.
		c.report(args)
		c.buf, c.closing = nil, true
		return
	}
	cmd, refusal := resolve(name, args)
	if !c.isLogin(name, args) {
		c.report(args)
	}
	if refusal == "" {
		refusal = c.refusal(cmd, args)
	}
	if refusal != "" {
		if c.inMulti {
			c.broken = true
		}
		if cmd != nil && cmd.name == "exec" {
			c.discard()
			refusal = "EXECABORT Transaction discarded because of: " + strings.TrimPrefix(refusal, "ERR ")
		}
		c.fail(refusal)
		c.world.countError(refusal)
		return
	}
	if c.inMulti && !runsInMulti(cmd.name) {
		if len(c.queue) >= commandsQueued {
			c.full = true
			return
		}
		c.queue = append(c.queue, args)
		c.simple("QUEUED")
		return
	}
	c.run(cmd, args)
}

// runsInMulti tells the commands that are not queued in a transaction.
func runsInMulti(name string) bool {
	switch name {
	case "exec", "discard", "multi", "watch", "quit", "reset":
		return true
	}
	return false
}

// resolve finds the command of a request, or the error to answer.
func resolve(name string, args [][]byte) (*command, string) {
	all := commands()
	cmd := all[name]
	if cmd == nil {
		return nil, unknownCommand(args)
	}
	if len(cmd.subs) > 0 && len(args) > 1 {
		sub := all[name+"|"+strings.ToLower(string(args[1][:min(len(args[1]), 64)]))]
		if sub == nil {
			return nil, "ERR unknown subcommand '" + clip(args[1], 128) + "'. Try " + strings.ToUpper(name) + " HELP."
		}
		cmd = sub
	}
	if cmd.arity > 0 && len(args) != cmd.arity || len(args) < -cmd.arity {
		return cmd, "ERR wrong number of arguments for '" + cmd.name + "' command"
	}
	return cmd, ""
}

func unknownCommand(args [][]byte) string {
	var b strings.Builder
	for _, a := range args[1:] {
		if b.Len() >= 128 {
			break
		}
		b.WriteString("'" + clip(a, 128-b.Len()) + "' ")
	}
	return "ERR unknown command '" + clip(args[0], 128) + "', with args beginning with: " + b.String()
}

// clip returns at most n bytes of b, up to the first NUL.
func clip(b []byte, n int) string {
	b = b[:min(len(b), n)]
	if i := slices.Index(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// refusal returns why cmd cannot run now, "" when it can.
func (c *client) refusal(cmd *command, args [][]byte) string {
	switch {
	case cmd.protected:
		option := "enable-module-command"
		if cmd.name == "debug" {
			option = "enable-debug-command"
		}
		top, _, _ := strings.Cut(cmd.name, "|")
		return "ERR " + strings.ToUpper(top) + " command not allowed. If the " + option + " option is set to \"local\", " +
			"you can run it from a local connection, otherwise you need to set this option in the configuration file, " +
			"and then restart the server."
	case !c.loggedIn && !cmd.noAuth:
		return "NOAUTH Authentication required."
	case !c.srv.implements(cmd):
		return "NOPERM this user has no permissions to run the '" + cmd.name + "' command"
	case c.inMulti && cmd.noMulti:
		return "ERR Command not allowed inside a transaction"
	case cmd.denyOOM && c.overQuota(args):
		return "OOM command not allowed when used memory > 'maxmemory'."
	case cmd.write && c.isReplica():
		return "READONLY You can't write against a read only replica."
	case !c.resp3 && c.subscribed() && !allowedInPubsub(cmd.name):
		return "ERR Can't execute '" + cmd.name + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
	}
	return ""
}

func allowedInPubsub(name string) bool {
	switch name {
	case "ping", "subscribe", "ssubscribe", "psubscribe", "unsubscribe", "sunsubscribe", "punsubscribe", "quit", "reset":
		return true
	}
	return false
}

func (c *client) overQuota(args [][]byte) bool {
	n := 0
	for _, a := range args {
		n += len(a) + entrySize
	}
	return !c.world.room(n)
}

func (c *client) isReplica() bool {
	return c.world.master != "" && c.world.setting("replica-read-only") == "yes"
}

func (c *client) subscribed() bool { return len(c.channels)+len(c.patterns)+len(c.shards) > 0 }

// run executes cmd.
func (c *client) run(cmd *command, args [][]byte) {
	c.cmd = cmd
	c.world.calls[cmd.name]++
	c.srv.requests.Add(1)
	c.feedMonitors(cmd, args)
	before, start := c.world.dirty, len(c.buf)
	c.srv.handlers[cmd.name](c, args)
	if len(c.buf) > start && c.buf[start] == '-' {
		text := string(c.buf[start+1:])
		c.world.countError(text)
	}
	if cmd.write && c.world.dirty != before {
		c.inspect(cmd, args)
	}
}

// wrote tells that key of the current database was changed.
func (c *client) wrote(key string) {
	c.db.changed(key)
	c.world.touch()
}

func (c *client) now() int64 { return c.srv.env.Now().UnixMilli() }

// report emits the command event of a request.
func (c *client) report(args [][]byte) {
	var text strings.Builder
	list := make([]string, 0, min(len(args)-1, reportedArgs))
	for i, a := range args {
		if text.Len() > reportedSize {
			break
		}
		a = a[:min(len(a), reportedSize)]
		if i > 0 {
			text.WriteByte(' ')
			if len(list) < reportedArgs {
				list = append(list, string(a))
			}
		}
		text.WriteString(quoteArg(a))
	}
	js, _ := json.Marshal(list)
	c.session.Emit("command",
		decnet.F("command", text.String()),
		decnet.F("cmd", strings.ToUpper(string(args[0][:min(len(args[0]), 128)]))),
		decnet.F("args", string(js)),
		decnet.F("db", strconv.Itoa(c.db.number)))
}

// quoteArg returns a as it could be typed: bare when it is plain, else as the server's
// own representation in double quotes.
func quoteArg(a []byte) string {
	plain := len(a) > 0
	for _, b := range a {
		if b <= ' ' || b >= 0x7f || b == '"' || b == '\'' || b == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return string(a)
	}
	return repr(a)
}

// repr quotes b as the server does in MONITOR and ACL LIST.
func repr(b []byte) string {
	out := make([]byte, 0, len(b)+2)
	out = append(out, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		case c == '\a':
			out = append(out, '\\', 'a')
		case c == '\b':
			out = append(out, '\\', 'b')
		case c < ' ' || c >= 0x7f:
			const digits = "0123456789abcdef"
			out = append(out, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return string(append(out, '"'))
}
