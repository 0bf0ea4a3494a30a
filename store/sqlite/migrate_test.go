package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/decnet/decnet/store/sqlite"
	"github.com/decnet/decnet/store/storetest"
)

// TestMigrateTallies: a file from before there were tallies has them of all its records once
// it is opened.
func TestMigrateTallies(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decnet.db")
	db := openFile(t, path)
	storetest.Fill(t, db, 1500)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	old := rawOpen(t, path, "")
	run(t, old, "DROP TABLE tallies")
	run(t, old, "DELETE FROM schema_version WHERE version_id > 2")
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Status(t.Context(), path); err != nil || s.Version != 2 {
		t.Fatalf("status of an old file: %+v, %v", s, err)
	}
	db = openFile(t, path)
	defer db.Close()
	storetest.WantCounts(t, db)
}
