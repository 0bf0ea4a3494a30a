package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// rawOpen opens a file without DECNET's part.
func rawOpen(t *testing.T, path, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?"+params)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func wantMessage(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

// TestOpenErrors: an error names the path and says what is wrong with it, and the file stays
// as it was.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("byte", "x")
	write("text", strings.Repeat("this is not a database\n", 100))
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	foreign := rawOpen(t, filepath.Join(dir, "foreign"), "")
	run(t, foreign, "CREATE TABLE logs (id INTEGER)")
	foreign.Close()
	if _, err := sqlite.Migrate(t.Context(), filepath.Join(dir, "newer")); err != nil {
		t.Fatal(err)
	}
	newer := rawOpen(t, filepath.Join(dir, "newer"), "")
	run(t, newer, "INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)")
	newer.Close()

	for _, c := range []struct {
		name, says string
		kind       error
	}{
		{"missing/decnet.db", "the directory does not exist", os.ErrNotExist},
		{"folder", "not a regular file", nil},
		{"text", "not an SQLite file", decnet.ErrSemantic},
		{"byte", "not an SQLite file", decnet.ErrSemantic},
		{"foreign", "belongs to another program", decnet.ErrSemantic},
		{"newer", "schema version 999 and this program knows up to 3", decnet.ErrSemantic},
	} {
		path := filepath.Join(dir, c.name)
		before, _ := os.ReadFile(path)
		_, err := sqlite.Open(t.Context(), path, sqlite.Config{})
		wantMessage(t, err, path, c.says)
		if c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%s: error %v is not %v", c.name, err, c.kind)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the file has changed", c.name)
		}
	}
	_, err := sqlite.Open(t.Context(), "", sqlite.Config{})
	wantMessage(t, err, "no path")
}

// TestDamaged: a file whose pages were overwritten gives an error and no wrong answer.
func TestDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decnet.db")
	db := openFile(t, path)
	if _, err := db.Ingest(t.Context(), newTraffic().batch()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("\xa5", int(info.Size())-8192)), 8192); err != nil {
		t.Fatal(err)
	}
	f.Close()
	db, err = sqlite.Open(t.Context(), path, sqlite.Config{})
	if err == nil {
		defer db.Close()
		_, err = db.Records(t.Context(), store.Filter{})
	}
	wantMessage(t, err, path, "malformed")
}

// TestNotWritable: a directory or a file that may not be written gives a clear error.
func TestNotWritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "decnet.db")
	if _, err := sqlite.Migrate(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{file: 0o444, dir: 0o555} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Error(err)
		}
	})
	for path := dir; path != "/"; path = filepath.Dir(path) { // nobody must get there
		if info, err := os.Stat(path); err == nil && info.Mode()&0o001 == 0 && os.Geteuid() == 0 {
			if err := os.Chmod(path, info.Mode()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	asNobody(func() {
		_, err := sqlite.Open(t.Context(), filepath.Join(dir, "new.db"), sqlite.Config{})
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("a new file: got %v, want %v", err, os.ErrPermission)
		}
		db, err := sqlite.Open(t.Context(), file, sqlite.Config{})
		if err == nil {
			db.Close()
			t.Error("a read-only file in a read-only directory was opened")
			return
		}
		wantMessage(t, err, file, "must be writable")
	})
}

// asNobody runs f without the privileges of root over files.
func asNobody(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if os.Geteuid() == 0 {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if _, err := unix.SetfsuidRetUid(65534); err != nil {
				panic(err)
			}
		}
		f()
	}()
	<-done
}

// TestLocked: a lock that another process holds is waited for, as long as the caller wants.
func TestLocked(t *testing.T) {
	t.Parallel()
	t.Run("opening", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "decnet.db")
		other := rawOpen(t, path, "_journal_mode=DELETE")
		run(t, other, "BEGIN EXCLUSIVE")
		_, err := sqlite.Open(t.Context(), path, sqlite.Config{BusyTimeout: 20 * time.Millisecond})
		wantMessage(t, err, path, "another process holds a lock")

		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err = sqlite.Open(ctx, path, sqlite.Config{})
		wantMessage(t, err, path)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		run(t, other, "ROLLBACK")
		openFile(t, path).Close()
	})
	t.Run("writing", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "decnet.db")
		db, err := sqlite.Open(t.Context(), path, sqlite.Config{BusyTimeout: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		other := rawOpen(t, path, "")
		run(t, other, "BEGIN IMMEDIATE")
		_, err = db.Ingest(t.Context(), newTraffic().batch())
		wantMessage(t, err, path, "ingest", "locked")
		if _, err := db.Records(t.Context(), store.Filter{}); err != nil {
			t.Errorf("reading beside a writer: %v", err)
		}
		run(t, other, "ROLLBACK")
		if _, err := db.Ingest(t.Context(), newTraffic().batch()); err != nil {
			t.Errorf("after the lock: %v", err)
		}
	})
}

func TestFileMode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openFile(t, filepath.Join(dir, "a ?b#c%41;.db"))
	defer db.Close()
	if _, err := db.Ingest(t.Context(), newTraffic().batch()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", e.Name(), info.Mode())
		}
		names = append(names, e.Name())
	}
	if got, want := strings.Join(names, " "), "a ?b#c%41;.db a ?b#c%41;.db-shm a ?b#c%41;.db-wal"; got != want {
		t.Errorf("files %q, want %q", got, want)
	}
}

// TestExpiredTokens: what has expired is forgotten by the clock of the configuration.
func TestExpiredTokens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 18, 0, 0, 0, 0, time.UTC)
	db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	revoke := func(id string) {
		t.Helper()
		if err := db.RevokeToken(t.Context(), id, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	revoked := func(id string, want bool) {
		t.Helper()
		if got, err := db.TokenRevoked(t.Context(), id); err != nil || got != want {
			t.Errorf("token %s: got %v, %v, want %v", id, got, err, want)
		}
	}
	revoke("a")
	now = now.Add(time.Hour)
	revoke("b")
	revoked("a", true) // just not yet
	now = now.Add(time.Microsecond)
	revoke("c")
	revoked("a", false)
	revoked("b", true)
}
