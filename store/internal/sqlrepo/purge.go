package sqlrepo

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"

	"github.com/decnet/decnet/store"
)

// One transaction of a purge deletes so many rows of a table at most. The smallest holds up
// other writers for some hundredths of a second, the largest for tenths. While more than half
// as many records arrive as a step deletes, the next one is twice as large, up to the
// largest, and there are no pauses, so that a store that is kept at a size does not outgrow it.
const (
	purgeStep        = 500
	largestPurgeStep = 8 * purgeStep
)

// Purge implements [store.Retention]. The space is given back to the system where the
// database can.
func (r *Repo) Purge(ctx context.Context, before time.Time) (store.Purged, error) {
	return r.purge(ctx, "purge", purge{before: before.UnixMicro(), records: math.MaxInt})
}

// PurgeOldest implements [store.Retention].
func (r *Repo) PurgeOldest(ctx context.Context, n int) (store.Purged, error) {
	const op = "purge oldest"
	if n < 0 {
		return store.Purged{}, r.invalid(op, "%d records", n)
	}
	return r.purge(ctx, op, purge{oldest: true, before: math.MinInt64, records: n})
}

// purge runs p in steps until nothing is left to do.
func (r *Repo) purge(ctx context.Context, op string, p purge) (total store.Purged, err error) {
	p.limit = purgeStep
	for more := true; more; more = p.more {
		begin := time.Now()
		var step purge
		err := r.write(ctx, op, func(tx *sql.Tx) error {
			step = p
			return step.run(ctx, r, tx)
		})
		if err != nil {
			return total, err
		}
		p.next(&step)
		total.Records += step.done.Records
		total.Bounties += step.done.Bounties
		total.Attackers += step.done.Attackers
		if p.more && p.limit == purgeStep {
			pause(ctx, time.Since(begin)+time.Millisecond) // others have about as much of the database as this
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed || total == (store.Purged{}) {
		return total, nil
	}
	return total, r.fail(ctx, "reclaim space after purge", r.Dialect.Reclaim(ctx, r.Writer))
}

// purge is what is to be deleted, and one step of that.
type purge struct {
	oldest  bool  // the oldest records go, and the rest by the time of the last of them
	records int   // of which so many
	before  int64 // otherwise, what is older than this
	limit   int   // of the rows of a table that a step deletes
	newest  int64 // ID of a record, 0: unknown

	repo *Repo
	ctx  context.Context
	tx   *sql.Tx
	more bool // a further step has something to do
	done store.Purged
	lost map[string]*source // what addresses lose
	gone cells              // what tallies lose
}

// next makes p what is left to do after a step.
func (p *purge) next(step *purge) {
	if p.newest > 0 {
		switch arrived, deleted := step.newest-p.newest, int64(step.done.Records); {
		case arrived > deleted/2:
			p.limit = min(2*p.limit, largestPurgeStep)
		case arrived <= deleted/16:
			p.limit = max(p.limit/2, purgeStep)
		}
	}
	p.newest = step.newest
	p.more = step.more
	if p.oldest {
		p.before = step.before
		p.records -= step.done.Records
		p.oldest = p.records > 0
	}
}

func (p *purge) run(ctx context.Context, r *Repo, tx *sql.Tx) error {
	p.ctx, p.repo, p.tx = context.WithoutCancel(ctx), r, tx // a step is short
	p.more, p.lost, p.gone = false, make(map[string]*source), make(cells)
	for _, part := range []func() error{p.deleteRecords, p.deleteBounties, p.deleteRest, p.deleteAttackers, p.keepFigures} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// deleteRecords deletes the oldest records, and moves the bound of everything else in front
// of those that stay.
func (p *purge) deleteRecords() error {
	if err := p.tx.QueryRowContext(p.ctx, "SELECT COALESCE(MAX(id), 0) FROM records").Scan(&p.newest); err != nil {
		return err
	}
	limit, until, last := p.limit, p.before, p.before
	if p.oldest {
		limit, until = min(limit, p.records), math.MaxInt64
	}
	var ids []int64
	err := query(p.ctx, p.tx, func(rows *sql.Rows) error {
		var id int64
		var attacker, decky, service, kind string
		var sensor bool
		if err := rows.Scan(&id, &last, &attacker, &sensor, &decky, &service, &kind); err != nil {
			return err
		}
		p.gone.add(last, decky, service, kind, -1)
		ids = append(ids, id)
		if src := p.source(attacker); !sensor {
			src.records--
		}
		return nil
	}, "SELECT id, time, attacker, sensor, decky, service, type FROM records WHERE time < ? ORDER BY time, id LIMIT ?", until, limit)
	if err != nil {
		return err
	}
	if len(ids) == limit {
		p.more = limit > 0
		p.before = last
	} else if p.oldest {
		p.before = last
	}
	p.done.Records = len(ids)
	return p.delete("records", ids)
}

func (p *purge) deleteBounties() error {
	var ids []int64
	err := query(p.ctx, p.tx, func(rows *sql.Rows) error {
		var id int64
		var attacker, kind string
		if err := rows.Scan(&id, &attacker, &kind); err != nil {
			return err
		}
		ids = append(ids, id)
		src := p.source(attacker)
		if src.bounties--; kind == credential {
			src.credentials--
		}
		return nil
	}, "SELECT id, attacker, type FROM bounties WHERE last_seen < ? ORDER BY last_seen, id LIMIT ?", p.before, p.limit)
	if err != nil {
		return err
	}
	p.more = p.more || len(ids) == p.limit
	p.done.Bounties = len(ids)
	return p.delete("bounties", ids)
}

// source returns what an address loses.
func (p *purge) source(attacker string) *source {
	s := p.lost[attacker]
	if s == nil {
		s = &source{text: attacker}
		p.lost[attacker] = s
	}
	return s
}

// deleteRest deletes what has a time of its own and no part in the figures.
func (p *purge) deleteRest() error {
	for _, table := range []string{"rejected", "commands"} {
		ids, err := p.ids("SELECT id FROM "+table+" WHERE time < ? ORDER BY time", p.before)
		if err == nil {
			err = p.delete(table, ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteAttackers deletes those who are gone, once all that belongs to them is.
func (p *purge) deleteAttackers() error {
	gone, err := p.ids("SELECT id FROM attackers WHERE last_seen < ? ORDER BY last_seen", p.before)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(gone, 50) {
		for _, table := range []string{"commands", "fingerprints"} {
			ids, err := p.ids("SELECT id FROM "+table+" WHERE attacker_id IN ("+placeholders(len(part))+")", values(part)...)
			if err == nil {
				err = p.delete(table, ids)
			}
			if err != nil || len(ids) == p.limit {
				return err // a further step goes on here
			}
		}
		if _, err := p.tx.ExecContext(p.ctx, "DELETE FROM attacker_services WHERE attacker_id IN ("+placeholders(len(part))+")", values(part)...); err != nil {
			return err
		}
		if err := p.delete("attackers", part); err != nil {
			return err
		}
		p.done.Attackers += len(part)
	}
	return nil
}

// keepFigures takes what was deleted from the figures that are kept.
func (p *purge) keepFigures() error {
	delete(p.lost, "") // nobody
	write := &bulk{max: p.repo.Dialect.Rows(), many: many{insertSource, sourceRow, ", ", p.repo.addToSource()}, add: p.exec}
	touched := make([]string, 0, len(p.lost))
	var silent []string // of whom records were deleted
	for _, s := range p.lost {
		if s.records == 0 && s.bounties == 0 {
			continue
		}
		if err := write.row(s.text, s.records, s.bounties, s.credentials); err != nil {
			return err
		}
		touched = append(touched, s.text)
		if s.records < 0 {
			silent = append(silent, s.text)
		}
	}
	if err := write.flush(); err != nil {
		return err
	}
	attackers := 0
	if len(silent) > 0 {
		if err := p.tx.QueryRowContext(p.ctx, "SELECT COUNT(*) FROM sources WHERE records <= 0 AND attacker IN ("+placeholders(len(silent))+")",
			values(silent)...).Scan(&attackers); err != nil {
			return err
		}
	}
	if len(touched) > 0 {
		if err := p.exec("DELETE FROM sources WHERE records <= 0 AND bounties <= 0 AND attacker IN ("+placeholders(len(touched))+")",
			values(touched)...); err != nil {
			return err
		}
	}
	if err := p.repo.keepTallies(p.ctx, p.tx, nil, p.gone); err != nil {
		return err
	}
	if err := dropEmptyTallies(p.gone, p.exec); err != nil {
		return err
	}
	return p.exec("UPDATE totals SET records = records - ?, attackers = attackers - ?, bounties = bounties - ?", p.done.Records, attackers, p.done.Bounties)
}

func (p *purge) exec(text string, args ...any) error {
	_, err := p.tx.ExecContext(p.ctx, text, args...)
	return err
}

// ids runs a query, to which it adds a limit, and notes that a further step has something to
// do when that is reached.
func (p *purge) ids(text string, args ...any) (ids []int64, err error) {
	err = query(p.ctx, p.tx, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, text+" LIMIT ?", append(args, p.limit)...)
	p.more = p.more || len(ids) == p.limit
	return ids, err
}

func (p *purge) delete(table string, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return p.exec("DELETE FROM "+table+" WHERE id IN ("+placeholders(len(ids))+")", values(ids)...)
}

func values[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// Size implements [store.Retention].
func (r *Repo) Size(ctx context.Context) (int64, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var n int64
	err := errClosed
	if !r.closed {
		n, err = r.Dialect.Size(ctx, r.Reader)
	}
	return n, r.fail(ctx, "size", err)
}
