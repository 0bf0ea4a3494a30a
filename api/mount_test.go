package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
)

// badges is an authentication of a caller's own: a header names the person.
type badges struct{ closed atomic.Bool }

func (b *badges) Authenticate(r *http.Request) (api.Identity, error) {
	name := r.Header.Get("X-Badge")
	switch {
	case b.closed.Load() || name == "":
		return api.Identity{}, fmt.Errorf("no badge: %w", decnet.ErrUnauthorized)
	case name == "banned":
		return api.Identity{}, decnet.ErrForbidden
	case name == "broken":
		return api.Identity{}, errors.New("the directory is away: ldap://10.0.0.1")
	case name == "cook":
		return api.Identity{ID: name, Name: name, Role: "cook"}, nil
	case strings.HasPrefix(name, "chief"):
		return api.Identity{ID: name, Name: name, Role: store.RoleAdmin}, nil
	}
	return api.Identity{ID: name, Name: name, Role: store.RoleViewer}, nil
}

// badge makes a request with a badge instead of a token.
func (f *fixture) badge(t *testing.T, name, method, path, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Badge", name)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func TestAuthenticationOfTheCaller(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) { c.Auth, c.Secret = new(badges), nil })
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"", "GET", "/stats", "", 401},
		{"ann", "GET", "/stats", "", 200},
		{"ann", "GET", "/artifacts/a/b", "", 403},
		{"chief", "GET", "/artifacts/a/b", "", 404},
		{"cook", "GET", "/stats", "", 403},
		{"banned", "GET", "/stats", "", 403},
		{"broken", "GET", "/stats", "", 500},
		{"chief", "PUT", "/config/deployment-limit", `{"deployment_limit":9}`, 200},
		{"chief", "POST", "/auth/login", `{"username":"boss","password":"boss-password"}`, 404},
		{"chief", "POST", "/auth/logout", "", 404},
		{"chief", "POST", "/config/users", `{"username":"x","password":"long enough"}`, 404},
	} {
		status, body := f.badge(t, c.name, c.method, c.path, c.body)
		if status != c.status || strings.Contains(string(body), "ldap") {
			t.Errorf("%s %s as %q: %d %s, want %d", c.method, c.path, c.name, status, body, c.status)
		}
	}
	f.audit.expect(t, "setting_changed", map[string]string{"operator": "chief", "new": "9"})
	_, body := f.badge(t, "chief", "GET", "/config", "")
	if strings.Contains(string(body), `"users"`) || !strings.Contains(string(body), `"role":"admin"`) {
		t.Errorf("%s", body)
	}
	_, body = f.badge(t, "ann", "GET", "/openapi.json", "")
	var doc openAPI
	if err := json.Unmarshal(body, &doc); err != nil || doc.Paths["/auth/login"] != nil || doc.Paths["/logs"] == nil {
		t.Errorf("%v: %d paths", err, len(doc.Paths))
	}
}

// TestDocumentWithAuthenticationOfTheCaller: nothing is said of tokens that nobody issues.
func TestDocumentWithAuthenticationOfTheCaller(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) { c.Auth, c.Secret = new(badges), nil })
	status, body := f.badge(t, "ann", "GET", "/openapi.json", "")
	var doc openAPI
	if err := json.Unmarshal(body, &doc); err != nil || status != 200 {
		t.Fatalf("%d %v", status, err)
	}
	if op := doc.Paths["/logs"]["get"]; op.Access != "viewer" || op.Security != nil || strings.Contains(string(body), "JWT") {
		t.Errorf("%+v", op)
	}
	if status, body := f.badge(t, "ann", "GET", "/docs", ""); status != 200 || !strings.Contains(string(body), "/logs/histogram") || strings.Contains(string(body), "/auth/login") {
		t.Errorf("%d %.100s", status, body)
	}
}

func TestStreamWithAuthenticationOfTheCaller(t *testing.T) {
	t.Parallel()
	auth := new(badges)
	f := newFixture(t, func(c *api.Config) { c.Auth, c.Secret = auth, nil })
	f.runHub(t)
	_, body := f.badge(t, "ann", "POST", "/stream/ticket", "")
	var issued struct{ Ticket string }
	if err := json.Unmarshal(body, &issued); err != nil {
		t.Fatal(err)
	}
	v := f.watch(t, "/stream?token="+issued.Ticket, "", "")
	v.ready()
	f.ingest(t, "decky-01", "ssh", "one")
	if got := v.types(1); got[0] != "one" {
		t.Errorf("%v", got)
	}
	_, body = f.badge(t, "ann", "POST", "/stream/ticket", "")
	if err := json.Unmarshal(body, &issued); err != nil {
		t.Fatal(err)
	}
	auth.closed.Store(true)
	if v := f.watch(t, "/stream?token="+issued.Ticket, "", ""); v.resp.StatusCode != 401 {
		t.Errorf("a ticket of somebody who may not any more: %d", v.resp.StatusCode)
	}
}

// TestMountAnswersInOneWay: what is not below the prefix is answered as what the interface does
// not know, however the path is written, and never with a redirection.
func TestMountAnswersInOneWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(*api.Config) {})
	h, err := api.New(api.Config{Store: f.db, Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, target := range map[string]string{"/api/v1/": "/api/v1/health", "": "/health", "/": "/health"} {
		w := httptest.NewRecorder()
		if api.Mount(prefix, h).ServeHTTP(w, httptest.NewRequest("GET", target, nil)); w.Code != http.StatusUnauthorized {
			t.Errorf("mounted at %q: %s gives %d", prefix, target, w.Code)
		}
	}
	mounted := api.Mount("/api/v1", h)
	for target, want := range map[string]int{
		"/api/v1/health": 401, "/": 404, "/api/v1": 404, "/api/v1x/health": 404, "/api/v1/": 404, "/nonsense": 404, "//": 404, "/health": 404,
		"/api/v1/../v1/health": 404, "/../etc/passwd": 404, "/api//v1/health": 404, "/api/v1//health": 404, "/api%2Fv1/health": 404, "/api/v1/%2e%2e/health": 404,
		"/index.html?x=<b>": 404,
	} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			w := httptest.NewRecorder()
			mounted.ServeHTTP(w, httptest.NewRequest(method, target, nil))
			status := want
			if want == 401 && method == "POST" {
				status = 405
			}
			if w.Code != status || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("X-Request-ID") == "" || w.Header().Get("Location") != "" {
				t.Errorf("%s %s: %d %v, want %d", method, target, w.Code, w.Header(), status)
			}
			var answer struct{ Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); method != "HEAD" && (err != nil || answer.Detail == "") {
				t.Errorf("%s %s: %s", method, target, w.Body)
			}
		}
	}
}

func TestMountUnderAnyPrefix(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	h, err := api.NewPaced(api.Config{Store: f.db, Secret: secret}, patient)
	if err != nil {
		t.Fatal(err)
	}
	for prefix, at := range map[string]string{
		"": "", "/": "", "/decnet": "/decnet", "/api/v1/": "/api/v1", "/a/deep/er/place": "/a/deep/er/place",
		"/with space": "/with%20space", "/ünïcode": "/%C3%BCn%C3%AFcode", "/50%": "/50%25",
	} {
		mounted := api.Mount(prefix, h)
		for path, want := range map[string]int{
			at + "/stats": 200, at + "/logs?limit=1": 200, at + "/logs?limit=0": 422, at + "/attackers/a%2Fb": 404, at + "/stats/": 404,
			at + "/artifacts/decky/a%2F..%2Fb": 403, at + "/x/../stats": 404, "/x" + at + "/stats": 404,
		} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Authorization", "Bearer "+f.view)
			w := httptest.NewRecorder()
			mounted.ServeHTTP(w, r)
			var answer any
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != want {
				t.Errorf("%q: %s: %d %s, want %d", prefix, path, w.Code, w.Body, want)
			}
		}
	}
}

func TestMountedAnywhere(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, prefix := range []string{"", "/decnet", "/a/deep/er/place", "/with space"} {
		var seen []string
		h, err := api.NewPaced(api.Config{Store: f.db, Secret: secret, Hub: f.hub, Profiling: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.URL.Path)
		})}, patient)
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /elsewhere", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "not ours") })
		mux.Handle(strings.ReplaceAll(prefix, " ", "%20")+"/", http.StripPrefix(prefix, h))
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		base := server.URL + strings.ReplaceAll(prefix, " ", "%20")
		for path, want := range map[string]int{
			"/stats": 200, "/nothing": 404, "/stats/": 404, "/openapi.json": 200, "/debug/pprof/heap": 403, "/stream": 200,
		} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+f.view)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s%s: %d, want %d", prefix, path, resp.StatusCode, want)
			}
		}
		req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/debug/pprof/heap", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+f.admin)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if !slices.Equal(seen, []string{"/debug/pprof/heap"}) {
			t.Errorf("%s: profiling saw %q", prefix, seen)
		}
	}
}
