package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/services/all"
	"github.com/decnet/decnet/store"
)

// deckies is a fleet.Runtime that keeps what it is told, and fails or waits when told to.
// Sockets are the matter of other packages.
type deckies struct {
	mu    sync.Mutex
	fleet decnet.Fleet
	err   error
	hold  chan struct{} // Apply waits until it is closed
}

func (d *deckies) Apply(ctx context.Context, f decnet.Fleet) error {
	d.mu.Lock()
	hold := d.hold
	d.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	d.fleet = f
	return nil
}

func (d *deckies) Status(context.Context) ([]fleet.DeckyStatus, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []fleet.DeckyStatus
	for _, k := range d.fleet.Deckies {
		list = append(list, fleet.DeckyStatus{Name: k.Name, Addr: k.Addr, Hostname: k.Hostname})
	}
	return list, nil
}

func (d *deckies) Down(_ context.Context, names ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fleet.Deckies = slices.DeleteFunc(d.fleet.Deckies, func(k decnet.Decky) bool {
		return len(names) == 0 || slices.Contains(names, k.Name)
	})
	return nil
}

func newOperator(t testing.TB, db store.Repository, rt fleet.Runtime) api.Operator {
	t.Helper()
	registry, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	d := deployment.New(db, rt, deployment.Options{Runtime: "local"})
	m := deployment.NewMutator(d, registry, deployment.MutatorOptions{})
	return api.NewOperator(db, d, m, registry, nil)
}

type jobRow struct {
	ID, Kind, State, Message, By string
	Finished                     *time.Time
}

// await returns a job when it has come to its end.
func (f *fixture) await(t *testing.T, id string) jobRow {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		row := get[jobRow](t, f, f.view, "/jobs/"+id)
		if row.Finished != nil {
			return row
		}
		if time.Now().After(deadline) {
			t.Fatalf("job %+v does not end", row)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

type deckyRow struct {
	Name     string
	IP       string
	Services []string
	Interval *int `json:"mutate_interval"`
}

type accepted struct{ Message, Job string }

func ini(text string) string {
	body, err := json.Marshal(map[string]string{"ini_content": text})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// withRuntime is an API over a runtime that the test has in its hands.
func withRuntime(t *testing.T, rt *deckies) *fixture {
	return newFixture(t, func(c *api.Config) {
		c.Jobs = api.NewJobs(newOperator(t, c.Store.(store.Repository), rt), c.Hub, nil, nil)
	})
}

func TestDeployIsAJob(t *testing.T) {
	t.Parallel()
	rt := &deckies{hold: make(chan struct{})}
	f := withRuntime(t, rt)
	f.runHub(t)
	v := f.watch(t, "/stream?search=decky:none", f.view, "") // jobs are for streams with a filter too
	v.next("histogram")
	f.audit.take()

	status, header, body := f.do(t, f.admin, "POST", "/deckies/deploy", ini("[web]\nservices = ssh, http\n[db]\nservices = redis\nmutate_interval = 5\n"))
	var job accepted
	if err := json.Unmarshal(body, &job); err != nil || status != http.StatusAccepted || job.Job == "" {
		t.Fatalf("%d %v %s", status, header, body)
	}
	if got := f.resolve(t, "/deckies/deploy", header.Get("Location")); got != "/jobs/"+job.Job {
		t.Errorf("the job is said to be at %s", got)
	}
	f.audit.expect(t, "deployment_requested", map[string]string{"operator": "boss", "job": job.Job, "deckies": "2"})
	if list := get[[]deckyRow](t, f, f.view, "/deckies"); len(list) != 0 {
		t.Errorf("deployed before it was done: %v", list)
	}
	if row := get[jobRow](t, f, f.view, "/jobs/"+job.Job); row.Finished != nil || row.Kind != "deploy" || row.By != "boss" {
		t.Errorf("%+v", row)
	}
	close(rt.hold)
	if row := f.await(t, job.Job); row.State != "done" || row.Message != "2 deckies are deployed" {
		t.Errorf("%+v", row)
	}
	for _, state := range []string{"running", "done"} {
		var row jobRow
		if err := json.Unmarshal(v.next("job").Data, &row); err != nil || row.ID != job.Job || row.State != state {
			t.Errorf("the stream says %+v, want %s: %v", row, state, err)
		}
	}
	// What has no interval of its own gets the global one, 30 minutes unless it is set.
	list := get[[]deckyRow](t, f, f.view, "/deckies")
	if len(list) != 2 || list[0].Name != "web" || *list[0].Interval != 30 || *list[1].Interval != 5 {
		t.Errorf("%+v", list)
	}
	if rows := get[[]jobRow](t, f, f.view, "/jobs"); len(rows) != 1 {
		t.Errorf("%+v", rows)
	}
}

// resolve returns where a Location leads from a path, as clients understand it.
func (f *fixture) resolve(t *testing.T, path, location string) string {
	t.Helper()
	base, err := url.Parse(f.URL + "/api/v1" + path)
	if err != nil {
		t.Fatal(err)
	}
	target, err := base.Parse(location)
	if err != nil || location == "" {
		t.Fatalf("%q: %v", location, err)
	}
	return strings.TrimPrefix(target.String(), f.URL+"/api/v1")
}

// wait makes a request that prefers to wait for the end.
func (f *fixture) wait(t *testing.T, path, body string) (int, http.Header, reply) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", f.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.admin)
	req.Header.Set("Prefer", "respond-async;x=1, wait")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer reply
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return resp.StatusCode, resp.Header, answer
}

func TestW28_DeployAndMutateWaitOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	rt := new(deckies)
	f := withRuntime(t, rt)
	status, header, answer := f.wait(t, "/deckies/deploy", ini("[web]\narchetype = web-server\n"))
	if status != 200 || header.Get("Preference-Applied") != "wait" || answer.Message != "1 deckies are deployed" {
		t.Fatalf("%d %v %+v", status, header, answer)
	}
	before := get[[]deckyRow](t, f, f.view, "/deckies")[0].Services
	if status, _, answer = f.wait(t, "/deckies/web/mutate", ""); status != 200 {
		t.Fatalf("%d %+v", status, answer)
	}
	if after := get[[]deckyRow](t, f, f.view, "/deckies")[0].Services; slices.Equal(before, after) {
		t.Errorf("%v is what it was", after)
	}
	if status, _, _ := f.wait(t, "/deckies/nobody/mutate", ""); status != 404 {
		t.Errorf("mutation of nobody: %d", status)
	}
	rt.mu.Lock()
	rt.err = errors.New("engine: /var/run/secret.sock: refused")
	rt.mu.Unlock()
	if status, _, answer := f.wait(t, "/deckies/deploy", ini("[web]\nservices = ssh\n")); status != 500 || answer.Detail != "Internal server error" {
		t.Errorf("%d %+v", status, answer)
	}
	for _, row := range get[[]jobRow](t, f, f.view, "/jobs")[:1] {
		if row.State != "failed" || strings.Contains(row.Message, "secret") {
			t.Errorf("%+v", row)
		}
	}
}

// TestPreferredWaitIsBounded prefers to wait for a time, in which a job does not end.
func TestPreferredWaitIsBounded(t *testing.T) {
	t.Parallel()
	rt := new(deckies)
	f := withRuntime(t, rt)
	if status, _, answer := f.wait(t, "/deckies/deploy", ini("[web]\narchetype = web-server\n")); status != 200 {
		t.Fatalf("%d %+v", status, answer)
	}
	hold := make(chan struct{})
	rt.mu.Lock()
	rt.hold = hold
	rt.mu.Unlock()
	for _, prefer := range []string{"wait=1", `WAIT = "1"; x=y`, "wait=0", "respond-async", "wait-not", "wait=soon", "wait=-1", "wait=0, wait"} {
		for path, body := range map[string]string{"/deckies/deploy": ini("[web]\nservices = ssh\n"), "/deckies/web/mutate": ""} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", f.URL+"/api/v1"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+f.admin)
			req.Header.Set("Prefer", prefer)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var job accepted
			if err := json.NewDecoder(resp.Body).Decode(&job); err != nil || resp.StatusCode != http.StatusAccepted {
				t.Errorf("%s with %s: %d %v", path, prefer, resp.StatusCode, err)
			}
			resp.Body.Close()
			if got := f.resolve(t, path, resp.Header.Get("Location")); got != "/jobs/"+job.Job {
				t.Errorf("%s: the job %s is said to be at %s", path, job.Job, got)
			}
		}
	}
	close(hold)
}

func TestW26_FirstDeployOnAnEmptySystem(t *testing.T) {
	t.Parallel()
	f := withRuntime(t, new(deckies))
	if status, _, answer := f.wait(t, "/deckies/deploy", ini("[web]\nservices = http\n")); status != 200 {
		t.Fatalf("%d %+v", status, answer)
	}
	// A second document adds, and replaces what has the same name.
	if status, _, answer := f.wait(t, "/deckies/deploy", ini("[db]\nservices = redis\n[web]\nservices = ssh\n")); status != 200 {
		t.Fatalf("%d %+v", status, answer)
	}
	list := get[[]deckyRow](t, f, f.view, "/deckies")
	services := make(map[string]string)
	for _, d := range list {
		services[d.Name] = strings.Join(d.Services, ",")
	}
	if len(list) != 2 || services["web"] != "ssh" || services["db"] != "redis" || list[0].IP == list[1].IP {
		t.Errorf("%+v", list)
	}
}

// TestFailedJobsSayWhatIsLeft: who deploys is told which step failed, why, and what stands,
// and nothing of the machine.
func TestFailedJobsSayWhatIsLeft(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr("10.0.0.9")
	one := decnet.Fleet{Deckies: []decnet.Decky{{Name: "web", Addr: addr}}}
	for name, c := range map[string]struct {
		err    error
		status int
		says   string
	}{
		"explained":       {fmt.Errorf("lan: %w", explained{errors.New("/var/run/x"), "db: address 10.0.0.9 is in use on the LAN"}), 500, "It failed: db: address 10.0.0.9 is in use on the LAN"},
		"conflict":        {explained{decnet.ErrConflict, "db: address 10.0.0.9 is in use on the LAN"}, 409, "It failed: db: address 10.0.0.9 is in use on the LAN"},
		"half way":        {&deployment.LeftError{Err: explained{errors.New("/var/run/x"), "create container db failed; up: web; down: db"}, Left: one}, 500, "It failed: create container db failed; up: web; down: db; deployed are now web"},
		"half way, blank": {&deployment.LeftError{Err: errors.New("/var/run/x")}, 500, "It failed: the log of the system says why; no decky is deployed"},
		"meaningless":     {fmt.Errorf("web: archetype printer does not go with the OS family windows: %w", decnet.ErrSemantic), 409, "It failed: web: archetype printer does not go with the OS family windows"},
		"a file":          {fmt.Errorf("%w: %w", &fs.PathError{Op: "open", Path: "/var/run/x", Err: fs.ErrNotExist}, decnet.ErrSemantic), 409, "It failed; the log of the system says why"},
		"unknown":         {errors.New("/var/run/x"), 500, "It failed; the log of the system says why"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := &deckies{err: c.err}
			f := withRuntime(t, rt)
			status, _, body := f.wait(t, "/deckies/deploy", ini("[web]\nservices = ssh\n"))
			if said := fmt.Sprint(body); status != c.status || strings.Contains(said, "/var/run") {
				t.Errorf("%d %s, want %d", status, said, c.status)
			}
			rows := get[[]jobRow](t, f, f.view, "/jobs")
			if len(rows) != 1 || rows[0].State != "failed" || rows[0].Message != c.says {
				t.Errorf("%+v, want %q", rows, c.says)
			}
		})
	}
}

// explained is an error of a runtime that has words for everybody.
type explained struct {
	error
	text string
}

func (e explained) Explain() string { return e.text }
func (e explained) Unwrap() error   { return e.error }

func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	f := withRuntime(t, new(deckies))
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"empty":             {ini(""), 409, "empty"},
		"blank":             {ini(" \r\n"), 409, "empty"},
		"no section":        {ini("ip = 1\n"), 409, ""},
		"only general":      {ini("[general]\n"), 409, "describes a decky"},
		"unknown service":   {ini("[a]\nservices = nonsense\n"), 409, "nonsense"},
		"unknown archetype": {ini("[a]\narchetype = nonsense\n"), 409, "nonsense"},
		"bad amount":        {ini("[a]\namount = 0\n"), 409, "amount"},
		"bad address":       {ini("[a]\nip = x\n"), 409, "x"},
		"above the limit":   {ini("[a]\namount = 11\nservices = ssh\n"), 409, "limit is 10"},
		"too large":         {ini("[a]\n" + strings.Repeat("; x\n", 200000)), 422, "Invalid INI config"},
		"far too large":     {ini(strings.Repeat("x", 5<<20)), 400, "larger"},
		"extra key":         {`{"ini_content":"","x":1}`, 400, "unknown"},
		"not a text":        {`{"ini_content":1}`, 400, "text"},
		"null":              {`{"ini_content":null}`, 400, "null"},
		"missing":           {`{}`, 400, "missing"},
	} {
		status, _, body := f.do(t, f.admin, "POST", "/deckies/deploy", c.body)
		if status != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s, want %d %s", name, status, body, c.status, c.says)
		}
	}
	if status, _, body := f.do(t, f.admin, "POST", "/deckies/deploy", ini("[a]\nservices = http\n[a.http]\nfiles = /etc\n")); status != 409 || !strings.Contains(string(body), "names a file of the machine") {
		t.Errorf("files of the machine, of an operator that says nothing of them: %d %s", status, body)
	}
	if rows := get[[]jobRow](t, f, f.view, "/jobs"); len(rows) != 0 {
		t.Errorf("refused, and yet %+v", rows)
	}
	f.do(t, f.admin, "PUT", "/config/deployment-limit", `{"deployment_limit":11}`)
	f.do(t, f.admin, "PUT", "/config/global-mutation-interval", `{"global_mutation_interval":"2d"}`)
	if status, _, answer := f.wait(t, "/deckies/deploy", ini("[a]\namount = 11\nservices = ssh\n")); status != 200 {
		t.Errorf("at the limit: %d %+v", status, answer)
	}
	if status, _, body := f.do(t, f.admin, "POST", "/deckies/deploy", ini("[general]\nmutate_interval = 5\n")); status != 409 || !strings.Contains(string(body), "o section describes a decky") {
		t.Errorf("nothing but [general], with deckies: %d %s", status, body)
	}
	for _, d := range get[[]deckyRow](t, f, f.view, "/deckies") {
		if d.Interval == nil || *d.Interval != 2*24*60 {
			t.Errorf("%+v does not have the global interval", d)
		}
	}
}

func TestW31_DeckiesOfEveryNameAreManaged(t *testing.T) {
	t.Parallel()
	f := withRuntime(t, new(deckies))
	if status, _, answer := f.wait(t, "/deckies/deploy", ini("[Web_Server.01]\nservices = ssh\n")); status != 200 {
		t.Fatalf("%d %+v", status, answer)
	}
	f.audit.take()
	const path = "/deckies/Web_Server.01/mutate-interval"
	for _, c := range []struct {
		interval string
		status   int
		minutes  int
	}{{`"45m"`, 200, 45}, {`"1d"`, 200, 1440}, {`"0m"`, 422, 1440}, {`"1h"`, 422, 1440}, {`""`, 422, 1440}, {`5`, 400, 1440}, {`null`, 200, 0}} {
		expect[reply](t, f, f.admin, "PUT", path, fmt.Sprintf(`{"mutate_interval":%s}`, c.interval), c.status)
		got := get[[]deckyRow](t, f, f.view, "/deckies")[0].Interval
		if (got == nil) != (c.minutes == 0) || got != nil && *got != c.minutes {
			t.Errorf("after %s: %v", c.interval, got)
		}
	}
	if list := f.audit.take(); len(list) != 3 || list[0].Type != "interval_changed" {
		t.Errorf("%v", list)
	}
	expect[reply](t, f, f.admin, "PUT", "/deckies/nobody/mutate-interval", `{"mutate_interval":null}`, 404)
	expect[reply](t, f, f.admin, "PUT", path, `{}`, 400)
}

// TestJobsOfTheSameTimeKeepTheLimit: each of three deployments is within the limit when it is
// asked for, and only one of them is when it is its turn.
func TestJobsOfTheSameTimeKeepTheLimit(t *testing.T) {
	t.Parallel()
	rt := &deckies{hold: make(chan struct{})}
	f := withRuntime(t, rt)
	var ids []string
	for _, name := range []string{"a", "b", "c"} {
		ids = append(ids, expect[accepted](t, f, f.admin, "POST", "/deckies/deploy", ini("["+name+"]\nservices = ssh\namount = 6\n"), 202).Job)
	}
	close(rt.hold)
	states := make(map[string]int)
	for _, id := range ids {
		row := f.await(t, id)
		states[row.State]++
		if row.State == "failed" && row.Message != "12 deckies would be deployed, the deployment limit is 10" {
			t.Errorf("%+v", row)
		}
	}
	if list := get[[]deckyRow](t, f, f.view, "/deckies"); len(list) != 6 || states["done"] != 1 || states["failed"] != 2 {
		t.Errorf("%v, and %d deckies", states, len(list))
	}
}

func TestJobsAreLimitedAndEndWithTheSystem(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	jobs := api.NewJobs(newOperator(t, f.db, &deckies{hold: make(chan struct{})}), nil, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- jobs.Run(ctx) }()
	h, err := api.NewPaced(api.Config{Store: f.db, Secret: secret, Jobs: jobs}, patient)
	if err != nil {
		t.Fatal(err)
	}
	f.Config.Handler = http.StripPrefix("/api/v1", h)
	for n := 0; ; n++ {
		status, _, body := f.do(t, f.admin, "POST", "/deckies/deploy", ini("[web]\nservices = ssh\n"))
		if status == http.StatusTooManyRequests {
			if n != 16 {
				t.Errorf("refused after %d", n)
			}
			break
		}
		if status != 202 || n > 100 {
			t.Fatalf("%d: %d %s", n, status, body)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, row := range get[[]jobRow](t, f, f.view, "/jobs") {
		if row.State != "failed" || row.Finished == nil || row.Message != "The system was stopped" {
			t.Errorf("%+v", row)
		}
	}
	expect[reply](t, f, f.admin, "POST", "/deckies/deploy", ini("[web]\nservices = ssh\n"), 503)
}

func TestWithoutAnOperatorNothingIsChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	h, err := api.NewPaced(api.Config{Store: f.db, Secret: secret}, patient)
	if err != nil {
		t.Fatal(err)
	}
	f.Config.Handler = http.StripPrefix("/api/v1", h)
	expect[reply](t, f, f.admin, "POST", "/deckies/deploy", ini("[web]\nservices = ssh\n"), 503)
	expect[reply](t, f, f.admin, "POST", "/deckies/web/mutate", "", 503)
	expect[reply](t, f, f.admin, "PUT", "/deckies/web/mutate-interval", `{"mutate_interval":null}`, 503)
	if rows := get[[]jobRow](t, f, f.view, "/jobs"); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
}

// notReady is an operator that lacks something until it is closed.
type notReady struct {
	api.Operator
	until chan struct{}
}

func (o notReady) Ready(context.Context) error {
	select {
	case <-o.until:
		return nil
	default:
		return errors.New("no engine")
	}
}

func TestNothingIsTakenOnThatNobodyIsReadyFor(t *testing.T) {
	t.Parallel()
	until := make(chan struct{})
	f := newFixture(t, func(c *api.Config) {
		c.Jobs = api.NewJobs(notReady{newOperator(t, c.Store.(store.Repository), new(deckies)), until}, c.Hub, nil, nil)
	})
	f.runHub(t)
	for path, body := range map[string]string{"/deckies/deploy": ini("[web]\nservices = ssh\n"), "/deckies/web/mutate": ""} {
		if got := expect[reply](t, f, f.admin, "POST", path, body, 503); got.Detail != "No fleet can be changed here" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	expect[reply](t, f, f.admin, "PUT", "/deckies/web/mutate-interval", `{"mutate_interval":null}`, 503)
	close(until)
	expect[accepted](t, f, f.admin, "POST", "/deckies/deploy", ini("[web]\nservices = ssh\n"), 202)
}
