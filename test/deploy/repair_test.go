package deploy

import (
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/decnet/decnet/internal/enginetest"
)

// TestWhatIsTakenAwayComesBack removes and kills containers by hand while a daemon runs.
func TestWhatIsTakenAwayComesBack(t *testing.T) {
	p := newPlace(t)
	d := p.serve("up", "--runtime", "docker", "--config", p.ini("redis", "http"), "--api", "127.0.0.1:0")
	answers := func() bool {
		return p.lan.Attack(t, "timeout", "5", "redis-cli", "-h", "10.99.0.11", "ping") == "PONG\n"
	}
	mac := func() string {
		p.lan.Attack(t, "ip", "neigh", "flush", "all")
		p.lan.Attack(t, "ping", "-c", "1", "-W", "10", "10.99.0.11")
		return regexp.MustCompile(`lladdr (\S+)`).FindString(p.lan.Attack(t, "ip", "neigh", "show", "10.99.0.11"))
	}
	eventually(t, "redis answers", answers)
	before := mac()
	if before == "" {
		t.Fatal("the attacker sees no hardware address")
	}
	repaired := 0
	for _, what := range []string{"kill decoy-01", "rm -f decoy-01-redis", "pause decoy-01-redis; rm -f decoy-01"} {
		for command := range strings.SplitSeq(what, "; ") { // the last leaves a network alive that has the address
			p.engine.Docker(t, strings.Fields(command)...)
		}
		repaired++
		eventually(t, "the event after docker "+what, func() bool { return len(p.records(`"decky_repaired"`, "decoy-01")) == repaired })
		eventually(t, "redis answers after docker "+what, answers)
		if now := mac(); now != before {
			t.Errorf("after docker %s the attacker sees %q, it was %q", what, now, before)
		}
		// From within no packet gets out but replies.
		pid := strings.TrimSpace(p.engine.Docker(t, "inspect", "--format", "{{.State.Pid}}", "decoy-01"))
		if out, err := exec.Command("nsenter", "-t", pid, "-n", "ping", "-c", "1", "-W", "1", enginetest.AttackerAddr).CombinedOutput(); err == nil {
			t.Errorf("after docker %s the decky reaches out:\n%s", what, out)
		}
		p.isUp("decoy-01 redis; decoy-02 http")
	}
	if n := len(p.records(`"decky_lost"`, "decoy-01", "container decoy-01 does not run")); n == 0 {
		t.Error("no event tells what was lost")
	}
	if n := len(p.records(`"decky_lost"`, "decoy-02")); n != 0 {
		t.Errorf("%d events of a decky that nobody touched", n)
	}
	// What an operator takes down stays away.
	p.succeed("teardown", "--id", "decoy-02")
	p.engine.Docker(t, "rm", "-f", "decoy-01-redis")
	eventually(t, "the last event", func() bool { return len(p.records(`"decky_repaired"`, "decoy-01")) == repaired+1 })
	p.isUp("decoy-01 redis")
	d.end(t, syscall.SIGTERM)
	p.succeed("teardown", "--all")
}
