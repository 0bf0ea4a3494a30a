package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// crashDir names the environment variable that makes this test binary a system under load.
const crashDir = "DECNET_TEST_CRASH_DIR"

// spoolOptions rotate often and keep everything, so that the test can look at all of it.
var spoolOptions = collector.Options{MaxSize: 1 << 20, Keep: 1 << 20, KeepUnread: 1 << 20, Sync: 20 * time.Millisecond}

// backlogAllowed bounds how far the ingester of the system under load falls behind.
const backlogAllowed = 500

// loadUntilKilled runs a collector and an ingester in dir, and emits as much as they take.
func loadUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	go func() { // the test holds the other end: this process does not outlive it
		_, err := io.Copy(io.Discard, os.Stdin)
		fail(errors.Join(err, io.EOF))
	}()
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "decnet.db"), sqlite.Config{})
	fail(err)
	base := filepath.Join(dir, "decnet.log")
	c, err := collector.New(base, spoolOptions)
	fail(err)
	in := New(db, collector.Records(base), Options{MaxWait: 5 * time.Millisecond})
	go func() { fail(c.Run(ctx)) }()
	go func() { fail(in.Run(ctx)) }()
	pid := strconv.Itoa(os.Getpid())
	for n := 0; ; n++ {
		for c.Status().Lines > in.Status().Records+backlogAllowed || c.Status().Waiting > backlogAllowed {
			time.Sleep(time.Millisecond) // slow machines would have too much left at the end
		}
		c.Emit(decnet.Event{
			Time: time.Now(), Decky: "decky-01", Service: "ftp", Type: "auth_attempt", Severity: decnet.SeverityInfo,
			Fields: []decnet.Field{decnet.F("src_ip", "203.0.113.9"), decnet.F("n", pid+"-"+strconv.Itoa(n)), decnet.F("username", "root"), decnet.F("password", strconv.Itoa(n%5))},
		})
		if n%50 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// spooled returns the raw lines of all complete records in the spool of base, sorted, and
// the number of lines that are none.
func spooled(t *testing.T, base string) (raws []string, broken int) {
	t.Helper()
	files, err := filepath.Glob(collector.Records(base) + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if _, raw, err := rfc5424.ParseJSON([]byte(line)); err == nil {
				raws = append(raws, raw)
			} else {
				broken++
			}
		}
	}
	slices.Sort(raws)
	return raws, broken
}

func TestKilledUnderLoadEveryRecordIsStoredOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a process twenty times")
	}
	dir := t.TempDir()
	base := filepath.Join(dir, "decnet.log")
	dbPath := filepath.Join(dir, "decnet.db")
	watch := open(t, dbPath)
	for kill := range 20 {
		before, err := watch.CountRecords(t.Context(), store.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+dir)
		var stderr strings.Builder
		child.Stderr = &stderr
		leash, err := child.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool {
			if err := child.Process.Signal(syscall.Signal(0)); err != nil {
				t.Fatalf("the child ended: %v %s", err, stderr.String())
			}
			n, err := watch.CountRecords(t.Context(), store.Filter{})
			return err == nil && n >= before+100+23*kill
		})
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := child.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child ended: %v %s", err, stderr.String())
		}
		leash.Close()
	}
	// The next start ends a torn last line, and catches up.
	c, err := collector.New(base, spoolOptions)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Fatal(err)
	}
	catchUp(t, New(watch, collector.Records(base), Options{}))

	want, broken := spooled(t, base)
	var got []string
	for _, r := range stored(t, watch) {
		got = append(got, r.Raw)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the spool has %d records, the store %d", len(want), len(got))
	}
	if n := len(slices.Compact(got)); n != len(want) {
		t.Errorf("%d of %d records are distinct", n, len(want))
	}
	rejected, err := watch.Rejected(t.Context(), 1000)
	if err != nil || len(rejected) != broken {
		t.Errorf("%d torn lines in the spool, %d set aside, %v", broken, len(rejected), err)
	}
	bounties, err := watch.Bounties(t.Context(), store.BountyFilter{})
	total := 0
	for _, b := range bounties {
		total += b.Count
	}
	if err != nil || total != len(want) {
		t.Errorf("%d credentials counted for %d log-ins, %v", total, len(want), err)
	}
	t.Logf("%d records, %d torn lines", len(want), broken)
}
