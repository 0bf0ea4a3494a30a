package native_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/native"
)

// sshd is Debian's, on loopback.
type sshd struct {
	addr, port string
	key        ssh.Signer // that root may log in with

	mu     sync.Mutex
	events []decnet.Event
	prose  []string
}

// startSSHD runs sshd at the level VERBOSE and translates what it writes.
func startSSHD(t *testing.T) *sshd {
	t.Helper()
	binary, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs sshd, and root to run it")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	// sshd trusts no file below a directory that others may write to, as that of tests is.
	dir, err := os.MkdirTemp("/run", "decnet-sshd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "host")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key := newSigner(t)
	allowed := filepath.Join(dir, "keys")
	if err := os.WriteFile(allowed, ssh.MarshalAuthorizedKey(key.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshd{addr: free.Addr().String(), key: key}
	_, s.port, _ = net.SplitHostPort(s.addr)
	free.Close()

	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "-D", "-e", "-f", "/dev/null", "-h", filepath.Join(dir, "host"), "-o", "ListenAddress="+s.addr,
		"-o", "LogLevel=VERBOSE", "-o", "UsePAM=no", "-o", "PermitRootLogin=yes", "-o", "AuthorizedKeysFile="+allowed,
		"-o", "PidFile=none", "-o", "MaxAuthTries=1", "-o", "LoginGraceTime=20")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.take(lines.Text())
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		_ = cmd.Wait() // it was killed
	})
	s.until(t, "the server", func() bool {
		return slices.ContainsFunc(s.prose, func(p string) bool { return strings.HasPrefix(p, "Server listening") })
	})
	return s
}

func (s *sshd) take(line string) {
	e := decnet.Event{Service: "sshd", Msg: strings.TrimRight(line, "\r")}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prose = append(s.prose, e.Msg)
	if native.Normalize(&e, "ssh") {
		s.events = append(s.events, e)
	}
}

// until waits for a condition, which is looked at under the lock.
func (s *sshd) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		done := ok()
		prose := strings.Join(s.prose, "\n")
		s.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not come; sshd says\n%s", what, prose)
		}
	}
}

// wait waits for an event with the fields, and for every other event being honest about its
// source.
func (s *sshd) wait(t *testing.T, typ string, local net.Addr, kv ...string) {
	t.Helper()
	host, port, err := net.SplitHostPort(local.String())
	if err != nil {
		t.Fatal(err)
	}
	want := pairs(append([]string{"src_ip", host, "src_port", port}, kv...)...)
	s.until(t, fmt.Sprint(typ, " with ", want), func() bool {
		return slices.ContainsFunc(s.events, func(e decnet.Event) bool {
			return e.Type == typ && e.Attacker.String() == host && !slices.ContainsFunc(want, func(f decnet.Field) bool { return e.Value(f.Key) != f.Value })
		})
	})
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// connect logs in, and returns the client's end of the connection too.
func (s *sshd) connect(t *testing.T, user string, auth ...ssh.AuthMethod) (*ssh.Client, net.Addr) {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	c, chans, reqs, err := ssh.NewClientConn(conn, s.addr, &ssh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: time.Minute,
	})
	if err != nil {
		conn.Close()
		return nil, conn.LocalAddr()
	}
	return ssh.NewClient(c, chans, reqs), conn.LocalAddr()
}

func TestRealSSHD(t *testing.T) {
	s := startSSHD(t)
	password := ssh.Password("secret")

	client, local := s.connect(t, "root", ssh.PublicKeys(s.key))
	if client == nil {
		t.Fatal("root cannot log in")
	}
	session, err := client.NewSession()
	if err == nil {
		err = session.Run("true")
	}
	if err := errors.Join(err, client.Close()); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "connect", local)
	s.wait(t, "auth_attempt", local, "username", "root", "outcome", "success", "method", "publickey",
		"secret_kind", "ssh_publickey", "secret", ssh.FingerprintSHA256(s.key.PublicKey()))
	s.wait(t, "session_start", local, "username", "root", "kind", "command")
	s.wait(t, "session_end", local, "username", "root")
	s.wait(t, "disconnect", local)

	// sshd writes 100 bytes of a name at most.
	for _, user := range []string{
		"nobody here", "x from 9.9.9.9 port 1 ssh2", "x from 9.9.9.9 port 1 ssh2: RSA SHA256:abc", "src=9.9.9.9 src_ip=9.9.9.9", "",
		"9.9.9.9 port 1", "x from 9.9.9.9 port 1 [preauth]", " for y from 9.9.9.9 port 1", "root from 9.9.9.9",
	} {
		_, local := s.connect(t, user, password)
		seen, _, _ := strings.Cut(user, ":") // what is behind the colon is a style, and not told
		s.wait(t, "connect", local)
		s.wait(t, "auth_attempt", local, "username", seen, "outcome", "failure", "method", "password")
		s.wait(t, "disconnect", local)
	}

	// A key, and certificates of which the client chooses the name.
	other := newSigner(t)
	_, local = s.connect(t, "root", ssh.PublicKeys(other))
	s.wait(t, "auth_attempt", local, "username", "root", "outcome", "failure", "method", "publickey", "secret", ssh.FingerprintSHA256(other.PublicKey()))
	for _, id := range []string{"x from 9.9.9.9 port 1 ssh2", "x from 9.9.9.9 port 1 ssh2: RSA SHA256:abc", "x (serial 1) CA RSA SHA256:abc"} {
		cert := &ssh.Certificate{Key: other.PublicKey(), CertType: ssh.UserCert, KeyId: id, ValidPrincipals: []string{"root"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(rand.Reader, newSigner(t)); err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.NewCertSigner(cert, other)
		if err != nil {
			t.Fatal(err)
		}
		_, local := s.connect(t, "root", ssh.PublicKeys(signer))
		s.wait(t, "auth_attempt", local, "username", "root", "outcome", "failure", "method", "publickey")
	}

	// No SSH at all.
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("GET / from 9.9.9.9 port 1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "connect", conn.LocalAddr())
	s.wait(t, "log", conn.LocalAddr())
	conn.Close()

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Attacker.IsValid() && !e.Attacker.IsLoopback() {
			t.Errorf("%s comes from %s: %v", e.Type, e.Attacker, e.Fields)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("sshd says\n%s", strings.Join(s.prose, "\n"))
	}
}
