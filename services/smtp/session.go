package smtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/tlshello"
)

// maxReported is how many commands of one session become events.
const maxReported = 2000

// errGoodbye ends a session after an answer that closes the connection.
var errGoodbye = errors.New("smtp: closed by the server")

// session is one connection.
type session struct {
	*services.Session
	srv *server
	ctx context.Context
	in  *bufio.Reader
	out *bufio.Writer

	code     string // of the last reply
	reported int
	errors   int
	junk     int

	helo     string
	seen     bool // a session event was emitted
	tls      *tls.Conn
	authUser string
	mail     envelope
}

func (s *server) handle(ctx context.Context, sess *services.Session) error {
	c := &session{Session: sess, srv: s, ctx: ctx, in: bufio.NewReader(sess), out: bufio.NewWriter(sess)}
	defer c.mail.abandon()
	err := c.run()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.replyf("421 4.4.2 %s Error: timeout exceeded", s.myhostname)
		_ = c.out.Flush()
	case errors.Is(err, errGoodbye):
		err = c.out.Flush()
		if c.tls != nil && err == nil {
			err = c.tls.CloseWrite()
		}
	}
	return err
}

func (c *session) run() error {
	c.reply("220 " + c.srv.banner)
	for {
		if c.errors >= hardErrors {
			c.replyf("421 4.7.0 %s Error: too many errors", c.srv.myhostname)
			return errGoodbye
		}
		line, err := c.readLine(min(lineLimit, c.srv.env.Limits.Line))
		if err != nil {
			return err
		}
		if err := c.command(line); err != nil {
			return err
		}
	}
}

// readLine returns the next line without its end, cut at limit as Postfix cuts it. Before
// it waits for the client it sends what there is to send.
func (c *session) readLine(limit int) (string, error) {
	if c.in.Buffered() == 0 {
		if err := c.out.Flush(); err != nil {
			return "", err
		}
	}
	var line []byte
	for {
		part, err := c.in.ReadSlice('\n')
		line = append(line, part[:min(len(part), limit-len(line))]...)
		switch {
		case err == nil:
			line = bytes.TrimRight(line, "\r\n")
			if i := bytes.IndexByte(line, 0); i >= 0 {
				line = line[:i] // a C string ends here
			}
			return string(line), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return "", io.ErrUnexpectedEOF
		default:
			return "", err
		}
	}
}

// reply queues one reply of one or more lines. A client that makes errors waits for it.
func (c *session) reply(text string) {
	c.code = text[:3]
	if c.errors >= softErrors {
		_ = c.out.Flush()
		c.srv.pause(c.ctx, errorSleep)
	}
	_, _ = c.out.WriteString(text + "\r\n")
}

func (c *session) replyf(format string, args ...any) { c.reply(fmt.Sprintf(format, args...)) }

// fail is reply for what counts as an error of the client.
func (c *session) fail(text string) error {
	c.reply(text)
	c.errors++
	if strings.HasPrefix(text, "421") || strings.HasPrefix(text, "521") {
		return errGoodbye
	}
	return nil
}

func (c *session) failf(format string, args ...any) error {
	return c.fail(fmt.Sprintf(format, args...))
}

// command answers one line. An error ends the session.
func (c *session) command(line string) error {
	defer func() {
		if c.reported++; c.reported <= maxReported {
			c.Emit("command", decnet.F("command", line), decnet.F("reply", c.code))
		}
	}()
	if !utf8.ValidString(line) {
		return c.fail("500 5.5.2 Error: bad UTF-8 syntax")
	}
	argv := tokens(line)
	if len(argv) == 0 {
		return c.fail("500 5.5.2 Error: bad syntax")
	}
	switch strings.ToUpper(argv[0]) {
	case "HELO", "EHLO":
		return c.junked(c.hello(argv))
	case "MAIL":
		return c.mailFrom(argv)
	case "RCPT":
		return c.rcptTo(argv)
	case "DATA":
		return c.data(argv)
	case "BDAT":
		return c.bdat(argv)
	case "RSET":
		if len(argv) != 1 {
			return c.junked(c.fail("501 5.5.4 Syntax: RSET"))
		}
		c.mail.abandon()
		c.reply("250 2.0.0 Ok")
		return c.junked(nil)
	case "NOOP":
		c.reply("250 2.0.0 Ok")
		return c.junked(nil)
	case "VRFY":
		return c.junked(c.vrfy(argv))
	case "ETRN":
		return c.junked(c.etrn(argv))
	case "AUTH":
		if len(c.srv.mechanisms) == 0 {
			return c.fail("503 5.5.1 Error: authentication not enabled")
		}
		return c.auth(argv)
	case "STARTTLS":
		return c.startTLS(argv)
	case "XCLIENT", "XFORWARD":
		return c.fail("550 5.7.0 Error: insufficient authorization")
	case "QUIT":
		c.reply("221 2.0.0 Bye")
		return errGoodbye
	}
	if isHeader(argv[0]) || forbidden(argv[0]) {
		c.reply("221 2.7.0 Error: I can break rules, too. Goodbye.")
		return errGoodbye
	}
	return c.fail("500 5.5.2 Error: command not recognized")
}

// junked counts commands that do nothing for mail: more than a hundred are errors.
func (c *session) junked(err error) error {
	if c.junk > junkLimit {
		c.errors++
	}
	c.junk++
	return err
}

func (c *session) hello(argv []string) error {
	verb := strings.ToUpper(argv[0])
	if len(argv) < 2 {
		return c.fail("501 Syntax: " + verb + " hostname")
	}
	c.mail.abandon()
	c.helo = argv[1]
	if !c.seen {
		c.seen = true
		c.Emit("session", decnet.F("helo", c.helo), decnet.F("verb", verb))
	}
	if verb == "HELO" {
		c.reply("250 " + c.srv.myhostname)
		return nil
	}
	var b strings.Builder
	b.WriteString("250-" + c.srv.myhostname + "\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n250-ETRN\r\n")
	if c.tls == nil {
		b.WriteString("250-STARTTLS\r\n")
	}
	if len(c.srv.mechanisms) > 0 {
		b.WriteString("250-AUTH " + strings.Join(c.srv.mechanisms, " ") + "\r\n")
	}
	b.WriteString("250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING")
	c.reply(b.String())
	return nil
}

func (c *session) etrn(argv []string) error {
	switch {
	case c.mail.open:
		return c.fail("503 Error: MAIL transaction in progress")
	case len(argv) != 2:
		return c.fail("500 Syntax: ETRN domain")
	}
	domain := strings.TrimLeft(argv[1], "@#")
	if !validDomain(domain, false) {
		return c.fail("501 Error: invalid parameter syntax")
	}
	return c.failf("459 <%s>: service unavailable", domain)
}

// startTLS answers STARTTLS. The client starts from the beginning after it, and what it
// sent in plain text before the handshake is thrown away.
func (c *session) startTLS(argv []string) error {
	switch {
	case len(argv) != 1:
		return c.fail("501 5.5.4 Syntax: STARTTLS")
	case c.tls != nil:
		return c.fail("554 5.5.1 Error: TLS already active")
	}
	cfg, err := c.srv.tlsConfig()
	if err != nil {
		c.srv.env.Log.Error("smtp: no certificate", "decky", c.srv.env.Decky, "err", err)
		return c.fail("454 4.7.0 TLS not available due to local problem")
	}
	c.reply("220 2.0.0 Ready to start TLS")
	if err := c.out.Flush(); err != nil {
		return err
	}
	c.ForgetOpening()
	conn := tls.Server(c.Session, cfg)
	err = conn.HandshakeContext(c.ctx)
	fields := append(tlshello.Fields(c.Opening()), decnet.F("helo", c.helo))
	if err != nil {
		c.Emit("session", append(fields, decnet.F("error", err.Error()))...)
		return err
	}
	state := conn.ConnectionState()
	c.Emit("session", append(fields,
		decnet.F("tls_version", tls.VersionName(state.Version)),
		decnet.F("tls_cipher", tls.CipherSuiteName(state.CipherSuite)))...)
	c.mail.abandon()
	c.tls, c.helo, c.authUser = conn, "", ""
	c.in.Reset(conn)
	c.out.Reset(conn)
	return nil
}
