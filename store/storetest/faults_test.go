package storetest_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
	"github.com/decnet/decnet/store/storetest"
)

// faulty is a store with one fault.
type faulty struct {
	store.Repository
	fault   string
	writing *sync.Mutex // held by what keeps others from writing
}

const faultVariable = "DECNET_STORETEST_FAULT"

// faults maps each fault to a test of the suite that must find it.
var faults = map[string]string{
	"time cut to seconds":       "Records/RoundTrip",
	"newest last":               "Records/Order",
	"offset ignored":            "Records/Pages",
	"search ignored":            "Records/Search",
	"mark ignored":              "Records/Marks",
	"bytes ignored":             "Records/Bytes",
	"cursor before the records": "Records/Atomic",
	"deckies not told apart":    "Bounties/Repeat",
	"sensors counted":           "Stats/Totals",
	"conflict not reported":     "Attackers/FoldConflict",
	"total of a page":           "Attackers/Commands",
	"missing user not reported": "Users",
	"state swapped unseen":      "State/Swap",
	"purge of records alone":    "Purge",
	"newest purged":             "Purge/Oldest",
	"purge in one step":         "Purge/BesideIngest",
	"context ignored":           "Cancel",
}

func (f faulty) Ingest(ctx context.Context, b store.Batch) (int64, error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	switch f.fault {
	case "time cut to seconds":
		for i := range b.Records {
			b.Records[i].Time = b.Records[i].Time.Truncate(time.Second)
		}
	case "cursor before the records":
		if _, err := f.Repository.Ingest(ctx, store.Batch{Cursor: b.Cursor}); err != nil {
			return 0, err
		}
	case "deckies not told apart":
		for i := range b.Bounties {
			b.Bounties[i].Decky = "decky-01"
		}
	case "context ignored":
		ctx = context.WithoutCancel(ctx)
	}
	return f.Repository.Ingest(ctx, b)
}

func (f faulty) Records(ctx context.Context, q store.Filter) ([]store.Record, error) {
	switch f.fault {
	case "newest last":
		q.AfterID = min(q.AfterID, -1)
	case "mark ignored":
		q.Before = store.Mark{}
	case "bytes ignored":
		q.Bytes = 0
	case "offset ignored":
		q.Offset = 0
	case "search ignored":
		q.Search = ""
	}
	return f.Repository.Records(ctx, q)
}

func (f faulty) Totals(ctx context.Context) (store.Totals, error) {
	t, err := f.Repository.Totals(ctx)
	if f.fault == "sensors counted" && t.Records == 4 {
		t.Attackers = 2
	}
	return t, err
}

func (f faulty) FoldProfiles(ctx context.Context, p []store.Profile, from, through int64) error {
	err := f.Repository.FoldProfiles(ctx, p, from, through)
	if f.fault == "conflict not reported" {
		return nil
	}
	return err
}

func (f faulty) Commands(ctx context.Context, uuid string, q store.CommandFilter) ([]decnet.Command, int, error) {
	list, total, err := f.Repository.Commands(ctx, uuid, q)
	if f.fault == "total of a page" {
		total = len(list)
	}
	return list, total, err
}

func (f faulty) DeleteUser(ctx context.Context, uuid string) error {
	err := f.Repository.DeleteUser(ctx, uuid)
	if f.fault == "missing user not reported" {
		return nil
	}
	return err
}

func (f faulty) SwapState(ctx context.Context, key string, old, value json.RawMessage) error {
	if f.fault == "state swapped unseen" {
		return f.Repository.SetState(ctx, key, value)
	}
	return f.Repository.SwapState(ctx, key, old, value)
}

func (f faulty) PurgeOldest(ctx context.Context, n int) (store.Purged, error) {
	if f.fault == "newest purged" {
		return f.Purge(ctx, time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	return f.Repository.PurgeOldest(ctx, n)
}

// CountRecords waits for a purge in one step, of which nobody sees a part.
func (f faulty) CountRecords(ctx context.Context, filter store.Filter) (int, error) {
	if f.fault == "purge in one step" {
		f.writing.Lock()
		defer f.writing.Unlock()
	}
	return f.Repository.CountRecords(ctx, filter)
}

func (f faulty) Purge(ctx context.Context, before time.Time) (store.Purged, error) {
	if f.fault == "purge in one step" {
		f.writing.Lock()
		defer f.writing.Unlock()
	}
	p, err := f.Repository.Purge(ctx, before)
	if f.fault == "purge of records alone" {
		p.Bounties = 0
	}
	return p, err
}

// TestFaultyStore is what TestSuiteFindsFaults runs as a process: the suite on a store with the
// fault that the environment names. Without one there is nothing to do.
func TestFaultyStore(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		return
	}
	storetest.Run(t, func(t *testing.T) store.Repository {
		db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return faulty{db, fault, new(sync.Mutex)}
	})
}

// TestSuiteFindsFaults: the suite fails for every store that is not right.
func TestSuiteFindsFaults(t *testing.T) {
	for fault, test := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaultyStore$/^"+strings.ReplaceAll(test, "/", "$/^")+"$")
			cmd.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestFaultyStore/"+test) {
				t.Errorf("%s did not find it: %v\n%s", test, err, out)
			}
		})
	}
}
