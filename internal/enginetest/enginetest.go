// Package enginetest runs a private container engine for tests: its own images, socket and
// networks in namespaces of the test process, whatever else runs on the machine.
//
//	func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }
//
//	func TestDeploy(t *testing.T) {
//		engine := enginetest.Start(t)
//		lan := enginetest.NewLAN(t)
//		…
//	}
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inside is set in the processes of the namespaces, to the name of their control group.
const inside = "ENGINETEST_INSIDE"

// startTimeout is how long an engine may take until it answers.
const startTimeout = time.Minute

// Main runs the tests of m in a process with namespaces of its own for network, mounts and
// processes, and returns the exit status. Whatever the tests leave there ends with it, also
// when it is killed. Without root the tests run in this process, and those that call Start
// or NewLAN are skipped.
func Main(m *testing.M) int {
	_, isInside := os.LookupEnv(inside)
	status, err := 1, error(nil)
	switch {
	case os.Geteuid() != 0, isInside && os.Getpid() != 1:
		return m.Run()
	case isInside:
		status, err = first()
	default:
		group := "enginetest-" + strconv.Itoa(os.Getpid())
		cmd := again(group)
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
		cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
		err = cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Exited() {
			err = nil
		}
		status = cmd.ProcessState.ExitCode()
		removeGroup(group)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
		return 1
	}
	return status
}

// again is a command that runs this program once more.
func again(group string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"="+group)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// first is the first process of the namespaces: it makes them usable, runs the tests in a
// process of their own and takes the exit status of every process that nobody else waits for.
func first() (status int, err error) {
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return 0, fmt.Errorf("/proc: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return 0, fmt.Errorf("/run: %w", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	runtime.LockOSThread() // the child is killed when the thread that made it ends
	tests := again(os.Getenv(inside))
	if err := tests.Start(); err != nil {
		return 0, err
	}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case pid == tests.Process.Pid && ws.Exited():
			return ws.ExitStatus(), nil
		case pid == tests.Process.Pid:
			return 0, fmt.Errorf("the tests ended by signal %v", ws.Signal())
		}
	}
}

// removeGroup removes what engines leave of a control group: empty directories.
func removeGroup(name string) {
	dirs, err := filepath.Glob("/sys/fs/cgroup/*/" + name) // of version 1
	if err != nil {
		return
	}
	for _, dir := range append(dirs, "/sys/fs/cgroup/"+name) {
		children, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, c := range children {
			if c.IsDir() {
				_ = os.Remove(filepath.Join(dir, c.Name())) // one that is in use goes with the machine
			}
		}
		_ = os.Remove(dir)
	}
}

// Engine is an engine that runs. Its methods must not be called at the same time.
type Engine struct {
	Host string // for DOCKER_HOST

	dir     string
	process *os.Process
	ended   chan struct{}
	log     *os.File
}

// Start runs an engine without images and networks until the test ends. It skips the test
// without root or an engine.
func Start(t testing.TB) *Engine {
	t.Helper()
	needs(t, "dockerd", "containerd", "runc", "docker", "ip")
	e := &Engine{dir: t.TempDir()}
	socket := filepath.Join("/run", filepath.Base(e.dir)+"-"+strconv.FormatInt(time.Now().UnixNano(), 36)+".sock")
	e.Host = "unix://" + socket
	err := os.WriteFile(filepath.Join(e.dir, "config.json"), []byte("{}"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if e.log, err = os.Create(filepath.Join(e.dir, "log")); err != nil {
		t.Fatal(err)
	}
	if err := e.Run(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, id := range strings.Fields(e.Docker(t, "ps", "-aq")) {
			e.Docker(t, "rm", "-f", "-v", id)
		}
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(e.log.Name()) // what is missing is not the failure
			t.Logf("the engine says:\n%s", text[max(0, len(text)-8<<10):])
		}
		_ = e.log.Close()
		unmountBelow(e.dir)
	})
	return e
}

// unmountBelow removes the mounts that an engine which was killed left.
func unmountBelow(dir string) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			_ = syscall.Unmount(f[1], syscall.MNT_DETACH) // what stays is told by the removal of dir
		}
	}
}

func needs(t testing.TB, programs ...string) {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("a container engine needs root, and enginetest.Main in TestMain")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

// Run starts an engine again that Stop or Kill has ended, on the same socket and with the
// containers that it had. It returns when the engine answers.
func (e *Engine) Run() error {
	cmd := exec.Command("dockerd", "--host", e.Host, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", strings.TrimSuffix(strings.TrimPrefix(e.Host, "unix://"), ".sock"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--config-file", filepath.Join(e.dir, "config.json"), "--cgroup-parent", os.Getenv(inside),
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false", "--userland-proxy=false")
	cmd.Stdout, cmd.Stderr = e.log, e.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // the child is killed when the thread that made it ends
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in the log
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	e.process, e.ended = cmd.Process, ended
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for !e.answers(ctx) {
		select {
		case <-ended:
			text, _ := os.ReadFile(e.log.Name())
			return fmt.Errorf("the engine ended at once:\n%s", bytes.TrimSpace(text))
		case <-ctx.Done():
			return errors.New("the engine does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// answers asks the engine for a sign of life.
func (e *Engine) answers(ctx context.Context) bool {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(e.Host, "unix://"))
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", nil)
	if err != nil {
		return false
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Stop ends the engine, which stops its containers.
func (e *Engine) Stop() error { return e.end(syscall.SIGTERM) }

// Kill ends the engine without giving it time for anything. When it runs again it stops its
// containers, and starts those again whose restart policy is always, and not unless-stopped.
func (e *Engine) Kill() error { return e.end(syscall.SIGKILL) }

func (e *Engine) end(s syscall.Signal) error {
	if err := e.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-e.ended:
		return nil
	case <-time.After(startTimeout):
		return errors.Join(errors.New("the engine does not end"), e.process.Kill())
	}
}

// Docker runs the engine's own client, which must succeed, and returns what it prints.
func (e *Engine) Docker(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+e.Host, "DOCKER_BUILDKIT=0", "DOCKER_CONFIG="+e.dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %v: %v\n%s%s", args, err, out.Bytes(), errs.Bytes())
	}
	return out.String()
}
