package lab

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/enginetest"
)

// fiveDeckies have every service between them. The settings of %s are added to gate.
const fiveDeckies = `
[general]
net = 10.99.0.0/24
gw = 10.99.0.1
interface = lab0

[gate]
ip = 10.99.0.11
archetype = linux-server
distro = debian
services = ssh, telnet

[gate.ssh]
password = hunter22
accept = list
%[1]s

[gate.telnet]
password = hunter22
%[1]s

[web]
ip = 10.99.0.12
services = http, https
nmap_os = windows

[files]
ip = 10.99.0.13
services = ftp, ssh

[mail]
ip = 10.99.0.14
services = smtp
nmap_os = bsd

[data]
ip = 10.99.0.15
services = redis, mysql, smtp_relay
`

const (
	gate  = "10.99.0.11"
	web   = "10.99.0.12"
	files = "10.99.0.13"
	mail  = "10.99.0.14"
	data  = "10.99.0.15"
)

// attack is what an attacker does to the five deckies.
func attack(t *testing.T, lan enginetest.LAN) {
	ssh := func(password, command string) string {
		return lan.Attack(t, "sshpass", "-p", password, "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "NumberOfPasswordPrompts=1", "-o", "PreferredAuthentications=password", "root@"+gate, command)
	}
	for _, addr := range []string{gate, web, files, mail, data} {
		if out := lan.Attack(t, "ping", "-c", "1", "-W", "30", addr); !strings.Contains(out, " 0% packet loss") {
			t.Errorf("ping %s:\n%s", addr, out)
		}
	}
	for addr, ports := range map[string]string{gate: "22,23", web: "80,443", files: "21,22", mail: "25,587", data: "6379,3306"} {
		out := lan.Attack(t, "nmap", "-Pn", "-n", "-sS", "-p", ports+",9", addr)
		if len(regexp.MustCompile(`/tcp +open `).FindAllString(out, -1)) != 2 || !regexp.MustCompile(`9/tcp +closed `).MatchString(out) {
			t.Errorf("nmap of %s:\n%s", addr, out)
		}
	}
	if out := ssh("wrong", "id"); strings.Contains(out, "uid=") {
		t.Errorf("a wrong password lets in: %s", out)
	}
	if out := ssh("hunter22", "id; uname -s"); !strings.Contains(out, "uid=0(root)") || !strings.Contains(out, "Linux") {
		t.Errorf("the shell answers %q", out)
	}
	ssh("hunter22", "printf '#!/bin/sh\\nrm -rf /\\n' > /tmp/implant.sh")
	telnet := filepath.Join(t.TempDir(), "telnet")
	script := fmt.Sprintf(`set timeout 30
spawn telnet %s
expect "login:" { send "root\r" }
expect "Password:" { send "hunter22\r" }
expect -re {[#$] $} { send "cat /etc/hostname\r" }
expect -re {[#$] $} { send "exit\r" }
expect eof`, gate)
	if err := os.WriteFile(telnet, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := lan.Attack(t, "expect", "-f", telnet); !strings.Contains(out, "cat /etc/hostname") {
		t.Errorf("telnet shows %q", out)
	}
	lan.Attack(t, "curl", "-s", "-m", "20", "-u", "admin:tr0ub4dor", "http://"+web+"/admin/")
	lan.Attack(t, "curl", "-s", "-k", "-m", "20", "-d", "log=root&pwd=letmein", "https://"+web+"/wp-login.php")
	lan.Attack(t, "redis-cli", "-h", data, "-a", "r3d1s", "PING")
	lan.Attack(t, "mysql", "-h", data, "-u", "dba", "-ps3cret", "--ssl=0", "--connect-timeout=20", "-e", "select 1")
	lan.Attack(t, "swaks", "--server", mail, "--port", "587", "--auth", "LOGIN", "--auth-user", "sales", "--auth-password", "Spring!24",
		"--from", "a@example.org", "--to", "victim@example.net", "--timeout", "20s")
	lan.Attack(t, "swaks", "--server", data, "--auth", "LOGIN", "--auth-user", "anybody", "--auth-password", "relay-me",
		"--from", "a@example.org", "--to", "victim@example.net", "--timeout", "20s")
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte("123456\npassword\nqwerty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lan.Attack(t, "hydra", "-l", "oracle", "-P", words, "-t", "1", gate, "ssh")
	lan.Attack(t, "hydra", "-l", "ftpuser", "-P", words, "-t", "1", files, "ftp")
}

// found looks for what attack did in the API.
func found(t *testing.T, d *daemontest.Daemon) {
	for _, want := range []struct{ decky, service, username, password string }{
		{"gate", "ssh", "root", "wrong"},
		{"gate", "ssh", "root", "hunter22"},
		{"gate", "ssh", "oracle", "qwerty"},
		{"gate", "telnet", "root", "hunter22"},
		{"web", "http", "admin", "tr0ub4dor"},
		{"web", "https", "root", "letmein"},
		{"files", "ftp", "ftpuser", "password"},
		{"mail", "smtp", "sales", "Spring!24"},
		{"data", "redis", "default", "r3d1s"},
		{"data", "smtp_relay", "anybody", "relay-me"},
	} {
		daemontest.WaitFor(t, fmt.Sprintf("%s:%s on %s/%s", want.username, want.password, want.decky, want.service), func() bool {
			return slices.ContainsFunc(d.Logs(t, "event:auth_attempt decky:"+want.decky), func(l daemontest.LogRow) bool {
				return l.Service == want.service && l.Attacker == enginetest.AttackerAddr && l.Field("username") == want.username && l.Field("password") == want.password
			})
		})
		daemontest.WaitFor(t, "bounty "+want.password, func() bool {
			var page daemontest.Page[daemontest.BountyRow]
			if err := d.Call(t.Context(), "GET", "/bounty?limit=1000&bounty_type=credential&search="+url.QueryEscape(want.password), nil, &page); err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(page.Data, func(b daemontest.BountyRow) bool {
				return b.Attacker == enginetest.AttackerAddr && b.Decky == want.decky && b.Service == want.service && b.Payload["username"] == want.username
			})
		})
	}
	daemontest.WaitFor(t, "dba on data/mysql", func() bool {
		return slices.ContainsFunc(d.Logs(t, "event:auth_attempt decky:data service:mysql username:dba"), func(l daemontest.LogRow) bool {
			return l.Attacker == enginetest.AttackerAddr && l.Field("secret") != "" && l.Field("challenge") != ""
		})
	})
	for service, command := range map[string]string{"ssh": "id; uname -s", "telnet": "cat /etc/hostname"} {
		daemontest.WaitFor(t, command, func() bool {
			return slices.ContainsFunc(d.Logs(t, "event:command decky:gate service:"+service), func(l daemontest.LogRow) bool {
				return l.Attacker == enginetest.AttackerAddr && strings.Contains(l.Field("command"), command)
			})
		})
	}
	var captured daemontest.LogRow
	daemontest.WaitFor(t, "the file that ssh dropped", func() bool {
		for _, l := range d.Logs(t, "event:file_captured decky:gate service:ssh") {
			if l.Field("orig_path") == "/tmp/implant.sh" {
				captured = l
			}
		}
		return captured.ID != 0
	})
	var content []byte
	if err := d.Call(t.Context(), "GET", "/artifacts/gate/"+captured.Field("stored_as"), nil, &content); err != nil {
		t.Error(err)
	}
	if captured.Attacker != enginetest.AttackerAddr || string(content) != "#!/bin/sh\nrm -rf /\n" {
		t.Errorf("captured from %s: %q", captured.Attacker, content)
	}
	daemontest.WaitFor(t, "the attacker's path", func() bool {
		a := d.Attacker(t, enginetest.AttackerAddr)
		return a != nil && a.IsTraversal && len(a.Deckies) == 5
	})
}

// macOf returns the hardware address that the attacker sees.
func macOf(t *testing.T, lan enginetest.LAN, addr string) string {
	return regexp.MustCompile(`lladdr (\S+)`).FindString(lan.Attack(t, "ip", "neigh", "show", addr))
}

func writeINI(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.ini")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
