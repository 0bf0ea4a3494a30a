package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// TestDeepPages: what follows a row is the same however it is asked for, and what is counted
// no further than need be still tells of every page.
func TestDeepPages(t *testing.T) {
	t.Parallel()
	const n = 10_050
	f := newFixture(t, nil)
	start := time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)
	var b store.Batch
	for i := range n {
		b.Records = append(b.Records, store.Record{
			Event: decnet.Event{Time: start.Add(time.Duration(i/3) * time.Second), Decky: "web", Service: "ssh", Type: "connect"}, Raw: fmt.Sprint("line ", i),
		})
	}
	if _, err := f.db.Ingest(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, search := range []string{"", "service:ssh", "line"} {
		query := "/logs?limit=50&search=" + search
		for _, offset := range []int{0, 50, 5000, 9990, n - 50, n - 10, n} {
			page := get[logPage](t, f, f.view, fmt.Sprintf("%s&offset=%d", query, offset))
			if want := max(0, min(50, n-offset)); len(page.Data) != want {
				t.Fatalf("%s behind %d: %d rows, want %d", search, offset, len(page.Data), want)
			}
			end := offset + len(page.Data)
			exact := search != "line" || len(page.Data) > 0 && end == n
			if page.Total > n || page.Total < 10_000 || exact && page.Total != n || len(page.Data) > 0 && page.Total <= end && end < n {
				t.Errorf("%q behind %d: a total of %d", search, offset, page.Total)
			}
			if len(page.Data) == 0 {
				continue
			}
			last := page.Data[len(page.Data)-1]
			by := get[logPage](t, f, f.view, fmt.Sprintf("%s&before_time=%s&before_id=%d", query, url.QueryEscape(last.Timestamp), last.ID))
			next := get[logPage](t, f, f.view, fmt.Sprintf("%s&offset=%d", query, end))
			if fmt.Sprint(by.Data) != fmt.Sprint(next.Data) {
				t.Errorf("%q behind %d: the page by its mark is another one", search, offset)
			}
		}
	}
	for path, want := range map[string]int{
		"/logs?before_time=x": http.StatusUnprocessableEntity, "/logs?before_time=2026-04-18&before_id=-1": http.StatusUnprocessableEntity,
		"/logs?before_time=2026-04-18": http.StatusOK, "/logs?before_id=7": http.StatusOK,
	} {
		if status, _, body := f.do(t, f.view, "GET", path, ""); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
