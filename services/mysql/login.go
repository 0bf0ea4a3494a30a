package mysql

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services/internal/tlshello"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func hex32(n uint32) string { return fmt.Sprintf("0x%08x", n) }

func boolText(b bool) string { return strconv.FormatBool(b) }

func attrsJSON(attrs []attr) string {
	m := make(map[string]string, len(attrs))
	for _, a := range attrs {
		m[a.name] = a.value
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// scramble returns 20 fresh bytes without NUL or '$', as the server makes them.
func (s *server) scramble() []byte {
	b := make([]byte, 20)
	_, _ = io.ReadFull(s.env.Rand, b)
	for i := range b {
		b[i] &= 0x7f
		if b[i] == 0 || b[i] == '$' {
			b[i]++
		}
	}
	return b
}

// login runs the handshake. It reports whether the client got in.
func (c *conn) login() (bool, error) {
	scramble := c.srv.scramble()
	c.write(c.srv.flav.greeting(c.srv.version, c.id, scramble, c.srv.plugin))
	if err := c.flush(); err != nil {
		return false, err
	}
	b, err := c.read()
	if err != nil {
		return false, c.hangUp(err)
	}
	if wantsTLS(b) && c.srv.flav.tls {
		if b, err = c.startTLS(b); err != nil {
			return false, c.hangUp(err)
		}
	}
	res, ok := parseResponse(b)
	c.caps = res.caps
	if !ok {
		c.session.Warn("protocol_error", decnet.F("reason", "bad handshake"), decnet.F("data", string(b)))
		return false, c.refuse(badHandshake)
	}
	c.extra = res.extra & c.srv.flav.extra
	c.greet(res)
	c.world = c.srv.worlds.of(c.session.Attacker.Addr().String())
	return c.authenticate(res, scramble)
}

// startTLS upgrades the connection and returns the response that comes over it.
func (c *conn) startTLS(request []byte) ([]byte, error) {
	cfg, err := c.srv.tls()
	if err != nil {
		return nil, fmt.Errorf("mysql: certificate: %w", err)
	}
	t := tls.Server(c.session, cfg)
	err = t.HandshakeContext(c.ctx)
	c.hello = tlshello.Fields(c.session.Opening())
	if err != nil {
		c.session.Emit("session", append(c.hello, decnet.F("error", err.Error()))...)
		return nil, fmt.Errorf("mysql: tls: %w", err)
	}
	state := t.ConnectionState()
	c.hello = append(c.hello,
		decnet.F("tls_version", tls.VersionName(state.Version)), decnet.F("tls_cipher", tls.CipherSuiteName(state.CipherSuite)))
	c.stream, c.r, c.secure = t, t, true
	c.caps = uint32(request[0]) | uint32(request[1])<<8
	return c.read()
}

// proof is what a client has sent to show that it knows the password.
type proof struct {
	plugin   string
	scramble []byte
	sent     []byte
	password string
	clear    bool // password is what the user typed
}

// matches reports whether the proof is right for password.
func (p proof) matches(password string) bool {
	switch {
	case p.clear:
		return p.password == password
	case p.plugin == pluginSHA2:
		return bytes.Equal(p.sent, sha2Response(password, p.scramble))
	case p.plugin == pluginNative:
		return bytes.Equal(p.sent, nativeResponse(password, p.scramble))
	}
	return false
}

// recognize finds the password among those of accounts.
func (p *proof) recognize(accounts []account) {
	for _, a := range accounts {
		if !p.clear && p.matches(a.password) {
			p.password, p.clear = a.password, true
		}
	}
}

// authenticate checks what the client sent, asks for more where the product would, and
// reports the attempt.
func (c *conn) authenticate(res response, scramble []byte) (bool, error) {
	p := proof{plugin: res.plugin, scramble: scramble, sent: res.auth}
	if res.caps&capPluginAuth == 0 {
		p.plugin = pluginNative
	}
	if p.plugin != c.srv.plugin {
		if res.caps&capPluginAuth == 0 {
			if c.srv.plugin != pluginNative || res.caps&capSecure == 0 {
				c.attempted(res, p, false)
				return false, c.refuse(fail(1251, "08004", "Client does not support authentication protocol requested by server; consider upgrading %s client", c.srv.flav.product))
			}
		} else {
			p = proof{plugin: c.srv.plugin, scramble: scramble}
			if p.plugin == pluginSHA2 {
				p.scramble = c.srv.scramble()
			}
			c.write(authSwitch(p.plugin, p.scramble))
			sent, err := c.reply()
			if err != nil {
				c.attempted(res, proof{plugin: res.plugin, scramble: scramble, sent: res.auth}, false)
				return false, c.hangUp(err)
			}
			p.sent = sent
		}
	}
	if p.plugin == pluginSHA2 && len(p.sent) == 1 && p.sent[0] == 0 {
		p.sent = nil
	}
	if p.plugin == pluginSHA2 && len(p.sent) > 0 {
		if err := c.fullAuth(res.user, &p); err != nil {
			c.attempted(res, p, false)
			return false, c.hangUp(err)
		}
	}
	if len(p.sent) == 0 {
		p.clear = true
	}
	from := c.session.Attacker.Addr().String()
	if !c.srv.lets(res.user, from, p.matches) {
		c.attempted(res, p, false)
		return false, c.refuse(accessDenied(res.user, c.host, len(p.sent) > 0))
	}
	p.recognize(c.srv.accounts)
	c.attempted(res, p, true)
	c.user = res.user
	c.database = ""
	if p.plugin == pluginSHA2 {
		c.srv.remember(res.user)
	}
	if res.database != "" {
		if _, problem := c.attempt(func() *result { c.use(res.database); return nil }); problem != nil {
			return false, c.refuse(problem)
		}
	}
	c.write(c.okPacket(0, &result{}, false))
	return true, c.flush()
}

// reply sends what waits and reads the next packet of the client.
func (c *conn) reply() ([]byte, error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	return c.read()
}

// usersRemembered bounds the cache of caching_sha2_password.
const usersRemembered = 64

func (s *server) remember(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) < usersRemembered {
		s.known[user] = true
	}
}

func (s *server) remembers(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[user]
}

// fullAuth goes through the second half of caching_sha2_password. A user that the server
// has cached gets in by the first half; anybody else is asked for the password itself,
// which comes in clear over TLS and sealed with the public key otherwise.
func (c *conn) fullAuth(user string, p *proof) error {
	if c.srv.remembers(user) && c.srv.listed(user, p) {
		c.write([]byte{0x01, 0x03})
		return nil
	}
	c.write([]byte{0x01, 0x04})
	b, err := c.reply()
	if err != nil {
		return err
	}
	if c.secure {
		p.password, p.clear = cString(b), true
		return nil
	}
	if len(b) == 1 && b[0] == 0x02 {
		c.write(append([]byte{0x01}, c.srv.publicKey()...))
		if b, err = c.reply(); err != nil {
			return err
		}
	}
	if password, ok := decryptPassword(c.srv.rsa(), p.scramble, b); ok {
		p.password, p.clear = password, true
	}
	return nil
}

// listed reports whether the proof is right for an account of the list.
func (s *server) listed(user string, p *proof) bool {
	if s.cfg["accept"] != acceptList {
		return false
	}
	for _, a := range s.accounts {
		if a.user == user && p.matches(a.password) {
			return true
		}
	}
	return false
}

// attempted reports a log-in attempt: the password where it is known, and what can be
// cracked where something was sent.
func (c *conn) attempted(res response, p proof, ok bool) {
	outcome := "failure"
	if ok {
		outcome = "success"
	}
	fields := []decnet.Field{decnet.F("username", res.user)}
	if p.clear {
		fields = append(fields, decnet.F("password", p.password))
	}
	fields = append(fields, decnet.F("method", p.plugin), decnet.F("outcome", outcome))
	if len(p.sent) > 0 {
		fields = append(fields, decnet.F("secret_kind", p.plugin), decnet.F("secret", hex.EncodeToString(p.sent)), decnet.F("challenge", hex.EncodeToString(p.scramble)))
		if p.plugin == pluginNative && len(p.sent) == 20 {
			fields = append(fields, decnet.F("hashcat", hashcatNative(p.scramble, p.sent)))
		}
	}
	if res.database != "" {
		fields = append(fields, decnet.F("database", res.database))
	}
	fields = append(fields, decnet.F("tls", boolText(c.secure)))
	c.session.Emit("auth_attempt", fields...)
}

// changeUser answers COM_CHANGE_USER, which is a log-in over again.
func (c *conn) changeUser(arg []byte) (bool, error) {
	r := reader{b: arg}
	res := response{caps: c.caps, user: r.text()}
	res.auth = r.bytes(int(r.uint(1)))
	res.database = r.text()
	if r.broken {
		return false, c.refuse(unknownCom)
	}
	r.uint(2)
	if c.caps&capPluginAuth != 0 && len(r.b) > 0 {
		res.plugin = r.text()
	}
	c.reset()
	// The answer is to the scramble of the first log-in, which clients do not keep for
	// this: the server asks anew.
	scramble := c.srv.scramble()
	p := proof{plugin: c.srv.plugin, scramble: scramble}
	c.write(authSwitch(p.plugin, scramble))
	sent, err := c.reply()
	if err != nil {
		return false, c.hangUp(err)
	}
	res.plugin, res.auth = p.plugin, sent
	return c.authenticate(res, scramble)
}
