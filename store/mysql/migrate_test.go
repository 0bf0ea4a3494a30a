package mysql_test

import (
	"testing"

	"github.com/decnet/decnet/store/mysql"
	"github.com/decnet/decnet/store/storetest"
)

// TestMigrateTallies: a database from before there were tallies has them of all its records
// once it is opened, also when that was interrupted.
func TestMigrateTallies(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	db := open(t, dsn)
	storetest.Fill(t, db, 1500)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	old := raw(t, dsn)
	for _, left := range []string{"DROP TABLE tallies", "DELETE FROM tallies WHERE kind > 1 OR start % 2000000 = 0"} {
		run(t, old, left)
		run(t, old, "DELETE FROM schema_version WHERE version_id > 2")
		if s, err := mysql.Status(t.Context(), dsn); err != nil || s.Version != 2 {
			t.Fatalf("status of an old database: %+v, %v", s, err)
		}
		db = open(t, dsn)
		storetest.WantCounts(t, db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
