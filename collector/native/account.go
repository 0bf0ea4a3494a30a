package native

import (
	"strings"

	"github.com/decnet/decnet"
)

// login understands the login of the shadow tools: "FAILED LOGIN (N)[ on 'TTY'[ from
// 'HOST']] FOR 'USER', REASON", "ROOT LOGIN[ on 'TTY'[ from 'HOST']]", and the sessions that
// PAM opens and closes for it.
func login(msg string) (typ string, fields []decnet.Field) {
	if rest, ok := strings.CutPrefix(msg, "FAILED LOGIN ("); ok {
		_, rest, _ = strings.Cut(rest, ")")
		fields, rest = terminal(rest)
		user, ok := strings.CutPrefix(rest, " FOR '")
		user, reason, ok2 := cutLast(user, "', ")
		if !ok || !ok2 {
			return "", nil
		}
		return "auth_attempt", append(fields, decnet.F("username", user), decnet.F("outcome", "failure"),
			decnet.F("method", "password"), decnet.F("reason", reason))
	}
	if rest, ok := strings.CutPrefix(msg, "ROOT LOGIN"); ok {
		fields, rest = terminal(" " + strings.TrimLeft(rest, " "))
		if strings.TrimSpace(rest) != "" {
			return "", nil
		}
		return "auth_attempt", append(fields, decnet.F("username", "root"), decnet.F("outcome", "success"), decnet.F("method", "password"))
	}
	for prefix, typ := range map[string]string{
		"pam_unix(login:session): session opened for user ": "session_start",
		"pam_unix(login:session): session closed for user ": "session_end",
	} {
		if rest, ok := strings.CutPrefix(msg, prefix); ok {
			user, _, _ := strings.Cut(rest, "(uid=")
			user, _, _ = strings.Cut(user, " ")
			return typ, []decnet.Field{decnet.F("username", user)}
		}
	}
	return "", nil
}

// terminal reads " on 'TTY'[ from 'HOST']" from the beginning of text. A host that is a name
// is no source, because whoever owns the address chooses what it is called.
func terminal(text string) (fields []decnet.Field, rest string) {
	tail, ok := strings.CutPrefix(text, " on '")
	tty, tail, ok2 := strings.Cut(tail, "'")
	if !ok || !ok2 {
		return nil, text
	}
	if after, ok := strings.CutPrefix(tail, " from '"); ok {
		if host, after, ok := strings.Cut(after, "'"); ok {
			if peer := origin(host, "0"); peer != nil {
				fields = peer[:1]
			} else {
				fields = append(fields, decnet.F("host", host))
			}
			tail = after
		}
	}
	return append(fields, decnet.F("tty", tty)), tail
}

// sudo understands "USER : [REASON ; ]TTY=… ; PWD=… ; USER=… ; COMMAND=…". With a reason the
// command was not run.
func sudo(msg string) (typ string, fields []decnet.Field) {
	user, rest, ok := strings.Cut(strings.TrimLeft(msg, " "), " : ")
	head, command, ok2 := strings.Cut(rest, " ; COMMAND=")
	if !ok || !ok2 || strings.Contains(user, " ") {
		return "", nil
	}
	reason, keys := "", head
	if !strings.HasPrefix(head, "TTY=") && !strings.HasPrefix(head, "PWD=") {
		reason, keys, _ = strings.Cut(head, " ; ")
	}
	var pwd, runAs string
	keys = " ; " + keys
	if before, after, ok := cutLast(keys, " ; USER="); ok {
		keys = before
		runAs, _, _ = strings.Cut(after, " ; ")
	}
	if _, after, ok := strings.Cut(keys, " ; PWD="); ok {
		pwd = after
	}
	if reason != "" {
		return "auth_attempt", []decnet.Field{
			decnet.F("username", user), decnet.F("outcome", "failure"), decnet.F("method", "sudo"),
			decnet.F("reason", reason), decnet.F("pwd", pwd), decnet.F("command", command),
		}
	}
	return "command", []decnet.Field{
		decnet.F("user", user), decnet.F("run_as", runAs), decnet.F("pwd", pwd), decnet.F("command", command), decnet.F("via", "sudo"),
	}
}

// su understands "FAILED SU (to TARGET) USER on TTY".
func su(msg string) (typ string, fields []decnet.Field) {
	rest, ok := strings.CutPrefix(msg, "FAILED SU (to ")
	target, rest, ok2 := strings.Cut(rest, ") ")
	user, tty, ok3 := cutLast(rest, " on ")
	if !ok || !ok2 || !ok3 {
		return "", nil
	}
	return "auth_attempt", []decnet.Field{
		decnet.F("username", target), decnet.F("outcome", "failure"), decnet.F("method", "su"), decnet.F("user", user), decnet.F("tty", tty),
	}
}
