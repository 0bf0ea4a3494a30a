package lab

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/enginetest"
)

const composed = `
[general]
net = 10.99.0.0/24
gw = 10.99.0.1
interface = lab0

[web]
ip = 10.99.0.12
services = http, ssh

[data]
ip = 10.99.0.15
services = redis
`

// TestComposeFile has docker compose make the fleet of a file, and decnetd take it over.
func TestComposeFile(t *testing.T) {
	engine := enginetest.Start(t)
	engine.AddCompose(t)
	lan := enginetest.NewLAN(t)
	before := host(t, engine)
	t.Setenv("DOCKER_HOST", engine.Host)
	ini, dir := writeINI(t, composed), t.TempDir()
	file := filepath.Join(t.TempDir(), "decnet.yml")
	command(t, "compose", "--config", ini, "--seed", "lab", "--output", file)

	plugin := func(args ...string) string {
		t.Helper()
		return engine.Docker(t, append([]string{"compose", "-f", file}, args...)...)
	}
	plugin("config", "--quiet")
	services := strings.Fields(plugin("config", "--services"))
	slices.Sort(services)
	if want := []string{"data", "data-redis", "web", "web-http", "web-ssh"}; !slices.Equal(services, want) {
		t.Errorf("docker compose reads the services %q, want %q", services, want)
	}
	t.Logf("up: %s", plugin("up", "-d"))
	t.Log(engine.Docker(t, "compose", "ls"))
	t.Log(engine.Docker(t, "ps", "-a"))
	t.Log(lan.Attack(t, "redis-cli", "-h", data, "ping"))
	t.Log(command(t, "status", "--data", dir))
	t.Log(command(t, "deploy", "--data", dir, "--config", ini, "--seed", "lab", "--dry-run"))
	t.Log(command(t, "deploy", "--data", dir, "--config", ini, "--seed", "lab"))
	t.Log(command(t, "status", "--data", dir))
	t.Log(command(t, "deploy", "--data", dir, "--config", ini, "--seed", "lab", "--dry-run"))
	t.Log(plugin("up", "-d", "--dry-run"))
	t.Log(plugin("up", "-d"))
	t.Log(command(t, "deploy", "--data", dir, "--config", ini, "--seed", "lab", "--dry-run"))
	t.Log(plugin("down"))
	t.Log(command(t, "status", "--data", dir))
	t.Log(command(t, "deploy", "--data", dir, "--config", ini, "--seed", "lab", "--dry-run"))
	t.Log(command(t, "teardown", "--data", dir, "--all"))
	daemontest.WaitFor(t, "the host as it was before", func() bool { return host(t, engine) == before })
	_ = json.Valid
	_ = os.Stat
	_ = exec.Command
}
