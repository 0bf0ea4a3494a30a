package retention_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/retention"
	"github.com/decnet/decnet/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC)

func Example() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	for _, days := range []int{100, 91, 90, 1} {
		at := epoch.AddDate(0, 0, -days)
		if _, err := db.Ingest(ctx, store.Batch{Records: []store.Record{{Event: decnet.Event{Time: at, Service: "ssh"}}}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	keeper := retention.New(db, retention.Options{Age: 90 * 24 * time.Hour, Now: func() time.Time { return epoch }})
	fmt.Println(keeper.Once(ctx))
	// Output: {2 0 0} <nil>
}

func open(t *testing.T) store.Repository {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "decnet.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// fill writes n records of about a kilobyte, a second apart and the first at from.
func fill(t *testing.T, db store.Records, from, n int) {
	t.Helper()
	var b store.Batch
	for i := range n {
		b.Records = append(b.Records, store.Record{Raw: strings.Repeat("x", 1000), Event: decnet.Event{
			Time: epoch.Add(time.Duration(from+i) * time.Second), Decky: "decky-01", Service: "ssh", Attacker: netip.MustParseAddr("203.0.113.7")}})
	}
	if _, err := db.Ingest(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// TestW40_TheStoreStaysWithinItsSize: however much comes in, the oldest records make room, and
// no more of them than has to be.
func TestW40_TheStoreStaysWithinItsSize(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	db := open(t)
	keeper := retention.New(db, retention.Options{Size: limit})
	written := 0
	for range 15 {
		fill(t, db, written, 400)
		written += 400
		if _, err := keeper.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		size, err := db.Size(t.Context())
		if err != nil || size > limit {
			t.Fatalf("after %d records the store has %d bytes (%v), at most %d are to be kept", written, size, err, limit)
		}
		if written > 3000 && size < limit*3/4 {
			t.Fatalf("after %d records the store has %d bytes, %d may be kept", written, size, limit)
		}
	}
	records, err := db.Records(t.Context(), store.Filter{Limit: written})
	if err != nil {
		t.Fatal(err)
	}
	totals, err := db.Totals(t.Context())
	if err != nil || totals.Records != len(records) {
		t.Errorf("%d records and a total of %d, %v", len(records), totals.Records, err)
	}
	for i, r := range records {
		if want := epoch.Add(time.Duration(written-1-i) * time.Second); !r.Time.Equal(want) {
			t.Fatalf("of the newest, number %d is of %v, want %v: others went first", i, r.Time, want)
		}
	}
}

// TestW40_WhatIsTooOldGoes: Run deletes by age as time passes, without being told.
func TestW40_WhatIsTooOldGoes(t *testing.T) {
	t.Parallel()
	db := open(t)
	fill(t, db, 0, 100)
	var seconds atomic.Int64
	keeper := retention.New(db, retention.Options{
		Age: 10 * time.Second, Every: time.Millisecond, Now: func() time.Time { return epoch.Add(time.Duration(seconds.Load()) * time.Second) },
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := keeper.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, now := range []int64{30, 60, 95} {
		seconds.Store(now)
		waitFor(t, db, 100-int(now-10))
	}
	stop()
	running.Wait()
	if err := keeper.Err(); err != nil {
		t.Error(err)
	}
}

// waitFor returns when the store has n records.
func waitFor(t *testing.T, db store.Repository, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		totals, err := db.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if totals.Records == n {
			return
		}
		if totals.Records < n || time.Now().After(deadline) {
			t.Fatalf("%d records are left, want %d", totals.Records, n)
		}
	}
}

// late is a store whose room comes back when it is told to.
type late struct {
	store.Repository
	size   int64
	purges int
}

func (l *late) Size(context.Context) (int64, error) { return l.size, nil }

func (l *late) PurgeOldest(ctx context.Context, n int) (store.Purged, error) {
	l.purges++
	return l.Repository.PurgeOldest(ctx, n)
}

// TestRoomThatComesBackLate: a database that has not cleaned up yet does not lose its records
// for that, until the patience ends.
func TestRoomThatComesBackLate(t *testing.T) {
	t.Parallel()
	db := &late{Repository: open(t), size: 1000}
	fill(t, db, 0, 1000)
	now := epoch
	keeper := retention.New(db, retention.Options{Size: 900, Now: func() time.Time { return now }})
	look := func(purges, left int) {
		t.Helper()
		if _, err := keeper.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if totals, err := db.Totals(t.Context()); err != nil || db.purges != purges || totals.Records != left {
			t.Fatalf("%d purges and %d records left (%v), want %d and %d", db.purges, totals.Records, err, purges, left)
		}
	}
	look(1, 854) // to 855 bytes, by a thousandth of them for each record
	for range 5 {
		now = now.Add(10 * time.Minute)
		look(1, 854)
	}
	db.size = 855
	look(1, 854)
	db.size = 901 // it grows again
	look(2, 810)
	now = now.Add(time.Hour)
	look(3, 768)
}

// broken fails as long as it is told to.
type broken struct {
	store.Repository
	well atomic.Bool
}

func (b *broken) Purge(ctx context.Context, before time.Time) (store.Purged, error) {
	if !b.well.Load() {
		return store.Purged{}, errors.New("no room on the disk")
	}
	return b.Repository.Purge(ctx, before)
}

// TestErrorsAreTriedAgain: Run outlives them and Err says so.
func TestErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	db := &broken{Repository: open(t)}
	fill(t, db, 0, 10)
	keeper := retention.New(db, retention.Options{Age: time.Second, Every: time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := keeper.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for keeper.Err() == nil {
		<-tick.C
	}
	db.well.Store(true)
	waitFor(t, db, 0)
	for keeper.Err() != nil {
		<-tick.C
	}
	stop()
	running.Wait()
}
