// Package storetest proves that an implementation of [store.Repository] is right: every
// method with its order, limits and errors, hostile values, concurrency and cancellation.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Repository {
//			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "decnet.db"), sqlite.Config{})
//			if err != nil {
//				t.Fatal(err)
//			}
//			return db
//		})
//	}
package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Run runs the suite as parallel subtests of t. It calls open once for each of them, for an
// empty store of its own, twice for a copy, and closes what it gets.
func Run(t *testing.T, open func(t *testing.T) store.Repository) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Repository)
	}{
		{"Empty", testEmpty},
		{"Records/RoundTrip", testRoundTrip},
		{"Records/Order", testOrder},
		{"Records/Pages", testPages},
		{"Records/Marks", testMarks},
		{"Records/Bytes", testBytes},
		{"Records/TimeRange", testTimeRange},
		{"Records/Search", testSearch},
		{"Records/SearchAgreesWithMatcher", testMatcher},
		{"Records/Histogram", testHistogram},
		{"Records/Counts", testCounts},
		{"Records/Cursor", testCursor},
		{"Records/Atomic", testAtomic},
		{"Records/Rejected", testRejected},
		{"Bounties/Repeat", testBountyRepeat},
		{"Bounties/Filter", testBountyFilter},
		{"Bounties/Marks", testBountyMarks},
		{"Bounties/Bytes", testBountyBytes},
		{"Bounties/Race", testBountyRace},
		{"Stats/Totals", testTotals},
		{"Attackers/Fold", testFold},
		{"Attackers/FoldConflict", testFoldConflict},
		{"Attackers/FoldRace", testFoldRace},
		{"Attackers/List", testAttackers},
		{"Attackers/Marks", testAttackerMarks},
		{"Attackers/ManyFingerprints", testManyFingerprints},
		{"Attackers/Commands", testCommands},
		{"Attackers/Fingerprints", testFingerprints},
		{"Attackers/Artifacts", testArtifacts},
		{"Attackers/Profiles", testProfiles},
		{"Users", testUsers},
		{"Users/Tokens", testTokens},
		{"State", testState},
		{"State/Swap", testSwapState},
		{"Purge", testPurge},
		{"Purge/Everything", testPurgeEverything},
		{"Purge/Many", testPurgeMany},
		{"Purge/Oldest", testPurgeOldest},
		{"Purge/BesideIngest", testPurgeBesideIngest},
		{"Purge/OutrunsIngest", testPurgeOutrunsIngest},
		{"Size", testSize},
		{"Concurrency", testConcurrency},
		{"Cancel", testCancel},
		{"CancelUnderLoad", testCancelUnderLoad},
		{"Close", testClose},
		{"CloseUnderLoad", testCloseUnderLoad},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			repo := open(t)
			t.Cleanup(func() { noError(t, repo.Close()) })
			c.test(t, repo)
		})
	}
	t.Run("Copy", func(t *testing.T) {
		t.Parallel()
		from, to := open(t), open(t)
		t.Cleanup(func() { noError(t, errors.Join(from.Close(), to.Close())) })
		testCopy(t, from, to)
	})
}

// The cast of the tests.
var (
	start = time.Date(2026, 4, 18, 2, 22, 56, 123456000, time.UTC)
	alice = netip.MustParseAddr("203.0.113.7")
	bob   = netip.MustParseAddr("2001:db8::bad:1")
	carol = netip.MustParseAddr("198.51.100.250")
)

// event makes a record that reads like a real one, at seconds after start.
func event(seconds float64, decky, service, kind string, attacker netip.Addr, fields ...decnet.Field) store.Record {
	r := store.Record{Event: decnet.Event{
		Time: start.Add(time.Duration(seconds * float64(time.Second))), Decky: decky, Service: service, Type: kind,
		Attacker: attacker, Severity: decnet.SeverityInfo, Fields: fields,
	}}
	r.Raw = fmt.Sprintf("<134>1 %s %s %s - %s [relay@55555 src_ip=%q", r.Time.Format(time.RFC3339Nano), decky, service, kind, attacker)
	for _, f := range fields {
		r.Raw += fmt.Sprintf(" %s=%q", f.Key, f.Value)
	}
	r.Raw += "]"
	return r
}

func bounty(seconds float64, kind string, attacker netip.Addr, decky, service, payload string) decnet.Bounty {
	return decnet.Bounty{Time: start.Add(time.Duration(seconds * float64(time.Second))), Type: kind, Attacker: attacker,
		Decky: decky, Service: service, Payload: json.RawMessage(payload)}
}

// ingest writes records and returns them with their IDs.
func ingest(t *testing.T, repo store.Repository, records ...store.Record) []store.Record {
	t.Helper()
	last := must(repo.Ingest(t.Context(), store.Batch{Records: records}))(t)
	for i := range records {
		records[i].ID = last - int64(len(records)-1-i)
	}
	return records
}

// must fails the test on an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		noError(t, err)
		return v
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("error: %v", err)
	}
}

func wantError(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want %v", err, kind)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// ids returns the IDs of records.
func ids(records []store.Record) []int64 {
	out := make([]int64, len(records))
	for i, r := range records {
		out[i] = r.ID
	}
	return out
}
