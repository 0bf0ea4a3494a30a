package sqlite_test

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkIngestBesidePurge writes batches of a hundred records while another hundred
// thousand are deleted, and reports how long the slowest took.
func BenchmarkIngestBesidePurge(b *testing.B) {
	for range b.N {
		b.StopTimer()
		db := openFile(b, filepath.Join(b.TempDir(), "decnet.db"))
		tr := newTraffic()
		for range 1000 {
			if _, err := db.Ingest(b.Context(), tr.batch()); err != nil {
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
			batch := tr.batch()
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
