package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

// storeAttempts stores n log-ins that were tried and returns the ID of the last one.
func storeAttempts(b *testing.B, db store.Repository, n int) int64 {
	var batch store.Batch
	for i := range n {
		e := attempt(int64(i))
		batch.Records = append(batch.Records, store.Record{Event: e, Raw: string(rfc5424.Append(nil, &e))})
	}
	last, err := db.Ingest(b.Context(), batch)
	if err != nil {
		b.Fatal(err)
	}
	return last
}

// BenchmarkSearch asks for a page of events among 20,000.
func BenchmarkSearch(b *testing.B) {
	db, err := openSQLite(b)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	for range 20 {
		storeAttempts(b, db, 1000)
	}
	h, err := api.New(api.Config{Store: db, Auth: new(badges)})
	if err != nil {
		b.Fatal(err)
	}
	for name, search := range map[string]string{
		"all": "", "service": "service:ssh", "field": "password:77", "text": "root", "several": "decky:decky-02 event:auth_attempt password:77 root", "nothing": "password:nowhere",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			req := httptest.NewRequest("GET", "/logs", nil)
			req.Header.Set("X-Badge", "ann")
			q := req.URL.Query()
			q.Set("search", search)
			req.URL.RawQuery = q.Encode()
			for b.Loop() {
				var w discarded
				if h.ServeHTTP(&w, req); w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// BenchmarkFanOut tells 1,000 viewers of 100 events at a time, without the network: from the
// commit to the last write.
func BenchmarkFanOut(b *testing.B) {
	const viewers = 1000
	for name, query := range map[string]string{"all": "", "filter": "?search=password:77"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			db, err := openSQLite(b)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { db.Close() })
			hub := api.NewHub(db, nil, nil)
			h, err := api.New(api.Config{Store: db, Auth: new(badges), Hub: hub})
			if err != nil {
				b.Fatal(err)
			}
			run(b, hub.Run)
			ctx, cancel := context.WithCancel(b.Context())
			var ended, told sync.WaitGroup
			b.Cleanup(func() { cancel(); ended.Wait() })
			var written atomic.Int64
			for i := range viewers {
				req := httptest.NewRequestWithContext(ctx, "GET", "/stream"+query, nil)
				req.Header.Set("X-Badge", fmt.Sprintf("viewer%d", i))
				ended.Go(func() { h.ServeHTTP(&sink{told: &told, written: &written}, req) })
			}
			for hub.Streams() < viewers {
				if b.Context().Err() != nil {
					b.Fatal("the viewers do not come")
				}
			}
			for b.Loop() {
				told.Add(viewers)
				storeAttempts(b, db, 100)
				hub.Wake()
				told.Wait()
			}
			b.ReportMetric(float64(written.Load())/float64(b.N)/viewers, "B/viewer")
		})
	}
}

// sink takes the answer of one viewer.
type sink struct {
	discarded
	told    *sync.WaitGroup
	written *atomic.Int64
}

func (s *sink) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("event: message\nid: ")) {
		s.written.Add(int64(len(p)))
		s.told.Done()
	}
	return io.Discard.Write(p)
}

func (s *sink) Flush() {}

func (s *sink) SetWriteDeadline(time.Time) error { return nil }
