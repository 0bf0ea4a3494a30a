package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/dsn"
)

// TestMySQL runs the system on a MariaDB server that the flag or the environment names.
func TestMySQL(t *testing.T) {
	t.Parallel()
	server, err := mysqltest.Start()
	if errors.Is(err, mysqltest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	server.Exec(t, "CREATE DATABASE decnet", "CREATE USER ada IDENTIFIED BY 'p@ss/word'", "GRANT ALL ON decnet.* TO ada")
	named := "mysql:" + server.DSN("ada", "p@ss/word", "decnet")
	place := "ada@tcp(127.0.0.1:"
	run := func(args string) string { return succeed(t, "", append(strings.Fields(args), "--db", named)...) }

	refused(t, decnetd(t, "", "db", "status", "--db", strings.Replace(named, "p@ss", "other", 1)), exitFailed, place, "refuses the user or the password")
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	if pending := run("db status"); !strings.Contains(pending, "schema 0 of 3") {
		t.Errorf("status of an empty database: %s", pending)
	}
	golden(t, "db.txt", times.ReplaceAllString(run("db migrate"), "TIME"))
	golden(t, "db.json", times.ReplaceAllString(run("db status --json"), "TIME"))

	data := filepath.Join(t.TempDir(), "data")
	env := environment{"DECNET_DB_URL": named}
	for _, password := range []string{"hunter2", "hunter3"} { // the second start goes on
		d := start(t, data, env, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.70.60")
		authenticate(t, "127.0.70.60", password)
		d.stop(t)
	}
	if _, err := os.Stat(filepath.Join(data, "decnet.db")); err == nil {
		t.Error("there is an SQLite file too")
	}
	src, err := dsn.Parse(named)
	if err != nil {
		t.Fatal(err)
	}
	db, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, password := range []string{"hunter2", "hunter3"} {
		if n, err := db.CountRecords(t.Context(), store.Filter{Search: "event:auth_attempt password:" + password}); n != 1 || err != nil {
			t.Errorf("%d records of the password %s (%v), want 1", n, password, err)
		}
	}
	if n, err := db.CountBounties(t.Context(), store.BountyFilter{Type: "credential"}); n != 2 || err != nil {
		t.Errorf("%d credentials (%v), want 2", n, err)
	}
	if list := run("user list"); !strings.Contains(list, "admin") {
		t.Errorf("accounts: %s", list)
	}

	startsLater(t, server)

	refused(t, decnetd(t, "", "db", "reset", "--db", named), exitUsage, "confirm with --yes", place)
	if out := run("db reset --yes --data " + data); !strings.HasPrefix(out, place) || !strings.HasSuffix(out, "is empty\n") {
		t.Errorf("reset prints %q", out)
	}
	if list := run("user list --json"); list != "[]\n" {
		t.Errorf("accounts after the reset: %s", list)
	}
}

// startsLater opens a database whose server can be reached at the last try, at none, and one
// that another try would not open.
func startsLater(t *testing.T, server *mysqltest.Server) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "socket")
	for _, c := range []struct {
		name, named, says string
		there             int // at which try the server is
		tries             int
	}{
		{"late", "mysql:ada:p@ss/word@unix(" + socket + ")/decnet", "", 5, 5},
		{"never", "mysql:ada:p@ss/word@unix(" + socket + ")/decnet", "cannot be reached", 6, 5},
		{"wrong password", "mysql:ada:other@unix(" + socket + ")/decnet", "refuses the user", 1, 1},
	} {
		src, err := dsn.Parse(c.named)
		if err != nil {
			t.Fatal(err)
		}
		tries := 0
		db, err := patiently(t.Context(), func(ctx context.Context) (store.Repository, error) {
			if tries++; tries == c.there {
				if err := os.Symlink(server.Socket, socket); err != nil {
					t.Error(err)
				}
			}
			return src.Open(ctx)
		})
		if err == nil {
			err = db.Close()
		}
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || tries != c.tries {
			t.Errorf("%s: %d tries, %v", c.name, tries, err)
		}
		if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}
