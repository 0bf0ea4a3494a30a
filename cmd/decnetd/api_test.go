package main

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/decnet/decnet/store"
)

// apiClient speaks to the API of a daemon.
type apiClient struct{ base, token string }

func (c *apiClient) ask(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Prefer", "wait")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (c *apiClient) login(t *testing.T, user, password string) {
	t.Helper()
	status, text := c.ask(t, "POST", "/auth/login", `{"username":"`+user+`","password":"`+password+`"}`)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("log-in: %d %s", status, text)
	}
	c.token = answer.Token
}

// TestUpChangesThroughTheAPI deploys a decky into a running daemon, attacks it, gives it
// other services, and finds in the event log who did what.
func TestUpChangesThroughTheAPI(t *testing.T) {
	t.Parallel()
	d := start(t, filepath.Join(t.TempDir(), "data"), environment{
		"DECNET_ADMIN_PASSWORD": "the first password", "DECNET_DEVELOPER": "true", "DECNET_PPROF": "true",
	}, "--deckies", "1", "--services", "http", "--base-ip", "127.0.83.1")
	c := apiClient{base: regexp.MustCompile(`http://\S+/api/v1`).FindString(d.out.String())}
	if status, text := c.ask(t, "GET", "/openapi.json", ""); status != http.StatusOK || !strings.Contains(text, "3.1.0") {
		t.Errorf("the document: %d", status)
	}
	host := strings.TrimSuffix(c.base, "/api/v1")
	for _, path := range []string{"/", "/nonsense", "/api/v1/../x"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req) // which follows nothing
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusNotFound || string(text) != "{\"detail\":\"Not found\"}\n" {
			t.Errorf("%s: %s %q, %v", path, resp.Status, text, err)
		}
	}
	c.login(t, "admin", "the first password")
	if status, text := c.ask(t, "POST", "/auth/change-password", `{"old_password":"the first password","new_password":"the second password"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	c.login(t, "admin", "the second password")
	if status, text := c.ask(t, "GET", "/debug/pprof/goroutine?debug=1", ""); status != http.StatusOK || !strings.Contains(text, "goroutine profile") {
		t.Errorf("profiling: %d", status)
	}

	if status, text := c.ask(t, "POST", "/deckies/deploy", `{"ini_content":"[leak]\nservices = http\n[leak.http]\nfiles = /etc\n"}`); status != http.StatusConflict || !strings.Contains(text, "line 3: [leak.http]: files names a file") {
		t.Errorf("a decky that shows files of this machine: %d %s", status, text)
	}
	status, text := c.ask(t, "POST", "/deckies/deploy", `{"ini_content":"[cache]\nip = 127.0.83.9\nservices = redis\n"}`)
	if status != http.StatusOK {
		t.Fatalf("deploy: %d %s", status, text)
	}
	if answer := authenticate(t, "127.0.83.9", "letmein"); answer == "" {
		t.Error("the new decky does not answer")
	}
	get(t, "http://"+address("127.0.83.1", 80)+"/") // and the old one still does
	if status, text := c.ask(t, "PUT", "/deckies/cache/mutate-interval", `{"mutate_interval":"7d"}`); status != http.StatusOK {
		t.Errorf("interval: %d %s", status, text)
	}
	if status, text := c.ask(t, "POST", "/deckies/cache/mutate", ""); status != http.StatusOK || strings.HasSuffix(text, "has now redis\"}\n") {
		t.Errorf("mutate: %d %s", status, text)
	}
	var health struct {
		Status     string
		Components map[string]any
	}
	if status, text := c.ask(t, "GET", "/health", ""); status != http.StatusOK || json.Unmarshal([]byte(text), &health) != nil {
		t.Errorf("health: %d %s", status, text)
	}
	delete(health.Components, "sniffer_worker") // where the privilege is there
	if got, want := slices.Sorted(maps.Keys(health.Components)), []string{
		"attacker_worker", "collector_worker", "database", "fleet", "ingestion_worker", "job_runner", "live_stream", "mutator",
	}; !slices.Equal(got, want) {
		t.Errorf("health tells of %q, want %q", got, want)
	}
	d.stop(t)

	if f := d.fleet(t); len(f.Deckies) != 2 || f.Deckies[1].Name != "cache" && f.Deckies[0].Name != "cache" {
		t.Errorf("the fleet is %+v", f.Deckies)
	}
	db := open(t, d.dsn())
	for _, search := range []string{
		"service:audit event:login operator:admin", "service:audit event:password_changed operator_ip:127.0.0.1",
		"service:audit event:deployment_requested operator:admin", "service:audit event:interval_changed target:cache",
		"service:audit event:mutation_requested target:cache", "event:auth_attempt decky:cache password:letmein", "service:mutator event:decky_mutated",
	} {
		if n, err := db.CountRecords(t.Context(), store.Filter{Search: search}); err != nil || n < 1 {
			t.Errorf("%d records for %s, %v", n, search, err)
		}
	}
	attackers, err := db.Attackers(t.Context(), store.AttackerFilter{})
	if err != nil || len(attackers) != 1 || strings.Contains(strings.Join(attackers[0].Services, ","), "audit") || len(attackers[0].Deckies) != 2 {
		t.Errorf("attackers: %+v, %v", attackers, err)
	}
}

// TestUpEndsStreams stops a daemon that somebody watches: the stream says that it ends, and
// does not delay the end.
func TestUpEndsStreams(t *testing.T) {
	t.Parallel()
	d := start(t, filepath.Join(t.TempDir(), "data"), environment{"DECNET_ADMIN_PASSWORD": "the first password"},
		"--deckies", "1", "--services", "redis", "--base-ip", "127.0.84.1")
	c := apiClient{base: regexp.MustCompile(`http://\S+/api/v1`).FindString(d.out.String())}
	c.login(t, "admin", "the first password")
	if status, text := c.ask(t, "POST", "/auth/change-password", `{"old_password":"the first password","new_password":"the second password"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	c.login(t, "admin", "the second password")
	var streams []*bufio.Reader
	for range 20 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.base+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		stream := bufio.NewReader(resp.Body)
		if line, err := stream.ReadString('\n'); err != nil || line != ": keepalive\n" {
			t.Fatalf("%d %q %v", resp.StatusCode, line, err)
		}
		streams = append(streams, stream)
	}
	d.stop(t)
	for _, stream := range streams {
		text, err := io.ReadAll(stream)
		if err != nil || !strings.HasSuffix(string(text), "data: {\"type\":\"error\",\"message\":\"Stream interrupted\"}\n\n") {
			t.Errorf("the stream ended with %q, %v", text, err)
		}
	}
}

// TestUpBehindAProxy fails to log in through a reverse proxy that is trusted, on this
// machine, and past one that is not.
func TestUpBehindAProxy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  environment
		args []string
		want string
	}{
		"by the flag":     {environment{"DECNET_TRUSTED_PROXIES": "198.51.100.0/24"}, []string{"--trusted-proxies", "127.0.0.1"}, "203.0.113.7"},
		"by the variable": {environment{"DECNET_TRUSTED_PROXIES": "::1, 127.0.0.0/8"}, nil, "203.0.113.7"},
		"not at all":      {nil, nil, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, filepath.Join(t.TempDir(), "data"), c.env, append(c.args, "--deckies", "1", "--services", "redis", "--base-ip", "127.0.85."+strconv.Itoa(1+len(name)))...)
			req, err := http.NewRequestWithContext(t.Context(), "POST", regexp.MustCompile(`http://\S+/api/v1`).FindString(d.out.String())+"/auth/login",
				strings.NewReader(`{"username":"nobody","password":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Forwarded-For", "192.0.2.1, 203.0.113.7")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			d.stop(t)
			if n, err := open(t, d.dsn()).CountRecords(t.Context(), store.Filter{Search: "event:login_failed operator_ip:" + c.want}); n != 1 || err != nil {
				t.Errorf("%d log-ins from %s, %v", n, c.want, err)
			}
		})
	}
}
