package native

import (
	"strings"

	"github.com/decnet/decnet"
)

// sshd understands what OpenSSH writes at the level VERBOSE. Without a type the fields are
// those of a log event.
func sshd(msg string) (typ string, fields []decnet.Field) {
	msg = strings.TrimSuffix(strings.TrimPrefix(msg, "error: "), " [preauth]")
	verb, rest, _ := strings.Cut(msg, " ")
	switch verb {
	case "Accepted":
		return attempt(rest, "success")
	case "Failed", "Partial":
		return attempt(rest, "failure")
	}
	for _, known := range []struct {
		prefix string
		read   func(string) (string, []decnet.Field)
	}{
		{"Connection from ", opened},
		{"Connection closed by ", closed},
		{"Connection reset by ", closed},
		{"Disconnected from ", closed},
		{"Disconnecting ", refused},
		{"Timeout before authentication for ", closed},
		{"Starting session: ", sessionStart},
		{"Close session: user ", sessionEnd},
		{"Invalid user ", about},
		{"maximum authentication attempts exceeded for ", about},
		{"Bad protocol version identification ", identification},
		{"Received disconnect from ", atStart},
		{"Unable to negotiate with ", atStart},
		{"banner exchange: Connection from ", atStart},
	} {
		if rest, ok := strings.CutPrefix(msg, known.prefix); ok {
			return known.read(rest)
		}
	}
	return "", nil
}

// attempt reads "METHOD for [invalid user ]USER from ADDR port PORT ssh2[: KEY]".
func attempt(text, outcome string) (string, []decnet.Field) {
	before, peer, key := signed(text)
	if peer == nil {
		return "", nil
	}
	method, user, ok := strings.Cut(before, " for ")
	user, ok2 := strings.CutSuffix(user, " from")
	if !ok || !ok2 {
		return "", nil
	}
	fields := append(peer, decnet.F("username", strings.TrimPrefix(user, "invalid user ")),
		decnet.F("outcome", outcome), decnet.F("method", method))
	if key != "" {
		fields = append(fields, decnet.F("secret_kind", "ssh_publickey"), decnet.F("secret", key))
	}
	return "auth_attempt", fields
}

// signed takes " ADDR port PORT ssh2" and what is behind it from text: nothing, or a key
// as "TYPE FINGERPRINT", or a certificate, as "TYPE FINGERPRINT ID NAME (serial N) CA TYPE
// FINGERPRINT", whose name is the client's own text. There is no peer when text can be
// read in two ways.
func signed(text string) (before string, peer []decnet.Field, key string) {
	const mark = " ssh2"
	if before, ok := strings.CutSuffix(text, mark); ok {
		before, peer = atEnd(before)
		return before, peer, ""
	}
	if head, tail, ok := cutLast(text, mark+": "); ok {
		if words := strings.Split(tail, " "); len(words) == 2 && isFingerprint(words[1]) {
			before, peer = atEnd(head)
			return before, peer, words[1]
		}
	}
	for from := 0; ; {
		i := strings.Index(text[from:], mark+": ")
		if i < 0 {
			return before, peer, key
		}
		head, tail := text[:from+i], text[from+i+len(mark)+2:]
		from += i + 1
		words := strings.SplitN(tail, " ", 4)
		if len(words) < 4 || !isFingerprint(words[1]) || words[2] != "ID" {
			continue
		}
		b, p := atEnd(head)
		if p == nil {
			continue
		}
		if peer != nil {
			return text, nil, ""
		}
		before, peer, key = b, p, words[1]
	}
}

func isFingerprint(s string) bool {
	return strings.HasPrefix(s, "SHA256:") || strings.HasPrefix(s, "MD5:")
}

// opened reads "ADDR port PORT on ADDR port PORT[ rdomain NAME]".
func opened(text string) (string, []decnet.Field) {
	_, peer := atStart(text)
	return "connect", peer
}

// atStart reads "ADDR port PORT" and then anything.
func atStart(text string) (string, []decnet.Field) {
	words := strings.SplitN(text, " ", 4)
	if len(words) < 3 || words[1] != "port" {
		return "", nil
	}
	port, _, _ := strings.Cut(words[2], ":")
	return "", origin(words[0], port)
}

// closed reads "[authenticating |invalid ][user NAME ]ADDR port PORT".
func closed(text string) (string, []decnet.Field) {
	before, peer := atEnd(text)
	if peer == nil {
		return "", nil
	}
	for _, kind := range []string{"authenticating user ", "invalid user ", "user "} {
		if user, ok := strings.CutPrefix(before, kind); ok {
			return "disconnect", append(peer, decnet.F("username", user))
		}
	}
	return "disconnect", peer
}

// refused reads the same with the reason behind it. Some reasons hold text of the client.
func refused(text string) (string, []decnet.Field) {
	text, ok := strings.CutSuffix(text, ": Too many authentication failures")
	if !ok {
		return "", nil
	}
	return closed(text)
}

// sessionStart reads "KIND[ on TTY] for USER from ADDR port PORT id N".
func sessionStart(text string) (string, []decnet.Field) {
	text, _, _ = cutLast(text, " id ")
	before, peer := atEnd(text)
	what, user, ok := cutLast(strings.TrimSuffix(before, " from"), " for ")
	if peer == nil || !ok {
		return "", nil
	}
	kind, tty, terminal := cutLast(what, " on ")
	fields := append(peer, decnet.F("username", user), decnet.F("kind", kind))
	if terminal {
		fields = append(fields, decnet.F("tty", tty))
	}
	return "session_start", fields
}

// sessionEnd reads "USER from ADDR port PORT id N".
func sessionEnd(text string) (string, []decnet.Field) {
	text, _, _ = cutLast(text, " id ")
	before, peer := atEnd(text)
	user, ok := strings.CutSuffix(before, " from")
	if peer == nil || !ok {
		return "", nil
	}
	return "session_end", append(peer, decnet.F("username", user))
}

// about reads "[invalid user ]USER from ADDR port PORT[ ssh2]".
func about(text string) (string, []decnet.Field) {
	before, peer := atEnd(strings.TrimSuffix(text, " ssh2"))
	user, ok := strings.CutSuffix(before, " from")
	if peer == nil || !ok {
		return "", nil
	}
	return "", append(peer, decnet.F("username", strings.TrimPrefix(user, "invalid user ")))
}

// identification reads "'TEXT' from ADDR port PORT".
func identification(text string) (string, []decnet.Field) {
	_, peer := atEnd(text)
	return "", peer
}
