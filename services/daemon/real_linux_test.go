package daemon_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/capture"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/internal/enginetest"
)

// realFleet has two deckies, the first with both daemons.
const realFleet = `[vault]
ip = 10.99.0.11
ip6 = fd99::11
services = ssh, telnet
[vault.ssh]
daemon = real
password = letmein
users = deploy:s3cret
[vault.telnet]
daemon = real
password = letmein
accept = any
tries = 2
[annex]
ip = 10.99.0.12
services = ssh, hello
[annex.ssh]
daemon = real
accept = nobody
[custom-hello]
binary = example/hello:1
exec = /usr/bin/perl /hello.pl "as asked"
ports = 8080
`

// helloImage is the image of an operator: a server that answers with its argument.
const (
	helloImage  = "FROM " + enginetest.Base + "\nCOPY hello.pl /hello.pl\n"
	helloScript = `use IO::Socket::INET;
my $l = IO::Socket::INET->new(LocalPort => 8080, Listen => 5, ReuseAddr => 1) or die;
while (my $c = $l->accept) { sysread $c, my $request, 4096; print $c "HTTP/1.0 200 OK\r\n\r\nhello $ARGV[0]\n"; close $c }
`
)

const (
	vault, annex = "10.99.0.11", "10.99.0.12"

	vault6 = "fd99::11"
)

// TestRealDaemons attacks real daemons on a LAN. Its parts share one deployment.
func TestRealDaemons(t *testing.T) {
	l := newLab(t, realFleet)
	for _, at := range [][2]string{{vault, "22"}, {vault, "23"}, {annex, "22"}} {
		l.ready(t, at[0], at[1])
	}
	for _, part := range []struct {
		name string
		test func(*testing.T, *lab)
	}{
		{"ssh log-ins", sshLogins},
		{"commands", commands},
		{"transfers", transfers},
		{"IPv6", overIPv6},
		{"telnet", telnetSession},
		{"brute force", bruteForce},
		{"two deckies share nothing", nothingShared},
		{"captured files", capturedFiles},
		{"other shells", otherShells},
		{"a custom service is an image", customService},
		{"as Debian's own sshd", likeDebian},
		{"TestW18_AnIntruderFindsNothingOfOurs", nothingOfOurs},
		{"TestW18_AnIntruderCannotForge", noForgery},
		{"TestW18_CommandsAreOfTheConnectionThatRunsThem", noOtherName},
		{"TestW17_WhatAnIntruderTakesIsBounded", bounded},
		{"a restart forgets", forgets},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, l) })
	}
}

func sshLogins(t *testing.T, l *lab) {
	const c = "vault-ssh"
	if out := l.ssh(t, "letmein", "", "ssh", "root@"+vault, "id -u"); out != "0\n" {
		t.Errorf("root is let in: %q", out)
	}
	e := l.wait(t, c, "auth_attempt", "username", "root", "password", "letmein", "outcome", "success", "method", "password")
	if e.Attacker.String() != "10.99.0.50" || e.Decky != "vault" || e.Service != "ssh" || e.Value("src_port") == "" {
		t.Errorf("%+v", e)
	}
	if e := l.wait(t, c, "session"); len(e.Value("hassh")) != 32 || !strings.HasPrefix(e.Value("client_banner"), "SSH-2.0-OpenSSH_") {
		t.Errorf("the client is %q, %q", e.Value("client_banner"), e.Value("hassh"))
	}
	if e := l.wait(t, c, "disconnect"); e.Value("bytes_out") == "0" {
		t.Errorf("%v", e.Fields)
	}
	for _, try := range []struct{ user, password string }{
		{"root", "wrong"}, {"nobody-knows", "the true one"}, {"deploy", "x ]\\\"="}, {"daemon", "locked"},
	} {
		if out := l.ssh(t, try.password, "", "ssh", try.user+"@"+vault, "id"); !strings.Contains(out, "Permission denied") {
			t.Errorf("%s with %q: %q", try.user, try.password, out)
		}
		l.wait(t, c, "auth_attempt", "username", try.user, "password", try.password, "outcome", "failure")
	}
	l.ssh(t, "bytes\xff\x01", "", "ssh", "root@"+vault, "id")
	l.wait(t, c, "auth_attempt", "password_b64", base64.StdEncoding.EncodeToString([]byte("bytes\xff\x01")))
	if out := l.ssh(t, "s3cret", "", "ssh", "deploy@"+vault, "id -un; getent passwd nobody-knows || echo unknown"); out != "deploy\nunknown\n" {
		t.Errorf("an account of the persona: %q", out)
	}
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.ssh(t, "", "", "ssh", "-i", key, "-o", "BatchMode=yes", "admin@"+vault)
	if e := l.wait(t, c, "auth_attempt", "username", "admin", "method", "publickey", "outcome", "failure"); !strings.HasPrefix(e.Value("secret"), "SHA256:") {
		t.Errorf("%v", e.Fields)
	}
	if out := l.ssh(t, "letmein", "", "ssh", "root@"+annex, "id"); !strings.Contains(out, "Permission denied") {
		t.Errorf("accept=nobody lets in: %q", out)
	}
	l.wait(t, "annex-ssh", "auth_attempt", "username", "root", "password", "letmein", "outcome", "failure")
}

func commands(t *testing.T, l *lab) {
	const c = "vault-ssh"
	l.ssh(t, "letmein", "", "ssh", "root@"+vault, "cd /tmp && echo 'a  b'")
	l.wait(t, c, "command", "command", "cd /tmp && echo 'a  b'", "uid", "0", "user", "root", "pwd", "/root", "src_ip", "10.99.0.50")
	behind := "/usr/lib/openssh/sftp-server -f AUTH -l INFO </dev/null; id -g"
	l.ssh(t, "letmein", "", "ssh", "root@"+vault, behind)
	l.wait(t, c, "command", "command", behind)
	typed := []string{"uname -a", "unset HISTFILE PROMPT_COMMAND", "for i in 1 2; do echo $i; done", "(id)", "cd /var", "ls  / | wc", "set +o history", "whoami", "exit"}
	l.ssh(t, "letmein", strings.Join(typed, "\n")+"\n", "ssh", "-tt", "root@"+vault)
	for _, line := range typed {
		l.wait(t, c, "command", "command", line)
	}
	l.wait(t, c, "command", "command", "ls  / | wc", "pwd", "/var")
	for _, e := range l.events(t, c) {
		if strings.Contains(e.Value("command"), "__acct") {
			t.Errorf("the hook reports itself: %q", e.Value("command"))
		}
	}
	l.ssh(t, "letmein", "", "ssh", "-o", "ExitOnForwardFailure=yes", "-W", "127.0.0.1:3306", "root@"+vault)
	l.wait(t, c, "forward_request", "dst_host", "127.0.0.1", "dst_port", "3306")
}

func transfers(t *testing.T, l *lab) {
	const c = "vault-ssh"
	file := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.ssh(t, "letmein", "", "scp", file, "root@"+vault+":/tmp/by-sftp")
	l.wait(t, c, "subsystem", "name", "sftp")
	l.wait(t, c, "file_request", "request", "open", "path", "/tmp/by-sftp")
	l.ssh(t, "letmein", "", "scp", "-O", file, "root@"+vault+":/tmp/by-scp")
	l.wait(t, c, "command", "command", "scp -t /tmp/by-scp")
	if out := l.ssh(t, "letmein", "", "ssh", "root@"+vault, "cat /tmp/by-sftp /tmp/by-scp"); strings.Count(out, "echo") != 2 {
		t.Errorf("the files hold %q", out)
	}
	for _, e := range l.events(t, c) {
		if e.Value("command") == "/usr/lib/openssh/sftp-server -f AUTH -l INFO" {
			t.Errorf("the subsystem is told as a command too: %+v", e)
		}
	}
}

// telnetSession speaks to telnetd with the client of Debian.
func telnetSession(t *testing.T, l *lab) {
	const c = "vault-telnet"
	out := telnetDialogue(t, l, vault, `expect "login: "; send "ghost\r"; expect "assword: "; send "boo\r"; expect "incorrect"
expect "login: "; send "root\r"; expect "assword: "; send "letmein\r"; expect "# "
send "cat /etc/issue.net\r"; expect "# "; send "exit\r"; expect eof
`)
	if !strings.Contains(out, "Debian GNU/Linux 12") {
		t.Errorf("%s", out)
	}
	l.wait(t, c, "auth_attempt", "username", "ghost", "password", "boo", "outcome", "failure", "src_ip", "10.99.0.50")
	l.wait(t, c, "auth_attempt", "username", "root", "password", "letmein", "outcome", "success")
	e := l.wait(t, c, "command", "command", "cat /etc/issue.net", "src_ip", "10.99.0.50")
	if e.Decky != "vault" || e.Service != "telnet" {
		t.Errorf("W23: the event is of %s, %s", e.Decky, e.Service)
	}
	l.wait(t, c, "command", "command", "exit")
}

// telnetDialogue has expect(1) speak to telnetd through the client of Debian.
func telnetDialogue(t *testing.T, l *lab, addr, text string) string {
	t.Helper()
	return expect(t, l, "spawn telnet "+addr+"\n"+text)
}

// expect runs a script of expect(1) on the attacker's machine.
func expect(t *testing.T, l *lab, text string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "dialogue.exp")
	if err := os.WriteFile(script, []byte("set timeout 80\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := l.lan.Attacker(ctx, "expect", script).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

// bruteForce has accept=any let a real cracker in.
func bruteForce(t *testing.T, l *lab) {
	list := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(list, []byte("one1\ntwo2\nthree3\nfour4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := l.lan.Attacker(ctx, "hydra", "-t", "2", "-l", "root", "-P", list, "ssh://"+vault).CombinedOutput()
	if err != nil {
		t.Fatalf("hydra: %v: %s", err, out)
	}
	for _, p := range []string{"one1", "two2", "three3", "four4"} {
		l.wait(t, "vault-ssh", "auth_attempt", "username", "root", "password", p, "outcome", "failure")
	}
	telnetDialogue(t, l, vault, `expect "login: "; send "root\r"; expect "assword: "; send "one1\r"; expect "incorrect"
expect "login: "; send "root\r"; expect "assword: "; send "two2\r"; expect "# "; send "exit\r"; expect eof
`)
	l.wait(t, "vault-telnet", "auth_attempt", "username", "root", "password", "two2", "outcome", "success")
}

// overIPv6 attacks the same daemons over IPv6.
func overIPv6(t *testing.T, l *lab) {
	if out := l.ssh(t, "letmein", "", "ssh", "-6", "root@"+vault6, "echo $SSH_CLIENT"); !strings.HasPrefix(out, enginetest.AttackerAddr6+" ") {
		t.Errorf("sshd sees %q", out)
	}
	from := []string{"src_ip", enginetest.AttackerAddr6}
	if e := l.wait(t, "vault-ssh", "connect", from...); e.Value("dst_ip") != vault6 || e.Value("dst_port") != "22" {
		t.Errorf("%v", e.Fields)
	}
	for typ, fields := range map[string][]string{
		"session": nil, "auth_attempt": {"username", "root", "password", "letmein", "outcome", "success"}, "command": {"command", "echo $SSH_CLIENT"}, "disconnect": nil,
	} {
		if e := l.wait(t, "vault-ssh", typ, append(fields, from...)...); e.Attacker.String() != enginetest.AttackerAddr6 {
			t.Errorf("%+v", e)
		}
	}
	telnetDialogue(t, l, vault6, `expect "login: "; send "six\r"; expect "assword: "; send "boo\r"; expect "incorrect"
expect "login: "; send "root\r"; expect "assword: "; send "letmein\r"; expect "# "; send "echo of six\r"; expect "# "; send "exit\r"; expect eof
`)
	l.wait(t, "vault-telnet", "auth_attempt", append([]string{"username", "six", "password", "boo", "outcome", "failure"}, from...)...)
	l.wait(t, "vault-telnet", "command", append([]string{"command", "echo of six"}, from...)...)
}

// otherShells are those that do not tell what they are given.
func otherShells(t *testing.T, l *lab) {
	vaultSSH := capture.Container{Decky: "vault", Service: "ssh"}
	_, _, seen, stop := l.watched(t, capture.Options{}, vaultSSH)
	seen.until(t, func(i int) {
		l.ssh(t, "letmein", "", "ssh", "root@"+vault, fmt.Sprintf("/bin/true probe %d", i))
	}, "exec")
	var dialogue strings.Builder
	dialogue.WriteString("spawn sshpass -p letmein ssh -tt -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@" + vault + "\n")
	for _, line := range []string{
		"uname -s", "sh", "uname -m", "cd /var; ls -d 'a b' .", "exit", "bash --norc", "id -u", "exit",
		`perl -e 'system("/usr/bin/id", "-g")'`, `printf '#!/bin/sh -e\nid -Gn\n' > /tmp/s.sh; chmod +x /tmp/s.sh`, "/tmp/s.sh of script", "exit",
	} {
		dialogue.WriteString(`expect "# "; send "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, `[`, `\[`).Replace(line) + `\r"` + "\n")
	}
	expect(t, l, dialogue.String()+"expect eof\n")
	from := func(typ, command string, fields ...string) decnet.Event {
		t.Helper()
		e := seen.event(t, typ, append([]string{"command", command, "uid", "0", "src_ip", enginetest.AttackerAddr, "attribution", "pid-chain", "ssh_user", "root"}, fields...)...)
		if e.Decky != "vault" || e.Service != "ssh" || e.Value("src_port") == "" {
			t.Errorf("%+v", e)
		}
		return e
	}
	e := from("command", "uname -m", "shell", "/usr/bin/dash", "exe", "/usr/bin/uname", "argv", `["uname","-m"]`)
	for _, other := range []decnet.Event{
		from("command", "ls -d 'a b' .", "shell", "/usr/bin/dash", "pwd", "/var"),
		from("command", "id -u", "shell", "/usr/bin/bash"),
		from("exec", "uname -s", "by", "/usr/bin/bash"),
		from("exec", "/usr/bin/id -g", "by", "/usr/bin/perl"),
		from("exec", "/tmp/s.sh of script", "exe", "/tmp/s.sh"),
		from("exec", "id -Gn", "by", "/usr/bin/dash"),
	} {
		if other.Value("src_port") != e.Value("src_port") {
			t.Errorf("%v is another connection than %v", other.Fields, e.Fields)
		}
	}
	l.ssh(t, "letmein", "", "scp", "/etc/hostname", "root@"+vault+":/tmp/by-sftp")
	from("exec", "/usr/lib/openssh/sftp-server -f AUTH -l INFO")
	l.ssh(t, "letmein", "", "ssh", "root@"+vault, "usermod -s /bin/sh deploy")
	l.ssh(t, "s3cret", "", "ssh", "deploy@"+vault, "cd /tmp; true")
	if e := seen.event(t, "command", "command", "cd /tmp; true"); e.Value("uid") != "1000" || e.Value("shell") != "/usr/bin/dash" || e.Attacker.String() != enginetest.AttackerAddr {
		t.Errorf("%v", e.Fields)
	}
	l.ssh(t, "letmein", "", "ssh", "root@"+vault, "usermod -s /bin/bash deploy")
	l.Docker(t, "exec", "vault-ssh", "/bin/true", "from the host")
	l.ssh(t, "letmein", "", "ssh", "root@"+vault, "/bin/true after that")
	from("exec", "/bin/true after that")
	stop()
	scripts := 0
	for _, e := range seen.events {
		switch {
		case e.Value("command") == "/bin/true 'from the host'":
			t.Errorf("the operator is reported: %v", e.Fields)
		case e.Type == "capture_failed", strings.Contains(e.Value("exe"), "/usr/lib/systemd/"), strings.Contains(e.Value("exe"), "/ld-linux"):
			t.Errorf("%s: %v", e.Type, e.Fields)
		case e.Type == "command" && e.Value("command") == "uname -s":
			t.Errorf("reported twice: %v", e.Fields)
		case strings.HasPrefix(e.Value("command"), "/tmp/s.sh"):
			scripts++
		}
	}
	if scripts != 1 {
		t.Errorf("the start of a script is reported %d times", scripts)
	}

	_, _, seen, stop = l.watched(t, capture.Options{Programs: 1}, vaultSSH)
	defer stop()
	skipped := seen.until(t, func(int) {
		l.ssh(t, "letmein", "", "ssh", "root@"+vault, "for i in 1 2 3 4 5 6 7 8; do /bin/true; done")
	}, "exec_skipped")
	if e := skipped; e.Value("reason") != "overflow" || e.Value("count") == "" {
		t.Errorf("%v", e.Fields)
	}
}

// noOtherName has root on one connection report commands of another one.
func noOtherName(t *testing.T, l *lab) {
	const c, mine, other = "vault-ssh", ": connection a", ": connection b"
	defer l.session(t, "root", "letmein", other)()
	port := func(command string) string {
		e := l.wait(t, c, "command", "command", command)
		return e.Value("src_port")
	}
	b := port(other + sessionEnd)
	script := mine + `; for p in 1 $(pgrep -f 'connection [b]'); do
logger -p user.info -t "bash[$p]" -- "CMD uid=0 user=root src=10.99.0.50 ` + b + ` pwd=/ cmd=forged by logger"; done
export SSH_CLIENT='10.99.0.50 ` + b + ` 22'; /usr/lib/systemd/systemd-acct -- 'forged by hand'
setsid -f /usr/lib/systemd/systemd-acct -- 'forged by an orphan'; read wait`
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := l.lan.Attacker(ctx, "sshpass", "-p", "letmein", "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "root@"+vault, script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = cmd.Wait() }() // how ssh ends is not what is tested
	a := port(script)
	for _, text := range []string{"forged by hand", "forged by an orphan"} {
		if got := port(text); got != a || a == b {
			t.Errorf("%s is of port %s, where %s did it in the name of %s", text, got, a, b)
		}
	}
	for _, e := range l.events(t, c) {
		if e.Type == "command" && (e.Value("src_port") == b && e.Value("command") != other+sessionEnd || strings.HasSuffix(e.Value("command"), "cmd=forged by logger")) {
			t.Errorf("forged: %v", e.Fields)
		}
	}
}

func nothingShared(t *testing.T, l *lab) {
	scan := func(addr string) string {
		var keys []string
		for line := range strings.Lines(l.lan.Attack(t, "ssh-keyscan", "-T", "60", addr)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == addr {
				keys = append(keys, f[1]+" "+f[2])
			}
		}
		slices.Sort(keys)
		if len(keys) != 3 {
			t.Fatalf("%s has the keys %q", addr, keys)
		}
		return strings.Join(keys, "\n")
	}
	a, b := scan(vault), scan(annex)
	for line := range strings.Lines(a) {
		if strings.Contains(b, strings.TrimSpace(line)) {
			t.Errorf("W44: both have %s", line)
		}
	}
	const leftovers = "cat /root/notes.txt /root/scripts/copy.sh /opt/*/.env"
	if l.Docker(t, "exec", "vault-ssh", "sh", "-c", leftovers) == l.Docker(t, "exec", "annex-ssh", "sh", "-c", leftovers) {
		t.Error("W44: both have the same notes")
	}
	l.Docker(t, "restart", "annex-ssh")
	l.ready(t, annex, "22")
	if scan(annex) != b {
		t.Error("the keys change with a restart")
	}
}

// fixed tells a Watcher of containers that stay.
type fixed []capture.Container

// Watch tells of them until ctx ends.
func (f fixed) Watch(ctx context.Context, set func([]capture.Container)) error {
	set(f)
	<-ctx.Done()
	return ctx.Err()
}

// recorder is a sink that keeps events.
type recorder struct {
	mu     sync.Mutex
	events []decnet.Event
}

func (r *recorder) Emit(e decnet.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// find returns the first event that has all the fields.
func (r *recorder) find(typ string, fields ...string) (decnet.Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.events, func(e decnet.Event) bool { return e.Type == typ && has(e, fields) })
	if i < 0 {
		return decnet.Event{}, false
	}
	return r.events[i], true
}

// event waits for an event that has all the fields.
func (r *recorder) event(t *testing.T, typ string, fields ...string) decnet.Event {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if e, ok := r.find(typ, fields...); ok {
			return e
		}
	}
	t.Fatalf("no %s of %q among %+v", typ, fields, r.events)
	return decnet.Event{}
}

// until does something again and again until it gives an event: what watches is there then.
func (r *recorder) until(t *testing.T, do func(i int), typ string) decnet.Event {
	t.Helper()
	for i := range 200 {
		do(i)
		if e, ok := r.find(typ); ok {
			return e
		}
	}
	t.Fatalf("no %s among %+v", typ, r.events)
	return decnet.Event{}
}

// file waits for the event of a file.
func (r *recorder) file(t *testing.T, typ, path string) decnet.Event {
	t.Helper()
	return r.event(t, typ, "orig_path", path)
}

// pid returns the first process of a container.
func (l *lab) pid(t *testing.T, container string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.State.Pid}}", container)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sessionEnd is what session adds to a script.
const sessionEnd = "; echo ready; read wait; exit 0"

// session opens an ssh session on the attacker's machine that runs a script and then lasts
// until end is called.
func (l *lab) session(t *testing.T, user, password, script string) (end func()) {
	t.Helper()
	at := vault
	if name, six := strings.CutPrefix(user, "-6 "); six {
		user, at = name, vault6
	}
	cmd := l.lan.Attacker(t.Context(), "sshpass", "-p", password, "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", user+"@"+at, script+sessionEnd)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	return func() {
		in.Close()
		_ = cmd.Wait() // how ssh ends is not what is tested
	}
}

// watched watches containers until stop is called.
func (l *lab) watched(t *testing.T, opt capture.Options, containers ...capture.Container) (dir string, files *quarantine.Dir, seen *recorder, stop func()) {
	t.Helper()
	dir = t.TempDir()
	files, err := quarantine.New(dir, quarantine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range containers {
		containers[i].PID = l.pid(t, c.Decky+"-"+c.Service)
	}
	seen = new(recorder)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- capture.New(fixed(containers), files, seen, opt).Run(ctx) }()
	return dir, files, seen, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		files.Close()
	}
}

func capturedFiles(t *testing.T, l *lab) {
	kept, files, seen, stop := l.watched(t, capture.Options{MaxFile: 4 << 20}, capture.Container{Decky: "vault", Service: "ssh"}, capture.Container{Decky: "vault", Service: "telnet"})
	defer stop()
	exact := func(path string, content []byte, how string) decnet.Event {
		t.Helper()
		e := seen.file(t, "file_captured", path)
		sum := sha256.Sum256(content)
		if e.Value("sha256") != hex.EncodeToString(sum[:]) || e.Value("size") != strconv.Itoa(len(content)) || how != "" && e.Value("attribution") != how {
			t.Errorf("%s: %v, want %s", path, e.Fields, how)
		}
		f, err := files.Open("vault", e.Value("stored_as"))
		if err != nil {
			t.Errorf("%s cannot be fetched: %v", path, err)
			return e
		}
		defer f.Close()
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes are not those that were written: %v", path, len(got), err)
		}
		return e
	}
	inside := func(script string) { t.Helper(); l.Docker(t, "exec", "vault-ssh", "sh", "-c", script) }

	// The marks are there when a file that is written again and again is noticed.
	for i := 0; ; i++ {
		inside(fmt.Sprintf("echo probe > /tmp/probe%d", i))
		seen.mu.Lock()
		n := len(seen.events)
		seen.mu.Unlock()
		if n > 0 {
			break
		}
		if i > 200 {
			t.Fatal("nothing is noticed")
		}
	}
	inside("echo nobody > /tmp/of-nobody")
	if e := exact("/tmp/of-nobody", []byte("nobody\n"), "unknown"); e.Attacker.IsValid() || e.Value("writer_pid") == "" {
		t.Errorf("%v", e.Fields)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(l.pid(t, "vault-ssh")) + "/root/run/utmp"); err != nil {
		t.Fatal(err)
	}
	record := make([]byte, 384)
	record[0] = 7
	copy(record[44:], "root")
	copy(record[76:], "10.99.0.77")
	inside("printf %s " + base64.StdEncoding.EncodeToString(record) + " | base64 -d > /run/utmp; echo old > /tmp/of-utmp")
	if e := exact("/tmp/of-utmp", []byte("old\n"), "utmp-only"); e.Attacker.String() != "10.99.0.77" || e.Value("ssh_user") != "root" {
		t.Errorf("%v", e.Fields)
	}
	inside(": > /run/utmp")
	end := l.session(t, "root", "letmein", ":")
	inside("echo one > /tmp/of-one")
	if e := exact("/tmp/of-one", []byte("one\n"), "ss-only"); e.Attacker.String() != "10.99.0.50" || e.Value("src_port") == "" {
		t.Errorf("%v", e.Fields)
	}
	end2 := l.session(t, "root", "letmein", ":")
	inside("echo two > /tmp/of-two")
	exact("/tmp/of-two", []byte("two\n"), "ss-ambiguous")
	end3 := l.session(t, "root", "letmein", "mkdir -p '/tmp/a b'; echo chain > '/tmp/a b/x;\ty'; echo gone > /dev/shm/gone; rm /dev/shm/gone")
	e := exact("/tmp/a b/x;\ty", []byte("chain\n"), "pid-chain")
	if e.Attacker.String() != "10.99.0.50" || e.Value("ssh_user") != "root" || e.Value("ssh_pid") == "" || e.Value("orig_path_b64") == "" || e.Value("writer_comm") != "bash" {
		t.Errorf("%v", e.Fields)
	}
	meta, err := base64.StdEncoding.DecodeString(e.Value("meta_json_b64"))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Captured string           `json:"captured_at"`
		Cmdline  string           `json:"writer_cmdline"`
		Sessions []map[string]any `json:"concurrent_sessions"`
		Peers    []struct {
			PID  int
			IP   string `json:"src_ip"`
			Port int    `json:"src_port"`
		} `json:"ss_snapshot"`
	}
	if err := json.Unmarshal(meta, &m); err != nil || m.Captured == "" || !strings.HasPrefix(m.Cmdline, "bash -c") || len(m.Peers) != 3 {
		t.Errorf("%v: %s", err, meta)
	}
	for _, p := range m.Peers {
		if mine := strconv.Itoa(p.Port) == e.Value("src_port"); p.IP != "10.99.0.50" || mine && strconv.Itoa(p.PID) != e.Value("ssh_pid") {
			t.Errorf("the file of the process %s, and these peers: %s", e.Value("ssh_pid"), meta)
		}
	}
	for i := 0; ; i++ { // the processes of the others are looked for now and then
		name := fmt.Sprintf("/tmp/pids%d", i)
		inside("echo pids > " + name)
		e := exact(name, []byte("pids\n"), "ss-ambiguous")
		meta, err := base64.StdEncoding.DecodeString(e.Value("meta_json_b64"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(meta, &m); err != nil {
			t.Fatal(err)
		}
		pids := make(map[int]bool)
		for _, p := range m.Peers {
			if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.PID)); err == nil && strings.HasPrefix(string(comm), "sshd") {
				pids[p.PID] = true
			}
		}
		if len(pids) == 3 {
			break
		}
		if i == 100 {
			t.Fatalf("the processes of peers are never known: %s", meta)
		}
	}
	exact("/dev/shm/gone", []byte("gone\n"), "pid-chain")
	end6 := l.session(t, "-6 root", "letmein", "echo six > /tmp/of-six")
	if e := exact("/tmp/of-six", []byte("six\n"), "pid-chain"); e.Attacker.String() != enginetest.AttackerAddr6 || e.Value("src_port") == "" {
		t.Errorf("%v", e.Fields)
	}
	end6()
	for _, f := range []func(){end, end2, end3} {
		f()
	}

	content := make([]byte, 300<<10)
	for i := range content {
		content[i] = byte(i * i >> 8)
	}
	local := filepath.Join(t.TempDir(), "dropper")
	if err := os.WriteFile(local, content, 0o600); err != nil {
		t.Fatal(err)
	}
	l.ssh(t, "letmein", "", "scp", local, "root@"+vault+":/root/dropper")
	exact("/root/dropper", content, "") // scp may have gone before the kernel's word is read
	end4 := l.session(t, "deploy", "s3cret", "echo mine > ~/mine")
	defer end4()
	if e := exact("/home/deploy/mine", []byte("mine\n"), "pid-chain"); e.Value("ssh_user") != "deploy" || e.Value("writer_uid") != "1000" {
		t.Errorf("%v", e.Fields)
	}
	inside("head -c 5000000 /dev/zero > /tmp/large2; rm /tmp/large2")
	if e := seen.file(t, "file_skipped", "/tmp/large2"); e.Value("reason") != "oversize" || e.Value("size") != "5000000" {
		t.Errorf("%v", e.Fields)
	}
	telnetDialogue(t, l, vault, `expect "login: "; send "root\r"; expect "assword: "; send "letmein\r"; expect "# "
send "echo over > /tmp/telnet-file\r"; expect "# "
for {set i 0} {$i < 400 && ![file exists "`+filepath.Join(kept, "vault", "telnet")+`"]} {incr i} { after 200 }
send "exit\r"; expect eof
`)
	if e := exact("/tmp/telnet-file", []byte("over\n"), "pid-chain"); e.Service != "telnet" || e.Attacker.String() != "10.99.0.50" {
		t.Errorf("%v", e.Fields)
	}
}

func customService(t *testing.T, l *lab) {
	if out := l.lan.Attack(t, "curl", "-s", "-m", "60", "--retry", "5", "--retry-connrefused", "http://"+annex+":8080/"); out != "hello as asked\n" {
		t.Errorf("the image answers %q", out)
	}
}

// likeDebian compares what scanners say with the sshd of a plain container.
func likeDebian(t *testing.T, l *lab) {
	const twin = "10.99.0.20"
	l.Docker(t, "run", "-d", "--name", "twin", "--network", "lan", "--ip", twin, "--entrypoint", "sh", l.doc.Project.Services["vault-ssh"].Image,
		"-c", "cp -a /usr/share/factory/etc/. /etc/; ssh-keygen -A; mkdir -p /run/sshd; exec /usr/sbin/sshd -D")
	defer l.Docker(t, "rm", "-f", "twin")
	l.ready(t, twin, "22")
	hosts := regexp.MustCompile(`10\.99\.0\.\d+|SHA256:\S+|MD5:\S+|[0-9a-f]{2}(:[0-9a-f]{2}){15}|AAAA\S+|MAC Address:.*|\d+\.\d+s? .*|in \d.*`)
	for _, scan := range [][]string{
		{"ssh-audit", "-n", "-b"},
		{"nmap", "-Pn", "-n", "-p", "22", "-sV", "--script", "ssh2-enum-algos,ssh-auth-methods,sshv1"},
	} {
		ours := hosts.ReplaceAllString(l.lan.Attack(t, scan[0], append(scan[1:], vault)...), "")
		theirs := hosts.ReplaceAllString(l.lan.Attack(t, scan[0], append(scan[1:], twin)...), "")
		if sorted(ours) != sorted(theirs) || len(ours) < 500 {
			t.Errorf("%s tells them apart:\n%s\n---\n%s", scan[0], ours, theirs)
		}
	}
}

// sorted returns a text with its lines in order: the scripts of nmap end in any.
func sorted(text string) string {
	lines := slices.Collect(strings.Lines(strings.ReplaceAll(text, "|_", "| ")))
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// ourWords are those that would tell an intruder where he is.
var ourWords = regexp.MustCompile(`(?i)decnet|decky|deckies|honey.?pot|\bpot\b|\brelay\b|attacker|intruder|decoy`)

func nothingOfOurs(t *testing.T, l *lab) {
	for _, look := range []string{
		"ps auxww", "mount", "env", "set", "cat /proc/1/cmdline /proc/1/comm | tr '\\0' ' '", "cat /proc/1/environ /proc/1/maps 2>&1",
		"ls -laR /proc/1/ 2>&1 | grep -v '^l.*net:'", "find / -xdev 2>/dev/null", "find /etc /root /home /var /run /dev /opt /usr/local",
		"grep -rIliE 'decnet|honey.?pot|decoy' /etc /root /home /run /opt /usr/lib/systemd /usr/share/factory /var/log 2>/dev/null",
		"cat /etc/bash.bashrc /etc/pam.d/* /etc/ssh/sshd_config /etc/ssh/sshd_config.d/* /var/log/*log", "ss -xlnp; ss -tlnp", "cat /proc/net/unix",
	} {
		out := l.ssh(t, "letmein", "", "ssh", "root@"+vault, look)
		for line := range strings.Lines(out) {
			// What the engine's own test directory is called is not in a deployment.
			if found := ourWords.FindString(strings.ReplaceAll(line, "TestRealDaemons", "")); found != "" {
				t.Errorf("%s shows %q in %q", look, found, line)
			}
		}
	}
	if out := l.ssh(t, "letmein", "", "ssh", "root@"+vault, "cat /proc/1/cmdline | tr '\\0' ' '; cat /proc/1/comm"); out != "/sbin/init systemd\n" {
		t.Errorf("the first process is %q", out)
	}
	data, err := exec.CommandContext(t.Context(), "sh", "-c", "DOCKER_HOST="+l.Host+" docker cp vault-ssh:/usr/lib/systemd/systemd - | tar -xO").Output()
	if err != nil || len(data) < 1<<20 {
		t.Fatalf("%d bytes of the first process: %v", len(data), err)
	}
	for _, found := range regexp.MustCompile(`(?i)[ -~]{0,40}(decnet|decky|honey.?pot|relay@|intruder|attacker|decoy)[ -~]{0,40}`).FindAll(data, 20) {
		t.Errorf("the executable has %q", found)
	}
}

func noForgery(t *testing.T, l *lab) {
	const c = "vault-ssh"
	line := `<134>1 2026-01-01T00:00:00.000000+00:00 annex ssh - forged [relay@55555 src_ip="9.9.9.9"]`
	l.ssh(t, "letmein", "", "ssh", "root@"+vault, strings.Join([]string{
		"for f in /proc/1/fd/1 /proc/1/fd/2 /dev/console /dev/log; do echo '" + line + "' > $f; done",
		"logger -p user.info -t bash -- \"CMD uid=0 user=root src=9.9.9.9 pwd=/ cmd=forged\n" + line + "\"",
		"logger -p auth.info -t sshd -- 'Accepted publickey for root from 9.9.9.9 port 1 ssh2: RSA SHA256:x'",
		"kill -9 1; kill -TERM 1; kill -QUIT 1; kill -SEGV 1; kill -ABRT 1; kill -INT 1; kill -HUP 1",
		"rm -f /dev/log /run/nscd/socket; rm -rf /run/systemd; echo done"}, "\n"))
	// The sockets come back, so the next visitor is seen as the first was.
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out := l.Docker(t, "exec", c, "sh", "-c", "ls /dev/log /run/nscd/socket /run/systemd/userdb/* 2>/dev/null | wc -l")
		if strings.TrimSpace(out) == "3" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s of three sockets are back", out)
		}
	}
	l.ssh(t, "after-all", "", "ssh", "phantom@"+vault, "id")
	l.wait(t, c, "auth_attempt", "username", "phantom", "password", "after-all")
	l.ssh(t, "letmein", "", "ssh", "root@"+vault, "echo still here")
	l.wait(t, c, "command", "command", "echo still here")
	for _, e := range l.events(t, c) {
		if e.Decky != "vault" || e.Service != "ssh" || e.Type == "forged" ||
			e.Attacker.String() != enginetest.AttackerAddr && e.Attacker.String() != enginetest.AttackerAddr6 {
			t.Errorf("forged: %s %s %s %v", e.Decky, e.Service, e.Type, e.Fields)
		}
		if e.Type == "auth_attempt" && e.Value("method") == "publickey" && e.Value("outcome") == "success" {
			t.Errorf("a forged log-in: %v", e.Fields)
		}
	}
}

func bounded(t *testing.T, l *lab) {
	out := l.ssh(t, "letmein", "", "ssh", "root@"+vault,
		"for d in /tmp /root /home /opt /srv /etc /usr/local /dev/shm; do head -c 300000000 /dev/zero > $d/fill 2>/dev/null; du -sm $d/fill | cut -f1; rm -f $d/fill; done; touch /usr/bin/x")
	total := 0
	for f := range strings.FieldsSeq(out) {
		if n, err := strconv.Atoi(f); err == nil {
			total += n
		}
	}
	if total == 0 || total > 256 || !strings.Contains(out, "Read-only file system") {
		t.Errorf("an intruder takes %d MiB: %s", total, out)
	}
	if out := l.ssh(t, "letmein", "", "ssh", "root@"+vault, `perl -e 'while (@p < 2000) { $p = fork; last unless defined $p; if (!$p) { sleep 600; exit } push @p, $p } print scalar(@p); kill 9, @p'`); len(out) != 3 {
		t.Errorf("%q processes are possible", out)
	}
	limit := l.doc.Project.Services["vault-ssh"]
	if got := l.Docker(t, "inspect", "-f", "{{.HostConfig.PidsLimit}} {{.HostConfig.Memory}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.SecurityOpt}}", "vault-ssh"); got !=
		fmt.Sprintf("%d %d true [no-new-privileges:true]\n", limit.PidsLimit, limit.MemLimit) {
		t.Errorf("%s", got)
	}
	const chownToSysChroot = "CapBnd:\t00000000200400fb\n" // the nine capabilities of Container, in the bits of capabilities(7)
	if got := l.Docker(t, "exec", "annex-ssh", "grep", "CapBnd", "/proc/self/status"); got != chownToSysChroot {
		t.Errorf("%q, want %q", got, chownToSysChroot)
	}
}

func forgets(t *testing.T, l *lab) {
	l.Docker(t, "exec", "annex-ssh", "sh", "-c", "echo mine > /root/mine; echo 'root::0:0::/:/bin/sh' > /etc/passwd; rm -rf /var/www")
	l.Docker(t, "restart", "annex-ssh")
	l.ready(t, annex, "22")
	if got := l.Docker(t, "exec", "annex-ssh", "sh", "-c", "ls /root/mine 2>&1; grep -c : /etc/passwd; ls /var/www"); strings.Contains(got, "/root/mine\n1\n") || !strings.Contains(got, "html") {
		t.Errorf("after a restart: %s", got)
	}
}
