package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/internal/mysqltest"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/mysql"
)

// TestCutAnywhere: the connection breaks at the first request, at the second, and so on until
// all is done, while a schema is made and then in the middle of everything that writes and
// reads. What gave no error has happened, once; what gave one is done again and then right;
// and a batch with a cursor gives none.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	place, err := mysql.ParseDSN(database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := newCutter(t, place.Addr)
	place.Addr = proxy.Addr().String()
	ctx := t.Context()

	var db store.Repository
	for n := int32(1); db == nil; n++ {
		proxy.left.Store(n)
		if db, err = mysql.Open(ctx, place.URL(), mysql.Config{}); err != nil && proxy.left.Load() > 0 {
			t.Fatalf("nothing was cut: %v", err)
		}
	}
	defer db.Close()
	if cuts := proxy.cuts.Load(); cuts < 20 {
		t.Errorf("the schema was made with %d cuts, which shows little", cuts)
	}

	attacker := netip.MustParseAddr("10.0.0.1")
	rounds, before := 0, proxy.cuts.Load()
	for n := int32(1); ; n++ {
		proxy.left.Store(n)
		from := int64(7 * rounds)
		if last, err := db.Ingest(ctx, numbered(from, 7)); err != nil || last != from+7 {
			t.Fatalf("cut at %d: a batch gives %d, %v", n, last, err)
		}
		rounds++
		profile := store.Profile{Attacker: decnet.Attacker{Addr: attacker, LastSeen: epoch, Events: rounds,
			Commands: []decnet.Command{{Time: epoch, Text: fmt.Sprint(rounds)}}}}
		patiently(t, "fold", func() error {
			err := db.FoldProfiles(ctx, []store.Profile{profile}, from, from+7)
			if through, rerr := db.ProfiledThrough(ctx); err != nil && rerr == nil && through == from+7 {
				return nil // it was kept, and nobody heard of it
			}
			return err
		})
		value := fmt.Appendf(nil, `{"n":%d}`, n)
		patiently(t, "set state", func() error { return db.SetState(ctx, "n", value) })
		patiently(t, "revoke", func() error { return db.RevokeToken(ctx, fmt.Sprint(n), time.Now().Add(time.Hour)) })
		patiently(t, "purge", func() error { _, err := db.Purge(ctx, time.Time{}); return err })
		patiently(t, "size", func() error { _, err := db.Size(ctx); return err })
		patiently(t, "read", func() error {
			page, err := db.Records(ctx, store.Filter{AfterID: -1, Limit: 10_000})
			if err == nil && len(page) != 7*rounds {
				t.Errorf("cut at %d: %d records without an error, want %d", n, len(page), 7*rounds)
			}
			return err
		})
		patiently(t, "state", func() error {
			got, err := db.State(ctx, "n")
			if err == nil && string(got) != string(value) {
				t.Errorf("cut at %d: the state is %s", n, got)
			}
			return err
		})
		if proxy.left.Load() > 0 {
			break
		}
	}
	proxy.left.Store(0) // never
	if cuts := proxy.cuts.Load() - before; int(cuts) != rounds-1 || cuts < 20 {
		t.Errorf("%d cuts in %d rounds", cuts, rounds)
	}
	verifyNumbered(t, db, 7*rounds)
	list, err := db.Attackers(ctx, store.AttackerFilter{})
	if err != nil || len(list) != 1 || list[0].Events != rounds {
		t.Fatalf("%+v, %v, want one with %d events", list, err, rounds)
	}
	if _, total, err := db.Commands(ctx, list[0].UUID, store.CommandFilter{}); err != nil || total != rounds {
		t.Errorf("%d commands, %v, want %d", total, err, rounds)
	}
}

// patiently calls f once more when it gives an error: a connection is cut once.
func patiently(t *testing.T, what string, f func() error) {
	t.Helper()
	if f() == nil {
		return
	}
	if err := f(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestKilledConnections: an operator, or a server that is shut down, ends connections again
// and again while a writer ingests, and nothing is lost or doubled.
func TestKilledConnections(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	place, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, dsn)
	defer db.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var n atomic.Int64
	progress := make(chan struct{}, 1)
	var writing sync.WaitGroup
	writing.Go(func() {
		for ctx.Err() == nil {
			b := numbered(n.Load(), 40)
			for {
				if _, err := db.Ingest(context.WithoutCancel(ctx), b); err == nil {
					break
				}
			}
			n.Add(40)
			select {
			case progress <- struct{}{}:
			default:
			}
		}
	})
	direct := raw(t, server.DSN("root", "", ""))
	killed := 0
	for round := 0; round < 60 || killed < 30; round++ {
		if round%5 == 0 {
			<-progress
		}
		rows, err := direct.QueryContext(t.Context(), connections(), place.Database)
		if err != nil {
			t.Fatal(err)
		}
		var ids []int64
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if _, err := direct.ExecContext(t.Context(), fmt.Sprintf("KILL %d", id)); err == nil { // it may have ended
				killed++
			}
		}
	}
	stop()
	writing.Wait()
	verifyNumbered(t, db, int(n.Load()))
	t.Logf("%d records, %d connections killed", n.Load(), killed)
}

// TestIdleConnections: connections that the server has closed because nobody used them are
// replaced, and nobody notices.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	if server == nil {
		t.Skip(mysqltest.ErrMissing)
	}
	own, err := mysqltest.Start("--innodb-buffer-pool-size=16M", "--wait-timeout=10")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
	own.Exec(t, "CREATE DATABASE decnet")
	db := open(t, own.DSN("root", "", "decnet"))
	defer db.Close()
	use := func(n int) {
		t.Helper()
		if _, err := db.Ingest(t.Context(), numbered(int64(n-1), 1)); err != nil {
			t.Errorf("batch %d: %v", n, err)
		}
		if got, err := db.CountRecords(t.Context(), store.Filter{Search: "service:ssh"}); err != nil || got != n {
			t.Errorf("%d records, %v, want %d", got, err, n)
		}
	}
	use(1)
	direct := raw(t, own.DSN("root", "", ""))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for left := 1; left > 0; <-tick.C {
		if err := direct.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ("+connections()+") open", "decnet").Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	use(2)
}

// connections asks for the IDs of the connections to a database. MySQL's list of processes has
// no room for the text of a statement of ours.
func connections() string {
	if server.MySQL {
		return "SELECT processlist_id FROM performance_schema.threads WHERE processlist_db = ?"
	}
	return "SELECT id FROM information_schema.processlist WHERE db = ?"
}
