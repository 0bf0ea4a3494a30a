package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

const recordColumns = "id, time, decky, service, type, attacker, severity, fields, msg, trace_id, span_id, raw"

// Cursor implements [store.Records].
func (r *Repo) Cursor(ctx context.Context, source string) (store.Cursor, error) {
	c := store.Cursor{Source: source}
	err := r.read(ctx, "cursor of "+source, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT generation, position FROM cursors WHERE source = ?", source).Scan(&c.Generation, &c.Offset)
	})
	if err != nil {
		return store.Cursor{}, err
	}
	return c, nil
}

// Records implements [store.Records].
func (r *Repo) Records(ctx context.Context, f store.Filter) ([]store.Record, error) {
	const op = "records"
	limit, err := r.page(op, f.Limit, f.Offset)
	if err != nil {
		return nil, err
	}
	f.Limit = limit
	if _, _, err := RecordsQuery(r.Dialect, f); err != nil {
		return nil, r.fail(context.Background(), op, err)
	}
	var out []store.Record
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		if f.Offset >= deep {
			if err := passOver(ctx, tx, &f); err != nil {
				return err
			}
		}
		text, args, err := RecordsQuery(r.Dialect, f)
		if err != nil {
			return err
		}
		return scanRecords(ctx, tx, &out, f.Bytes, text, args...)
	})
	return out, err
}

// RecordsQuery is the query of Records for f, of which Limit is taken as it is.
func RecordsQuery(d Dialect, f store.Filter) (text string, args []any, err error) {
	c, err := recordConditions(d, f)
	if err != nil {
		return "", nil, err
	}
	from, order := "records", " ORDER BY time DESC, id DESC"
	c.before("time", f.Before)
	if f.AfterID != 0 {
		if f.Before != (store.Mark{}) {
			return "", nil, fmt.Errorf("AfterID and Before: %w", decnet.ErrInvalid)
		}
		from, order = "records "+d.ByID(), " ORDER BY id"
	}
	return "SELECT " + recordColumns + " FROM " + from + c.String() + order + " LIMIT ? OFFSET ?",
		append(c.args, f.Limit, f.Offset), nil
}

func recordConditions(d Dialect, f store.Filter) (*conditions, error) {
	terms, err := store.ParseSearch(f.Search)
	if err != nil {
		return nil, err
	}
	c := &conditions{}
	if f.AfterID != 0 {
		c.add("id > ?", f.AfterID)
	}
	if !f.Start.IsZero() {
		c.add("time >= ?", f.Start.UnixMicro())
	}
	if !f.End.IsZero() {
		c.add("time <= ?", f.End.UnixMicro())
	}
	for _, t := range terms {
		switch t.Target {
		case store.MatchDecky:
			c.add("decky = ?", t.Value)
		case store.MatchService:
			c.add("service = ?", t.Value)
		case store.MatchEvent:
			c.add("type = ?", t.Value)
		case store.MatchAttacker:
			c.add("attacker = ?", t.Value)
		case store.MatchField:
			c.add(d.Contains("fields"), string(store.AppendField(nil, decnet.F(t.Key, t.Value))))
		case store.MatchText:
			c.contains(d, t.Value, "raw", "decky", "service", "attacker")
		}
	}
	return c, nil
}

// scanRecords stops with the record with which the raw lines have most bytes; 0: never.
func scanRecords(ctx context.Context, tx *sql.Tx, out *[]store.Record, most int, text string, args ...any) error {
	size := 0
	return query(ctx, tx, func(rows *sql.Rows) error {
		var rec store.Record
		var at int64
		var attacker, fields string
		var trace, span sql.NullString
		if err := rows.Scan(&rec.ID, &at, &rec.Decky, &rec.Service, &rec.Type, &attacker, &rec.Severity,
			&fields, &rec.Msg, &trace, &span, &rec.Raw); err != nil {
			return err
		}
		var err error
		if rec.Fields, err = store.ParseFields(fields); err != nil {
			return err
		}
		rec.Time = timeOf(at)
		rec.Attacker = addrOf(attacker)
		rec.Trace = decnet.Trace{TraceID: trace.String, SpanID: span.String}
		*out = append(*out, rec)
		if size += len(rec.Raw); most > 0 && size >= most {
			return errEnough
		}
		return nil
	}, text, args...)
}

// addrOf reads a stored address.
func addrOf(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a
}

// CountRecords implements [store.Records].
func (r *Repo) CountRecords(ctx context.Context, f store.Filter) (int, error) {
	const op = "count records"
	text, args, err := CountQuery(r.Dialect, f)
	if err != nil {
		return 0, r.fail(context.Background(), op, err)
	}
	var n int
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, text, args...).Scan(&n)
	})
	return n, err
}

// CountQuery is the query of CountRecords for f. It reads kept figures where there are some.
func CountQuery(d Dialect, f store.Filter) (text string, args []any, err error) {
	c, err := recordConditions(d, f)
	if err != nil {
		return "", nil, err
	}
	if len(c.parts) == 0 {
		return "SELECT records FROM totals", nil, nil
	}
	text, args = "SELECT COUNT(*) FROM records"+c.String(), c.args
	if f.Most > 0 {
		text, args = "SELECT COUNT(*) FROM (SELECT 1 FROM records"+c.String()+" LIMIT ?) t", append(args, f.Most)
	}
	if s, ok := tallied(f); ok {
		from, to := bounds(f)
		text, args, err = s.sum(d, f, cover(from, to, s.spans()))
	}
	return text, args, err
}

// MaxRecordID implements [store.Records].
func (r *Repo) MaxRecordID(ctx context.Context) (int64, error) {
	return r.total(ctx, "maximum record ID", "last_record")
}

// Histogram implements [store.Records].
func (r *Repo) Histogram(ctx context.Context, f store.Filter, step time.Duration) ([]store.Bucket, error) {
	const op = "histogram"
	if step < time.Second {
		return nil, r.invalid(op, "step %v, at least 1s", step)
	}
	text, args, err := HistogramQuery(r.Dialect, f, step)
	if err != nil {
		return nil, r.fail(context.Background(), op, err)
	}
	var out []store.Bucket
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		return query(ctx, tx, func(rows *sql.Rows) error {
			var at int64
			var b store.Bucket
			if err := rows.Scan(&at, &b.Count); err != nil {
				return err
			}
			b.Time = timeOf(at)
			out = append(out, b)
			return nil
		}, text, args...)
	})
	return out, err
}

// HistogramQuery is the query of Histogram. It reads kept figures where there are some.
func HistogramQuery(d Dialect, f store.Filter, step time.Duration) (text string, args []any, err error) {
	c, err := recordConditions(d, f)
	if err != nil {
		return "", nil, err
	}
	micros := step.Microseconds()
	if s, ok := tallied(f); ok {
		spans := slices.DeleteFunc(s.spans(), func(span int64) bool { return micros%span != 0 })
		from, to := bounds(f)
		if parts := cover(from, to, spans); len(spans) > 0 && len(parts) > 0 {
			return s.histogram(d, f, parts, micros)
		}
	}
	return "SELECT " + floorSQL("time") + " AS start, COUNT(*) FROM records" + c.String() + " GROUP BY start ORDER BY start",
		append([]any{micros, micros, micros}, c.args...), nil
}

// floorSQL is an expression of the multiple of a step, given three times, that is not above
// column. The remainder is made positive first, so that this holds before the epoch too.
func floorSQL(column string) string { return column + " - ((" + column + " % ?) + ?) % ?" }

// Rejected implements [store.Records].
func (r *Repo) Rejected(ctx context.Context, limit int) ([]store.Rejected, error) {
	const op = "rejected"
	limit, err := r.page(op, limit, 0)
	if err != nil {
		return nil, err
	}
	var out []store.Rejected
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		return query(ctx, tx, func(rows *sql.Rows) error {
			var rej store.Rejected
			if err := rows.Scan(&rej.Source, &rej.Offset, &rej.Line, &rej.Reason); err != nil {
				return err
			}
			out = append(out, rej)
			return nil
		}, "SELECT source, position, line, reason FROM rejected ORDER BY id DESC LIMIT ?", limit)
	})
	return out, err
}

// total reads one kept figure.
func (r *Repo) total(ctx context.Context, op, column string) (int64, error) {
	var n int64
	err := r.read(ctx, op, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT "+column+" FROM totals").Scan(&n)
	})
	return n, err
}

// Totals implements [store.Stats].
func (r *Repo) Totals(ctx context.Context) (store.Totals, error) {
	var t store.Totals
	err := r.read(ctx, "totals", func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT records, attackers, bounties FROM totals").Scan(&t.Records, &t.Attackers, &t.Bounties)
	})
	return t, err
}
