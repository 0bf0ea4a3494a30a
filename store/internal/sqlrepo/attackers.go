package sqlrepo

import (
	"bytes"
	"context"
	"database/sql"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/jsontext"
	"github.com/decnet/decnet/store"
)

const (
	attackerColumns = "a.id, a.uuid, a.address, a.first_seen, a.last_seen, a.events, a.services, a.deckies, a.traversal, a.behavior, a.updated_at," +
		" COALESCE(s.bounties, 0), COALESCE(s.credentials, 0)"
	attackerTables = "attackers a LEFT JOIN sources s ON s.attacker = a.address"
)

// maxArtifacts is how many records ArtifactRecords returns at most.
const maxArtifacts = 200

// Attackers implements [store.Attackers].
func (r *Repo) Attackers(ctx context.Context, f store.AttackerFilter) ([]decnet.Attacker, error) {
	const op = "attackers"
	limit, err := r.page(op, f.Limit, f.Offset)
	if err != nil {
		return nil, err
	}
	if len(f.Search) > store.MaxSearch {
		return nil, r.invalid(op, "search of %d bytes", len(f.Search))
	}
	f.Limit = limit
	text, args, ok := AttackersQuery(r.Dialect, f)
	if !ok {
		return nil, r.invalid(op, "sort %q", f.Sort)
	}
	var out []decnet.Attacker
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		return query(ctx, tx, func(rows *sql.Rows) error {
			_, a, err := scanAttacker(rows)
			if err == nil {
				out = append(out, a)
			}
			return err
		}, text, args...)
	})
	return out, err
}

// AttackersQuery is the query of Attackers for f, of which Limit is taken as it is. It
// reports false when it does not know the sort.
func AttackersQuery(d Dialect, f store.AttackerFilter) (text string, args []any, ok bool) {
	var rank, order string
	switch f.Sort {
	case "", store.SortRecent:
	case store.SortActive:
		rank = "a.events"
	case store.SortTraversals:
		rank = "a.decky_count"
	default:
		return "", nil, false
	}
	c := attackerConditions(d, f)
	if m := f.After; m != (store.AttackerMark{}) {
		c.after(rank, m)
	}
	if rank != "" {
		order = rank + " DESC, "
	}
	order += "a.last_seen DESC, a.address"
	return "SELECT " + attackerColumns + " FROM " + attackerTables + c.String() + " ORDER BY " + order + " LIMIT ? OFFSET ?",
		append(c.args, f.Limit, f.Offset), true
}

// after adds the condition that an attacker follows a place in the order of rank, time last
// seen, both descending, and address. The first part of it is what an index serves.
func (c *conditions) after(rank string, m store.AttackerMark) {
	at, address := m.LastSeen.UnixMicro(), store.AddrText(m.Addr)
	const tie = "(a.last_seen < ? OR a.last_seen = ? AND a.address > ?)"
	if rank == "" {
		c.add("a.last_seen <= ?", at)
		c.add(tie, at, at, address)
		return
	}
	c.add(rank+" <= ?", m.Rank)
	c.add("("+rank+" < ? OR "+tie+")", m.Rank, at, at, address)
}

func attackerConditions(d Dialect, f store.AttackerFilter) *conditions {
	c := &conditions{}
	if f.Search != "" {
		c.contains(d, f.Search, "a.address")
	}
	if f.Service != "" {
		c.add("EXISTS (SELECT 1 FROM attacker_services t WHERE t.service = ? AND t.attacker_id = a.id)", f.Service)
	}
	return c
}

// scanAttacker reads attackerColumns and whatever more is asked for.
func scanAttacker(row interface{ Scan(...any) error }, more ...any) (id int64, a decnet.Attacker, err error) {
	var address string
	var first, last, updated int64
	var services, deckies []byte
	var behavior sql.NullString
	err = row.Scan(append([]any{&id, &a.UUID, &address, &first, &last, &a.Events, &services, &deckies, &a.Traversal, &behavior, &updated,
		&a.Bounties, &a.Credentials}, more...)...)
	if err != nil {
		return 0, a, err
	}
	a.Addr, a.FirstSeen, a.LastSeen, a.UpdatedAt = addrOf(address), timeOf(first), timeOf(last), timeOf(updated)
	if a.Services, err = parseList(services); err != nil {
		return 0, a, err
	}
	if a.Deckies, err = parseList(deckies); err != nil {
		return 0, a, err
	}
	if behavior.Valid {
		a.Behavior, err = decodeBehavior(behavior.String)
	}
	return id, a, err
}

// parseList reads what list wrote. Names without escapes, as nearly all are, need no JSON.
func parseList(text []byte) (names []string, err error) {
	inner, ok := bytes.CutPrefix(text, []byte(`["`))
	inner, closed := bytes.CutSuffix(inner, []byte(`"]`))
	if !ok || !closed || bytes.IndexByte(inner, '\\') >= 0 {
		s := jsontext.Scanner{Text: string(text)}
		names = []string{}
		s.Array(func() { names = append(names, s.Quoted()) })
		s.End()
		return names, s.Err
	}
	return strings.Split(string(inner), `","`), nil
}

// CountAttackers implements [store.Attackers].
func (r *Repo) CountAttackers(ctx context.Context, f store.AttackerFilter) (int, error) {
	const op = "count attackers"
	if len(f.Search) > store.MaxSearch {
		return 0, r.invalid(op, "search of %d bytes", len(f.Search))
	}
	c := attackerConditions(r.Dialect, f)
	var n int
	err := r.read(ctx, op, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM attackers a"+c.String(), c.args...).Scan(&n)
	})
	return n, err
}

// maxFingerprints is how many fingerprints of a kind a profile shows: one who attacks makes
// as many as he likes.
const maxFingerprints = 32

const newestFingerprints = "SELECT kind, value, raw FROM fingerprints WHERE id IN (SELECT id FROM (" +
	"SELECT id, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY id DESC) AS place FROM fingerprints WHERE attacker_id = ?" +
	") AS placed WHERE place <= ?) ORDER BY id"

// Attacker implements [store.Attackers].
func (r *Repo) Attacker(ctx context.Context, uuid string) (decnet.Attacker, error) {
	var a decnet.Attacker
	err := r.read(ctx, "attacker "+uuid, func(tx *sql.Tx) error {
		var id int64
		var err error
		if id, a, err = scanAttacker(tx.QueryRowContext(ctx, "SELECT "+attackerColumns+" FROM "+attackerTables+" WHERE a.uuid = ?", uuid)); err != nil {
			return err
		}
		return query(ctx, tx, func(rows *sql.Rows) error {
			var f decnet.Fingerprint
			if err := rows.Scan(&f.Kind, &f.Value, &f.Raw); err != nil {
				return err
			}
			a.Fingerprints = append(a.Fingerprints, f)
			return nil
		}, newestFingerprints, id, maxFingerprints)
	})
	if err != nil {
		return decnet.Attacker{}, err
	}
	return a, nil
}

// Commands implements [store.Attackers].
func (r *Repo) Commands(ctx context.Context, uuid string, f store.CommandFilter) ([]decnet.Command, int, error) {
	op := "commands of attacker " + uuid
	limit, err := r.page(op, f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	f.Limit = limit
	var out []decnet.Command
	var total int
	err = r.read(ctx, op, func(tx *sql.Tx) error {
		var id int64
		if err := tx.QueryRowContext(ctx, "SELECT id FROM attackers WHERE uuid = ?", uuid).Scan(&id); err != nil {
			return err
		}
		text, count, args := CommandsQuery(id, f)
		if err := tx.QueryRowContext(ctx, count, args[:len(args)-2]...).Scan(&total); err != nil {
			return err
		}
		return query(ctx, tx, func(rows *sql.Rows) error {
			var c decnet.Command
			var at int64
			if err := rows.Scan(&at, &c.Decky, &c.Service, &c.Text); err != nil {
				return err
			}
			c.Time = timeOf(at)
			out = append(out, c)
			return nil
		}, text, args...)
	})
	if err != nil {
		return nil, 0, err
	}
	return out, total, nil
}

// CommandsQuery are the queries of Commands for the page and for the total, which takes the
// same arguments without the last two.
func CommandsQuery(attacker int64, f store.CommandFilter) (page, total string, args []any) {
	c := &conditions{}
	c.add("attacker_id = ?", attacker)
	if f.Service != "" {
		c.add("service = ?", f.Service)
	}
	return "SELECT time, decky, service, text FROM commands" + c.String() + " ORDER BY time DESC, id DESC LIMIT ? OFFSET ?",
		"SELECT COUNT(*) FROM commands" + c.String(), append(c.args, f.Limit, f.Offset)
}

// ArtifactsQuery is the query of ArtifactRecords for an address. The type stands in the text,
// so that an index of just these records serves it.
const ArtifactsQuery = "SELECT " + recordColumns + " FROM records WHERE attacker = ? AND type = 'file_captured' ORDER BY time DESC, id DESC LIMIT ?"

// ArtifactRecords implements [store.Attackers].
func (r *Repo) ArtifactRecords(ctx context.Context, uuid string) ([]store.Record, error) {
	var out []store.Record
	err := r.read(ctx, "artifacts of attacker "+uuid, func(tx *sql.Tx) error {
		var address string
		if err := tx.QueryRowContext(ctx, "SELECT address FROM attackers WHERE uuid = ?", uuid).Scan(&address); err != nil {
			return err
		}
		return scanRecords(ctx, tx, &out, 0, ArtifactsQuery, address, maxArtifacts)
	})
	return out, err
}
