package daemon_test

import (
	"strings"
	"testing"
)

const sshFleet = "[vault]\nip = 10.99.0.11\nservices = ssh\narchetype = deaddeck\n" +
	"[vault.ssh]\ndaemon = real\npassword = letmein\nusers = deploy:s3cret\n"

func TestSSH(t *testing.T) {
	l := newLab(t, sshFleet)
	const c, addr = "vault-ssh", "10.99.0.11"
	l.ready(t, addr, "22")
	t.Log(l.ssh(t, "letmein", "", "ssh", "root@"+addr, "id; tty; ps aux; mount; df -h; env; cat /proc/1/environ /proc/1/cgroup; ls -la /proc/1/exe /proc/1/fd; ls -la / /root"))
	t.Log(l.ssh(t, "wrong1", "", "ssh", "root@"+addr, "id"))
	t.Log(l.ssh(t, "h\xffm ]\\\"", "", "ssh", "nobody-knows@"+addr, "id"))
	t.Log(l.ssh(t, "letmein", "uname -a\nunset HISTFILE\nfor i in 1 2; do echo $i; done\n(id)\nls /nonexistent | wc\nexit\n", "ssh", "-tt", "root@"+addr))
	t.Log(l.ssh(t, "s3cret", "", "ssh", "deploy@"+addr, "id; sudo -n id; su -c id"))
	for _, e := range l.events(t, c) {
		t.Log(e.Type, e.Fields)
	}
	t.Log(strings.TrimSpace(l.Docker(t, "stats", "--no-stream", "--format", "{{.MemUsage}}", c)))
}
