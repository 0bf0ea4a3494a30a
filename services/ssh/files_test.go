package ssh_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	gossh "golang.org/x/crypto/ssh"
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestSFTP(t *testing.T) {
	d := start(t, quick())
	client, err := sftp.NewClient(root(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if wd, err := client.Getwd(); err != nil || wd != "/root" {
		t.Errorf("starts in %q, %v", wd, err)
	}
	payload := bytes.Repeat([]byte("\x7fELF attack "), 20000)
	f, err := client.Create("/tmp/x y;.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(bytes.NewReader(payload)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	d.Wait(t, "file_captured", map[string]string{"sha256": sum(payload), "size": fmt.Sprint(len(payload)), "orig_path": "/tmp/x y;.bin"})
	if err := client.Chmod("/tmp/x y;.bin", 0o755); err != nil {
		t.Error(err)
	}
	if err := client.PosixRename("/tmp/x y;.bin", "/tmp/.x"); err != nil {
		t.Error(err)
	}
	info, err := client.Stat("/tmp/.x")
	if err != nil || info.Mode().Perm() != 0o755 || info.Size() != int64(len(payload)) {
		t.Errorf("after upload, chmod and rename: %v, %v", info, err)
	}
	back, err := client.Open("/tmp/.x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(back); err != nil || !bytes.Equal(got, payload) {
		t.Errorf("read back %d bytes, %v", len(got), err)
	}
	list, err := client.ReadDir("/etc")
	if err != nil || len(list) < 10 {
		t.Errorf("/etc has %d entries, %v", len(list), err)
	}
	if _, err := client.Stat("/nosuch"); err == nil || !strings.Contains(err.Error(), "not exist") {
		t.Errorf("stat of nothing: %v", err)
	}
	if err := client.MkdirAll("/tmp/a/b"); err != nil {
		t.Error(err)
	}
	if err := client.Symlink("/etc/passwd", "/tmp/a/p"); err != nil {
		t.Error(err)
	}
	if target, err := client.ReadLink("/tmp/a/p"); err != nil || target != "/etc/passwd" {
		t.Errorf("link to %q, %v", target, err)
	}
	if err := client.RemoveDirectory("/tmp/a"); err == nil {
		t.Error("a directory that is not empty was removed")
	}
	if _, err := client.StatVFS("/"); err != nil {
		t.Error(err)
	}
	d.Wait(t, "subsystem", map[string]string{"name": "sftp"})
	d.Wait(t, "file_request", map[string]string{"request": "rename", "path": "/tmp/x y;.bin", "target": "/tmp/.x"})
}

// TestW49SFTPHandlesAreBounded opens files without end.
func TestW49SFTPHandlesAreBounded(t *testing.T) {
	d := start(t, quick())
	client, err := sftp.NewClient(root(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := range 300 {
		if _, err := client.Open("/etc/passwd"); err != nil {
			if i != 256 {
				t.Errorf("file %d: %v", i+1, err)
			}
			return
		}
	}
	t.Error("300 files are open")
}

// scpSession runs one scp command and talks its protocol: each step is what to send and
// what must come back.
func scpSession(t *testing.T, client *gossh.Client, command string, steps ...string) int {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(command); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(steps); i += 2 {
		if _, err := io.WriteString(in, steps[i]); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(steps[i+1]))
		if n, err := io.ReadFull(out, got); string(got) != steps[i+1] {
			t.Fatalf("%s: after %q got %q (%v), want %q", command, steps[i], got[:n], err, steps[i+1])
		}
	}
	in.Close()
	err = session.Wait()
	var exit *gossh.ExitError
	if errors.As(err, &exit) {
		return exit.ExitStatus()
	}
	if err != nil {
		t.Error(err)
	}
	return 0
}

func TestSCP(t *testing.T) {
	d := start(t, quick())
	client := root(t, d)
	if status := scpSession(t, client, "scp -t /tmp",
		"", "\x00",
		"C0644 5 a.sh\n", "\x00",
		"hello\x00", "\x00"); status != 0 {
		t.Errorf("upload ended with %d", status)
	}
	d.Wait(t, "file_captured", map[string]string{"orig_path": "/tmp/a.sh", "size": "5", "sha256": sum([]byte("hello"))})
	d.Wait(t, "command", map[string]string{"command": "scp -t /tmp"})
	if status := scpSession(t, client, "scp -r -p -t /tmp",
		"", "\x00",
		"T1700000000 0 1700000000 0\n", "\x00",
		"D0755 0 kit\n", "\x00",
		"T1600000000 0 1600000000 0\n", "\x00",
		"C0600 3 run\n", "\x00",
		"abc\x00", "\x00",
		"E\n", "\x00"); status != 0 {
		t.Errorf("recursive upload ended with %d", status)
	}
	if status := scpSession(t, client, "scp -p -f '/tmp/kit/run'",
		"\x00", "T1600000000 0 1600000000 0\n",
		"\x00", "C0600 3 run\n",
		"\x00", "abc\x00",
		"\x00", ""); status != 0 {
		t.Errorf("download ended with %d", status)
	}
	if status := scpSession(t, client, "scp -r -f /tmp/kit",
		"\x00", "D0755 0 kit\n",
		"\x00", "C0600 3 run\n",
		"\x00", "abc\x00",
		"\x00", "E\n",
		"\x00", ""); status != 0 {
		t.Errorf("recursive download ended with %d", status)
	}
}

func TestSCPErrors(t *testing.T) {
	d := start(t, quick())
	client := root(t, d)
	for _, c := range []struct {
		name, command string
		steps         []string
	}{
		{"missing file", "scp -f /nosuch", []string{"\x00", "\x01scp: /nosuch: No such file or directory\n"}},
		{"directory", "scp -f /etc", []string{"\x00", "\x01scp: /etc: not a regular file\n"}},
		{"no target directory", "scp -d -t /nosuch", []string{"", "\x01scp: /nosuch: No such file or directory\n"}},
		{"not a directory", "scp -d -t /etc/passwd", []string{"", "\x01scp: /etc/passwd: Not a directory\n"}},
		{"two targets", "scp -t a b", []string{"", "\x01scp: ambiguous target\n"}},
		{"traversal", "scp -t /tmp", []string{"", "\x00", "C0644 1 ../x\n", "\x01scp: error: unexpected filename: ../x\n"}},
		{"mode", "scp -t /tmp", []string{"", "\x00", "C06x4 1 x\n", "\x01scp: protocol error: bad mode\n"}},
		{"size", "scp -t /tmp", []string{"", "\x00", "C0644 -1 x\n", "\x01scp: protocol error: size not present\n"}},
		{"huge size", "scp -t /tmp", []string{"", "\x00", "C0644 99999999999999999999 x\n", "\x01scp: protocol error: size out of range\n"}},
		{"record", "scp -t /tmp", []string{"", "\x00", "hello\n", "\x01scp: hello\n"}},
		{"directory without -r", "scp -t /tmp", []string{"", "\x00", "D0755 0 x\n", "\x01scp: protocol error: received directory without -r\n"}},
	} {
		if status := scpSession(t, client, c.command, c.steps...); status != 1 {
			t.Errorf("%s: exit status %d", c.name, status)
		}
	}
}
