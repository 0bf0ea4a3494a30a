package ssh_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
	"github.com/decnet/decnet/services/ssh"
)

var port = services.Port{Network: "tcp", Number: 22}

// quick turns the delay after a wrong password off.
func quick(more ...string) services.Config {
	cfg := services.Config{"fail_delay": "0", "password": "s3cret", "version": "OpenSSH_9.2p1 Debian-2+deb12u7"}
	for i := 0; i < len(more); i += 2 {
		cfg[more[i]] = more[i+1]
	}
	return cfg
}

func start(t testing.TB, cfg services.Config) *servicetest.Decky {
	t.Helper()
	return servicetest.Start(t, ssh.Service{}, cfg, 1, services.Env{})
}

func clientConfig(user string, auth ...gossh.AuthMethod) *gossh.ClientConfig {
	return &gossh.ClientConfig{
		Config:            gossh.Config{KeyExchanges: []string{"curve25519-sha256"}},
		User:              user,
		Auth:              auth,
		HostKeyCallback:   gossh.InsecureIgnoreHostKey(),
		HostKeyAlgorithms: []string{"ssh-ed25519"},
		ClientVersion:     "SSH-2.0-test",
	}
}

func logIn(t testing.TB, d *servicetest.Decky, cfg *gossh.ClientConfig) *gossh.Client {
	t.Helper()
	client, err := tryLogIn(t, d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func tryLogIn(t testing.TB, d *servicetest.Decky, cfg *gossh.ClientConfig) (*gossh.Client, error) {
	t.Helper()
	conn := d.Dial(t, port)
	c, channels, requests, err := gossh.NewClientConn(conn, "", cfg)
	if err != nil {
		return nil, err
	}
	return gossh.NewClient(c, channels, requests), nil
}

func root(t testing.TB, d *servicetest.Decky) *gossh.Client {
	t.Helper()
	return logIn(t, d, clientConfig("root", gossh.Password("s3cret")))
}

func TestConformance(t *testing.T) {
	servicetest.Run(t, servicetest.Case{
		Service:   ssh.Service{},
		Config:    services.Config{"fail_delay": "0"},
		Greeting:  regexp.MustCompile(`^SSH-2\.0-OpenSSH_9\.2p1 Debian-2\+deb12u\d\r\n$`),
		Truncated: []byte("SSH-2.0-x\r\n\x00\x00\x00\x1c\x0a\x14"),
		Login: func(t *testing.T, c net.Conn) map[string]string {
			_, _, _, err := gossh.NewClientConn(c, "", clientConfig("ad\"min", gossh.Password("a]b\n\xff")))
			if err == nil {
				t.Error("a wrong password got in")
			}
			return map[string]string{"username": "ad\"min", "password": "a]b\n\xff", "password_b64": "YV1iCv8=", "method": "password", "outcome": "failure"}
		},
		Bait: func(t *testing.T, c net.Conn) string {
			var key gossh.PublicKey
			cfg := clientConfig("root", gossh.Password("x"))
			cfg.HostKeyCallback = func(_ string, _ net.Addr, k gossh.PublicKey) error { key = k; return nil }
			_, _, _, _ = gossh.NewClientConn(c, "", cfg)
			return gossh.FingerprintSHA256(key)
		},
	})
}

func TestSettingsAreChecked(t *testing.T) {
	for name, cfg := range map[string]services.Config{
		"line feed in version": {"version": "OpenSSH_9.2\nx"},
		"long version":         {"version": strings.Repeat("x", 300)},
		"account":              {"users": "nobody"},
		"enum":                 {"accept": "all"},
	} {
		if _, err := (ssh.Service{}).New(services.Env{Decky: "d"}, cfg); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestW43Vocabulary goes through a log-in and checks the names of what is reported.
func TestW43Vocabulary(t *testing.T) {
	d := start(t, quick())
	client := root(t, d)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.Output("id")
	if err != nil || !strings.Contains(string(out), "uid=0(root)") {
		t.Errorf("id gave %q, %v", out, err)
	}
	client.Close()
	d.Wait(t, "connect", map[string]string{"src_ip": "127.0.0.77", "dst_port": "22"})
	hello := d.Wait(t, "session", map[string]string{
		"client_banner": "SSH-2.0-test", "host_key_algorithms": `["ssh-ed25519"]`, "compression": `["none"]`, "languages": "[]",
	})
	if raw := hello.Value("hassh_raw"); !strings.HasPrefix(raw, "curve25519-sha256,") || len(hello.Value("hassh")) != 32 {
		t.Errorf("hassh %q of %q", hello.Value("hassh"), raw)
	}
	d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "s3cret", "method": "password", "outcome": "success"})
	d.Wait(t, "command", map[string]string{"command": "id"})
	bye := d.Wait(t, "disconnect", map[string]string{"reason": "closed"})
	for _, key := range []string{"src_ip", "src_port", "duration_ms", "bytes_in", "bytes_out"} {
		if bye.Value(key) == "" {
			t.Errorf("disconnect has no %s", key)
		}
	}
	for _, e := range d.Events() {
		if e.Type == "auth_attempt" && e.Value("method") == "none" {
			t.Error("the client's first question for methods is reported although a password followed")
		}
	}
}

func TestEveryAttemptIsReportedAndTheSixthIsTheLast(t *testing.T) {
	d := start(t, quick())
	n := 0
	_, err := tryLogIn(t, d, clientConfig("root", gossh.RetryableAuthMethod(gossh.PasswordCallback(func() (string, error) {
		n++
		return fmt.Sprint("wrong", n), nil
	}), 0)))
	if err == nil || !strings.Contains(err.Error(), "Too many authentication failures") || n != 6 {
		t.Errorf("after %d attempts: %v", n, err)
	}
	d.WaitCount(t, "auth_attempt", 6)
	d.Wait(t, "auth_attempt", map[string]string{"password": "wrong6", "outcome": "failure"})
}

func TestMethodsAreAnnouncedInOrder(t *testing.T) {
	for setting, want := range map[string]string{"false": "[none password]", "true": "[none keyboard-interactive]"} {
		d := start(t, quick("keyboard_interactive", setting))
		auth := gossh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			if fmt.Sprint(questions) != "[Password: ]" {
				t.Errorf("asked %q", questions)
			}
			return []string{"s3cret"}, nil
		})
		_, err := tryLogIn(t, d, clientConfig("root", auth))
		if setting == "true" {
			if err != nil {
				t.Error(err)
			}
			d.Wait(t, "auth_attempt", map[string]string{"method": "keyboard-interactive", "password": "s3cret", "outcome": "success"})
		} else if err == nil {
			t.Errorf("got in by a method that is not offered, want %s", want)
		}
	}
}

func newSigner(t *testing.T) gossh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestPublicKeysAreReportedAndRefused(t *testing.T) {
	d := start(t, quick())
	signer := newSigner(t)
	if _, err := tryLogIn(t, d, clientConfig("git", gossh.PublicKeys(signer))); err == nil {
		t.Error("a key got in")
	}
	d.Wait(t, "auth_attempt", map[string]string{
		"username": "git", "method": "publickey", "outcome": "failure", "secret_kind": "ssh_publickey",
		"secret": gossh.FingerprintSHA256(signer.PublicKey()), "key_type": "ssh-ed25519",
	})
}

func TestProbesForMethodsAreReported(t *testing.T) {
	d := start(t, quick())
	if _, err := tryLogIn(t, d, clientConfig("probe")); err == nil {
		t.Error("got in with nothing")
	}
	d.Wait(t, "auth_attempt", map[string]string{"username": "probe", "method": "none", "outcome": "failure"})
}

func TestAcceptAnyRemembers(t *testing.T) {
	d := start(t, quick("accept", "any", "tries", "2"))
	for i, want := range []bool{false, true, true} {
		_, err := tryLogIn(t, d, clientConfig("pi", gossh.Password([]string{"x", "raspberry", "raspberry"}[i])))
		if (err == nil) != want {
			t.Errorf("attempt %d: %v", i+1, err)
		}
	}
}

// TestW17NoPivot asks for every way onward and finds them all shut, with nothing dialled.
func TestW17NoPivot(t *testing.T) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	reached := make(chan struct{}, 1)
	go func() {
		if c, err := target.Accept(); err == nil {
			c.Close()
			reached <- struct{}{}
		}
	}()
	d := start(t, quick())
	client := root(t, d)
	_, targetPort, _ := net.SplitHostPort(target.Addr().String())

	var refused *gossh.OpenChannelError
	if _, err := client.Dial("tcp", target.Addr().String()); !errors.As(err, &refused) || refused.Reason != gossh.Prohibited || refused.Message != "open failed" {
		t.Errorf("direct-tcpip: %v", err)
	}
	d.Wait(t, "forward_request", map[string]string{"kind": "direct-tcpip", "dst_host": "127.0.0.1", "dst_port": targetPort})
	if _, err := client.Dial("unix", "/var/run/docker.sock"); !errors.As(err, &refused) || refused.Reason != gossh.ConnectionFailed {
		t.Errorf("direct-streamlocal: %v", err)
	}
	d.Wait(t, "forward_request", map[string]string{"kind": "direct-streamlocal@openssh.com", "dst_path": "/var/run/docker.sock"})
	if _, err := client.Listen("tcp", "0.0.0.0:8080"); err == nil {
		t.Error("tcpip-forward was granted")
	}
	d.Wait(t, "forward_request", map[string]string{"kind": "tcpip-forward", "dst_host": "0.0.0.0", "dst_port": "8080"})
	if _, err := client.ListenUnix("/tmp/x"); err == nil {
		t.Error("streamlocal-forward was granted")
	}
	d.Wait(t, "forward_request", map[string]string{"kind": "streamlocal-forward", "dst_path": "/tmp/x"})
	if _, _, err := client.OpenChannel("tun@openssh.com", []byte{0, 0, 0, 1}); !errors.As(err, &refused) || refused.Reason != gossh.ConnectionFailed {
		t.Errorf("tun: %v", err)
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{"x11-req", "auth-agent-req@openssh.com"} {
		if ok, err := session.SendRequest(request, true, nil); ok || err != nil {
			t.Errorf("%s: %v %v", request, ok, err)
		}
	}
	d.Wait(t, "forward_request", map[string]string{"kind": "x11"})
	d.Wait(t, "forward_request", map[string]string{"kind": "agent"})
	select {
	case <-reached:
		t.Error("something was dialled")
	default:
	}
}

func TestSessionsAreBounded(t *testing.T) {
	d := start(t, quick())
	client := root(t, d)
	for i := range 11 {
		_, err := client.NewSession()
		if (err != nil) != (i == 10) {
			t.Errorf("session %d: %v", i+1, err)
		}
	}
}

func TestExitStatusAndStreams(t *testing.T) {
	d := start(t, quick())
	client := root(t, d)
	for command, want := range map[string]int{"true": 0, "false": 1, "exit 42": 42, "nosuchcommand": 127} {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		var exit *gossh.ExitError
		if err := session.Run(command); errors.As(err, &exit) {
			got = exit.ExitStatus()
		} else if err != nil {
			t.Error(err)
		}
		if got != want {
			t.Errorf("%s: exit status %d, want %d", command, got, want)
		}
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	session.Stdin = strings.NewReader("over and\nout\n")
	var stdout, stderr bytes.Buffer
	session.Stdout, session.Stderr = &stdout, &stderr
	if err := session.Run("cat; ls /nosuch"); err == nil {
		t.Error("ls of nothing succeeded")
	}
	if stdout.String() != "over and\nout\n" || !strings.Contains(stderr.String(), "/nosuch") {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}

func TestTerminal(t *testing.T) {
	d := start(t, quick())
	client := root(t, d)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Setenv("LC_ALL", "C"); err != nil {
		t.Error(err)
	}
	if err := session.Setenv("LD_PRELOAD", "/tmp/x.so"); err == nil {
		t.Error("LD_PRELOAD was taken")
	}
	if err := session.RequestPty("xterm-256color", 50, 132, gossh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if ok, err := session.SendRequest("pty-req", true, gossh.Marshal(&struct {
		Term       string
		A, B, C, D uint32
		Modes      string
	}{})); ok || err != nil {
		t.Errorf("a second terminal: %v %v", ok, err)
	}
	in, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	session.Stdout = &out
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := session.WindowChange(24, 80); err != nil {
		t.Error(err)
	}
	fmt.Fprint(in, "echo $((6*7))\rexit 3\r")
	var exit *gossh.ExitError
	if err := session.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != 3 {
		t.Errorf("the shell ended with %v", err)
	}
	if !strings.Contains(out.String(), "\r42\r\n") {
		t.Errorf("terminal showed %q", out.String())
	}
	d.Wait(t, "terminal", map[string]string{"term": "xterm-256color", "width": "132", "height": "50"})
	d.Wait(t, "env_request", map[string]string{"name": "LD_PRELOAD", "value": "/tmp/x.so"})
	d.Wait(t, "command", map[string]string{"command": "echo $((6*7))"})
}

func TestScriptOnStandardInput(t *testing.T) {
	d := start(t, quick())
	session, err := root(t, d).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	session.Stdin = strings.NewReader("echo one\necho two\nexit 5\n")
	var out bytes.Buffer
	session.Stdout = &out
	if err := session.Shell(); err != nil {
		t.Fatal(err)
	}
	var exit *gossh.ExitError
	if err := session.Wait(); !errors.As(err, &exit) || exit.ExitStatus() != 5 {
		t.Errorf("ended with %v", err)
	}
	if !strings.HasSuffix(out.String(), "one\ntwo\n") {
		t.Errorf("got %q", out.String())
	}
}

func TestSignalEndsACommand(t *testing.T) {
	d := start(t, quick())
	session, err := root(t, d).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := session.Start("sleep 100"); err != nil {
		t.Fatal(err)
	}
	if err := session.Signal(gossh.SIGTERM); err != nil {
		t.Error(err)
	}
	var exit *gossh.ExitError
	if err := session.Wait(); !errors.As(err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("ended with %v", err)
	}
}

func TestKeepalivesAreAnswered(t *testing.T) {
	d := start(t, quick())
	client := root(t, d)
	if ok, _, err := client.SendRequest("keepalive@openssh.com", true, nil); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if ok, _, err := client.SendRequest("no-more-sessions@openssh.com", true, nil); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
}

// TestW44DeckiesDiffer looks at all the keys of two deckies, and of one after a restart.
func TestW44DeckiesDiffer(t *testing.T) {
	keysOf := func(n byte) string {
		d := servicetest.Start(t, ssh.Service{}, quick(), n, services.Env{})
		var all []string
		for _, algorithm := range []string{"rsa-sha2-512", "ecdsa-sha2-nistp256", "ssh-ed25519"} {
			cfg := clientConfig("root", gossh.Password("s3cret"))
			cfg.HostKeyAlgorithms = []string{algorithm}
			cfg.HostKeyCallback = func(_ string, _ net.Addr, k gossh.PublicKey) error {
				all = append(all, gossh.FingerprintSHA256(k))
				return nil
			}
			logIn(t, d, cfg)
		}
		return strings.Join(all, " ")
	}
	one, two, again := keysOf(1), keysOf(2), keysOf(1)
	if one != again {
		t.Errorf("after a restart %s became %s", one, again)
	}
	for _, key := range strings.Fields(one) {
		if strings.Contains(two, key) {
			t.Errorf("two deckies share %s", key)
		}
	}
}

// TestW49SlowHandshakeIsCutOff drips a KEXINIT that never ends.
func TestW49SlowHandshakeIsCutOff(t *testing.T) {
	d := servicetest.Start(t, ssh.Service{}, quick(), 1, services.Env{Limits: services.Limits{Idle: 200 * time.Millisecond}})
	c := d.Dial(t, port)
	if _, err := io.WriteString(c, "SSH-2.0-slow\r\n\x00\x00\x7f\xfc\x0a\x14"); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("still open after 10 s: %v", err)
	}
	d.Wait(t, "disconnect", map[string]string{"reason": "timeout"})
}
