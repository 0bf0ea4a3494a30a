package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// crashPath is the variable that makes the test binary the process which is killed.
const crashPath = "DECNET_STORE_CRASH_PATH"

// writeForever ingests batches of any size into the file at path until it is killed. The
// offset of the cursor counts the records, and one bounty is repeated for each of them. It
// prints the offset after each batch that it knows to be written.
func writeForever(path string) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path, sqlite.Config{})
	fail := func(err error) {
		fmt.Println(err)
		os.Exit(1)
	}
	if err != nil {
		fail(err)
	}
	cursor, err := db.Cursor(ctx, "spool")
	if err != nil && !errors.Is(err, decnet.ErrNotFound) {
		fail(err)
	}
	cursor.Source = "spool"
	for {
		var b store.Batch
		for range 1 + rand.IntN(60) {
			cursor.Offset++
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(rand.IntN(20))})
			b.Records = append(b.Records, store.Record{Raw: strconv.FormatInt(cursor.Offset, 10), Event: decnet.Event{
				Time: time.UnixMicro(cursor.Offset), Decky: "decky-01", Service: "ssh", Type: "connect", Attacker: addr}})
			b.Bounties = append(b.Bounties, decnet.Bounty{Type: "credential", Payload: []byte(`{"username":"root"}`)})
		}
		b.Cursor = cursor
		if _, err := db.Ingest(ctx, b); err != nil {
			fail(err)
		}
		fmt.Println(cursor.Offset)
	}
}

// TestW06_RecordsBountiesAndCursorAreOneTransaction kills a writing process again and again:
// whatever the moment, the cursor stands exactly behind the rows, and nothing that was
// reported as written is gone.
func TestW06_RecordsBountiesAndCursorAreOneTransaction(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decnet.db")
	for round := range 10 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashPath+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var reported int64
		for n := 1 + rand.IntN(6); n > 0 && lines.Scan(); n-- {
			if reported, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
				t.Errorf("the writer failed: %s", lines.Text())
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if reported, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
				t.Errorf("the writer failed: %s", lines.Text())
			}
		}
		_ = child.Wait() // killed
		verifyCrashed(t, path, reported)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

func verifyCrashed(t *testing.T, path string, reported int64) {
	t.Helper()
	ctx := t.Context()
	db := openFile(t, path)
	defer db.Close()
	cursor, err := db.Cursor(ctx, "spool")
	if err != nil {
		t.Fatal(err)
	}
	if cursor.Offset < reported {
		t.Errorf("the cursor stands at %d and %d was reported as written", cursor.Offset, reported)
	}
	totals, err := db.Totals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	counted, err := db.CountRecords(ctx, store.Filter{Search: "service:ssh"})
	if err != nil {
		t.Fatal(err)
	}
	last, err := db.MaxRecordID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bounties, err := db.Bounties(ctx, store.BountyFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if n := int(cursor.Offset); totals.Records != n || counted != n || int(last) != n || len(bounties) != 1 || bounties[0].Count != n || totals.Bounties != 1 {
		t.Errorf("cursor %d, total %d, rows %d, last ID %d, bounties %+v", n, totals.Records, counted, last, bounties)
	}
	next, after := int64(0), int64(-1)
	for {
		page, err := db.Records(ctx, store.Filter{AfterID: after, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			if next++; r.ID != next || r.Raw != strconv.FormatInt(next, 10) {
				t.Fatalf("record %d holds line %s, want %d", r.ID, r.Raw, next)
			}
		}
		after = next
	}
	if next != cursor.Offset {
		t.Errorf("%d records are there, the cursor stands at %d", next, cursor.Offset)
	}
}
