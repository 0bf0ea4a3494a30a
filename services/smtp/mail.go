package smtp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// envelope is one mail transaction.
type envelope struct {
	open    bool
	from    string
	utf8    bool // SMTPUTF8 was declared
	rcpts   []string
	queueID string
	msg     *message
	failed  bool // a BDAT went wrong, later ones are thrown away
}

// abandon ends the transaction. What arrived of its message is kept.
func (e *envelope) abandon() {
	if e.msg != nil {
		e.msg.abandon()
	}
	*e = envelope{}
}

func (c *session) mailFrom(argv []string) error {
	switch {
	case c.mail.open:
		return c.fail("503 5.5.1 Error: nested MAIL command")
	case len(argv) < 3 || !strings.EqualFold(argv[1], "from:"):
		return c.fail("501 5.5.4 Syntax: MAIL FROM:<address>")
	}
	utf8 := slices.ContainsFunc(argv[3:], func(a string) bool { return strings.EqualFold(a, "SMTPUTF8") })
	from, ok := address(argv[2], true, utf8)
	if !ok {
		return c.fail("501 5.1.7 Bad sender address syntax")
	}
	if fault := mailParameters(argv[3:]); fault != "" {
		return c.fail(fault)
	}
	c.mail.open, c.mail.from, c.mail.utf8 = true, from, utf8
	c.Emit("mail_from", decnet.F("mail_from", from), decnet.F("parameters", strings.Join(argv[3:], " ")))
	c.reply("250 2.1.0 Ok")
	return nil
}

// mailParameters checks what follows the address of MAIL and returns the refusal, "" for
// none.
func mailParameters(args []string) string {
	var ret, envid bool
	for _, arg := range args {
		name, value, hasValue := strings.Cut(arg, "=")
		switch name = strings.ToUpper(name); {
		case name == "BODY" && (strings.EqualFold(value, "8BITMIME") || strings.EqualFold(value, "7BIT")):
		case name == "SIZE" && hasValue:
			n, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				return "501 5.5.4 Bad message size syntax"
			}
			if n > messageLimit {
				return "552 5.3.4 Message size exceeds fixed limit"
			}
		case name == "SMTPUTF8" && !hasValue, name == "AUTH" && hasValue:
		case name == "RET" && hasValue:
			if ret || !strings.EqualFold(value, "FULL") && !strings.EqualFold(value, "HDRS") {
				return "501 5.5.4 Bad RET parameter syntax"
			}
			ret = true
		case name == "ENVID" && hasValue:
			if envid || value == "" {
				return "501 5.5.4 Bad ENVID parameter syntax"
			}
			envid = true
		default:
			return "555 5.5.4 Unsupported option: " + arg
		}
	}
	return ""
}

func (c *session) rcptTo(argv []string) error {
	switch {
	case !c.mail.open:
		return c.fail("503 5.5.1 Error: need MAIL command")
	case c.mail.msg != nil:
		return c.fail("503 5.5.1 Error: RCPT after BDAT")
	case len(argv) < 3 || !strings.EqualFold(argv[1], "to:"):
		return c.fail("501 5.5.4 Syntax: RCPT TO:<address>")
	}
	to, ok := address(argv[2], false, c.mail.utf8)
	if !ok {
		return c.fail("501 5.1.3 Bad recipient address syntax")
	}
	if fault := rcptParameters(argv[3:]); fault != "" {
		return c.fail(fault)
	}
	if len(c.mail.rcpts) >= recipientLimit {
		return c.fail("452 4.5.3 Error: too many recipients")
	}
	fault := c.refusal(to)
	outcome := "accepted"
	if fault != "" {
		outcome = "refused"
	}
	c.Emit("rcpt_to", decnet.F("mail_from", c.mail.from), decnet.F("rcpt_to", to), decnet.F("outcome", outcome))
	if fault != "" {
		return c.fail(fault)
	}
	if c.mail.queueID == "" {
		c.mail.queueID = c.queueID()
	}
	c.mail.rcpts = append(c.mail.rcpts, to)
	c.reply("250 2.1.5 Ok")
	return nil
}

// rcptParameters checks what follows the address of RCPT and returns the refusal, "" for
// none.
func rcptParameters(args []string) string {
	var notify, orcpt bool
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch strings.ToUpper(name) {
		case "NOTIFY":
			if notify || !validNotify(value) {
				return "501 5.5.4 Error: Bad NOTIFY parameter syntax"
			}
			notify = true
		case "ORCPT":
			kind, addr, ok := strings.Cut(value, ";")
			if orcpt || !ok || kind == "" || addr == "" {
				return "501 5.5.4 Error: Bad ORCPT parameter syntax"
			}
			orcpt = true
		default:
			return "555 5.5.4 Unsupported option: " + arg
		}
	}
	return ""
}

func validNotify(value string) bool {
	if strings.EqualFold(value, "NEVER") {
		return true
	}
	for v := range strings.SplitSeq(strings.ToUpper(value), ",") {
		if v != "SUCCESS" && v != "FAILURE" && v != "DELAY" {
			return false
		}
	}
	return true
}

// refusal returns why mail for addr is not taken, "" when it is.
func (c *session) refusal(addr string) string {
	user, domain := addr, ""
	if i := strings.LastIndexByte(addr, '@'); i >= 0 {
		user, domain = addr[:i], strings.ToLower(strings.TrimSuffix(addr[i+1:], "."))
	}
	local := domain == "" || c.srv.domains[domain]
	foreign := !local || strings.ContainsAny(user, "%!") || user == ""
	switch {
	case foreign && !c.srv.relay && c.authUser == "":
		return fmt.Sprintf("454 4.7.1 <%s>: Relay access denied", addr)
	case foreign:
		return ""
	}
	box, _, _ := strings.Cut(strings.ToLower(user), "+")
	if c.srv.local[box] {
		return ""
	}
	return fmt.Sprintf("550 5.1.1 <%s>: Recipient address rejected: User unknown in local recipient table", addr)
}

func (c *session) vrfy(argv []string) error {
	utf8 := len(argv) > 2 && strings.EqualFold(argv[len(argv)-1], "SMTPUTF8")
	if utf8 {
		argv = argv[:len(argv)-1]
	}
	if len(argv) < 2 {
		return c.fail("501 5.5.4 Syntax: VRFY address [SMTPUTF8]")
	}
	who := strings.Join(argv[1:], " ")
	addr, ok := address(who, false, utf8)
	fault := ""
	if !ok {
		fault = "501 5.1.3 Bad recipient address syntax"
	} else {
		fault = c.refusal(addr)
	}
	outcome := "known"
	if fault != "" {
		outcome = "refused"
	}
	c.Emit("vrfy", decnet.F("address", who), decnet.F("outcome", outcome))
	if fault != "" {
		return c.fail(fault)
	}
	c.reply("252 2.0.0 " + who)
	return nil
}

// queueID returns the name of a queue file as Postfix makes it: the microseconds of the
// moment and the number of the file's inode.
func (c *session) queueID() string {
	var raw [2]byte
	c.random(raw[:])
	micros := c.srv.env.Now().Nanosecond() / 1000
	return fmt.Sprintf("%05X%X", micros, c.srv.inode+uint32(raw[0])<<4+uint32(raw[1])>>4)
}
