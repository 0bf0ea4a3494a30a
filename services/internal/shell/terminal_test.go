package shell

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is the attacker's side of a terminal.
type screen struct {
	t    *testing.T
	keys *io.PipeWriter
	in   *io.PipeReader

	mu   sync.Mutex
	seen bytes.Buffer
	news chan struct{}
	at   int
}

func (s *screen) Read(p []byte) (int, error) { return s.in.Read(p) }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.seen.Write(p)
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

// expect waits until want is printed and returns everything since the last call.
func (s *screen) expect(want string) string {
	s.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		all := s.seen.String()
		s.mu.Unlock()
		if i := strings.Index(all[s.at:], want); i >= 0 {
			got := all[s.at : s.at+i+len(want)]
			s.at += i + len(want)
			return got
		}
		select {
		case <-s.news:
		case <-deadline:
			s.t.Fatalf("no %q in %q", want, all[s.at:])
		}
	}
}

func (s *screen) typed(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Fatal(err)
	}
}

// interactive starts an interactive shell; end waits for its exit status.
func interactive(t *testing.T, sh *Shell, term Terminal) (s *screen, end func() int) {
	t.Helper()
	r, w := io.Pipe()
	s = &screen{t: t, keys: w, in: r, news: make(chan struct{}, 1)}
	status := make(chan int, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	go func() { status <- sh.Interactive(ctx, term, s) }()
	t.Cleanup(func() { _ = w.Close(); cancel() })
	return s, func() int {
		t.Helper()
		select {
		case n := <-status:
			_ = w.Close()
			return n
		case <-time.After(10 * time.Second):
			t.Fatal("the shell does not end")
			return 0
		}
	}
}

// The bytes were recorded from bash 5.2 of Debian 12 behind sshd.
func TestInteractive(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	s, end := interactive(t, sh, Terminal{"xterm", 80, 24})
	prompt := "\x1b[?2004hroot@web-01:~# "
	s.expect(prompt)
	for _, c := range []struct{ typed, want string }{
		{"foo\r", "foo\r\n\x1b[?2004l\r-bash: foo: command not found\r\n" + prompt},
		{"echo hi\r", "echo hi\r\n\x1b[?2004l\rhi\r\n" + prompt},
		{"\r", "\r\n\x1b[?2004l\r" + prompt},
		{"echo \"a\rb\"\r", "echo \"a\r\n\x1b[?2004l\r\x1b[?2004h> b\"\r\n\x1b[?2004l\ra\r\nb\r\n" + prompt},
		{"ls /etc/ho\tname\r", "ls /etc/host\x07name\r\n\x1b[?2004l\r/etc/hostname\r\n" + prompt},
		{"abc\x03", "abc^C\x1b[?2004l\r\r\n" + prompt},
		{"echo one\x15echo two\r", "echo one\b\b\b\b\b\b\b\b\x1b[Kecho two\r\n\x1b[?2004l\rtwo\r\n" + prompt},
		{"echo x y\x17z\r", "echo x y\b\x1b[Kz\r\n\x1b[?2004l\rx z\r\n" + prompt},
		{"\x1b[A\r", "echo x z\x1b[K\r\n\x1b[?2004l\rx z\r\n" + prompt},
		{"cho\x01e\r", "cho\b\b\becho\b\b\b\r\n\x1b[?2004l\r\r\n" + prompt},
		{"\x0c", "\x1b[H\x1b[2J" + "root@web-01:~# "},
	} {
		s.typed(c.typed)
		got := ""
		if strings.HasSuffix(c.want, prompt) {
			got = s.expect(prompt)
			if c.typed == "echo \"a\rb\"\r" {
				got = got[strings.Index(got, "echo"):]
			}
		} else {
			got = s.expect("# ")
		}
		if got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.typed, got, c.want)
		}
	}
	s.typed("\x04")
	if got := s.expect("logout\r\n"); got != "\x1b[?2004l\r\r\nlogout\r\n" {
		t.Errorf("end: %q", got)
	}
	if n := end(); n != 0 {
		t.Errorf("status %d", n)
	}
	if got := b.events.of("command"); len(got) != 8 || got[3].Value("command") != "ls /etc/hostname" || got[0].Value("tty") != "yes" {
		t.Errorf("%d commands: %v", len(got), got)
	}
}

func TestInterrupt(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	s, end := interactive(t, sh, Terminal{"dumb", 80, 24})
	s.expect("# ")
	for _, command := range []string{"sleep 1000", "while :; do :; done", "cat", "yes > /dev/null", "ping 127.0.0.1 | cat", "read x", "tail -f /etc/passwd"} {
		s.typed("echo $((40+2)); " + command + "\r")
		s.expect("42\r\n")
		s.typed("\x03")
		s.expect("^C")
		s.typed("echo status $?\r")
		s.expect("status 130\r\n")
		s.expect("# ")
	}
	s.typed("exit 7\r")
	s.expect("logout")
	if n := end(); n != 7 {
		t.Errorf("status %d", n)
	}
}

func TestTypedInput(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	s, end := interactive(t, sh, Terminal{"dumb", 80, 24})
	s.expect("# ")
	s.typed("echo $((40+2)); cat > /tmp/typed\r")
	s.expect("42\r\n")
	s.typed("line onx\x7fe\r")
	s.expect("\r\n")
	s.typed("\x04")
	s.expect("# ")
	s.typed("cat /tmp/typed\r")
	s.expect("line one\r\n")
	s.expect("# ")
	s.typed("passwd\r")
	s.expect("New password: ")
	s.typed("hunter2\r")
	s.expect("Retype new password: ")
	s.typed("hunter2\r")
	if got := s.expect("passwd: password updated successfully\r\n"); strings.Contains(got, "hunter2") {
		t.Errorf("the password is echoed: %q", got)
	}
	if got := b.events.of("credential_change"); len(got) != 1 || got[0].Value("password") != "hunter2" {
		t.Errorf("credential_change: %v", got)
	}
	s.typed("unset HISTFILE; history | tail -n 1\r")
	s.expect("  unset HISTFILE; history | tail -n 1\r\n")
	s.typed("exit\r")
	end()
}

func TestHistoryIsKept(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	s, end := interactive(t, sh, Terminal{"dumb", 80, 24})
	s.expect("# ")
	s.typed("echo remember me\r")
	s.expect("remember me\r\n")
	s.typed("exit\r")
	end()
	sh.Close()
	again := b.login("root", "192.0.2.7:4712")
	if out, _, _ := b.run(again, "tail -n 2 ~/.bash_history", ""); out != "echo remember me\nexit\n" {
		t.Errorf("%q", out)
	}
	if got := b.events.of("file_captured"); len(got) != 0 {
		t.Errorf("the history is reported as an upload: %v", got)
	}
	if got := again.LastLogin(); got != "Last login: Sat Mar 14 09:26:53 2026 from 192.0.2.7\n" {
		t.Errorf("%q", got)
	}
}

// A connection that breaks ends whatever runs.
func TestHangup(t *testing.T) {
	b := newBox(t, "debian", Options{})
	for _, command := range []string{"", "sleep 1000\r", "cat\r", "yes\r", "su\r", "read x\r", "echo 'open\r"} {
		sh := b.login("root", "192.0.2.7:4711")
		s, end := interactive(t, sh, Terminal{"xterm", 80, 24})
		s.expect("# ")
		s.typed(command)
		if command != "" {
			s.expect("\r\n")
		}
		_ = s.keys.CloseWithError(io.ErrUnexpectedEOF)
		end()
		sh.Close()
	}
}

func TestPrompts(t *testing.T) {
	for distro, want := range map[string]string{
		"debian": "\x1b[?2004hroot@web-01:~# ", "ubuntu22": "\x1b[?2004h\x1b]0;root@web-01: ~\aroot@web-01:~# ", "ubuntu20": "\x1b]0;root@web-01: ~\aroot@web-01:~# ",
		"rocky9": "\x1b]0;root@web-01:~\a\x1b[?2004h[root@web-01 ~]# ", "centos7": "\x1b]0;root@web-01:~\a[root@web-01 ~]# ", "alpine": "web-01:~# ",
	} {
		t.Run(distro, func(t *testing.T) {
			b := newBox(t, distro, Options{})
			s, end := interactive(t, b.login("root", "192.0.2.7:4711"), Terminal{"xterm-256color", 80, 24})
			if got := s.expect("# "); got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
			s.typed("exit\r")
			end()
		})
	}
}

// TestExecTerminal runs commands that have a terminal without being a log-in shell.
func TestExecTerminal(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	exec := func(command, typed, last string) (string, int) {
		t.Helper()
		r, w := io.Pipe()
		s := &screen{t: t, keys: w, in: r, news: make(chan struct{}, 1)}
		status := make(chan int, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		go func() { status <- sh.ExecTerminal(ctx, command, Terminal{"xterm", 132, 50}, s) }()
		for _, line := range strings.SplitAfter(typed, "\r") {
			if line != "" {
				s.typed(line)
			}
		}
		got := s.expect(last)
		n := <-status
		_ = w.Close()
		return got, n
	}
	for _, c := range []struct {
		command, typed, want string
		status               int
	}{
		{"tty; stty size; echo $TERM $SSH_TTY", "", "/dev/pts/0\r\n50 132\r\nxterm /dev/pts/0\r\n", 0},
		{"[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo yes", "", "yes\r\n", 0},
		{"ps -o tty,args", "", "TT    COMMAND\r\npts/0 ps -o tty,args\r\n", 0},
		{"read -p 'x? ' x; echo got $x", "y\r", "got y\r\n", 0},
		{"exit 3 2>/dev/tty; echo no", "", "", 3},
		{"sleep 30; echo no", "\x03", "^C", 130},
	} {
		got, status := exec(c.command, c.typed, c.want)
		if c.typed == "" && got != c.want || status != c.status {
			t.Errorf("%s: %q, status %d", c.command, got, status)
		}
	}
	if len(sh.terminals) != 0 {
		t.Errorf("%d terminals are left", len(sh.terminals))
	}
	if e := b.events.of("command"); len(e) == 0 || e[0].Value("tty") != "yes" {
		t.Errorf("events: %v", e)
	}
}

// TestShellOnExecTerminal starts a shell with a prompt, as "ssh -t host bash -i" does.
func TestShellOnExecTerminal(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	r, w := io.Pipe()
	s := &screen{t: t, keys: w, in: r, news: make(chan struct{}, 1)}
	status := make(chan int, 1)
	go func() { status <- sh.ExecTerminal(t.Context(), "bash -i; echo left", Terminal{"vt220", 80, 24}, s) }()
	s.expect("root@web-01:~# ")
	sh.Resize(100, 40)
	s.typed("stty size; sleep 30\r")
	s.expect("40 100\r\n")
	s.typed("\x03")
	s.expect("root@web-01:~# ")
	s.typed("\x04")
	s.expect("exit\r\nleft\r\n")
	if n := <-status; n != 0 && n != 130 {
		t.Errorf("status %d", n)
	}
	_ = w.Close()
}

// TestInputEndsBeforeTheProgram is "echo command | ssh -tt host".
func TestInputEndsBeforeTheProgram(t *testing.T) {
	b := newBox(t, "debian", Options{})
	sh := b.login("root", "192.0.2.7:4711")
	s, end := interactive(t, sh, Terminal{"vt220", 80, 24})
	s.typed("sleep 0.2; echo o$((1))ne\recho t$((1))wo\r")
	_ = s.keys.Close()
	s.expect("o1ne\r\n")
	s.expect("t1wo\r\n")
	end()
}
