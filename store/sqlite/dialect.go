package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store/internal/sqlrepo"
)

type dialect struct{}

func (dialect) Upsert(insert string, key []string, set []sqlrepo.Assign) string {
	assigns := make([]string, len(set))
	for i, a := range set {
		assigns[i] = a.Column + " = " + a.Value
	}
	return insert + " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(assigns, ", ")
}

func (dialect) New(column string) string      { return "excluded." + column }
func (dialect) Contains(column string) string { return "instr(" + column + ", ?) > 0" }
func (dialect) Rows() int                     { return 1 }
func (dialect) Returning() bool               { return false } // of many rows: there are none
func (dialect) Lock() string                  { return "" }    // every transaction of the writer is immediate
func (dialect) RolledBack(error) bool         { return false }
func (dialect) Lost(error) bool               { return false }
func (dialect) Explain(err error) error       { return err }
func (dialect) ByID() string                  { return "NOT INDEXED" } // the row ID still serves
func (dialect) Greatest(a, b string) string   { return "max(" + a + ", " + b + ")" }
func (dialect) Least(a, b string) string      { return "min(" + a + ", " + b + ")" }

// Holds compares bytes. LIKE would end at a NUL, and take bytes that are no valid UTF-8 for the
// same character.
func (dialect) Holds(column, part string) (string, []any) {
	folded, letters := []byte(part), false
	for i, c := range folded {
		if c >= 'A' && c <= 'Z' {
			folded[i] += 'a' - 'A'
		}
		letters = letters || folded[i] >= 'a' && folded[i] <= 'z'
	}
	if letters {
		column = "lower(" + column + ")" // which changes letters of ASCII alone
	}
	return "instr(CAST(" + column + " AS BLOB), ?) > 0", []any{folded}
}

func (dialect) Duplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// reclaimPages is how many free pages one step of Reclaim cuts off, between which other
// writers have their turn.
const reclaimPages = 1024

func (dialect) Reclaim(ctx context.Context, db *sql.DB) error {
	for before := -1; ; {
		var free int
		if err := db.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
			return err
		}
		if free == 0 || free == before {
			return nil
		}
		before = free
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", reclaimPages)); err != nil {
			return err
		}
	}
}

func (dialect) Size(ctx context.Context, db *sql.DB) (int64, error) {
	var n int64
	err := db.QueryRowContext(ctx, `SELECT (p.page_count - f.freelist_count) * s.page_size
		FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`).Scan(&n)
	return n, err
}

// explain puts into words what is wrong with a file, in front of what SQLite says.
func explain(ctx context.Context, err error) error {
	var what string
	var e *sqlite.Error
	switch {
	case errors.Is(err, os.ErrNotExist):
		what = "the directory does not exist"
	case errors.As(err, &e):
		if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE { // of the index that readers and writers share
			what = "the disk is full"
		}
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("not an SQLite file: %w: %w", err, decnet.ErrSemantic)
		case sqlite3.SQLITE_CORRUPT:
			what = "the file is damaged"
		case sqlite3.SQLITE_BUSY:
			what = "another process holds a lock"
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
			what = "the file and its directory must be writable"
		case sqlite3.SQLITE_FULL:
			what = "the disk is full"
		}
		if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
			what = "the disk is full"
		}
	case ctx.Err() != nil:
		return fmt.Errorf("gave up waiting for the file: %w", ctx.Err())
	}
	if what == "" {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
