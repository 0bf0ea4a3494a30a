package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/internal/tail"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		loadUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, path string) store.Repository {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path, sqlite.Config{})
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

// record makes the nth line of a spool.
func record(n int) string {
	e := rfc5424.Canonical(decnet.Event{
		Time: time.Date(2026, 4, 18, 2, 22, 56, n*1000, time.UTC), Decky: "decky-01", Service: "ftp", Type: "auth_attempt", Severity: decnet.SeverityInfo,
		Fields: []decnet.Field{decnet.F("src_ip", "203.0.113.9"), decnet.F("n", strconv.Itoa(n)), decnet.F("username", "root"), decnet.F("password", strconv.Itoa(n%7))},
	})
	return string(append(rfc5424.AppendJSON(nil, &e, string(rfc5424.Append(nil, &e))), '\n'))
}

func recordsText(from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		b.WriteString(record(n))
	}
	return b.String()
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// stored returns the records of db in the order of their IDs.
func stored(t testing.TB, db store.Records) []store.Record {
	t.Helper()
	n, err := db.CountRecords(context.Background(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := db.Records(context.Background(), store.Filter{Limit: n + 1})
	if err != nil || len(list) != n {
		t.Fatalf("%d records of %d, %v", len(list), n, err)
	}
	slices.SortFunc(list, func(a, b store.Record) int { return int(a.ID - b.ID) })
	return list
}

func numbers(t testing.TB, db store.Records) (ns []int) {
	t.Helper()
	for _, r := range stored(t, db) {
		n, err := strconv.Atoi(r.Value("n"))
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	return ns
}

func sequence(n int) (ns []int) {
	for i := range n {
		ns = append(ns, i)
	}
	return ns
}

func catchUp(t testing.TB, in *Ingester) {
	t.Helper()
	if err := in.CatchUp(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, in *Ingester) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for tick := time.NewTicker(time.Millisecond); !ok(); <-tick.C {
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
}

func TestRecordsBountiesAndCursorArrive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	appendTo(t, path, recordsText(0, 250))
	var commits []int64
	in := New(db, path, Options{OnCommit: func(id int64) { commits = append(commits, id) }})
	catchUp(t, in)
	list := stored(t, db)
	if !slices.Equal(numbers(t, db), sequence(250)) {
		t.Errorf("%d records", len(list))
	}
	want, raw, err := rfc5424.ParseJSON([]byte(record(3)))
	if err != nil {
		t.Fatal(err)
	}
	if got := list[3]; got.Raw != raw || got.Time != want.Time || got.Attacker != want.Attacker || !slices.Equal(got.Fields, want.Fields) || got.Severity != want.Severity {
		t.Errorf("record is %+v", got)
	}
	if len(commits) != 1 || commits[0] != list[249].ID {
		t.Errorf("commits %v", commits)
	}
	bounties, err := db.Bounties(t.Context(), store.BountyFilter{Type: Credential})
	if err != nil || len(bounties) != 7 {
		t.Fatalf("%d bounties, %v", len(bounties), err)
	}
	total := 0
	for _, b := range bounties {
		total += b.Count
	}
	if total != 250 || bounties[0].Attacker != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("counted %d, %+v", total, bounties[0])
	}
	info, _ := os.Stat(path)
	if c, err := db.Cursor(t.Context(), path); err != nil || c.Offset != info.Size() || c != in.Status().Cursor {
		t.Errorf("cursor %+v, %v", c, err)
	}
	catchUp(t, New(db, path, Options{}))
	if n := len(stored(t, db)); n != 250 {
		t.Errorf("%d records after a second run", n)
	}
}

func TestRunFollowsTheSpool(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	in := New(db, path, Options{MaxWait: time.Millisecond})
	stop := start(t, in)
	for n := range 20 {
		text := record(n)
		appendTo(t, path, text[:40]) // a partial line waits
		appendTo(t, path, text[40:])
		eventually(t, func() bool { return in.Status().Records == uint64(n+1) })
		if n == 10 {
			if err := os.Rename(path, path+".00000001"); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	if !slices.Equal(numbers(t, db), sequence(20)) {
		t.Errorf("records %v", numbers(t, db))
	}
	if in.Status().Running || in.Status().Rejected != 0 {
		t.Errorf("status %+v", in.Status())
	}
	if _, err := os.Stat(path + ".00000001" + tail.DoneSuffix); err != nil {
		t.Error("the rotated file is not marked as done")
	}
}

// TestBatchWaitsForCompany covers records after a quiet time, which are committed at once,
// and those that come within MaxWait of that, which are committed together.
func TestBatchWaitsForCompany(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	commits := 0
	in := New(db, path, Options{MaxWait: time.Hour, Batch: 10, OnCommit: func(int64) { commits++ }})
	stop := start(t, in)
	appendTo(t, path, record(0))
	eventually(t, func() bool { return in.Status().Records == 1 })
	for n := range 10 {
		appendTo(t, path, record(n+1))
	}
	eventually(t, func() bool { return in.Status().Records == 11 })
	stop()
	if commits != 2 {
		t.Errorf("%d commits", commits)
	}
}

func TestBacklogIsCommittedInLargeBatches(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	appendTo(t, path, recordsText(0, 250))
	commits := 0
	catchUp(t, New(db, path, Options{Batch: 10, OnCommit: func(int64) { commits++ }}))
	if commits != 3 {
		t.Errorf("%d commits", commits)
	}
}

// refusing is a store that refuses batches.
type refusing struct {
	store.Repository
	mu      sync.Mutex
	refuse  func(store.Batch) error
	batches int
}

func (r *refusing) Ingest(ctx context.Context, b store.Batch) (int64, error) {
	r.mu.Lock()
	r.batches++
	err := r.refuse(b)
	r.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return r.Repository.Ingest(ctx, b)
}

func TestW7_APoisonRecordStopsNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := &refusing{Repository: open(t, filepath.Join(dir, "decnet.db")), refuse: func(b store.Batch) error {
		if slices.ContainsFunc(b.Records, func(r store.Record) bool { return r.Value("n") == "5" }) {
			return fmt.Errorf("no such luck: %w", decnet.ErrInvalid)
		}
		return nil
	}}
	appendTo(t, path, recordsText(0, 5)+"{not json\n\n"+recordsText(5, 12)+`{"timestamp":"x"}`+"\n"+recordsText(12, 20))
	catchUp(t, New(db, path, Options{Retry: time.Microsecond}))
	want := slices.Delete(sequence(20), 5, 6)
	if got := numbers(t, db); !slices.Equal(got, want) {
		t.Errorf("records %v", got)
	}
	rejected, err := db.Rejected(t.Context(), 10)
	if err != nil || len(rejected) != 3 {
		t.Fatalf("%d rejected, %v", len(rejected), err)
	}
	reasons := map[string]string{}
	for _, r := range rejected {
		reasons[string(r.Line)] = r.Reason
	}
	poison := strings.TrimSuffix(record(5), "\n")
	if !strings.Contains(reasons[poison], "no such luck") || !strings.Contains(reasons["{not json"], "invalid") || reasons[`{"timestamp":"x"}`] == "" {
		t.Errorf("reasons %q", reasons)
	}
	offset := int64(len(recordsText(0, 5)))
	if i := slices.IndexFunc(rejected, func(r store.Rejected) bool { return string(r.Line) == "{not json" }); rejected[i].Offset != offset || rejected[i].Source != path {
		t.Errorf("rejected %+v", rejected[i])
	}
}

func TestStoreThatIsDownLosesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	down := errors.New("connection refused")
	db := &refusing{Repository: open(t, filepath.Join(dir, "decnet.db")), refuse: func(store.Batch) error { return down }}
	appendTo(t, path, recordsText(0, 150))
	in := New(db, path, Options{Retry: time.Microsecond, MaxWait: time.Millisecond})
	stop := start(t, in)
	eventually(t, func() bool {
		db.mu.Lock()
		defer db.mu.Unlock()
		return db.batches > 12
	})
	if s := in.Status(); !errors.Is(s.Err, down) || s.Records != 0 || s.Rejected != 0 {
		t.Errorf("status %+v", s)
	}
	db.mu.Lock()
	db.refuse = func(store.Batch) error { return nil }
	db.mu.Unlock()
	eventually(t, func() bool { return in.Status().Records == 150 })
	eventually(t, func() bool { return in.Status().Err == nil })
	stop()
	if !slices.Equal(numbers(t, db), sequence(150)) {
		t.Errorf("%d records", len(numbers(t, db)))
	}
}

func TestW6_NothingOfABatchIsKeptWithoutTheRest(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	appendTo(t, path, recordsText(0, 30)+"bad line\n"+recordsText(30, 60))
	// A store that commits a batch and then dies: the next run must not repeat it.
	ctx, cancel := context.WithCancel(t.Context())
	dying := &dyingStore{Repository: db, die: cancel, after: 2}
	if err := New(dying, path, Options{Batch: 1, Retry: time.Microsecond}).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := numbers(t, db); !slices.Equal(got, sequence(20)) {
		t.Errorf("after the first run %v", got)
	}
	catchUp(t, New(db, path, Options{Batch: 1}))
	if got := numbers(t, db); !slices.Equal(got, sequence(60)) {
		t.Errorf("after the second run %v", got)
	}
	bounties, err := db.Bounties(t.Context(), store.BountyFilter{})
	total := 0
	for _, b := range bounties {
		total += b.Count
	}
	if err != nil || total != 60 {
		t.Errorf("bounties counted %d times, %v", total, err)
	}
}

// dyingStore works for a number of batches.
type dyingStore struct {
	store.Repository
	die   func()
	after int
}

func (d *dyingStore) Ingest(ctx context.Context, b store.Batch) (int64, error) {
	if d.after == 0 {
		d.die()
		return 0, ctx.Err()
	}
	d.after--
	return d.Repository.Ingest(ctx, b)
}

func TestW10_SensorEventsAreKeptAndMarked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	for _, service := range []string{"prober", "sniffer", "collector", "correlator", "ssh"} {
		e := rfc5424.Canonical(decnet.Event{Time: time.Unix(1, 0), Decky: "decky-01", Service: service, Type: "x", Fields: []decnet.Field{decnet.F("src_ip", "203.0.113.9")}})
		appendTo(t, path, string(rfc5424.AppendJSON(nil, &e, ""))+"\n")
	}
	catchUp(t, New(db, path, Options{}))
	for _, r := range stored(t, db) {
		if r.FromSensor() != (r.Service != "ssh") {
			t.Errorf("%s: FromSensor is %v", r.Service, r.FromSensor())
		}
	}
}

func TestW41_OrderWithinASecondIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	appendTo(t, path, recordsText(0, 3))
	catchUp(t, New(db, path, Options{}))
	list := stored(t, db)
	for n, r := range list {
		if want := time.Date(2026, 4, 18, 2, 22, 56, n*1000, time.UTC); r.Time != want {
			t.Errorf("record %d is of %v, want %v", n, r.Time, want)
		}
	}
}

func TestLongAndBrokenLinesAreSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	appendTo(t, path, record(0)+strings.Repeat("x", 20<<20)+"\n"+record(1)+record(2)[:50])
	if err := os.Rename(path, path+".00000001"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, record(2))
	catchUp(t, New(db, path, Options{}))
	if got := numbers(t, db); !slices.Equal(got, sequence(3)) {
		t.Errorf("records %v", got)
	}
	rejected, err := db.Rejected(t.Context(), 10)
	if err != nil || len(rejected) != 2 {
		t.Fatalf("%d rejected, %v", len(rejected), err)
	}
	for _, r := range rejected {
		if len(r.Line) > maxRejected || r.Reason == "" {
			t.Errorf("rejected %d bytes: %s", len(r.Line), r.Reason)
		}
	}
}

func TestHugeRecords(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "decnet.json")
	db := open(t, filepath.Join(dir, "decnet.db"))
	value := strings.Repeat("\xff\n\"]", 1<<18)
	for n := range 3 {
		e := rfc5424.Canonical(decnet.Event{Time: time.Unix(1, 0), Decky: "d", Service: "http", Type: "request", Fields: []decnet.Field{decnet.F("n", fmt.Sprint(n)), decnet.F("body", value)}})
		appendTo(t, path, string(rfc5424.AppendJSON(nil, &e, string(rfc5424.Append(nil, &e))))+"\n")
	}
	catchUp(t, New(db, path, Options{}))
	if got := numbers(t, db); !slices.Equal(got, sequence(3)) {
		t.Errorf("records %v", got)
	}
	for _, r := range stored(t, db) {
		if e, err := rfc5424.Parse(r.Raw); err != nil || e.Value("body") != value {
			t.Errorf("raw line does not hold the value: %v", err)
		}
		if r.Value("body") != value {
			t.Errorf("the stored value of %d bytes is not the one sent", len(r.Value("body")))
		}
	}
}
