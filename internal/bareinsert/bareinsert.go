// Package bareinsert is the peer that ingest is measured against: it writes the rows of
// records and bounties and nothing else, in one transaction for each batch, into a database
// with the tables, indexes and settings of a store.
//
//	peer, err := bareinsert.SQLite(path, last)
//	rows := peer.Rows(batch)
//	err = peer.Write(rows)
package bareinsert

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // the driver of SQLite

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Peer is a database that rows are written into. It is not for several goroutines at a time.
type Peer struct {
	db     *sql.DB
	tables [2]table
	many   bool // one statement for each table, instead of a prepared one for each row
	next   int64
}

// table says how rows are inserted.
type table struct {
	head, row string
	one       *sql.Stmt // of a row
}

// SQLite opens the file of a store that is up to date and that nobody else has opened. Rows
// of records continue after the ID last.
func SQLite(path string, last int64) (*Peer, error) {
	name := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "_txlock=immediate&_pragma=busy_timeout(30000)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-4096)" +
		"&_pragma=wal_autocheckpoint(4000)&_pragma=journal_size_limit(16777216)"}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	p := newPeer(db, "INSERT OR IGNORE", last)
	for i := range p.tables {
		t := &p.tables[i]
		if t.one, err = db.PrepareContext(context.Background(), t.head+t.row); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// MySQL is like [SQLite] for a database of MySQL or MariaDB, named as its driver names it.
func MySQL(dsn string, last int64) (*Peer, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cfg.InterpolateParams, cfg.MaxAllowedPacket = true, 0
	if err := cfg.Apply(mysql.Charset("binary", "")); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	p := newPeer(sql.OpenDB(connector), "INSERT IGNORE", last)
	p.many = true
	return p, nil
}

func newPeer(db *sql.DB, ignore string, last int64) *Peer {
	db.SetMaxOpenConns(1)
	p := &Peer{db: db, next: last}
	for i, t := range store.Tables()[:len(p.tables)] {
		verb := "INSERT"
		if t.Name == "bounties" { // which the database gives their IDs, and has once
			t.Columns, verb = t.Columns[1:], ignore
		}
		names := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			names[i] = c.Name
		}
		p.tables[i] = table{
			head: fmt.Sprintf("%s INTO %s (%s) VALUES ", verb, t.Name, strings.Join(names, ", ")),
			row:  "(" + strings.Repeat("?, ", len(names)-1) + "?)",
		}
	}
	return p
}

// Close closes the database.
func (p *Peer) Close() error { return p.db.Close() }

// Rows are the statements that write a batch, with their values.
type Rows []insert

type insert struct {
	table  int
	text   string // "": that of one row, which is prepared
	values []any
}

// Rows makes the rows of a batch, which is no part of what is measured.
func (p *Peer) Rows(batch store.Batch) Rows {
	out := make(Rows, 0, len(batch.Records)+len(batch.Bounties))
	for i := range batch.Records {
		r := &batch.Records[i]
		p.next++
		out = append(out, insert{0, "", []any{p.next, r.Time.UnixMicro(), r.Decky, r.Service, r.Type, store.AddrText(r.Attacker), int64(r.Severity), int64(0),
			string(store.AppendFields(nil, r.Fields)), r.Msg, nil, nil, r.Raw}})
	}
	for i := range batch.Bounties {
		b := &batch.Bounties[i]
		at, digest := b.Time.UnixMicro(), digest(b)
		out = append(out, insert{1, "", []any{digest[:], at, at, 1, b.Decky, b.Service, store.AddrText(b.Attacker), b.Type, string(b.Payload)}})
	}
	if p.many {
		n := len(batch.Records)
		return slices.Concat(p.join(out[:n]), p.join(out[n:]))
	}
	return out
}

// join makes one statement of those of rows of the same table.
func (p *Peer) join(rows Rows) Rows {
	if len(rows) == 0 {
		return nil
	}
	t := &p.tables[rows[0].table]
	one := insert{table: rows[0].table, text: t.head + t.row + strings.Repeat(", "+t.row, len(rows)-1)}
	for _, r := range rows {
		one.values = append(one.values, r.values...)
	}
	return Rows{one}
}

// digest is what a store knows a bounty by, provided that its payload is canonical.
func digest(b *decnet.Bounty) [sha256.Size]byte {
	var text []byte
	for _, part := range []string{b.Type, store.AddrText(b.Attacker), b.Decky, b.Service} {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	return sha256.Sum256(append(text, b.Payload...))
}

// Write writes the rows of a batch in one transaction. It takes no context, which costs some
// drivers as much as the statement.
func (p *Peer) Write(rows Rows) error {
	ctx := context.Background()
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	var one [len(p.tables)]*sql.Stmt
	for i := range one {
		if !p.many {
			one[i] = tx.StmtContext(ctx, p.tables[i].one)
		}
	}
	for _, r := range rows {
		if r.text == "" {
			_, err = one[r.table].ExecContext(ctx, r.values...)
		} else {
			_, err = tx.ExecContext(ctx, r.text, r.values...)
		}
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
