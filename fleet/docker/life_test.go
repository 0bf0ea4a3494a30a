package docker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/internal/enginetest"
)

func TestLife(t *testing.T) {
	l := newLab(t)
	before := l.left(t)
	r, done := l.runtime(t, docker.Options{})
	web, db := decky("web", 10, "http, ssh"), decky("db", 11, "redis, mysql")
	f := fromINI(t, web, db)

	plan, err := r.Plan(within(t), f)
	if err != nil {
		t.Fatal(err)
	}
	if l.settled(t, before) != before {
		t.Error("a plan changed something")
	}
	mustApply(t, r, f)
	did := done.take()
	planned := new(steps)
	for _, s := range plan {
		if s.Action != docker.ActionProbe {
			planned.done = append(planned.done, s)
		}
	}
	equal(t, "what was done is what was planned", did, planned.take())

	for _, to := range []struct {
		addr string
		port int
	}{{"10.99.0.10", 80}, {"10.99.0.10", 22}, {"10.99.0.11", 6379}, {"10.99.0.11", 3306}} {
		eventually(t, "the attacker is answered", func() bool { return l.answers(t, to.addr, to.port) })
	}
	equal(t, "states", states(t, r), []string{"web/http=up", "web/ssh=up", "db/mysql=up", "db/redis=up"})
	if got := l.Attack(t, "redis-cli", "-h", "10.99.0.11", "ping"); got != "PONG\n" {
		t.Errorf("redis-cli: %s", got)
	}
	eventually(t, "the attack is in the log of the container", func() bool {
		lines := l.Docker(t, "logs", "db-redis")
		return strings.Contains(lines, " db redis ") && strings.Contains(lines, `src_ip="`+enginetest.AttackerAddr+`"`) && strings.Contains(lines, `command="ping"`)
	})

	t.Run("unchanged", func(t *testing.T) {
		ids := l.Docker(t, "ps", "-q", "--no-trunc")
		begin := time.Now()
		mustApply(t, r, f)
		t.Logf("applied again in %s", time.Since(begin))
		equal(t, "steps", done.take(), nil)
		if l.Docker(t, "ps", "-q", "--no-trunc") != ids {
			t.Error("containers are others")
		}
	})
	t.Run("adopted", func(t *testing.T) {
		other, done := l.runtime(t, docker.Options{})
		equal(t, "states without a fleet", states(t, other), []string{"db/mysql=up", "db/redis=up", "web/http=up", "web/ssh=up"})
		mustApply(t, other, f)
		equal(t, "steps", done.take(), nil)
	})
	t.Run("labels", func(t *testing.T) {
		var labels map[string]string
		if err := json.Unmarshal([]byte(l.Docker(t, "inspect", "--format", "{{json .Config.Labels}}", "web-http")), &labels); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{
			compose.LabelFleet: "decnet", compose.LabelDecky: "web", compose.LabelService: "http",
			"com.docker.compose.project": "decnet", "com.docker.compose.service": "web-http", "com.docker.compose.container-number": "1",
			"com.docker.compose.oneoff": "False", "com.docker.compose.depends_on": "web:service_started:true",
		} {
			if labels[key] != want {
				t.Errorf("label %s = %q, want %q", key, labels[key], want)
			}
		}
		if got := l.Docker(t, "network", "inspect", "--format", `{{index .Labels "com.docker.compose.project"}} {{index .Labels "com.docker.compose.network"}}`, "decnet_lan"); strings.TrimSpace(got) != "decnet decnet_lan" {
			t.Errorf("labels of the network: %s", got)
		}
	})
	t.Run("change", func(t *testing.T) {
		web = decky("web", 10, "http, ftp")
		f = fromINI(t, web, db)
		mustApply(t, r, f)
		equal(t, "steps", done.take(), []string{
			"create container web-ftp", "remove container web-ssh", // http is left alone: nobody sees ftp from inside of it
		})
		equal(t, "states", states(t, r), []string{"web/ftp=up", "web/http=up", "db/mysql=up", "db/redis=up"})
		eventually(t, "ftp answers", func() bool { return l.answers(t, "10.99.0.10", 21) })
		if l.answers(t, "10.99.0.10", 22) {
			t.Error("ssh answers, which was removed")
		}
	})
	t.Run("setting", func(t *testing.T) {
		web += "[web.http]\nserver_header = Apache/2.4.57\n"
		f = fromINI(t, web, db)
		mustApply(t, r, f)
		equal(t, "steps", done.take(), []string{"remove container web-http", "replace container web-http"})
		eventually(t, "the setting is in force", func() bool {
			return strings.Contains(l.Attack(t, "curl", "-sI", "http://10.99.0.10/"), "Server: Apache/2.4.57\r\n")
		})
	})
	t.Run("other address", func(t *testing.T) {
		web = decky("web", 12, "http, ftp")
		f = fromINI(t, web, db)
		mustApply(t, r, f)
		equal(t, "steps", done.take(), []string{
			"create interface decnet_macvlan0",
			"remove container web", "remove container web-ftp", "remove container web-http",
			"replace container web", "replace container web-ftp", "replace container web-http",
		})
		eventually(t, "http answers", func() bool { return l.answers(t, "10.99.0.12", 80) })
	})
	t.Run("add and remove", func(t *testing.T) {
		more := decky("more", 13, "http")
		mustApply(t, r, fromINI(t, web, db, more))
		equal(t, "steps", done.take(), []string{"create container more", "create container more-http", "create interface decnet_macvlan0"})
		mustDown(t, r, "db")
		equal(t, "steps", done.take(), []string{"remove container db", "remove container db-mysql", "remove container db-redis"})
		equal(t, "states", states(t, r), []string{"web/ftp=up", "web/http=up", "more/http=up"})
		mustApply(t, r, fromINI(t, more))
		done.take()
		equal(t, "states", states(t, r), []string{"more/http=up"})
	})
	t.Run("teardown", func(t *testing.T) {
		plan, err := r.Plan(within(t), decnet.Fleet{})
		if err != nil || len(plan) != 2 || plan[0].Action != docker.ActionRemove {
			t.Errorf("plan of no deckies: %v, %v", plan, err)
		}
		mustApply(t, r, decnet.Fleet{}) // as good as Down
		equal(t, "states", states(t, r), nil)
		if after := l.settled(t, before); after != before {
			t.Errorf("something is left:\n%s\nbefore it was\n%s", after, before)
		}
		mustDown(t, r) // of nothing
		if images := l.Docker(t, "images", "-q"); images == "" {
			t.Error("the images are gone")
		}
		if err := r.RemoveImages(within(t)); err != nil {
			t.Fatal(err)
		}
		if images := l.Docker(t, "images", "-aq"); images != "" {
			t.Errorf("images are left: %s", images)
		}
	})
}
