package smtp

import (
	"bufio"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/decnet/decnet/services"
)

var update = flag.Bool("update", false, "rewrite the golden dialogues from the real Postfix")

var variable = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`queued as [0-9A-F]{9,12}\r`), "queued as ID\r"},
	{regexp.MustCompile(`334 PD[A-Za-z0-9+/=]{30,}`), "334 CHALLENGE"},
}

// play sends the lines of script one by one and returns the dialogue. No answer is
// awaited after a line that begins with "| ". \x00, \xff and \r stand for these bytes.
func play(t *testing.T, addr, script string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	var log strings.Builder
	reply := func() bool {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		for {
			line, err := r.ReadString('\n')
			log.WriteString(line)
			if err != nil {
				log.WriteString("<closed>\n")
				return false
			}
			if len(line) > 3 && line[3] == ' ' {
				return true
			}
		}
	}
	reply()
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		log.WriteString("> " + line + "\n")
		send, silent := strings.CutPrefix(line, "| ")
		send = strings.NewReplacer(`\x00`, "\x00", `\xff`, "\xff", `\r`, "\r").Replace(send)
		if _, err := conn.Write([]byte(send + "\r\n")); err != nil {
			break
		}
		if !silent && !reply() {
			break
		}
	}
	text := log.String()
	for _, v := range variable {
		text = v.re.ReplaceAllString(text, v.to)
	}
	return text
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// scripts are played against ours always, and against the real Postfix in TestTwin.
var scripts = map[string]string{
	"hello":       "HELO\nEHLO\nFOO\nNOOP\nNOOP x\nMAIL FROM:<a@b.c>\nVRFY root\nHELO localhost\nEHLO a b\nEHLO -foo\nHELO [127.0.0.1]\nHELP\nEXPN root\nVRFY\nQUIT x\n",
	"vrfy":        "VRFY root\nVRFY nosuch\nVRFY <root>\nVRFY u@example.com\nVRFY <a@example.com>\nVRFY a b\nVRFY \"a\"\nVRFY <>\nVRFY root SMTPUTF8\nETRN\nETRN foo bar\nETRN x.com\nETRN -x\nETRN #x\nETRN @x\nETRN mail.example.org\nXCLIENT NAME=x\nXFORWARD x\nOPTIONS / HTTP/1.1\nHEAD /\nFoo : x\nFOO\n",
	"verbs":       " EHLO x\n \n\nNOOP\\x00x\nEHLO \"a b\"\nEHLO a;b\nEHLO \\xff\nNOOP \\xff\nRSET x\nRSET\nSTARTTLS x\nQUIT\n",
	"get":         "GET / HTTP/1.1\n",
	"post":        "POST / HTTP/1.1\n",
	"connect":     "CONNECT a:25\n",
	"header":      "Subject: x\n",
	"colon":       "Foo:bar\n",
	"digits":      "1234\n",
	"bdat":        "BDAT\n",
	"bdat_x":      "BDAT x\n",
	"bdat_arg":    "BDAT 3 x\n",
	"mail":        "DATA\nMAIL\nMAIL FROM\nMAIL FROM:\nMAIL TO:<a>\nMAIL FROM:<>\nRSET\nMAIL FROM:a@b.c\nRSET\nMAIL FROM: <a@b.c>\nMAIL FROM:<x@y.z>\nRSET\nMAIL FROM:<a@b.c> SIZE=99999999\nMAIL FROM:<a@b.c> SIZE=x\nMAIL FROM:<a@b.c> SIZE=10240001\nMAIL FROM:<a@b.c> SIZE=10240000\nRSET\nMAIL FROM:<a@b.c> BODY=8BITMIME\nRSET\nMAIL FROM:<a@b.c> BODY=FOO\nMAIL FROM:<a@b.c> FOO=BAR\nQUIT\n",
	"options":     "MAIL FROM:<a@b.c> FOO\nMAIL FROM:<a@b.c> RET=FULL ENVID=abc\nRSET\nMAIL FROM:<a@b.c> RET=X\nMAIL FROM:<a@b.c> SMTPUTF8\nRSET\nMAIL FROM:<a@b.c> AUTH=<>\nRSET\nMAIL FROM:<a@b> SIZE=-1\nMAIL FROM:<a@b> SIZE=\nMAIL FROM:<a@b> ENVID=\nMAIL FROM:<a@b> RET=FULL RET=HDRS\nMAIL FROM:<a@b> ENVID=a ENVID=b\nMAIL FROM:<a@b> BODY=7BIT\nRSET\nMAIL FROM:<a@b> size=10 body=8bitmime ret=hdrs\nRCPT TO:<root> NOTIFY=NEVER\nRCPT TO:<root> FOO=1\nRCPT TO:<root> ORCPT=rfc822;a\nQUIT\n",
	"senders":     "MAIL FROM:<a b@c>\nMAIL FROM:<a@b.c\nMAIL FROM:<a@b@c>\nRSET\nMAIL FROM:<a>\nRSET\nMAIL FROM:<a@b_c.d>\nRSET\nMAIL FROM:<a@-b>\nRSET\nMAIL FROM:<a..b@c>\nRSET\nMAIL FROM:<a@b.c>x\nMAIL FROM:<@a>\nRSET\nMAIL FROM:<a@>\nMAIL FROM:Foo Bar <a@b.c>\nMAIL FROM:<a@[1.2.3.4]>\nRSET\nMAIL FROM:<a@[1.2.3]>\nMAIL FROM:<a@1.2.3.4>\nQUIT\n",
	"senders2":    "MAIL FROM:<a@b,c>\nMAIL FROM:<a,b@c>\nMAIL FROM:<a@b>,<c@d>\nMAIL FROM:root\nRSET\nMAIL FROM:<a@b.>\nRSET\nMAIL FROM:<a@.b>\nMAIL FROM:<a@b..c>\nMAIL FROM:<a@b/c>\nMAIL FROM:<.a@b>\nRSET\nMAIL FROM:<\"a\"b@c>\nMAIL FROM:<a(x)@c>\nRSET\nMAIL FROM:<a:b@c>\nRSET\nMAIL FROM:<a;b@c>\nMAIL FROM:<a\\b@c>\nQUIT\n",
	"recipients":  "MAIL FROM:<a@b>\nRCPT\nRCPT TO\nRCPT TO:\nRCPT TO:<>\nRCPT TO:<root>\nRCPT TO:<root@mail.example.org>\nRCPT TO:<nosuch@mail.example.org>\nRCPT TO:<u@example.com>\nRCPT TO:u@example.com\nRCPT TO:<a b@example.com>\nRCPT FROM:<a@b>\nRCPT TO:<postmaster>\nRCPT TO:<@a,@b:root@localhost>\nRCPT TO:<\"root\"@localhost>\nRCPT TO:<u@[10.1.2.3]>\nRCPT TO:<root%example.com@localhost>\nETRN\nAUTH PLAIN\nSTARTTLS\nQUIT\n",
	"recipients2": "MAIL FROM:<a@b>\nRCPT TO:<root> NOTIFY=NEVER,FAILURE\nRCPT TO:<root> NOTIFY=X\nRCPT TO:<root> ORCPT=x\nRCPT TO:<root> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a\nRCPT TO:<@>\nRCPT TO:<u@>\nRCPT TO:<@example.com>\nRCPT TO:<\"a b\"@localhost>\nRCPT TO:<root\nRCPT TO:root>\nRCPT TO:<root>x\nRCPT TO:<a..b@localhost>\nRCPT TO:Foo <root@localhost>\nRCPT TO:<u!v>\nRCPT TO :<root>\nrcpt to:<ROOT+tag>\nQUIT\n",
	"data":        "MAIL FROM:<a@b>\nDATA\nRCPT TO:<root>\nDATA x\nDATA\n| Subject: hi\n| \n| line\n| ..dot\n.\nDATA\nMAIL FROM:<a@b>\nRCPT TO:<root>\nDATA\n.\nMAIL FROM:<a@b>\nRCPT TO:<root>\nDATA\n| a\n.\\r\nFOO\nRCPT TO:<root>\nQUIT\n",
	"chunks":      "MAIL FROM:<a@b>\nRCPT TO:<root>\n| BDAT 4\nab\nBDAT 0\nDATA\nMAIL FROM:<a>\nRCPT TO:<root>\nBDAT 0 LAST\nQUIT\n",
	"chunks2":     "MAIL FROM:<a@b>\nRCPT TO:<root>\n| BDAT 4\nab\n| BDAT 4 LAST\nxy\nNOOP\nMAIL FROM:<a@b>\nRCPT TO:<root>\n| BDAT 4\nab\nRSET\nBDAT 0 LAST\nQUIT\n",
	"chunks3":     "MAIL FROM:<a@b>\n| BDAT 4\nab\n| BDAT 4 LAST\nxy\nNOOP\nQUIT\n",
	"auth":        "EHLO x\nAUTH\nAUTH PLAIN " + b64("x") + " y\nAUTH FOO\nAUTH DIGEST-MD5\nAUTH PLAIN\n*\nAUTH PLAIN\n!!!!\nAUTH PLAIN " + b64("\x00user\x00pass") + "\nAUTH PLAIN =\nAUTH PLAIN abc\nAUTH PLAIN " + b64("user\x00pass") + "\nAUTH PLAIN " + b64("user") + "\nAUTH plain " + b64("\x00user\x00pass") + "\nAUTH PLAIN " + b64("\x00\x00") + "\nAUTH PLAIN\nEHLO x\nQUIT\n",
	"login":       "AUTH LOGIN\n" + b64("user") + "\n" + b64("pass") + "\nAUTH LOGIN " + b64("user") + "\n" + b64("pass") + "\nAUTH LOGIN\n*\nAUTH LOGIN\n" + b64("user") + "\n*\nAUTH LOGIN\n" + b64("user") + "\n!!\nAUTH LOGIN\n!!\nAUTH LOGIN\n\n\nQUIT\n",
	"cram":        "AUTH CRAM-MD5\n" + b64("user 0123456789abcdef0123456789abcdef") + "\nAUTH CRAM-MD5\n*\nAUTH CRAM-MD5\n" + b64("user") + "\nAUTH CRAM-MD5 " + b64("user") + "\nAUTH CRAM-MD5\n" + b64("a b 0123") + "\nQUIT\n",
	"utf8":        "EHLO x\nMAIL FROM:<ä@example.com>\nRSET\nMAIL FROM:<ä@example.com> SMTPUTF8\nRCPT TO:<ö@localhost>\nRSET\nMAIL FROM:<a@b>\nRCPT TO:<ö@localhost>\nRCPT TO:<a@ö.example>\nVRFY ö\nQUIT\n",
	"limit":       strings.Repeat("FOO\n", 21),
	"junk":        strings.Repeat("NOOP\n", 115),
}

// dialogueServer makes a server with the settings of startPostfix.
func dialogueServer(t *testing.T) *server {
	t.Helper()
	srv, err := Service{}.server(services.Env{Decky: "decky-01"}, services.Config{
		"mta": "mail.example.org", "mechanisms": "PLAIN LOGIN CRAM-MD5", "mailboxes": "alice",
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.pause = func(context.Context, time.Duration) {}
	return srv
}

// start serves srv on a loopback port until the test ends.
func start(t *testing.T, srv *server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 25}, Stream: l}})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestDialoguesOfPostfix(t *testing.T) {
	t.Parallel()
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, start(t, dialogueServer(t)), script)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("Postfix (-) and ours (+):\n%s", diff)
			}
		})
	}
}

// TestTwin plays the dialogues against the Postfix of the machine.
func TestTwin(t *testing.T) {
	if _, err := exec.LookPath("postconf"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and Debian's postfix")
	}
	addr := startPostfix(t)
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := play(t, addr, script)
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("recorded (-) and Postfix now (+):\n%s", diff)
			}
		})
	}
}

// startPostfix runs the real Postfix in a mount namespace with directories of its own.
// It queues what it accepts and delivers nothing.
func startPostfix(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir, err := os.MkdirTemp("", "postfix")
	if err != nil {
		t.Fatal(err)
	}
	main := `smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6
smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file = /etc/ssl/private/ssl-cert-snakeoil.key
smtpd_tls_security_level = may
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtpd_sasl_auth_enable = yes
myhostname = mail.example.org
mydestination = $myhostname, localhost.localdomain, localhost
mynetworks = 192.0.2.0/24
recipient_delimiter = +
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps = unix:passwd.byname, inline:{postmaster=x}
alias_maps =
defer_transports = smtp, local, relay
`
	sasl := "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: " + dir + "/sasldb2\nmech_list: PLAIN LOGIN CRAM-MD5\n"
	script := `set -e
cd "$0"
cp -a /etc/postfix etc; cp -a /var/spool/postfix spool; mkdir data; chmod 755 .; chown postfix data
cp main.cf etc/main.cf; mkdir -p etc/sasl; cp smtpd.conf etc/sasl/smtpd.conf
sed -i -E '/^#/d; s/^(smtp +)inet( .*)$/ADDRESS inet n - n - - smtpd/; s/^([a-z]+ +[a-z-]+ +[n-]+ +[n-]+ +)y/\1n/' etc/master.cf
sed -i "s/^ADDRESS/$1/" etc/master.cf
mount --bind etc /etc/postfix; mount --bind spool /var/spool/postfix; mount --bind data /var/lib/postfix
exec /usr/lib/postfix/sbin/master -d -c /etc/postfix
`
	for name, text := range map[string]string{"main.cf": main, "smtpd.conf": sasl} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c", script, dir, addr)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for end := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			line, _ := bufio.NewReader(conn).ReadString('\n')
			conn.Close()
			if strings.HasPrefix(line, "220") {
				return addr
			}
		}
		if time.Now().After(end) {
			t.Fatal(fmt.Errorf("Postfix does not come up: %w", err))
		}
		time.Sleep(50 * time.Millisecond)
	}
}
