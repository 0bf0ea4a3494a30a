package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

//go:embed migrations/*.sql
var embedded embed.FS

// schema reads where the schema of a database stands.
var schema = sqlrepo.SchemaReader{
	Files:  embedded,
	What:   "the database",
	Tables: "SELECT COUNT(*), COALESCE(SUM(table_name = ?), 0) FROM information_schema.tables WHERE table_schema = DATABASE()",
	Since:  "UNIX_TIMESTAMP(tstamp)",
}

// schemaLock is how long to wait, in seconds, for another process to migrate.
const schemaLock = 60

// prepare makes the database behind db ready for use, unless it is not ours to change.
func prepare(ctx context.Context, d DSN, db *sql.DB) error {
	if err := check(ctx, db); err != nil {
		return err
	}
	s, err := schema.Read(ctx, db)
	if err != nil || s.Version == s.Latest {
		return err
	}
	return d.exclusively(ctx, db, func() error { return d.migrate(ctx) })
}

// exclusively calls f while no other process changes the schema of the database. A cluster
// has such a lock on each node alone; there it is the migrations that bear to be run twice.
func (d DSN) exclusively(ctx context.Context, db *sql.DB, f func() error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	name := fmt.Sprintf("decnet_schema_%x", sha256.Sum256([]byte(d.Database)))[:64] // no name may be longer
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, schemaLock).Scan(&got); err != nil {
		return err
	}
	switch {
	case !got.Valid:
		return errors.New("the server could not lock the schema")
	case got.Int64 != 1:
		return fmt.Errorf("another process has been changing the schema for %d seconds", schemaLock)
	}
	defer func() {
		var released sql.NullInt64
		rerr := conn.QueryRowContext(context.WithoutCancel(ctx), "SELECT RELEASE_LOCK(?)", name).Scan(&released)
		if rerr == nil && released.Int64 != 1 {
			rerr = errors.New("the lock on the schema was lost while it was changed")
		}
		err = errors.Join(err, rerr)
	}()
	return f()
}

// migrate applies the migrations that are missing. On another node of a cluster somebody may
// do so at the same time, so a failure counts only when nobody made progress.
func (d DSN) migrate(ctx context.Context) (err error) {
	db, err := d.pool(2, Config{}, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := schema.Read(ctx, db) // what it was before we had the lock is past
	if err != nil {
		return err
	}
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return err
	}
	if err := completeVersions(ctx, db); err != nil {
		return err
	}
	for s.Version < s.Latest {
		p, err := goose.NewProvider(goose.DialectMySQL, db, files, goose.WithTableName(sqlrepo.VersionTable), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		now, serr := schema.Read(ctx, db)
		if serr != nil || err != nil && now.Version == s.Version {
			return errors.Join(err, serr)
		}
		s = now
	}
	return nil
}

// completeVersions gives a table of versions that was interrupted before its first row, which
// goose insists on, that row.
func completeVersions(ctx context.Context, db *sql.DB) error {
	var tables, rows int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", sqlrepo.VersionTable).
		Scan(&tables); err != nil || tables == 0 {
		return err
	}
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+sqlrepo.VersionTable+" WHERE version_id = 0").Scan(&rows); err != nil || rows > 0 {
		return err
	}
	_, err := db.ExecContext(ctx, "INSERT INTO "+sqlrepo.VersionTable+" (version_id, is_applied) VALUES (0, 1)")
	return err
}

// Status tells where the schema of the database stands, and changes nothing.
func Status(ctx context.Context, dsn string) (store.Schema, error) {
	var s store.Schema
	err := with(ctx, dsn, "schema", func(_ DSN, db *sql.DB) (err error) {
		s, err = schema.Read(ctx, db)
		return err
	})
	return s, err
}

// Migrate brings the schema of the database up to date, as [Open] does. It returns where the
// schema stands then.
func Migrate(ctx context.Context, dsn string) (store.Schema, error) {
	var s store.Schema
	err := with(ctx, dsn, "migrate", func(d DSN, db *sql.DB) error {
		if err := prepare(ctx, d, db); err != nil {
			return err
		}
		var err error
		s, err = schema.Read(ctx, db)
		return err
	})
	return s, err
}

// Reset deletes everything that the database holds, accounts included, and builds the schema
// anew. It works on databases of newer versions too, and never on those of other programs.
func Reset(ctx context.Context, dsn string) error {
	return with(ctx, dsn, "reset", func(d DSN, db *sql.DB) error {
		s, err := schema.Read(ctx, db)
		if err != nil && s.Version == 0 {
			return err
		}
		return d.exclusively(ctx, db, func() error {
			if err := d.dropAll(ctx); err != nil {
				return err
			}
			return d.migrate(ctx)
		})
	})
}

// dropAll drops every table, and that of the versions last: whatever interrupts it, the
// database stays ours.
func (d DSN) dropAll(ctx context.Context) (err error) {
	db, err := d.pool(1, Config{}, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name = ?, table_name", sqlrepo.VersionTable)
	if err != nil {
		return err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		tables = append(tables, "`"+strings.ReplaceAll(name, "`", "``")+"`")
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, name := range tables {
		if _, err := db.ExecContext(ctx, "DROP TABLE IF EXISTS "+name); err != nil {
			return err
		}
	}
	return nil
}

// with calls f with one connection to the database.
func with(ctx context.Context, dsn, op string, f func(DSN, *sql.DB) error) error {
	d, err := ParseDSN(dsn)
	if err != nil {
		return err
	}
	db, err := d.pool(1, Config{}, false)
	if err != nil {
		return d.wrap(ctx, op, err)
	}
	return d.wrap(ctx, op, errors.Join(f(d, db), db.Close()))
}
