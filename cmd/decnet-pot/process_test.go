package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/rfc5424"
)

const (
	holder = `{"decky":"web","ip":"127.0.0.1"}`
	redis  = `{"decky":"web","service":"redis","ip":"127.0.0.1","hostname":"db","distro":"debian",` +
		`"seed":"0000000000000000000000000000000000000000000000000000000000000000","ports":["6379/tcp"]}`
)

func TestWrongUse(t *testing.T) {
	path := program(t)
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		if err := os.Chmod(dir, 0o755); err != nil { // for everybody
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, command, persona string
		status                 int
		says                   string
	}{
		{"no command", "", "", 2, "Usage: decnet-pot COMMAND"},
		{"unknown command", "dance", holder, 2, `there is no command "dance"`},
		{"no persona", "serve", "", 2, "DECNET_PERSONA: persona: EOF"},
		{"not a persona", "hold", `{"decky":"../web"}`, 2, "DECNET_PERSONA: persona: "},
		{"holder that serves", "serve", holder, 2, "whose command is hold"},
		{"service that holds", "hold", redis, 2, "whose command is serve"},
		{"unknown service", "serve", strings.Replace(redis, "redis", "gopher", 1), 2, "gopher"},
		{"unknown setting", "serve", strings.Replace(redis, `"ports"`, `"config":{"colour":"red"},"ports"`, 1), 2, "colour"},
		{"way out by name", "hold", strings.Replace(holder, `}`, `,"egress":["tcp:example.org:80"]}`, 1), 2, "a decky resolves none"},
		{"no directory for files", "serve", strings.Replace(redis, `"ports"`, `"quota":1000000,"ports"`, 1), 1, "quarantine: "},
		{"no lock", "healthy", "", 1, "the egress lock is not in force"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(path, strings.Fields(c.command)...)
			cmd.Env = []string{fleet.PersonaVar + "=" + c.persona}
			if os.Geteuid() == 0 { // a mistake must not lock the machine, nor write to it
				cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
			}
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != c.status {
				t.Errorf("ends with %v, want status %d", err, c.status)
			}
			text := errs.String()
			if out.Len() > 0 || !strings.Contains(text, c.says) {
				t.Errorf("prints %q and says %q, want %q", out.String(), text, c.says)
			}
			if usage := strings.Contains(text, "Usage:"); !usage && strings.Count(text, "\n") != 1 {
				t.Errorf("more than a line: %q", text)
			} else if _, err := rfc5424.Parse(strings.TrimSpace(text)); !usage && err != nil {
				t.Errorf("%q: %v", text, err)
			}
		})
	}
	if out, err := exec.Command(path, "--version").Output(); err != nil || !strings.HasPrefix(string(out), "decnet-pot test (go") {
		t.Errorf("--version: %q, %v", out, err)
	}
}

// process is the program at work, in a network namespace of the test's own.
type process struct {
	*exec.Cmd
	out   io.ReadCloser
	ended chan error
	log   *bytes.Buffer // once it has ended
}

func start(t *testing.T, attr *syscall.SysProcAttr, env string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(args[0], args[1:]...), ended: make(chan error, 1), log: new(bytes.Buffer)}
	p.Env = append(os.Environ(), fleet.PersonaVar+"="+env)
	p.SysProcAttr, p.Stderr = attr, p.log
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out, p.Stdout = read, write
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.out.Close()
	})
	return p
}

// status waits for the end and returns the exit status.
func (p *process) status(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(longest):
		t.Fatal("the program does not end")
		return 0
	}
}

// decky is a namespace with a holder and a redis honeypot, without a container.
type decky struct {
	path        string
	hold, serve *process
}

// hold starts a holder as the first process of a container, in a network of its own.
func hold(t *testing.T) decky {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	d := decky{path: program(t)}
	d.hold = start(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID}, holder, d.path, fleet.PotHold)
	d.inside(t, "ip link set lo up")
	return d
}

// answering adds the honeypot and waits until it answers.
func answering(t *testing.T) decky {
	t.Helper()
	d := hold(t)
	d.serve = start(t, nil, redis, "nsenter", "--net="+d.network(), d.path, fleet.PotServe)
	d.awaitRedis(t)
	return d
}

func (d decky) network() string { return fmt.Sprintf("/proc/%d/ns/net", d.hold.Process.Pid) }

// inside runs a shell command in the network of the decky and returns what it prints.
func (d decky) inside(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("nsenter", "--net="+d.network(), "sh", "-c", command).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", command, err)
	}
	return string(out)
}

func (d decky) awaitRedis(t *testing.T) {
	t.Helper()
	await(t, "answer of redis", func() bool { return d.inside(t, "timeout 10 redis-cli -h 127.0.0.1 ping") == "PONG\n" })
}

func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for until := time.Now().Add(longest); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("no %s", what)
		}
	}
}

// statusOf returns a line of /proc/<pid>/status.
func statusOf(t *testing.T, pid int, key string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("there is no %s in %s", key, text)
	return ""
}

func TestTheHolderGivesUpItsPrivileges(t *testing.T) {
	d := hold(t)
	await(t, "lock", func() bool { return d.inside(t, d.path+" healthy; echo $?") == "0\n" })
	for key, want := range map[string]string{
		"CapEff": "0000000000000000", "CapPrm": "0000000000000000", "CapInh": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1",
	} {
		if got := statusOf(t, d.hold.Process.Pid, key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

func TestTheFirstProcessTakesInOrphans(t *testing.T) {
	d := hold(t)
	pid := d.hold.Process.Pid
	await(t, "lock", func() bool { return d.inside(t, d.path+" healthy; echo $?") == "0\n" })
	out, err := exec.Command("nsenter", "--target="+strconv.Itoa(pid), "--pid", "sh", "-c", "sleep 0.2 & sleep 0.2 & true").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	await(t, "end of the orphans", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		return err == nil && len(bytes.TrimSpace(children)) == 0
	})
}

func TestNothingIsServedBeforeTheLock(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	path := program(t)
	serve := start(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}, redis, path, fleet.PotServe)
	network := fmt.Sprintf("--net=/proc/%d/ns/net", serve.Process.Pid)
	if out, err := exec.Command("nsenter", network, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for range 20 {
		sockets, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", serve.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(sockets, []byte("\n")) > 1 {
			t.Fatalf("without a lock there is\n%s", sockets)
		}
		time.Sleep(20 * time.Millisecond)
	}
	holding := start(t, nil, holder, "nsenter", network, path, fleet.PotHold)
	d := decky{path: path, hold: holding, serve: serve}
	await(t, "answer of redis", func() bool {
		out, err := exec.Command("nsenter", network, "timeout", "10", "redis-cli", "-h", "127.0.0.1", "ping").Output()
		return err == nil && string(out) == "PONG\n"
	})
	// A holder that ends takes the honeypot with it, and the lock stays.
	if err := d.hold.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	kept, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", serve.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if status := serve.status(t); status != 1 || !strings.Contains(serve.log.String(), "the holder of the network has ended") {
		t.Errorf("status %d and %s", status, serve.log)
	}
	cmd := exec.Command("nsenter", "--net=/proc/self/fd/3", "sh", "-c",
		"ip link add out0 type veth peer name out1; ip addr add 192.0.2.7/24 dev out0; ip link set out0 up; ip link set out1 up; busybox ping -c 1 -W 1 192.0.2.1; ip neigh show 192.0.2.1")
	cmd.ExtraFiles = []*os.File{kept}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "100% packet loss\n") { // not even its hardware address was asked for
		t.Errorf("after the holder: %v: %s", err, out)
	}
}

// TestAReaderWhoIsStuckStopsNobody lets nobody read standard output: the honeypot goes
// on, and tells later what was lost.
func TestAReaderWhoIsStuckStopsNobody(t *testing.T) {
	d := answering(t)
	const events = 60000
	for n := 0; n < events; n += 10000 {
		d.inside(t, "busybox yes PING | head -n 10000 | timeout 30 nc -N 127.0.0.1 6379 >/dev/null")
		d.awaitRedis(t)
	}
	lines := bufio.NewScanner(d.serve.out)
	dropped := 0
	for dropped == 0 && lines.Scan() {
		e, err := rfc5424.Parse(lines.Text())
		if err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if e.Type == "events_dropped" {
			if dropped, err = strconv.Atoi(e.Value("count")); err != nil || e.Decky != "web" {
				t.Errorf("%+v: %v", e, err)
			}
		}
	}
	if dropped == 0 {
		t.Errorf("nothing was dropped: %v", lines.Err())
	}
}

func TestTheProgramEndsWithoutAReader(t *testing.T) {
	d := answering(t)
	for range 3 {
		d.inside(t, "busybox yes PING | head -n 10000 | timeout 30 nc -N 127.0.0.1 6379 >/dev/null")
	}
	if err := d.serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := d.serve.status(t); status != 0 || !strings.Contains(d.serve.log.String(), "do not end in time") {
		t.Errorf("status %d and %s", status, d.serve.log)
	}
	if err := d.hold.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := d.hold.status(t); status != 0 || d.hold.log.Len() > 0 {
		t.Errorf("the holder ends with status %d and %s", status, d.hold.log)
	}
}

func TestTheProgramFailsWhenItsReaderHasGone(t *testing.T) {
	d := answering(t)
	if err := d.serve.out.Close(); err != nil {
		t.Fatal(err)
	}
	d.inside(t, "timeout 10 redis-cli -h 127.0.0.1 ping")
	if status := d.serve.status(t); status != 1 || !strings.Contains(d.serve.log.String(), "broken pipe") {
		t.Errorf("status %d and %s", status, d.serve.log)
	}
}
