package sqlrepo

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"
)

// maxScript is the size that the values of a script may have, in bytes, unless one row alone
// is larger. It is far below what every server takes at a time.
const maxScript = 512 << 10

// script gathers statements and runs them in one round trip.
type script struct {
	running context.Context // asked before each round trip
	tx      *sql.Tx

	texts []string
	args  []any
	size  int
	found []func(*sql.Rows) error // for each statement that is a query
}

// add adds a statement. What was gathered before is run first when both are too large.
func (s *script) add(text string, args ...any) error {
	size := sizeOf(args)
	if s.size > 0 && s.size+size > maxScript {
		if err := s.run(); err != nil {
			return err
		}
	}
	s.texts = append(s.texts, text)
	s.args = append(s.args, args...)
	s.size += size
	return nil
}

// ask adds a query; found is called for each row of its result when it is run.
func (s *script) ask(found func(*sql.Rows) error, text string, args ...any) error {
	err := s.add(text, args...)
	s.found = append(s.found, found)
	return err
}

// run runs what was gathered.
func (s *script) run() error {
	if len(s.texts) == 0 {
		return nil
	}
	if err := s.running.Err(); err != nil {
		return err
	}
	ctx := context.WithoutCancel(s.running)
	text, args, found := strings.Join(s.texts, "; "), s.args, s.found
	s.texts, s.args, s.size, s.found = nil, nil, 0, nil
	if len(found) == 0 {
		_, err := s.tx.ExecContext(ctx, text, args...)
		return err
	}
	rows, err := s.tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for i, f := range found {
		if i > 0 && !rows.NextResultSet() {
			return errors.Join(rows.Err(), errors.New("a result is missing"))
		}
		for rows.Next() {
			if err := f(rows); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// sizeOf is about the size of values.
func sizeOf(values []any) int {
	n := 0
	for _, v := range values {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		case sql.NullString:
			n += len(v.String)
		}
		n += 8
	}
	return n
}

// many is a statement for any number of rows: row, sep and row again between head and tail.
type many struct{ head, row, sep, tail string }

func (m many) text(rows int) string {
	return m.head + m.row + strings.Repeat(m.sep+m.row, rows-1) + m.tail
}

// bulk gathers the values of rows into statements of at most max rows.
type bulk struct {
	many
	max int
	add func(text string, args ...any) error // takes a statement

	args        []any
	count, size int
}

// row adds a row.
func (b *bulk) row(values ...any) error {
	size := sizeOf(values)
	if b.count == b.max || b.count > 0 && b.size+size > maxScript {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.args = append(b.args, values...)
	b.count++
	b.size += size
	return nil
}

// flush makes a statement of the rows that are left.
func (b *bulk) flush() error {
	if b.count == 0 {
		return nil
	}
	err := b.add(b.text(b.count), b.args...)
	b.args, b.count, b.size = b.args[:0], 0, 0
	return err
}

var (
	manyRecords     = many{head: insertRecord, row: recordRow, sep: ", "}
	manyKnownDigest = many{head: "SELECT digest FROM bounties WHERE ", row: "(attacker = ? AND digest = ?)", sep: " OR "}
	manyKnownSource = many{head: "SELECT attacker FROM sources WHERE records > 0 AND attacker IN (", row: "?", sep: ", ", tail: ")"}
)

// InsertRecords is the statement that writes n records, each with its thirteen values in the
// order of the table's columns.
func InsertRecords(n int) string { return manyRecords.text(n) }

// ingestMany does what ingestBounties and ingestSources do, with few statements: s runs once
// for what is known, and the rest is added to it.
func (r *Repo) ingestMany(s *script, b *batch) (newBounties, newSources int, err error) {
	known, knownSources, err := r.known(s, b)
	if err != nil {
		return 0, 0, err
	}
	d := r.Dialect
	write := &bulk{max: d.Rows(), add: s.add, many: many{insertBounty, bountyRow, ", ", d.Upsert("", []string{"attacker", "digest"}, []Assign{
		{"first_seen", d.Least("bounties.first_seen", d.New("first_seen"))},
		{"last_seen", d.Greatest("bounties.last_seen", d.New("last_seen"))},
		{"count", "bounties.count + " + d.New("count")},
	})}}
	for i := range b.bounties {
		in := &b.bounties[i]
		src := b.source(in.Attacker)
		if err := write.row(in.digest[:], in.first, in.last, in.count, in.Decky, in.Service, src.text, in.Type, string(in.Payload)); err != nil {
			return 0, 0, err
		}
		if !known[in.digest] {
			newBounties++
			src.countBounty(in.Type)
		}
	}
	if err := write.flush(); err != nil {
		return 0, 0, err
	}
	write = &bulk{max: d.Rows(), add: s.add, many: many{insertSource, sourceRow, ", ", r.addToSource()}}
	for _, src := range b.sources {
		if src.records+src.bounties == 0 {
			continue
		}
		if err := write.row(src.text, src.records, src.bounties, src.credentials); err != nil {
			return 0, 0, err
		}
		if src.records > 0 && !knownSources[src.text] {
			newSources++
		}
	}
	return newBounties, newSources, write.flush()
}

// known finds the bounties of the batch that are there already, and the addresses of its
// records that had records before.
func (r *Repo) known(s *script, b *batch) (bounties map[[sha256.Size]byte]bool, sources map[string]bool, err error) {
	bounties, sources = make(map[[sha256.Size]byte]bool, len(b.bounties)), make(map[string]bool, len(b.sources))
	ask := func(found func(text sql.RawBytes)) func(string, ...any) error {
		return func(text string, args ...any) error {
			return s.ask(func(rows *sql.Rows) error {
				var text sql.RawBytes
				err := rows.Scan(&text)
				if err == nil {
					found(text)
				}
				return err
			}, text, args...)
		}
	}
	digests := &bulk{many: manyKnownDigest, max: r.Dialect.Rows(), add: ask(func(text sql.RawBytes) { bounties[[sha256.Size]byte(text)] = true })}
	for i := range b.bounties {
		in := &b.bounties[i]
		if err := digests.row(b.source(in.Attacker).text, in.digest[:]); err != nil {
			return nil, nil, err
		}
	}
	if err := digests.flush(); err != nil {
		return nil, nil, err
	}
	addresses := &bulk{many: manyKnownSource, max: r.Dialect.Rows(), add: ask(func(text sql.RawBytes) { sources[string(text)] = true })}
	for _, src := range b.sources {
		if src.records > 0 {
			if err := addresses.row(src.text); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := addresses.flush(); err != nil {
		return nil, nil, err
	}
	return bounties, sources, s.run()
}
