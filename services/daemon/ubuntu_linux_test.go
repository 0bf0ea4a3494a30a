//go:build ubuntu

package daemon_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/decnet/decnet/collector/capture"
	"github.com/decnet/decnet/internal/enginetest"
)

const ubuntu = "10.99.0.13"

const ubuntuFleet = `[ubuntu22]
ip = 10.99.0.13
services = ssh, telnet
[ubuntu22.ssh]
daemon = real
password = letmein
[ubuntu22.telnet]
daemon = real
password = letmein
`

// TestUbuntu attacks the daemons of another distribution, whose packages come from an archive
// of its own: make ubuntu fetches them and runs it.
func TestUbuntu(t *testing.T) {
	l := newLab(t, ubuntuFleet)
	for _, port := range []string{"22", "23"} {
		l.ready(t, ubuntu, port)
	}
	if out := l.lan.Attack(t, "nmap", "-Pn", "-n", "-p", "22", "-sV", ubuntu); !regexp.MustCompile(`OpenSSH 8\.9p1 Ubuntu 3`).MatchString(out) {
		t.Errorf("nmap says\n%s", out)
	}
	const c = "ubuntu22-ssh"
	l.ssh(t, "wrong", "", "ssh", "ghost@"+ubuntu, "id")
	l.wait(t, c, "auth_attempt", "username", "ghost", "password", "wrong", "outcome", "failure", "src_ip", enginetest.AttackerAddr)
	if out := l.ssh(t, "letmein", "", "ssh", "root@"+ubuntu, "head -n 1 /etc/os-release"); out != "PRETTY_NAME=\"Ubuntu 22.04 LTS\"\n" && !strings.HasPrefix(out, "PRETTY_NAME=\"Ubuntu 22.04.") {
		t.Errorf("the machine says %q", out)
	}
	l.wait(t, c, "auth_attempt", "username", "root", "password", "letmein", "outcome", "success")
	e := l.wait(t, c, "session")
	if e.Decky != "ubuntu22" || len(e.Value("hassh")) != 32 {
		t.Errorf("%+v", e)
	}
	l.wait(t, c, "command", "command", "head -n 1 /etc/os-release", "user", "root", "pwd", "/root")
	typed := []string{"cd /tmp", "for i in 1 2; do echo $i; done", "exit"}
	l.ssh(t, "letmein", strings.Join(typed, "\n")+"\n", "ssh", "-tt", "root@"+ubuntu)
	for _, line := range typed {
		l.wait(t, c, "command", "command", line)
	}
	_, files, seen, stop := l.watched(t, capture.Options{}, capture.Container{Decky: "ubuntu22", Service: "ssh"})
	defer stop()
	kept := seen.until(t, func(i int) {
		l.ssh(t, "letmein", "", "ssh", "root@"+ubuntu, fmt.Sprintf("echo kept > /tmp/kept%d", i))
	}, "file_captured")
	if e := kept; e.Attacker.String() != enginetest.AttackerAddr || e.Value("size") != "5" {
		t.Errorf("%v", e.Fields)
	} else if f, err := files.Open("ubuntu22", e.Value("stored_as")); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	telnetDialogue(t, l, ubuntu, `expect "login: "; send "root\r"; expect "assword: "; send "boo\r"; expect "incorrect"
expect "login: "; send "root\r"; expect "assword: "; send "letmein\r"; expect "# "; send "cat /etc/issue.net\r"; expect "Ubuntu 22.04"; expect "# "; send "exit\r"; expect eof
`)
	l.wait(t, "ubuntu22-telnet", "auth_attempt", "username", "root", "password", "boo", "outcome", "failure")
	l.wait(t, "ubuntu22-telnet", "auth_attempt", "username", "root", "password", "letmein", "outcome", "success")
	l.wait(t, "ubuntu22-telnet", "command", "command", "cat /etc/issue.net")
}
