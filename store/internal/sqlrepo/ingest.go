package sqlrepo

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync/atomic"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// maxRejected is how much of a rejected line is kept.
const maxRejected = 64 << 10

// statements are those that Ingest runs many times for a batch, where each writes one row.
type statements struct {
	record       *sql.Stmt
	bountyRepeat *sql.Stmt
	bounty       *sql.Stmt
	source       *sql.Stmt // an address that was seen before
	newSource    *sql.Stmt
	tally        *sql.Stmt
}

const (
	insertRecord = "INSERT INTO records (id, time, decky, service, type, attacker, severity, sensor, fields, msg, trace_id, span_id, raw) VALUES "
	recordRow    = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	insertBounty = "INSERT INTO bounties (digest, first_seen, last_seen, count, decky, service, attacker, type, payload) VALUES "
	bountyRow    = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
	insertSource = "INSERT INTO sources (attacker, records, bounties, credentials) VALUES "
	sourceRow    = "(?, ?, ?, ?)"
)

// addToSource follows an insertSource and its rows: an address that is there gets more.
func (p Parts) addToSource() string {
	add := func(column string) Assign {
		return Assign{column, "sources." + column + " + " + p.Dialect.New(column)}
	}
	return p.Dialect.Upsert("", []string{"attacker"}, []Assign{add("records"), add("bounties"), add("credentials")})
}

func (s *statements) prepare(ctx context.Context, p Parts) error {
	d := p.Dialect
	if d.Rows() > 1 {
		return nil
	}
	for _, st := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.record, manyRecords.text(1)},
		{&s.bountyRepeat, "UPDATE bounties SET first_seen = " + d.Least("first_seen", "?") +
			", last_seen = " + d.Greatest("last_seen", "?") + ", count = count + ? WHERE attacker = ? AND digest = ?"},
		{&s.bounty, insertBounty + bountyRow + " ON CONFLICT DO NOTHING"},
		{&s.source, "UPDATE sources SET records = records + ?, bounties = bounties + ?, credentials = credentials + ?" +
			" WHERE attacker = ? AND records > 0"},
		{&s.newSource, insertSource + sourceRow + p.addToSource()},
		{&s.tally, insertTally + tallyRow + p.addToTally()},
	} {
		var err error
		if *st.stmt, err = p.Writer.PrepareContext(ctx, st.text); err != nil {
			return err
		}
	}
	return nil
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{s.record, s.bountyRepeat, s.bounty, s.source, s.newSource, s.tally} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// source is what a batch adds to the figures of one address.
type source struct {
	text                           string
	records, bounties, credentials int
}

func (s *source) countBounty(kind string) {
	s.bounties++
	if kind == credential {
		s.credentials++
	}
}

// batch is a store.Batch made ready for writing.
type batch struct {
	store.Batch
	bounties []bounty           // distinct
	sources  map[string]*source // by text, without ""
	texts    map[netip.Addr]*source
	cells    cells
}

// bounty is one distinct bounty of a batch with all its sightings.
type bounty struct {
	*decnet.Bounty
	digest      [sha256.Size]byte
	first, last int64
	count       int
}

// Ingest implements [store.Records].
func (r *Repo) Ingest(ctx context.Context, b store.Batch) (int64, error) {
	const op = "ingest"
	ready := batch{Batch: b, sources: make(map[string]*source), texts: make(map[netip.Addr]*source), cells: make(cells)}
	if err := ready.gather(); err != nil {
		return 0, r.fail(context.Background(), op, err)
	}
	var last int64
	run := func(tx *sql.Tx) error {
		id, err := r.ingest(ctx, tx, &ready)
		if err == nil {
			last = id
		}
		return err
	}
	err := r.begin(ctx, op, run)
	if r.written.wrong(r.Dialect, err) {
		err = r.begin(ctx, op, run)
	}
	if b.Cursor.Source != "" && r.inDoubt(err) {
		r.written.set(0)
		err = r.settle(ctx, op, err, func(tx *sql.Tx) (bool, error) { return kept(ctx, tx, &b, last) }, run)
	}
	if err != nil {
		r.written.set(0)
		return 0, err
	}
	if last > 0 {
		r.written.set(last)
	}
	return last, nil
}

// errMoved says that records were written by others.
var errMoved = errors.New("the last record is another one")

// guess is the ID of the last record while nobody else writes any: a transaction then need not
// ask for it before it writes, only beside that. The zero value knows nothing.
type guess struct {
	last   atomic.Int64
	others atomic.Bool // write records too
}

func (g *guess) set(last int64) {
	if !g.others.Load() {
		g.last.Store(last)
	}
}

// wrong reports whether a transaction failed with err because of the guess, which it gives up.
func (g *guess) wrong(d Dialect, err error) bool {
	if err == nil || g.last.Load() == 0 || !errors.Is(err, errMoved) && !d.Duplicate(err) {
		return false
	}
	g.others.Store(true)
	g.last.Store(0)
	return true
}

// kept reports whether a batch that may have been committed was: the cursor stands where the
// batch moved it, and the IDs of its records are taken.
func kept(ctx context.Context, tx *sql.Tx, b *store.Batch, last int64) (bool, error) {
	c := store.Cursor{Source: b.Cursor.Source}
	err := tx.QueryRowContext(ctx, "SELECT generation, position, last_record FROM cursors, totals WHERE source = ? AND last_record >= ?", c.Source, last).
		Scan(&c.Generation, &c.Offset, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return c == b.Cursor, err
}

// gather finds the distinct bounties of the batch, so that each is written once.
func (b *batch) gather() error {
	index := make(map[[sha256.Size]byte]int, len(b.Bounties))
	for i := range b.Bounties {
		in := &b.Bounties[i]
		payload, err := canonical(in.Payload)
		if err != nil {
			return err
		}
		next := bounty{Bounty: in, first: in.Time.UnixMicro(), last: in.Time.UnixMicro(), count: max(in.Count, 1)}
		if in.LastSeen.After(in.Time) {
			next.last = in.LastSeen.UnixMicro()
		}
		next.digest = digest(in.Type, b.source(in.Attacker).text, in.Decky, in.Service, payload)
		if at, ok := index[next.digest]; ok {
			have := &b.bounties[at]
			have.first, have.last = min(have.first, next.first), max(have.last, next.last)
			have.count += next.count
			continue
		}
		index[next.digest] = len(b.bounties)
		b.bounties = append(b.bounties, next)
	}
	return nil
}

// source returns the figures of a, which are shared by all its forms.
func (b *batch) source(a netip.Addr) *source {
	if s, ok := b.texts[a]; ok {
		return s
	}
	text := store.AddrText(a)
	s, ok := b.sources[text]
	if !ok {
		s = &source{text: text}
		if text != "" {
			b.sources[text] = s
		}
	}
	b.texts[a] = s
	return s
}

// reset forgets what a transaction that was rolled back has counted.
func (b *batch) reset() {
	for _, s := range b.texts {
		*s = source{text: s.text}
	}
	clear(b.cells)
}

// digest identifies a bounty. Lengths in front keep the parts apart.
func digest(kind, attacker, decky, service string, payload []byte) [sha256.Size]byte {
	b := make([]byte, 0, 128+len(payload))
	for _, part := range []string{kind, attacker, decky, service} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(append(b, payload...))
}

func (r *Repo) ingest(ctx context.Context, tx *sql.Tx, b *batch) (last int64, err error) {
	b.reset()
	// The statements of a batch are short: the context is asked between them, which is
	// cheaper than having each of them watch it.
	running := ctx
	ctx = context.WithoutCancel(ctx)

	var s *script // nil: each statement is run at once
	exec := func(text string, args ...any) error {
		_, err := tx.ExecContext(ctx, text, args...)
		return err
	}
	if r.Dialect.Rows() > 1 {
		s = &script{running: running, tx: tx}
		exec = s.add
		last = r.written.last.Load()
	}
	if guessed := last; guessed > 0 {
		err = s.ask(func(rows *sql.Rows) error {
			var is int64
			if err := rows.Scan(&is); err != nil {
				return err
			}
			if is != guessed {
				return errMoved
			}
			return nil
		}, lockTotals+r.Dialect.Lock())
	} else {
		last, err = r.lock(running, tx)
	}
	if err == nil && s == nil {
		err = complete(ctx, tx)
	} else if err == nil {
		err = s.ask(func(*sql.Rows) error { return errImporting }, askMark, importKey)
	}
	if err != nil {
		return 0, err
	}
	if last, err = r.ingestRecords(running, tx, s, b, last); err != nil {
		return 0, err
	}
	var newBounties, newSources int
	if s != nil {
		newBounties, newSources, err = r.ingestMany(s, b)
	} else if newBounties, err = r.ingestBounties(running, tx, b); err == nil {
		newSources, err = r.ingestSources(running, tx, b)
	}
	if err != nil {
		return 0, err
	}
	if err := r.keepTallies(ctx, tx, s, b.cells); err != nil {
		return 0, err
	}
	now := r.Now().UnixMicro()
	for _, rej := range b.Rejected {
		if err := exec("INSERT INTO rejected (time, source, position, line, reason) VALUES (?, ?, ?, ?, ?)",
			now, rej.Source, rej.Offset, rej.Line[:min(len(rej.Line), maxRejected)], rej.Reason); err != nil {
			return 0, err
		}
	}
	if b.Cursor.Source != "" {
		d := r.Dialect
		if err := exec(d.Upsert("INSERT INTO cursors (source, generation, position) VALUES (?, ?, ?)", []string{"source"},
			[]Assign{{"generation", d.New("generation")}, {"position", d.New("position")}}),
			b.Cursor.Source, b.Cursor.Generation, b.Cursor.Offset); err != nil {
			return 0, err
		}
	}
	if err := exec("UPDATE totals SET records = records + ?, attackers = attackers + ?, bounties = bounties + ?, last_record = ?",
		len(b.Records), newSources, newBounties, last); err != nil {
		return 0, err
	}
	if s != nil {
		if err := s.run(); err != nil {
			return 0, err
		}
	}
	if len(b.Records) == 0 {
		return 0, nil
	}
	return last, nil
}

// ingestRecords returns the ID of the last record, which follow that of the last one before.
func (r *Repo) ingestRecords(running context.Context, tx *sql.Tx, s *script, b *batch, last int64) (int64, error) {
	var write func(values ...any) error
	finish := func() error { return nil }
	if s != nil {
		w := &bulk{many: manyRecords, max: r.Dialect.Rows(), add: s.add}
		write, finish = w.row, w.flush
	} else {
		ctx := context.WithoutCancel(running)
		insert := tx.StmtContext(ctx, r.stmts.record)
		write = func(values ...any) error {
			if err := running.Err(); err != nil {
				return err
			}
			_, err := insert.ExecContext(ctx, values...)
			return err
		}
	}
	var fields []byte
	for i := range b.Records {
		rec := &b.Records[i]
		src := b.source(rec.Attacker)
		sensor := rec.FromSensor()
		if !sensor {
			src.records++
		}
		last++
		b.cells.add(rec.Time.UnixMicro(), rec.Decky, rec.Service, rec.Type, 1)
		fields = store.AppendFields(fields[:0], rec.Fields)
		if err := write(last, rec.Time.UnixMicro(), rec.Decky, rec.Service, rec.Type, src.text,
			int64(rec.Severity), sensor, string(fields), rec.Msg, optional(rec.Trace.TraceID), optional(rec.Trace.SpanID), rec.Raw); err != nil {
			return 0, err
		}
	}
	return last, finish()
}

// ingestBounties returns how many bounties were new. Most of a batch are, or most are not: what
// the one before was is tried first.
func (r *Repo) ingestBounties(running context.Context, tx *sql.Tx, b *batch) (added int, err error) {
	ctx := context.WithoutCancel(running)
	repeat, insert := tx.StmtContext(ctx, r.stmts.bountyRepeat), tx.StmtContext(ctx, r.stmts.bounty)
	isNew := false
	for i := range b.bounties {
		if err := running.Err(); err != nil {
			return 0, err
		}
		in := &b.bounties[i]
		src := b.source(in.Attacker)
		for written := int64(0); ; isNew = !isNew {
			if isNew {
				written, err = affected(insert.ExecContext(ctx, in.digest[:], in.first, in.last, in.count,
					in.Decky, in.Service, src.text, in.Type, string(in.Payload)))
			} else {
				written, err = affected(repeat.ExecContext(ctx, in.first, in.last, in.count, src.text, in.digest[:]))
			}
			if err != nil {
				return 0, err
			}
			if written > 0 {
				break
			}
		}
		if isNew {
			added++
			src.countBounty(in.Type)
		}
	}
	return added, nil
}

// credential is the type of the bounties that are counted apart.
const credential = "credential"

// ingestSources returns how many addresses had no record before.
func (r *Repo) ingestSources(running context.Context, tx *sql.Tx, b *batch) (added int, err error) {
	ctx := context.WithoutCancel(running)
	update, insert := tx.StmtContext(ctx, r.stmts.source), tx.StmtContext(ctx, r.stmts.newSource)
	for _, s := range b.sources {
		if err := running.Err(); err != nil {
			return 0, err
		}
		if s.records+s.bounties == 0 {
			continue
		}
		known, err := affected(update.ExecContext(ctx, s.records, s.bounties, s.credentials, s.text))
		if err != nil {
			return 0, err
		}
		if known > 0 {
			continue
		}
		if _, err := insert.ExecContext(ctx, s.text, s.records, s.bounties, s.credentials); err != nil {
			return 0, err
		}
		if s.records > 0 {
			added++
		}
	}
	return added, nil
}

// optional is NULL for "".
func optional(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
