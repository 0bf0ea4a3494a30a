// Package sqlrepo implements [store.Repository] over database/sql. It holds all that SQL
// stores share; a [Dialect] supplies the few texts in which they differ.
//
//	repo, err := sqlrepo.New(ctx, sqlrepo.Parts{Name: "store/sqlite: /var/lib/decnet.db",
//		Writer: writer, Reader: reader, Dialect: dialect})
//
// The tables are those of the migrations of store/sqlite. Times are whole microseconds since
// the Unix epoch, an unknown attacker is the empty text, and lists are JSON.
package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Dialect is what SQL stores differ in.
type Dialect interface {
	// Upsert completes an INSERT INTO table (columns) VALUES (…): a row whose key exists
	// already gets the assignments instead.
	Upsert(insert string, key []string, set []Assign) string
	// New names the value that the refused row of an Upsert had for column.
	New(column string) string
	// Contains is a condition that column holds the bound text byte for byte.
	Contains(column string) string
	// Holds is a condition that column holds part somewhere, byte for byte but for ASCII
	// letters, which match in either case, and the argument for each of its question marks.
	Holds(column, part string) (condition string, args []any)
	// ByID follows the name of a table that must be read in the order of its primary key.
	ByID() string
	// Greatest and Least are expressions of two others.
	Greatest(a, b string) string
	Least(a, b string) string
	// Rows is how many rows one statement of Ingest should write or ask for; 1 where
	// statements cost little. With more, the writer must take several statements at a time,
	// separated by semicolons.
	Rows() int
	// Returning reports whether an Upsert of many rows can end with RETURNING and columns.
	Returning() bool
	// Lock ends a SELECT of the row of totals that makes a transaction wait until it is the
	// only one that writes; "" where a writing transaction is that from its start.
	Lock() string
	// Duplicate reports whether err says that a unique key was taken.
	Duplicate(err error) bool
	// RolledBack reports whether err says that the transaction was rolled back because of
	// others, and may succeed when it is run again.
	RolledBack(err error) bool
	// Lost reports whether err says that there is no connection any more.
	Lost(err error) bool
	// Explain puts err into words where it can.
	Explain(err error) error
	// Reclaim gives the space of deleted rows back to the system where that is possible.
	Reclaim(ctx context.Context, db *sql.DB) error
	// Size returns how many bytes of storage are in use.
	Size(ctx context.Context, db *sql.DB) (int64, error)
}

// Assign is one assignment of an Upsert.
type Assign struct{ Column, Value string }

// Parts are what a Repo is made of. All are required.
type Parts struct {
	Name    string // opens every error
	Writer  *sql.DB
	Reader  *sql.DB // may be Writer
	Dialect Dialect
	Now     func() time.Time // stamps lines set aside and forgets expired tokens
}

// Repo is a [store.Repository]. It owns its databases. Writes go through one transaction
// each.
type Repo struct {
	Parts
	stmts   statements
	written guess // the last record, as far as this process knows

	mu     sync.RWMutex // read-held during every operation
	closed bool
}

var (
	_ store.Repository = (*Repo)(nil)
	_ store.Importer   = (*Repo)(nil)
)

var errClosed = errors.New("closed")

// New prepares the statements of the hot paths and returns a Repo. It owns p.Writer and
// p.Reader even when it fails.
func New(ctx context.Context, p Parts) (*Repo, error) {
	r := &Repo{Parts: p}
	if err := r.stmts.prepare(ctx, p); err != nil {
		return nil, errors.Join(r.fail(ctx, "prepare", err), r.Close())
	}
	if err := r.read(ctx, "open", func(*sql.Tx) error { return nil }); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close implements [store.Repository]. It may be called more than once.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.stmts.close()
	if r.Reader != r.Writer {
		err = errors.Join(err, r.Reader.Close())
	}
	err = errors.Join(err, r.Writer.Close())
	return r.fail(context.Background(), "close", err)
}

// Ping implements [store.Repository].
func (r *Repo) Ping(ctx context.Context) error {
	return r.read(ctx, "ping", func(tx *sql.Tx) error {
		var one int
		return tx.QueryRowContext(ctx, "SELECT id FROM totals").Scan(&one)
	})
}

// read runs f on one consistent state.
func (r *Repo) read(ctx context.Context, op string, f func(*sql.Tx) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.fail(ctx, op, r.transact(ctx, r.Reader, &sql.TxOptions{ReadOnly: true}, f))
}

func (r *Repo) transact(ctx context.Context, db *sql.DB, opts *sql.TxOptions, f func(*sql.Tx) error) error {
	if r.closed {
		return errClosed
	}
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after Commit
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return &commitError{err}
	}
	return nil
}

// fail names the store and the operation in err. When the context has ended, that is the
// cause of whatever went wrong.
func (r *Repo) fail(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = decnet.ErrNotFound
	}
	err = r.Dialect.Explain(err)
	return fmt.Errorf("%s: %s: %w", r.Name, op, err)
}

// invalid is fail for arguments that no statement was run for.
func (r *Repo) invalid(op, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %s: %w", r.Name, op, fmt.Sprintf(format, args...), decnet.ErrInvalid)
}

const defaultLimit = 50

// page checks limit and offset and returns the limit to use.
func (r *Repo) page(op string, limit, offset int) (int, error) {
	if limit < 0 || offset < 0 {
		return 0, r.invalid(op, "limit %d, offset %d", limit, offset)
	}
	if limit == 0 {
		limit = defaultLimit
	}
	return limit, nil
}

// conditions collects the WHERE clause of a query and its arguments.
type conditions struct {
	parts []string
	args  []any
}

func (c *conditions) add(condition string, args ...any) {
	c.parts = append(c.parts, condition)
	c.args = append(c.args, args...)
}

// before adds the condition that a row follows a place in the order of column and ID, both
// descending. The first part of it is what an index serves.
func (c *conditions) before(column string, m store.Mark) {
	if m == (store.Mark{}) {
		return
	}
	at := m.Time.UnixMicro()
	c.add(column+" <= ?", at)
	c.add("("+column+" < ? OR id < ?)", at, m.ID)
}

func (c *conditions) String() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}

// contains adds the condition that one of columns holds part, ASCII letters in either case.
func (c *conditions) contains(d Dialect, part string, columns ...string) {
	if strings.Contains(part, "\x00") {
		c.add("1 = 0") // see store.Term.Match
		return
	}
	texts := make([]string, len(columns))
	var args []any
	for i, column := range columns {
		text, more := d.Holds(column, part)
		texts[i], args = text, append(args, more...)
	}
	c.add("("+strings.Join(texts, " OR ")+")", args...)
}

// timeOf reads a stored time.
func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// placeholders is "?, ?, …" of n question marks.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// query calls scan for each row.
func query(ctx context.Context, tx *sql.Tx, scan func(*sql.Rows) error, text string, args ...any) error {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			if err == errEnough {
				return nil
			}
			return err
		}
	}
	return rows.Err()
}

// errEnough is what a scan gives that takes no more rows.
var errEnough = errors.New("enough")
