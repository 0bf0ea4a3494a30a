package ftp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// session is one control connection.
type session struct {
	*services.Session
	srv   *server
	ctx   context.Context
	lines *services.Lines
	out   *bufio.Writer
	code  string // of the last reply
	err   error  // of the last flush

	clients  int64 // connected when this one came
	name     string
	loggedIn bool
	guest    bool
	fails    int
	ended    bool

	files      *tree
	uid, gid   int
	cwd        string
	binary     bool
	umask      uint16
	restart    int64
	renameFrom string
	epsvAll    bool
	data       dataPort
}

func (s *server) handle(ctx context.Context, sess *services.Session) error {
	c := &session{
		Session: sess,
		srv:     s,
		ctx:     ctx,
		lines:   services.NewLines(sess, s.env.Limits.Line),
		out:     bufio.NewWriter(sess),
		clients: s.clients.Add(1),
		cwd:     "/",
		umask:   0o077,
	}
	defer s.clients.Add(-1)
	defer c.data.close()
	return c.run()
}

func (c *session) run() error {
	c.reply("220 " + c.srv.banner)
	for reported := 0; !c.ended && c.err == nil; {
		line, err := c.lines.ReadLine()
		switch {
		case errors.Is(err, services.ErrLineTooLong):
			c.Emit("command", decnet.F("command", string(line)), decnet.F("reply", "500"))
			c.reply("500 Input line too long.")
			return err
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.reply("421 Timeout.")
			return err
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			return err
		case len(line) == 0:
			continue
		}
		verb, arg := parseCommand(string(line))
		c.dispatch(verb, arg)
		if reported++; verb != "PASS" && reported <= transcriptLines {
			c.Emit("command", decnet.F("command", string(line)), decnet.F("reply", c.code))
		}
	}
	return c.err
}

// parseCommand splits a line at its first space. The verb is in upper case.
func parseCommand(line string) (verb, arg string) {
	verb, arg, _ = strings.Cut(line, " ")
	return strings.ToUpper(verb), arg
}

// reply sends one reply of one or more lines.
func (c *session) reply(text string) {
	c.code = text[:3]
	_, _ = c.out.WriteString(text + "\r\n")
	if err := c.out.Flush(); err != nil && c.err == nil {
		c.err = err
	}
}

func (c *session) replyf(format string, args ...any) { c.reply(fmt.Sprintf(format, args...)) }

func (c *session) random(p []byte) { _, _ = io.ReadFull(c.srv.env.Rand, p) }

const features = "211-Features:\r\n EPRT\r\n EPSV\r\n MDTM\r\n PASV\r\n REST STREAM\r\n SIZE\r\n TVFS\r\n211 End"

const help = "214-The following commands are recognized.\r\n" +
	" ABOR ACCT ALLO APPE CDUP CWD  DELE EPRT EPSV FEAT HELP LIST MDTM MKD\r\n" +
	" MODE NLST NOOP OPTS PASS PASV PORT PWD  QUIT REIN REST RETR RMD  RNFR\r\n" +
	" RNTO SITE SIZE SMNT STAT STOR STOU STRU SYST TYPE USER XCUP XCWD XMKD\r\n" +
	" XPWD XRMD\r\n214 Help OK."

// dispatch answers one command.
func (c *session) dispatch(verb, arg string) {
	switch verb {
	case "USER":
		c.user(arg)
	case "PASS":
		c.pass(arg)
	case "QUIT":
		c.reply("221 Goodbye.")
		c.ended = true
	case "FEAT":
		c.reply(features)
	case "OPTS":
		if strings.EqualFold(arg, "UTF8 ON") {
			c.reply("200 Always in UTF8 mode.")
		} else {
			c.reply("501 Option not understood.")
		}
	default:
		if !c.loggedIn {
			c.reply("530 Please login with USER and PASS.")
			return
		}
		switch {
		case c.service(verb, arg), c.transfer(verb, arg), c.change(verb, arg):
		default:
			c.reply("500 Unknown command.")
		}
	}
}

// service answers the commands that touch no file, and reports whether verb is one.
func (c *session) service(verb, arg string) bool {
	switch verb {
	case "PWD", "XPWD":
		c.replyf(`257 "%s" is the current directory`, quoted(c.cwd))
	case "CWD", "XCWD":
		c.chdir(arg)
	case "CDUP", "XCUP":
		c.chdir("..")
	case "SYST":
		c.reply("215 UNIX Type: L8")
	case "HELP":
		c.reply(help)
	case "NOOP":
		c.reply("200 NOOP ok.")
	case "TYPE":
		c.setType(arg)
	case "MODE":
		c.fixed(arg, "S", "200 Mode set to S.", "504 Bad MODE command.")
	case "STRU":
		c.fixed(arg, "F", "200 Structure set to F.", "504 Bad STRU command.")
	case "ALLO":
		c.reply("202 ALLO command ignored.")
	case "REIN", "ACCT", "SMNT":
		c.reply("502 " + verb + " not implemented.")
	case "ABOR":
		c.reply("225 No transfer to ABOR.")
	case "PBSZ", "PROT":
		c.denied()
	case "REST":
		c.restart = max(leadingInt(arg), 0)
		c.replyf("350 Restart position accepted (%d).", c.restart)
	case "SITE":
		c.site(arg)
	case "STAT":
		c.stat(arg)
	case "CLNT":
		c.Emit("session", decnet.F("client_version", arg))
		return false // vsftpd does not know it
	default:
		return false
	}
	return true
}

func (c *session) denied() { c.reply("550 Permission denied.") }

func quoted(path string) string { return strings.ReplaceAll(path, `"`, `""`) }

func (c *session) chdir(arg string) {
	to := c.resolve(arg)
	if n := c.files.stat(to); arg == "" || n == nil || !n.dir || !c.enterable(n) {
		c.reply("550 Failed to change directory.")
		return
	}
	c.cwd = to
	c.reply("250 Directory successfully changed.")
}

// enterable reports whether the execute bit lets the user into the directory n.
func (c *session) enterable(n *node) bool {
	if n.uid == c.uid {
		return n.mode&0o100 != 0
	}
	return n.mode&0o001 != 0
}

func (c *session) setType(arg string) {
	switch strings.ToUpper(arg) {
	case "I", "L8", "L 8":
		c.binary = true
		c.reply("200 Switching to Binary mode.")
	case "A", "A N":
		c.binary = false
		c.reply("200 Switching to ASCII mode.")
	default:
		c.reply("500 Unrecognised TYPE command.")
	}
}

func (c *session) fixed(arg, want, yes, no string) {
	if strings.EqualFold(arg, want) {
		c.reply(yes)
	} else {
		c.reply(no)
	}
}

// site answers SITE. Guests have none of it.
func (c *session) site(arg string) {
	verb, rest := parseCommand(arg)
	switch {
	case c.guest:
		c.denied()
	case verb == "HELP" && c.srv.write:
		c.reply("214 CHMOD UMASK HELP")
	case verb == "HELP":
		c.reply("214 UMASK HELP")
	case verb == "CHMOD" && c.srv.write:
		c.chmod(rest)
	case verb == "UMASK" && rest == "":
		c.reply("200 Your current UMASK is " + octal(c.umask))
	case verb == "UMASK":
		c.umask = parseOctal(rest) & 0o777
		c.reply("200 UMASK set to " + octal(c.umask))
	default:
		c.reply("500 Unknown SITE command.")
	}
}

func (c *session) chmod(arg string) {
	mode, name, ok := strings.Cut(arg, " ")
	switch {
	case !ok || name == "":
		c.reply("500 SITE CHMOD needs 2 arguments.")
	case c.files.chmod(c.resolve(name), c.uid, parseOctal(mode)) != nil:
		c.reply("550 SITE CHMOD command failed.")
	default:
		c.reply("200 SITE CHMOD command ok.")
	}
}

func octal(n uint16) string {
	if n == 0 {
		return "0"
	}
	return "0" + strconv.FormatUint(uint64(n), 8)
}

// parseOctal reads the octal digits that text begins with, 0 when there are none.
func parseOctal(text string) uint16 {
	var n uint16
	for i := 0; i < len(text) && text[i] >= '0' && text[i] <= '7'; i++ {
		n = n<<3 | uint16(text[i]-'0')
	}
	return n
}

// stat answers STAT: about the session, or a listing over the control connection.
func (c *session) stat(arg string) {
	if arg != "" {
		text, _ := c.list(parseListing(arg, listing{long: true, all: true}))
		c.reply("213-Status follows:\r\n" + text + "213 End of status")
		return
	}
	kind := "ASCII"
	if c.binary {
		kind = "BINARY"
	}
	peer := c.Attacker.Addr()
	if peer.Is4() {
		peer = netip.AddrFrom16(peer.As16()) // Debian's vsftpd listens on an IPv6 socket
	}
	c.reply("211-FTP server status:\r\n" +
		"     Connected to " + peer.String() + "\r\n" +
		"     Logged in as " + c.name + "\r\n" +
		"     TYPE: " + kind + "\r\n" +
		"     No session bandwidth limit\r\n" +
		"     Session timeout in seconds is 300\r\n" +
		"     Control connection is plain text\r\n" +
		"     Data connections will be plain text\r\n" +
		"     At session startup, client count was " + strconv.FormatInt(c.clients, 10) + "\r\n" +
		"     vsFTPd " + c.srv.version + " - secure, fast, stable\r\n" +
		"211 End of status")
}
