package sqlrepo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// importKey is the row of state that marks a store which is being filled.
const importKey = "\x00import"

// importMark is its value.
type importMark struct {
	From    string
	Figures store.Figures
}

var errImporting = fmt.Errorf("it is an unfinished copy of another store: complete it, or reset it: %w", decnet.ErrSemantic)

// askMark has a row when the store is being filled, by whatever process.
const askMark = "SELECT 1 FROM state WHERE name = ?"

// complete gives errImporting when the store is being filled.
func complete(ctx context.Context, tx *sql.Tx) error {
	return query(ctx, tx, func(*sql.Rows) error { return errImporting }, askMark, importKey)
}

// readMark returns nil when there is none.
func readMark(ctx context.Context, tx *sql.Tx) (*importMark, error) {
	var text []byte
	err := tx.QueryRowContext(ctx, "SELECT value FROM state WHERE name = ?", importKey).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var mark importMark
	return &mark, json.Unmarshal(text, &mark)
}

// Figures implements [store.Exporter].
func (r *Repo) Figures(ctx context.Context) (f store.Figures, err error) {
	err = r.read(ctx, "figures", func(tx *sql.Tx) (err error) {
		f, err = figures(ctx, tx)
		return err
	})
	return f, err
}

func figures(ctx context.Context, tx *sql.Tx) (f store.Figures, err error) {
	err = tx.QueryRowContext(ctx, "SELECT records, attackers, bounties, last_record, profiled_through FROM totals").
		Scan(&f.Records, &f.Attackers, &f.Bounties, &f.LastRecord, &f.ProfiledThrough)
	return f, err
}

// table finds a table by its name.
func (r *Repo) table(op, name string) (store.Table, error) {
	for _, t := range store.Tables() {
		if t.Name == name {
			return t, nil
		}
	}
	return store.Table{}, r.invalid(op, "there is no table %q", name)
}

// columns returns the names of the first n columns.
func columns(t store.Table, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = t.Columns[i].Name
	}
	return names
}

// rowsOf are the conditions of the rows of a table that belong to its content.
func rowsOf(t store.Table) *conditions {
	c := &conditions{}
	if t.Name == "state" {
		c.add("name <> ?", importKey)
	}
	return c
}

// maxExport is about the size that the rows of one export may have, in bytes, unless one row
// alone is larger.
const maxExport = 4 << 20

// Export implements [store.Exporter].
func (r *Repo) Export(ctx context.Context, table string, after []any, limit int) ([][]any, error) {
	op := "export " + table
	t, err := r.table(op, table)
	if err != nil {
		return nil, err
	}
	if limit, err = r.page(op, limit, 0); err != nil {
		return nil, err
	}
	c := rowsOf(t)
	if after != nil {
		if len(after) != t.Key {
			return nil, r.invalid(op, "%d values are no key", len(after))
		}
		if err := keyCondition(c, t, after); err != nil {
			return nil, r.invalid(op, "%v", err)
		}
	}
	text := "SELECT " + strings.Join(columns(t, len(t.Columns)), ", ") + " FROM " + t.Name + c.String() +
		" ORDER BY " + strings.Join(columns(t, t.Key), ", ") + " LIMIT ?"
	var out [][]any
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		if err := complete(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, text, append(c.args, limit)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for size := 0; size < maxExport && rows.Next(); {
			row, err := scanRow(rows, t.Columns)
			if err != nil {
				return err
			}
			out = append(out, row)
			size += sizeOf(row)
		}
		return rows.Err()
	})
	return out, err
}

// keyCondition adds the condition that a row follows the one with the key.
func keyCondition(c *conditions, t store.Table, key []any) error {
	for i, v := range key {
		switch v.(type) {
		case int64:
			if t.Columns[i].Kind == store.Int {
				continue
			}
		case string:
			if t.Columns[i].Kind == store.Text {
				continue
			}
		}
		return fmt.Errorf("%T is no %s", v, t.Columns[i].Name)
	}
	first, last := t.Columns[0].Name, t.Columns[t.Key-1].Name
	if t.Key == 1 {
		c.add(first+" > ?", key[0])
		return nil
	}
	c.add(first+" >= ?", key[0])
	c.add("("+first+" > ? OR "+last+" > ?)", key[0], key[1])
	return nil
}

// scanRow reads the columns of one row as store.Kind says.
func scanRow(rows interface{ Scan(...any) error }, columns []store.Column) ([]any, error) {
	into := make([]any, len(columns))
	for i, c := range columns {
		switch c.Kind {
		case store.Int:
			into[i] = new(int64)
		case store.Text:
			into[i] = new(sql.NullString)
		case store.Blob:
			into[i] = new([]byte)
		}
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	row := make([]any, len(columns))
	for i, v := range into {
		switch v := v.(type) {
		case *int64:
			row[i] = *v
		case *sql.NullString:
			if v.Valid {
				row[i] = v.String
			}
		case *[]byte:
			if *v != nil {
				row[i] = *v
			}
		}
	}
	return row, nil
}

// CountRows implements [store.Exporter].
func (r *Repo) CountRows(ctx context.Context, table string) (n int64, err error) {
	op := "count rows of " + table
	t, err := r.table(op, table)
	if err != nil {
		return 0, err
	}
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		c := rowsOf(t)
		return tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t.Name+c.String(), c.args...).Scan(&n)
	})
	return n, err
}

// BeginImport implements [store.Importer].
func (r *Repo) BeginImport(ctx context.Context, from string, f store.Figures) error {
	return r.writeAlways(ctx, "begin import", func(tx *sql.Tx) error {
		switch mark, err := readMark(ctx, tx); {
		case err != nil:
			return err
		case mark != nil && mark.From != from:
			return fmt.Errorf("it is an unfinished copy of %s: %w", mark.From, decnet.ErrConflict)
		case mark != nil && mark.Figures != f:
			return fmt.Errorf("%s was written to since the copy began, reset this one and begin again: %w", from, decnet.ErrConflict)
		case mark != nil:
			return nil
		}
		have, err := figures(ctx, tx)
		if err != nil {
			return err
		}
		empty := have == store.Figures{}
		for _, t := range store.Tables() {
			var any bool
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+t.Name+")").Scan(&any); err != nil {
				return err
			}
			empty = empty && !any
		}
		if !empty {
			return fmt.Errorf("it is not empty: %w", decnet.ErrConflict)
		}
		text, err := json.Marshal(importMark{from, f})
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO state (name, value) VALUES (?, ?)", importKey, string(text))
		return err
	})
}

// Imported implements [store.Importer].
func (r *Repo) Imported(ctx context.Context, table string) (key []any, err error) {
	op := "last row of " + table
	t, err := r.table(op, table)
	if err != nil {
		return nil, err
	}
	c := rowsOf(t)
	names := columns(t, t.Key)
	text := "SELECT " + strings.Join(names, ", ") + " FROM " + t.Name + c.String() + " ORDER BY " + strings.Join(names, " DESC, ") + " DESC LIMIT 1"
	err = r.read(ctx, op, func(tx *sql.Tx) (err error) {
		key, err = scanRow(tx.QueryRowContext(ctx, text, c.args...), t.Columns[:t.Key])
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return key, err
}

// Import implements [store.Importer].
func (r *Repo) Import(ctx context.Context, table string, rows [][]any) error {
	op := "import " + table
	t, err := r.table(op, table)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if len(row) != len(t.Columns) {
			return r.invalid(op, "a row of %d values", len(row))
		}
	}
	return r.writeAlways(ctx, op, func(tx *sql.Tx) error {
		if mark, err := readMark(ctx, tx); err != nil {
			return err
		} else if mark == nil {
			return fmt.Errorf("no copy was begun: %w", decnet.ErrConflict)
		}
		if t.Name == "records" {
			if err := r.keepTallies(ctx, tx, nil, cellsOf(rows)); err != nil {
				return err
			}
		}
		insert := many{head: "INSERT INTO " + t.Name + " (" + strings.Join(columns(t, len(t.Columns)), ", ") + ") VALUES ",
			row: "(" + placeholders(len(t.Columns)) + ")", sep: ", "}
		if r.Dialect.Rows() > 1 {
			w := &bulk{many: insert, max: r.Dialect.Rows(), add: func(text string, args ...any) error {
				_, err := tx.ExecContext(ctx, text, args...)
				return err
			}}
			for _, row := range rows {
				if err := w.row(row...); err != nil {
					return err
				}
			}
			return w.flush()
		}
		stmt, err := tx.PrepareContext(ctx, insert.text(1))
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, row := range rows {
			if _, err := stmt.ExecContext(ctx, row...); err != nil {
				return err
			}
		}
		return nil
	})
}

// cellsOf counts rows of the table of records.
func cellsOf(rows [][]any) cells {
	c := make(cells)
	for _, row := range rows { // of the columns id, time, decky, service and type
		at, _ := row[1].(int64)
		decky, _ := row[2].(string)
		service, _ := row[3].(string)
		kind, _ := row[4].(string)
		c.add(at, decky, service, kind, 1)
	}
	return c
}

// EndImport implements [store.Importer].
func (r *Repo) EndImport(ctx context.Context) error {
	return r.writeAlways(ctx, "end import", func(tx *sql.Tx) error {
		mark, err := readMark(ctx, tx)
		if err != nil {
			return err
		}
		if mark == nil {
			return fmt.Errorf("no copy was begun: %w", decnet.ErrConflict)
		}
		f := mark.Figures
		if _, err := tx.ExecContext(ctx, "UPDATE totals SET records = ?, attackers = ?, bounties = ?, last_record = ?, profiled_through = ?",
			f.Records, f.Attackers, f.Bounties, f.LastRecord, f.ProfiledThrough); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM state WHERE name = ?", importKey)
		return err
	})
}
