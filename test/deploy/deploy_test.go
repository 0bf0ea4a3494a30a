package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// built is where the programs are; "" before they are built.
var built string

func TestMain(m *testing.M) {
	status := enginetest.Main(m)
	if built != "" {
		_ = os.RemoveAll(built) // of a process whose tests are over
	}
	os.Exit(status)
}

// The passwords of the administrator: the first one, and that after deckies.
const (
	password = "correct horse"
	later    = "battery staple"
)

// place is an engine, a LAN and the programs, with a data directory.
type place struct {
	t      testing.TB
	engine *enginetest.Engine
	lan    enginetest.LAN
	dir    string
}

// build makes the programs, once for all tests.
var build = sync.OnceValue(func() (err error) {
	if built, err = os.MkdirTemp("", "decnet-programs-"); err != nil {
		return err
	}
	for _, name := range []string{"decnetd", "decnet-pot"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(built, name), "github.com/decnet/decnet/cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
})

func newPlace(t testing.TB) *place {
	t.Helper()
	engine := enginetest.Start(t)
	lan := enginetest.NewLAN(t)
	if err := build(); err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, engine: engine, lan: lan, dir: t.TempDir()}
	for _, name := range []string{"decnetd", "decnet-pot"} {
		if err := os.Link(filepath.Join(built, name), filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *place) data() string { return filepath.Join(p.dir, "data") }

// command is a decnetd on the data directory.
func (p *place) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.dir, "decnetd"), append([]string{name, "--data", p.data()}, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+p.engine.Host, "DECNET_ADMIN_PASSWORD="+password)
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
	return p.file(text)
}

// file writes a configuration file.
func (p *place) file(text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, "fleet.ini")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// daemon is a decnetd that serves.
type daemon struct {
	cmd  *exec.Cmd
	done chan error

	token string // of the API

	mu   sync.Mutex
	text bytes.Buffer
}

// out is what it has printed.
func (d *daemon) out() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

func (d *daemon) print(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text.Write(p)
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
			d.print(buf[:n])
			if !told && strings.Contains(d.out(), "decnetd: ready\n") {
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
		p.t.Fatalf("decnetd %s ended: %v\n%s", name, err, d.out())
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

// ask is what the API answers, once somebody has logged in.
func (d *daemon) ask(t testing.TB, method, path, body string) string {
	t.Helper()
	status, answer := d.request(t, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, answer)
	}
	return answer
}

// request is what the API answers, whatever that is.
func (d *daemon) request(t testing.TB, method, path, body string) (status int, answer string) {
	t.Helper()
	api := regexp.MustCompile(`http://\S+/api/v1`).FindString(d.out())
	req, err := http.NewRequestWithContext(t.Context(), method, api+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	req.Header.Set("Prefer", "wait")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %s %s, %v", path, resp.Status, text, err)
	}
	return resp.StatusCode, string(text)
}

// login logs the administrator in.
func (d *daemon) login(t testing.TB, password string) {
	t.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(d.ask(t, "POST", "/auth/login", `{"username":"admin","password":"`+password+`"}`)), &answer); err != nil {
		t.Fatal(err)
	}
	d.token = answer.Token
}

// deckies logs in for the first time, and is what the API lists.
func (d *daemon) deckies(t testing.TB) string {
	t.Helper()
	d.login(t, password)
	d.ask(t, "POST", "/auth/change-password", `{"old_password":"`+password+`","new_password":"`+later+`"}`)
	d.login(t, later)
	return d.ask(t, "GET", "/deckies", "")
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

// answers waits until the redis of addr, which may have been deployed just now, does.
func (p *place) answers(addr string) {
	p.t.Helper()
	eventually(p.t, addr+" answers", func() bool {
		return p.lan.Attack(p.t, "timeout", "5", "redis-cli", "-h", addr, "ping") == "PONG\n"
	})
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
	out := p.succeed("deploy", "--config", config, "--dry-run")
	if !regexp.MustCompile(`(?m)^decoy-02 +10\.99\.0\.12 +\S+ +ftp, http +added$`).MatchString(out) ||
		!strings.Contains(out, "create  container  decoy-02-http") {
		t.Errorf("the dry run prints:\n%s", out)
	}
	if list := p.containers(); len(list) != 0 {
		t.Errorf("a dry run made %v", list)
	}
	seed := regexp.MustCompile(`(?m)^--seed ([0-9a-f]{64})$`).FindStringSubmatch(out)
	if seed == nil || !strings.Contains(p.succeed("deploy", "--config", config, "--dry-run", "--json"), `"seed": "`) {
		t.Fatalf("the dry run tells no seed:\n%s", out)
	}
	would, _, _ := strings.Cut(out, "\n\n")
	if out := p.succeed("deploy", "--config", config, "--seed", seed[1]); out != would+"\n" || !regexp.MustCompile(`(?m)^decoy-01 +10\.99\.0\.11 +\S+ +redis +added$`).MatchString(out) {
		t.Errorf("deploy prints:\n%s\nand the dry run:\n%s", out, would)
	}
	if out := p.succeed("deploy", "--config", config, "--dry-run"); strings.Contains(out, "--seed") {
		t.Errorf("the dry run tells the seed that is kept:\n%s", out)
	}
	if list := p.containers(); !slices.Equal(list, []string{"decoy-01", "decoy-01-redis", "decoy-02", "decoy-02-ftp", "decoy-02-http"}) {
		t.Errorf("containers %v", list)
	}
	p.isUp("decoy-01 redis; decoy-02 ftp,http")
	if r := p.status(); r.Runtime != "docker" || r.Daemon || r.Change != nil || r.Deckies[0].Services[0].Ports[0] != "6379/tcp" {
		t.Errorf("%+v", r)
	}

	// What happens while nobody collects is there when somebody does.
	p.answers("10.99.0.11")
	p.lan.Attack(t, "redis-cli", "-h", "10.99.0.11", "--user", "early", "--pass", "bird", "ping")
	first := p.serve("up", "--runtime", "docker", "--api", "127.0.0.1:0")
	if !regexp.MustCompile(`(?m)^decoy-01 +10\.99\.0\.11 +\S+ +redis 6379$`).MatchString(first.out()) {
		t.Errorf("up prints:\n%s", first.out())
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
	p.answers("10.99.0.13")
	p.lan.Attack(t, "redis-cli", "-h", "10.99.0.13", "--user", "new", "--pass", "comer", "ping")
	eventually(t, "an attack on a decky of later", func() bool { return len(p.records(`"auth_attempt"`, "decoy-03", "comer")) == 1 })
	if r := p.status(); !r.Daemon {
		t.Error("no daemon runs")
	}
	if list := second.deckies(t); !regexp.MustCompile(`"name":"decoy-01".*"name":"decoy-03","ip":"10.99.0.13"`).MatchString(list) {
		t.Errorf("the API lists %s", list)
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

// TestWorkersApart has collect, api and profile do together what up --runtime docker does: an
// attack becomes records and a profile, and the API deploys, mutates and tells of it.
func TestWorkersApart(t *testing.T) {
	p := newPlace(t)
	p.succeed("deploy", "--config", p.ini("redis"))
	collect, profile := p.serve("collect"), p.serve("profile")
	api := p.serve("api", "--api", "127.0.0.1:0")
	p.answers("10.99.0.11")
	p.lan.Attack(t, "redis-cli", "-h", "10.99.0.11", "--user", "early", "--pass", "bird", "ping")
	eventually(t, "the attack in the spool", func() bool { return len(p.records(`"auth_attempt"`, "decoy-01", "10.99.0.50", "bird")) == 1 })
	api.deckies(t)
	eventually(t, "the profile of the attacker", func() bool {
		return regexp.MustCompile(`"ip":"10\.99\.0\.50"`).MatchString(api.ask(t, "GET", "/attackers", ""))
	})
	if text := api.ask(t, "GET", "/bounty?bounty_type=credential", ""); !strings.Contains(text, "bird") {
		t.Errorf("the API lists the bounties %s", text)
	}
	health := api.ask(t, "GET", "/health", "")
	for _, worker := range []string{"audit_log", "database", "fleet", "ingestion_worker", "job_runner", "live_stream"} {
		if !strings.Contains(health, `"`+worker+`":{"status":"ok"`) {
			t.Errorf("%s is not well in %s", worker, health)
		}
	}
	if n := strings.Count(health, `{"status"`); n != 7 { // they, and the whole
		t.Errorf("health tells of others too: %s", health)
	}

	text, err := os.ReadFile(p.ini("redis", "http"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"ini_content": string(text)})
	if err != nil {
		t.Fatal(err)
	}
	api.ask(t, "POST", "/deckies/deploy", string(body))
	eventually(t, "an attack on the decky that the API deployed, once it listens", func() bool {
		p.lan.Attack(t, "curl", "-s", "-m", "20", "-u", "admin:s3cret", "http://10.99.0.12/")
		return len(p.records("decoy-02", "s3cret")) > 0
	})
	api.ask(t, "POST", "/deckies/decoy-02/mutate", "")
	eventually(t, "the event of the mutation", func() bool { return len(p.records("decky_mutated", "decoy-02", "operator")) == 1 })
	eventually(t, "what the operator did", func() bool {
		return strings.Contains(api.ask(t, "GET", "/logs?search=service:audit+event:mutation_requested", ""), "decoy-02")
	})
	p.refused(1, []string{"in use by the decnetd collect on "}, "up", "--runtime", "docker", "--api", "127.0.0.1:0")
	for _, d := range []*daemon{collect, api, profile} {
		d.end(t, syscall.SIGTERM)
	}
	up := p.serve("up", "--runtime", "docker", "--api", "127.0.0.1:0")
	p.refused(1, []string{"in use by the decnetd up on "}, "collect")
	up.end(t, syscall.SIGTERM)
	if n := len(p.records(`"auth_attempt"`, "bird")); n != 1 {
		t.Errorf("%d records of the first attack", n)
	}
	p.succeed("teardown", "--all")
}

// TestTheAPIFindsAnEngineThatStartsLater has api begin without an engine: health says so as soon
// as there are deckies that it would be needed for, and deploying is refused until it is there.
func TestTheAPIFindsAnEngineThatStartsLater(t *testing.T) {
	p := newPlace(t)
	stop := func() {
		t.Helper()
		if err := p.engine.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	start := func() {
		t.Helper()
		if err := p.engine.Run(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	api := p.serve("api", "--api", "127.0.0.1:0")
	api.deckies(t)
	if health := api.ask(t, "GET", "/health", ""); strings.Contains(health, `"fleet"`) || !strings.Contains(health, `"status":"healthy"`) {
		t.Errorf("without deckies and engine, health is %s", health)
	}
	// The first address of the LAN is that of the host.
	if out, err := exec.Command("ip", "addr", "add", "10.99.0.2/24", "dev", enginetest.Parent).CombinedOutput(); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	body, err := json.Marshal(map[string]string{"ini_content": "[general]\nnet = " + enginetest.Subnet + "\ngw = " + enginetest.Gateway +
		"\ninterface = " + enginetest.Parent + "\n[decoy-01]\nservices = redis\n"})
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := api.request(t, "POST", "/deckies/deploy", string(body)); status != http.StatusServiceUnavailable {
		t.Errorf("deploying without an engine: %d %s", status, answer)
	}
	start()
	eventually(t, "a fleet in health", func() bool { return strings.Contains(api.ask(t, "GET", "/health", ""), `"fleet":{"status":"ok"`) })
	api.ask(t, "POST", "/deckies/deploy", string(body))
	p.isUp("decoy-01 redis")
	if r := p.status(); r.Deckies[0].IP != "10.99.0.3" {
		t.Errorf("the decky is at %s", r.Deckies[0].IP)
	}

	stop()
	eventually(t, "health that says that there is no engine", func() bool {
		health := api.ask(t, "GET", "/health", "")
		return strings.Contains(health, `"fleet":{"status":"failing","detail":"docker: the container engine does not answer`) && strings.Contains(health, `"status":"degraded"`)
	})
	api.end(t, syscall.SIGTERM)
	api = p.serve("api", "--api", "127.0.0.1:0")
	api.login(t, later)
	if health := api.ask(t, "GET", "/health", ""); !strings.Contains(health, `"fleet":{"status":"failing","detail":"docker: the container engine does not answer`) {
		t.Errorf("with a decky and no engine, health is %s", health)
	}
	start()
	eventually(t, "a fleet that is well", func() bool { return strings.Contains(api.ask(t, "GET", "/health", ""), `"fleet":{"status":"ok"`) })
	api.ask(t, "POST", "/deckies/decoy-01/mutate", "")
	api.end(t, syscall.SIGTERM)
	p.succeed("teardown", "--all")
}

// TestW27_KilledInTheMiddle kills deploy and mutate at moments of all kinds. Whatever is
// left, status tells the truth of it, and the next command goes on from there.
func TestW27_KilledInTheMiddle(t *testing.T) {
	p := newPlace(t)
	config := p.ini("redis", "http", "ftp")
	p.succeed("deploy", "--config", config) // builds the image
	cut := false
	for i := range 4 {
		name, args := "deploy", []string{"--config", config}
		if i%2 == 1 {
			name, args = "mutate", []string{"--all", "--grace", "0"}
		} else {
			p.succeed("teardown", "--all")
		}
		cmd := p.command(t.Context(), name, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = cmd.Wait() }()
		eventually(t, name+" is under way", func() bool {
			select {
			case <-ended: // it was faster
				return true
			default:
				return p.status().Change != nil
			}
		})
		_ = cmd.Process.Kill()
		<-ended
		r := p.status()
		if r.Change != nil {
			cut = true
			if !r.Change.CutOff {
				t.Errorf("%+v is under way, and its process was killed", r.Change)
			}
		}
		there := p.containers()
		for _, d := range r.Deckies {
			if d.State == "up" && !slices.Contains(there, d.Name) {
				t.Errorf("%s is up, containers %v", d.Name, there)
			}
			there = slices.DeleteFunc(there, func(c string) bool { return c == d.Name || strings.HasPrefix(c, d.Name+"-") })
		}
		if len(there) > 0 {
			t.Errorf("status does not tell of %v", there)
		}
		// Nobody waits for the lease of a process that is gone.
		if i%2 == 1 {
			p.succeed("deploy", "--config", config, "--as-planned")
			p.isUp("decoy-01 redis; decoy-02 http; decoy-03 ftp")
		}
	}
	if !cut {
		t.Error("nothing was cut off")
	}
	p.succeed("teardown", "--all")
	if list := p.containers(); len(list) != 0 {
		t.Errorf("left are %v", list)
	}
}

// TestDeploysAtOnceTakeTurns runs several commands that change the fleet.
func TestDeploysAtOnceTakeTurns(t *testing.T) {
	p := newPlace(t)
	config := p.ini("redis", "http")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if out, errs, status := p.try("deploy", "--config", config); status != 0 || errs != "" {
				t.Errorf("status %d\n%s%s", status, out, errs)
			}
		})
	}
	all.Wait()
	p.isUp("decoy-01 redis; decoy-02 http")
	p.succeed("deploy", "--add", "--deckies", "1", "--services", "ftp", "--ip-start", "10.99.0.20")
	p.isUp("decoy-01 redis; decoy-02 http; decky-01 ftp")
	p.refused(1, []string{"3 deckies are deployed by the runtime docker: use --runtime docker, or decnetd teardown --all first"}, "up", "--api", "127.0.0.1:0")
	p.isUp("decoy-01 redis; decoy-02 http; decky-01 ftp")
}

// TestMutationLeavesAnOpenSessionAlone has an attacker in a session while a decky is to
// change.
func TestMutationLeavesAnOpenSessionAlone(t *testing.T) {
	p := newPlace(t)
	p.succeed("deploy", "--config", p.ini("redis"))
	p.isUp("decoy-01 redis")
	p.mutateAfterASession("decoy-01")
	if got := p.status().up(); strings.HasPrefix(got, "decoy-01 redis down") || got == "decoy-01 redis" {
		t.Errorf("the deckies are %s", got)
	}
}

// TestMutationOnTheLAN is the same without an engine, where the daemon has the deckies.
func TestMutationOnTheLAN(t *testing.T) {
	p := newPlace(t)
	d := p.serve("up", "--runtime", "lan", "--api", "127.0.0.1:0", "--deckies", "1", "--services", "redis,http",
		"--interface", enginetest.Parent, "--subnet", enginetest.Subnet, "--gateway", enginetest.Gateway, "--base-ip", "10.99.0.11")
	p.mutateAfterASession("decky-01")
	eventually(t, "the event of the mutation", func() bool { return len(p.records("decky_mutated", "decky-01", "operator")) == 1 })
	if got := p.status().up(); got == "decky-01 http,redis unknown" {
		t.Errorf("the deckies are %s", got)
	}
	d.end(t, syscall.SIGTERM)
}

// mutateAfterASession asks for the mutation of the decky at 10.99.0.11 while an attacker is
// connected to its redis, and checks that it comes when the attacker has left.
func (p *place) mutateAfterASession(decky string) {
	t := p.t
	t.Helper()
	session := p.lan.Attacker(t.Context(), "redis-cli", "-h", "10.99.0.11")
	in, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("ping\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waiting := p.command(ctx, "mutate", "--decky", decky, "--grace", "1h")
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- waiting.Wait() }()
	select {
	case err := <-done:
		t.Errorf("the decky was changed under the attacker: %v", err)
	case <-time.After(10 * time.Second): // several looks at the sessions
	}
	if _, err := in.Write([]byte("ping\n")); err != nil {
		t.Error(err)
	}
	if _, err := out.Read(make([]byte, 100)); err != nil {
		t.Errorf("the session is gone: %v", err)
	}
	_ = in.Close() // the client leaves
	_ = session.Wait()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the decky does not change after the session")
	}
}
