package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

// TestDiskFull: a batch that does not fit gives an error and leaves nothing behind, and the
// next one succeeds once there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	p, err := open(t.Context(), filepath.Join(t.TempDir(), "decnet.db"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := sqlrepo.New(t.Context(), sqlrepo.Parts{Name: "store", Writer: p.writer, Reader: p.reader, Dialect: dialect{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	limit := func(pages string) {
		t.Helper()
		if _, err := p.writer.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	var b store.Batch
	for range 20 {
		b.Records = append(b.Records, store.Record{Event: decnet.Event{Decky: "d", Service: "ssh"}, Raw: strings.Repeat("x", 1000)})
	}
	limit("200")
	written := 0
	for err == nil {
		if _, err = repo.Ingest(t.Context(), b); err == nil {
			written++
		}
	}
	if written == 0 || !strings.Contains(err.Error(), "store: ingest: database or disk is full") {
		t.Fatalf("after %d batches: %v", written, err)
	}
	check := func() {
		t.Helper()
		totals, err := repo.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		counted, err := repo.CountRecords(t.Context(), store.Filter{Search: "service:ssh"})
		if err != nil || counted != written*20 || totals.Records != counted {
			t.Fatalf("%d records and a total of %d (%v), want %d", counted, totals.Records, err, written*20)
		}
	}
	check()
	limit("100000")
	if _, err := repo.Ingest(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	written++
	check()
}
