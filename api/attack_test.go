package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/rfc5424"
)

// raw sends a request as it is written, and returns the answer and its whole text.
func (f *fixture) raw(t *testing.T, request string) (*http.Response, string) {
	t.Helper()
	c := f.dial(t)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &text)), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp, text.String()
}

func TestAttackPathTraversal(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	const sentinel = "this file is outside of the quarantine"
	if err := os.WriteFile(filepath.Join(base, "outside.txt"), []byte(sentinel), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := quarantine.New(filepath.Join(base, "artifacts"), quarantine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	good, err := dir.Store(t.Context(), "decky-01", "ssh", "x", strings.NewReader("captured"))
	if err != nil {
		t.Fatal(err)
	}
	// A link inside the quarantine that leads out of it, under a name that is well formed.
	link := strings.Replace(good.StoredAs, good.StoredAs[len(good.StoredAs)-1:], "l", 1)
	found, err := filepath.Glob(filepath.Join(base, "artifacts", "decky-01", "*", good.StoredAs))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if err := os.Symlink(filepath.Join(base, "outside.txt"), filepath.Join(filepath.Dir(found[0]), link)); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(c *api.Config) { c.Artifacts = dir })
	if status, _, body := f.do(t, f.admin, "GET", "/artifacts/decky-01/"+good.StoredAs, ""); status != 200 || string(body) != "captured" {
		t.Fatalf("%d %s", status, body)
	}
	up := []string{"..", "%2e%2e", "..%2f", "%2e%2e%2f", "..%5c", "..\\", "....//", "%252e%252e%252f", "..%c0%af", "..%00", ".%2e", "%2e.", "..;", "\u2025"}
	var paths []string
	for _, u := range up {
		step := strings.Repeat(u+"/", 6)
		paths = append(paths,
			"/artifacts/"+u+"/outside.txt", "/artifacts/decky-01/"+step+"outside.txt", "/artifacts/decky-01/"+strings.ReplaceAll(step, "/", "%2f")+"outside.txt",
			"/artifacts/"+step+"etc/passwd", "/artifacts/decky-01/"+u+u+"outside.txt", "/artifacts/"+u+"%2foutside.txt/"+good.StoredAs,
			"/artifacts/decky-01/"+good.StoredAs+"/"+step+"outside.txt", "/attackers/"+step+"artifacts", "/"+step+"outside.txt")
	}
	paths = append(paths, "/artifacts//etc/passwd", "/artifacts/decky-01//etc/passwd", "/artifacts/decky-01/%2fetc%2fpasswd", "/artifacts/decky-01/"+link,
		"/artifacts/decky-01/ssh%2f"+good.StoredAs, "/artifacts/./decky-01/"+good.StoredAs, "/artifacts/decky-01/"+good.StoredAs+"%00.txt")
	for _, path := range paths {
		resp, text := f.raw(t, "GET /api/v1"+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+f.admin+"\r\n\r\n")
		if resp.StatusCode != 400 && resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		if strings.Contains(text, sentinel) || strings.Contains(text, "root:") || strings.Contains(text, base) {
			t.Errorf("%s gives away: %s", path, text)
		}
	}
}

func TestAttackInjectionThroughSearch(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	injections := []string{
		`' OR '1'='1`, `" OR ""="`, `'; DROP TABLE records; --`, `1; DELETE FROM users`, `') UNION SELECT password_hash FROM users --`,
		`x' AND (SELECT COUNT(*) FROM users) > 0 --`, `%' OR 1=1 --`, `\' OR 1=1 --`, `admin'/*`, "`id`", `$.a`, `a') OR json_extract(fields,'$') --`,
		`"$.password":"x"`, `a"."b:c`, `$[*]:x`, `a.b:c`, `a[0]:c`, `a'||'b:c`, `username:' OR '1'='1`, `username:x') OR ('1'='1`, `password:%`, `password:_____`,
	}
	// One event holds each text to the letter, and one is of no concern.
	for _, text := range injections {
		f.ingest(t, "decky-01", "ssh", "command", decnet.F("command", text))
	}
	f.ingest(t, "decky-01", "ssh", "auth_attempt", decnet.F("username", "root"), decnet.F("password", "12345"))
	for _, text := range injections {
		for _, path := range []string{"/logs", "/logs/histogram", "/bounty", "/attackers"} {
			status, _, body := f.do(t, f.view, "GET", path+"?search="+url.QueryEscape(text), "")
			if status != 200 || strings.Contains(string(body), "$2a$") {
				t.Errorf("%s with %s: %d %s", path, text, status, body)
			}
		}
		if status, _, body := f.do(t, f.view, "GET", "/attackers?service="+url.QueryEscape(text), ""); status != 200 || !strings.Contains(string(body), `"total":0`) {
			t.Errorf("service %s: %d %s", text, status, body)
		}
		// What contains the whole text as one token is found, and nothing that does not.
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		got := get[logPage](t, f, f.view, "/logs?search="+url.QueryEscape(quoted))
		for _, row := range got.Data {
			if !strings.Contains(row.RawLine, rawText(text)) {
				t.Errorf("%s found %s", quoted, row.RawLine)
			}
		}
		if got.Total < 1 && !strings.ContainsAny(text, `:"\`) {
			t.Errorf("%s found nothing", quoted)
		}
	}
	if got := get[logPage](t, f, f.view, "/logs"); got.Total != len(injections)+1 {
		t.Errorf("%d events are left of %d", got.Total, len(injections)+1)
	}
	if got := get[settings](t, f, f.admin, "/config"); len(got.Users) != 3 {
		t.Errorf("%d accounts are left", len(got.Users))
	}
}

// rawText returns text as it is in a line of RFC 5424.
func rawText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(text)
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestAttackHeaderAndLogInjection(t *testing.T) {
	t.Parallel()
	log := new(syncBuffer)
	f := newFixture(t, func(c *api.Config) {
		c.Log = slog.New(rfc5424.NewHandler(log, rfc5424.HandlerOptions{}))
		c.Origins = []string{"*"}
	})
	f.audit.take()
	const forged = "<134>1 2026-01-01T00:00:00Z decky-99 ssh - auth_attempt [relay@55555 src_ip=\"198.51.100.1\"] forged"
	for _, name := range []string{"a\r\n" + forged, "a\n" + forged, "a\"] [relay@55555 src_ip=\"198.51.100.1\"", "a\x00b", "a\u2028b", "\x1b[2Ja"} {
		body, err := json.Marshal(map[string]string{"username": name[:min(len(name), 64)], "password": "x"})
		if err != nil {
			t.Fatal(err)
		}
		if status, _, answer := f.do(t, "", "POST", "/auth/login", string(body)); status != 401 {
			t.Errorf("%q: %d %s", name, status, answer)
		}
	}
	events := f.audit.take()
	if len(events) != 6 {
		t.Errorf("%d events of 6 log-ins", len(events))
	}
	for i := range events {
		line := rfc5424.Append(nil, &events[i])
		if bytes.ContainsAny(bytes.TrimSuffix(line, []byte("\n")), "\r\n\x00\x1b") {
			t.Errorf("more than a line: %q", line)
		}
		var d rfc5424.Decoder
		back, err := d.Decode(string(line))
		if err != nil || back.Service != api.AuditService || back.Attacker.IsValid() || back.Decky != api.AuditHost {
			t.Errorf("%q is read as %+v, %v", line, back, err)
		}
	}
	for _, path := range []string{"/x%0d%0aX-Injected:%201", "/artifacts/d/x%0d%0aX-Injected:%201", "/attackers/%0d%0aX-Injected:%201", "/logs?search=%0d%0aX-Injected:%201&limit=0"} {
		_, text := f.raw(t, "GET /api/v1"+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: https://a.example\r\nAuthorization: Bearer "+f.admin+"\r\n\r\n")
		if strings.Contains(text, "\nX-Injected") {
			t.Errorf("%s injects: %q", path, text)
		}
	}
	for _, header := range []string{"X-Request-ID: a\tb", "X-Request-ID: a\"b", "Origin: https://a.example\tb", "X-Request-ID: <script>"} {
		resp, _ := f.raw(t, "GET /api/v1/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+header+"\r\nAuthorization: Bearer "+f.admin+"\r\n\r\n")
		if id := resp.Header.Get("X-Request-ID"); strings.ContainsAny(id, "\t\"<") {
			t.Errorf("%s is echoed: %q", header, id)
		}
	}
	for line := range strings.Lines(log.String()) {
		if strings.HasPrefix(line, forged[:20]) {
			t.Errorf("a forged line in the log: %s", line)
		}
	}
}

func TestAttackTokenConfusion(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ticket := expect[struct{ Ticket string }](t, f, f.view, "POST", "/stream/ticket", "", 200).Ticket
	header, rest, _ := strings.Cut(f.admin, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	for name, h := range map[string]string{
		"a ticket":             "Authorization: Bearer " + ticket,
		"in a cookie":          "Cookie: token=" + f.admin + "; access_token=" + f.admin,
		"basic":                "Authorization: Basic Ym9zczpib3NzLXBhc3N3b3Jk",
		"without scheme":       "Authorization: " + f.admin,
		"another scheme":       "Authorization: Token " + f.admin,
		"two tokens":           "Authorization: Bearer " + f.admin + ", " + f.admin,
		"no signature":         "Authorization: Bearer " + header + "." + claims + ".",
		"no claims":            "Authorization: Bearer " + header + ".." + signature,
		"other claims":         "Authorization: Bearer " + header + "." + strings.Split(f.view, ".")[1] + "." + signature,
		"padded":               "Authorization: Bearer " + header + "." + claims + "." + signature + "==",
		"a line break":         "Authorization: Bearer " + f.admin[:20] + "\r\n " + f.admin[20:],
		"a key of its own":     "Authorization: Bearer " + withHeader(t, f.admin, "jwk", map[string]string{"kty": "oct", "k": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s"}),
		"a key from elsewhere": "Authorization: Bearer " + withHeader(t, f.admin, "jku", "http://127.0.0.1:1/keys"),
		"a key of a file":      "Authorization: Bearer " + withHeader(t, f.admin, "kid", "../../../../dev/null"),
		"a huge one":           "Authorization: Bearer " + strings.Repeat("a.", 20000),
	} {
		resp, text := f.raw(t, "GET /api/v1/config HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+h+"\r\n\r\n")
		if resp.StatusCode != 401 && resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
	if resp, _ := f.raw(t, "GET /api/v1/config?token="+f.admin+"&access_token="+f.admin+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); resp.StatusCode != 401 {
		t.Errorf("a token in the URL: %d", resp.StatusCode)
	}
	if resp, _ := f.raw(t, "GET /api/v1/config?token="+ticket+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); resp.StatusCode != 401 {
		t.Errorf("a ticket for something else than a stream: %d", resp.StatusCode)
	}
	// The signing of another user's claims with the right secret works only for who holds it.
	if resp, _ := f.raw(t, "GET /api/v1/config HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: bearer "+f.view+"\r\n\r\n"); resp.StatusCode != 200 {
		t.Errorf("the scheme in other letters: %d", resp.StatusCode)
	}
}

// withHeader signs the claims of a token with a key that nobody has, and names a key in the
// header.
func withHeader(t *testing.T, good, name string, value any) string {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(good, claims); err != nil {
		t.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header[name] = value
	text, err := token.SignedString([]byte(strings.Repeat("\x00", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAttackBruteForce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	f := newFixture(t, func(c *api.Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	try := func(from, user, password string) int {
		return f.loginFrom(t, from, user, password)
	}
	// tries counts the guesses that are heard until one is refused.
	tries := func(next func(n int) (from, user string)) int {
		for n := range 100 {
			from, user := next(n)
			switch status := try(from, user, "wrong"); status {
			case 429:
				return n
			case 401:
			default:
				t.Fatalf("%d", status)
			}
		}
		return 100
	}
	const most = 12
	for name, next := range map[string]func(n int) (string, string){
		"one user from one address":       func(int) (string, string) { return "198.51.100.1", "boss" },
		"many users from one address":     func(n int) (string, string) { return "198.51.100.2", fmt.Sprintf("user%d", n) },
		"one user from many addresses":    func(n int) (string, string) { return fmt.Sprintf("203.0.113.%d", n), "guest" },
		"many users from one IPv6 subnet": func(n int) (string, string) { return fmt.Sprintf("2001:db8:1:1::%x", n), fmt.Sprintf("other%d", n) },
	} {
		if n := tries(next); n > most {
			t.Errorf("%s: %d guesses", name, n)
		}
	}
	if status := try("198.51.100.3", "boss", "boss-password"); status != 429 {
		t.Errorf("the right password among too many: %d", status)
	}
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	if status := try("198.51.100.3", "boss", "boss-password"); status != 200 {
		t.Errorf("the right password a minute later: %d", status)
	}
	if n := tries(func(n int) (string, string) { return fmt.Sprintf("2001:db8:%x::1", n+2), fmt.Sprintf("far%d", n) }); n < 100 {
		t.Errorf("people of different networks are in each other's way after %d", n)
	}
}

// loginFrom logs in as if from an address.
func (f *fixture) loginFrom(t *testing.T, from, user, password string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://api/api/v1/auth/login", strings.NewReader(fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(from, ":") {
		from = "[" + from + "]"
	}
	req.RemoteAddr = from + ":4711"
	var w discarded
	f.Config.Handler.ServeHTTP(&w, req)
	return w.status
}

// discarded is an answer of which only the status counts.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header {
	if d.header == nil {
		d.header = make(http.Header)
	}
	return d.header
}
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }

func TestAttackArtifactNames(t *testing.T) {
	t.Parallel()
	dir, err := quarantine.New(t.TempDir(), quarantine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	f := newFixture(t, func(c *api.Config) { c.Artifacts = dir })
	for _, name := range []string{
		"a\"; filename=evil.html", "a\r\nContent-Type: text/html\r\n\r\n<script>", "<img src=x onerror=alert(1)>.html", "..", ".htaccess", "con", "a b", "\u202egpj.exe",
		strings.Repeat("x", 300), "ünï", "a;b", "$(id)", "index.html",
	} {
		stored, err := dir.Store(t.Context(), "decky-01", "ssh", name, strings.NewReader("<html><script>alert(1)</script>"))
		if err != nil {
			t.Fatal(err)
		}
		resp, _ := f.send(t, "GET", "/artifacts/decky-01/"+url.PathEscape(stored.StoredAs), nil)
		disposition := resp.Header.Get("Content-Disposition")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/octet-stream" || disposition != `attachment; filename="`+stored.StoredAs+`"` {
			t.Errorf("%q: %d %v", name, resp.StatusCode, resp.Header)
		}
		if strings.ContainsAny(stored.StoredAs, "\"\r\n<>; /\\") {
			t.Errorf("%q is stored as %q", name, stored.StoredAs)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: a browser may run it: %s", name, csp)
		}
	}
}

func TestAttackStreamFloods(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	var refused int
	for range 200 {
		v := f.watch(t, "/stream", f.view, "")
		switch v.resp.StatusCode {
		case 200:
		case 429:
			refused++
			v.cancel()
		default:
			t.Fatal(v.resp.StatusCode)
		}
	}
	if open := f.hub.Streams(); open > 64 || refused < 136 {
		t.Errorf("%d streams of one user, %d refused", open, refused)
	}
	for _, id := range []string{"x", strings.Repeat("A", 26), "null", f.view, "' OR 1=1 --"} {
		if v := f.watch(t, "/stream?token="+url.QueryEscape(id), "", ""); v.resp.StatusCode != 401 {
			t.Errorf("ticket %q: %d", id, v.resp.StatusCode)
		}
	}
	for _, id := range []string{"-1", "x", "9223372036854775808", strings.Repeat("9", 1000)} {
		v := f.watch(t, "/stream", f.admin, id)
		if v.resp.StatusCode != 200 {
			t.Errorf("Last-Event-ID %.20s: %d", id, v.resp.StatusCode)
		}
		v.ready()
	}
	// An ID that nothing has reached yet: what comes is not passed over in silence for ever.
	v := f.watch(t, "/stream", f.admin, "9223372036854775807")
	v.ready()
	f.ingest(t, "decky-01", "ssh", "one")
	if got := v.types(1); got[0] != "one" {
		t.Errorf("%v", got)
	}
	if status, _, _ := f.do(t, f.admin, "GET", "/stats", ""); status != 200 {
		t.Errorf("others are not served: %d", status)
	}
}
