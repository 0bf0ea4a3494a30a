package ssh_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/mysql"
	"github.com/decnet/decnet/services/redis"
	"github.com/decnet/decnet/services/servicetest"
	"github.com/decnet/decnet/services/ssh"
	"github.com/decnet/decnet/services/telnet"
)

// sshAs logs in with ssh(1) and runs a command.
func sshAs(t *testing.T, d *servicetest.Decky, user, password, command string) (string, error) {
	t.Helper()
	args := append([]string{"sshpass", "-p", password, "ssh"}, openSSH(t, d)...)
	return run(t, nil, append(args, user+"@127.0.0.1", command)...)
}

// TestPasswordSetByAnAttackerHolds changes passwords as bots do, and logs in again.
func TestPasswordSetByAnAttackerHolds(t *testing.T) {
	d := start(t, quick())
	if out, err := sshAs(t, d, "root", "s3cret", "echo root:Zz9 | chpasswd; useradd -m -s /bin/bash -G sudo ftpd; echo ftpd:qwerty | chpasswd"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		user, password, want string
	}{
		{"root", "s3cret", ""},
		{"root", "Zz9", "uid=0(root) gid=0(root) groups=0(root)\n"},
		{"ftpd", "qwerty", "uid=1001(ftpd) gid=1001(ftpd) groups=1001(ftpd),27(sudo)\n"},
		{"ftpd", "other", ""},
	} {
		out, err := sshAs(t, d, c.user, c.password, "id")
		if c.want != "" && (err != nil || out != c.want) || c.want == "" && (err == nil || !strings.Contains(out, "Permission denied")) {
			t.Errorf("%s:%s: %v: %s", c.user, c.password, err, out)
		}
	}
	d.Wait(t, "credential_change", map[string]string{"username": "root", "password": "Zz9"})
	d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "Zz9", "outcome": "success"})

	if _, err := exec.LookPath("expect"); err != nil {
		t.Skip("expect is not installed")
	}
	script := `set timeout 20
proc want {text} { expect $text {} timeout { puts "NO $text"; exit 9 } eof { puts "END before $text"; exit 8 } }
spawn sshpass -p Zz9 ssh ` + strings.Join(openSSH(t, d), " ") + ` root@127.0.0.1
want "# "; send "passwd\r"
want "New password: "; send "Typed-1\r"
want "Retype new password: "; send "Typed-1\r"
want "password updated successfully"
want "# "; send "exit\r"
expect eof
`
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, nil, "expect", "-f", file); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if out, err := sshAs(t, d, "root", "Typed-1", "id -un"); err != nil || out != "root\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestKeyAddedByAnAttackerGetsIn adds keys of each kind to authorized_keys and logs in with
// ssh(1), with and without the method that binds the host key.
func TestKeyAddedByAnAttackerGetsIn(t *testing.T) {
	d := start(t, quick())
	withKey := func(file string, more ...string) (string, error) {
		args := append([]string{"ssh"}, openSSH(t, d)...)
		args = append(args, "-o", "PubkeyAuthentication=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i", file)
		for i, a := range args {
			if a == "PubkeyAuthentication=no" {
				args[i] = "BatchMode=yes"
			}
		}
		return run(t, nil, append(append(args, more...), "root@127.0.0.1", "echo in")...)
	}
	dir := t.TempDir()
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		file := filepath.Join(dir, kind)
		if out, err := run(t, nil, "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "mdrfckr", "-f", file); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if out, err := withKey(file); err == nil {
			t.Errorf("%s: got in before: %s", kind, out)
		}
		public, err := os.ReadFile(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		if out, err := sshAs(t, d, "root", "s3cret", "cd ~ && rm -rf .ssh && mkdir .ssh && echo '"+strings.TrimSpace(string(public))+"' >> .ssh/authorized_keys && chmod -R go= ~/.ssh"); err != nil {
			t.Fatalf("%s: %v: %s", kind, err, out)
		}
		if out, err := withKey(file); err != nil || out != "in\n" {
			t.Errorf("%s: %v: %s", kind, err, out)
		}
		key, _, _, _, err := gossh.ParseAuthorizedKey(public)
		if err != nil {
			t.Fatal(err)
		}
		d.Wait(t, "auth_attempt", map[string]string{"username": "root", "method": "publickey", "outcome": "success", "secret": gossh.FingerprintSHA256(key)})
	}
	if out, err := withKey(filepath.Join(dir, "rsa"), "-o", "PubkeyAcceptedAlgorithms=ssh-rsa"); err == nil {
		t.Errorf("another key got in: %s", out)
	}
	if out, err := withKey(filepath.Join(dir, "ecdsa"), "-o", "PubkeyAuthentication=unbound"); err != nil || out != "in\n" {
		t.Errorf("unbound: %v: %s", err, out)
	}
}

// forged signs with another key than it shows.
type forged struct {
	gossh.Signer
	shown gossh.PublicKey
}

func (f forged) PublicKey() gossh.PublicKey { return f.shown }

// TestForgedSignatureIsRefused shows the key of authorized_keys without having it.
func TestForgedSignatureIsRefused(t *testing.T) {
	d := start(t, quick())
	mine, other := newSigner(t), newSigner(t)
	client := root(t, d)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Run("mkdir -p .ssh; echo '" + strings.TrimSpace(string(gossh.MarshalAuthorizedKey(mine.PublicKey()))) + "' > .ssh/authorized_keys"); err != nil {
		t.Fatal(err)
	}
	if _, err := tryLogIn(t, d, clientConfig("root", gossh.PublicKeys(forged{other, mine.PublicKey()}))); err == nil {
		t.Error("a forged signature got in")
	}
	d.Wait(t, "auth_attempt", map[string]string{"method": "publickey", "outcome": "failure", "secret": gossh.FingerprintSHA256(mine.PublicKey())})
	if _, err := tryLogIn(t, d, clientConfig("root", gossh.PublicKeys(other))); err == nil {
		t.Error("another key got in")
	}
	if _, err := tryLogIn(t, d, clientConfig("root", gossh.PublicKeys(mine))); err != nil {
		t.Error(err)
	}
	closed := start(t, quick("accept", "nobody"))
	if _, err := tryLogIn(t, closed, clientConfig("root", gossh.PublicKeys(mine))); err == nil {
		t.Error("got in where nobody does")
	}
}

// TestServicesOfADeckyAreOneMachine runs several services on one Host and looks at each
// from inside, over ssh and over telnet.
func TestServicesOfADeckyAreOneMachine(t *testing.T) {
	if _, err := exec.LookPath("expect"); err != nil {
		t.Skip("expect is not installed")
	}
	host := new(services.Host)
	env := services.Env{Decky: "web-01", Host: host}
	d := servicetest.Start(t, ssh.Service{}, quick("users", "deploy:d"), 1, env)
	other := servicetest.Start(t, telnet.Service{}, services.Config{"fail_delay": "0", "password": "s3cret"}, 1, env)
	web := servicetest.Start(t, http.Service{}, services.Config{"fake_app": "nginx_default"}, 1, env)
	database := servicetest.Start(t, mysql.Service{}, services.Config{"flavor": "mariadb"}, 1, env)
	stopped := servicetest.Start(t, redis.Service{}, nil, 1, env)
	for _, x := range []*servicetest.Decky{other, web, database, stopped} {
		for p := range x.Addrs {
			x.Dial(t, p)
		}
		x.Wait(t, "connect", nil) // it serves now
	}

	out, err := sshAs(t, d, "root", "s3cret", "ss -tlnp | awk '{print $4, $6}'; netstat -tlnp | grep -c nginx; ps -eo user,args | grep -E 'nginx|maria|redis|inetd' | grep -v grep; systemctl is-active nginx mariadb redis-server ssh apache2; getent passwd mysql redis | cut -d: -f1; echo mine > /tmp/mine; echo root:Zz9 | chpasswd")
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, want := range []string{
		"0.0.0.0:22 users:((\"sshd\",", "[::]:22 ", "0.0.0.0:23 users:((\"inetutils-inetd\",", "0.0.0.0:80 users:((\"nginx\",", "[::]:80 ", "0.0.0.0:443 users:((\"nginx\",",
		"0.0.0.0:3306 users:((\"mariadbd\",", "0.0.0.0:6379 users:((\"redis-server\",", "nginx: master process /usr/sbin/nginx", "www-data nginx: worker process",
		"mysql    /usr/sbin/mariadbd\n", "redis    /usr/bin/redis-server *:6379\n", "root     /usr/sbin/inetutils-inetd\n", "active\nactive\nactive\nactive\ninactive\n", "mysql\nredis\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}

	_, telnetPort, _ := net.SplitHostPort(other.Addrs[services.Port{Network: "tcp", Number: 23}].String())
	script := `set timeout 20
set env(TERM) vt220
proc want {text} { expect $text {} timeout { puts "NO $text"; exit 9 } eof { puts "END before $text"; exit 8 } }
spawn telnet 127.0.0.1 ` + telnetPort + `
want "login: "; send "root\r"
want "Password: "; send "s3cret\r"
want "Login incorrect"
want "login: "; send "root\r"
want "Password: "; send "Zz9\r"
want "Last login: "
want "from 127.0.0.1"
want "# "; send "cat /tmp/mine; env | grep -c SSH_; ls -d /home/deploy; ps -ef | grep -c '\[t]elnetd'; exit\r"
want "mine\r\n0\r\n/home/deploy\r\n1\r\n"
expect eof
`
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, nil, "expect", "-f", file); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}

	stopped.Stop(t)
	if out, _ := sshAs(t, d, "root", "Zz9", "ss -tln; ps aux"); strings.Contains(out, "6379") || strings.Contains(out, "redis") {
		t.Errorf("a service that has stopped is still there:\n%s", out)
	}
}
