package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet/store"
)

// Tallies are numbers of records that are kept with every batch: of all records, and of
// those of one decky, one service, one type, and one type of one service, each by spans of
// time. Counts, histograms and deep pages of these are read from them.
//
// The kinds of tallies, as they are stored.
const (
	tallyAll     = iota
	tallyDecky   // value is the decky
	tallyService // value is the service
	tallyType    // value is the type
	tallyEvent   // value is the service, second the type
)

// The spans of tallies, in microseconds. There are minutes of all records alone.
const (
	quarter = int64(15 * time.Minute / time.Microsecond)
	minute  = int64(time.Minute / time.Microsecond)
)

// subject is what a tally counts.
type subject struct {
	kind          int64
	value, second string
}

// tally is the key of a row of tallies.
type tally struct {
	subject
	span, start int64
}

// cell are records that every tally counts together.
type cell struct {
	minute               int64 // its start
	decky, service, kind string
}

// cells counts records, negative ones that are deleted.
type cells map[cell]int

func (c cells) add(at int64, decky, service, kind string, n int) {
	c[cell{floor(at, minute), decky, service, kind}] += n
}

// floor is the greatest multiple of step that is not above at.
func floor(at, step int64) int64 { return at - ((at%step)+step)%step }

// tallies are what the cells add to each tally, in the order of the key.
func (c cells) tallies() (keys []tally, counts map[tally]int) {
	counts = make(map[tally]int, 6*len(c))
	for in, n := range c {
		start := floor(in.minute, quarter)
		counts[tally{subject{kind: tallyAll}, minute, in.minute}] += n
		for _, s := range []subject{{kind: tallyAll}, {tallyDecky, in.decky, ""}, {tallyService, in.service, ""},
			{tallyType, in.kind, ""}, {tallyEvent, in.service, in.kind}} {
			counts[tally{s, quarter, start}] += n
		}
	}
	keys = make([]tally, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, tally.compare)
	return keys, counts
}

func (t tally) compare(u tally) int {
	switch {
	case t.kind != u.kind:
		return int(t.kind - u.kind)
	case t.value != u.value:
		return strings.Compare(t.value, u.value)
	case t.second != u.second:
		return strings.Compare(t.second, u.second)
	case t.span != u.span:
		return int(t.span - u.span)
	case t.start < u.start:
		return -1
	}
	return 1
}

const (
	insertTally = "INSERT INTO tallies (kind, value, second, span, start, records) VALUES "
	tallyRow    = "(?, ?, ?, ?, ?, ?)"
)

var manyEmptyTallies = many{head: "DELETE FROM tallies WHERE records <= 0 AND (", sep: " OR ", tail: ")",
	row: "(kind = ? AND value = ? AND second = ? AND span = ? AND start = ?)"}

// addToTally follows an insertTally and its rows: a tally that is there gets more.
func (p Parts) addToTally() string {
	return p.Dialect.Upsert("", []string{"kind", "value", "second", "span", "start"},
		[]Assign{{"records", "tallies.records + " + p.Dialect.New("records")}})
}

// keepTallies adds what c counts to the tallies, with s unless that is nil.
func (r *Repo) keepTallies(ctx context.Context, tx *sql.Tx, s *script, c cells) error {
	keys, counts := c.tallies()
	if r.stmts.tally != nil {
		stmt := tx.StmtContext(ctx, r.stmts.tally)
		for _, k := range keys {
			if _, err := stmt.ExecContext(ctx, k.kind, k.value, k.second, k.span, k.start, counts[k]); err != nil {
				return err
			}
		}
		return nil
	}
	add := func(text string, args ...any) error {
		_, err := tx.ExecContext(ctx, text, args...)
		return err
	}
	if s != nil {
		add = s.add
	}
	w := &bulk{many: many{insertTally, tallyRow, ", ", r.addToTally()}, max: r.Dialect.Rows(), add: add}
	for _, k := range keys {
		if err := w.row(k.kind, k.value, k.second, k.span, k.start, counts[k]); err != nil {
			return err
		}
	}
	return w.flush()
}

// dropEmptyTallies deletes those of the tallies of c that count nothing any more.
func dropEmptyTallies(c cells, exec func(text string, args ...any) error) error {
	const most = 50 // each is one more level of the condition
	keys, _ := c.tallies()
	w := &bulk{many: manyEmptyTallies, max: most, add: exec}
	for _, k := range keys {
		if err := w.row(k.kind, k.value, k.second, k.span, k.start); err != nil {
			return err
		}
	}
	return w.flush()
}

// tallied returns what the tallies count that hold the records that f selects but for its
// times. It reports false when there are none.
func tallied(f store.Filter) (subject, bool) {
	terms, err := store.ParseSearch(f.Search)
	if err != nil || f.AfterID != 0 {
		return subject{}, false
	}
	named := make(map[store.Target]string, len(terms))
	for _, t := range terms {
		if have, ok := named[t.Target]; ok && have != t.Value {
			return subject{}, false
		}
		named[t.Target] = t.Value
	}
	decky, isDecky := named[store.MatchDecky]
	service, isService := named[store.MatchService]
	kind, isEvent := named[store.MatchEvent]
	switch {
	case len(named) == 0:
		return subject{kind: tallyAll}, true
	case len(named) == 1 && isDecky:
		return subject{tallyDecky, decky, ""}, true
	case len(named) == 1 && isService:
		return subject{tallyService, service, ""}, true
	case len(named) == 1 && isEvent:
		return subject{tallyType, kind, ""}, true
	case len(named) == 2 && isService && isEvent:
		return subject{tallyEvent, service, kind}, true
	}
	return subject{}, false
}

// spans are those of the tallies of s, the longest first.
func (s subject) spans() []int64 {
	if s.kind == tallyAll {
		return []int64{quarter, minute}
	}
	return []int64{quarter}
}

// part is a range of time, from its start to before its end, whose records the tallies of a
// span count, or when that is 0 nothing but the records themselves.
type part struct{ span, from, to int64 }

// The ends of times.
const (
	always = math.MinInt64
	never  = math.MaxInt64
)

// cover divides a range of time into parts, of the longest spans that have room in it.
func cover(from, to int64, spans []int64) []part {
	if from >= to {
		return nil
	}
	if len(spans) == 0 {
		return []part{{0, from, to}}
	}
	a, b := from, to
	if a != always {
		a = floor(a+spans[0]-1, spans[0])
	}
	if b != never {
		b = floor(b, spans[0])
	}
	if a >= b {
		return cover(from, to, spans[1:])
	}
	return append(append(cover(from, a, spans[1:]), part{spans[0], a, b}), cover(b, to, spans[1:])...)
}

// bounds are the times of f, the end excluded.
func bounds(f store.Filter) (from, to int64) {
	from, to = always, never
	if !f.Start.IsZero() {
		from = f.Start.UnixMicro()
	}
	if !f.End.IsZero() {
		to = f.End.UnixMicro() + 1
	}
	return from, to
}

// times returns a query of how many records there are at which times, in the parts, which are
// some: of those that tallies count the time is the start of their span.
func (s subject) times(d Dialect, f store.Filter, parts []part) (text string, args []any, err error) {
	texts := make([]string, len(parts))
	for i, p := range parts {
		c := &conditions{}
		at, n, from := "start", "records", "tallies"
		if p.span == 0 {
			at, n, from = "time", "1", "records"
			if c, err = recordConditions(d, store.Filter{Search: f.Search}); err != nil {
				return "", nil, err
			}
		} else {
			c.add("kind = ? AND value = ? AND second = ? AND span = ?", s.kind, s.value, s.second, p.span)
		}
		if p.from != always {
			c.add(at+" >= ?", p.from)
		}
		if p.to != never {
			c.add(at+" < ?", p.to)
		}
		texts[i] = "SELECT " + at + " AS at, " + n + " AS n FROM " + from + c.String()
		args = append(args, c.args...)
	}
	return strings.Join(texts, " UNION ALL "), args, nil
}

// sum is the query of how many records there are in the parts.
func (s subject) sum(d Dialect, f store.Filter, parts []part) (string, []any, error) {
	if len(parts) == 0 {
		return "SELECT 0", nil, nil
	}
	text, args, err := s.times(d, f, parts)
	return "SELECT COALESCE(SUM(n), 0) FROM (" + text + ") t", args, err
}

// histogram is the query of how many there are by steps, of which the spans of the parts are
// divisors.
func (s subject) histogram(d Dialect, f store.Filter, parts []part, step int64) (string, []any, error) {
	text, args, err := s.times(d, f, parts)
	if len(parts) == 1 && parts[0].span == step {
		return text + " ORDER BY start", args, err // each is one bar
	}
	return "SELECT " + floorSQL("at") + " AS start, SUM(n) FROM (" + text + ") t GROUP BY start ORDER BY start",
		append([]any{step, step, step}, args...), err
}

// deep is the offset from which on it is worth to look for a shorter way.
const deep = 1000

// passOver makes f begin behind records that its offset passes over, as far as tallies say
// how many there are, and lessens the offset by their number.
func passOver(ctx context.Context, tx *sql.Tx, f *store.Filter) error {
	s, ok := tallied(*f)
	if !ok || !f.End.IsZero() || f.Before != (store.Mark{}) {
		return nil
	}
	before, end, begin := int64(never), int64(never), int64(always)
	for _, span := range s.spans() {
		rows, err := tx.QueryContext(ctx, "SELECT start, records FROM tallies WHERE kind = ? AND value = ? AND second = ? AND span = ?"+
			" AND start >= ? AND start < ? ORDER BY start DESC", s.kind, s.value, s.second, span, begin, end)
		if err != nil {
			return err
		}
		enough := false
		for !enough && rows.Next() {
			var start int64
			var count int
			if err := rows.Scan(&start, &count); err != nil {
				return errors.Join(err, rows.Close())
			}
			if enough = count > f.Offset; enough {
				begin = start // and a shorter span goes on in this one
			} else {
				before, f.Offset = start, f.Offset-count
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if !enough {
			break
		}
		end = before
	}
	if before != never {
		f.End = timeOf(before - 1)
	}
	return nil
}
