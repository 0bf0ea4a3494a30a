package sqlite_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// FuzzSearch: no text makes a statement that fails, and the store selects what
// Filter.Matcher selects.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{"", "service:ssh event:x", `command:"cat /etc/passwd"`, `'unclosed`, `a\`, "%_!", "2001:db8::1", "http://x/y",
		"10:22:33", "attacker:::1", "attacker:", "username: password:''", "\x00", "\xff:\xff", "k:\x00\xff", "'; DROP TABLE records; --", `k:"\""`, "é:ü", "!%"} {
		f.Add(s)
	}
	db := openFile(f, sqlite.Memory)
	f.Cleanup(func() { db.Close() })
	records := []store.Record{
		record(time.Unix(0, 0), "ssh", decnet.F("username", "root"), decnet.F("command", "cat /etc/passwd")),
		record(time.Unix(1, 0), "http", decnet.F("k", "\x00\xff"), decnet.F("k", `"`)),
		record(time.Unix(2, 0), "f%_!\\", decnet.F("url", "http://x/y?10:22:33")),
	}
	records[1].Attacker = netip.MustParseAddr("2001:db8::1")
	records[2].Attacker = netip.Addr{}
	for i := range records {
		records[i].ID = int64(i + 1)
		records[i].Raw += string(store.AppendFields(nil, records[i].Fields))
	}
	records[1].Raw += "\x00Zürich\xff\xc3"
	if _, err := db.Ingest(f.Context(), store.Batch{Records: records, Bounties: []decnet.Bounty{{Type: "x", Payload: []byte(`{}`)}}}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, search string) {
		filter := store.Filter{Search: search, AfterID: -1}
		match, err := filter.Matcher()
		if err != nil && !errors.Is(err, decnet.ErrInvalid) {
			t.Fatal(err)
		}
		got, rerr := db.Records(t.Context(), filter)
		if (err == nil) != (rerr == nil) || rerr != nil && !errors.Is(rerr, decnet.ErrInvalid) {
			t.Fatalf("the matcher gives error %v, the store %v", err, rerr)
		}
		for _, err := range []error{
			second(db.CountRecords(t.Context(), filter)),
			second(db.Histogram(t.Context(), filter, time.Second)),
			second(db.Bounties(t.Context(), store.BountyFilter{Search: search, Type: search})),
			second(db.Attackers(t.Context(), store.AttackerFilter{Search: search, Service: search})),
		} {
			if err != nil && !errors.Is(err, decnet.ErrInvalid) {
				t.Fatal(err)
			}
		}
		if err != nil {
			return
		}
		want := []store.Record{}
		for i := range records {
			if match(&records[i]) {
				want = append(want, records[i])
			}
		}
		if len(got) != len(want) {
			t.Fatalf("the store selects %d records, the matcher %d", len(got), len(want))
		}
		for i := range got {
			if got[i].ID != want[i].ID {
				t.Fatalf("the store selects record %d, the matcher %d", got[i].ID, want[i].ID)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
