package mysql_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
)

var epoch = time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC)

func record(at time.Time, service string, fields ...decnet.Field) store.Record {
	return store.Record{Event: decnet.Event{Time: at, Decky: "decky-01", Service: service, Type: "x",
		Attacker: netip.MustParseAddr("203.0.113.7"), Fields: fields}, Raw: "<134>1 - decky-01 " + service}
}

// raw opens a database without DECNET's part.
func raw(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func wantMessage(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %q shows the password", err)
	}
}

// TestOpenErrors: an error names the place and says what is wrong with it, and what is not
// ours stays as it was.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	empty := database(t)
	d, err := mysql.ParseDSN(empty)
	if err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "CREATE USER IF NOT EXISTS nobody IDENTIFIED BY 'hunter2'", "CREATE USER IF NOT EXISTS reader IDENTIFIED BY 'hunter2'",
		"GRANT SELECT ON "+d.Database+".* TO reader", "CREATE USER IF NOT EXISTS few IDENTIFIED BY 'hunter2' WITH MAX_USER_CONNECTIONS 1",
		"GRANT ALL ON "+d.Database+".* TO few")
	foreign := database(t)
	run(t, raw(t, foreign), "CREATE TABLE logs (id INTEGER)")
	newer := database(t)
	if _, err := mysql.Migrate(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	run(t, raw(t, newer), "INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)")

	for name, c := range map[string]struct {
		dsn, says string
		kind      error
	}{
		"wrong password": {dsn: server.DSN("nobody", "hunter2 not", d.Database), says: "the server refuses the user or the password"},
		"no rights":      {dsn: server.DSN("nobody", "hunter2", d.Database), says: "the user may not use the database"},
		"only reading":   {dsn: server.DSN("reader", "hunter2", d.Database), says: "the user lacks rights"},
		"few":            {dsn: server.DSN("few", "hunter2", d.Database), says: "the server has no connection left"},
		"no database":    {dsn: server.DSN("root", "", "nowhere"), says: "there is no such database, create it first"},
		"no server":      {dsn: "mysql://u:hunter2@127.0.0.1:1/d", says: "the server cannot be reached"},
		"no socket":      {dsn: "u:hunter2@unix(/nowhere/socket)/d", says: "the server cannot be reached"},
		"foreign":        {dsn: foreign, says: "the database belongs to another program", kind: decnet.ErrSemantic},
		"newer":          {dsn: newer, says: "schema version 999 and this program knows up to 3, use a newer one", kind: decnet.ErrSemantic},
	} {
		place, err := mysql.ParseDSN(c.dsn)
		if err != nil {
			t.Fatal(err)
		}
		_, err = mysql.Open(t.Context(), c.dsn, mysql.Config{})
		wantMessage(t, err, "store/mysql: "+place.String()+": open: ", c.says)
		if c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%s: error %v is not %v", name, err, c.kind)
		}
	}
	var n int
	if err := raw(t, foreign).QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d tables in the database of another program (%v), want 1", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = mysql.Open(ctx, empty, mysql.Config{})
	wantMessage(t, err, "gave up waiting for the server")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestUnfitServer: a server that is too old, takes small packets only, or has small pages, is refused.
func TestUnfitServer(t *testing.T) {
	t.Parallel()
	if server == nil {
		t.Skip(mysqltest.ErrMissing)
	}
	unfit := map[string]string{"--max-allowed-packet=1048576": "max_allowed_packet of the server is 1048576, at least 4194304 is needed",
		"--innodb-page-size=8192": "innodb_page_size of the server is 8192, at least 16384 is needed"}
	if !server.MySQL { // MySQL does not let anybody choose what it calls itself
		unfit["--version=10.6.1-MariaDB"] = `the server is MariaDB "10.6.1-MariaDB", at least MariaDB 10.11.0 is needed`
	}
	for option, says := range unfit {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			own, err := mysqltest.Start("--innodb-buffer-pool-size=16M", option)
			if err != nil {
				t.Fatal(err)
			}
			own.Exec(t, "CREATE DATABASE decnet")
			_, err = mysql.Open(t.Context(), own.DSN("root", "", "decnet"), mysql.Config{})
			wantMessage(t, err, says)
			if !errors.Is(err, decnet.ErrSemantic) {
				t.Errorf("got %v, want %v", err, decnet.ErrSemantic)
			}
			if err := own.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLargeAndTooLarge: documents of megabytes come back whole, and what has no room gives
// decnet.ErrInvalid and leaves nothing behind.
func TestLargeAndTooLarge(t *testing.T) {
	t.Parallel()
	db := open(t, database(t))
	defer db.Close()
	ctx := t.Context()
	large := record(epoch, "ssh", decnet.F("k", strings.Repeat("\xff'\\\x00", 1<<20)))
	large.Raw = strings.Repeat("é\x00\xff\"", 1<<20)
	var b store.Batch
	for range 5 { // more than one statement, and more than one packet
		b.Records = append(b.Records, large, record(epoch, "ftp"))
	}
	if _, err := db.Ingest(ctx, b); err != nil {
		t.Fatal(err)
	}
	got, err := db.Records(ctx, store.Filter{Search: "service:ssh", Limit: 1})
	if err != nil || len(got) != 1 || got[0].Raw != large.Raw || got[0].Value("k") != large.Value("k") {
		t.Errorf("%d records (%v), or not as they were", len(got), err)
	}
	document := []byte(`"` + strings.Repeat("x", 10<<20) + `"`)
	if err := db.SetState(ctx, "large", document); err != nil {
		t.Fatal(err)
	}
	if value, err := db.State(ctx, "large"); err != nil || !bytes.Equal(value, document) {
		t.Errorf("a state of %d bytes (%v), want %d", len(value), err, len(document))
	}

	long := record(epoch, strings.Repeat("x", 1001))
	_, err = db.Ingest(ctx, store.Batch{Records: []store.Record{record(epoch, "ssh"), long}, Cursor: store.Cursor{Source: "s", Offset: 1}})
	wantMessage(t, err, "a name is longer than the column")
	if !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("got %v, want %v", err, decnet.ErrInvalid)
	}
	err = db.SetState(ctx, "too large", []byte(`"`+strings.Repeat("x", 20<<20)+`"`))
	wantMessage(t, err, "larger than max_allowed_packet of the server")
	if !errors.Is(err, decnet.ErrInvalid) {
		t.Errorf("got %v, want %v", err, decnet.ErrInvalid)
	}
	if totals, err := db.Totals(ctx); err != nil || totals.Records != 10 {
		t.Errorf("%+v, %v, want 10 records", totals, err)
	}
	if _, err := db.Cursor(ctx, "s"); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("the cursor of a batch that was refused: %v", err)
	}
}

// TestLocked: a lock that another process holds is waited for, as long as the configuration
// says, and readers are never in the way.
func TestLocked(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	db, err := mysql.Open(t.Context(), dsn, mysql.Config{LockTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := raw(t, dsn).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, other, "UPDATE totals SET records = 5")
	_, err = db.Ingest(t.Context(), numbered(0, 1))
	wantMessage(t, err, "ingest: another process holds a lock")
	if totals, err := db.Totals(t.Context()); err != nil || totals.Records != 0 {
		t.Errorf("reading beside a writer: %+v, %v", totals, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := db.Ingest(ctx, numbered(0, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Ingest(t.Context(), numbered(0, 9)); err != nil {
		t.Errorf("after the lock: %v", err)
	}
	verifyNumbered(t, db, 9)
}

// TestDeadlock: a transaction that the server sacrifices is run again, and counts once.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	place, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, dsn)
	defer db.Close()
	if _, err := db.Ingest(t.Context(), numbered(0, 20)); err != nil {
		t.Fatal(err)
	}
	direct := raw(t, dsn)
	deadlocks := func() (n int) {
		t.Helper()
		text := "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'innodb_deadlocks'"
		if server.MySQL {
			text = "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'"
		}
		if err := direct.QueryRowContext(t.Context(), text).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := deadlocks()
	other, err := direct.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	run(t, other, "INSERT INTO rejected (time, source, position, line, reason) "+
		"WITH RECURSIVE seq (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM seq WHERE n < 1000) SELECT n, '', 0, '', '' FROM seq") // the heavier one survives
	run(t, other, "SELECT * FROM sources FOR UPDATE")
	done := make(chan error, 1)
	go func() {
		_, err := db.Ingest(t.Context(), numbered(20, 20))
		done <- err
	}()
	// Ours has the totals once somebody waits for a lock: for the sources, which are ours
	// here. The server renews this table only when nobody has read it for a tenth of a second.
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for waiting := 0; waiting == 0; {
		select {
		case err := <-done:
			t.Fatalf("ingested beside the lock: %v", err)
		case <-tick.C:
		}
		if err := direct.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"+
			" AND trx_mysql_thread_id IN ("+connections()+")", place.Database).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	run(t, other, "SELECT * FROM totals FOR UPDATE")
	if n := deadlocks(); n == before {
		t.Error("there was no deadlock")
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	verifyNumbered(t, db, 40)
}

// TestW05_WritersOfOneDatabaseTakeTurns: several stores on one database, as several processes
// have them, open it, migrate it and write at the same time, and lose and repeat nothing.
func TestW05_WritersOfOneDatabaseTakeTurns(t *testing.T) {
	t.Parallel()
	const writers, batches = 5, 20
	dsn := database(t)
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			errs <- func() error {
				db, err := mysql.Open(context.Background(), dsn, mysql.Config{})
				if err != nil {
					return err
				}
				for i := range batches {
					if _, err := db.Ingest(context.Background(), store.Batch{
						Records: []store.Record{record(epoch, "ssh")}, Cursor: store.Cursor{Source: fmt.Sprint(w), Offset: int64(i)}}); err != nil {
						return errors.Join(err, db.Close())
					}
				}
				return db.Close()
			}()
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	db := open(t, dsn)
	defer db.Close()
	totals, err := db.Totals(t.Context())
	if want := (store.Totals{Records: writers * batches, Attackers: 1}); err != nil || totals != want {
		t.Errorf("got %+v, %v, want %+v", totals, err, want)
	}
	if last, err := db.MaxRecordID(t.Context()); err != nil || last != writers*batches {
		t.Errorf("last ID %d, %v, want %d", last, err, writers*batches)
	}
}

// TestW39_SchemaIsVersioned: the steps are recorded, a step that was interrupted is completed,
// an up-to-date database stays as it is, and a reset builds it anew.
func TestW39_SchemaIsVersioned(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dsn := database(t)
	if s, err := mysql.Status(ctx, dsn); err != nil || s.Version != 0 || s.Latest == 0 || !s.Migrations[0].Applied.IsZero() {
		t.Errorf("status of an empty database: %+v, %v", s, err)
	}
	migrated, err := mysql.Migrate(ctx, dsn)
	if err != nil || migrated.Version != migrated.Latest {
		t.Fatalf("migrated to %+v, %v", migrated, err)
	}
	for i, m := range migrated.Migrations {
		if m.Version != int64(i+1) || m.Name == "" || time.Since(m.Applied).Abs() > time.Hour {
			t.Errorf("migration %d is %+v", i, m)
		}
	}
	if again, err := mysql.Migrate(ctx, dsn); err != nil || fmt.Sprint(again) != fmt.Sprint(migrated) {
		t.Errorf("migrated again to %+v, %v", again, err)
	}

	direct := raw(t, dsn)
	run(t, direct, "DROP TABLE state, users") // what a process that was killed had not made yet
	run(t, direct, "DELETE FROM schema_version WHERE version_id > 0")
	db := open(t, dsn)
	if _, err := db.Ingest(ctx, numbered(0, 3)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.SetState(ctx, "x", []byte("1")), db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := mysql.Migrate(ctx, dsn); err != nil {
		t.Fatal(err)
	}
	db = open(t, dsn)
	verifyNumbered(t, db, 3)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	run(t, direct, "CREATE TABLE from_the_future (x INTEGER)")
	run(t, direct, "INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)")
	if _, err := mysql.Status(ctx, dsn); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("status of a newer database: %v", err)
	}
	run(t, direct, "DROP TABLE records") // as a reset that was interrupted leaves it
	if err := mysql.Reset(ctx, dsn); err != nil {
		t.Fatal(err)
	}
	db = open(t, dsn)
	defer db.Close()
	if totals, err := db.Totals(ctx); err != nil || totals != (store.Totals{}) {
		t.Errorf("after the reset: %+v, %v", totals, err)
	}
	foreign := database(t)
	other := raw(t, foreign)
	run(t, other, "CREATE TABLE users (name TEXT)")
	if err := mysql.Reset(ctx, foreign); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("reset of another program's database: %v", err)
	}
	run(t, other, "INSERT INTO users VALUES ('still here')")
}

// TestSchemaLock: while another process changes the schema, nobody else does.
func TestSchemaLock(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	place, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := raw(t, dsn).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var got int
	if err := conn.QueryRowContext(t.Context(), "SELECT GET_LOCK(LEFT(CONCAT('decnet_schema_', SHA2(?, 256)), 64), 0)", place.Database).Scan(&got); err != nil || got != 1 {
		t.Fatalf("locked %d, %v", got, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := mysql.Open(ctx, dsn, mysql.Config{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if s, err := mysql.Status(t.Context(), dsn); err != nil || s.Version != 0 {
		t.Errorf("the schema was changed: %+v, %v", s, err)
	}
	if err := conn.QueryRowContext(t.Context(), "SELECT RELEASE_ALL_LOCKS()").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dsn).Close(); err != nil {
		t.Fatal(err)
	}
}
