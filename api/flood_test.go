package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/store"
)

// largest is a value that takes as much room in an answer as a value can.
var largest = strings.Repeat("\x01", 16<<10)

func TestAttackLargeRecordsMakeShortPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	const records = 100
	for range records {
		f.ingest(t, "decky-01", "http", "request", decnet.F("body", largest))
	}
	rows := func(query string) (logPage, int) {
		t.Helper()
		status, _, body := f.do(t, f.view, "GET", "/logs?limit=1000"+query, "")
		var page logPage
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK || len(body) > 32<<20 {
			t.Fatalf("%s: %d, %d bytes, %v", query, status, len(body), err)
		}
		return page, len(page.Data)
	}
	first, n := rows("")
	if n == 0 || n >= records || first.Total != records {
		t.Fatalf("%d rows on the first page, %d in all", n, first.Total)
	}
	for name, next := range map[string]func(last logPage, passed int) string{
		"offsets": func(_ logPage, passed int) string { return fmt.Sprintf("&offset=%d", passed) },
		"marks": func(last logPage, _ int) string {
			row := last.Data[len(last.Data)-1]
			return fmt.Sprintf("&before_time=%s&before_id=%d", row.Timestamp, row.ID)
		},
		"offsets of a search": func(_ logPage, passed int) string { return fmt.Sprintf("&search=event:request&offset=%d", passed) },
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(map[int64]bool)
			for page := first; len(page.Data) > 0 && len(seen) <= records; page, _ = rows(next(page, len(seen))) {
				for _, row := range page.Data {
					seen[row.ID] = true
				}
				if page.Total != records {
					t.Errorf("%d in all after %d", page.Total, len(seen))
				}
			}
			if len(seen) != records {
				t.Errorf("%d records on all pages", len(seen))
			}
		})
	}
}

func TestAttackLargeBountiesMakeShortPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	var b store.Batch
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i := range 60 {
		b.Bounties = append(b.Bounties, decnet.Bounty{
			Time: now, LastSeen: now, Count: 1, Decky: "decky-01", Service: "ftp", Attacker: attackerAddr, Type: "credential",
			Payload: fmt.Appendf(nil, `{"password":"%s%d"}`, strings.Repeat(`\u0001`, 16<<10), i),
		})
	}
	if _, err := f.db.Ingest(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for {
		page := get[struct {
			Total int
			Data  []struct{ ID int64 }
		}](t, f, f.view, fmt.Sprintf("/bounty?limit=1000&offset=%d", seen))
		if page.Total != 60 || len(page.Data) > 45 {
			t.Fatalf("%d of %d rows on a page", len(page.Data), page.Total)
		}
		if seen += len(page.Data); len(page.Data) == 0 {
			break
		}
	}
	if seen != 60 {
		t.Errorf("%d rows on all pages", seen)
	}
}

// TestAttackLargeRecordsReachStreams: a stream that catches up is sent all of it, in parts.
func TestAttackLargeRecordsReachStreams(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.runHub(t)
	f.ingest(t, "decky-01", "http", "before")
	for i := range 40 {
		f.ingest(t, "decky-01", "http", fmt.Sprintf("large%d", i), decnet.F("body", largest))
	}
	v := f.watch(t, "/stream?lastEventId=1", f.view, "")
	v.ready()
	f.ingest(t, "decky-01", "http", "after")
	got := v.types(41)
	if got[0] != "large0" || got[39] != "large39" || got[40] != "after" {
		t.Errorf("%v", got)
	}
}

// slowTotals is a store that makes up its totals when it is told to.
type slowTotals struct {
	*countingStore
	asked chan struct{}
	tell  chan struct{}
}

func (s slowTotals) Totals(ctx context.Context) (store.Totals, error) {
	s.asked <- struct{}{}
	<-s.tell
	return s.countingStore.Totals(ctx)
}

func TestAttackOneUserAsksForEverythingAtOnce(t *testing.T) {
	t.Parallel()
	slow := slowTotals{asked: make(chan struct{}, 100), tell: make(chan struct{})}
	f := newFixture(t, func(c *api.Config) {
		slow.countingStore = c.Store.(*countingStore)
		c.Store = slow
	})
	ask := func(token string) int {
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/stats", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		var w discarded
		f.Config.Handler.ServeHTTP(&w, req)
		return w.status
	}
	var asking sync.WaitGroup
	for range 40 {
		asking.Go(func() {
			if status := ask(f.view); status != http.StatusOK {
				t.Errorf("%d", status)
			}
		})
	}
	for range 8 {
		<-slow.asked
	}
	// The others of this user wait, and nobody else does.
	asking.Go(func() { ask(f.admin) })
	<-slow.asked
	if n := len(slow.asked); n != 0 {
		t.Errorf("%d more are answered at a time", n)
	}
	close(slow.tell)
	asking.Wait()
	if n := len(slow.asked); n != 32 {
		t.Errorf("%d were answered later", n)
	}
}

func TestAttackOneUserWaitsTooLong(t *testing.T) {
	t.Parallel()
	slow := slowTotals{asked: make(chan struct{}, 100), tell: make(chan struct{})}
	f := newFixture(t, func(c *api.Config) {
		slow.countingStore = c.Store.(*countingStore)
		c.Store = slow
		c.Timeout = time.Second
	})
	statuses := make(chan int, 9)
	for range 9 {
		go func() {
			req := httptest.NewRequest("GET", "/api/v1/stats", nil)
			req.Header.Set("Authorization", "Bearer "+f.view)
			var w discarded
			f.Config.Handler.ServeHTTP(&w, req)
			statuses <- w.status
		}()
	}
	if status := <-statuses; status != http.StatusGatewayTimeout {
		t.Errorf("%d", status)
	}
	close(slow.tell)
	for range 8 {
		<-statuses
	}
}

// TestAttackSmuggledRequests: what follows a body of chunks may be the rest of a body for whoever
// has read the request before, such as a proxy that goes by its Content-Length.
func TestAttackSmuggledRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	hidden := "GET /api/v1/stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.admin + "\r\n\r\n"
	body := `{"username":"nobody","password":"nothing"}`
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for name, head := range map[string]string{
		"both lengths": fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", len(chunks+hidden)),
		"chunks":       "Transfer-Encoding: chunked\r\n",
	} {
		c := f.dial(t)
		if _, err := io.WriteString(c, "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n"+head+"\r\n"+chunks+hidden); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusUnauthorized || !resp.Close {
			t.Errorf("%s: %d, close: %v, %v", name, resp.StatusCode, resp.Close, err)
		}
		if rest, _ := io.ReadAll(r); len(rest) > 0 { // the connection may be reset
			t.Errorf("%s: what was hidden is answered: %s", name, rest)
		}
	}
}

func TestAttackBodiesThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, path := range []string{"/auth/login", "/config/users"} {
		body := bytes.ReplaceAll([]byte(`{"username":"boss","password":"boss-passwordX","role":"viewer"}`), []byte("X"), []byte("\xe9"))
		status, _, text := f.do(t, f.admin, "POST", path, string(body))
		if status != http.StatusBadRequest || !strings.Contains(string(text), "UTF-8") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

// TestAttackGuessesLockNobodyOut: strangers who guess passwords keep those out who have not been
// there before, and no others.
func TestAttackGuessesLockNobodyOut(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := newFixture(t, func(c *api.Config) { c.Now = func() time.Time { return now } })
	const home = "198.51.100.7"
	if status := f.loginFrom(t, home, "boss", "boss-password"); status != 200 {
		t.Fatal(status)
	}
	for n := range 30 {
		f.loginFrom(t, fmt.Sprintf("203.0.113.%d", n), "boss", "wrong")
	}
	if status := f.loginFrom(t, "203.0.113.99", "boss", "boss-password"); status != 429 {
		t.Errorf("from elsewhere: %d", status)
	}
	for range 20 {
		if status := f.loginFrom(t, home, "boss", "boss-password"); status != 200 {
			t.Fatalf("from where the user has been before: %d", status)
		}
	}
	guesses := 0
	for f.loginFrom(t, home, "boss", "wrong") == 401 {
		if guesses++; guesses > 10 {
			t.Fatal("guesses from there have no limit")
		}
	}
	if status := f.loginFrom(t, home, "guest", "guest-password"); status != 200 {
		t.Errorf("somebody else from there: %d", status)
	}
}
