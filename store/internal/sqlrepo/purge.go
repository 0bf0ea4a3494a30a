package sqlrepo

import (
	"context"
	"database/sql"
	"time"

	"github.com/decnet/decnet/store"
)

// Purge implements [store.Repository]. Lines set aside before the time go too, and the space
// is given back to the system where the database can.
func (r *Repo) Purge(ctx context.Context, before time.Time) (store.Purged, error) {
	const op = "purge"
	var p store.Purged
	if err := r.write(ctx, op, func(tx *sql.Tx) error { return purge(ctx, tx, before.UnixMicro(), &p) }); err != nil {
		return store.Purged{}, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return p, nil
	}
	return p, r.fail(ctx, "reclaim space after purge", r.Dialect.Reclaim(ctx, r.Writer))
}

func purge(ctx context.Context, tx *sql.Tx, before int64, p *store.Purged) error {
	const gone = "attacker_id IN (SELECT id FROM attackers WHERE last_seen < ?)"
	for _, step := range []struct {
		deleted *int // where the number of rows is wanted
		text    string
		args    []any
	}{
		// What the addresses lose is counted before it is gone.
		{nil, `UPDATE sources SET records = records -
			(SELECT COUNT(*) FROM records WHERE records.attacker = sources.attacker AND time < ? AND sensor = 0)
			WHERE attacker IN (SELECT attacker FROM records WHERE time < ?)`, []any{before, before}},
		{nil, `UPDATE sources SET bounties = bounties -
			(SELECT COUNT(*) FROM bounties WHERE bounties.attacker = sources.attacker AND last_seen < ?),
			credentials = credentials -
			(SELECT COUNT(*) FROM bounties WHERE bounties.attacker = sources.attacker AND last_seen < ? AND type = ?)
			WHERE attacker IN (SELECT attacker FROM bounties WHERE last_seen < ?)`, []any{before, before, credential, before}},
		{&p.Records, "DELETE FROM records WHERE time < ?", []any{before}},
		{&p.Bounties, "DELETE FROM bounties WHERE last_seen < ?", []any{before}},
		{nil, "DELETE FROM rejected WHERE time < ?", []any{before}},
		{nil, "DELETE FROM commands WHERE " + gone, []any{before}},
		{nil, "DELETE FROM fingerprints WHERE " + gone, []any{before}},
		{nil, "DELETE FROM attacker_services WHERE " + gone, []any{before}},
		{&p.Attackers, "DELETE FROM attackers WHERE last_seen < ?", []any{before}},
		{nil, "DELETE FROM sources WHERE records <= 0 AND bounties <= 0", nil},
	} {
		n, err := affected(tx.ExecContext(ctx, step.text, step.args...))
		if err != nil {
			return err
		}
		if step.deleted != nil {
			*step.deleted = int(n)
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE totals SET records = records - ?, bounties = bounties - ?,
		attackers = (SELECT COUNT(*) FROM sources WHERE records > 0)`, p.Records, p.Bounties)
	return err
}
