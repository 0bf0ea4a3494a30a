package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

	"github.com/decnet/decnet/internal/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// place is an engine, a LAN and the programs, with a data directory.
type place struct {
	t      testing.TB
	engine *enginetest.Engine
	lan    enginetest.LAN
	dir    string
}

// program builds the programs once for all tests.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "decnet-programs-")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"decnetd", "decnet-pot"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "github.com/decnet/decnet/cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
	}
	return dir, nil
})

func newPlace(t testing.TB) *place {
	t.Helper()
	engine := enginetest.Start(t)
	lan := enginetest.NewLAN(t)
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, engine: engine, lan: lan, dir: t.TempDir()}
	for _, name := range []string{"decnetd", "decnet-pot"} {
		if err := os.Link(filepath.Join(dir, name), filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *place) data() string { return filepath.Join(p.dir, "data") }

// command is a decnetd on the data directory.
func (p *place) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.dir, "decnetd"), append([]string{name, "--data", p.data()}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+p.engine.Host)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// try runs decnetd to its end.
func (p *place) try(name string, args ...string) (out, errs string, status int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := p.command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// succeed runs decnetd, which must not fail or complain.
func (p *place) succeed(name string, args ...string) string {
	p.t.Helper()
	out, errs, status := p.try(name, args...)
	if status != 0 || errs != "" {
		p.t.Fatalf("decnetd %s %v: status %d\n%s%s", name, args, status, out, errs)
	}
	return out
}

// refused runs decnetd, which must fail with one line that holds the parts.
func (p *place) refused(status int, parts []string, name string, args ...string) {
	p.t.Helper()
	out, errs, got := p.try(name, args...)
	if got != status || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "decnetd: ") {
		p.t.Errorf("decnetd %s %v: status %d, want %d\n%s%s", name, args, got, status, out, errs)
	}
	for _, part := range parts {
		if !strings.Contains(errs, part) {
			p.t.Errorf("decnetd %s %v: %q is not in %q", name, args, part, errs)
		}
	}
}

// ini writes a configuration file of deckies from 10.99.0.11 on, each with services.
func (p *place) ini(services ...string) string {
	p.t.Helper()
	text := fmt.Sprintf("[general]\nnet = %s\ngw = %s\ninterface = %s\n", enginetest.Subnet, enginetest.Gateway, enginetest.Parent)
	for i, s := range services {
		text += fmt.Sprintf("[decoy-%02d]\nip = 10.99.0.%d\nservices = %s\n", i+1, 11+i, s)
	}
	path := filepath.Join(p.dir, "fleet.ini")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// daemon is a decnetd that serves.
type daemon struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

// serve starts decnetd and waits until it is ready.
func (p *place) serve(name string, args ...string) *daemon {
	p.t.Helper()
	d := &daemon{cmd: p.command(context.Background(), name, args...), done: make(chan error, 1)}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		buf := make([]byte, 4096)
		for told := false; ; {
			n, err := stdout.Read(buf)
			d.out.Write(buf[:n])
			if !told && bytes.Contains(d.out.Bytes(), []byte("decnetd: ready\n")) {
				told = true
				close(ready)
			}
			if err != nil {
				d.done <- d.cmd.Wait()
				return
			}
		}
	}()
	p.t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	select {
	case <-ready:
	case err := <-d.done:
		p.t.Fatalf("decnetd %s ended: %v\n%s", name, err, d.out.String())
	case <-time.After(5 * time.Minute):
		p.t.Fatalf("decnetd %s is not ready", name)
	}
	return d
}

func (d *daemon) end(t testing.TB, s os.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.done:
		if s != os.Kill && err != nil {
			t.Errorf("decnetd: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("decnetd does not end")
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// report is what status --json prints.
type report struct {
	Runtime string
	Daemon  bool
	Change  *struct {
		What   string
		CutOff bool `json:"cut_off"`
	}
	Deckies []struct {
		Name     string
		IP       string
		State    string
		Deployed bool
		Services []struct {
			Name, State string
			Ports       []string
		}
	}
}

func (p *place) status() report {
	p.t.Helper()
	var r report
	if err := json.Unmarshal([]byte(p.succeed("status", "--json")), &r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// up lists the deckies that are, each with its services.
func (r report) up() string {
	var list []string
	for _, d := range r.Deckies {
		var names []string
		for _, s := range d.Services {
			names = append(names, s.Name)
		}
		text := d.Name + " " + strings.Join(names, ",")
		if d.State != "up" || !d.Deployed {
			text += " " + d.State
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

// isUp waits until the deckies are those of want, and up.
func (p *place) isUp(want string) {
	p.t.Helper()
	var got string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = p.status().up(); got == want {
			return
		}
	}
	logs := ""
	for _, name := range p.containers() {
		out, _ := exec.Command("docker", "--host", p.engine.Host, "logs", "--tail", "5", name).CombinedOutput()
		logs += name + ":\n" + string(out)
	}
	p.t.Fatalf("the deckies are %s, want %s\n%s", got, want, logs)
}

// records are those in the spool that hold all parts.
func (p *place) records(parts ...string) []string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.data(), "decnet.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			found = append(found, line)
		}
	}
	return found
}

// containers are the names of all that the engine has.
func (p *place) containers() []string {
	list := strings.Fields(p.engine.Docker(p.t, "ps", "-a", "--format", "{{.Names}}"))
	slices.Sort(list)
	return list
}

func TestLifeOfAFleet(t *testing.T) {
	p := newPlace(t)
	p.refused(2, []string{"which deckies? Give --config FILE"}, "deploy")
	p.refused(2, []string{"--mode swarm"}, "deploy", "--mode", "swarm")
	p.refused(1, []string{"no such file"}, "deploy", "--config", "/nowhere.ini")
	p.refused(2, []string{"Give --all, or --id NAME"}, "teardown")
	p.refused(1, []string{"start it, or say with --engine"}, "deploy", "--config", p.ini("redis"), "--engine", "unix:///nowhere.sock")
	if _, err := os.Stat(p.data()); err == nil {
		p.refused(1, []string{"no decky is deployed"}, "mutate")
	}
	if out := p.succeed("status"); out != "no decky is deployed\n" {
		t.Errorf("status says %q", out)
	}

	config := p.ini("redis", "http, ftp")
	if out := p.succeed("deploy", "--config", config, "--dry-run"); !regexp.MustCompile(`(?m)^decoy-02 +10\.99\.0\.12 +\S+ +ftp, http +added$`).MatchString(out) ||
		!strings.Contains(out, "create  container  decoy-02-http") {
		t.Errorf("the dry run prints:\n%s", out)
	}
	if list := p.containers(); len(list) != 0 {
		t.Errorf("a dry run made %v", list)
	}
	if out := p.succeed("deploy", "--config", config); !regexp.MustCompile(`(?m)^decoy-01 +10\.99\.0\.11 +\S+ +redis +added$`).MatchString(out) {
		t.Errorf("deploy prints:\n%s", out)
	}
	if list := p.containers(); !slices.Equal(list, []string{"decoy-01", "decoy-01-redis", "decoy-02", "decoy-02-ftp", "decoy-02-http"}) {
		t.Errorf("containers %v", list)
	}
	p.isUp("decoy-01 redis; decoy-02 ftp,http")
	if r := p.status(); r.Runtime != "docker" || r.Daemon || r.Change != nil || r.Deckies[0].Services[0].Ports[0] != "6379/tcp" {
		t.Errorf("%+v", r)
	}

	// What happens while nobody collects is there when somebody does.
	p.lan.Attack(t, "redis-cli", "-h", "10.99.0.11", "--user", "early", "--pass", "bird", "ping")
	first := p.serve("up", "--runtime", "docker", "--api", "127.0.0.1:0")
	if !regexp.MustCompile(`(?m)^decoy-01 +10\.99\.0\.11 +\S+ +redis 6379$`).MatchString(first.out.String()) {
		t.Errorf("up prints:\n%s", first.out.String())
	}
	eventually(t, "the attack of before", func() bool { return len(p.records(`"auth_attempt"`, "decoy-01", "10.99.0.50", "bird")) == 1 })
	first.end(t, os.Kill)
	p.lan.Attack(t, "redis-cli", "-h", "10.99.0.11", "--user", "late", "--pass", "owl", "ping")
	second := p.serve("up", "--runtime", "docker", "--api", "127.0.0.1:0")
	eventually(t, "the attack of meanwhile", func() bool { return len(p.records(`"auth_attempt"`, "owl")) == 1 })
	if n := len(p.records("bird")); n != 1 {
		t.Errorf("%d records of the first attack", n)
	}

	// Beside the daemon, which follows what others deploy.
	if out := p.succeed("deploy", "--config", p.ini("redis", "http, ftp", "redis, http"), "--json"); !strings.Contains(out, `"action": "kept"`) {
		t.Errorf("deploy prints:\n%s", out)
	}
	p.lan.Attack(t, "redis-cli", "-h", "10.99.0.13", "--user", "new", "--pass", "comer", "ping")
	eventually(t, "an attack on a decky of later", func() bool { return len(p.records(`"auth_attempt"`, "decoy-03", "comer")) == 1 })
	if r := p.status(); !r.Daemon {
		t.Error("no daemon runs")
	}
	var changed []struct {
		Decky string
		New   []string `json:"new_services"`
	}
	if err := json.Unmarshal([]byte(p.succeed("mutate", "--decky", "decoy-03", "--json")), &changed); err != nil || len(changed) != 1 || changed[0].Decky != "decoy-03" {
		t.Fatalf("%v, %+v", err, changed)
	}
	slices.Sort(changed[0].New)
	p.isUp("decoy-01 redis; decoy-02 ftp,http; decoy-03 " + strings.Join(changed[0].New, ","))
	eventually(t, "the event of the mutation", func() bool { return len(p.records("decky_mutated", "decoy-03", "operator")) == 1 })

	if out := p.succeed("teardown", "--id", "decoy-02"); !strings.Contains(out, "removed") {
		t.Errorf("teardown prints:\n%s", out)
	}
	p.refused(1, []string{`no decky is called "decoy-02"`}, "teardown", "--id", "decoy-02")
	if strings.Contains(strings.Join(p.containers(), " "), "decoy-02") {
		t.Errorf("left are %v", p.containers())
	}
	second.end(t, syscall.SIGTERM)
	if len(p.containers()) == 0 {
		t.Error("the deckies ended with the daemon")
	}
	p.succeed("teardown", "--all", "--images")
	if list, images := p.containers(), p.engine.Docker(t, "images", "-q"); len(list) != 0 || images != "" {
		t.Errorf("left are %v and %s", list, images)
	}
	if networks := p.engine.Docker(t, "network", "ls", "--format", "{{.Name}}"); strings.Contains(networks, "decnet") {
		t.Errorf("left are %s", networks)
	}
	if out := p.succeed("status"); out != "no decky is deployed\n" {
		t.Errorf("status says %q", out)
	}
}
