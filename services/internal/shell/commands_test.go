package shell

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services/internal/keys"
)

// What depends on the machine, besides the answers of testdata/bash.json.
func TestMachineCommands(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	for _, c := range []struct {
		name, command, out, errs string
		status                   int
	}{
		{"init", "ps -p 1 -o comm=", "systemd\n", "", 0},
		{"who without a terminal", "who; w -h; users", "\n", "", 0},
		{"device", "stat -c %d /etc/passwd; stat /etc/passwd | grep -o 'Device: [0-9,]*'; lsblk | grep -o '254:1'", "65025\nDevice: 254,1\n254:1\n", "", 0},
		{"inodes", "df -i / | head -1 | tr -s ' '", "Filesystem Inodes IUsed IFree IUse% Mounted on\n", "", 0},
		{"main process", "systemctl status ssh | grep -c -e 'OpenBSD Secure Shell server' -e '(sshd)$'", "2\n", "", 0},
		{"search", "dpkg -S /bin/ls /usr/sbin/sshd /nope", "coreutils: /bin/ls\nopenssh-server: /usr/sbin/sshd\n", "dpkg-query: no path found matching pattern /nope\n", 1},
		{"priority", "dpkg -s coreutils curl | grep Priority", "Priority: required\nPriority: optional\n", "", 0},
		{"swap", "grep -c swap /etc/fstab", "0\n", "", 1},
		{"shell of su", "su nobody -s /bin/sh -c whoami; su nobody -c id", "nobody\nThis account is currently not available.\n", "", 1},
		{"no python", "python3 -c 'print(1)'", "", "bash: line 1: python3: command not found\n", 127},
		{"listen", "nc -l 22; nc -l; timeout 0.1 nc -lvp 4444; echo $?", "124\n", "nc: Address already in use\nnc: missing port number\nListening on 0.0.0.0 4444\n", 0},
		{"virtual machine", "systemd-detect-virt; systemd-detect-virt -c", "kvm\nnone\n", "", 1},
		{"clock", "timedatectl | head -1", "               Local time: Sat 2026-03-14 09:26:53 UTC\n", "", 0},
		{"one command", "ps -ef | grep -c 'bash -c ps -ef'", "1\n", "", 0},
		{"library", "cp /usr/lib/x86_64-linux-gnu/libz.so.1 /tmp/z; chmod +x /tmp/z; /tmp/z 2>&1 | grep -c Segm", "1\n", "", 0},
		{"dates", "touch -d yesterday /tmp/y; stat -c %y /tmp/y | cut -c1-10", "2026-03-13\n", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, status := b.run(sh, c.command, "")
			if out != c.out || errs != c.errs || status != c.status {
				t.Errorf("%s\n got %q, %q, %d\nwant %q, %q, %d", c.command, out, errs, status, c.out, c.errs, c.status)
			}
		})
	}
}

// A shell that runs one command is replaced by it, one that runs more is its parent.
func TestProcessTree(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	out, _, _ := b.run(sh, "ps auxf", "")
	if strings.Contains(out, "bash -c") || !strings.Contains(out, " \\_ sshd: root@notty\n") || !strings.Contains(out, "      \\_ ps auxf\n") {
		t.Errorf("one command:\n%s", out)
	}
	out, _, _ = b.run(sh, "true; ps auxf", "")
	if !strings.Contains(out, "      \\_ bash -c true; ps auxf\n") || !strings.Contains(out, "          \\_ ps auxf\n") {
		t.Errorf("two commands:\n%s", out)
	}
}

// What says which OpenSSH runs agrees, and the public keys are those that clients see.
func TestVersionsAgree(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	software := b.id.Pick("openssh", b.id.Release().OpenSSH...)
	_, revision, _ := strings.Cut(software, "-")
	if out, _, _ := b.run(sh, "dpkg -l openssh-server openssh-client | awk '/^ii/{print $3}'", ""); out != strings.Repeat("1:9.2p1-"+revision+"\n", 2) {
		t.Errorf("dpkg: %q for %s", out, software)
	}
	for _, command := range []string{"ssh -V", "/usr/sbin/sshd -V"} {
		if _, errs, _ := b.run(sh, command, ""); !strings.HasPrefix(errs, software+", ") {
			t.Errorf("%s: %q", command, errs)
		}
	}
	if out, _, _ := b.run(sh, "busybox | head -1 | grep -c \"$(dpkg -l busybox | awk '/^ii/{print $3}')\"", ""); out != "1\n" {
		t.Errorf("busybox: %q", out)
	}
	public, err := ssh.NewPublicKey(keys.Ed25519(b.id, "ssh").Public())
	if err != nil {
		t.Fatal(err)
	}
	out, _, _ := b.run(sh, "cat /etc/ssh/ssh_host_ed25519_key.pub", "")
	if want := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))) + " root@web-01\n"; out != want {
		t.Errorf("public key %q, not %q", out, want)
	}
	private, _, _ := b.run(sh, "cat /etc/ssh/ssh_host_ed25519_key", "")
	if _, err := ssh.ParseRawPrivateKey([]byte(private)); err == nil || !strings.HasPrefix(private, "-----BEGIN OPENSSH PRIVATE KEY-----\n") {
		t.Errorf("private key: %v, %q", err, private)
	}
}

// The bait names no program that the machine lacks.
func TestHistoryNamesWhatIsThere(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	if out, _, _ := b.run(sh, "cat /root/.bash_history /home/*/.bash_history", ""); strings.Contains(out, "vi ") || strings.Contains(out, "nginx") || out == "" {
		t.Errorf("%q", out)
	}
}

func TestLogsNameEachSession(t *testing.T) {
	b := newBox(t, "debian", Options{})
	b.login("root", "192.0.2.7:4711").Close()
	sh := b.login("root", "192.0.2.7:4712")
	out, _, _ := b.run(sh, `grep 'Accepted password' /var/log/auth.log | sed 's/.*sshd\[\([0-9]*\)\].*port \([0-9]*\).*/\1 \2/' | sort -u | wc -l; grep -c 'opened for user root(uid=0) by (uid=0)$' /var/log/auth.log`, "")
	if n := strings.Fields(out); len(n) != 2 || n[1] == "0" {
		t.Errorf("%q", out)
	}
}

// top and stty work on a terminal.
func TestTerminalPrograms(t *testing.T) {
	b := newBox(t, "debian", Options{})
	s, end := interactive(t, b.login("root", "192.0.2.7:4711"), Terminal{"xterm", 80, 24})
	s.expect("# ")
	s.typed("stty -a | head -2; echo $-\r")
	if got := s.expect("himBHs\r\n"); !strings.Contains(got, "speed 38400 baud; rows 24; columns 80; line = 0;\r\nintr = ^C;") {
		t.Errorf("stty: %q", got)
	}
	s.expect("# ")
	s.typed("top\r")
	s.expect("PID USER")
	s.typed("q")
	s.expect("# ")
	s.typed("timeout 0.1 cat; echo $?\r")
	s.expect("124\r\n")
	s.typed("exit\r")
	if status := end(); status != 0 {
		t.Errorf("status %d", status)
	}
}
