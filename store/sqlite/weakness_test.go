package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

var epoch = time.Date(2026, 4, 18, 2, 22, 56, 0, time.UTC)

func record(at time.Time, service string, fields ...decnet.Field) store.Record {
	return store.Record{Event: decnet.Event{Time: at, Decky: "decky-01", Service: service, Type: "x",
		Attacker: netip.MustParseAddr("203.0.113.7"), Fields: fields}, Raw: "<134>1 - decky-01 " + service}
}

func ingest(t *testing.T, db store.Repository, b store.Batch) {
	t.Helper()
	if _, err := db.Ingest(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// TestW05_WritersOfOneFileTakeTurns: several stores on one file, as several processes have
// them, open it, migrate it and write at the same time, and lose and repeat nothing.
func TestW05_WritersOfOneFileTakeTurns(t *testing.T) {
	t.Parallel()
	const writers, batches = 5, 20
	path := filepath.Join(t.TempDir(), "decnet.db")
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			errs <- func() error {
				db, err := sqlite.Open(context.Background(), path, sqlite.Config{})
				if err != nil {
					return err
				}
				for i := range batches {
					if _, err := db.Ingest(context.Background(), store.Batch{
						Records: []store.Record{record(epoch, "ssh")}, Cursor: store.Cursor{Source: fmt.Sprint(w), Offset: int64(i)}}); err != nil {
						return errors.Join(err, db.Close())
					}
				}
				return db.Close()
			}()
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	db := openFile(t, path)
	defer db.Close()
	totals, err := db.Totals(t.Context())
	if want := (store.Totals{Records: writers * batches, Attackers: 1}); err != nil || totals != want {
		t.Errorf("got %+v, %v, want %+v", totals, err, want)
	}
	if last, err := db.MaxRecordID(t.Context()); err != nil || last != writers*batches {
		t.Errorf("last ID %d, %v, want %d", last, err, writers*batches)
	}
}

// TestW07_ARejectedLineStopsNothing: it is set aside with its reason, in the transaction
// that moves the cursor past it.
func TestW07_ARejectedLineStopsNothing(t *testing.T) {
	t.Parallel()
	db := openFile(t, sqlite.Memory)
	defer db.Close()
	line := []byte("\x00\xff{ not a record")
	ingest(t, db, store.Batch{
		Records:  []store.Record{record(epoch, "ssh"), record(epoch, "ftp")},
		Rejected: []store.Rejected{{Source: "spool", Offset: 40, Line: line, Reason: "invalid character"}},
		Cursor:   store.Cursor{Source: "spool", Offset: 90},
	})
	rejected, err := db.Rejected(t.Context(), 10)
	if err != nil || len(rejected) != 1 || string(rejected[0].Line) != string(line) || rejected[0].Offset != 40 {
		t.Errorf("rejected %+v, %v", rejected, err)
	}
	cursor, err := db.Cursor(t.Context(), "spool")
	if n, _ := db.CountRecords(t.Context(), store.Filter{}); err != nil || cursor.Offset != 90 || n != 2 {
		t.Errorf("cursor %+v, %v, and %d records", cursor, err, n)
	}
}

// TestW36_SearchMeansWhatItSays: several field filters are several conditions, colons in
// addresses, URLs and times are text, wildcards stand for themselves, and equal times have
// one order.
func TestW36_SearchMeansWhatItSays(t *testing.T) {
	t.Parallel()
	db := openFile(t, sqlite.Memory)
	defer db.Close()
	both := record(epoch, "ssh", decnet.F("username", "root"), decnet.F("password", "toor"))
	swapped := record(epoch, "ssh", decnet.F("username", "toor"), decnet.F("password", "root"))
	text := record(epoch, "http")
	text.Raw = "http://[2001:db8::1]/100%_x at 10:22:33"
	ingest(t, db, store.Batch{Records: []store.Record{both, swapped, text}})
	for search, want := range map[string][]int64{
		"":                            {3, 2, 1},
		"username:root password:toor": {1},
		"username:toor password:root": {2},
		"username:root password:root": {},
		"2001:db8::1":                 {3},
		"http://[2001:db8::1]/100%_x": {3},
		"10:22:33":                    {3},
		"100%_x":                      {3},
		"1_0%x":                       {},
	} {
		records, err := db.Records(t.Context(), store.Filter{Search: search})
		got := []int64{}
		for _, r := range records {
			got = append(got, r.ID)
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: got %v, %v, want %v", search, got, err, want)
		}
	}
}

// TestW37_BountiesTellDeckiesApartAndCountRepeats: reuse across deckies is kept, and a repeat
// moves last seen.
func TestW37_BountiesTellDeckiesApartAndCountRepeats(t *testing.T) {
	t.Parallel()
	db := openFile(t, sqlite.Memory)
	defer db.Close()
	for i, decky := range []string{"decky-01", "decky-02", "decky-01"} {
		ingest(t, db, store.Batch{Bounties: []decnet.Bounty{{Time: epoch.Add(time.Duration(i) * time.Second), Type: "credential",
			Decky: decky, Service: "ssh", Attacker: netip.MustParseAddr("::1"), Payload: []byte(`{"username":"root"}`)}}})
	}
	got, err := db.Bounties(t.Context(), store.BountyFilter{})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %d bounties, %v, want 2", len(got), err)
	}
	if b := got[0]; b.Decky != "decky-01" || b.Count != 2 || !b.Time.Equal(epoch) || !b.LastSeen.Equal(epoch.Add(2*time.Second)) {
		t.Errorf("the repeated bounty is %+v", b)
	}
}

// TestW39_SchemaIsVersioned: the steps are recorded, an up-to-date file stays as it is, and a
// reset builds it anew.
func TestW39_SchemaIsVersioned(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "decnet.db")
	if _, err := sqlite.Status(ctx, path); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("status of a missing file: %v", err)
	}
	if err := sqlite.Reset(ctx, path); !errors.Is(err, decnet.ErrNotFound) {
		t.Errorf("reset of a missing file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Status(ctx, path); err != nil || s.Version != 0 || s.Latest == 0 || !s.Migrations[0].Applied.IsZero() {
		t.Errorf("status of an empty file: %+v, %v", s, err)
	}
	migrated, err := sqlite.Migrate(ctx, path)
	if err != nil || migrated.Version != migrated.Latest {
		t.Fatalf("migrated to %+v, %v", migrated, err)
	}
	for i, m := range migrated.Migrations {
		if m.Version != int64(i+1) || m.Name == "" || time.Since(m.Applied) > time.Hour || time.Since(m.Applied) < -time.Hour {
			t.Errorf("migration %d is %+v", i, m)
		}
	}
	db := openFile(t, path)
	ingest(t, db, store.Batch{Records: []store.Record{record(epoch, "ssh")}})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := sqlite.Migrate(ctx, path)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(migrated) {
		t.Errorf("migrated again to %+v, %v", again, err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("migrating an up-to-date file changed it")
	}

	newer := rawOpen(t, path, "")
	run(t, newer, "CREATE TABLE from_the_future (x)")
	run(t, newer, "INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)")
	newer.Close()
	if _, err := sqlite.Status(ctx, path); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("status of a newer file: %v", err)
	}
	if err := sqlite.Reset(ctx, path); err != nil {
		t.Fatal(err)
	}
	db = openFile(t, path)
	defer db.Close()
	if totals, err := db.Totals(ctx); err != nil || totals != (store.Totals{}) {
		t.Errorf("after the reset: %+v, %v", totals, err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	other := rawOpen(t, foreign, "")
	run(t, other, "CREATE TABLE users (name TEXT)")
	if err := sqlite.Reset(ctx, foreign); !errors.Is(err, decnet.ErrSemantic) {
		t.Errorf("reset of another program's file: %v", err)
	}
	run(t, other, "INSERT INTO users VALUES ('still here')")
}

// TestW40_PurgeGivesSpaceBack: what is deleted leaves the file, too.
func TestW40_PurgeGivesSpaceBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decnet.db")
	size := func() int64 {
		t.Helper()
		db := openFile(t, path)
		if err := db.Close(); err != nil { // moves the log into the file
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	empty := size()
	db := openFile(t, path)
	var b store.Batch
	for i := range 1000 {
		r := record(epoch.Add(time.Duration(i)*time.Second), "ssh")
		r.Raw = strings.Repeat("x", 500)
		b.Records = append(b.Records, r)
	}
	ingest(t, db, b)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	full := size()
	db = openFile(t, path)
	if p, err := db.Purge(t.Context(), epoch.Add(900*time.Second)); err != nil || p.Records != 900 {
		t.Fatalf("purged %+v, %v", p, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if purged := size(); purged > empty+(full-empty)/4 {
		t.Errorf("%d bytes when empty, %d when full, %d after nine tenths were purged", empty, full, purged)
	}
}

// TestW41_TimesKeepMicrosecondsAndZone: order within a second holds, and a time is the same
// moment whatever zone it came in.
func TestW41_TimesKeepMicrosecondsAndZone(t *testing.T) {
	t.Parallel()
	db := openFile(t, sqlite.Memory)
	defer db.Close()
	at := epoch.Add(123456 * time.Microsecond)
	ingest(t, db, store.Batch{Records: []store.Record{
		record(at.Add(time.Microsecond), "second"),
		record(at.In(time.FixedZone("somewhere", 9*3600)), "first"),
	}})
	got, err := db.Records(t.Context(), store.Filter{})
	if err != nil || len(got) != 2 || got[0].Service != "second" || got[1].Service != "first" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if !got[1].Time.Equal(at) || got[1].Time.Location() != time.UTC {
		t.Errorf("got %v, want %v", got[1].Time, at)
	}
}
