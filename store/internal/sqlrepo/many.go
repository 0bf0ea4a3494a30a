package sqlrepo

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"strings"
)

// maxStatement is the size that a statement of many rows may have, in bytes of its values,
// unless one row alone is larger.
const maxStatement = 512 << 10

// many is a statement for any number of rows: row, sep and row again between head and tail.
type many struct{ head, row, sep, tail string }

func (m many) text(rows int) string {
	return m.head + m.row + strings.Repeat(m.sep+m.row, rows-1) + m.tail
}

// bulk gathers the values of many rows and hands them to run, max rows at a time.
type bulk struct {
	running context.Context // asked between statements
	max     int
	run     func(ctx context.Context, rows int, args []any) error

	args        []any
	count, size int
}

// add adds a row of values, of which about size bytes are text.
func (b *bulk) add(size int, values ...any) error {
	if b.count == b.max || b.count > 0 && b.size+size > maxStatement {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.args = append(b.args, values...)
	b.count++
	b.size += size
	return nil
}

// flush hands over what is left.
func (b *bulk) flush() error {
	if b.count == 0 {
		return nil
	}
	if err := b.running.Err(); err != nil {
		return err
	}
	err := b.run(context.WithoutCancel(b.running), b.count, b.args)
	clear(b.args)
	b.args, b.count, b.size = b.args[:0], 0, 0
	return err
}

// inserts writes rows with m.
func (r *Repo) inserts(ctx context.Context, tx *sql.Tx, m many) *bulk {
	return &bulk{running: ctx, max: r.Dialect.Rows(), run: func(ctx context.Context, rows int, args []any) error {
		_, err := tx.ExecContext(ctx, m.text(rows), args...)
		return err
	}}
}

// finds asks with m, and calls found for each row of the result.
func (r *Repo) finds(ctx context.Context, tx *sql.Tx, m many, found func(*sql.Rows) error) *bulk {
	return &bulk{running: ctx, max: r.Dialect.Rows(), run: func(ctx context.Context, rows int, args []any) error {
		return query(ctx, tx, found, m.text(rows), args...)
	}}
}

// manyRecords is the statement that writes records.
var manyRecords = many{head: insertRecord, row: recordRow, sep: ", "}

// InsertRecords is the statement that writes n records, each with its thirteen values in the
// order of the table's columns.
func InsertRecords(n int) string { return manyRecords.text(n) }

// manyBounties does what ingestBounties does, with few statements.
func (r *Repo) manyBounties(ctx context.Context, tx *sql.Tx, b *batch) (added int, err error) {
	known := make(map[[sha256.Size]byte]bool, len(b.bounties))
	find := r.finds(ctx, tx, many{"SELECT digest FROM bounties WHERE ", "(attacker = ? AND digest = ?)", " OR ", ""}, func(rows *sql.Rows) error {
		var digest sql.RawBytes
		if err := rows.Scan(&digest); err != nil {
			return err
		}
		known[[sha256.Size]byte(digest)] = true
		return nil
	})
	for i := range b.bounties {
		in := &b.bounties[i]
		if err := find.add(0, b.source(in.Attacker).text, in.digest[:]); err != nil {
			return 0, err
		}
	}
	if err := find.flush(); err != nil {
		return 0, err
	}
	d := r.Dialect
	write := r.inserts(ctx, tx, many{insertBounty, bountyRow, ", ", d.Upsert("", []string{"attacker", "digest"}, []Assign{
		{"first_seen", d.Least("bounties.first_seen", d.New("first_seen"))},
		{"last_seen", d.Greatest("bounties.last_seen", d.New("last_seen"))},
		{"count", "bounties.count + " + d.New("count")},
	})})
	for i := range b.bounties {
		in := &b.bounties[i]
		src := b.source(in.Attacker)
		if err := write.add(len(in.Payload), in.digest[:], in.first, in.last, in.count, in.Decky, in.Service, src.text, in.Type, string(in.Payload)); err != nil {
			return 0, err
		}
		if !known[in.digest] {
			added++
			src.countBounty(in.Type)
		}
	}
	return added, write.flush()
}

// manySources does what ingestSources does, with few statements.
func (r *Repo) manySources(ctx context.Context, tx *sql.Tx, b *batch) (added int, err error) {
	known := make(map[string]bool, len(b.sources))
	find := r.finds(ctx, tx, many{"SELECT attacker FROM sources WHERE records > 0 AND attacker IN (", "?", ", ", ")"}, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		known[text] = true
		return err
	})
	write := r.inserts(ctx, tx, many{insertSource, sourceRow, ", ", r.addToSource()})
	for _, s := range b.sources {
		if s.records > 0 {
			if err := find.add(len(s.text), s.text); err != nil {
				return 0, err
			}
		}
	}
	if err := find.flush(); err != nil {
		return 0, err
	}
	for _, s := range b.sources {
		if s.records+s.bounties == 0 {
			continue
		}
		if err := write.add(len(s.text), s.text, s.records, s.bounties, s.credentials); err != nil {
			return 0, err
		}
		if s.records > 0 && !known[s.text] {
			added++
		}
	}
	return added, write.flush()
}
