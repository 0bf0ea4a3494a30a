package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
)

// viewer reads one stream.
type viewer struct {
	t      testing.TB
	resp   *http.Response
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

func (f *fixture) watch(t testing.TB, path, token, lastID string) *viewer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", f.URL+"/api/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 64<<20) // an event can tell of many records
	return &viewer{t, resp, lines, cancel}
}

// message is one event of a stream.
type message struct {
	id   string
	Type string
	Data json.RawMessage
}

// next returns the next event of a type.
func (v *viewer) next(typ string) message {
	v.t.Helper()
	var m message
	for v.lines.Scan() {
		line := v.lines.Text()
		switch {
		case strings.HasPrefix(line, "id: "):
			m.id = line[4:]
		case strings.HasPrefix(line, "data: "):
			if err := json.Unmarshal([]byte(line[6:]), &m); err != nil {
				v.t.Fatal(err)
			}
		case line == "":
			if m.Type == typ {
				return m
			}
			m = message{}
		}
	}
	v.t.Fatalf("the stream ended without %s: %v", typ, v.lines.Err())
	return m
}

// ready waits until the stream follows the hub.
func (v *viewer) ready() { v.next("histogram") }

// types returns the event types of the rows of logs messages until there are n.
func (v *viewer) types(n int) []string {
	v.t.Helper()
	var got []string
	for len(got) < n {
		var rows []struct {
			EventType string `json:"event_type"`
		}
		if err := json.Unmarshal(v.next("logs").Data, &rows); err != nil {
			v.t.Fatal(err)
		}
		for _, r := range rows {
			got = append(got, r.EventType)
		}
	}
	return got
}

func (f *fixture) runHub(t testing.TB) {
	t.Helper()
	run(t, f.hub.Run)
}

// run runs a part of the system until the test ends.
func run(t testing.TB, part func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestStreamFollows(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.ingest(t, "decky-01", "ssh", "before")
	f.runHub(t)
	v := f.watch(t, "/stream", f.view, "")
	if ct := v.resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Fatalf("%d %s", v.resp.StatusCode, ct)
	}
	v.next("stats")
	v.ready()
	f.ingest(t, "decky-01", "ssh", "one")
	f.ingest(t, "decky-01", "ssh", "two")
	if got := v.types(2); got[0] != "one" || got[1] != "two" {
		t.Errorf("got %v", got)
	}
	v.next("stats")
}

func TestStreamCatchesUpFromLastEventID(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	for _, typ := range []string{"one", "two", "three"} {
		f.ingest(t, "decky-01", "ssh", typ)
	}
	for name, v := range map[string]*viewer{
		"header": f.watch(t, "/stream", f.view, "1"),
		"query":  f.watch(t, "/stream?lastEventId=1", f.view, ""),
		"both":   f.watch(t, "/stream?lastEventId=2", f.view, "1"), // the header is what browsers send when they come back
	} {
		if got := v.types(2); got[0] != "two" || got[1] != "three" {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestStreamWithFilter(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	v := f.watch(t, "/stream?search=decky:decky-02", f.view, "")
	v.ready()
	f.ingest(t, "decky-01", "ssh", "elsewhere")
	f.ingest(t, "decky-02", "ssh", "here")
	if got := v.types(1); got[0] != "here" {
		t.Errorf("got %v", got)
	}
}

func TestTicketsAreForOneUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	var answer struct{ Ticket string }
	_, _, body := f.do(t, f.view, "POST", "/stream/ticket", "")
	if err := json.Unmarshal(body, &answer); err != nil || answer.Ticket == "" {
		t.Fatalf("%s", body)
	}
	if strings.Contains(f.view, answer.Ticket) {
		t.Error("the ticket is the token")
	}
	f.watch(t, "/stream?token="+answer.Ticket, "", "").ready()
	if v := f.watch(t, "/stream?token="+answer.Ticket, "", ""); v.resp.StatusCode != 401 {
		t.Errorf("second use: %d", v.resp.StatusCode)
	}
	if v := f.watch(t, "/stream?token="+f.view, "", ""); v.resp.StatusCode != 401 {
		t.Errorf("a token in the URL: %d", v.resp.StatusCode)
	}
}

// TestHeaderWinsOverTicket: a ticket is for those who cannot set the header.
func TestHeaderWinsOverTicket(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	ticket := expect[struct{ Ticket string }](t, f, f.view, "POST", "/stream/ticket", "", 200).Ticket
	for _, query := range []string{"?token=nonsense", "?token=null", "?token=undefined", "?token=", "?token=" + ticket} {
		f.watch(t, "/stream"+query, f.admin, "").ready()
	}
	if v := f.watch(t, "/stream?token="+ticket, "nonsense", ""); v.resp.StatusCode != 401 {
		t.Errorf("a wrong header beside a ticket: %d", v.resp.StatusCode)
	}
	f.watch(t, "/stream?token="+ticket, "", "").ready() // which is as good as new
	for _, query := range []string{"", "?token=null", "?token=" + ticket, "?token=%zz", "?token=a&token=b"} {
		if v := f.watch(t, "/stream"+query, "", ""); v.resp.StatusCode != 401 {
			t.Errorf("%s: %d", query, v.resp.StatusCode)
		}
	}
}

func TestTicketsExpire(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	f := newFixture(t, func(c *api.Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	var answer struct{ Ticket string }
	_, _, body := f.do(t, f.view, "POST", "/stream/ticket", "")
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(61 * time.Second)
	mu.Unlock()
	if v := f.watch(t, "/stream?token="+answer.Ticket, "", ""); v.resp.StatusCode != 401 {
		t.Errorf("after a minute: %d", v.resp.StatusCode)
	}
}

func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	v := f.watch(t, "/stream", f.view, "")
	v.ready()
	if status, _, _ := f.do(t, f.view, "POST", "/auth/logout", ""); status != 200 {
		t.Fatal(status)
	}
	f.ingest(t, "decky-01", "ssh", "secret")
	for v.lines.Scan() {
		if strings.Contains(v.lines.Text(), "secret") {
			t.Error("the stream goes on after the log-out")
		}
	}
}

func TestW34_StreamsPerUserAreLimited(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	for n := 0; ; n++ {
		v := f.watch(t, "/stream", f.view, "")
		if v.resp.StatusCode == http.StatusTooManyRequests {
			v.cancel()
			break
		}
		if n > 200 {
			t.Fatal("200 streams of one user")
		}
		v.ready()
	}
}

func TestW35_ManyViewersCostOneRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	viewers := make([]*viewer, 60)
	for i := range viewers {
		viewers[i] = f.watch(t, "/stream", f.view, "")
		viewers[i].ready()
	}
	before := f.db.reads.Load()
	const events = 20
	for range events {
		f.ingest(t, "decky-01", "ssh", "command", decnet.F("command", "id"))
	}
	for _, v := range viewers {
		v.types(events)
	}
	// Each wake-up reads until nothing is left: at most two reads for an event.
	if reads := f.db.reads.Load() - before; reads > 2*events+2 {
		t.Errorf("%d reads for %d events and %d viewers", reads, events, len(viewers))
	}
}

// TestFilteredViewersCostNoReads lets viewers with filters watch: what is for them is found
// among the records that were read for all, and the statistics reach them too.
func TestFilteredViewersCostNoReads(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	filters := []string{"decky:decky-02", "username:root", "event:auth_attempt%20root", "203.0.113.9%20decky-02"}
	var viewers []*viewer
	for i := range 12 {
		v := f.watch(t, "/stream?search="+filters[i%len(filters)], f.view, "")
		v.ready()
		viewers = append(viewers, v)
	}
	before := f.db.reads.Load()
	const events = 20
	for i := range events {
		f.ingest(t, fmt.Sprintf("decky-%02d", i%3), "ssh", "auth_attempt", decnet.F("username", []string{"admin", "root"}[i%3%2]), decnet.F("n", fmt.Sprint(i)))
	}
	f.ingest(t, "decky-02", "ssh", "auth_attempt", decnet.F("username", "root"), decnet.F("n", "last"))
	for i, v := range viewers {
		want := store.Filter{Search: strings.ReplaceAll(filters[i%len(filters)], "%20", " "), AfterID: -1, Limit: 100}
		stored, err := f.db.Repository.Records(t.Context(), want)
		if err != nil || len(stored) < 2 || len(stored) > events {
			t.Fatal(stored, err)
		}
		var got []int64
		for len(got) < len(stored) {
			var rows []struct{ ID int64 }
			if err := json.Unmarshal(v.next("logs").Data, &rows); err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				got = append(got, r.ID)
			}
		}
		for n, id := range got {
			if id != stored[n].ID {
				t.Errorf("%s: record %d is %d, want %d", want.Search, n, id, stored[n].ID)
			}
		}
	}
	if reads := f.db.reads.Load() - before; reads > 2*events+4 {
		t.Errorf("%d reads for %d events and %d viewers", reads, events, len(viewers))
	}
}

func TestSlowViewerIsEndedAndLosesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	slow := f.watch(t, "/stream", f.view, "")
	slow.ready()
	const events = 300
	big := strings.Repeat("x", 16<<10)
	for i := range events {
		e := decnet.Event{Time: time.Now(), Decky: "d", Service: "s", Type: "e", Attacker: attackerAddr, Fields: []decnet.Field{{Key: "n", Value: big}}}
		if _, err := f.db.Ingest(t.Context(), store.Batch{Records: []store.Record{{Event: e}}}); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			f.hub.Wake()
		}
	}
	// Whatever the slow viewer still gets is a prefix; the rest it gets by its last ID.
	seen, last := 0, ""
	for slow.lines.Scan() {
		line := slow.lines.Text()
		if strings.HasPrefix(line, "id: ") {
			last = line[4:]
		}
		seen += strings.Count(line, `"event_type":"e"`)
		if seen == events {
			return
		}
		if seen > 0 && line == "" {
			break
		}
	}
	slow.cancel()
	seen += len(f.watch(t, "/stream", f.view, last).types(events - seen))
	if seen != events {
		t.Errorf("saw %d of %d events", seen, events)
	}
}

func TestSlowViewerIsTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	slow := f.watch(t, "/stream", f.view, "")
	slow.ready()
	// What the viewer does not read fills the sockets, then the queue of the hub.
	big := strings.Repeat("x", 128<<10)
	for deadline := time.Now().Add(2 * time.Minute); f.hub.Streams() > 0; {
		f.ingest(t, "decky-01", "ssh", "e", decnet.F("n", big))
		if time.Now().After(deadline) {
			t.Fatal("a viewer who reads nothing is kept")
		}
	}
	var told struct{ Type, Message string }
	var last string
	for slow.lines.Scan() {
		line := slow.lines.Text()
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			last = id
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &told); err != nil {
				t.Fatal(err)
			}
		}
	}
	if told.Type != "error" || !strings.Contains(told.Message, "Last-Event-ID") {
		t.Errorf("the last message is %+v", told)
	}
	if last == "" {
		t.Error("no event had an ID")
	}
}

func TestStreamEndsWithTheHub(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.hub.Run(ctx) }()
	v := f.watch(t, "/stream", f.view, "")
	v.ready()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if text := v.rest(); !strings.HasSuffix(text, toldOfTheEnd) {
		t.Errorf("the stream ended with %q", text)
	}
}

// TestStreamEndsWithTheAccount covers changes that were made elsewhere, which no request
// to this interface tells of.
func TestStreamEndsWithTheAccount(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	f := newFixture(t, func(c *api.Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	f.runHub(t)
	v := f.watch(t, "/stream", f.view, "")
	v.ready()
	guest, err := f.db.UserByName(t.Context(), "guest")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.db.DeleteUser(t.Context(), guest.UUID); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(11 * time.Second)
	mu.Unlock()
	f.ingest(t, "decky-01", "ssh", "secret")
	for v.lines.Scan() {
		if strings.Contains(v.lines.Text(), "secret") {
			t.Error("the stream goes on without its account")
		}
	}
}

// rest reads a stream to its end and returns what came.
func (v *viewer) rest() string {
	v.t.Helper()
	var text strings.Builder
	for v.lines.Scan() {
		text.WriteString(v.lines.Text() + "\n")
	}
	if err := v.lines.Err(); err != nil {
		v.t.Error(err)
	}
	return text.String()
}

const (
	toldToLogIn  = "event: error\ndata: {\"type\":\"error\",\"message\":\"Log in again\"}\n\n"
	toldOfTheEnd = "event: error\ndata: {\"type\":\"error\",\"message\":\"Stream interrupted\"}\n\n"
)

// TestStreamEndsWithAnyChangeOfItsUser covers changes that are made through the interface.
func TestStreamEndsWithAnyChangeOfItsUser(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, path, body string // as an administrator, unless it is below /auth
		goesOn             bool
	}{
		"deleted":          {"DELETE", "/config/users/UUID", "", false},
		"password reset":   {"PUT", "/config/users/UUID/reset-password", `{"new_password":"another one"}`, false},
		"password changed": {"POST", "/auth/change-password", `{"old_password":"ann-password","new_password":"another one"}`, false},
		"logged out":       {"POST", "/auth/logout", "", false},
		"made a viewer":    {"PUT", "/config/users/UUID/role", `{"role":"viewer"}`, true}, // who may watch
		"somebody else":    {"POST", "/config/users", `{"username":"bob","password":"another one"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, nil)
			f.runHub(t)
			ann, err := f.db.CreateUser(t.Context(), store.User{Username: "ann", PasswordHash: quickHash(t, "ann-password"), Role: store.RoleAdmin})
			if err != nil {
				t.Fatal(err)
			}
			token := f.login(t, "ann", "ann-password")
			ticket := expect[struct{ Ticket string }](t, f, token, "POST", "/stream/ticket", "", 200).Ticket
			streams := []*viewer{f.watch(t, "/stream", token, ""), f.watch(t, "/stream?token="+ticket, "", "")}
			for _, v := range streams {
				v.ready()
			}
			by := f.admin
			if strings.HasPrefix(c.path, "/auth") {
				by = token
			}
			if status, _, body := f.do(t, by, c.method, strings.Replace(c.path, "UUID", ann.UUID, 1), c.body); status != 200 {
				t.Fatalf("%d %s", status, body)
			}
			f.ingest(t, "decky-01", "ssh", "secret")
			for _, v := range streams {
				if c.goesOn {
					if got := v.types(1); got[0] != "secret" {
						t.Errorf("%v", got)
					}
					continue
				}
				if text := v.rest(); strings.Contains(text, "secret") || !strings.HasSuffix(text, toldToLogIn) {
					t.Errorf("the stream ended with %q", text)
				}
			}
		})
	}
}

func TestStreamEndsWhenItsTokenDoes(t *testing.T) {
	t.Parallel()
	var late atomic.Int64
	f := newFixture(t, func(c *api.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	})
	f.runHub(t)
	v := f.watch(t, "/stream", f.view, "")
	v.ready()
	late.Store(int64(24*time.Hour + time.Second))
	f.ingest(t, "decky-01", "ssh", "secret")
	if text := v.rest(); strings.Contains(text, "secret") || !strings.HasSuffix(text, toldToLogIn) {
		t.Errorf("the stream ended with %q", text)
	}
}

// doubtful is a store that cannot say who somebody is for as long as it is told so.
type doubtful struct {
	store.Repository
	away atomic.Bool
}

func (d *doubtful) User(ctx context.Context, uuid string) (store.User, error) {
	if d.away.Load() {
		return store.User{}, errors.New("store: the disk is away")
	}
	return d.Repository.User(ctx, uuid)
}

// TestStreamOfAFailingStoreDoesNotAskToLogIn: nothing is wrong with the log-in.
func TestStreamOfAFailingStoreDoesNotAskToLogIn(t *testing.T) {
	t.Parallel()
	db := new(doubtful)
	var late atomic.Int64
	f := newFixture(t, func(c *api.Config) {
		db.Repository = c.Store.(store.Repository)
		c.Store = db
		c.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	})
	f.runHub(t)
	ticket := expect[struct{ Ticket string }](t, f, f.view, "POST", "/stream/ticket", "", 200).Ticket
	v := f.watch(t, "/stream", f.view, "")
	v.ready()
	db.away.Store(true)
	late.Store(int64(11 * time.Second))
	f.ingest(t, "decky-01", "ssh", "secret")
	if text := v.rest(); strings.Contains(text, "secret") || !strings.HasSuffix(text, toldOfTheEnd) {
		t.Errorf("the stream ended with %q", text)
	}
	if v := f.watch(t, "/stream?token="+ticket, "", ""); v.resp.StatusCode != 500 {
		t.Errorf("a ticket: %d", v.resp.StatusCode)
	}
}

// gated is a store that waits before it reads the second batch of a stream that catches up.
type gated struct {
	store.Repository
	reads         atomic.Int64
	reached, open chan struct{}
}

func (g *gated) Records(ctx context.Context, f store.Filter) ([]store.Record, error) {
	if g.reads.Add(1) == 2 {
		close(g.reached)
		<-g.open
	}
	return g.Repository.Records(ctx, f)
}

// TestCatchingUpEnds lets a stream that has far to go lose its log-in, or its hub, on the way.
func TestCatchingUpEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, f *fixture, stop func())
		told      string
	}{
		"log-out": {func(t *testing.T, f *fixture, _ func()) { expect[reply](t, f, f.view, "POST", "/auth/logout", "", 200) }, toldToLogIn},
		"hub":     {func(_ *testing.T, _ *fixture, stop func()) { stop() }, toldOfTheEnd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := &gated{reached: make(chan struct{}), open: make(chan struct{})}
			var hub *api.Hub
			f := newFixture(t, func(cfg *api.Config) {
				db.Repository = cfg.Store.(store.Repository)
				hub = api.NewHub(db, nil, nil)
				cfg.Hub = hub
			})
			for range 10 {
				var b store.Batch
				for range 100 {
					b.Records = append(b.Records, store.Record{Event: decnet.Event{Time: time.Now(), Decky: "d", Service: "s", Type: "old"}})
				}
				if _, err := f.db.Ingest(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- hub.Run(ctx) }()
			var once sync.Once
			stop := func() {
				once.Do(func() {
					cancel()
					if err := <-done; err != nil {
						t.Error(err)
					}
				})
			}
			t.Cleanup(stop)
			v := f.watch(t, "/stream?lastEventId=1", f.view, "")
			<-db.reached
			c.meanwhile(t, f, stop)
			close(db.open)
			text := v.rest()
			if n := strings.Count(text, `"event_type":"old"`); n > 200 || !strings.HasSuffix(text, c.told) {
				t.Errorf("%d of 999 records, and then %q", n, text[max(0, len(text)-100):])
			}
		})
	}
}

// emptied is a store that gets its first record just when the newest one was looked up.
type emptied struct {
	store.Repository
	fill func()
}

func (e *emptied) MaxRecordID(ctx context.Context) (int64, error) {
	id, err := e.Repository.MaxRecordID(ctx)
	e.fill()
	return id, err
}

// TestStreamOfAnEmptiedStoreMissesNothing: whoever comes back with an ID from before is sent
// what came while the stream was opened.
func TestStreamOfAnEmptiedStoreMissesNothing(t *testing.T) {
	t.Parallel()
	db := new(emptied)
	f := newFixture(t, func(c *api.Config) {
		db.Repository = c.Store.(store.Repository)
		c.Store = db
	})
	f.runHub(t)
	other := f.watch(t, "/stream", f.view, "")
	other.ready()
	told := make(chan struct{}) // the hub has told of the record
	go func() {
		defer close(told)
		for other.lines.Scan() && !strings.Contains(other.lines.Text(), "first") {
		}
	}()
	var once sync.Once
	db.fill = func() { once.Do(func() { f.ingest(t, "decky-01", "ssh", "first"); <-told }) }
	v := f.watch(t, "/stream?lastEventId=7", f.view, "")
	v.ready()
	if m := v.next("logs"); !strings.Contains(string(m.Data), "first") {
		t.Errorf("%s", m.Data)
	}
}

// TestStreamOverHTTP2 is for servers with TLS, where many streams share a connection.
func TestStreamOverHTTP2(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.hub.Run(ctx) }()
	secure := httptest.NewUnstartedServer(f.Config.Handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	var streams []*viewer
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", secure.URL+"/api/v1/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+f.view)
		resp, err := secure.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
			t.Fatalf("%s %s", resp.Proto, resp.Status)
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		v := &viewer{t: t, resp: resp, lines: lines}
		v.ready()
		streams = append(streams, v)
	}
	f.ingest(t, "decky-01", "ssh", "one")
	for _, v := range streams {
		if got := v.types(1); got[0] != "one" {
			t.Errorf("%v", got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, v := range streams {
		if text := v.rest(); !strings.HasSuffix(text, toldOfTheEnd) {
			t.Errorf("the stream ended with %q", text)
		}
	}
}

// TestStreamBehindAHandlerThatHidesFlushing: whoever runs the server is told why streams end.
func TestStreamBehindAHandlerThatHidesFlushing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := newFixture(t, func(c *api.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	f.runHub(t)
	inner := f.Config.Handler
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
	if text := f.watch(t, "/stream", f.view, "").rest(); !strings.HasPrefix(text, ": keepalive\n") {
		t.Errorf("%q", text)
	}
	f.Close() // the handler has ended
	if !strings.Contains(log.String(), "hides that the http.ResponseWriter can flush") {
		t.Errorf("the log does not say why: %s", log.String())
	}
}

func TestStreamOfAHubThatHasEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.hub.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if text := f.watch(t, "/stream", f.view, "").rest(); !strings.HasSuffix(text, toldOfTheEnd) {
		t.Errorf("%q", text)
	}
	if n := f.hub.Streams(); n != 0 {
		t.Errorf("%d streams", n)
	}
}

// TestMaxOutput ends streams after a number of events, in developer mode.
func TestMaxOutput(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *api.Config) { c.Developer = true })
	f.runHub(t)
	f.ingest(t, "decky-01", "ssh", "one")
	f.ingest(t, "decky-01", "ssh", "two")
	for query, want := range map[string]string{
		"maxOutput=1": "stats", "maxOutput=2": "stats histogram", "maxOutput=3&lastEventId=1": "stats histogram logs",
	} {
		text := f.watch(t, "/stream?"+query, f.view, "").rest()
		var got []string
		for line := range strings.Lines(text) {
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				var m message
				if err := json.Unmarshal([]byte(data), &m); err != nil {
					t.Fatal(err)
				}
				got = append(got, m.Type)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", query, got)
		}
	}
	live := f.watch(t, "/stream?maxOutput=3", f.view, "")
	live.ready()
	f.ingest(t, "decky-01", "ssh", "three")
	if text := live.rest(); strings.Count(text, "event: ") != 1 {
		t.Errorf("the third event, and what follows, is %q", text)
	}
	for _, query := range []string{"maxOutput=x", "maxOutput=-1", "maxOutput=2147483648"} {
		if v := f.watch(t, "/stream?"+query, f.view, ""); v.resp.StatusCode != 422 {
			t.Errorf("%s: %d", query, v.resp.StatusCode)
		}
	}
	zero := f.watch(t, "/stream?maxOutput=0", f.view, "")
	zero.ready()
	if _, _, body := f.do(t, "", "GET", "/openapi.json", ""); !strings.Contains(string(body), "maxOutput") {
		t.Error("the document does not tell of maxOutput")
	}

	// Outside of developer mode it is a parameter like any that nobody knows.
	usual := newFixture(t, nil)
	usual.runHub(t)
	for _, query := range []string{"maxOutput=1", "maxOutput=x", "unknown=1"} {
		v := usual.watch(t, "/stream?"+query, usual.view, "")
		v.ready()
		usual.ingest(t, "decky-01", "ssh", "one")
		v.types(1)
	}
}

func TestStreamLeavesItsPlaceToOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	var open []*viewer
	for range 64 {
		v := f.watch(t, "/stream", f.view, "")
		v.ready()
		open = append(open, v)
	}
	if v := f.watch(t, "/stream", f.view, ""); v.resp.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("a stream too many: %d", v.resp.StatusCode)
	}
	f.watch(t, "/stream", f.admin, "").ready() // others have places of their own
	open[0].cancel()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		if v := f.watch(t, "/stream", f.view, ""); v.resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a stream that ended is not free")
		}
	}
}

func TestTicketsAreLimited(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for n := 0; ; n++ {
		status, header, _ := f.do(t, f.view, "POST", "/stream/ticket", "")
		if status == http.StatusTooManyRequests {
			if n < 10 || header.Get("Retry-After") == "" {
				t.Errorf("after %d tickets: %v", n, header)
			}
			break
		}
		if status != 200 || n > 1000 {
			t.Fatalf("ticket %d: %d", n, status)
		}
	}
	if status, _, _ := f.do(t, f.admin, "POST", "/stream/ticket", ""); status != 200 {
		t.Errorf("a ticket of somebody else: %d", status)
	}
}

func TestTicketOfALogOutOpensNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ticket := expect[struct{ Ticket string }](t, f, f.view, "POST", "/stream/ticket", "", 200).Ticket
	expect[reply](t, f, f.view, "POST", "/auth/logout", "", 200)
	if v := f.watch(t, "/stream?token="+ticket, "", ""); v.resp.StatusCode != 401 {
		t.Errorf("%d", v.resp.StatusCode)
	}
}

// TestThousandViewers lets a thousand clients watch at once: all of them get every event,
// in order, and the store is read as if there were one.
func TestThousandViewers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	const viewers, events = 1000, 10
	var tokens []string
	for i := range 16 {
		name := fmt.Sprintf("viewer%d", i)
		if _, err := f.db.CreateUser(t.Context(), store.User{Username: name, PasswordHash: quickHash(t, name+"-password"), Role: store.RoleViewer}); err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, f.login(t, name, name+"-password"))
	}
	list := make([]*viewer, viewers)
	for i := range list {
		list[i] = f.watch(t, "/stream", tokens[i%len(tokens)], "")
		list[i].ready()
	}
	before := f.db.reads.Load()
	begin := time.Now()
	for i := range events {
		f.ingest(t, "decky-01", "ssh", fmt.Sprintf("e%d", i))
	}
	for _, v := range list {
		for i, typ := range v.types(events) {
			if typ != fmt.Sprintf("e%d", i) {
				t.Fatalf("event %d is %s", i, typ)
			}
		}
	}
	t.Logf("%d events to %d viewers in %s", events, viewers, time.Since(begin).Round(time.Millisecond))
	if reads := f.db.reads.Load() - before; reads > 2*events+2 {
		t.Errorf("%d reads for %d events", reads, events)
	}
}
