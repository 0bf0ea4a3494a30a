package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/store"
)

// statusOf is what status --json prints.
func statusOf(t *testing.T, data string) (r statusReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(succeed(t, "", "status", "--json", "--data", data)), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMutateADeckyOfADaemon(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if r := statusOf(t, data); r.Runtime != "" || len(r.Deckies) != 0 || r.Daemon {
		t.Errorf("%+v", r)
	}
	d := start(t, data, nil, "--deckies", "2", "--archetype", "database-server", "--base-ip", "127.0.71.1", "--services", "mysql,redis")
	if r := statusOf(t, data); r.Runtime != "local" || !r.Daemon || len(r.Deckies) != 2 || r.Deckies[0].State != "unknown" || r.Change != nil {
		t.Errorf("%+v", r)
	}
	// Somebody is connected: the decky is left alone, unless no grace is given.
	c, err := net.Dial("tcp", address("127.0.71.1", 6379))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if answer := authenticate(t, "127.0.71.1", "x"); answer == "" {
		t.Error("no answer")
	}
	var changed []mutationRow
	if err := json.Unmarshal([]byte(succeed(t, "", "mutate", "--data", data, "--decky", "decky-01", "--grace", "0", "--json")), &changed); err != nil {
		t.Fatal(err)
	}
	if len(changed) != 1 || strings.Join(changed[0].Old, ",") != "mysql,redis" || len(changed[0].New) == 0 || strings.Join(changed[0].New, ",") == "mysql,redis" {
		t.Errorf("%+v", changed)
	}
	refused(t, decnetd(t, "", "mutate", "--data", data, "--decky", "decky-07"), exitFailed, `no decky is called "decky-07"`)
	refused(t, decnetd(t, "", "mutate", "--data", data, "--watch"), exitFailed, "--watch is for containers")
	if out := succeed(t, "", "mutate", "--data", data); out != "no decky is due\n" {
		t.Errorf("printed %q", out)
	}
	if out := succeed(t, "", "mutate", "--data", data, "--all", "--grace", "0"); !regexp.MustCompile(`(?m)^decky-02 +mysql, redis +\S`).MatchString(out) {
		t.Errorf("printed\n%s", out)
	}
	refused(t, decnetd(t, "", "deploy", "--data", data, "-c", writeFile(t, "x.ini", "[a]\nservices=ssh\n")), exitFailed, "live in a decnetd up --runtime local that runs")
	refused(t, decnetd(t, "", "teardown", "--data", data, "--all"), exitFailed, "live in a decnetd up --runtime local that runs")
	d.stop(t)
	if r := statusOf(t, data); r.Daemon || r.Deckies[0].State != "down" {
		t.Errorf("%+v", r)
	}
	refused(t, decnetd(t, "", "mutate", "--data", data, "--all"), exitFailed, "does not run on "+data)
	events := mutations(t, d.dsn())
	if len(events) != 3 || events[0].Value("trigger") != "operator" || events[0].Attacker.IsValid() {
		t.Errorf("%+v", events)
	}
}

// mutations are the events of mutations in a database.
func mutations(t *testing.T, dsn string) []store.Record {
	t.Helper()
	list, err := open(t, dsn).Records(t.Context(), store.Filter{Search: "event:decky_mutated"})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestW32_IntervalsOfFlagsHold(t *testing.T) {
	t.Parallel()
	const ini = "[general]\nmutate_interval = 45\n[a]\nip = 127.0.71.10\nservices = redis\nmutate_interval = 5\n[b]\nip = 127.0.71.11\nservices = redis\n"
	for args, want := range map[string][2]time.Duration{
		"":                      {5 * time.Minute, 45 * time.Minute},
		"--mutate-interval 100": {5 * time.Minute, 100 * time.Minute},
		"--mutate-interval 0":   {5 * time.Minute, 0},
	} {
		d := start(t, t.TempDir(), nil, append(strings.Fields(args), "--config", writeFile(t, "fleet.ini", ini))...)
		d.stop(t)
		f := d.fleet(t)
		if got := [2]time.Duration{fleet.Interval(f, f.Deckies[0]), fleet.Interval(f, f.Deckies[1])}; got != want {
			t.Errorf("%q: %v, want %v", args, got, want)
		}
		if args == "" {
			again := start(t, d.data, nil, "--mutate-interval", "7")
			again.stop(t)
			if f := again.fleet(t); fleet.Interval(f, f.Deckies[0]) != 5*time.Minute || fleet.Interval(f, f.Deckies[1]) != 7*time.Minute {
				t.Errorf("a fleet of the last time: %+v", f.Deckies)
			}
		}
	}
}

func TestUpMutatesWhatIsDue(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := start(t, data, nil, "--deckies", "1", "--services", "redis", "--mutate-interval", "60", "--base-ip", "127.0.71.20")
	first.stop(t)
	before := first.fleet(t)
	before.Deckies[0].LastMutated = time.Now().Add(-2 * time.Hour).UTC()
	doc, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, first.dsn()).SetState(t.Context(), store.FleetKey, doc); err != nil {
		t.Fatal(err)
	}
	second := start(t, data, nil)
	db := open(t, second.dsn())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		doc, err := deployment.Read(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(doc.Deckies[0].Services, ",") != "redis" && len(mutations(t, second.dsn())) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the decky has %v, told is %+v", doc.Deckies[0].Services, mutations(t, second.dsn()))
		}
	}
	second.stop(t)
	if list := mutations(t, second.dsn()); len(list) != 1 || list[0].Decky != "decky-01" || list[0].Value("old_services") != `["redis"]` {
		t.Errorf("%+v", list)
	}
	attackers, err := db.Attackers(t.Context(), store.AttackerFilter{})
	if err != nil || len(attackers) != 0 {
		t.Errorf("attackers %+v, %v", attackers, err)
	}
}

// call sends a request to the API and returns what it answers.
func call(t *testing.T, method, url, token, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %s, %v", method, url, resp.Status, answer, err)
	}
	return string(answer)
}

// login changes the first password of the administrator and returns a token.
func login(t *testing.T, api, first, second string) string {
	t.Helper()
	token := func(password string) string {
		var answer struct {
			Token string `json:"access_token"`
		}
		body := call(t, "POST", api+"/auth/login", "", `{"username":"admin","password":"`+password+`"}`)
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Token
	}
	call(t, "POST", api+"/auth/change-password", token(first), `{"old_password":"`+first+`","new_password":"`+second+`"}`)
	return token(second)
}

// TestW25_TheAPIListsWhatTheCommandsDeployed writes the deployment state as commands do,
// and reads it through the API.
func TestW25_TheAPIListsWhatTheCommandsDeployed(t *testing.T) {
	t.Parallel()
	env := environment{"DECNET_ADMIN_PASSWORD": "correct horse"}
	d := start(t, filepath.Join(t.TempDir(), "data"), env, "--deckies", "2", "--services", "redis", "--base-ip", "127.0.71.30")
	api := regexp.MustCompile(`http://\S+/api/v1`).FindString(d.out.String())
	token := login(t, api, "correct horse", "battery staple")
	listed := func() string { return call(t, "GET", api+"/deckies", token, "") }
	list := listed()
	for _, want := range []string{`"name":"decky-01"`, `"name":"decky-02"`, `"mutate_interval":null`} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is not in %s", want, list)
		}
	}
	if err := deployment.SetInterval(t.Context(), open(t, d.dsn()), "decky-02", 90*time.Minute); err != nil {
		t.Fatal(err)
	}
	succeed(t, "", "mutate", "--data", d.data, "--decky", "decky-01", "--grace", "0")
	doc, err := deployment.Read(t.Context(), open(t, d.dsn()))
	if err != nil {
		t.Fatal(err)
	}
	services, err := json.Marshal(doc.Deckies[0].Services)
	if err != nil {
		t.Fatal(err)
	}
	list = listed()
	for _, want := range []string{`"services":` + string(services), `"mutate_interval":90`} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is not in %s", want, list)
		}
	}
	d.stop(t)
}

func TestDeployDryRunMakesNothing(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	r := decnetd(t, "", "deploy", "-c", writeFile(t, "x.ini", "[general]\nnet = 10.1.1.0/24\ngw = 10.1.1.1\ninterface = lo\n[a]\nservices = redis\n"),
		"--dry-run", "--engine", "unix:///nowhere.sock", "--pot", "/proc/self/exe", "--data", data)
	refused(t, r, exitFailed, "the container engine does not answer", "start it, or say with --engine where it is")
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory: %v", err)
	}
	r = decnetd(t, "", "deploy", "-c", writeFile(t, "x.ini", "[general]\nnet = 10.1.1.0/24\ngw = 10.1.1.1\ninterface = lo\n[a]\nservices = redis\n"),
		"--dry-run", "--pot", "/nowhere/decnet-pot", "--data", data)
	refused(t, r, exitFailed, "/nowhere/decnet-pot", "say with --pot where it is")
}

func TestDeployRows(t *testing.T) {
	t.Parallel()
	decky := func(name string, services ...string) decnet.Decky {
		return decnet.Decky{Name: name, Services: services}
	}
	rows := deployRows(
		decnet.Fleet{Deckies: []decnet.Decky{decky("a", "ssh"), decky("b", "ssh"), decky("c", "ssh")}},
		decnet.Fleet{Deckies: []decnet.Decky{decky("d", "ssh"), decky("a", "ssh"), decky("b", "http")}})
	var got []string
	for _, r := range rows {
		got = append(got, r.Name+" "+r.Action)
	}
	if strings.Join(got, "; ") != "d added; a kept; b changed; c removed" {
		t.Errorf("%v", got)
	}
}
