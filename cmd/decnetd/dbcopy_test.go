package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/dsn"
	"github.com/decnet/decnet/store/storetest"
)

// TestDatabaseCopy: a database goes to a server and back, and is refused where it would mix
// with another.
func TestDatabaseCopy(t *testing.T) {
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
	data := filepath.Join(t.TempDir(), "data")
	succeed(t, "", "db", "migrate", "--data", data)
	here := "sqlite:" + filepath.Join(data, "decnet.db")
	source := open(t, here)
	storetest.Fill(t, source, 1500)

	out := succeed(t, "", "db", "copy", "--from", here, "--to", named)
	if !strings.Contains(out, "records            1350") || !strings.HasSuffix(out, "/decnet is a copy of "+filepath.Join(data, "decnet.db")+"\n") || strings.Contains(out, "word") {
		t.Errorf("copy prints\n%s", out)
	}
	storetest.WantSame(t, openServer(t, named), source)

	there := "sqlite:" + filepath.Join(t.TempDir(), "back.db")
	var doc struct {
		From, To string
		Rows     map[string]int64
	}
	if err := json.Unmarshal([]byte(succeed(t, "", "db", "copy", "--json", "--from", named, "--to", there)), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Rows["records"] != 1350 || doc.Rows["users"] != 2 || "sqlite:"+doc.To != there || !strings.HasPrefix(doc.From, "ada@tcp(") {
		t.Errorf("the document is %+v", doc)
	}
	storetest.WantSame(t, open(t, there), source)

	refused(t, decnetd(t, "", "db", "copy", "--from", here, "--to", named), exitFailed, "it is not empty")
	refused(t, decnetd(t, "", "db", "copy", "--from", here), exitUsage, "--to is missing")
	refused(t, decnetd(t, "", "db", "copy", "--from", "oracle:x", "--to", there), exitUsage, "--from", "sqlite:FILE")
	refused(t, decnetd(t, "", "db", "copy", "--from", here, "--to", there, "--data", data), exitUsage, "--data")
	refused(t, decnetd(t, "", "db", "copy", "--from", there+".missing", "--to", named), exitFailed, "--from: no database")
	lock, err := lockData(data)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	refused(t, decnetd(t, "", "db", "copy", "--from", here, "--to", there+".new"), exitFailed, "in use by another decnetd")
}

// TestDatabaseCopyOnATerminal: who waits sees how far it is.
func TestDatabaseCopyOnATerminal(t *testing.T) {
	t.Parallel()
	from := database(t)
	storetest.Fill(t, open(t, from), 500)
	tty, screen := terminal(t)
	var out bytes.Buffer
	to := "sqlite:" + filepath.Join(t.TempDir(), "to.db")
	std := streams{in: strings.NewReader(""), out: &out, err: tty}
	if status := run(context.Background(), []string{"db", "copy", "--from", from, "--to", to}, std, environment{}.get); status != 0 {
		t.Fatalf("status %d: %s", status, screen.text())
	}
	screen.waitFor(t, "records: 450 of 450 rows, 100 %")
	screen.waitFor(t, "state: 2 of 2 rows, 100 %")
}

// TestUnfinishedCopyIsNotUsed: the daemon does not start on a database that is not all there.
func TestUnfinishedCopyIsNotUsed(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	succeed(t, "", "db", "migrate", "--data", data)
	beginImport(t, "sqlite:"+filepath.Join(data, "decnet.db"))
	r := decnetd(t, "", "up", "--data", data, "--services", "redis", "--deckies", "1", "--base-ip", "127.0.70.66", "--api", "127.0.0.1:0")
	refused(t, r, exitFailed, "unfinished copy")
	refused(t, decnetd(t, "correct horse\n", "user", "add", "ada", "--data", data), exitFailed, "unfinished copy")
	succeed(t, "", "db", "reset", "--yes", "--data", data)
	succeed(t, "correct horse\n", "user", "add", "ada", "--data", data)
}

func beginImport(t *testing.T, dsn string) {
	t.Helper()
	if err := open(t, dsn).(store.Importer).BeginImport(t.Context(), "elsewhere", store.Figures{}); err != nil {
		t.Fatal(err)
	}
}

func openServer(t *testing.T, named string) store.Repository {
	t.Helper()
	src, err := dsn.Parse(named)
	if err != nil {
		t.Fatal(err)
	}
	db, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
