package telnet_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
)

func portOf(d *servicetest.Decky) string {
	_, p, _ := net.SplitHostPort(d.Addrs[port].String())
	return p
}

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Skipf("%s is not installed", args[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestTelnetClient lets expect drive the telnet of the system through a wrong and a right
// password and a session, for each of the programs that we can be.
func TestTelnetClient(t *testing.T) {
	if _, err := exec.LookPath("telnet"); err != nil {
		t.Skip("telnet is not installed")
	}
	for _, program := range []string{"inetutils", "netkit", "busybox"} {
		t.Run(program, func(t *testing.T) {
			d := start(t, quick("telnetd", program), services.Env{})
			script := `set timeout 20
set env(TERM) vt220
set stty_init "rows 40 cols 120"
spawn telnet 127.0.0.1 ` + portOf(d) + `
proc want {text} { expect $text {} timeout { puts "NO $text"; exit 9 } eof { puts "END before $text"; exit 8 } }
want "srv-b-17 login: "; send "root\r"
want "Password: "; send "wrong\r"
want "Login incorrect"
want "srv-b-17 login: "; send "root\r"
want "Password: "; send "s3cret\r"
want "# "; send "echo a\$((1+1))b; stty size\r"
want "a2b"
want "40 120"
want "# "; send "exit\r"
expect eof
`
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := run(t, "expect", "-f", file); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "wrong", "outcome": "failure"})
			d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "s3cret", "outcome": "success"})
			d.Wait(t, "command", map[string]string{"command": "echo a$((1+1))b; stty size"})
			if program != "busybox" {
				d.Wait(t, "session", map[string]string{"terminal": "vt220", "width": "120", "height": "40"})
			}
		})
	}
}

func TestBruteForcers(t *testing.T) {
	passwords := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(passwords, []byte("123456\ns3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		telnetd string
		args    func(port string) []string
		want    string
	}{
		"hydra": {"inetutils", func(p string) []string {
			return []string{"hydra", "-I", "-l", "root", "-P", passwords, "-t", "2", "-s", p, "telnet://127.0.0.1"}
		}, "password: s3cret"},
		// medusa 2.2 does not get through the negotiation of the real inetutils either.
		"medusa": {"busybox", func(p string) []string {
			return []string{"medusa", "-h", "127.0.0.1", "-n", p, "-u", "root", "-P", passwords, "-M", "telnet"}
		}, "ACCOUNT FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, quick("telnetd", c.telnetd), services.Env{})
			out, err := run(t, c.args(portOf(d))...)
			if err != nil || !strings.Contains(out, c.want) {
				t.Errorf("%v: %s", err, out)
			}
			d.Wait(t, "auth_attempt", map[string]string{"username": "root", "password": "123456", "outcome": "failure"})
		})
	}
}
