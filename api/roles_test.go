package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/pprof"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/decnet/decnet/api"
)

// permitted is what a request to each route is answered with when the caller may make it.
var permitted = map[string]struct {
	path, body string
	status     int
}{
	"POST /auth/login":                        {"", `{"username":"boss","password":"boss-password"}`, 200},
	"POST /auth/logout":                       {"", "", 200},
	"POST /auth/change-password":              {"", `{"old_password":"x"}`, 400},
	"GET /logs":                               {"", "", 200},
	"GET /logs/histogram":                     {"", "", 200},
	"GET /bounty":                             {"", "", 200},
	"GET /stats":                              {"", "", 200},
	"POST /stream/ticket":                     {"", "", 200},
	"GET /stream":                             {"", "", 200},
	"GET /deckies":                            {"", "", 200},
	"POST /deckies/deploy":                    {"", `{"ini_content":""}`, 409},
	"POST /deckies/{name}/mutate":             {"/deckies/nobody/mutate", "", 404},
	"PUT /deckies/{name}/mutate-interval":     {"/deckies/nobody/mutate-interval", `{"mutate_interval":null}`, 404},
	"GET /jobs":                               {"", "", 200},
	"GET /jobs/{id}":                          {"/jobs/x", "", 404},
	"GET /attackers":                          {"", "", 200},
	"GET /attackers/{uuid}":                   {"/attackers/00000000-0000-4000-8000-000000000000", "", 404},
	"GET /attackers/{uuid}/commands":          {"/attackers/00000000-0000-4000-8000-000000000000/commands", "", 404},
	"GET /attackers/{uuid}/artifacts":         {"/attackers/00000000-0000-4000-8000-000000000000/artifacts", "", 404},
	"GET /artifacts/{decky}/{stored_as}":      {"/artifacts/decky-01/x", "", 404},
	"GET /config":                             {"", "", 200},
	"PUT /config/deployment-limit":            {"", `{"deployment_limit":10}`, 200},
	"PUT /config/global-mutation-interval":    {"", `{"global_mutation_interval":"30m"}`, 200},
	"POST /config/users":                      {"", `{"username":"boss","password":"long enough"}`, 409},
	"DELETE /config/users/{uuid}":             {"/config/users/00000000-0000-4000-8000-000000000000", "", 404},
	"PUT /config/users/{uuid}/role":           {"/config/users/00000000-0000-4000-8000-000000000000/role", `{"role":"viewer"}`, 404},
	"PUT /config/users/{uuid}/reset-password": {"/config/users/00000000-0000-4000-8000-000000000000/reset-password", `{"new_password":"long enough"}`, 404},
	"DELETE /config/reinit":                   {"", "", 403}, // outside of developer mode, for administrators too
	"GET /health":                             {"", "", 200},
	"GET /openapi.json":                       {"", "", 200},
	"GET /docs":                               {"", "", 200},
	"GET /debug/pprof/":                       {"", "", 200},
	"GET /debug/pprof/heap":                   {"", "", 200},
}

// forged signs the claims of a good token in another way.
func forged(t *testing.T, good string, method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(good, claims); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(claims)
	}
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryRouteForEveryRole(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) {
		c.Profiling = http.HandlerFunc(pprof.Index)
	})
	boss := func() string { return f.login(t, "boss", "boss-password") }
	past := func(c jwt.MapClaims) {
		c["iat"], c["exp"] = time.Now().Add(-2*time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
	}
	// Whoever they are, and the access that is enough for them: "" none.
	callers := map[string]struct {
		token  func() string
		passes string
	}{
		"none":       {func() string { return "" }, "anybody"},
		"viewer":     {func() string { return f.login(t, "guest", "guest-password") }, "anybody logged-in viewer"},
		"admin":      {boss, "anybody logged-in viewer admin"},
		"mustchange": {func() string { return f.login(t, "fresh", "fresh-password") }, "anybody logged-in"},
		"expired":    {func() string { return forged(t, boss(), jwt.SigningMethodHS256, secret, past) }, "anybody"},
		"revoked": {func() string {
			token := boss()
			f.do(t, token, "POST", "/auth/logout", "")
			return token
		}, "anybody"},
		"HS512":        {func() string { return forged(t, boss(), jwt.SigningMethodHS512, secret, nil) }, "anybody"},
		"HS384":        {func() string { return forged(t, boss(), jwt.SigningMethodHS384, secret, nil) }, "anybody"},
		"no algorithm": {func() string { return forged(t, boss(), jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil) }, "anybody"},
		"other secret": {func() string { return forged(t, boss(), jwt.SigningMethodHS256, bytes.Repeat([]byte("o"), 32), nil) }, "anybody"},
		"other password": {func() string {
			return forged(t, boss(), jwt.SigningMethodHS256, secret, func(c jwt.MapClaims) { c["pwd"] = "0000000000000000" })
		}, "anybody"},
		"without end": {func() string {
			return forged(t, boss(), jwt.SigningMethodHS256, secret, func(c jwt.MapClaims) { delete(c, "exp") })
		}, "anybody"},
		"from the future": {func() string {
			return forged(t, boss(), jwt.SigningMethodHS256, secret, func(c jwt.MapClaims) { c["iat"] = time.Now().Add(time.Hour).Unix() })
		}, "anybody"},
		"cut": {func() string { token := boss(); return token[:len(token)-1] }, "anybody"},
		"role in token": {func() string {
			return forged(t, f.login(t, "guest", "guest-password"), jwt.SigningMethodHS256, secret, func(c jwt.MapClaims) { c["role"] = "admin" })
		}, "anybody logged-in viewer"},
	}

	routes := append(api.Operations(),
		api.Operation{Method: "GET", Path: "/debug/pprof/", Access: "admin"},
		api.Operation{Method: "GET", Path: "/debug/pprof/heap", Access: "admin"})
	missing := maps.Clone(permitted)
	for _, r := range routes {
		name := r.Method + " " + r.Path
		want, ok := permitted[name]
		delete(missing, name)
		if !ok {
			t.Errorf("%s is not in the table of this test", name)
			continue
		}
		if want.path == "" {
			want.path = r.Path
		}
		for who, c := range callers {
			status := want.status
			switch {
			case strings.Contains(" "+c.passes+" ", " "+r.Access+" "):
			case strings.Contains(c.passes, "logged-in"):
				status = http.StatusForbidden
			default:
				status = http.StatusUnauthorized
			}
			got, body := f.head(t, c.token(), r.Method, want.path, want.body)
			if got != status {
				t.Errorf("%s as %s: %d %s, want %d", name, who, got, body, status)
			}
			var refusal struct{ Detail string }
			if got >= 400 && (json.Unmarshal(body, &refusal) != nil || refusal.Detail == "") {
				t.Errorf("%s as %s: no detail in %s", name, who, body)
			}
		}
	}
	for name := range missing {
		t.Errorf("%s is in the table of this test and nowhere else", name)
	}
}

// head makes a request and reads the beginning of its answer, since a stream has no end.
func (f *fixture) head(t *testing.T, token, method, path, body string) (int, []byte) {
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
	begin := make([]byte, 512)
	n, _ := resp.Body.Read(begin)
	return resp.StatusCode, begin[:n]
}
