package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/correlate/profile"
	"github.com/decnet/decnet/store"
)

// hostile are texts that have broken programs.
var hostile = []string{
	"", " ", "'", "\"", "' OR '1'='1", "'; DROP TABLE records; --", "%", "_", "\\", "%00", "\x00", "\xff\xfe", "\u2028",
	"<script>alert(1)</script>", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "{{7*7}}", "${jndi:ldap://x}", "$(id)", "`id`",
	"a\r\nX-Injected: 1", "key:value", "a$.b:c", "x') OR json_extract(fields,'$.y:z", "decky:", ":", "\"unclosed", "attacker:", "attacker:::1",
	"-1", "0", "1e309", "NaN", "9223372036854775808", "0x10", "１２", "null", "undefined", "true", "[]", "{}", "日本語", "\U0001F600",
	strings.Repeat("A", 513), strings.Repeat("語", 512), strings.Repeat("a b ", 16), strings.Repeat("\"", 300), strings.Repeat("%", 200),
}

// schema is as much of a JSON Schema as the document uses.
type schema struct {
	Ref     string `json:"$ref"`
	Type    any
	Enum    []string
	Pattern string
	Format  string

	Description string

	Minimum   *int64
	Maximum   *int64
	MinLength *int
	MaxLength *int

	Properties map[string]schema
	Required   []string
}

// contract makes requests out of the document and holds the answers against it.
type contract struct {
	*fixture
	t        *testing.T
	rand     *rand.Rand
	compiler *jsonschema.Compiler
	schemas  map[string]schema // components

	method, path string
	op           operation
	handler      http.Handler
	ids          map[string][]string // values of path parameters
	counts       map[int]int         // answers by status
}

const documentURL = "file:///openapi.json"

// attempts is how many valid and how many broken requests are made to each route.
const attempts = 150

func TestContract(t *testing.T) {
	t.Parallel()
	doc := parseDocument(t)
	var components struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(api.Document(), &components); err != nil {
		t.Fatal(err)
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.Document()))
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			t.Run(method+path, func(t *testing.T) {
				seed := fnv.New64a()
				io.WriteString(seed, method+path)
				c := &contract{
					t: t, rand: rand.New(rand.NewPCG(seed.Sum64(), 5)), compiler: jsonschema.NewCompiler(),
					schemas: components.Components.Schemas, method: strings.ToUpper(method), path: path, op: op, counts: make(map[int]int),
				}
				c.compiler.AssertFormat()
				if err := c.compiler.AddResource(documentURL, plain); err != nil {
					t.Fatal(err)
				}
				c.prepare()
				c.others()
				for range attempts {
					c.valid()
				}
				for range attempts {
					c.broken()
				}
				good := 0
				for status, n := range c.counts {
					if status < 300 || status == 304 {
						good += n
					}
				}
				if good == 0 {
					t.Errorf("no request was answered with what it asked for: %v", c.counts)
				}
			})
		}
	}
}

// prepare makes a system with something to find in it.
func (c *contract) prepare() {
	dir, err := quarantine.New(c.t.TempDir(), quarantine.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { dir.Close() })
	file, err := dir.Store(c.t.Context(), "decky-01", "ssh", "x.sh", strings.NewReader("id\n"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.fixture = newFixture(c.t, func(cfg *api.Config) { cfg.Artifacts, cfg.Developer = dir, c.path == "/config/reinit" })
	c.handler = c.Config.Handler
	attacker := c.populate(c.t, file.StoredAs)
	const unknown = "00000000-0000-4000-8000-000000000000"
	job := expect[accepted](c.t, c.fixture, c.admin, "POST", "/deckies/deploy", ini("[contract]\nservices = ssh\n"), 202).Job
	c.await(c.t, job)
	c.ids = map[string][]string{
		"name": {"contract", "nobody"}, "id": {job, "none"},
		"decky": {"decky-01", "decky-02"}, "stored_as": {file.StoredAs}, "uuid": {unknown, attacker},
	}
}

// pathValue fills a path parameter. Accounts are made for the purpose: those that the test
// goes by must stay.
func (c *contract) pathValue(name string) string {
	if name == "uuid" && strings.HasPrefix(c.path, "/config/users") && c.rand.IntN(4) > 0 {
		return expect[account](c.t, c.fixture, c.admin, "POST", "/config/users", fmt.Sprintf(`{"username":"u%d","password":"long enough"}`, c.rand.Uint64()), 200).UUID
	}
	list := c.ids[name]
	return list[c.rand.IntN(len(list))]
}

// newUser makes an account and logs in with it.
func (c *contract) newUser() (token, password string) {
	name := strconv.FormatUint(c.rand.Uint64(), 10)
	password = "password of " + name
	expect[account](c.t, c.fixture, c.admin, "POST", "/config/users", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password), 200)
	return c.login(c.t, name, password), password
}

func (c *contract) resolve(raw json.RawMessage) schema {
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		c.t.Fatal(err)
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return c.schemas[name]
	}
	return s
}

// valid makes a request that the document allows.
func (c *contract) valid() {
	token := c.admin
	if c.path == "/auth/logout" {
		token = c.login(c.t, "boss", "boss-password")
	}
	given := make(map[string]any) // what cannot be made out of the document
	switch known := c.rand.IntN(4) == 0; {
	case known && c.path == "/auth/login":
		given = map[string]any{"username": "boss", "password": "boss-password"}
	case known && c.path == "/auth/change-password":
		token, given["old_password"] = c.newUser()
	}
	target, values := c.path, url.Values{}
	for _, p := range c.op.Parameters {
		s := c.resolve(p.Schema)
		switch {
		case p.In == "path":
			target = strings.Replace(target, "{"+p.Name+"}", url.PathEscape(c.pathValue(p.Name)), 1)
		case p.In == "header":
			// What they change is the matter of other tests.
		case p.Name == "token":
			// A ticket is made by another route; without one the header counts.
		case c.rand.IntN(2) == 0:
			values.Set(p.Name, c.text(s))
		}
	}
	body := ""
	if c.op.RequestBody != nil {
		value := c.value(c.resolve(c.op.RequestBody.Content["application/json"].Schema)).(map[string]any)
		maps.Copy(value, given)
		body = encode(c.t, value)
	}
	status := c.request(token, c.method, target, values, body)
	if status == 400 || status == 422 {
		c.t.Errorf("%s %s?%s %s: %d, although the document allows it", c.method, target, values.Encode(), body, status)
	}
}

// broken makes a request that the document does not allow in one way or several.
func (c *contract) broken() {
	var ways []func(target *string, values url.Values, body *string, token *string, want *[]int)
	for _, p := range c.op.Parameters {
		s := c.resolve(p.Schema)
		if p.In == "header" {
			continue // no value of a hint is refused
		}
		if p.In == "path" {
			ways = append(ways, func(target *string, _ url.Values, _, _ *string, want *[]int) {
				*target = strings.Replace(*target, "{"+p.Name+"}", url.PathEscape(c.hostile()), 1)
				*want = []int{400, 404, 405}
			})
			continue
		}
		if bad := c.bad(s); bad != "" {
			ways = append(ways, func(_ *string, values url.Values, _, _ *string, want *[]int) {
				values.Set(p.Name, bad)
				*want = []int{422}
			})
		}
	}
	if c.op.RequestBody != nil {
		s := c.resolve(c.op.RequestBody.Content["application/json"].Schema)
		for range 6 {
			ways = append(ways, func(_ *string, _ url.Values, body, _ *string, want *[]int) {
				*body = c.badBody(s)
				*want = []int{400, 422}
			})
		}
	}
	if c.op.Access != "anybody" {
		ways = append(ways, func(_ *string, _ url.Values, _, token *string, want *[]int) {
			*token = url.QueryEscape(c.hostile())
			*want = []int{401}
		})
	}
	if len(ways) == 0 {
		return
	}
	target, values, body, token, want := c.path, url.Values{}, "", c.admin, []int(nil)
	if c.op.RequestBody != nil {
		body = encode(c.t, c.value(c.resolve(c.op.RequestBody.Content["application/json"].Schema)))
	}
	ways[c.rand.IntN(len(ways))](&target, values, &body, &token, &want)
	for _, p := range c.op.Parameters {
		if p.In == "path" {
			target = strings.Replace(target, "{"+p.Name+"}", url.PathEscape(c.pathValue(p.Name)), 1)
		}
	}
	if status := c.request(token, c.method, target, values, body); !slices.Contains(want, status) {
		c.t.Errorf("%s %s?%s %.200s: %d, want one of %v", c.method, target, values.Encode(), body, status, want)
	}
}

// others tries the methods that the path does not have.
func (c *contract) others() {
	target := c.path
	for _, p := range c.op.Parameters {
		if p.In == "path" {
			target = strings.Replace(target, "{"+p.Name+"}", url.PathEscape(c.pathValue(p.Name)), 1)
		}
	}
	known := parseDocument(c.t).Paths[c.path]
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
		if _, ok := known[strings.ToLower(method)]; ok {
			continue
		}
		w := c.serve(c.t.Context(), c.admin, method, target, nil, "")
		var refusal reply
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || w.Code != 405 || refusal.Detail == "" || w.Header().Get("Allow") == "" {
			c.t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
	}
}

func (c *contract) serve(ctx context.Context, token, method, target string, values url.Values, body string) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://api/api/v1"+target+"?"+values.Encode(), strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.RemoteAddr = fmt.Sprintf("198.51.%d.%d:4711", c.rand.IntN(256), c.rand.IntN(256))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if c.rand.IntN(2) == 0 {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(&firstFrame{w, cancel}, req)
	return w
}

// firstFrame ends a stream with its first event.
type firstFrame struct {
	*httptest.ResponseRecorder
	end func()
}

func (f *firstFrame) Flush() { f.end() }

// request makes a request, checks that its answer is documented, and returns the status.
func (c *contract) request(token, method, target string, values url.Values, body string) int {
	c.t.Helper()
	w := c.serve(c.t.Context(), token, method, target, values, body)
	what := fmt.Sprintf("%s %s?%s %.200s: %d", method, target, values.Encode(), body, w.Code)
	c.counts[w.Code]++
	if w.Code >= 500 {
		c.t.Errorf("%s %s", what, w.Body)
		return w.Code
	}
	if w.Header().Get("X-Request-ID") == "" {
		c.t.Errorf("%s: no X-Request-ID", what)
	}
	status := strconv.Itoa(w.Code)
	answer, ok := c.op.Responses[status]
	if !ok {
		// A value with a slash in it may make another path of it.
		if w.Code != 404 && w.Code != 405 || !strings.Contains(c.path, "{") {
			c.t.Errorf("%s is not documented", what)
			return w.Code
		}
		answer.Ref = "#/components/responses/Failure"
	}
	pointer := "#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(c.path) + "/" + strings.ToLower(method) + "/responses/" + status
	if answer.Ref != "" {
		pointer = answer.Ref
		answer.Content = map[string]struct{ Schema json.RawMessage }{"application/json": {Schema: json.RawMessage("{}")}}
	}
	typ := w.Header().Get("Content-Type")
	if _, ok := answer.Content[typ]; !ok {
		c.t.Errorf("%s: content type %q is not documented", what, typ)
		return w.Code
	}
	text := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(w.Body)
		if err == nil {
			text, err = io.ReadAll(z)
		}
		if err != nil {
			c.t.Errorf("%s: %v", what, err)
		}
	}
	if typ != "application/json" {
		return w.Code
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		c.t.Errorf("%s: %v in %s", what, err, text)
		return w.Code
	}
	shape, err := c.compiler.Compile(documentURL + pointer + "/content/application~1json/schema")
	if err != nil {
		c.t.Fatal(err)
	}
	if err := shape.Validate(value); err != nil {
		c.t.Errorf("%s: %v in %.500s", what, err, text)
	}
	if w.Code >= 400 {
		for _, inside := range []string{".go:", "goroutine", "SELECT", "sqlite", "runtime", "reflect", "json:"} {
			if bytes.Contains(text, []byte(inside)) {
				c.t.Errorf("%s tells of the inside: %s", what, text)
			}
		}
	}
	return w.Code
}

func (c *contract) hostile() string { return hostile[c.rand.IntN(len(hostile))] }

// text returns a text that s allows as a parameter.
func (c *contract) text(s schema) string {
	switch {
	case s.Enum != nil:
		return s.Enum[c.rand.IntN(len(s.Enum))]
	case s.Type == "integer":
		return strconv.FormatInt(c.integer(s), 10)
	case s.Format == "date-time":
		return []string{"2026-04-18T02:22:56Z", "1970-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"}[c.rand.IntN(4)]
	}
	v := []rune(c.hostile())
	return string(v[:min(len(v), *s.MaxLength)])
}

func (c *contract) integer(s schema) int64 {
	switch c.rand.IntN(4) {
	case 0:
		return *s.Minimum
	case 1:
		return *s.Maximum
	default:
		return *s.Minimum + c.rand.Int64N(min(*s.Maximum-*s.Minimum, 1000)+1)
	}
}

// bad returns a text that s does not allow as a parameter, "" when there is none.
func (c *contract) bad(s schema) string {
	switch {
	case s.Enum != nil:
		return "no-" + s.Enum[0]
	case s.Type == "integer":
		list := []string{"x", "1.5", "1e3", "0x10", "１", "+-1", "99999999999999999999", strconv.FormatInt(*s.Minimum-1, 10), " 1", "1;", "NaN"}
		return list[c.rand.IntN(len(list))]
	case s.Format == "date-time":
		return []string{"yesterday", "2026-13-01", "2026-04-18T25:00:00Z", "0", "2026", "'", "2026-04-18T02:22:56"[:12]}[c.rand.IntN(7)]
	case s.MaxLength != nil:
		return strings.Repeat("x", *s.MaxLength+1+c.rand.IntN(2000))
	}
	return ""
}

// value returns a JSON value that s allows.
func (c *contract) value(s schema) any {
	switch {
	case s.Properties != nil:
		out := make(map[string]any)
		for name, p := range s.Properties {
			if slices.Contains(s.Required, name) || c.rand.IntN(2) == 0 {
				out[name] = c.value(p)
			}
		}
		return out
	case s.Enum != nil:
		return s.Enum[c.rand.IntN(len(s.Enum))]
	case s.Type == "integer":
		return c.integer(s)
	case s.Pattern != "":
		return []string{"1m", "30m", "9d", "12M", "3y", "100Y"}[c.rand.IntN(6)]
	}
	if s.MaxLength == nil {
		return []string{"[web]\nservices = ssh\n", "[general]\n", "", "nonsense", "[a]\narchetype = web-server\namount = 2\n", "[b\n"}[c.rand.IntN(6)]
	}
	n := *s.MinLength + c.rand.IntN(*s.MaxLength-*s.MinLength+1)
	if c.rand.IntN(4) == 0 {
		n = *s.MaxLength
	}
	letters := []rune("aZ09 ~\"\\äλж日😀")
	if strings.Contains(s.Description, "bytes") {
		letters = letters[:8]
	}
	var b strings.Builder
	for range n {
		b.WriteRune(letters[c.rand.IntN(len(letters))])
	}
	return b.String()
}

// badBody returns a body that s does not allow.
func (c *contract) badBody(s schema) string {
	good := c.value(s).(map[string]any)
	name := s.Required[c.rand.IntN(len(s.Required))]
	p := s.Properties[name]
	switch c.rand.IntN(10) {
	case 0:
		return []string{"", "null", "[]", "1", `"x"`, "{", "{}", `{"a":`, "nonsense", "\x00", "[" + strings.Repeat("[", 20000), "{}{}", "<xml/>"}[c.rand.IntN(13)]
	case 1:
		text := encode(c.t, good)
		return text[:len(text)-1-c.rand.IntN(len(text)-1)]
	case 2:
		delete(good, name)
	case 3:
		good[c.hostile()+"!"] = c.hostile()
	case 4:
		good[name] = nil
		if _, nullable := p.Type.([]any); nullable {
			good[name] = 5
		}
	case 5:
		good[name] = []any{good[name]}
	case 6:
		good[name] = map[string]any{"$ne": 1}
	case 7:
		good[name] = true
	case 8:
		size := 1 << 17
		if c.path == "/deckies/deploy" {
			size = 5 << 20
		}
		good["padding"] = strings.Repeat("x", size)
	default:
		switch {
		case p.Enum != nil:
			good[name] = "no-" + p.Enum[0]
		case p.Type == "integer":
			good[name] = *p.Maximum + 1
		case p.Pattern != "":
			good[name] = []string{"", "0m", "1h", "m1", "1m ", "1mm", "99999999999Y"}[c.rand.IntN(7)]
		case p.MaxLength == nil:
			good[name] = 1.5
		case *p.MinLength > 0 && c.rand.IntN(2) == 0:
			good[name] = strings.Repeat("x", *p.MinLength-1)
		default:
			good[name] = strings.Repeat("x", *p.MaxLength+1)
		}
	}
	return encode(c.t, good)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// populate stores one of everything that the interface shows, and returns the attacker's ID.
func (f *fixture) populate(t testing.TB, storedAs string) string {
	t.Helper()
	for i := range 20 {
		f.ingest(t, "decky-01", "ssh", "command", decnet.F("command", "id "+strconv.Itoa(i)), decnet.F("n", strings.Repeat("x", 100)))
	}
	f.ingest(t, "decky-02", "ssh", "file_captured", decnet.F("stored_as", storedAs))
	now := time.Now().UTC()
	if _, err := f.db.Ingest(t.Context(), store.Batch{Bounties: []decnet.Bounty{{
		Time: now, LastSeen: now, Count: 1, Decky: "decky-01", Service: "ssh", Attacker: attackerAddr, Type: "credential",
		Payload: json.RawMessage(`{"username":"root","password":"toor"}`),
	}}}); err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(decnet.Fleet{Deckies: []decnet.Decky{
		{Name: "decky-01", Addr: netip.MustParseAddr("127.0.10.1"), Services: []string{"ssh"}, LastMutated: now, MutateInterval: time.Hour},
		{Name: "decky-02", Addr: netip.MustParseAddr("127.0.10.2"), Archetype: "web-server"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.db.SetState(t.Context(), store.FleetKey, doc); err != nil {
		t.Fatal(err)
	}
	if _, err := profile.New(f.db, profile.Options{}).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := f.db.Attackers(t.Context(), store.AttackerFilter{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0].UUID
}
