package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

var secret = bytes.Repeat([]byte("k"), 32)

// fixture is an API over a real store, with an administrator and a viewer.
type fixture struct {
	*httptest.Server
	db    *countingStore
	hub   *api.Hub
	audit *auditLog
	admin string // tokens
	view  string
}

// countingStore counts the reads of records.
type countingStore struct {
	store.Repository
	reads atomic.Int64
}

func (c *countingStore) Records(ctx context.Context, f store.Filter) ([]store.Record, error) {
	c.reads.Add(1)
	return c.Repository.Records(ctx, f)
}

// patient is a pace at which nothing is too slow.
var patient = api.Pace{Body: 5 * time.Minute, Write: 5 * time.Minute, Event: 5 * time.Minute}

func newFixture(t testing.TB, change func(*api.Config)) *fixture {
	t.Helper()
	return newPacedFixture(t, patient, change)
}

func newPacedFixture(t testing.TB, pace api.Pace, change func(*api.Config)) *fixture {
	t.Helper()
	db := &countingStore{Repository: openStore(t)}
	for _, u := range []store.User{
		{Username: "boss", Role: store.RoleAdmin},
		{Username: "guest", Role: store.RoleViewer},
		{Username: "fresh", Role: store.RoleViewer, MustChangePassword: true},
	} {
		u.PasswordHash = quickHash(t, u.Username+"-password")
		if _, err := db.CreateUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	f := &fixture{db: db, hub: api.NewHub(db, nil, nil), audit: new(auditLog)}
	cfg := api.Config{Store: db, Secret: secret, Hub: f.hub, Audit: f.audit, Jobs: api.NewJobs(newOperator(t, db, new(deckies)), f.hub, nil, nil)}
	if change != nil {
		change(&cfg)
	}
	h, err := api.NewPaced(cfg, pace)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Jobs != nil {
		run(t, cfg.Jobs.Run)
	}
	f.Server = httptest.NewServer(http.StripPrefix("/api/v1", h))
	t.Cleanup(f.Close)
	if cfg.Auth != nil {
		return f
	}
	f.admin = f.login(t, "boss", "boss-password")
	f.view = f.login(t, "guest", "guest-password")
	return f
}

// quickHash spares the tests the cost of real hashes.
func quickHash(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func (f *fixture) do(t testing.TB, token, method, path, body string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, answer
}

// get decodes a successful answer.
func get[T any](t testing.TB, f *fixture, token, path string) T {
	t.Helper()
	status, _, body := f.do(t, token, "GET", path, "")
	var v T
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, status, body)
	}
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("GET %s: %v in %s", path, err, body)
	}
	return v
}

func (f *fixture) login(t testing.TB, name, password string) string {
	t.Helper()
	status, _, body := f.do(t, "", "POST", "/auth/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
		t.Fatalf("log-in of %s: %d %s", name, status, body)
	}
	return answer.Token
}

var attackerAddr = netip.MustParseAddr("203.0.113.9")

// ingest stores an event of the test attacker.
func (f *fixture) ingest(t testing.TB, decky, service, typ string, fields ...decnet.Field) {
	t.Helper()
	e := decnet.Event{
		Time: time.Now().UTC().Truncate(time.Microsecond), Decky: decky, Service: service, Type: typ, Severity: decnet.SeverityInfo,
		Attacker: attackerAddr, Fields: append([]decnet.Field{decnet.F("src_ip", attackerAddr.String())}, fields...),
	}
	_, err := f.db.Ingest(t.Context(), store.Batch{Records: []store.Record{{Event: e, Raw: string(rfc5424.Append(nil, &e))}}})
	if err != nil {
		t.Fatal(err)
	}
	f.hub.Wake()
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, c := range []struct {
		name, method, path, token, body string
		status                          int
	}{
		{"no token", "GET", "/logs", "", "", 401},
		{"garbage", "GET", "/logs", "x.y.z", "", 401},
		{"alg none", "GET", "/logs", "eyJhbGciOiJub25lIn0.eyJ1dWlkIjoiMSJ9.", "", 401},
		{"viewer", "GET", "/logs", f.view, "", 200},
		{"viewer wants an artifact", "GET", "/artifacts/d/x", f.view, "", 403},
		{"admin, bad artifact", "GET", "/artifacts/d/x", f.admin, "", 404},
		{"wrong password", "POST", "/auth/login", "", `{"username":"boss","password":"wrong"}`, 401},
		{"unknown user", "POST", "/auth/login", "", `{"username":"nobody","password":"wrong"}`, 401},
		{"long password", "POST", "/auth/login", "", `{"username":"boss","password":"` + strings.Repeat("x", 73) + `"}`, 422},
		{"malformed", "POST", "/auth/login", "", `{"username":`, 400},
		{"unknown key", "POST", "/auth/login", "", `{"username":"a","password":"b","x":1}`, 400},
		{"wrong type", "POST", "/auth/login", "", `{"username":1,"password":"b"}`, 400},
		{"huge", "POST", "/auth/login", "", `{"username":"` + strings.Repeat("x", 1<<17) + `"}`, 400},
		{"no object", "POST", "/auth/login", "", `[]`, 400},
		{"null", "POST", "/auth/login", "", `null`, 400},
		{"two values", "POST", "/auth/login", "", `{"username":"a","password":"b"} {}`, 400},
		{"missing key", "POST", "/auth/login", "", `{"username":"boss"}`, 400},
		{"null for a key", "POST", "/auth/login", "", `{"username":"boss","password":null}`, 400},
		{"a key in other letters", "POST", "/auth/login", "", `{"Username":"boss","password":"x"}`, 400},
		{"no such path", "GET", "/nothing", f.view, "", 404},
		{"other method", "DELETE", "/auth/login", "", "", 405},
		{"other method of a guarded path", "POST", "/logs", "", "", 405},
		{"path that is not clean", "GET", "/attackers//artifacts", f.view, "", 404},
		{"path that climbs", "GET", "/attackers/../logs", f.view, "", 404},
		{"short new password", "POST", "/auth/change-password", f.view, `{"old_password":"guest-password","new_password":"short"}`, 422},
		{"wrong old password", "POST", "/auth/change-password", f.view, `{"old_password":"wrong","new_password":"long enough"}`, 401},
	} {
		status, header, body := f.do(t, c.token, c.method, c.path, c.body)
		if status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, status, body, c.status)
		}
		var detail struct{ Detail string }
		if status >= 400 && (json.Unmarshal(body, &detail) != nil || detail.Detail == "") {
			t.Errorf("%s: no detail in %s", c.name, body)
		}
		if strings.Contains(detail.Detail, "struct") || strings.HasSuffix(detail.Detail, ": invalid") {
			t.Errorf("%s: not for people: %s", c.name, body)
		}
		if allow := header.Get("Allow"); (status == 405) != (allow != "") {
			t.Errorf("%s: %d allows %q", c.name, status, allow)
		}
		if status == 401 && header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: no challenge", c.name)
		}
	}
}

func TestW33_LogoutAndPasswordChangeVoidTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	other := f.login(t, "guest", "guest-password")
	if status, _, body := f.do(t, f.view, "POST", "/auth/logout", ""); status != 200 {
		t.Fatalf("log-out: %d %s", status, body)
	}
	if status, _, _ := f.do(t, f.view, "GET", "/stats", ""); status != 401 {
		t.Errorf("a token after its log-out: %d", status)
	}
	if status, _, _ := f.do(t, other, "GET", "/stats", ""); status != 200 {
		t.Errorf("another token after a log-out: %d", status)
	}
	if status, _, body := f.do(t, other, "POST", "/auth/change-password", `{"old_password":"guest-password","new_password":"another one"}`); status != 200 {
		t.Fatalf("change of password: %d %s", status, body)
	}
	if status, _, _ := f.do(t, other, "GET", "/stats", ""); status != 401 {
		t.Errorf("a token after the change of the password: %d", status)
	}
	fresh := f.login(t, "guest", "another one")
	if status, _, _ := f.do(t, fresh, "GET", "/stats", ""); status != 200 {
		t.Errorf("a token of the new password: %d", status)
	}
}

func TestW33_LoginIsRateLimited(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for n := 0; ; n++ {
		status, header, _ := f.do(t, "", "POST", "/auth/login", `{"username":"boss","password":"wrong"}`)
		if status == http.StatusTooManyRequests {
			if header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
		if status != 401 || n > 20 {
			t.Fatalf("attempt %d: %d", n, status)
		}
	}
}

func TestW34_PasswordMustBeChangedFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	token := f.login(t, "fresh", "fresh-password")
	for _, path := range []string{"/logs", "/stats", "/stream", "/attackers", "/health", "/deckies"} {
		if status, _, body := f.do(t, token, "GET", path, ""); status != 403 {
			t.Errorf("GET %s: %d %s, want 403", path, status, body)
		}
	}
	if status, _, _ := f.do(t, token, "POST", "/stream/ticket", ""); status != 403 {
		t.Errorf("ticket: %d, want 403", status)
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for query, status := range map[string]int{
		"/logs?limit=0":                                              422,
		"/logs?limit=1001":                                           422,
		"/logs?limit=x":                                              422,
		"/logs?offset=-1":                                            422,
		"/logs?start_time=yesterday":                                 422,
		"/logs?search=" + strings.Repeat("x", 600):                   422,
		"/logs?search=" + strings.Repeat("x+", 200):                  422,
		"/logs?limit=null&offset=undefined&search=":                  200,
		"/logs?limit=NULL&offset=Undefined&start_time=null":          200,
		"/logs?limit=1&offset=2147483647":                            200,
		"/logs?limit=1000":                                           200,
		"/logs?offset=2147483648":                                    422,
		"/logs?search=" + strings.Repeat("%E8%AA%9E", 512):           200,
		"/logs?search=" + strings.Repeat("%E8%AA%9E", 513):           422,
		"/logs?search=decky:a;b":                                     422, // a search that was dropped would find everything
		"/logs?search=100%":                                          422,
		"/logs?limit=%zz":                                            422,
		"/logs?limit=5&limit=6":                                      422,
		"/logs?search=a&search=b":                                    422,
		"/logs?unknown=1&unknown=2":                                  200,
		"/stats?limit=x":                                             200,
		"/logs?start_time=2026-01-01T00:00:00%2B02:00":               200,
		"/logs?start_time=2026-01-01T00:00:00.123456789Z":            200,
		"/logs?start_time=2026-01-01T00:00:00+02:00":                 422, // the plus is a space
		"/logs?end_time=9999-12-31T23:59:59-23:59":                   200,
		"/logs/histogram?interval_minutes=525600":                    200,
		"/logs/histogram?interval_minutes=525601":                    422,
		"/attackers?sort_by=null":                                    200,
		"/logs?start_time=2026-01-01&end_time=2026-01-02%2003:04:05": 200,
		"/logs/histogram?interval_minutes=0":                         422,
		"/attackers?sort_by=size":                                    422,
		"/attackers?sort_by=active":                                  200,
		"/attackers/not-a-uuid":                                      404,
		"/attackers/00000000-0000-4000-8000-000000000000":            404,
		"/attackers/00000000-0000-4000-8000-000000000000/commands":   404,
		"/attackers/00000000-0000-4000-8000-000000000000/artifacts":  404,

		"/attackers/00000000-0000-4000-8000-000000000000/commands?limit=201": 422,
	} {
		if got, _, body := f.do(t, f.view, "GET", query, ""); got != status {
			t.Errorf("%.60s: %d %s, want %d", query, got, body, status)
		}
	}
}

type logPage struct {
	Total int
	Data  []struct {
		ID        int64
		EventType string `json:"event_type"`
		Attacker  string `json:"attacker_ip"`
		Fields    string
		RawLine   string `json:"raw_line"`
		Timestamp string
	}
}

func TestLogsCarryHostileValuesExactly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	password := "p\"a]s\\s\n<script>alert(1)</script>\u2028"
	f.ingest(t, "decky-01", "ssh", "auth_attempt", decnet.F("username", "root"), decnet.F("password", password))
	status, header, body := f.do(t, f.view, "GET", "/logs?search=service:ssh", "")
	if status != 200 || header.Get("Content-Type") != "application/json" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("%d %v", status, header)
	}
	if bytes.Contains(body, []byte("<script>")) {
		t.Error("markup is not escaped in the JSON text")
	}
	var page logPage
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(page.Data[0].Fields), &fields); err != nil {
		t.Fatal(err)
	}
	if page.Total != 1 || fields["password"] != password || page.Data[0].Attacker != attackerAddr.String() {
		t.Errorf("%s", body)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", page.Data[0].Timestamp); err != nil {
		t.Error(err)
	}
}

func TestFleetKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	doc, err := json.Marshal(decnet.Fleet{Seed: "fleet-seed", Deckies: []decnet.Decky{{
		Name: "decky-01", Addr: netip.MustParseAddr("127.0.10.1"), Services: []string{"ssh"}, Seed: "decky-seed",
		Config: map[string]map[string]string{"ssh": {"password": "persona-secret"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.db.SetState(t.Context(), store.FleetKey, doc); err != nil {
		t.Fatal(err)
	}
	_, _, body := f.do(t, f.view, "GET", "/deckies", "")
	for _, hidden := range []string{"fleet-seed", "decky-seed", "persona-secret"} {
		if bytes.Contains(body, []byte(hidden)) {
			t.Errorf("%s is shown: %s", hidden, body)
		}
	}
	if !bytes.Contains(body, []byte(`"ip":"127.0.10.1"`)) {
		t.Errorf("%s", body)
	}
	if got := get[map[string]int](t, f, f.view, "/stats"); got["deployed_deckies"] != 1 || got["active_deckies"] != 1 {
		t.Errorf("stats %v", got)
	}
}

func TestArtifacts(t *testing.T) {
	t.Parallel()
	dir, err := quarantine.New(t.TempDir(), quarantine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := dir.Store(t.Context(), "decky-01", "ssh", "../../evil <b>.sh", strings.NewReader("#!/bin/sh\nid\n"))
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(c *api.Config) { c.Artifacts = dir })
	status, header, body := f.do(t, f.admin, "GET", "/artifacts/decky-01/"+a.StoredAs, "")
	if status != 200 || string(body) != "#!/bin/sh\nid\n" {
		t.Fatalf("%d %s", status, body)
	}
	if header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("%v", header)
	}
	for path, want := range map[string]int{
		"/artifacts/decky-01/../decky-01/" + a.StoredAs: 0, // the client or the mux cleans it
		"/artifacts/decky-01/..%2f..%2fetc%2fpasswd":    400,
		"/artifacts/..%2fdecky-01/" + a.StoredAs:        400,
		"/artifacts/decky-02/" + a.StoredAs:             404,
		"/artifacts/decky-01/" + a.StoredAs + "x":       404,
	} {
		status, _, body := f.do(t, f.admin, "GET", path, "")
		if want != 0 && status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
		if strings.Contains(string(body), "root:") {
			t.Errorf("%s gives a file of the host", path)
		}
	}
}

type health struct {
	Status     string
	Components map[string]struct {
		Status string
		Detail *string
	}
}

func TestW48_HealthCountsOnlyWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	var workers []api.Worker
	f := newFixture(t, func(c *api.Config) {
		c.Hub, c.Jobs = nil, nil
		c.Health = func() []api.Worker { return workers }
	})
	if got := get[health](t, f, f.view, "/health"); got.Status != "healthy" || len(got.Components) != 1 {
		t.Errorf("%+v", got)
	}
	workers = []api.Worker{{Name: "ingester", Critical: true}, {Name: "sniffer", Err: errors.New("no privilege")}}
	if got := get[health](t, f, f.view, "/health"); got.Status != "degraded" || got.Components["sniffer"].Status != "failing" {
		t.Errorf("%+v", got)
	}
	workers[0].Err = errors.New("database is away")
	if status, _, body := f.do(t, f.view, "GET", "/health", ""); status != 503 || !strings.Contains(string(body), `"unhealthy"`) {
		t.Errorf("%d %s", status, body)
	}
}

// TestHealthOfOwnWorkers covers the parts of the interface that run for themselves: the
// runner of jobs and what feeds the streams.
func TestHealthOfOwnWorkers(t *testing.T) {
	t.Parallel()
	running := newFixture(t, nil)
	hub := api.NewHub(running.db, nil, nil)
	jobs := api.NewJobs(newOperator(t, running.db, new(deckies)), hub, nil, nil)
	h, err := api.NewPaced(api.Config{Store: running.db, Secret: secret, Hub: hub, Jobs: jobs}, patient)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Server: httptest.NewServer(http.StripPrefix("/api/v1", h)), view: running.view}
	t.Cleanup(f.Close)
	details := func() [2]string {
		got := get[health](t, f, f.view, "/health")
		if all := len(got.Components); all != 3 || got.Components["database"].Status != "ok" {
			t.Fatalf("%+v", got)
		}
		var out [2]string
		failing := false
		for i, name := range []string{"job_runner", "live_stream"} {
			c := got.Components[name]
			if c.Detail != nil {
				out[i] = *c.Detail
			}
			failing = failing || c.Status == "failing"
		}
		if want := map[bool]string{false: "healthy", true: "degraded"}[failing]; got.Status != want {
			t.Errorf("%s with %q", got.Status, out)
		}
		return out
	}
	await := func(want [2]string) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Minute); details() != want; {
			if time.Now().After(deadline) {
				t.Fatalf("%q, want %q", details(), want)
			}
		}
	}
	if got, want := details(), [2]string{"not started", "not started"}; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- jobs.Run(ctx) }()
	await([2]string{"", "not started"})
	go func() { done <- hub.Run(ctx) }()
	await([2]string{})
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got, want := details(), [2]string{"stopped", "stopped"}; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := api.New(api.Config{Secret: secret}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("no store: %v", err)
	}
	if _, err := api.New(api.Config{Store: newFixture(t, nil).db, Secret: []byte("short")}); !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("short secret: %v", err)
	}
}

func FuzzRequests(f *testing.F) {
	fix := newFixture(f, nil)
	f.Add("GET", "/logs?search=a:b%20\"c&limit=1", "")
	f.Add("POST", "/auth/login", `{"username":"a","password":"b"}`)
	f.Add("GET", "/artifacts/a/..%2f", "")
	f.Add("GET", "/attackers/x/commands?offset=9999999999", "")
	f.Add("PUT", "/config/global-mutation-interval", `{"global_mutation_interval":"30m"}`)
	f.Add("PUT", "/deckies/web/mutate-interval", `{"mutate_interval":null}`)
	f.Add("POST", "/deckies/deploy", `{"ini_content":"[web]\nservices = ssh\n"}`)
	h := fix.Config.Handler
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if method != "GET" && strings.Contains(target, "login") {
			return // every one costs a password hash
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://api/api/v1"+target, strings.NewReader(body))
		if err != nil || strings.Contains(target, "stream") || strings.Contains(target, "logout") {
			return
		}
		req.Header.Set("Authorization", "Bearer "+fix.admin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("%s %s: %s", method, target, w.Body)
		}
	})
}
