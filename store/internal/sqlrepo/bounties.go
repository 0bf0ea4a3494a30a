package sqlrepo

import (
	"context"
	"database/sql"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Bounties implements [store.Bounties].
func (r *Repo) Bounties(ctx context.Context, f store.BountyFilter) ([]decnet.Bounty, error) {
	const op = "bounties"
	limit, err := r.page(op, f.Limit, f.Offset)
	if err != nil {
		return nil, err
	}
	if len(f.Search) > store.MaxSearch {
		return nil, r.invalid(op, "search of %d bytes", len(f.Search))
	}
	f.Limit = limit
	text, args := BountiesQuery(r.Dialect, f)
	var out []decnet.Bounty
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		size := 0
		return query(ctx, tx, func(rows *sql.Rows) error {
			var b decnet.Bounty
			var first, last int64
			var attacker string
			if err := rows.Scan(&b.ID, &first, &last, &b.Count, &b.Decky, &b.Service, &attacker, &b.Type, (*[]byte)(&b.Payload)); err != nil {
				return err
			}
			b.Time, b.LastSeen, b.Attacker = timeOf(first), timeOf(last), addrOf(attacker)
			out = append(out, b)
			if size += len(b.Payload); f.Bytes > 0 && size >= f.Bytes {
				return errEnough
			}
			return nil
		}, text, args...)
	})
	return out, err
}

// BountiesQuery is the query of Bounties for f, of which Limit is taken as it is.
func BountiesQuery(d Dialect, f store.BountyFilter) (text string, args []any) {
	c := bountyConditions(d, f)
	c.before("last_seen", f.Before)
	return "SELECT id, first_seen, last_seen, count, decky, service, attacker, type, payload FROM bounties" +
		c.String() + " ORDER BY last_seen DESC, id DESC LIMIT ? OFFSET ?", append(c.args, f.Limit, f.Offset)
}

func bountyConditions(d Dialect, f store.BountyFilter) *conditions {
	c := &conditions{}
	if f.Type != "" {
		c.add("type = ?", f.Type)
	}
	if f.Attacker.IsValid() {
		c.add("attacker = ?", store.AddrText(f.Attacker))
	}
	if f.Search != "" {
		c.contains(d, f.Search, "decky", "service", "attacker", "payload")
	}
	return c
}

// CountBounties implements [store.Bounties].
func (r *Repo) CountBounties(ctx context.Context, f store.BountyFilter) (int, error) {
	const op = "count bounties"
	if len(f.Search) > store.MaxSearch {
		return 0, r.invalid(op, "search of %d bytes", len(f.Search))
	}
	c := bountyConditions(r.Dialect, f)
	text := "SELECT COUNT(*) FROM bounties" + c.String()
	if len(c.parts) == 0 {
		text = "SELECT bounties FROM totals"
	}
	var n int
	err := r.read(ctx, op, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, text, c.args...).Scan(&n)
	})
	return n, err
}
