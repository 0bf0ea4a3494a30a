package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

//go:embed migrations/*.sql
var embedded embed.FS

// schema reads where the schema of a file stands.
var schema = sqlrepo.SchemaReader{
	Files:  embedded,
	What:   "the file",
	Tables: "SELECT COUNT(*), COALESCE(SUM(name = ?), 0) FROM sqlite_master WHERE type = 'table'",
	Since:  "unixepoch(tstamp)",
}

// Migration is one step of the schema.
type Migration = store.Migration

// Schema is where the schema of a file stands.
type Schema = store.Schema

// prepare makes the file behind db ready for use, unless it is not ours to change.
func prepare(ctx context.Context, db *sql.DB) error {
	s, err := schema.Read(ctx, db)
	if err != nil {
		return err
	}
	if s.Version == 0 { // later it would have no effect
		if _, err := db.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil { // nothing is done where it is
		return err
	}
	return migrate(ctx, db, s)
}

// migrate applies the migrations that s lacks. Processes that do so at the same time get into
// each other's way but for one, so a failure counts only when nobody made progress.
func migrate(ctx context.Context, db *sql.DB, s Schema) error {
	if s.Version == s.Latest {
		return nil
	}
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithTableName(sqlrepo.VersionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	for {
		_, err := p.Up(ctx)
		if err == nil {
			return nil
		}
		now, serr := schema.Read(ctx, db)
		switch {
		case serr != nil || now.Version == s.Version:
			return errors.Join(err, serr)
		case now.Version == now.Latest:
			return nil
		}
		s = now
	}
}

// Status tells where the schema of the file at path stands, and changes nothing. A missing
// file gives decnet.ErrNotFound.
func Status(ctx context.Context, path string) (Schema, error) {
	var s Schema
	err := withExisting(ctx, path, func(db *sql.DB) (err error) {
		s, err = schema.Read(ctx, db)
		return err
	})
	return s, wrap(ctx, path, "schema", err)
}

// Migrate brings the schema of the file at path up to date, as [Open] does, and creates the
// file when it is missing. It returns where the schema stands then.
func Migrate(ctx context.Context, path string) (Schema, error) {
	p, err := open(ctx, path, Config{})
	if err != nil {
		return Schema{}, wrap(ctx, path, "migrate", err)
	}
	s, err := schema.Read(ctx, p.writer)
	return s, wrap(ctx, path, "migrate", errors.Join(err, p.reader.Close(), p.writer.Close()))
}

// Reset deletes everything that the file at path holds, accounts included, and builds the
// schema anew. It works on files of newer versions too, and never on those of other
// programs. A missing file gives decnet.ErrNotFound.
func Reset(ctx context.Context, path string) error {
	err := withExisting(ctx, path, func(db *sql.DB) error {
		s, err := schema.Read(ctx, db)
		if err != nil && s.Version == 0 {
			return err
		}
		if err := dropAll(ctx, db); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "VACUUM"); err != nil {
			return err
		}
		return prepare(ctx, db)
	})
	return wrap(ctx, path, "reset", err)
}

// dropAll drops every table in one transaction.
func dropAll(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after Commit
	rows, err := tx.QueryContext(ctx, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
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
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range tables {
		if _, err := tx.ExecContext(ctx, `DROP TABLE "`+strings.ReplaceAll(name, `"`, `""`)+`"`); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// withExisting calls f with the one connection to a file that must exist.
func withExisting(ctx context.Context, path string, f func(*sql.DB) error) error {
	path, err := locate(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("no such file: %w", decnet.ErrNotFound)
		}
		return err
	}
	db := pool(connector(path, defaultBusy, nil), 1, 1)
	return errors.Join(f(db), db.Close())
}

func wrap(ctx context.Context, path, op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store/sqlite: %s: %s: %w", path, op, explain(ctx, err))
}
