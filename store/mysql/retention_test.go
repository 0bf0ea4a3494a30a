package mysql_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet/store"
)

// TestW40_PurgeGivesSpaceBack: what is deleted makes room in the tables, once the server has
// cleaned up.
func TestW40_PurgeGivesSpaceBack(t *testing.T) {
	t.Parallel()
	db := open(t, database(t))
	defer db.Close()
	size := func() int64 {
		t.Helper()
		n, err := db.Size(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	empty := size()
	for i := range 8 {
		var b store.Batch
		for j := range 1000 {
			r := record(time.Unix(int64(i*1000+j), 0), "ssh")
			r.Raw = strings.Repeat("x", 2000)
			b.Records = append(b.Records, r)
		}
		if _, err := db.Ingest(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	full := size()
	if full < empty+8000*2000 {
		t.Fatalf("%d bytes when empty, %d with 16 MB of lines", empty, full)
	}
	if p, err := db.PurgeOldest(t.Context(), 7200); err != nil || p.Records != 7200 {
		t.Fatalf("purged %+v, %v", p, err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); size() > empty+(full-empty)/2; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes when empty, %d when full, %d after nine tenths were purged", empty, full, size())
		}
	}
}

// TestSizeIsOfNow: what the server remembers of the size of a table, on MySQL for a day, is
// not what counts.
func TestSizeIsOfNow(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	db := open(t, dsn)
	defer db.Close()
	var b store.Batch
	for i := range 3000 {
		r := record(time.Unix(int64(i*900), 0), "ssh")
		r.Decky = strings.Repeat(string(rune('a'+i%20)), 900)
		b.Records = append(b.Records, r)
	}
	var sizes [2]int64
	for i := range sizes {
		var err error
		if sizes[i], err = db.Size(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := db.Ingest(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	direct, err := raw(t, dsn).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	if server.MySQL {
		run(t, direct, "SET information_schema_stats_expiry = 0")
	}
	run(t, direct, "ANALYZE TABLE tallies")
	var now int64
	if err := direct.QueryRowContext(t.Context(), "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&now); err != nil {
		t.Fatal(err)
	}
	if sizes[0] >= sizes[1] || sizes[1] < now*9/10 {
		t.Errorf("%d bytes when empty, %d with tables of %d", sizes[0], sizes[1], now)
	}
}

// BenchmarkIngestBesidePurge writes batches of a hundred records while another hundred
// thousand are deleted, and reports how long the slowest took.
func BenchmarkIngestBesidePurge(b *testing.B) {
	own := benchServer(b)
	for range b.N {
		b.StopTimer()
		db := open(b, own.Database(b))
		tr := newTraffic()
		for range 50 {
			if _, err := db.Ingest(b.Context(), tr.batch(2000)); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		done := make(chan struct{})
		var purging sync.WaitGroup
		purging.Go(func() {
			defer close(done)
			if _, err := db.Purge(b.Context(), tr.at); err != nil {
				b.Error(err)
			}
		})
		var took []time.Duration
		for over := false; !over; {
			select {
			case <-done:
				over = true
			default:
			}
			batch := tr.batch(benchBatch)
			begin := time.Now()
			if _, err := db.Ingest(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begin))
		}
		purging.Wait()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
		b.ReportMetric(float64(len(took)*benchBatch)/b.Elapsed().Seconds(), "records/s")
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}
}
