package redis

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

const (
	errWrongPass  = "WRONGPASS invalid username-password pair or user is disabled."
	errNoPassword = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	errClientName = "ERR Client names cannot contain spaces, newlines or special characters."
)

func connectionHandlers() map[string]handler {
	return map[string]handler{
		"auth":  auth,
		"hello": hello,
		"ping":  ping,
		"echo":  func(c *client, a [][]byte) { c.bulk(a[1]) },
		"quit": func(c *client, _ [][]byte) {
			c.ok()
			c.closing = true
		},
		"reset":               reset,
		"client|id":           func(c *client, _ [][]byte) { c.integer(c.id) },
		"client|getname":      func(c *client, _ [][]byte) { c.bulkOrNull([]byte(c.name), c.name != "") },
		"client|setname":      clientSetName,
		"client|list":         clientList,
		"client|info":         func(c *client, _ [][]byte) { c.verbatim(c.describe(c) + "\n") },
		"client|kill":         clientKill,
		"client|reply":        clientReply,
		"client|no-evict":     clientNoEvict,
		"client|getredir":     func(c *client, _ [][]byte) { c.integer(-1) },
		"client|pause":        clientPause,
		"client|unpause":      func(c *client, _ [][]byte) { c.ok() },
		"client|unblock":      clientUnblock,
		"client|trackinginfo": clientTrackingInfo,
	}
}

// isLogin reports whether a request is a well-formed AUTH, whose event is auth_attempt.
func (c *client) isLogin(name string, args [][]byte) bool {
	return name == "auth" && (len(args) == 2 || len(args) == 3)
}

func auth(c *client, a [][]byte) {
	if len(a) > 3 {
		c.fail(errSyntax)
		return
	}
	if len(a) == 2 && !c.srv.needsPassword {
		c.attempt("default", a[1], "AUTH", false)
		c.fail(errNoPassword)
		return
	}
	user := "default"
	if len(a) == 3 {
		user = string(a[1])
	}
	if c.login(user, a[len(a)-1], "AUTH") {
		c.ok()
	} else {
		c.fail(errWrongPass)
	}
}

// login tries a password and reports the attempt.
func (c *client) login(user string, password []byte, method string) bool {
	ok := user == "default" && c.srv.lets(password)
	c.attempt(user, password, method, ok)
	if ok {
		c.loggedIn = true
		c.user = user
	}
	return ok
}

// lets reports whether password opens the default user.
func (s *server) lets(password []byte) bool {
	switch s.cfg["accept"] {
	case acceptAny:
		return true
	case acceptNobody:
		return false
	}
	return s.cfg["password"] == "" || subtle.ConstantTimeCompare(password, []byte(s.cfg["password"])) == 1
}

func (c *client) attempt(user string, password []byte, method string, ok bool) {
	outcome := "failure"
	if ok {
		outcome = "success"
	}
	c.session.Emit("auth_attempt", decnet.F("username", user), decnet.F("password", string(password)),
		decnet.F("method", method), decnet.F("outcome", outcome))
}

func hello(c *client, a [][]byte) {
	version := int64(0)
	if len(a) > 1 {
		n, ok := parseInt(a[1])
		if !ok {
			c.fail("ERR Protocol version is not an integer or out of range")
			return
		}
		if n < 2 || n > 3 {
			c.fail("NOPROTO unsupported protocol version")
			return
		}
		version = n
	}
	var user, password []byte
	var name *string
	for i := 2; i < len(a); i++ {
		switch {
		case is(a[i], "auth") && i+2 < len(a):
			user, password = a[i+1], a[i+2]
			i += 2
		case is(a[i], "setname") && i+1 < len(a):
			if !cleanName(a[i+1]) {
				c.fail(errClientName)
				return
			}
			n := string(a[i+1])
			name = &n
			i++
		default:
			c.fail("ERR Syntax error in HELLO option '" + clip(a[i], len(a[i])) + "'")
			return
		}
	}
	if user != nil && !c.login(string(user), password, "HELLO") {
		c.fail(errWrongPass)
		return
	}
	if !c.loggedIn {
		c.fail("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	if name != nil {
		c.name = *name
	}
	if version > 0 {
		c.resp3 = version == 3
	}
	c.greet(strconv.FormatInt(max(version, 2), 10))
	c.mapping(7)
	c.text("server")
	c.text("redis")
	c.text("version")
	c.text(c.srv.cfg["version"])
	c.text("proto")
	if c.resp3 {
		c.integer(3)
	} else {
		c.integer(2)
	}
	c.text("id")
	c.integer(c.id)
	c.text("mode")
	c.text("standalone")
	c.text("role")
	if c.world.master != "" {
		c.text("replica")
	} else {
		c.text("master")
	}
	c.text("modules")
	c.array(0)
}

// greet reports what the client says about itself, once.
func (c *client) greet(protocol string) {
	if c.greeted {
		return
	}
	c.greeted = true
	c.session.Emit("session", decnet.F("client_name", c.name), decnet.F("protocol", protocol))
}

// cleanName reports whether a client may be called name.
func cleanName(name []byte) bool {
	return !slices.ContainsFunc(name, func(b byte) bool { return b < '!' || b > '~' })
}

func ping(c *client, a [][]byte) {
	switch {
	case len(a) > 2:
		c.fail("ERR wrong number of arguments for 'ping' command")
	case c.subscribed() && !c.resp3:
		c.array(2)
		c.text("pong")
		if len(a) == 2 {
			c.bulk(a[1])
		} else {
			c.text("")
		}
	case len(a) == 2:
		c.bulk(a[1])
	default:
		c.simple("PONG")
	}
}

func reset(c *client, _ [][]byte) {
	c.discard()
	c.unsubscribeAll()
	c.monitor = false
	c.resp3 = false
	c.name = ""
	c.user = "default"
	c.loggedIn = !c.srv.needsPassword
	c.db = c.world.dbs[0]
	c.simple("RESET")
}

func clientSetName(c *client, a [][]byte) {
	if !cleanName(a[2]) {
		c.fail(errClientName)
		return
	}
	c.name = string(a[2])
	c.greet(map[bool]string{true: "3", false: "2"}[c.resp3])
	c.ok()
}

// describe returns the line of o in CLIENT LIST. The world is locked.
func (c *client) describe(o *client) string {
	flags := ""
	if o.monitor {
		flags += "O"
	}
	if o.replica {
		flags += "S"
	}
	if len(o.channels)+len(o.patterns)+len(o.shards) > 0 {
		flags += "P"
	}
	if o.inMulti {
		flags += "x"
	}
	if flags == "" {
		flags = "N"
	}
	multi := -1
	if o.inMulti {
		multi = len(o.queue)
	}
	last, resp := "NULL", 2
	if o.cmd != nil {
		last = o.cmd.name
	}
	if o.resp3 {
		resp = 3
	}
	qbuf, free, argv := 0, 0, 0
	if o == c {
		qbuf, free, argv = 26, 20448, 10
	}
	now := c.srv.env.Now()
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=0 rbs=16384 rbp=16384 obl=0 oll=0 omem=0 tot-mem=%d events=r cmd=%s user=%s redir=-1 resp=%d",
		o.id, o.session.Attacker, o.session.Local, o.fd(), o.name, int(now.Sub(o.started).Seconds()), int(now.Sub(o.last).Seconds()),
		flags, o.db.number, len(o.channels), len(o.patterns), len(o.shards), multi, qbuf, free, argv, 17184+qbuf+free, last, o.user, resp)
}

// fd is a file descriptor as the server could have given to the connection.
func (c *client) fd() int64 { return 8 + c.id%7 }

// clientsByID returns the connections of the attacker.
func (w *world) clientsByID() []*client {
	list := make([]*client, 0, len(w.clients))
	for c := range w.clients {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *client) int { return int(a.id - b.id) })
	return list
}

func clientList(c *client, a [][]byte) {
	keep := func(*client) bool { return true }
	switch {
	case len(a) == 2:
	case len(a) == 4 && is(a[2], "type"):
		kind := strings.ToLower(string(a[3]))
		if !slices.Contains([]string{"normal", "replica", "slave", "pubsub", "master"}, kind) {
			c.fail("ERR Unknown client type '" + string(a[3]) + "'")
			return
		}
		keep = func(o *client) bool { return o.kind() == kind }
	case len(a) > 3 && is(a[2], "id"):
		ids := map[int64]bool{}
		for _, arg := range a[3:] {
			n, ok := parseInt(arg)
			if !ok {
				c.fail("ERR Invalid client ID")
				return
			}
			ids[n] = true
		}
		keep = func(o *client) bool { return ids[o.id] }
	default:
		c.fail(errSyntax)
		return
	}
	var b strings.Builder
	for _, o := range c.world.clientsByID() {
		if keep(o) {
			b.WriteString(c.describe(o) + "\n")
		}
	}
	c.verbatim(b.String())
}

func (c *client) kind() string {
	switch {
	case c.replica:
		return "replica"
	case len(c.channels)+len(c.patterns)+len(c.shards) > 0:
		return "pubsub"
	}
	return "normal"
}

func clientKill(c *client, a [][]byte) {
	if len(a) == 3 {
		for _, o := range c.world.clientsByID() {
			if o.session.Attacker.String() == string(a[2]) {
				c.hangUpOn(o)
				c.ok()
				return
			}
		}
		c.fail("ERR No such client")
		return
	}
	tests := []func(*client) bool{}
	skipMe := true
	for i := 2; i < len(a); i += 2 {
		if i+1 >= len(a) {
			c.fail(errSyntax)
			return
		}
		val := string(a[i+1])
		switch {
		case is(a[i], "id"):
			n, ok := parseInt(a[i+1])
			if !ok || n < 1 {
				c.fail("ERR client-id should be greater than 0")
				return
			}
			tests = append(tests, func(o *client) bool { return o.id == n })
		case is(a[i], "type"):
			kind := strings.ToLower(val)
			if !slices.Contains([]string{"normal", "replica", "slave", "pubsub", "master"}, kind) {
				c.fail("ERR Unknown client type '" + val + "'")
				return
			}
			tests = append(tests, func(o *client) bool { return o.kind() == kind })
		case is(a[i], "addr"):
			tests = append(tests, func(o *client) bool { return o.session.Attacker.String() == val })
		case is(a[i], "laddr"):
			tests = append(tests, func(o *client) bool { return o.session.Local.String() == val })
		case is(a[i], "user"):
			if val != "default" {
				c.fail("ERR No such user '" + val + "'")
				return
			}
		case is(a[i], "skipme") && (is(a[i+1], "yes") || is(a[i+1], "no")):
			skipMe = is(a[i+1], "yes")
		default:
			c.fail(errSyntax)
			return
		}
	}
	killed := int64(0)
	for _, o := range c.world.clientsByID() {
		if o == c && skipMe || slices.ContainsFunc(tests, func(t func(*client) bool) bool { return !t(o) }) {
			continue
		}
		c.hangUpOn(o)
		killed++
	}
	c.integer(killed)
}

// hangUpOn ends the connection o, its own one after the answer.
func (c *client) hangUpOn(o *client) {
	if o == c {
		c.closing = true
	} else {
		o.session.Close()
	}
}

func clientReply(c *client, a [][]byte) {
	switch {
	case is(a[2], "on"):
		c.mute = muteNone
		c.ok()
	case is(a[2], "off"):
		c.mute = muteAll
	case is(a[2], "skip"):
		if c.mute == muteNone {
			c.mute = muteNext
		}
	default:
		c.fail(errSyntax)
	}
}

func clientNoEvict(c *client, a [][]byte) {
	if !is(a[2], "on") && !is(a[2], "off") {
		c.fail(errSyntax)
		return
	}
	c.ok()
}

func clientPause(c *client, a [][]byte) {
	if n, ok := parseInt(a[2]); !ok {
		c.fail("ERR timeout is not an integer or out of range")
		return
	} else if n < 0 {
		c.fail("ERR timeout is negative")
		return
	}
	if len(a) > 3 && (len(a) > 4 || !is(a[3], "write") && !is(a[3], "all")) {
		c.fail(errSyntax)
		return
	}
	c.ok()
}

func clientUnblock(c *client, a [][]byte) {
	if _, ok := c.int(a[2]); ok {
		c.integer(0)
	}
}

func clientTrackingInfo(c *client, _ [][]byte) {
	c.mapping(3)
	c.text("flags")
	c.set(1)
	c.text("off")
	c.text("redirect")
	c.integer(-1)
	c.text("prefixes")
	c.array(0)
}

// random returns a number below n that an attacker cannot foresee.
func (s *server) random(n int) int {
	var b [8]byte
	_, _ = io.ReadFull(s.env.Rand, b[:])
	return int(binary.LittleEndian.Uint64(b[:]) % uint64(n))
}

// sample returns count different names in random order, or -count with repetition when
// count is negative.
func (s *server) sample(names []string, count int64) []string {
	if len(names) == 0 || count == 0 {
		return nil
	}
	if count < 0 {
		out := make([]string, 0, min(-count, 1<<16))
		for range min(-count, 1<<16) {
			out = append(out, names[s.random(len(names))])
		}
		return out
	}
	r := rand.New(rand.NewPCG(uint64(s.random(1<<30)), uint64(s.random(1<<30))))
	names = slices.Clone(names)
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(count, int64(len(names)))]
}
