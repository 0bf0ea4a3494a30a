package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// VersionTable records the migrations that were applied, and when.
const VersionTable = "schema_version"

// SchemaReader reads where the schema of a database stands.
type SchemaReader struct {
	Files  fs.FS  // has the migrations, see Migrations
	What   string // what is read, for errors: "the file"
	Tables string // counts all tables, and those that are called as its one parameter says
	Since  string // turns the column tstamp into seconds since the Unix epoch
}

// Querier is a database or one connection to it.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Read returns where the schema of db stands. It changes nothing, and gives decnet.ErrSemantic
// for tables that are not ours, and for those of a newer version together with their Version.
func (r SchemaReader) Read(ctx context.Context, db Querier) (store.Schema, error) {
	var s store.Schema
	var err error
	if s.Migrations, err = Migrations(r.Files); err != nil {
		return s, err
	}
	s.Latest = s.Migrations[len(s.Migrations)-1].Version
	var tables, versions int
	if err := db.QueryRowContext(ctx, r.Tables, VersionTable).Scan(&tables, &versions); err != nil {
		return s, err
	}
	if versions == 0 {
		if tables > 0 {
			return s, fmt.Errorf("%s belongs to another program: %w", r.What, decnet.ErrSemantic)
		}
		return s, nil
	}
	rows, err := db.QueryContext(ctx, "SELECT version_id, "+r.Since+" FROM "+VersionTable+" WHERE is_applied AND version_id > 0")
	if err != nil {
		return s, err
	}
	defer rows.Close()
	for rows.Next() {
		var version, at int64
		if err := rows.Scan(&version, &at); err != nil {
			return s, err
		}
		s.Version = max(s.Version, version)
		for i := range s.Migrations {
			if s.Migrations[i].Version == version {
				s.Migrations[i].Applied = time.Unix(at, 0).UTC()
			}
		}
	}
	if err := rows.Err(); err != nil {
		return s, err
	}
	if s.Version > s.Latest {
		return s, fmt.Errorf("%s has schema version %d and this program knows up to %d, use a newer one: %w",
			r.What, s.Version, s.Latest, decnet.ErrSemantic)
	}
	return s, nil
}

// Migrations lists the files migrations/VERSION_NAME.sql of files in their order.
func Migrations(files fs.FS) ([]store.Migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	out := make([]store.Migration, len(names))
	for i, f := range names {
		number, title, _ := strings.Cut(strings.TrimSuffix(path.Base(f), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, err
		}
		out[i] = store.Migration{Version: version, Name: title}
	}
	return out, nil
}
