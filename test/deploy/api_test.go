package deploy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/internal/daemontest"
	"github.com/decnet/decnet/internal/enginetest"
)

// job is a deployment as the API tells of it.
type job struct{ ID, Kind, State, Message string }

// follow opens a stream of the API and returns what it tells of jobs.
func follow(t *testing.T, d *daemontest.Daemon) <-chan job {
	t.Helper()
	var ticket struct{ Ticket string }
	if err := d.Call(t.Context(), "POST", "/stream/ticket", nil, &ticket); err != nil {
		t.Fatal(err)
	}
	api := regexp.MustCompile(`http://\S+/api/v1`).FindString(d.Said())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", api+"/stream?token="+ticket.Ticket, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	jobs := make(chan job, 100)
	go func() {
		defer close(jobs)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var message struct {
				Type string
				Data json.RawMessage
			}
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok || json.Unmarshal([]byte(data), &message) != nil || message.Type != "job" {
				continue
			}
			var j job
			if json.Unmarshal(message.Data, &j) == nil {
				jobs <- j
			}
		}
	}()
	return jobs
}

// deployed asks for a deployment and returns the states that the stream tells of it, and
// what it says at its end.
func deployed(t *testing.T, d *daemontest.Daemon, jobs <-chan job, ini string) (states []string, message string) {
	t.Helper()
	var asked struct{ Job string }
	if err := d.Call(t.Context(), "POST", "/deckies/deploy", map[string]string{"ini_content": ini}, &asked); err != nil {
		t.Fatal(err)
	}
	for j := range jobs {
		if j.ID != asked.Job {
			continue
		}
		states = append(states, j.State)
		if j.State == "done" || j.State == "failed" {
			return states, j.Message
		}
	}
	t.Fatalf("the stream ended after %v", states)
	return nil, ""
}

// TestDeployByTheAPIOnTheLAN deploys without an engine.
func TestDeployByTheAPIOnTheLAN(t *testing.T) {
	p := newPlace(t)
	deployByTheAPI(t, p, "lan", func(d *daemontest.Daemon) string {
		list := deckiesOf(t, d)
		if status := p.status().names(); !slices.Equal(status, list) {
			t.Errorf("status lists %v, the API %v", status, list)
		}
		return strings.Join(list, " ")
	})
}

// TestDeployByTheAPIInContainers does it with an engine, where a deployment can fail half
// way.
func TestDeployByTheAPIInContainers(t *testing.T) {
	p := newPlace(t)
	t.Setenv("DOCKER_HOST", p.engine.Host)
	stands := func(d *daemontest.Daemon) string {
		list := deckiesOf(t, d)
		if status := p.status().names(); !slices.Equal(status, list) {
			t.Errorf("status lists %v, the API %v", status, list)
		}
		return strings.Join(list, " ")
	}
	d := deployByTheAPI(t, p, "docker", stands)
	// The image is there, and what is to run in it is not.
	empty := filepath.Join(t.TempDir(), "empty.tar")
	if out, err := exec.Command("tar", "-C", p.dir, "-cf", empty, "fleet.ini").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	p.engine.Docker(t, "import", empty, "example/broken:1")
	states, _ := deployed(t, d, follow(t, d), "[custom-broken]\nbinary = example/broken:1\nexec = /nothing\nports = 9000\n"+
		"[half]\nip = 10.99.0.21\nservices = broken, redis\n[whole]\nip = 10.99.0.22\nservices = redis\n")
	if states[len(states)-1] != "failed" {
		t.Errorf("a deployment that cannot be: %v", states)
	}
	now := stands(d)
	if !strings.Contains(now, "first") || !strings.Contains(now, "second") || !strings.Contains(now, "whole") {
		t.Errorf("after it the deckies are %s", now)
	}
	containers := p.containers()
	for _, name := range []string{"first", "second", "half", "whole"} {
		if is := slices.Contains(containers, name); is != slices.Contains(strings.Fields(now), name) {
			t.Errorf("the state says %s, containers are %v", now, containers)
		}
	}
	p.answers("10.99.0.22") // beside the broken one
	d.Stop(t)
	p.succeed("teardown", "--all")
}

// names are those of the deckies that are deployed, as status says.
func (r report) names() []string {
	var list []string
	for _, d := range r.Deckies {
		if d.Deployed {
			list = append(list, d.Name)
		}
	}
	return list
}

func deckiesOf(t *testing.T, d *daemontest.Daemon) (names []string) {
	t.Helper()
	var list []struct{ Name string }
	if err := d.Call(t.Context(), "GET", "/deckies", nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		names = append(names, k.Name)
	}
	return names
}

// deployByTheAPI starts a daemon with the decky first, and deploys others through its API.
// stands returns the names of the deckies.
func deployByTheAPI(t *testing.T, p *place, runtime string, stands func(*daemontest.Daemon) string) *daemontest.Daemon {
	t.Helper()
	config := "[general]\nnet = " + enginetest.Subnet + "\ngw = " + enginetest.Gateway + "\ninterface = " + enginetest.Parent +
		"\n[first]\nip = 10.99.0.11\nservices = redis\n"
	d := daemontest.Start(t, filepath.Join(p.dir, "decnetd"), p.data(), "--runtime", runtime, "--config", p.file(config))
	d.LogIn(t)
	jobs := follow(t, d)

	states, message := deployed(t, d, jobs, "[second]\nip = 10.99.0.12\nservices = redis\n")
	if !slices.Equal(states, []string{"running", "done"}) || !strings.Contains(message, "second") && !strings.Contains(message, "2") {
		t.Errorf("the stream tells of %v, %q", states, message)
	}
	for _, addr := range []string{"10.99.0.11", "10.99.0.12"} {
		p.answers(addr)
	}
	if now := stands(d); now != "first second" {
		t.Errorf("the deckies are %s", now)
	}

	// The attacker has this address. Nothing changes.
	states, message = deployed(t, d, jobs, fmt.Sprintf("[taken]\nip = %s\nservices = redis\n[third]\nip = 10.99.0.13\nservices = redis\n", enginetest.AttackerAddr))
	if !slices.Equal(states, []string{"running", "failed"}) || message == "" {
		t.Errorf("the stream tells of %v, %q", states, message)
	}
	if now := stands(d); now != "first second" {
		t.Errorf("after a deployment that failed the deckies are %s", now)
	}
	if out := p.lan.Attack(t, "nmap", "-sn", "-n", "10.99.0.13"); strings.Contains(out, "1 host up") {
		t.Errorf("a deployment that failed has left a decky:\n%s", out)
	}

	if err := d.Call(t.Context(), "PUT", "/config/deployment-limit", map[string]int{"deployment_limit": 3}, nil); err != nil {
		t.Fatal(err)
	}
	err := d.Call(t.Context(), "POST", "/deckies/deploy", map[string]string{"ini_content": "[more]\namount = 2\nservices = redis\n"}, nil)
	if err == nil || !strings.Contains(err.Error(), "409") || !strings.Contains(err.Error(), "4 deckies would be deployed, the deployment limit is 3") {
		t.Errorf("more deckies than the limit: %v", err)
	}
	var mutated struct{ Message string }
	if err := d.Call(t.Context(), "PUT", "/config/deployment-limit", map[string]int{"deployment_limit": 10}, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Call(t.Context(), "POST", "/deckies/second/mutate", nil, &mutated); err != nil {
		t.Fatal(err)
	}
	for j := range jobs {
		if j.Kind == "mutate" && j.State != "waiting" && j.State != "running" {
			if j.State != "done" || !strings.HasPrefix(j.Message, "second has now ") {
				t.Errorf("the mutation: %+v", j)
			}
			break
		}
	}
	return d
}
