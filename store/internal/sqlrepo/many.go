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
	return errors.Join(rows.Err(), rows.Close()) // what follows the last query may have failed
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
	manyKnownDigest = many{head: "SELECT digest, 0 FROM bounties WHERE ", row: "(attacker = ? AND digest = ?)", sep: " OR "}
	manyKnownSource = many{head: "SELECT attacker FROM sources WHERE records > 0 AND attacker IN (", row: "?", sep: ", ", tail: ")"}
)

// ingestMany does what ingestBounties and ingestSources do, with few statements: s runs once
// to learn what is new, and the rest is added to it.
func (r *Repo) ingestMany(s *script, b *batch) (newBounties, newSources int, err error) {
	d := r.Dialect
	upsert := many{insertBounty, bountyRow, ", ", d.Upsert("", []string{"attacker", "digest"}, []Assign{
		{"first_seen", d.Least("bounties.first_seen", d.New("first_seen"))},
		{"last_seen", d.Greatest("bounties.last_seen", d.New("last_seen"))},
		{"count", "bounties.count + " + d.New("count")},
	})}
	// What was there has a greater count than the batch, once it was written.
	counts := make(map[[sha256.Size]byte]int, len(b.bounties))
	known := func(rows *sql.Rows) error {
		var digest sql.RawBytes
		var count int
		err := rows.Scan(&digest, &count)
		if err == nil && count != counts[[sha256.Size]byte(digest)] {
			delete(counts, [sha256.Size]byte(digest))
		}
		return err
	}
	for i := range b.bounties {
		counts[b.bounties[i].digest] = b.bounties[i].count
	}
	if d.Returning() {
		upsert.tail += " RETURNING digest, count"
		err = b.writeBounties(&bulk{many: upsert, max: d.Rows(), add: s.asking(known)})
	} else {
		ask := &bulk{many: manyKnownDigest, max: d.Rows(), add: s.asking(known)}
		for i := range b.bounties {
			in := &b.bounties[i]
			if err := ask.row(b.source(in.Attacker).text, in.digest[:]); err != nil {
				return 0, 0, err
			}
		}
		err = ask.flush()
	}
	if err != nil {
		return 0, 0, err
	}
	knownSources, err := r.knownSources(s, b)
	if err != nil {
		return 0, 0, err
	}
	if !d.Returning() {
		if err := b.writeBounties(&bulk{many: upsert, max: d.Rows(), add: s.add}); err != nil {
			return 0, 0, err
		}
	}
	for i := range b.bounties {
		if in := &b.bounties[i]; counts[in.digest] > 0 {
			newBounties++
			b.source(in.Attacker).countBounty(in.Type)
		}
	}
	write := &bulk{max: d.Rows(), add: s.add, many: many{insertSource, sourceRow, ", ", r.addToSource()}}
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

func (b *batch) writeBounties(w *bulk) error {
	for i := range b.bounties {
		in := &b.bounties[i]
		if err := w.row(in.digest[:], in.first, in.last, in.count, in.Decky, in.Service, b.source(in.Attacker).text, in.Type, string(in.Payload)); err != nil {
			return err
		}
	}
	return w.flush()
}

// asking is ask for a bulk.
func (s *script) asking(found func(*sql.Rows) error) func(string, ...any) error {
	return func(text string, args ...any) error { return s.ask(found, text, args...) }
}

// knownSources runs s, and finds the addresses of the records of the batch that had records
// before.
func (r *Repo) knownSources(s *script, b *batch) (map[string]bool, error) {
	known := make(map[string]bool, len(b.sources))
	ask := &bulk{many: manyKnownSource, max: r.Dialect.Rows(), add: s.asking(func(rows *sql.Rows) error {
		var text sql.RawBytes
		err := rows.Scan(&text)
		known[string(text)] = true
		return err
	})}
	for _, src := range b.sources {
		if src.records > 0 {
			if err := ask.row(src.text); err != nil {
				return nil, err
			}
		}
	}
	if err := ask.flush(); err != nil {
		return nil, err
	}
	return known, s.run()
}
