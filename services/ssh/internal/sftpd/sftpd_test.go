package sftpd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/internal/shell"
	"github.com/decnet/decnet/services/ssh/internal/sftpd"
)

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// machine is a file tree to serve.
func machine() *shell.Shell {
	env := services.Env{Decky: "d", Identity: services.Identity{Hostname: "web", Distro: "debian"}, Now: now}.Complete()
	m := shell.NewMachine(env.Identity, now, shell.Options{})
	return m.Login(env.PacketSession("ssh", netip.MustParseAddrPort("192.0.2.1:4000")), "root")
}

func u32(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
func u64(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
func str(s string) string { return u32(uint32(len(s))) + s }

func message(kind byte, body string) string {
	return u32(uint32(len(body)+1)) + string([]byte{kind}) + body
}

const initialize = "\x00\x00\x00\x05\x01\x00\x00\x00\x03"

// exchange serves in and returns the answers.
func exchange(t testing.TB, in string) []string {
	t.Helper()
	sh := machine()
	defer sh.Close()
	var out bytes.Buffer
	_ = sftpd.Serve(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(in), &out}, sftpd.Server{Files: sh.Files(), Home: sh.Home(), Now: now, Blocks: 10 << 20})
	return split(t, out.Bytes())
}

func split(t testing.TB, b []byte) (answers []string) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 4 || uint32(len(b)-4) < binary.BigEndian.Uint32(b) {
			t.Fatalf("the last answer is cut off: %x", b)
		}
		n := 4 + binary.BigEndian.Uint32(b)
		answers = append(answers, string(b[4:n]))
		b = b[n:]
	}
	return answers
}

// requests are those whose answers do not depend on what is on the disk.
func requests() map[string]string {
	id := u32(9)
	handle := func(n uint32) string { return str(u32(n)) }
	attrs := u32(0)
	extended := func(name, body string) string { return message(200, id+str(name)+body) }
	return map[string]string{
		"init again":          initialize,
		"stat of nothing":     message(17, id+str("/nosuch")),
		"lstat of nothing":    message(7, id+str("/nosuch/x")),
		"realpath of nothing": message(16, id+str("/nosuch/x/y")),
		"realpath":            message(16, id+str("/etc/../tmp/nosuch")),
		"open nothing":        message(3, id+str("/nosuch")+u32(1)+attrs),
		"open below a file":   message(3, id+str("/etc/passwd/x")+u32(1)+attrs),
		"open exclusively":    message(3, id+str("/etc/passwd")+u32(2|8|32)+attrs),
		"write to directory":  message(3, id+str("/etc")+u32(2)+attrs),
		"open and close":      message(3, id+str("/etc/passwd")+u32(1)+attrs) + message(4, id+handle(0)) + message(4, id+handle(0)),
		"read past the end":   message(3, id+str("/etc/passwd")+u32(1)+attrs) + message(5, id+handle(0)+u64(1<<40)+u32(10)),
		"write while reading": message(3, id+str("/etc/passwd")+u32(1)+attrs) + message(6, id+handle(0)+u64(0)+str("x")),
		"read nothing open":   message(5, id+handle(3)+u64(0)+u32(10)),
		"bad handle":          message(5, id+str("zz")+u64(0)+u32(10)),
		"write nothing open":  message(6, id+handle(3)+u64(0)+str("x")),
		"fstat nothing open":  message(8, id+handle(3)),
		"close nothing open":  message(4, id+handle(7)),
		"opendir of a file":   message(11, id+str("/etc/passwd")),
		"readdir of a file":   message(3, id+str("/etc/passwd")+u32(1)+attrs) + message(12, id+handle(0)),
		"read a directory":    message(11, id+str("/etc")) + message(5, id+handle(0)+u64(0)+u32(10)),
		"mkdir of what is":    message(14, id+str("/etc")+attrs),
		"mkdir in nothing":    message(14, id+str("/nosuch/x")+attrs),
		"rmdir with content":  message(15, id+str("/etc")),
		"rmdir of a file":     message(15, id+str("/etc/passwd")),
		"rmdir of nothing":    message(15, id+str("/nosuch")),
		"remove a directory":  message(13, id+str("/etc")),
		"remove nothing":      message(13, id+str("/nosuch")),
		"readlink of a file":  message(19, id+str("/etc/passwd")),
		"rename onto a file":  message(18, id+str("/etc/passwd")+str("/etc/group")),
		"rename nothing":      message(18, id+str("/nosuch")+str("/nosuch2")),
		"symlink onto a file": message(20, id+str("x")+str("/etc/passwd")),
		"setstat of nothing":  message(9, id+str("/nosuch")+u32(4)+u32(0o644)),
		"fsetstat of nothing": message(10, id+handle(1)+u32(4)+u32(0o644)),
		"unknown extension":   extended("x@y", ""),
		"limits":              extended("limits@openssh.com", ""),
		"expand a home":       extended("expand-path@openssh.com", str("~root/x")),
		"expand nobody":       extended("expand-path@openssh.com", str("~nouser/x")),
		"home":                extended("home-directory", str("root")),
		"users and groups":    extended("users-groups-by-id@openssh.com", str(u32(0)+u32(99999))+str(u32(0))),
		"fsync of nothing":    extended("fsync@openssh.com", str("q")),
		"hardlink of nothing": extended("hardlink@openssh.com", str("/nosuch")+str("/tmp/x")),
		"statvfs of nothing":  extended("statvfs@openssh.com", str("/nosuch")),
		"posix-rename":        extended("posix-rename@openssh.com", str("/nosuch")+str("/nosuch2")),
		"huge message":        "\x7f\xff\xff\xff\x01",
		"field too long":      message(17, id+"\x00\x00\x00\x50x"),
	}
}

// TestTwin holds the answers to those of the real sftp-server, byte for byte. None of the
// requests changes anything.
func TestTwin(t *testing.T) {
	const server = "/usr/lib/openssh/sftp-server"
	if _, err := exec.LookPath(server); err != nil {
		t.Skip("sftp-server is not installed")
	}
	for name, request := range requests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := initialize + request + last
			want, got := askTwin(t, server, in), exchange(t, in)
			if fmt.Sprintf("%q", want) != fmt.Sprintf("%q", got) {
				t.Errorf("sftp-server answers\n%q\nand we\n%q", want, got)
			}
		})
	}
}

// last is a request whose answer shows that all before it have been answered.
var last = message(16, u32(0xfeed)+str("/"))

func askTwin(t *testing.T, server, in string) (answers []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, server)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		_ = cmd.Wait() // it has a status of its own for what it cannot take
	}()
	if _, err := io.WriteString(stdin, in); err != nil {
		t.Fatal(err)
	}
	for {
		var size [4]byte
		if _, err := io.ReadFull(stdout, size[:]); err != nil {
			return answers
		}
		answer := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(stdout, answer); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, string(answer))
		if strings.HasPrefix(string(answer[1:]), u32(0xfeed)) {
			return answers
		}
	}
}

func TestNothingBeforeInit(t *testing.T) {
	if got := exchange(t, message(16, u32(1)+str("."))); len(got) != 0 {
		t.Errorf("answered %q", got)
	}
}

func Example() {
	sh := machine()
	defer sh.Close()
	var out bytes.Buffer
	rw := struct {
		io.Reader
		io.Writer
	}{strings.NewReader(initialize + message(16, u32(1)+str("."))), &out}
	err := sftpd.Serve(rw, sftpd.Server{Files: sh.Files(), Home: sh.Home()})
	fmt.Println(err, strings.Contains(out.String(), "/root"))
	// Output: <nil> true
}

func FuzzServe(f *testing.F) {
	for _, r := range requests() {
		f.Add([]byte(initialize + r))
	}
	f.Fuzz(func(t *testing.T, in []byte) { exchange(t, string(in)) })
}

// TestUnknownMessagesGetNoAnswer is beside the twin, which does not look at what follows
// such a message before something new arrives.
func TestUnknownMessagesGetNoAnswer(t *testing.T) {
	if got := exchange(t, initialize+message(99, u32(1)+"x")+last); len(got) != 2 {
		t.Errorf("answered %q", got)
	}
}
