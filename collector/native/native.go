// Package native translates the prose of daemons that know nothing of events (sshd, login,
// sudo, su, the shell and the file watcher of a decky with a real system) to the one
// vocabulary of events.
//
//	e, err := rfc5424.Parse(line)
//	if err == nil {
//		native.Normalize(&e, "ssh")
//	}
//
// Names that attackers choose are part of that prose: of users, of keys, of directories. An
// address is therefore taken only from where no text of theirs can be, which for most
// lines is the right end; a line in which two places could be it names nobody.
package native

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/decnet/decnet"
)

// daemons lists the programs whose lines belong to a service.
var daemons = map[string][]string{
	"ssh":    {"sshd", "sshd-session", "bash", "sudo", "su", "login", "systemd-journal"},
	"telnet": {"login", "telnetd", "in.telnetd", "bash", "sudo", "su"},
}

// DaemonOf reports whether program is one whose lines belong to service.
func DaemonOf(program, service string) bool { return slices.Contains(daemons[service], program) }

// Normalize translates e when it is a line of a daemon of service: a program in the field
// Service, no type and no fields, prose in Msg. Without a service ("") the line itself must
// tell which it belongs to. It reports whether e was such a line; the Service of e is
// service then, and its type one of
//
//   - auth_attempt: src_ip, src_port, username, outcome, method; for a key also
//     secret_kind and secret;
//   - command: uid, user, src_ip, pwd, command from the shell; user, run_as, pwd,
//     command and via from sudo;
//   - connect, disconnect: src_ip, src_port, username where it is told;
//   - session_start, session_end: src_ip, src_port, username, kind, tty;
//   - file_skipped: size, orig_path, reason;
//   - log, for everything else: daemon, line, and src_ip, src_port and username where
//     they are beyond doubt.
//
// Fields that the line does not tell are missing.
func Normalize(e *decnet.Event, service string) bool {
	if e.Type != "" || len(e.Fields) > 0 || service != "" && !DaemonOf(e.Service, service) {
		return false
	}
	var typ string
	var fields []decnet.Field
	from := service // what the line says of it
	switch e.Service {
	case "bash":
		from, fields = shellCommand(e.Msg)
		typ = "command"
	case "sshd", "sshd-session":
		from = "ssh"
		typ, fields = sshd(e.Msg)
	case "systemd-journal":
		from, typ = "ssh", "file_skipped"
		fields = skippedFile(e.Msg)
	case "login", "telnetd", "in.telnetd":
		from = "telnet"
		typ, fields = login(e.Msg)
	case "sudo":
		typ, fields = sudo(e.Msg)
	case "su":
		typ, fields = su(e.Msg)
	default:
		return false
	}
	if service == "" {
		service = from
	}
	if service == "" {
		return false
	}
	if fields == nil || typ == "" {
		typ = "log"
		fields = append([]decnet.Field{decnet.F("daemon", e.Service)}, append(fields, decnet.F("line", e.Msg))...)
	}
	e.Service, e.Type, e.Fields, e.Msg = service, typ, fields, ""
	e.Attacker = decnet.AttackerOf(fields)
	return true
}

// origin returns src_ip and src_port; nil unless both are what they should be.
func origin(addr, port string) []decnet.Field {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" || len(port) == 0 || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
		return nil
	}
	return []decnet.Field{decnet.F("src_ip", a.Unmap().String()), decnet.F("src_port", port)}
}

// atEnd takes "ADDR port PORT" from the end of text, and returns what is before it.
func atEnd(text string) (before string, peer []decnet.Field) {
	rest, port, ok := cutLast(text, " ")
	rest, word, ok2 := cutLast(rest, " ")
	if !ok || !ok2 || word != "port" {
		return text, nil
	}
	before, addr, ok := cutLast(rest, " ")
	if !ok {
		before, addr = "", rest
	}
	if peer = origin(addr, port); peer == nil {
		return text, nil
	}
	return before, peer
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
