package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to write what this program never would

	"github.com/decnet/decnet/store"
)

func TestDatabase(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	migrated := succeed(t, "", "db", "migrate", "--data", data)
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory: %v, %v", info.Mode(), err)
	}
	golden(t, "db.txt", times.ReplaceAllString(migrated, "TIME"))
	if status := succeed(t, "", "db", "status", "--data", data); status != migrated {
		t.Errorf("status prints\n%s\nafter migrate printed\n%s", status, migrated)
	}
	golden(t, "db.json", times.ReplaceAllString(succeed(t, "", "db", "status", "--data", data, "--json"), "TIME"))
	golden(t, "db.json", times.ReplaceAllString(succeed(t, "", "db", "migrate", "--data", data, "--json"), "TIME"))

	dsn := "sqlite:" + filepath.Join(data, "decnet.db")
	succeed(t, "correct horse\n", "user", "add", "ada", "--data", data)
	refused(t, decnetd(t, "", "db", "reset", "--data", data), exitUsage, "confirm with --yes", data)

	lock, err := lockData(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"", "--db=" + dsn} {
		r := decnetd(t, "", strings.Fields("db reset --yes --data "+data+" "+state)...)
		refused(t, r, exitFailed, "in use by another decnetd")
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	checkUser(t, open(t, dsn), "ada", store.RoleViewer, "correct horse")
	if out := succeed(t, "", "db", "reset", "--yes", "--data", data); !strings.HasSuffix(out, "decnet.db is empty\n") {
		t.Errorf("reset prints %q", out)
	}
	if out := succeed(t, "", "db", "reset", "--yes", "--json", "--data", data); !strings.HasPrefix(out, "{") || !strings.HasSuffix(out, "decnet.db\"\n}\n") {
		t.Errorf("reset --json prints %s", out)
	}
	if out := succeed(t, "", "user", "list", "--json", "--data", data); out != "[]\n" {
		t.Errorf("accounts after the reset: %s", out)
	}
}

// makeNewer gives the database the schema of a later version of this program.
func makeNewer(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO schema_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseOfANewerVersion(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	path := strings.TrimPrefix(dsn, "sqlite:")
	makeNewer(t, path)
	for _, args := range []string{"db migrate", "db status", "user list", "up --data " + t.TempDir()} {
		refused(t, decnetd(t, "", strings.Fields(args+" --db "+dsn)...), exitFailed, path, "schema version 9999", "use a newer one")
	}
}
