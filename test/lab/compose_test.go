package lab

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/enginetest"
)

const twoDeckies = `
[general]
net = 10.99.0.0/24
gw = 10.99.0.1
interface = lab0

[web]
ip = 10.99.0.12
services = http, ssh
nmap_os = windows

[data]
ip = 10.99.0.15
services = redis
`

// TestComposeFile has docker compose make the fleet of a file, without anything else, and
// decnetd take it over; then the other way round.
func TestComposeFile(t *testing.T) {
	engine := enginetest.Start(t)
	engine.AddCompose(t)
	lan := enginetest.NewLAN(t)
	before := host(t, engine)
	t.Setenv("DOCKER_HOST", engine.Host)
	ini, state, file := writeINI(t, twoDeckies), t.TempDir(), filepath.Join(t.TempDir(), "decnet.yml")
	plugin := func(args ...string) string {
		t.Helper()
		return engine.Docker(t, append([]string{"compose", "-f", file}, args...)...)
	}
	deploy := func(args ...string) string {
		t.Helper()
		return command(t, append([]string{"deploy", "--data", state, "--config", ini, "--seed", "lab"}, args...)...)
	}
	running := func() []string {
		names := strings.Fields(engine.Docker(t, "ps", "--format", "{{.Names}}"))
		slices.Sort(names)
		return names
	}
	all := []string{"data", "data-redis", "web", "web-http", "web-ssh"}

	command(t, "compose", "--config", ini, "--seed", "lab", "--output", file)
	plugin("config", "--quiet")
	services := strings.Fields(plugin("config", "--services"))
	slices.Sort(services)
	if !slices.Equal(services, all) {
		t.Errorf("docker compose reads the services %q, want %q", services, all)
	}
	plugin("up", "-d")
	if names := running(); !slices.Equal(names, all) {
		t.Errorf("after up, %q run", names)
	}
	answers(t, lan)
	locked(t, engine)
	if macOf(t, lan, web) != "lladdr "+hardwareAddress(t, plugin("config", "--format", "json"), "web") {
		t.Errorf("web has the hardware address %s", macOf(t, lan, web))
	}
	if out := command(t, "status", "--data", state); strings.Count(out, "not in the deployment state") != 2 || !strings.Contains(out, "http(up), ssh(up)") {
		t.Errorf("status of what docker compose made:\n%s", out)
	}

	if out := deploy("--dry-run"); strings.Count(out, "docker compose made it") != len(all) || strings.Contains(out, "image") {
		t.Errorf("deploy would do\n%s", out)
	}
	deploy()
	answers(t, lan)
	if out := deploy("--dry-run"); !strings.Contains(out, "nothing is to be done") {
		t.Errorf("deploy again would do\n%s", out)
	}
	plugin("up", "-d", "--wait")
	answers(t, lan)
	if out := deploy("--dry-run"); strings.Count(out, "docker compose made it") != len(all) {
		t.Errorf("after up again, deploy would do\n%s", out)
	}
	plugin("down")
	if names := running(); len(names) > 0 {
		t.Errorf("after down, %q run", names)
	}
	if out := command(t, "status", "--data", state); !strings.Contains(out, "http(down), ssh(down)") || !strings.Contains(out, "absent: there is no container") {
		t.Errorf("status after down:\n%s", out)
	}
	plugin("up", "-d")
	answers(t, lan)
	command(t, "teardown", "--data", t.TempDir(), "--all") // knows of none
	command(t, "teardown", "--data", state, "--all")
	daemontest.WaitFor(t, "the host as it was before", func() bool { return host(t, engine) == before })
}

// answers waits until all services of twoDeckies do.
func answers(t *testing.T, lan enginetest.LAN) {
	t.Helper()
	for addr, ports := range map[string]string{web: "22,80", data: "6379"} {
		daemontest.WaitFor(t, addr+" answers", func() bool {
			out := lan.Attack(t, "nmap", "-Pn", "-n", "-sS", "-p", ports, addr)
			return len(regexp.MustCompile(`/tcp +open `).FindAllString(out, -1)) == strings.Count(ports, ",")+1
		})
	}
	if out := lan.Attack(t, "redis-cli", "-h", data, "ping"); out != "PONG\n" {
		t.Errorf("redis says %q", out)
	}
	if out := lan.Attack(t, "ping", "-c", "1", "-W", "30", web); !strings.Contains(out, "ttl=128") {
		t.Errorf("ping:\n%s", out)
	}
}

// locked reaches out from web, in vain.
func locked(t *testing.T, engine *enginetest.Engine) {
	t.Helper()
	pid := strings.TrimSpace(engine.Docker(t, "inspect", "-f", "{{.State.Pid}}", "web"))
	out, err := exec.CommandContext(t.Context(), "nsenter", "-n", "-t", pid, "ping", "-c", "1", "-W", "1", enginetest.AttackerAddr).CombinedOutput()
	if err == nil || strings.Contains(string(out), " 0% packet loss") {
		t.Errorf("web reaches the attacker:\n%s", out)
	}
	daemontest.WaitFor(t, "the attempt is an event", func() bool {
		return strings.Contains(engine.Docker(t, "compose", "-p", "decnet", "logs", "web"), "egress_blocked")
	})
}

// hardwareAddress reads that of a service from a document.
func hardwareAddress(t *testing.T, config, service string) string {
	t.Helper()
	var doc struct {
		Services map[string]struct {
			Address string `json:"mac_address"`
		}
	}
	if err := json.Unmarshal([]byte(config), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Services[service].Address
}
