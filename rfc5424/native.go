package rfc5424

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// Native translates a line of a daemon that writes prose (sshd, and the shell and the
// file watcher of a real-system decky) to the vocabulary of events:
//
//   - bash: "CMD uid=… user=… src=… pwd=… cmd=…" becomes command of service ssh with the
//     fields uid, user, src_ip, pwd and command; without user and src of service telnet;
//   - sshd: accepted and failed log-ins become auth_attempt of service ssh with src_ip,
//     src_port, username, outcome and method;
//   - systemd-journal: "file_skipped size=… path=… reason=…" becomes file_skipped of
//     service ssh with size, orig_path and reason.
//
// It reports whether e was such a line. Other prose of sshd stays as it is, but loses an
// attacker that was guessed from it: user names in it are the attacker's own text.
func Native(e *decnet.Event) bool {
	if e.Type != "" || len(e.Fields) > 0 {
		return false
	}
	var fields []decnet.Field
	service, typ := "ssh", ""
	switch e.Service {
	case "bash":
		service, fields = shellCommand(e.Msg)
		typ = "command"
	case "sshd":
		fields = login(e.Msg)
		typ = "auth_attempt"
		if fields == nil {
			e.Attacker = netip.Addr{}
		}
	case "systemd-journal":
		fields = skippedFile(e.Msg)
		typ = "file_skipped"
	}
	if fields == nil {
		return false
	}
	e.Service, e.Type, e.Fields, e.Msg = service, typ, fields, ""
	e.Attacker = decnet.AttackerOf(fields)
	return true
}

func shellCommand(msg string) (service string, fields []decnet.Field) {
	rest, ok := strings.CutPrefix(msg, "CMD uid=")
	if !ok {
		return "", nil
	}
	uid, rest, _ := strings.Cut(rest, " ")
	if _, err := strconv.ParseUint(uid, 10, 32); err != nil {
		return "", nil
	}
	fields = []decnet.Field{decnet.F("uid", uid)}
	service = "telnet"
	if after, ok := strings.CutPrefix(rest, "user="); ok {
		user, after, ok := strings.Cut(after, " src=")
		src, after, ok2 := strings.Cut(after, " ")
		if !ok || !ok2 {
			return "", nil
		}
		service, rest = "ssh", after
		fields = append(fields, decnet.F("user", user), decnet.F("src_ip", src))
	}
	rest, ok = strings.CutPrefix(rest, "pwd=")
	pwd, command, ok2 := strings.Cut(rest, " cmd=")
	if !ok || !ok2 {
		return "", nil
	}
	return service, append(fields, decnet.F("pwd", pwd), decnet.F("command", command))
}

// login understands "Accepted|Failed METHOD for [invalid user ]USER from ADDR port PORT
// ssh2[: KEY]". USER can hold anything, so the address is the last one of that shape.
func login(msg string) []decnet.Field {
	outcome := ""
	rest, ok := strings.CutPrefix(msg, "Accepted ")
	if ok {
		outcome = "success"
	} else if rest, ok = strings.CutPrefix(msg, "Failed "); ok {
		outcome = "failure"
	}
	method, rest, ok2 := strings.Cut(rest, " for ")
	at := strings.LastIndex(rest, " from ")
	if !ok || !ok2 || at < 0 || strings.Contains(method, " ") {
		return nil
	}
	user, from := strings.TrimPrefix(rest[:at], "invalid user "), strings.Fields(rest[at+len(" from "):])
	if len(from) < 4 || from[1] != "port" || strings.TrimSuffix(from[3], ":") != "ssh2" {
		return nil
	}
	addr, err := netip.ParseAddr(from[0])
	if err != nil {
		return nil
	}
	if _, err := strconv.ParseUint(from[2], 10, 16); err != nil {
		return nil
	}
	return []decnet.Field{
		decnet.F("src_ip", addr.Unmap().String()), decnet.F("src_port", from[2]),
		decnet.F("username", user), decnet.F("outcome", outcome), decnet.F("method", method),
	}
}

func skippedFile(msg string) []decnet.Field {
	rest, ok := strings.CutPrefix(msg, "file_skipped size=")
	size, rest, ok2 := strings.Cut(rest, " path=")
	at := strings.LastIndex(rest, " reason=")
	if !ok || !ok2 || at < 0 {
		return nil
	}
	return []decnet.Field{
		decnet.F("size", size), decnet.F("orig_path", rest[:at]), decnet.F("reason", rest[at+len(" reason="):]),
	}
}
