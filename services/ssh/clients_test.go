package ssh_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/services/servicetest"
)

// run runs a real client, which must be installed, and returns its output.
func run(t *testing.T, stdin []byte, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Skipf("%s is not installed", args[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// openSSH returns the options with which ssh, scp and sftp talk to d and to nothing else.
func openSSH(t *testing.T, d *servicetest.Decky) []string {
	t.Helper()
	return []string{
		"-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=" + filepath.Join(t.TempDir(), "known"),
		"-o", "LogLevel=ERROR", "-o", "PubkeyAuthentication=no", "-o", "Port=" + portOf(d),
	}
}

func portOf(d *servicetest.Decky) string {
	_, p, _ := net.SplitHostPort(d.Addrs[port].String())
	return p
}

func ssh1(t *testing.T, d *servicetest.Decky, stdin []byte, more ...string) (string, error) {
	t.Helper()
	args := append([]string{"sshpass", "-p", "s3cret", "ssh"}, openSSH(t, d)...)
	return run(t, stdin, append(args, more...)...)
}

// TestOpenSSHClientWithEveryAlgorithm makes ssh(1) use each name that we offer.
func TestOpenSSHClientWithEveryAlgorithm(t *testing.T) {
	d := start(t, quick())
	payload := bytes.Repeat([]byte("0123456789abcdef"), 20000)
	for option, names := range map[string][]string{
		"KexAlgorithms": {
			"sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
			"ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256",
		},
		"Ciphers": {"chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"},
		"Ciphers=aes128-ctr -o MACs": {
			"umac-64-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com",
			"umac-64@openssh.com", "umac-128@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1",
		},
		"HostKeyAlgorithms": {"rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"},
		"Compression":       {"yes"},
		"RekeyLimit":        {"100K"},
	} {
		for _, name := range names {
			args := strings.Fields("-o " + option + "=" + name)
			out, err := ssh1(t, d, payload, append(args, "root@127.0.0.1", "cat")...)
			if err != nil || out != string(payload) {
				t.Errorf("%s %s: %d bytes came back, %v: %.200s", option, name, len(out), err, out)
			}
		}
	}
}

// TestOpenSSHClientSeesNothingOdd reads what the client logs at its most verbose.
func TestOpenSSHClientSeesNothingOdd(t *testing.T) {
	d := start(t, quick())
	out, err := ssh1(t, d, nil, "-vvv", "-o", "UpdateHostKeys=yes", "root@127.0.0.1", "exit 7")
	if err == nil || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{
		"server-sig-algs=<ssh-ed25519,", "publickey-hostbound@openssh.com=<0>", "rtype exit-status reply 0", "rtype eow@openssh.com reply 0",
		"rtype hostkeys-00@openssh.com want_reply 0",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestHostKeysAreProven(t *testing.T) {
	d := start(t, quick())
	known := filepath.Join(t.TempDir(), "known")
	options := append(openSSH(t, d)[:0:0], "-F", "none", "-o", "UserKnownHostsFile="+known, "-o", "StrictHostKeyChecking=no",
		"-o", "UpdateHostKeys=yes", "-o", "PubkeyAuthentication=no", "-p", portOf(d))
	for range 2 {
		if out, err := run(t, nil, append(append([]string{"sshpass", "-p", "s3cret", "ssh"}, options...), "root@127.0.0.1", "sleep 1")...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	text, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"} {
		if !strings.Contains(string(text), kind) {
			t.Errorf("the client did not learn the %s key:\n%s", kind, text)
		}
	}
}

func TestOpenSSHCopies(t *testing.T) {
	d := start(t, quick())
	dir := t.TempDir()
	file := filepath.Join(dir, "a file")
	content := []byte(strings.Repeat("payload\n", 3000))
	if err := os.WriteFile(file, content, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"-O", "-s"} {
		scp := append(append([]string{"sshpass", "-p", "s3cret", "scp", mode, "-p"}, openSSH(t, d)...), file, "root@127.0.0.1:/tmp/up"+mode)
		if out, err := run(t, nil, scp...); err != nil {
			t.Fatalf("scp %s up: %v: %s", mode, err, out)
		}
		d.Wait(t, "file_captured", map[string]string{"orig_path": "/tmp/up" + mode, "sha256": sum(content)})
		back := filepath.Join(dir, "back"+mode)
		scp = append(append([]string{"sshpass", "-p", "s3cret", "scp", mode, "-p"}, openSSH(t, d)...), "root@127.0.0.1:/tmp/up"+mode, back)
		if out, err := run(t, nil, scp...); err != nil {
			t.Fatalf("scp %s down: %v: %s", mode, err, out)
		}
		got, err := os.ReadFile(back)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("scp %s brought back %d bytes, %v", mode, len(got), err)
		}
		if info, err := os.Stat(back); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("scp %s brought back %v, %v", mode, info, err)
		}
	}
	batch := fmt.Sprintf("put %q /root/kit\nls -l /root\nrename /root/kit /root/.kit\nget /root/.kit %q\nmkdir /root/d\nrmdir /root/d\ndf\npwd\n", file, filepath.Join(dir, "again"))
	sftp := append(append([]string{"sshpass", "-p", "s3cret", "sftp", "-o", "BatchMode=no", "-b", "-"}, openSSH(t, d)...), "root@127.0.0.1")
	out, err := run(t, []byte(batch), sftp...)
	if err != nil || !strings.Contains(out, "root     root") || !strings.Contains(out, "Remote working directory: /root") {
		t.Errorf("sftp: %v: %s", err, out)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "again")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("sftp brought back %d bytes, %v", len(got), err)
	}
}

func TestOpenSSHForwards(t *testing.T) {
	d := start(t, quick())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	out, err := ssh1(t, d, nil, "-o", "ExitOnForwardFailure=yes", "-R", "9999:127.0.0.1:1", "root@127.0.0.1", "id")
	if err == nil || !strings.Contains(out, "remote port forwarding failed for listen port 9999") {
		t.Errorf("-R: %v: %s", err, out)
	}
	d.Wait(t, "forward_request", map[string]string{"kind": "tcpip-forward", "dst_port": "9999"})
	out, err = ssh1(t, d, nil, "-W", "192.0.2.1:80", "root@127.0.0.1")
	if err == nil || !strings.Contains(out, "stdio forwarding failed") {
		t.Errorf("-W: %v: %s", err, out)
	}
	d.Wait(t, "forward_request", map[string]string{"kind": "direct-tcpip", "dst_host": "192.0.2.1", "dst_port": "80"})
	if out, err := ssh1(t, d, nil, "-D", free, "-A", "-X", "root@127.0.0.1", "id"); err != nil || !strings.Contains(out, "uid=0") {
		t.Errorf("-D -A -X: %v: %s", err, out)
	}
}

func TestBruteForcers(t *testing.T) {
	dir := t.TempDir()
	passwords := filepath.Join(dir, "passwords")
	if err := os.WriteFile(passwords, []byte("123456\nroot\ns3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args func(port string) []string
		want string // "" for a program that must not succeed
	}{
		"hydra": {func(p string) []string {
			return []string{"hydra", "-I", "-l", "root", "-P", passwords, "-t", "4", "-s", p, "ssh://127.0.0.1"}
		}, "password: s3cret"},
		"medusa": {func(p string) []string {
			return []string{"medusa", "-h", "127.0.0.1", "-n", p, "-u", "root", "-P", passwords, "-M", "ssh"}
		}, "ACCOUNT FOUND"},
		// ncrack 0.7 crashes when it finds a password, also against the real sshd.
		"ncrack": {func(p string) []string {
			return []string{"ncrack", "-p", "ssh:" + p, "--user", "root", "--pass", "123456,root", "127.0.0.1"}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, quick())
			out, err := run(t, nil, c.args(portOf(d))...)
			if err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%v: %s", err, out)
			}
			d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "123456", "outcome": "failure"})
			if c.want != "" {
				d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "s3cret", "outcome": "success"})
			}
		})
	}
}

// TestOpenSSHClientGivesACommandATerminal is "ssh -t host command".
func TestOpenSSHClientGivesACommandATerminal(t *testing.T) {
	d := start(t, quick())
	for command, want := range map[string]string{
		"tty; [ -t 0 ] && echo terminal; echo $TERM": "/dev/pts/0\r\nterminal\r\nvt220\r\n",
		"stty size":        "0 0\r\n",
		"ps -o tty,args":   "TT    COMMAND\r\npts/0 ps -o tty,args\r\n",
		"sleep 1; exit 42": "",
	} {
		out, err := ssh1(t, d, nil, "-tt", "-o", "SetEnv=TERM=vt220", "root@127.0.0.1", command)
		if out != want {
			t.Errorf("%s: %q, want %q", command, out, want)
		}
		if fails := strings.HasSuffix(command, "42"); fails != (err != nil) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// TestOpenSSHClientOpensAShellWithATerminal types into "ssh -t host 'bash -i'" and into
// a prompt of read.
func TestOpenSSHClientOpensAShellWithATerminal(t *testing.T) {
	d := start(t, quick())
	if _, err := exec.LookPath("expect"); err != nil {
		t.Skip("expect is not installed")
	}
	script := `set timeout 20
set env(TERM) vt220
set stty_init "rows 40 cols 120"
proc want {text} { expect $text {} timeout { puts "NO $text"; exit 9 } eof { puts "END before $text"; exit 8 } }
spawn sshpass -p s3cret ssh -t ` + strings.Join(openSSH(t, d), " ") + ` root@127.0.0.1 "bash -i; read -p 'x? ' x; echo got \$x"
want ":~# "; send "stty size; sleep 100\r"
want "40 120"
send "\003"
want ":~# "; send "exit\r"
want "exit"
want "x? "; send "y\r"
want "got y"
expect eof
`
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, nil, "expect", "-f", file); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
