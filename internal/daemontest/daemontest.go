// Package daemontest runs decnetd as a process and asks its API, for tests of the whole.
//
//	binary, err := daemontest.Build(dir, "decnetd")
//	d := daemontest.Start(t, binary, t.TempDir(), "--deckies", "3")
//	d.LogIn(t)
//	rows := d.Logs(t, "event:auth_attempt")
package daemontest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Build compiles the command cmd/<name> into dir, with CGO_ENABLED=0 unless flags has -race,
// and returns the path of the executable.
func Build(dir, name string, flags ...string) (path string, err error) {
	path = filepath.Join(dir, name+strings.Join(flags, ""))
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), "github.com/decnet/decnet/cmd/"+name)...)
	if !slices.Contains(flags, "-race") {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// Daemon is a running decnetd.
type Daemon struct {
	Process *os.Process
	Data    string
	Startup time.Duration // until it said that it is ready
	Exited  chan struct{} // closed when it has ended

	cmd      *exec.Cmd
	api      string // base URL
	token    string
	password string // of the administrator, as printed or changed

	mu     sync.Mutex
	output bytes.Buffer
	err    error // valid when it has ended
}

// AdminPassword is that of the administrator once LogIn has changed the generated one.
const AdminPassword = "correct horse battery"

// Start runs `decnetd up` with a data directory and waits until it is ready. It is killed
// when the test ends.
func Start(t *testing.T, binary, data string, args ...string) *Daemon {
	t.Helper()
	d := &Daemon{Data: data, api: "http://" + FreeAddr(t) + "/api/v1", Exited: make(chan struct{})}
	addr := strings.TrimSuffix(strings.TrimPrefix(d.api, "http://"), "/api/v1")
	d.cmd = exec.Command(binary, append([]string{"up", "--data", data, "--api", addr}, args...)...)
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = &lockedWriter{d}
	begin := time.Now()
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.Process = d.cmd.Process
	ready := make(chan time.Duration, 1)
	go func() {
		defer close(d.Exited)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&lockedWriter{d}, lines.Text())
			if lines.Text() == "decnetd: ready" {
				ready <- time.Since(begin)
			}
		}
		d.err = d.cmd.Wait()
	}()
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			t.Logf("decnetd said:\n%s", d.Said())
		}
	})
	select {
	case d.Startup = <-ready:
	case <-d.Exited:
		t.Fatalf("decnetd ended: %v\n%s", d.err, d.Said())
	case <-time.After(3 * time.Minute):
		t.Fatalf("decnetd is not ready after three minutes:\n%s", d.Said())
	}
	if m := regexp.MustCompile(`password:\s+(\S+)`).FindStringSubmatch(d.Said()); m != nil {
		d.password = m[1]
	}
	return d
}

type lockedWriter struct{ d *Daemon }

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return w.d.output.Write(p)
}

// Said returns what the daemon has printed.
func (d *Daemon) Said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.String()
}

// Kill ends the daemon without giving it time for anything.
func (d *Daemon) Kill() {
	_ = d.Process.Kill()
	<-d.Exited
}

// Stop ends the daemon as an operator would and checks that it ends well within 5 s.
func (d *Daemon) Stop(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.Exited:
	case <-time.After(10 * time.Second):
		t.Fatal("decnetd is still there 10 s after SIGTERM")
	}
	if d.err != nil {
		t.Errorf("decnetd ended with %v", d.err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

// FreeAddr returns a loopback address that nothing listens on.
func FreeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Call sends a request and decodes the answer into out, unless that is nil.
func (d *Daemon) Call(ctx context.Context, method, path string, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.api+path, r)
	if err != nil {
		return err
	}
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, answer)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = answer
		return nil
	}
	if out != nil {
		return json.Unmarshal(answer, out)
	}
	return nil
}

// LogIn logs the administrator in and changes the generated password, the first time.
func (d *Daemon) LogIn(t *testing.T) {
	t.Helper()
	var answer struct {
		Token      string `json:"access_token"`
		MustChange bool   `json:"must_change_password"`
	}
	logIn := func(password string) {
		d.token = ""
		if err := d.Call(t.Context(), "POST", "/auth/login", map[string]string{"username": "admin", "password": password}, &answer); err != nil {
			t.Fatal(err)
		}
		d.token = answer.Token
	}
	if d.password == "" {
		d.password = AdminPassword
	}
	logIn(d.password)
	if !answer.MustChange {
		return
	}
	if err := d.Call(t.Context(), "GET", "/stats", nil, nil); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("before the password is changed: %v, want 403", err)
	}
	err := d.Call(t.Context(), "POST", "/auth/change-password", map[string]string{"old_password": d.password, "new_password": AdminPassword}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.password = AdminPassword
	logIn(AdminPassword)
}

// Page is a page of the API.
type Page[T any] struct {
	Total int `json:"total"`
	Data  []T `json:"data"`
}

// LogRow is an event as the API lists it.
type LogRow struct {
	ID        int64  `json:"id"`
	Decky     string `json:"decky"`
	Service   string `json:"service"`
	EventType string `json:"event_type"`
	Attacker  string `json:"attacker_ip"`
	Fields    string `json:"fields"`
	RawLine   string `json:"raw_line"`
}

// Field returns the value of a field of the event.
func (l LogRow) Field(key string) string {
	var m map[string]string
	_ = json.Unmarshal([]byte(l.Fields), &m)
	return m[key]
}

// BountyRow is a bounty as the API lists it.
type BountyRow struct {
	Decky    string         `json:"decky"`
	Service  string         `json:"service"`
	Attacker string         `json:"attacker_ip"`
	Type     string         `json:"bounty_type"`
	Payload  map[string]any `json:"payload"`
}

// AttackerRow is an attacker as the API lists it.
type AttackerRow struct {
	UUID        string   `json:"uuid"`
	IP          string   `json:"ip"`
	Traversal   string   `json:"traversal_path"`
	IsTraversal bool     `json:"is_traversal"`
	Services    []string `json:"services"`
	Deckies     []string `json:"deckies"`
	Events      int      `json:"event_count"`
	Credentials int      `json:"credential_count"`
}

// CommandRow is a command of an attacker as the API lists it.
type CommandRow struct {
	Decky, Service, Command string
}

// Logs returns the newest events that match a search.
func (d *Daemon) Logs(t *testing.T, search string) []LogRow {
	t.Helper()
	var page Page[LogRow]
	if err := d.Call(t.Context(), "GET", "/logs?limit=1000&search="+url.QueryEscape(search), nil, &page); err != nil {
		t.Fatal(err)
	}
	return page.Data
}

// Attacker returns the profile of an address, nil when there is none yet.
func (d *Daemon) Attacker(t *testing.T, ip string) *AttackerRow {
	t.Helper()
	var page Page[AttackerRow]
	if err := d.Call(t.Context(), "GET", "/attackers?limit=1000&search="+ip, nil, &page); err != nil {
		t.Fatal(err)
	}
	for i := range page.Data {
		if page.Data[i].IP == ip {
			return &page.Data[i]
		}
	}
	return nil
}

// WaitFor calls ok until it returns true, and fails the test after a minute.
func WaitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not seen within a minute", what)
		}
	}
}

// Client runs a real client to its end and returns what it printed. A client that fails
// is no failure of the test: what it did is looked up in the API.
func Client(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%s is missing: run test/setup", name)
	}
	t.Logf("%s %s: %v\n%.600s", name, strings.Join(args, " "), err, out)
	return string(out)
}
