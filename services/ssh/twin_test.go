package ssh_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/servicetest"
	"github.com/decnet/decnet/services/ssh"
)

// twin starts the real sshd with the defaults of its package and returns its address.
func twin(t *testing.T) string {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		if sshd, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			t.Skip("sshd is not installed")
		}
	}
	if os.Getuid() != 0 {
		t.Skip("sshd needs root for its privilege separation directory")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	var keys strings.Builder
	for _, kind := range []string{"rsa", "ecdsa", "ed25519"} {
		file := filepath.Join(dir, kind)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
		fmt.Fprintln(&keys, "HostKey", file)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	config := filepath.Join(dir, "sshd_config")
	text := fmt.Sprintf("%sPort %d\nListenAddress 127.0.0.1\nUsePAM no\nPidFile none\nKbdInteractiveAuthentication no\n"+
		"MaxStartups 200\nSubsystem sftp /usr/lib/openssh/sftp-server\n", keys.String(), addr.Port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sshd, "-D", "-f", config, "-E", filepath.Join(dir, "log"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", addr.String())
		if err == nil {
			c.Close()
			return addr.String()
		}
		if time.Now().After(end) {
			t.Fatal("sshd does not listen: ", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// twins returns the real server and ours with the same identification line.
func twins(t *testing.T) (theirs, ours string) {
	t.Helper()
	theirs = twin(t)
	version := strings.TrimPrefix(strings.TrimSpace(string(answer(t, theirs, "", 10*time.Second).data)), "SSH-2.0-")
	d := servicetest.Start(t, ssh.Service{}, services.Config{"fail_delay": "0", "version": version}, 1, services.Env{})
	cfg := clientConfig("root", gossh.Password("admin"))
	cfg.HostKeyAlgorithms = []string{"rsa-sha2-512"} // a running machine has its keys
	logIn(t, d, cfg).Close()
	return theirs, d.Addrs[port].String()
}

// heard is what a server said and how the connection stood afterwards.
type heard struct {
	data []byte
	end  string // "closed", "reset" or "open"
}

// answer sends opening to a server and listens until it ends the connection, or
// patience ends. An empty opening ends our side.
func answer(t *testing.T, addr, opening string, patience time.Duration) heard {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if opening == "" {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	_, _ = io.WriteString(c, opening)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	data, err := io.ReadAll(c)
	switch {
	case err == nil:
		return heard{data, "closed"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return heard{data, "open"}
	case errors.Is(err, syscall.ECONNRESET):
		return heard{data, "reset"}
	}
	t.Fatal(err)
	return heard{}
}

// withoutCookie blanks the one random part of a KEXINIT after an identification line.
func withoutCookie(b []byte) []byte {
	line := bytes.IndexByte(b, '\n') + 1
	const cookie = 6
	if len(b) > line+cookie+16 && b[line+5] == 20 {
		clear(b[line+cookie : line+cookie+16])
	}
	return b
}

// packet is an SSH packet before encryption.
func packet(payload string) string {
	pad := 8 - (5+len(payload))%8
	if pad < 4 {
		pad += 8
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	b = append(append(b, byte(pad)), payload...)
	return string(append(b, make([]byte, pad)...))
}

func nameList(s string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// kexInit is a client's KEXINIT with one choice of each kind.
func kexInit(kex, hostKey, cipher, mac, compression string) string {
	p := "\x14" + strings.Repeat("C", 16)
	for _, l := range []string{kex, hostKey, cipher, cipher, mac, mac, compression, compression, "", ""} {
		p += nameList(l)
	}
	return packet(p + "\x00\x00\x00\x00\x00")
}

// openings are the first bytes of all sorts of clients.
func openings() map[string]string {
	const hello = "SSH-2.0-foo\r\n"
	usual := func(kex string) string {
		return hello + kexInit(kex, "ssh-ed25519", "aes128-ctr", "hmac-sha2-256", "none")
	}
	const curve, strict = "curve25519-sha256", "curve25519-sha256,kex-strict-c-v00@openssh.com"
	return map[string]string{
		"nothing": "", "line feed": "\n", "CR LF": "\r\n", "http": "GET / HTTP/1.0\r\n\r\n",
		"protocol 1.5": "SSH-1.5-foo\r\n", "protocol 1.99": "SSH-1.99-foo\r\n", "protocol 3": "SSH-3.0-foo\r\n", "protocol 2.5": "SSH-2.5-foo\r\n",
		"lower case": "ssh-2.0-foo\r\n", "no version": "SSH-\r\n", "no software": "SSH-2.0-\r\n", "blank software": "SSH-2.0- \r\n",
		"300 bytes": "SSH-2.0-" + strings.Repeat("A", 300) + "\r\n", "9000 bytes": "SSH-2.0-" + strings.Repeat("A", 9000) + "\r\n",
		"9000 bytes of no line": strings.Repeat("A", 9000), "NUL": "SSH-2.0-a\x00b\r\n", "lines before": "hello\r\n" + hello,
		"high bytes": "\xff\xfe\x80\n", "TLS": "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\n", "CR inside": "SSH-2.0-foo\rbar\r\n",
		"text for a packet": hello + strings.Repeat("A", 32), "zeros": hello + strings.Repeat("\x00", 64),
		"huge packet": hello + "\x7f\xff\xff\xff" + strings.Repeat("\x00", 60), "small packet": hello + "\x00\x00\x00\x04\x03\x00\x00\x00" + strings.Repeat("\x00", 60),
		"unaligned packet": hello + "\x00\x00\x00\x0d\x04\x14" + strings.Repeat("\x00", 60),
		"IGNORE":           hello + packet("\x02\x00\x00\x00\x00"), "message 50": hello + packet("\x32"), "NEWKEYS": hello + packet("\x15"),
		"empty KEXINIT": hello + packet("\x14"), "service request": hello + packet("\x05"+nameList("ssh-userauth")),
		"DISCONNECT": hello + packet("\x01\x00\x00\x00\x0b"+nameList("bye")+nameList("")),
		"no kex":     hello + kexInit("nope", "ssh-ed25519", "aes128-ctr", "hmac-sha2-256", "none"), "no host key": hello + kexInit(curve, "nope", "aes128-ctr", "hmac-sha2-256", "none"),
		"no cipher": hello + kexInit(curve, "ssh-ed25519", "nope", "hmac-sha2-256", "none"), "no MAC": hello + kexInit(curve, "ssh-ed25519", "aes128-ctr", "nope", "none"),
		"no compression":    hello + kexInit(curve, "ssh-ed25519", "aes128-ctr", "hmac-sha2-256", "nope"),
		"message 50 in kex": usual(curve) + packet("\x32"), "bad point": usual(curve) + packet("\x1e"+nameList("abcde")),
		"zero point": usual(curve) + packet("\x1e"+nameList(strings.Repeat("\x00", 32))), "second KEXINIT": usual(curve) + packet("\x14"),
		"IGNORE in strict kex": usual(strict) + packet("\x02\x00\x00\x00\x00"), "unknown type in kex": usual(curve) + packet("\xc0"),
		"service request in kex": usual(curve) + packet("\x05"+nameList("ssh-userauth")), "IGNORE before strict kex": hello + packet("\x02\x00\x00\x00\x00") + strings.TrimPrefix(usual(strict), hello),
		"group too small": usual("diffie-hellman-group-exchange-sha256") + packet("\x22\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x04\x00"),
		"zero in group":   usual("diffie-hellman-group14-sha256") + packet("\x1e"+nameList("")),
		"short ntru":      usual("sntrup761x25519-sha512@openssh.com") + packet("\x1e"+nameList("abc")),
	}
}

// TestTwinAnswersEveryOpeningAlike compares all that is said before encryption, byte for
// byte, and whether the connection is closed, reset or held open.
func TestTwinAnswersEveryOpeningAlike(t *testing.T) {
	theirs, ours := twins(t)
	var wg sync.WaitGroup
	for name, opening := range openings() {
		wg.Go(func() {
			var want, got heard
			for _, patience := range []time.Duration{1500 * time.Millisecond, 15 * time.Second} {
				want, got = answer(t, theirs, opening, patience), answer(t, ours, opening, patience)
				if want.end == got.end && bytes.Equal(withoutCookie(want.data), withoutCookie(got.data)) {
					return
				}
			}
			t.Errorf("%s:\n sshd said %q and %s\n we said %q and %s", name, want.data, want.end, got.data, got.end)
		})
	}
	wg.Wait()
}

// TestTwinInTheEyesOfScanners compares the reports of ssh-audit and of nmap's scripts.
func TestTwinInTheEyesOfScanners(t *testing.T) {
	theirs, ours := twins(t)
	for name, command := range map[string]func(host, port string) []string{
		"ssh-audit": func(host, port string) []string { return []string{"ssh-audit", "-n", "-p", port, host} },
		"nmap": func(host, port string) []string {
			return []string{"nmap", "-Pn", "-n", "-sV", "-p", port, "--script", "ssh2-enum-algos,ssh-auth-methods,sshv1,banner", host}
		},
	} {
		if _, err := exec.LookPath(name); err != nil {
			t.Logf("%s is not installed, not compared", name)
			continue
		}
		report := func(addr string) string {
			host, port, _ := net.SplitHostPort(addr)
			args := command(host, port)
			out, _ := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput() // ssh-audit's status tells its verdict
			var keep []string
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "SHA256:") || strings.Contains(line, "scanned in") || strings.Contains(line, "Starting Nmap") || strings.Contains(line, "latency") {
					continue
				}
				line = strings.Replace(line, "|_", "| ", 1) // marks the last line of what came last
				keep = append(keep, strings.Join(strings.Fields(strings.ReplaceAll(line, port, "PORT")), " "))
			}
			slices.Sort(keep) // scripts report in the order in which they end
			return strings.Join(keep, "\n")
		}
		if want, got := report(theirs), report(ours); want != got || !strings.Contains(got, "OpenSSH") {
			t.Errorf("%s sees sshd as\n%s\nand us as\n%s", name, want, got)
		}
	}
}
