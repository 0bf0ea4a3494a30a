package assembly

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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries are built once: the plain one for figures, the other with the race detector.
var binaries struct{ plain, race string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "decnet-assembly")
	if err != nil {
		panic(err)
	}
	binaries.plain, binaries.race = filepath.Join(dir, "decnetd"), filepath.Join(dir, "decnetd-race")
	status := 1
	if build(binaries.plain) && build(binaries.race, "-race") {
		status = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

func build(path string, flags ...string) bool {
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), "github.com/decnet/decnet/cmd/decnetd")...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if len(flags) == 0 {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	return cmd.Run() == nil
}

// daemon is a running decnetd.
type daemon struct {
	cmd      *exec.Cmd
	data     string
	api      string // base URL
	token    string
	password string        // of the administrator, as printed or changed
	startup  time.Duration // until it said that it is ready

	mu     sync.Mutex
	output bytes.Buffer
	exited chan struct{}
	err    error
}

const adminPassword = "correct horse battery"

// start runs `decnetd up` with a data directory and waits until it is ready. It is killed
// when the test ends.
func start(t *testing.T, binary, data string, args ...string) *daemon {
	t.Helper()
	d := &daemon{data: data, api: "http://" + freeAddr(t) + "/api/v1", exited: make(chan struct{})}
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
	ready := make(chan time.Duration, 1)
	go func() {
		defer close(d.exited)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&lockedWriter{d}, lines.Text())
			if lines.Text() == "decnetd: ready" {
				ready <- time.Since(begin)
			}
		}
		d.err = d.cmd.Wait()
	}()
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("decnetd said:\n%s", d.said())
		}
	})
	select {
	case d.startup = <-ready:
	case <-d.exited:
		t.Fatalf("decnetd ended: %v\n%s", d.err, d.said())
	case <-time.After(30 * time.Second):
		t.Fatalf("decnetd is not ready after 30 s:\n%s", d.said())
	}
	if m := regexp.MustCompile(`password:\s+(\S+)`).FindStringSubmatch(d.said()); m != nil {
		d.password = m[1]
	}
	return d
}

type lockedWriter struct{ d *daemon }

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return w.d.output.Write(p)
}

func (d *daemon) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.String()
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.exited
}

// stop ends the daemon as an operator would and checks that it ends well within 5 s.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.exited:
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

// freeAddr returns a loopback address that nothing listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// call sends a request and decodes the answer into out, unless that is nil.
func (d *daemon) call(ctx context.Context, method, path string, body, out any) error {
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

// login logs the administrator in and changes the generated password, the first time.
func (d *daemon) login(t *testing.T) {
	t.Helper()
	var answer struct {
		Token      string `json:"access_token"`
		MustChange bool   `json:"must_change_password"`
	}
	logIn := func(password string) {
		d.token = ""
		if err := d.call(t.Context(), "POST", "/auth/login", map[string]string{"username": "admin", "password": password}, &answer); err != nil {
			t.Fatal(err)
		}
		d.token = answer.Token
	}
	if d.password == "" {
		d.password = adminPassword
	}
	logIn(d.password)
	if !answer.MustChange {
		return
	}
	if err := d.call(t.Context(), "GET", "/stats", nil, nil); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("before the password is changed: %v, want 403", err)
	}
	err := d.call(t.Context(), "POST", "/auth/change-password", map[string]string{"old_password": d.password, "new_password": adminPassword}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.password = adminPassword
	logIn(adminPassword)
}

// list is a page of the API.
type list[T any] struct {
	Total int `json:"total"`
	Data  []T `json:"data"`
}

type logRow struct {
	ID        int64  `json:"id"`
	Decky     string `json:"decky"`
	Service   string `json:"service"`
	EventType string `json:"event_type"`
	Attacker  string `json:"attacker_ip"`
	Fields    string `json:"fields"`
	RawLine   string `json:"raw_line"`
}

func (l logRow) field(key string) string {
	var m map[string]string
	_ = json.Unmarshal([]byte(l.Fields), &m)
	return m[key]
}

type bountyRow struct {
	Decky    string         `json:"decky"`
	Service  string         `json:"service"`
	Attacker string         `json:"attacker_ip"`
	Type     string         `json:"bounty_type"`
	Payload  map[string]any `json:"payload"`
}

type attackerRow struct {
	UUID        string   `json:"uuid"`
	IP          string   `json:"ip"`
	Traversal   string   `json:"traversal_path"`
	IsTraversal bool     `json:"is_traversal"`
	Services    []string `json:"services"`
	Deckies     []string `json:"deckies"`
	Events      int      `json:"event_count"`
	Credentials int      `json:"credential_count"`
}

type commandRow struct {
	Decky, Service, Command string
}

// logs returns the newest events that match a search.
func (d *daemon) logs(t *testing.T, search string) []logRow {
	t.Helper()
	var page list[logRow]
	if err := d.call(t.Context(), "GET", "/logs?limit=1000&search="+url.QueryEscape(search), nil, &page); err != nil {
		t.Fatal(err)
	}
	return page.Data
}

// waitFor calls ok until it returns true, and fails the test after 20 s.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not seen within 20 s", what)
		}
	}
}

// client runs a real client to its end and returns what it printed. A client that fails
// is no failure of the test: what it did is looked up in the API.
func client(t *testing.T, stdin string, name string, args ...string) string {
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
