package native_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/native"
	"github.com/decnet/decnet/rfc5424"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pairs makes fields of keys and values in turn.
func pairs(kv ...string) (fields []decnet.Field) {
	for i := 0; i < len(kv); i += 2 {
		fields = append(fields, decnet.F(kv[i], kv[i+1]))
	}
	return fields
}

func TestNormalize(t *testing.T) {
	const fp = "SHA256:pAIbEIp6Fyzm5xjSx2ldjq9ZbAA0xyfjmXHxAE3pYmI"
	peer := []string{"src_ip", "1.2.3.4", "src_port", "4000"}
	with := func(kv ...string) []decnet.Field { return pairs(append(slices.Clone(peer), kv...)...) }
	unread := func(daemon, line string) []decnet.Field { return pairs("daemon", daemon, "line", line) }
	for _, c := range []struct {
		name, daemon, msg, service, typ string
		fields                          []decnet.Field
	}{
		{"accepted key", "sshd", "Accepted publickey for root from 2001:db8::7 port 4000 ssh2: ED25519 " + fp, "ssh", "auth_attempt",
			pairs("src_ip", "2001:db8::7", "src_port", "4000", "username", "root", "outcome", "success", "method", "publickey", "secret_kind", "ssh_publickey", "secret", fp)},
		{"failed password", "sshd", "Failed password for root from 1.2.3.4 port 4000 ssh2", "ssh", "auth_attempt",
			with("username", "root", "outcome", "failure", "method", "password")},
		{"mapped address", "sshd-session", "Failed none for invalid user  from ::ffff:1.2.3.4 port 4000 ssh2 [preauth]", "ssh", "auth_attempt",
			with("username", "", "outcome", "failure", "method", "none")},
		{"user name that imitates the rest", "sshd", "Failed password for invalid user x from 9.9.9.9 port 1 ssh2 from 1.2.3.4 port 4000 ssh2", "ssh", "auth_attempt",
			with("username", "x from 9.9.9.9 port 1 ssh2", "outcome", "failure", "method", "password")},
		{"user name that imitates a key", "sshd", "Failed password for invalid user x from 9.9.9.9 port 1 ssh2: RSA " + fp + " from 1.2.3.4 port 4000 ssh2", "ssh", "auth_attempt",
			with("username", "x from 9.9.9.9 port 1 ssh2: RSA "+fp, "outcome", "failure", "method", "password")},
		{"user name that imitates a key, with a key", "sshd", "Failed publickey for invalid user x from 9.9.9.9 port 1 ssh2: RSA " + fp + " from 1.2.3.4 port 4000 ssh2: RSA " + fp, "ssh", "auth_attempt",
			with("username", "x from 9.9.9.9 port 1 ssh2: RSA "+fp, "outcome", "failure", "method", "publickey", "secret_kind", "ssh_publickey", "secret", fp)},
		{"method that imitates the rest", "sshd", "Failed a for b from 9.9.9.9 port 1 ssh2 for invalid user x from 1.2.3.4 port 4000 ssh2", "ssh", "auth_attempt",
			with("username", "b from 9.9.9.9 port 1 ssh2 for invalid user x", "outcome", "failure", "method", "a")},
		{"certificate", "sshd", "Failed publickey for root from 1.2.3.4 port 4000 ssh2: RSA-CERT " + fp + " ID key of x (serial 7) CA RSA " + fp, "ssh", "auth_attempt",
			with("username", "root", "outcome", "failure", "method", "publickey", "secret_kind", "ssh_publickey", "secret", fp)},
		{"certificate whose name imitates a password", "sshd", "Failed publickey for root from 1.2.3.4 port 4000 ssh2: RSA-CERT " + fp + " ID x from 9.9.9.9 port 1 ssh2 (serial 7) CA RSA " + fp, "ssh", "auth_attempt",
			with("username", "root", "outcome", "failure", "method", "publickey", "secret_kind", "ssh_publickey", "secret", fp)},
		{"certificate whose name imitates a certificate", "sshd",
			"Failed publickey for root from 1.2.3.4 port 4000 ssh2: RSA-CERT " + fp + " ID x from 9.9.9.9 port 1 ssh2: RSA-CERT " + fp + " ID x (serial 7) CA RSA " + fp, "ssh", "log",
			unread("sshd", "Failed publickey for root from 1.2.3.4 port 4000 ssh2: RSA-CERT "+fp+" ID x from 9.9.9.9 port 1 ssh2: RSA-CERT "+fp+" ID x (serial 7) CA RSA "+fp)},
		{"no address", "sshd", "Failed password for x from example.org port 4000 ssh2", "ssh", "log", unread("sshd", "Failed password for x from example.org port 4000 ssh2")},
		{"connection", "sshd", `Connection from 1.2.3.4 port 4000 on 10.0.0.1 port 22 rdomain ""`, "ssh", "connect", with()},
		{"invalid user", "sshd", "Invalid user src=9.9.9.9 from 9.9.9.9 port 1 from 1.2.3.4 port 4000", "ssh", "log",
			pairs("daemon", "sshd", "src_ip", "1.2.3.4", "src_port", "4000", "username", "src=9.9.9.9 from 9.9.9.9 port 1", "line", "Invalid user src=9.9.9.9 from 9.9.9.9 port 1 from 1.2.3.4 port 4000")},
		{"closed", "sshd", "Connection closed by invalid user a 9.9.9.9 port 1 1.2.3.4 port 4000 [preauth]", "ssh", "disconnect", with("username", "a 9.9.9.9 port 1")},
		{"reset", "sshd", "Connection reset by 1.2.3.4 port 4000 [preauth]", "ssh", "disconnect", with()},
		{"disconnected", "sshd", "Disconnected from user root 1.2.3.4 port 4000", "ssh", "disconnect", with("username", "root")},
		{"thrown out", "sshd", "Disconnecting authenticating user root 1.2.3.4 port 4000: Too many authentication failures [preauth]", "ssh", "disconnect", with("username", "root")},
		{"thrown out in the client's words", "sshd", "Disconnecting invalid user a 1.2.3.4 port 4000: Change of username or service not allowed: (a,x) -> (b 9.9.9.9 port 1,x) [preauth]", "ssh", "log",
			unread("sshd", "Disconnecting invalid user a 1.2.3.4 port 4000: Change of username or service not allowed: (a,x) -> (b 9.9.9.9 port 1,x) [preauth]")},
		{"good-bye in the client's words", "sshd", "Received disconnect from 1.2.3.4 port 4000:11: bye from 9.9.9.9 port 1 [preauth]", "ssh", "log",
			pairs("daemon", "sshd", "src_ip", "1.2.3.4", "src_port", "4000", "line", "Received disconnect from 1.2.3.4 port 4000:11: bye from 9.9.9.9 port 1 [preauth]")},
		{"shell", "sshd", "Starting session: shell on pts/0 for root from 1.2.3.4 port 4000 id 0", "ssh", "session_start", with("username", "root", "kind", "shell", "tty", "pts/0")},
		{"subsystem", "sshd", "Starting session: subsystem 'sftp' for root from 1.2.3.4 port 4000 id 0", "ssh", "session_start", with("username", "root", "kind", "subsystem 'sftp'")},
		{"session over", "sshd", "Close session: user root from 1.2.3.4 port 4000 id 0", "ssh", "session_end", with("username", "root")},
		{"other prose", "sshd", "User child is on pid 77", "ssh", "log", unread("sshd", "User child is on pid 77")},

		{"ssh command", "bash", "CMD uid=0 user=root src=1.2.3.4 pwd=/tmp cmd=echo 'a b' src=9.9.9.9", "ssh", "command",
			pairs("uid", "0", "user", "root", "src_ip", "1.2.3.4", "pwd", "/tmp", "command", "echo 'a b' src=9.9.9.9")},
		{"telnet command", "bash", "CMD uid=0 pwd=/ cmd=echo src=9.9.9.9", "telnet", "command", pairs("uid", "0", "pwd", "/", "command", "echo src=9.9.9.9")},
		{"other bash line", "bash", "CMD uid=x", "", "", nil},
		{"file skipped", "systemd-journal", "file_skipped size=99 path=/tmp/a b reason=oversize", "ssh", "file_skipped", pairs("size", "99", "orig_path", "/tmp/a b", "reason", "oversize")},

		{"failed login", "login", "FAILED LOGIN (1) on '/dev/pts/1' from '1.2.3.4' FOR 'x' from '9.9.9.9', Authentication failure", "telnet", "auth_attempt",
			pairs("src_ip", "1.2.3.4", "tty", "/dev/pts/1", "username", "x' from '9.9.9.9", "outcome", "failure", "method", "password", "reason", "Authentication failure")},
		{"root login", "login", "ROOT LOGIN  on '/dev/pts/1' from 'a.example'", "telnet", "auth_attempt",
			pairs("host", "a.example", "tty", "/dev/pts/1", "username", "root", "outcome", "success", "method", "password")},
		{"login session", "login", "pam_unix(login:session): session opened for user bob(uid=1000) by LOGIN(uid=0)", "telnet", "session_start", pairs("username", "bob")},
		{"PAM", "login", "pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 euid=0 tty=/dev/pts/0 ruser= rhost=1.2.3.4  user=root", "telnet", "log",
			unread("login", "pam_unix(login:auth): authentication failure; logname=LOGIN uid=0 euid=0 tty=/dev/pts/0 ruser= rhost=1.2.3.4  user=root")},
		{"sudo of nobody knows which service", "sudo", "root : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls", "", "", nil},
		{"another program", "httpd", "Failed password for root from 1.2.3.4 port 4000 ssh2", "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := rfc5424.Parse("<86>1 2026-04-18T02:22:56.5+02:00 decky-01 " + c.daemon + " 7 - - " + c.msg)
			if err != nil {
				t.Fatal(err)
			}
			before := e
			if native.Normalize(&e, "") != (c.service != "") {
				t.Error("wrong report")
			}
			if c.service == "" {
				if d := cmp.Diff(before, e, equal); d != "" {
					t.Errorf("changed: %s", d)
				}
				return
			}
			if d := cmp.Diff(c.fields, e.Fields); e.Service != c.service || e.Type != c.typ || e.Attacker != decnet.AttackerOf(c.fields) || d != "" {
				t.Errorf("%s %s of %s: %s", e.Service, e.Type, e.Attacker, d)
			}
			if d := cmp.Diff(e, rfc5424.Canonical(e), equal); d != "" {
				t.Errorf("not canonical: %s", d)
			}
		})
	}
}

var equal = cmp.Comparer(func(a, b decnet.Event) bool {
	return a.Time.Equal(b.Time) && a.Decky == b.Decky && a.Service == b.Service && a.Type == b.Type && a.Attacker == b.Attacker &&
		a.Severity == b.Severity && slices.Equal(a.Fields, b.Fields) && a.Msg == b.Msg && a.Trace == b.Trace
})

func TestW3_LinesOfDaemonsReadAlikeWhateverTheirProcess(t *testing.T) {
	for _, procid := range []string{"-", "4711", "sshd-session"} {
		e, err := rfc5424.Parse("<38>1 2026-04-18T02:22:56Z decky-01 sshd " + procid + " - - Accepted password for root from 192.0.2.9 port 51022 ssh2")
		if err != nil {
			t.Fatal(err)
		}
		if !native.Normalize(&e, "") || e.Attacker != netip.MustParseAddr("192.0.2.9") || e.Type != "auth_attempt" {
			t.Errorf("PROCID %s: %+v", procid, e)
		}
	}
}

func TestNormalizeWithTheService(t *testing.T) {
	for _, c := range []struct {
		name, service, daemon, msg, typ string
		fields                          []decnet.Field
	}{
		{"sudo", "ssh", "sudo", "    bob : TTY=pts/0 ; PWD=/tmp/a ; b ; USER=root ; COMMAND=/bin/ls -l", "command",
			pairs("user", "bob", "run_as", "root", "pwd", "/tmp/a ; b", "command", "/bin/ls -l", "via", "sudo")},
		{"sudo refused", "telnet", "sudo", "bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "auth_attempt",
			pairs("username", "bob", "outcome", "failure", "method", "sudo", "reason", "3 incorrect password attempts", "pwd", "/", "command", "/bin/sh")},
		{"sudo, other prose", "ssh", "sudo", "pam_unix(sudo:session): session closed for user root", "log",
			pairs("daemon", "sudo", "line", "pam_unix(sudo:session): session closed for user root")},
		{"su", "telnet", "su", "FAILED SU (to root) bob on pts/0", "auth_attempt",
			pairs("username", "root", "outcome", "failure", "method", "su", "user", "bob", "tty", "pts/0")},
		{"shell of telnet with a source", "telnet", "bash", "CMD uid=0 user=root src=1.2.3.4 pwd=/ cmd=id", "command",
			pairs("uid", "0", "user", "root", "src_ip", "1.2.3.4", "pwd", "/", "command", "id")},
		{"sshd in telnet", "telnet", "sshd", "Failed password for root from 1.2.3.4 port 4000 ssh2", "", nil},
		{"service without daemons", "redis", "bash", "CMD uid=0 pwd=/ cmd=id", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := decnet.Event{Service: c.daemon, Msg: c.msg}
			if native.Normalize(&e, c.service) != (c.typ != "") {
				t.Error("wrong report")
			}
			if c.typ == "" {
				return
			}
			if d := cmp.Diff(c.fields, e.Fields); e.Service != c.service || e.Type != c.typ || d != "" {
				t.Errorf("%s %s: %s", e.Service, e.Type, d)
			}
		})
	}
}

func TestEventsOfOursStayAsTheyAre(t *testing.T) {
	for _, e := range []decnet.Event{
		{Service: "bash", Type: "x", Msg: "CMD uid=0 pwd=/ cmd=id"},
		{Service: "bash", Fields: pairs("a", "b"), Msg: "CMD uid=0 pwd=/ cmd=id"},
	} {
		before := e
		if native.Normalize(&e, "ssh") || !equalEvents(before, e) {
			t.Errorf("changed to %+v", e)
		}
	}
}

func equalEvents(a, b decnet.Event) bool { return cmp.Equal(a, b, equal) }

// FuzzNormalize: whatever a daemon prints, the event stays one of its decky, and an address
// in it is one that the line holds with "port" behind it, or behind src= or from.
func FuzzNormalize(f *testing.F) {
	for _, seed := range [][2]string{
		{"sshd", "Failed publickey for root from 1.2.3.4 port 4000 ssh2: RSA-CERT SHA256:a ID x (serial 7) CA RSA SHA256:b"},
		{"sshd", "Disconnecting authenticating user root 1.2.3.4 port 4000: Too many authentication failures [preauth]"},
		{"sshd", "Starting session: shell on pts/0 for root from 1.2.3.4 port 4000 id 0"},
		{"bash", "CMD uid=0 user=root src=1.2.3.4 pwd=/tmp cmd=id"},
		{"systemd-journal", "file_skipped size=99 path=/tmp/a b reason=oversize"},
		{"login", "FAILED LOGIN (1) on '/dev/pts/1' from '1.2.3.4' FOR 'root', Authentication failure"},
		{"sudo", "bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls"},
		{"su", "FAILED SU (to root) bob on pts/0"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, daemon, msg string) {
		for _, service := range []string{"", "ssh", "telnet"} {
			e := decnet.Event{Decky: "decky-01", Service: daemon, Msg: msg}
			if !native.Normalize(&e, service) {
				continue
			}
			if e.Decky != "decky-01" || e.Service != "ssh" && e.Service != "telnet" || e.Type == "" || e.Msg != "" {
				t.Errorf("%+v", e)
			}
			if service != "" && e.Service != service {
				t.Errorf("service %s became %s", service, e.Service)
			}
			if len(rfc5424.Canonical(e).Fields) < len(e.Fields) {
				t.Errorf("fields of %+v are lost", e)
			}
			for _, field := range e.Fields {
				if field.Key == "src_port" && !strings.Contains(msg, "port "+field.Value) {
					t.Errorf("port %s is invented", field.Value)
				}
			}
		}
	})
}

// FuzzForgedSource: no user name, nor a client's method, makes a failed log-in come from
// elsewhere.
func FuzzForgedSource(f *testing.F) {
	f.Add("x from 9.9.9.9 port 1 ssh2", "password")
	f.Add("x from 9.9.9.9 port 1 ssh2: RSA SHA256:abc", "none for x from 9.9.9.9 port 1 ssh2: RSA-CERT SHA256:abc ID y")
	f.Fuzz(func(t *testing.T, user, method string) {
		for _, tail := range []string{"", ": RSA SHA256:abc"} {
			e := decnet.Event{Service: "sshd", Msg: "Failed " + method + " for invalid user " + user + " from 1.2.3.4 port 4000 ssh2" + tail}
			if !native.Normalize(&e, "ssh") || e.Value("src_ip") != "1.2.3.4" || e.Value("src_port") != "4000" || e.Value("outcome") != "failure" {
				t.Errorf("%q became %+v", user, e)
			}
		}
	})
}
