package daemon

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint"
)

// logLine is what a program hands to the machine's log service: syslog(3) and logger(1)
// write "<PRI>Mmm dd hh:mm:ss TAG[PID]: TEXT".
type logLine struct {
	facility, severity int
	tag                string
	pid                int // 0: none said
	text               string
}

// parseLine reads a line of the local log socket, and takes the whole as text where it has
// another shape.
func parseLine(raw []byte) logLine {
	l := logLine{facility: 1, severity: 5, text: strings.TrimRight(string(raw), "\x00\n")} // user.notice, as syslogd assumes
	rest, ok := strings.CutPrefix(l.text, "<")
	pri, rest, ok2 := strings.Cut(rest, ">")
	n, err := strconv.ParseUint(pri, 10, 10)
	if !ok || !ok2 || err != nil {
		return l
	}
	l.facility, l.severity, l.text = int(n/8), int(n%8), rest
	const stamp = len("Jan _2 15:04:05 ")
	if len(rest) < stamp || rest[stamp-1] != ' ' || rest[6] != ' ' || rest[9] != ':' {
		return l
	}
	l.text = rest[stamp:]
	tag, text, ok := strings.Cut(l.text, ": ")
	if !ok || strings.ContainsAny(tag, " ") {
		return l
	}
	l.tag, l.text = tag, text
	if name, pid, ok := strings.Cut(tag, "["); ok {
		if n, err := strconv.Atoi(strings.TrimSuffix(pid, "]")); err == nil && n > 0 {
			l.tag, l.pid = name, n
		}
	}
	return l
}

// sshdLog understands what one sshd writes at LogLevel DEBUG2.
type sshdLog struct {
	hello fingerprint.SSHHello
	peer  bool // the lists that follow are the client's
	said  bool // the session event has been made
}

// observe returns the event that a line tells of, "" for none.
func (l *sshdLog) observe(text string) (typ string, fields []decnet.Field) {
	text = strings.TrimSuffix(text, " [preauth]")
	if rest, ok := strings.CutPrefix(text, "debug1: "); ok {
		return l.debug(rest)
	}
	if rest, ok := strings.CutPrefix(text, "debug2: "); ok {
		return l.proposal(rest)
	}
	if rest, ok := strings.CutPrefix(text, "Starting session: "); ok {
		what, _, _ := strings.Cut(rest, " for ")
		if name, ok := strings.CutPrefix(what, "subsystem '"); ok {
			return "subsystem", []decnet.Field{decnet.F("name", strings.TrimSuffix(name, "'"))}
		}
		return "", nil
	}
	return keyAttempt(text)
}

func (l *sshdLog) debug(text string) (string, []decnet.Field) {
	const version = "Remote protocol version "
	if rest, ok := strings.CutPrefix(text, version); ok {
		protocol, software, _ := strings.Cut(rest, ", remote software version ")
		l.hello.Banner = []byte("SSH-" + protocol + "-" + software)
		return "", nil
	}
	if rest, ok := strings.CutPrefix(text, "server_request_direct_tcpip: originator "); ok {
		origin, target, ok := strings.Cut(rest, ", target ")
		originHost, originPort, ok2 := strings.Cut(origin, " port ")
		host, port, ok3 := strings.Cut(target, " port ")
		if ok && ok2 && ok3 {
			return "forward_request", []decnet.Field{
				decnet.F("kind", "direct-tcpip"), decnet.F("dst_host", host), decnet.F("dst_port", port),
				decnet.F("origin_host", originHost), decnet.F("origin_port", originPort),
			}
		}
	}
	return "", nil
}

// proposal gathers the lists of the client's KEXINIT.
func (l *sshdLog) proposal(text string) (string, []decnet.Field) {
	switch text {
	case "local server KEXINIT proposal":
		l.peer = false
		return "", nil
	case "peer client KEXINIT proposal":
		l.peer = true
		return "", nil
	}
	name, list, ok := strings.Cut(text, ": ")
	if !ok || !l.peer || l.said {
		return "", nil
	}
	lists := map[string]*[]byte{
		"KEX algorithms": &l.hello.Kex, "host key algorithms": &l.hello.HostKey, "ciphers ctos": &l.hello.CipherC2S,
		"MACs ctos": &l.hello.MACC2S, "compression ctos": &l.hello.CompC2S,
	}
	if to := lists[name]; to != nil {
		*to = []byte(list)
	}
	if name != "compression stoc" {
		return "", nil
	}
	l.said = true
	return "session", []decnet.Field{
		decnet.F("client_banner", string(l.hello.Banner)), decnet.F("hassh", l.hello.HASSH()),
		decnet.F("hassh_raw", string(l.hello.AppendHASSHRaw(nil))),
		names("kex_algorithms", l.hello.Kex), names("host_key_algorithms", l.hello.HostKey),
		names("ciphers", l.hello.CipherC2S), names("macs", l.hello.MACC2S), names("compression", l.hello.CompC2S),
	}
}

func names(key string, list []byte) decnet.Field {
	items := []string{}
	for name := range bytes.SplitSeq(list, []byte(",")) {
		items = append(items, string(name))
	}
	text, _ := json.Marshal(items) // strings always marshal
	return decnet.F(key, string(text))
}

// keyAttempt understands "Accepted|Failed publickey for [invalid user ]USER from ADDR port
// PORT ssh2: TYPE SHA256:HASH". USER can hold anything, so the last " from " counts.
func keyAttempt(text string) (string, []decnet.Field) {
	outcome := "success"
	rest, ok := strings.CutPrefix(text, "Accepted publickey for ")
	if !ok {
		outcome = "failure"
		rest, ok = strings.CutPrefix(text, "Failed publickey for ")
	}
	at := strings.LastIndex(rest, " from ")
	if !ok || at < 0 {
		return "", nil
	}
	_, key, _ := strings.Cut(rest[at:], " ssh2: ")
	kind, hash, _ := strings.Cut(key, " ")
	return "auth_attempt", []decnet.Field{
		decnet.F("username", strings.TrimPrefix(rest[:at], "invalid user ")), decnet.F("method", "publickey"),
		decnet.F("outcome", outcome), decnet.F("secret_kind", "ssh_publickey"), decnet.F("secret", hash), decnet.F("key_type", kind),
	}
}

// transfer understands the lines of sftp-server at level INFO: `open "PATH" flags F mode M`,
// `remove name "PATH"`, `rename old "PATH" new "PATH"` and their kin.
func transfer(text string) (string, []decnet.Field) {
	request, rest, ok := strings.Cut(text, " ")
	if !ok {
		return "", nil
	}
	switch request {
	case "open", "remove", "mkdir", "rmdir", "rename", "posix-rename", "symlink", "hardlink", "set", "opendir":
	default:
		return "", nil
	}
	fields := []decnet.Field{decnet.F("request", request)}
	for i, key := range []string{"path", "target"} {
		_, after, ok := strings.Cut(rest, `"`)
		end := strings.Index(after, `"`)
		if !ok || end < 0 {
			if i == 0 {
				return "", nil
			}
			break
		}
		fields = append(fields, decnet.F(key, after[:end]))
		rest = after[end+1:]
	}
	return "file_request", fields
}
