package smtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
)

var port25 = services.Port{Network: "tcp", Number: 25}

// dialogue is a client that waits for each answer.
type dialogue struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func talkTo(t *testing.T, c net.Conn) *dialogue {
	d := &dialogue{t, c, bufio.NewReader(c)}
	d.reply()
	return d
}

func (d *dialogue) reply() string {
	d.t.Helper()
	_ = d.c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var text string
	for {
		line, err := d.r.ReadString('\n')
		text += line
		if err != nil {
			return text + "<" + err.Error() + ">"
		}
		if len(line) > 3 && line[3] == ' ' {
			return text
		}
	}
}

func (d *dialogue) say(lines ...string) string {
	d.t.Helper()
	last := ""
	for _, l := range lines {
		if _, err := io.WriteString(d.c, l+"\r\n"); err != nil {
			d.t.Fatal(err)
		}
		last = d.reply()
	}
	return last
}

// prompt is the service without the waits for clients that make errors, which
// TestErrorsSlowDown checks.
type prompt struct{ Service }

func (p prompt) New(env services.Env, cfg services.Config) (services.Server, error) {
	srv, err := p.server(env, cfg)
	if err != nil {
		return nil, err
	}
	srv.pause = func(context.Context, time.Duration) {}
	return srv, nil
}

func TestConformance(t *testing.T) {
	servicetest.Run(t, servicetest.Case{
		Service:   prompt{},
		Greeting:  regexp.MustCompile(`^220 \S+ ESMTP Postfix.*\r\n$`),
		Truncated: []byte("EHLO x\r\nMAIL"),
		Login: func(t *testing.T, c net.Conn) map[string]string {
			talkTo(t, c).say("EHLO x", "AUTH PLAIN "+b64("\x00bob\x00hunter2"))
			return map[string]string{"username": "bob", "password": "hunter2", "method": "PLAIN"}
		},
		Bait: func(t *testing.T, c net.Conn) string { return certificate(t, talkTo(t, c)) },
	})
}

// certificate does STARTTLS and returns the certificate.
func certificate(t *testing.T, d *dialogue) string {
	t.Helper()
	if r := d.say("EHLO x", "STARTTLS"); !strings.HasPrefix(r, "220 ") {
		t.Fatal(r)
	}
	c := tls.Client(d.c, &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return string(c.ConnectionState().PeerCertificates[0].Raw)
}

// keeper stores artifacts in memory.
type keeper struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (k *keeper) Store(_ context.Context, _, _, name string, r io.Reader) (services.Artifact, error) {
	all, err := io.ReadAll(r)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.files == nil {
		k.files = make(map[string][]byte)
	}
	k.files[name] = all
	return services.Artifact{StoredAs: name, SHA256: "00", Size: int64(len(all))}, err
}

func (k *keeper) only(t *testing.T) string {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.files) != 1 {
		t.Fatalf("%d files are kept", len(k.files))
	}
	for _, f := range k.files {
		return string(f)
	}
	return ""
}

func TestMessageIsKeptWithItsEnvelope(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	d := servicetest.Start(t, Service{Relay: true}, nil, 1, services.Env{Artifacts: k})
	c := talkTo(t, d.Dial(t, port25))
	c.say("EHLO spammer.example", "MAIL FROM:<a@example.com>", "RCPT TO:<x@example.org>", "RCPT TO:<\"y z\"@example.net>", "DATA")
	body := "Subject: a long\r\n one\r\nMessage-ID: <1@example.com>\r\n\r\n..two dots\r\n.\x00one\r\nbare\nline\r\n"
	r := c.say(body + ".")
	m := regexp.MustCompile(`^250 2\.0\.0 Ok: queued as ([0-9A-F]{10,11})\r\n$`).FindStringSubmatch(r)
	if m == nil {
		t.Fatalf("got %q", r)
	}
	if got, want := k.only(t), strings.Replace(strings.Replace(body, "..two", ".two", 1), ".\x00", "\x00", 1); got != want {
		t.Errorf("kept %q, want %q", got, want)
	}
	e := d.Wait(t, "message_accepted", map[string]string{"mail_from": "a@example.com", "subject": "a long one", "msg_id": "<1@example.com>", "queue_id": m[1], "sha256": "00"})
	var to []string
	if err := json.Unmarshal([]byte(e.Value("rcpt_to")), &to); err != nil || len(to) != 2 || to[1] != "y z@example.net" {
		t.Errorf("rcpt_to is %q: %v", e.Value("rcpt_to"), err)
	}
	d.Wait(t, "file_captured", map[string]string{"orig_path": "message-" + m[1] + ".eml"})
	d.Wait(t, "rcpt_to", map[string]string{"rcpt_to": "x@example.org", "outcome": "accepted"})
	d.Wait(t, "session", map[string]string{"helo": "spammer.example", "verb": "EHLO"})
}

func TestCutMessageIsKept(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	d := servicetest.Start(t, Service{}, nil, 1, services.Env{Artifacts: k})
	c := talkTo(t, d.Dial(t, port25))
	c.say("MAIL FROM:<a@b>", "RCPT TO:<root>", "DATA")
	_, _ = io.WriteString(c.c, "half a line\r\nand")
	c.c.Close()
	d.Wait(t, "disconnect", nil)
	if got := k.only(t); got != "half a line\r\n" {
		t.Errorf("kept %q", got)
	}
}

func TestTooLargeMessageIsRefusedAndCut(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	d := servicetest.Start(t, Service{}, nil, 1, services.Env{Artifacts: k})
	c := talkTo(t, d.Dial(t, port25))
	c.say("MAIL FROM:<a@b>", "RCPT TO:<root>", "DATA")
	line := strings.Repeat("x", 998) + "\r\n"
	for range 10400 {
		if _, err := io.WriteString(c.c, line); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.say("."); r != "552 5.3.4 Error: message file too big\r\n" {
		t.Errorf("got %q", r)
	}
	if n := len(k.only(t)); n != messageLimit {
		t.Errorf("%d bytes are kept", n)
	}
	if r := c.say("NOOP"); r != "250 2.0.0 Ok\r\n" {
		t.Errorf("then %q", r)
	}
}

func TestStartTLSBeginsAnew(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, nil, 1, services.Env{})
	raw := d.Dial(t, port25)
	c := talkTo(t, raw)
	c.say("EHLO x", "MAIL FROM:<a@b>")
	// The injected command must not be answered inside the encrypted session.
	if r := c.say("STARTTLS\r\nRSET"); r != "220 2.0.0 Ready to start TLS\r\n" {
		t.Fatalf("got %q", r)
	}
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	e := &dialogue{t, conn, bufio.NewReader(conn)}
	if r := e.say("RCPT TO:<root>"); r != "503 5.5.1 Error: need MAIL command\r\n" {
		t.Errorf("the transaction survived: %q", r)
	}
	if r := e.say("EHLO x"); strings.Contains(r, "STARTTLS") || !strings.Contains(r, "AUTH PLAIN LOGIN") {
		t.Errorf("got %q", r)
	}
	if r := e.say("STARTTLS"); r != "554 5.5.1 Error: TLS already active\r\n" {
		t.Errorf("got %q", r)
	}
	if r := e.say("AUTH PLAIN " + b64("\x00u\x00p")); r != authFailure+"\r\n" {
		t.Errorf("got %q", r)
	}
	d.Wait(t, "auth_attempt", map[string]string{"username": "u", "password": "p"})
	d.Wait(t, "session", map[string]string{"tls_version": "TLS 1.3"})
	if r := e.say("QUIT"); r != "221 2.0.0 Bye\r\n" {
		t.Errorf("got %q", r)
	}
}

// TestCRAMVector is hashcat's own example for mode 10200.
func TestCRAMVector(t *testing.T) {
	t.Parallel()
	const challenge, digest = "<no-reply@hashcat.net>", "44eafd22fe76670f6b2879081a7f5f71"
	mac := hmac.New(md5.New, []byte("hashcat"))
	mac.Write([]byte(challenge))
	if got := hex.EncodeToString(mac.Sum(nil)); got != digest {
		t.Fatalf("the digest is %s", got)
	}
	want := "$cram_md5$PG5vLXJlcGx5QGhhc2hjYXQubmV0Pg==$dXNlciA0NGVhZmQyMmZlNzY2NzBmNmIyODc5MDgxYTdmNWY3MQ=="
	if got := hashcatCRAM(challenge, []byte("user "+digest)); got != want {
		t.Errorf("got %s", got)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	plain := "AUTH PLAIN " + b64("\x00bob\x00hunter2")
	for name, tc := range map[string]struct {
		service Service
		cfg     services.Config
		lines   []string
		want    string
	}{
		"harvester":         {Service{}, nil, []string{plain}, authFailure},
		"list":              {Service{}, services.Config{"accept": "list", "users": "bob:hunter2"}, []string{plain}, authSuccess},
		"list refuses":      {Service{}, services.Config{"accept": "list", "users": "bob:x"}, []string{plain}, authFailure},
		"any":               {Service{}, services.Config{"accept": "any"}, []string{plain}, authSuccess},
		"relay lets in":     {Service{Relay: true}, nil, []string{plain}, authSuccess},
		"twice":             {Service{Relay: true}, nil, []string{plain, plain}, "503 5.5.1 Error: already authenticated"},
		"no relay":          {Service{}, nil, []string{"MAIL FROM:<a@b>", "RCPT TO:<u@example.com>"}, "454 4.7.1 <u@example.com>: Relay access denied"},
		"relay key":         {Service{}, services.Config{"relay": "yes"}, []string{"MAIL FROM:<a@b>", "RCPT TO:<u@example.com>"}, "250 2.1.5 Ok"},
		"relay service":     {Service{Relay: true}, nil, []string{"MAIL FROM:<a@b>", "RCPT TO:<u@example.com>"}, "250 2.1.5 Ok"},
		"relay after login": {Service{}, services.Config{"accept": "any"}, []string{plain, "MAIL FROM:<a@b>", "RCPT TO:<u@example.com>"}, "250 2.1.5 Ok"},
		"no auth":           {Service{}, services.Config{"mechanisms": "none"}, []string{plain}, "503 5.5.1 Error: authentication not enabled"},
		"mailbox":           {Service{}, services.Config{"mailboxes": "zoe"}, []string{"MAIL FROM:<a@b>", "RCPT TO:<zoe@localhost>"}, "250 2.1.5 Ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := servicetest.Start(t, tc.service, tc.cfg, 1, services.Env{})
			if r := talkTo(t, d.Dial(t, port25)).say(tc.lines...); r != tc.want+"\r\n" {
				t.Errorf("got %q", r)
			}
		})
	}
	for _, bad := range []services.Config{{"users": "bob"}, {"mechanisms": "NTLM"}, {"mta": "a\nb"}} {
		if _, err := (Service{}).New(services.Env{Decky: "d"}, bad); !errors.Is(err, decnet.ErrSemantic) {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}

func TestCRAMIsRecordedForTheCracker(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, services.Config{"mechanisms": "CRAM-MD5", "accept": "list", "users": "bob:hunter2"}, 1, services.Env{})
	c := talkTo(t, d.Dial(t, port25))
	challenge, err := hexless(c.say("AUTH CRAM-MD5"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(md5.New, []byte("hunter2"))
	mac.Write(challenge)
	digest := hex.EncodeToString(mac.Sum(nil))
	if r := c.say(b64("bob " + digest)); r != authSuccess+"\r\n" {
		t.Errorf("got %q", r)
	}
	d.Wait(t, "auth_attempt", map[string]string{
		"username": "bob", "secret_kind": "cram_md5", "secret": digest, "challenge": string(challenge), "outcome": "success",
		"hashcat": "$cram_md5$" + b64(string(challenge)) + "$" + b64("bob "+digest),
	})
}

// hexless returns what a 334 answer challenges with.
func hexless(reply string) ([]byte, error) {
	raw, refusal := decodeResponse(strings.TrimSuffix(strings.TrimPrefix(reply, "334 "), "\r\n"))
	if refusal != "" {
		return nil, fmt.Errorf("%q", reply)
	}
	return raw, nil
}

// TestErrorsSlowDown counts the waits instead of waiting.
func TestErrorsSlowDown(t *testing.T) {
	t.Parallel()
	srv := dialogueServer(t)
	var waits atomic.Int32
	srv.pause = func(_ context.Context, d time.Duration) {
		if d != time.Second {
			t.Errorf("waits %s", d)
		}
		waits.Add(1)
	}
	text := play(t, start(t, srv), strings.Repeat("FOO\n", 21))
	if n := waits.Load(); n != 11 { // the answers 11 to 20, and the good-bye
		t.Errorf("%d waits:\n%s", n, text)
	}
}

// Real clients. Each is skipped where it is not installed.

func run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(name, " is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	t.Logf("%s: %v\n%s", name, err, out)
	return string(out)
}

func realDecky(t *testing.T, cfg services.Config) (d *servicetest.Decky, host, port string) {
	t.Helper()
	d = servicetest.Start(t, Service{}, cfg, 1, services.Env{})
	host, port, err := net.SplitHostPort(d.Dial(t, port25).RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return d, host, port
}

func TestSwaks(t *testing.T) {
	t.Parallel()
	d, host, port := realDecky(t, services.Config{"accept": "list", "users": "bob:hunter2", "mechanisms": "PLAIN LOGIN CRAM-MD5"})
	for _, args := range [][]string{
		{"--to", "root@localhost"},
		{"--to", "u@example.com", "--auth", "PLAIN"},
		{"--to", "u@example.com", "--auth", "LOGIN"},
		{"--to", "u@example.com", "--auth", "CRAM-MD5"},
		{"--to", "root@localhost", "--pipeline"},
	} {
		args = append(args, "--server", host, "--port", port, "--from", "me@example.net", "--auth-user", "bob", "--auth-password", "hunter2", "--helo", "client")
		if args[2] != "--auth" {
			args = args[:len(args)-6]
			args = append(args, "--helo", "client")
		}
		if out := run(t, "", "swaks", args...); !strings.Contains(out, "queued as") {
			t.Errorf("swaks %v fails", args)
		}
	}
	d.WaitCount(t, "message_accepted", 5)
	d.Wait(t, "auth_attempt", map[string]string{"method": "CRAM-MD5", "outcome": "success"})
}

func TestCurlOverTLS(t *testing.T) {
	t.Parallel()
	d, host, port := realDecky(t, services.Config{"accept": "list", "users": "bob:hunter2"})
	run(t, "Subject: by curl\r\n\r\nhello\r\n", "curl", "-sS", "-k", "--ssl-reqd", "smtp://"+host+":"+port, "--user", "bob:hunter2",
		"--mail-from", "me@example.net", "--mail-rcpt", "u@example.com", "--upload-file", "-")
	d.Wait(t, "session", map[string]string{"tls_version": "TLS 1.3"})
	d.Wait(t, "message_accepted", map[string]string{"subject": "by curl"})
}

func TestOpenSSL(t *testing.T) {
	t.Parallel()
	_, host, port := realDecky(t, nil)
	out := run(t, "QUIT\r\n", "openssl", "s_client", "-starttls", "smtp", "-connect", net.JoinHostPort(host, port), "-ign_eof")
	for _, want := range []string{"Server public key is 2048 bit", "221 2.0.0 Bye"} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl does not show %q", want)
		}
	}
}

func TestHydra(t *testing.T) {
	t.Parallel()
	d, host, port := realDecky(t, services.Config{"accept": "list", "users": "bob:hunter2"})
	if out := run(t, "", "hydra", "-I", "-l", "bob", "-p", "hunter2", "-s", port, "-t", "1", host, "smtp"); !strings.Contains(out, "password: hunter2") {
		t.Error("hydra does not find the password")
	}
	d.Wait(t, "auth_attempt", map[string]string{"username": "bob", "password": "hunter2", "outcome": "success"})
}

// TestMedusa sees medusa give up in its TLS 1.0 handshake, as it does on Debian's Postfix.
func TestMedusa(t *testing.T) {
	t.Parallel()
	d, host, port := realDecky(t, nil)
	if out := run(t, "", "medusa", "-h", host, "-n", port, "-u", "bob", "-p", "hunter2", "-M", "smtp"); !strings.Contains(out, "legacy sigalg disallowed") {
		t.Error("medusa fails in another way than on Postfix")
	}
	d.Wait(t, "command", map[string]string{"command": "STARTTLS", "reply": "220"})
}

func TestNmap(t *testing.T) {
	t.Parallel()
	_, host, port := realDecky(t, nil)
	out := run(t, "", "nmap", "-Pn", "-n", "-sV", "-p", port, "--script", "smtp-commands,smtp-open-relay", host)
	for _, want := range []string{"Postfix smtpd", "PIPELINING, SIZE 10240000, VRFY, ETRN, STARTTLS, AUTH PLAIN LOGIN"} {
		if !strings.Contains(out, want) {
			t.Errorf("nmap does not say %q", want)
		}
	}
}

// Weaknesses.

func TestW20_CredentialsAreNamedAlike(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, nil, 1, services.Env{})
	c := talkTo(t, d.Dial(t, port25))
	c.say("AUTH LOGIN", b64("bob\r\n]"), b64(`p"]\`))
	d.Wait(t, "auth_attempt", map[string]string{"username": "bob\r\n]", "password": `p"]\`, "method": "LOGIN", "outcome": "failure"})
}

func TestW21_EveryEventNamesTheAttacker(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{Relay: true}, nil, 1, services.Env{})
	c := talkTo(t, d.Dial(t, port25))
	c.say("EHLO x", "AUTH PLAIN "+b64("\x00u\x00p"), "VRFY root", "MAIL FROM:<a@b>", "RCPT TO:<c@d.example>", "DATA", ".", "QUIT")
	d.Wait(t, "disconnect", nil)
	for _, e := range d.Events() {
		if e.Value("src_ip") != "127.0.0.77" || e.Value("src_port") == "" {
			t.Errorf("%s lacks the attacker: %v", e.Type, e.Fields)
		}
	}
}

func TestW22_SubmissionIsServed(t *testing.T) {
	t.Parallel()
	for _, s := range []Service{{}, {Relay: true}} {
		d := servicetest.Start(t, s, nil, 1, services.Env{})
		c := talkTo(t, d.Dial(t, services.Port{Network: "tcp", Number: 587}))
		if r := c.say("EHLO x"); !strings.Contains(r, "250-AUTH PLAIN LOGIN\r\n") {
			t.Errorf("%s on 587: %q", s.Info().Name, r)
		}
		d.Wait(t, "connect", map[string]string{"dst_port": "587"})
	}
}

func TestW23_RelayReportsUnderItsOwnName(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{Relay: true}, nil, 1, services.Env{})
	talkTo(t, d.Dial(t, port25)).say("QUIT")
	if e := d.Wait(t, "connect", nil); e.Service != "smtp_relay" {
		t.Errorf("service is %q", e.Service)
	}
}

func TestW24_KeysHaveEffect(t *testing.T) {
	t.Parallel()
	greeting := func(cfg services.Config) (string, string) {
		d := servicetest.Start(t, Service{}, cfg, 1, services.Env{})
		c := &dialogue{t, d.Dial(t, port25), nil}
		c.r = bufio.NewReader(c.c)
		return c.reply(), c.say("HELO x")
	}
	if g, h := greeting(services.Config{"banner": "hi there"}); g != "220 hi there\r\n" || h == "250 hi there\r\n" {
		t.Errorf("banner: %q, %q", g, h)
	}
	if g, h := greeting(services.Config{"mta": "mx.example.org"}); !strings.HasPrefix(g, "220 mx.example.org ESMTP Postfix") || h != "250 mx.example.org\r\n" {
		t.Errorf("mta: %q, %q", g, h)
	}
}

func TestW44_DeckiesHaveKeysAndIdsOfTheirOwn(t *testing.T) {
	t.Parallel()
	one := servicetest.Start(t, Service{}, nil, 1, services.Env{})
	two := servicetest.Start(t, Service{}, nil, 2, services.Env{})
	if certificate(t, talkTo(t, one.Dial(t, port25))) == certificate(t, talkTo(t, two.Dial(t, port25))) {
		t.Error("two deckies have one certificate")
	}
	seen := make(map[string]bool)
	for range 50 {
		c := talkTo(t, one.Dial(t, port25))
		r := c.say("MAIL FROM:<a@b>", "RCPT TO:<root>", "DATA", ".")
		if seen[r] {
			t.Errorf("%q came twice", r)
		}
		seen[r] = true
	}
}

func TestW49_LinesAreBounded(t *testing.T) {
	t.Parallel()
	d := servicetest.Start(t, Service{}, nil, 1, services.Env{})
	c := talkTo(t, d.Dial(t, port25))
	// Postfix reads on to the end of the line and answers what fits into its limit.
	if r := c.say("NOOP " + strings.Repeat("A", 1<<20)); r != "250 2.0.0 Ok\r\n" {
		t.Errorf("got %q", r)
	}
	e := d.Wait(t, "command", nil)
	if n := len(e.Value("command")); n != lineLimit {
		t.Errorf("the event holds %d bytes", n)
	}
}

// Fuzzing.

// tape is a connection whose client said everything at once and then went away.
type tape struct {
	net.Conn
	in  *strings.Reader
	out bytes.Buffer
}

func (c *tape) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *tape) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *tape) RemoteAddr() net.Addr             { return nil }
func (c *tape) LocalAddr() net.Addr              { return nil }
func (c *tape) SetReadDeadline(time.Time) error  { return nil }
func (c *tape) SetWriteDeadline(time.Time) error { return nil }

func FuzzSession(f *testing.F) {
	for name, s := range scripts {
		if name != "limit" && name != "junk" {
			f.Add(strings.ReplaceAll(strings.ReplaceAll(s, "| ", ""), "\n", "\r\n"))
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		srv := dialogueServer(t)
		env := srv.env
		c := &tape{in: strings.NewReader(in)}
		_ = srv.handle(t.Context(), env.NewSession("smtp", services.NewConn(c, env.Limits)))
		said, _, _ := strings.Cut(c.out.String(), "220 2.0.0 Ready to start TLS\r\n")
		for line := range strings.SplitSeq(strings.TrimSuffix(said, "\r\n"), "\r\n") {
			if line == "" {
				continue // nothing was said before TLS
			}
			if len(line) < 4 || line[0] < '2' || line[0] > '5' || line[3] != ' ' && line[3] != '-' {
				t.Fatalf("answer %q", line)
			}
		}
	})
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"MAIL FROM:<a@b> SIZE=1", `RCPT TO:<"a b"@c>`, "x<", `"\`, "a:b:c", `<"a>">`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var kept strings.Builder
		for _, tok := range tokens(s) {
			if tok == "" {
				t.Fatal("empty token")
			}
			kept.WriteString(tok)
			if isHeader(tok) && !strings.HasSuffix(tok, ":") {
				t.Errorf("%q is a header", tok)
			}
			if c := tok[0]; c >= 'A' && c <= 'Z' && len(tok) > len("CONNECT") && forbidden(tok) {
				t.Errorf("%q is forbidden", tok)
			}
		}
		if blank.Replace(kept.String()) != blank.Replace(s) {
			t.Errorf("%q lost something: %q", s, kept.String())
		}
	})
}

var blank = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "\v", "", "\f", "")

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"<a@b>", "<>", "<@a,@b:c@d>", `<"a\"b"@c>`, "<a(x)@c>", "<a@[1.2.3.4]>", "<a@[IPv6:::1]>", "root>", "<a@-b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if addr, ok := address(s, false, true); ok && (addr == "" || len(addr) > len(s)) {
			t.Errorf("%q gives %q", s, addr)
		}
		mailParameters([]string{s})
		rcptParameters([]string{s})
	})
}

func FuzzAuth(f *testing.F) {
	f.Add(b64("\x00u\x00p"))
	f.Add("=")
	f.Add("!!!!")
	f.Add(b64("user 00112233445566778899aabbccddeeff"))
	f.Fuzz(func(t *testing.T, s string) {
		raw, refusal := decodeResponse(s)
		if refusal == "" && len(raw) > len(s) {
			t.Errorf("%q grew", s)
		}
		if z, u, p, ok := parsePlain(raw); ok && z+"\x00"+u+"\x00"+p != string(raw) {
			t.Errorf("%q was not split but changed", raw)
		}
		if u, d, ok := parseCRAM(raw); ok && u+" "+d != string(raw) {
			t.Errorf("%q was not split but changed", raw)
		}
	})
}

func FuzzDotReader(f *testing.F) {
	for _, s := range []string{"a\r\n.\r\n", ".\n", "..\r\n.\r\r\n", "a\n.\nb", "\r\n.", strings.Repeat("x", 5000) + "\n.\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(bytes.NewReader(in))
		body, err := io.ReadAll(&dotReader{r: r, start: true})
		if len(body) > len(in) {
			t.Errorf("%d bytes became %d", len(in), len(body))
		}
		if err == nil {
			rest, _ := io.ReadAll(r)
			if !bytes.HasSuffix(in, rest) {
				t.Errorf("what follows the message changed: %q", rest)
			}
			for line := range bytes.Lines(in[:len(in)-len(rest)]) {
				if end := bytes.TrimRight(line, "\r\n"); string(end) == "." {
					break
				}
			}
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		headers(body)
	})
}
