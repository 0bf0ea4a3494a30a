package mysql_test

import (
	"testing"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/storetest"
)

// TestIngestInTurns: two processes that write records by turns get different IDs, and lose
// and repeat nothing, also where a batch takes several scripts.
func TestIngestInTurns(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	dbs := []store.Repository{open(t, dsn), open(t, dsn)}
	tr := newTraffic()
	total := 0
	for i, who := range []int{0, 0, 1, 0, 0, 1, 1, 0, 1} {
		b := tr.batch([]int{1, 50, 3000}[i%3])
		last, err := dbs[who].Ingest(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if total += len(b.Records); last != int64(total) {
			t.Fatalf("batch %d: the last ID is %d, want %d", i, last, total)
		}
	}
	records, err := dbs[0].Records(t.Context(), store.Filter{AfterID: -1, Limit: total + 1})
	if err != nil || len(records) != total {
		t.Fatalf("%d records, %v, want %d", len(records), err, total)
	}
	storetest.WantCounts(t, dbs[1])
	for _, db := range dbs {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
