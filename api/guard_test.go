package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
)

// send makes a request with headers of its own, as an administrator, and reads the answer
// as it came.
func (f *fixture) send(t *testing.T, method, path string, headers map[string]string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+"/api/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.admin)
	req.Header.Set("Accept-Encoding", "identity")
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, path := range []string{"/logs", "/logs?limit=0", "/nothing", "/artifacts/a/b", "/auth/login", "/attackers//"} {
		resp, _ := f.send(t, "GET", path, nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"Strict-Transport-Security": "", "Access-Control-Allow-Origin": "", "Server": "",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if c := resp.Header.Get("Cache-Control"); resp.StatusCode >= 400 && c != "no-store" || resp.StatusCode == 200 && c != "private, no-cache" {
			t.Errorf("%s: %d may be cached: %s", path, resp.StatusCode, c)
		}
	}
	secure := httptest.NewTLSServer(f.Config.Handler)
	t.Cleanup(secure.Close)
	resp, err := secure.Client().Get(secure.URL + "/api/v1/stats")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security over TLS")
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	seen := make(map[string]bool)
	for given, kept := range map[string]bool{
		"a-Request_1.2": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a;b": false, "\"": false, "é": false,
	} {
		resp, _ := f.send(t, "GET", "/stats", map[string]string{"X-Request-ID": given})
		id := resp.Header.Get("X-Request-ID")
		if (id == given) != kept || id == "" || seen[id] {
			t.Errorf("%q became %q", given, id)
		}
		seen[id] = true
	}
}

func TestETags(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.ingest(t, "decky-01", "ssh", "one")
	for _, path := range []string{"/logs", "/logs/histogram", "/bounty", "/stats", "/deckies", "/attackers", "/config", "/openapi.json", "/docs", "/health"} {
		resp, body := f.send(t, "GET", path, nil)
		tag := resp.Header.Get("ETag")
		if resp.StatusCode != 200 || tag == "" || len(body) == 0 {
			t.Errorf("%s: %d, %q", path, resp.StatusCode, tag)
		}
		for _, match := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
			resp, body := f.send(t, "GET", path, map[string]string{"If-None-Match": match, "Accept-Encoding": "gzip"})
			if resp.StatusCode != 304 || len(body) != 0 || resp.Header.Get("ETag") != tag {
				t.Errorf("%s with %s: %d %s", path, match, resp.StatusCode, body)
			}
			if h := resp.Header; h.Get("Vary") != "Accept-Encoding" || h.Get("Cache-Control") != "private, no-cache" || h.Get("Content-Encoding") != "" {
				t.Errorf("%s with %s: %v", path, match, h)
			}
		}
		for _, encoding := range []string{"identity", "gzip"} {
			whole, text := f.send(t, "GET", path, map[string]string{"Accept-Encoding": encoding})
			head, none := f.send(t, "HEAD", path, map[string]string{"Accept-Encoding": encoding})
			if h := head.Header; head.StatusCode != 200 || len(none) != 0 || h.Get("ETag") != tag || h.Get("Content-Length") != fmt.Sprint(len(text)) ||
				h.Get("Content-Encoding") != whole.Header.Get("Content-Encoding") || h.Get("Content-Type") != whole.Header.Get("Content-Type") {
				t.Errorf("HEAD %s: %d %v, GET has %v", path, head.StatusCode, h, whole.Header)
			}
		}
		if resp, _ := f.send(t, "GET", path, map[string]string{"If-None-Match": `"x"`}); resp.StatusCode != 200 {
			t.Errorf("%s with another tag: %d", path, resp.StatusCode)
		}
	}
	before, _ := f.send(t, "GET", "/logs", nil)
	f.ingest(t, "decky-01", "ssh", "two")
	after, _ := f.send(t, "GET", "/logs", map[string]string{"If-None-Match": before.Header.Get("ETag")})
	if after.StatusCode != 200 || after.Header.Get("ETag") == before.Header.Get("ETag") {
		t.Errorf("a new event: %d %s", after.StatusCode, after.Header.Get("ETag"))
	}
	if resp, _ := f.send(t, "POST", "/stream/ticket", nil); resp.Header.Get("ETag") != "" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a ticket may be cached: %v", resp.Header)
	}
}

// TestEveryWriteChangesWhatIsRead asks with the tag of before for whatever a change shows in.
func TestEveryWriteChangesWhatIsRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) { c.Developer = true })
	var ann string // her UUID
	for _, c := range []struct {
		name, method, path, body string
		shows                    []string
	}{
		{"limit", "PUT", "/config/deployment-limit", `{"deployment_limit":7}`, []string{"/config"}},
		{"interval", "PUT", "/config/global-mutation-interval", `{"global_mutation_interval":"2d"}`, []string{"/config"}},
		{"new user", "POST", "/config/users", `{"username":"ann","password":"first password"}`, []string{"/config"}},
		{"role", "PUT", "/config/users/ann/role", `{"role":"admin"}`, []string{"/config"}},
		{"password", "POST", "/auth/change-password", `{"old_password":"first password","new_password":"second password"}`, []string{"/config"}},
		{"reset", "PUT", "/config/users/ann/reset-password", `{"new_password":"third password"}`, []string{"/config"}},
		{"delete", "DELETE", "/config/users/ann", "", []string{"/config"}},
		{"deploy", "POST", "/deckies/deploy", ini("[web]\narchetype = web-server\n"), []string{"/deckies", "/stats", "/jobs"}},
		{"mutate", "POST", "/deckies/web/mutate", "", []string{"/deckies", "/jobs"}},
		{"own interval", "PUT", "/deckies/web/mutate-interval", `{"mutate_interval":"3d"}`, []string{"/deckies"}},
		{"event", "", "", "", []string{"/logs", "/logs/histogram", "/stats", "/bounty"}},
		{"reinit", "DELETE", "/config/reinit", "", []string{"/logs", "/logs/histogram", "/stats", "/bounty"}},
	} {
		tags := make(map[string]string)
		for _, path := range c.shows {
			resp, _ := f.send(t, "GET", path, nil)
			tags[path] = resp.Header.Get("ETag")
		}
		token := f.admin
		if c.name == "password" {
			token = f.login(t, "ann", "first password")
		}
		switch c.name {
		case "event":
			e := decnet.Event{Time: time.Now(), Decky: "web", Service: "ssh", Type: "auth_attempt", Attacker: attackerAddr}
			b := decnet.Bounty{Time: e.Time, Decky: "web", Service: "ssh", Attacker: attackerAddr, Type: "credential", Payload: []byte(`{"username":"root"}`)}
			if _, err := f.db.Ingest(t.Context(), store.Batch{Records: []store.Record{{Event: e, Raw: "a line"}}, Bounties: []decnet.Bounty{b}}); err != nil {
				t.Fatal(err)
			}
		default:
			status, _, body := f.do(t, token, c.method, strings.Replace(c.path, "/ann", "/"+ann, 1), c.body)
			if status != 200 && status != 202 {
				t.Fatalf("%s: %d %s", c.name, status, body)
			}
			var answer struct{ UUID, Job string }
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			if answer.UUID != "" {
				ann = answer.UUID
			}
			if answer.Job != "" {
				f.await(t, answer.Job)
			}
		}
		for path, tag := range tags {
			if resp, body := f.send(t, "GET", path, map[string]string{"If-None-Match": tag}); resp.StatusCode != 200 {
				t.Errorf("%s: %s is what it was: %d %s", c.name, path, resp.StatusCode, body)
			}
		}
	}
}

func TestChangesShowAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for range 3 {
		for _, limit := range []int{7, 8} {
			f.do(t, f.admin, "PUT", "/config/deployment-limit", fmt.Sprintf(`{"deployment_limit":%d}`, limit))
			if got := get[settings](t, f, f.view, "/config"); got.Limit != limit {
				t.Errorf("limit %d, want %d", got.Limit, limit)
			}
		}
		before := get[map[string]int](t, f, f.view, "/stats")["total_logs"]
		f.ingest(t, "decky-01", "ssh", "one")
		if got := get[map[string]int](t, f, f.view, "/stats")["total_logs"]; got != before+1 {
			t.Errorf("%d events after %d and one more", got, before)
		}
	}
}

func TestLongAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for range 30 {
		f.ingest(t, "decky-01", "ssh", "command", decnet.F("command", "uname -a"))
	}
	_, plain := f.send(t, "GET", "/logs", nil)
	for encoding, packed := range map[string]bool{
		"gzip": true, "deflate, gzip;q=0.5": true, "GZIP": true, "br": false, "gzip;q=0": false, "gzip; q=0.0": false, "": false,
		"gzip;Q=0": false, "gzip ; q=0.000, *": false, "identity, gzip ;q=1.000": true, "gzip;q=0.001": true, "gzipped": false,
	} {
		resp, body := f.send(t, "GET", "/logs", map[string]string{"Accept-Encoding": encoding})
		if got := resp.Header.Get("Content-Encoding") == "gzip"; got != packed || resp.Header.Get("Vary") == "" {
			t.Errorf("%q: %v", encoding, resp.Header)
			continue
		}
		if packed {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if len(body) >= len(plain)/2 {
				t.Errorf("%d bytes of %d", len(body), len(plain))
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, plain) {
			t.Errorf("%q: another answer", encoding)
		}
	}
	if resp, _ := f.send(t, "GET", "/stats", map[string]string{"Accept-Encoding": "gzip"}); resp.Header.Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) { c.Origins = []string{"https://soc.example", "https://two.example:8443"} })
	for origin, allowed := range map[string]bool{
		"https://soc.example": true, "https://two.example:8443": true, "https://evil.example": false, "null": false,
		"https://soc.example.evil": false, "http://soc.example": false, "https://two.example": false, "*": false,
	} {
		want := ""
		if allowed {
			want = origin
		}
		for _, method := range []string{"OPTIONS", "GET"} {
			resp, _ := f.send(t, method, "/logs", map[string]string{"Origin": origin, "Access-Control-Request-Method": "GET"})
			if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %s: %q", method, origin, got)
			}
			if resp.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %s: with credentials", method, origin)
			}
			if !strings.Contains(strings.Join(resp.Header.Values("Vary"), ","), "Origin") {
				t.Errorf("%s from %s: no Vary", method, origin)
			}
			if method == "OPTIONS" && allowed {
				headers, methods := resp.Header.Get("Access-Control-Allow-Headers"), resp.Header.Get("Access-Control-Allow-Methods")
				if resp.StatusCode != 204 || !strings.Contains(headers, "Last-Event-ID") || methods != "GET, POST, PUT, DELETE, OPTIONS" {
					t.Errorf("preflight: %d %s %s", resp.StatusCode, headers, methods)
				}
			}
		}
	}
	open := newFixture(t, func(c *api.Config) { c.Origins = []string{"*"} })
	if resp, _ := open.send(t, "GET", "/stats", map[string]string{"Origin": "https://any.example"}); resp.Header.Get("Access-Control-Allow-Origin") != "https://any.example" {
		t.Errorf("%v", resp.Header)
	}
}

// oddStore behaves oddly when records are asked for.
type oddStore struct {
	store.Repository
	records func(ctx context.Context) error
}

func (o *oddStore) Records(ctx context.Context, _ store.Filter) ([]store.Record, error) {
	return nil, o.records(ctx)
}

func TestSlowStoreIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) {
		c.Timeout = 100 * time.Millisecond
		c.Store = &oddStore{c.Store.(*countingStore), func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("store: records: %w", ctx.Err())
		}}
	})
	if got := expect[reply](t, f, f.view, "GET", "/logs", "", http.StatusGatewayTimeout); got.Detail != "The request took too long" {
		t.Errorf("%+v", got)
	}
}

// TestGivenUpRequestsDoNotSucceed ends requests as servers do that give theirs a context which
// ends, with the system or after a time of their own: the client is still there.
func TestGivenUpRequestsDoNotSucceed(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"stop": context.WithCancel,
		"time": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := make(chan struct{})
			f := newFixture(t, func(c *api.Config) {
				c.Store = &oddStore{c.Store.(*countingStore), func(ctx context.Context) error {
					close(begun)
					<-ctx.Done()
					return fmt.Errorf("store: records: %w", ctx.Err())
				}}
			})
			inner := f.Config.Handler
			f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := limited(r.Context())
				defer cancel()
				if name == "stop" {
					go func() { <-begun; cancel() }()
				}
				inner.ServeHTTP(w, r.WithContext(ctx))
			})
			if got := expect[reply](t, f, f.view, "GET", "/logs", "", http.StatusGatewayTimeout); got.Detail != "The request was given up" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestErrorsOfTheStoreStayInside(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	kinds := []error{
		fmt.Errorf("store/sqlite: /var/lib/decnet.db: disk I/O error"), fmt.Errorf("store/sqlite: secret: %w", decnet.ErrInvalid),
		fmt.Errorf("store/sqlite: secret: %w", decnet.ErrConflict), fmt.Errorf("store/sqlite: secret: %w", decnet.ErrSemantic),
		fmt.Errorf("store/sqlite: secret: %w", decnet.ErrNotFound), fmt.Errorf("store/sqlite: secret: %w", decnet.ErrForbidden),
	}
	next := make(chan error, len(kinds))
	f := newFixture(t, func(c *api.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.Store = &oddStore{c.Store.(*countingStore), func(context.Context) error { return <-next }}
	})
	for i, status := range []int{500, 400, 409, 409, 404, 403} {
		next <- kinds[i]
		if got := expect[reply](t, f, f.view, "GET", "/logs", "", status); got.Detail == "" || strings.Contains(got.Detail, "sqlite") {
			t.Errorf("%+v", got)
		}
	}
	if !strings.Contains(log.String(), "disk I/O error") {
		t.Errorf("the log does not say what went wrong: %s", log.String())
	}
}

func TestPanicsShowNothing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := newFixture(t, func(c *api.Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.Store = &oddStore{c.Store.(*countingStore), func(context.Context) error { panic("the secret is 42") }}
	})
	resp, body := f.send(t, "GET", "/logs", map[string]string{"X-Request-ID": "the-one"})
	if resp.StatusCode != 500 || string(body) != `{"detail":"Internal server error"}`+"\n" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if text := log.String(); !strings.Contains(text, "the secret is 42") || !strings.Contains(text, "request=the-one") || !strings.Contains(text, "guard_test.go") {
		t.Errorf("the log does not say what and where: %s", text)
	}
	if status, _, _ := f.do(t, f.view, "GET", "/stats", ""); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

// dial opens a connection for requests that no client makes.
func (f *fixture) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	f := newPacedFixture(t, api.Pace{Body: 200 * time.Millisecond, Write: time.Minute, Event: time.Minute}, nil)
	for name, request := range map[string]string{
		"a body":          "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"user",
		"chunks":          "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"use\r\n",
		"a body of a GET": "GET /api/v1/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial(t)
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(c)
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			var refusal reply
			if err != nil || json.Unmarshal(body, &refusal) != nil || refusal.Detail == "" || resp.StatusCode != 400 && resp.StatusCode != 401 {
				t.Errorf("%d %s %v", resp.StatusCode, body, err)
			}
			if n, err := io.Copy(io.Discard, r); n != 0 || err != nil {
				t.Errorf("the connection goes on: %d bytes, %v", n, err)
			}
		})
	}
}

func TestSlowReadersAreCutOff(t *testing.T) {
	t.Parallel()
	f := newPacedFixture(t, api.Pace{Body: time.Minute, Write: 100 * time.Millisecond, Event: time.Minute}, func(c *api.Config) {
		c.Timeout = 5 * time.Second
	})
	closed := make(chan struct{}, 16)
	slow := httptest.NewUnstartedServer(f.Config.Handler)
	slow.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	slow.Start()
	t.Cleanup(slow.Close)
	big := strings.Repeat("x", 128<<10)
	for range 100 {
		f.ingest(t, "decky-01", "ssh", "command", decnet.F("command", big))
	}
	c, err := net.Dial("tcp", slow.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET /api/v1/logs?limit=100 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", f.view); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(2 * time.Minute):
		t.Fatal("the server waits for a client that reads nothing")
	}
}

func TestBodiesUpToTheBound(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for path, c := range map[string]struct {
		body  string
		bound int
		good  int
	}{
		"PUT /config/deployment-limit": {`{"deployment_limit":5}`, 64 << 10, 200},
		"POST /deckies/deploy":         {ini("[web]\nservices = ssh\n"), 4 << 20, 202},
	} {
		method, path, _ := strings.Cut(path, " ")
		for size, want := range map[int]int{c.bound: c.good, c.bound + 1: 400} {
			body := c.body + strings.Repeat(" ", size-len(c.body))
			if status, _, answer := f.do(t, f.admin, method, path, body); status != want {
				t.Errorf("%s of %d bytes: %d %s, want %d", path, size, status, answer, want)
			}
		}
	}
}

func TestLargeBodiesAreNotTaken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	c := f.dial(t)
	if _, err := io.WriteString(c, "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// The server answers and closes long before all of it was sent.
	const most = 256 << 20
	sent := make(chan int, 1)
	go func() {
		chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"
		n := 0
		for n < most {
			if _, err := io.WriteString(c, chunk); err != nil {
				break
			}
			n += 1 << 16
		}
		sent <- n
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !bytes.Contains(body, []byte("larger than")) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if n := <-sent; n >= most {
		t.Errorf("the server took %d bytes", n)
	}
}
