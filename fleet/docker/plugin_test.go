package docker_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/http"
	"github.com/decnet/decnet/services/redis"
)

// projects returns what docker compose ls says, as "name: status".
func (l lab) projects(t *testing.T) []string {
	t.Helper()
	var list []struct{ Name, Status string }
	if err := json.Unmarshal([]byte(l.Docker(t, "compose", "ls", "--all", "--format", "json")), &list); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range list {
		all = append(all, p.Name+": "+p.Status)
	}
	return all
}

// listed returns what docker compose ps says, as "container is service of project: state", sorted.
func (l lab) listed(t *testing.T) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(l.Docker(t, "compose", "-p", "decnet", "ps", "--all", "--format", "json")) {
		var c struct{ Name, Service, Project, State string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, fmt.Sprintf("%s is %s of %s: %s", c.Name, c.Service, c.Project, c.State))
	}
	slices.Sort(all)
	return all
}

// The plug-in of docker compose knows a fleet that it has not made, and needs no file for it.
func TestDockerComposeKnowsTheFleet(t *testing.T) {
	l := newLab(t)
	l.AddCompose(t)
	program := readPot(t)
	reg, err := services.NewRegistry(redis.Service{}, daemon{http.Service{}, fstest.MapFS{
		"Dockerfile": {Data: []byte("FROM scratch\nCOPY daemon /daemon\nCMD [\"/daemon\", \"serve\"]\n")},
		"daemon":     {Data: program, Mode: 0o755},
	}})
	if err != nil {
		t.Fatal(err)
	}
	before := l.left(t)
	r, done := l.runtimeOf(t, reg, docker.Options{})
	f := fromINI(t, decky("web", 10, "http, redis"), decky("db", 11, "redis"))
	f.Deckies[0].Distro = "debian"
	mustApply(t, r, f)
	done.take()
	answering := func() {
		t.Helper()
		eventually(t, "the attacker is answered", func() bool {
			return l.answers(t, "10.99.0.10", 80) && l.answers(t, "10.99.0.10", 6379) && l.answers(t, "10.99.0.11", 6379)
		})
	}
	answering()
	equal(t, "projects", l.projects(t), []string{"decnet: running(5)"})
	all := []string{
		"db is db of decnet: running", "db-redis is db-redis of decnet: running",
		"web is web of decnet: running", "web-http is web-http of decnet: running", "web-redis is web-redis of decnet: running",
	}
	equal(t, "containers", l.listed(t), all)
	l.Attack(t, "redis-cli", "-h", "10.99.0.11", "ping")
	eventually(t, "the attack is in the logs of the service", func() bool {
		for line := range strings.Lines(l.Docker(t, "compose", "-p", "decnet", "logs", "--no-color", "db-redis")) {
			if strings.Contains(line, "db-redis  | ") && strings.Contains(line, `command="ping"`) {
				return true
			}
		}
		return false
	})

	t.Run("stop", func(t *testing.T) {
		l.Docker(t, "compose", "-p", "decnet", "stop", "web-redis")
		equal(t, "projects", l.projects(t), []string{"decnet: exited(1), running(4)"})
		equal(t, "states", states(t, r), []string{"web/http=up", "web/redis=down", "db/redis=up"})
		mustApply(t, r, f)
		equal(t, "steps", done.take(), []string{"start container web-redis"})
		answering()
	})
	t.Run("restart", func(t *testing.T) {
		l.Docker(t, "compose", "-p", "decnet", "restart")
		answering()
		mustApply(t, r, f)
		done.take()
		equal(t, "containers", l.listed(t), all)
		equal(t, "states", states(t, r), []string{"web/http=up", "web/redis=up", "db/redis=up"})
	})
	t.Run("down", func(t *testing.T) {
		l.Docker(t, "compose", "-p", "decnet", "down", "--volumes")
		equal(t, "projects", l.projects(t), nil)
		equal(t, "containers", strings.Fields(l.Docker(t, "ps", "-aq")), nil)
		equal(t, "networks", strings.Fields(l.Docker(t, "network", "ls", "-q", "--filter", "type=custom")), nil)
		equal(t, "volumes", strings.Fields(l.Docker(t, "volume", "ls", "-q")), nil)
		equal(t, "states", states(t, r), []string{"web/http=down", "web/redis=down", "db/redis=down"})
	})
	mustApply(t, r, f)
	equal(t, "steps after down", done.take(), []string{
		"create container db", "create container db-redis", "create container web", "create container web-http", "create container web-redis",
		"create network decnet_lan",
	})
	answering()
	equal(t, "containers", l.listed(t), all)

	l.Docker(t, "compose", "-p", "decnet", "down", "--volumes")
	mustDown(t, r) // the interface of this machine is none of docker compose's
	if after := l.settled(t, before); after != before {
		t.Errorf("something is left:\n%s\nbefore it was\n%s", after, before)
	}
}
