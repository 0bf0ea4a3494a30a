package docker_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
)

// buildBilling makes the image of testdata/billing, which has a health check. Called as the
// image of a holder, it holds and never locks.
func (l lab) buildBilling(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "billing"), "./testdata/billing")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dockerfile := "FROM scratch\nCOPY billing /billing\nCOPY billing /decnet-pot\nHEALTHCHECK --interval=1s --retries=60 CMD [\"/billing\", \"healthy\"]\nENTRYPOINT [\"/billing\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	l.Docker(t, "build", "-q", "-t", "example/billing:4", dir)
}

// An image that knows nothing of the lock starts when it is in force: also its first packet
// does not leave.
func TestW17_CustomImagesStartAfterTheLock(t *testing.T) {
	l := newLab(t)
	l.buildBilling(t)
	r, done := l.runtime(t, docker.Options{})
	f := fromINI(t, decky("web", 10, "http, billing"), "[custom-billing]\nbinary = example/billing:4\nports = 8080\n")
	mustApply(t, r, f)
	done.take()
	watch := func() func() []string { return l.Capture(t, "src host 10.99.0.10 and (udp or icmp)", "10.99.0.10") }
	left := watch()
	up := []string{"web/billing=up", "web/http=up"}
	equal(t, "states", states(t, r), up)
	served := func(what string) {
		t.Helper()
		eventually(t, what, func() bool {
			return l.Attack(t, "curl", "-s", "-m", "5", "http://10.99.0.10:8080/") == "billing\n" && l.answers(t, "10.99.0.10", 80)
		})
		eventually(t, "both containers are shown as healthy", func() bool {
			return strings.Count(l.Docker(t, "ps", "--filter", "health=healthy", "--format", "{{.Names}}: {{.Status}}"), "(healthy)") == 2
		})
		if logs := l.Docker(t, "logs", "web-billing"); !strings.Contains(logs, "reached out:") {
			t.Errorf("%s, and it sent nothing:\n%s", what, logs)
		}
		if packets := left(); len(packets) > 0 {
			t.Errorf("%s, its first packet left:\n%s", what, strings.Join(packets, "\n"))
		}
	}
	served("the image is served")
	eventually(t, "the attempt is an event", func() bool {
		lines := l.Docker(t, "logs", "web")
		return strings.Contains(lines, "egress_blocked") && strings.Contains(lines, `dst_port="9"`)
	})

	t.Run("holder dies", func(t *testing.T) {
		left = watch()
		if out, err := exec.Command("kill", "-9", l.pid(t, "web")).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		eventually(t, "the engine starts the holder again", func() bool {
			return strings.TrimSpace(l.Docker(t, "inspect", "-f", "{{.RestartCount}} {{.State.Running}}", "web")) == "1 true"
		})
		eventually(t, "the status tells of the network that is gone", func() bool {
			list, err := r.Status(within(t))
			return err == nil && strings.Contains(list[0].Services[0].Err, "a network that is gone")
		})
		mustApply(t, r, f)
		if did := done.take(); len(did) == 0 || did[0] != "restart container web-billing" {
			t.Errorf("what repaired it: %q", did)
		}
		equal(t, "states", states(t, r), up)
		served("the image is served again")
	})
}

// A holder that does not say that its network is locked keeps an image waiting.
func TestW17_CustomImagesDoNotStartWithoutTheLock(t *testing.T) {
	l := newLab(t)
	l.buildBilling(t)
	r, _ := l.runtime(t, docker.Options{Compose: compose.Options{Image: "example/billing:4"}})
	err := r.Apply(within(t), fromINI(t, decky("web", 10, "billing"), "[custom-billing]\nbinary = example/billing:4\nports = 8080\n"))
	var partial *docker.ApplyError
	if !errors.As(err, &partial) || !strings.Contains(err.Error(), "create container web-billing: its network is not locked: unhealthy") {
		t.Errorf("%v", err)
	}
	if names := strings.Fields(l.Docker(t, "ps", "-a", "--format", "{{.Names}}")); !slices.Equal(names, []string{"web"}) {
		t.Errorf("there are the containers %q", names)
	}
}
