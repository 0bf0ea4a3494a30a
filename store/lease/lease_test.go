package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/lease"
	"github.com/decnet/decnet/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Memory, sqlite.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	opts := lease.Options{Holder: "the first", Term: time.Second}
	err = lease.Hold(ctx, db, opts, func(ctx context.Context) error {
		opts.Holder = "the second"
		return lease.Hold(ctx, db, opts, func(context.Context) error { return nil })
	})
	fmt.Println(err)
	// Output: in use by the first
}

// term is longer than any pause that a machine makes.
const term = 8 * time.Second

func open(t *testing.T) store.Repository {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "decnet.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

var errWork = errors.New("the work")

// idle returns errWork at once.
func idle(context.Context) error { return errWork }

// TestOneAtATime: while one holds the lease, others are refused, whoever they are; then the
// next has it at once, and so it goes when a holder's process is gone.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	db := open(t)
	gone := false
	opts := lease.Options{Holder: "ada", Process: "1", Term: term, Alive: func(process string) bool { return process != "1" || !gone }}
	err := lease.Hold(t.Context(), db, opts, func(ctx context.Context) error {
		var held *lease.HeldError
		err := lease.Hold(ctx, db, lease.Options{Holder: "bob", Term: term}, idle)
		if !errors.As(err, &held) || held.Holder != "ada" || !errors.Is(err, decnet.ErrConflict) {
			t.Errorf("a second holder: %v", err)
		}
		if err := lease.Hold(ctx, db, opts, idle); !errors.Is(err, decnet.ErrConflict) {
			t.Errorf("the same once more: %v", err)
		}
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if err := lease.Hold(short, db, opts, idle); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without time: %v", err)
		}
		return errWork
	})
	if !errors.Is(err, errWork) {
		t.Fatal(err)
	}
	began := time.Now()
	if err := lease.Hold(t.Context(), db, opts, idle); !errors.Is(err, errWork) {
		t.Error(err)
	}
	if err := db.SetState(t.Context(), lease.Key, []byte(`{"id":"x","holder":"eve","process":"1"}`)); err != nil {
		t.Fatal(err)
	}
	gone = true
	if err := lease.Hold(t.Context(), db, opts, idle); !errors.Is(err, errWork) {
		t.Error(err)
	}
	if took := time.Since(began); took >= term {
		t.Errorf("took %s to take a lease that was free, and one of a process that was gone", took)
	}
}

// TestSilentHolder: a holder of whom nobody knows anything, and who does nothing for a term,
// loses the lease.
func TestSilentHolder(t *testing.T) {
	t.Parallel()
	db := open(t)
	if err := db.SetState(t.Context(), lease.Key, []byte(`{"id":"x","holder":"eve"}`)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const short = 400 * time.Millisecond
	var waiting []string
	opts := lease.Options{Term: short, Alive: func(string) bool { return true }, Waiting: func(holder string) { waiting = append(waiting, holder) }}
	if err := lease.Hold(t.Context(), db, opts, idle); !errors.Is(err, errWork) {
		t.Fatal(err)
	}
	if took := time.Since(began); took < short || len(waiting) != 1 || waiting[0] != "eve" {
		t.Errorf("waited for %s and %q", took, waiting)
	}
}

// TestLost: who has lost the lease is told, and by whom it was taken, and leaves it to them.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ document, says string }{
		"taken":      {`{"id":"x","holder":"eve"}`, "the store is no longer ours: it is in use by eve"},
		"given back": {"null", "the store is no longer ours: it was reset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			err := lease.Hold(t.Context(), db, lease.Options{Term: 200 * time.Millisecond}, func(ctx context.Context) error {
				if err := db.SetState(ctx, lease.Key, []byte(c.document)); err != nil {
					t.Error(err)
				}
				<-ctx.Done()
				if cause := context.Cause(ctx); !errors.Is(cause, lease.ErrLost) {
					t.Errorf("the cause is %v", cause)
				}
				return errWork
			})
			if !errors.Is(err, lease.ErrLost) || !errors.Is(err, errWork) || err.Error() != errWork.Error()+"\n"+c.says {
				t.Errorf("got %v", err)
			}
			if text, err := db.State(t.Context(), lease.Key); err != nil || string(text) != c.document {
				t.Errorf("the lease of another is now %s, %v", text, err)
			}
		})
	}
}

// TestRenewed: a holder who works for many terms keeps the lease, also while the store does not
// answer now and then.
func TestRenewed(t *testing.T) {
	t.Parallel()
	db := &flaky{Repository: open(t)}
	const short = 200 * time.Millisecond
	err := lease.Hold(t.Context(), db, lease.Options{Holder: "ada", Term: short}, func(ctx context.Context) error {
		for db.swaps.Load() < 20 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(short / 10):
			}
		}
		return errWork
	})
	if !errors.Is(err, errWork) || errors.Is(err, lease.ErrLost) {
		t.Error(err)
	}
}

// flaky is a store of which every third write gives an error, kept or not.
type flaky struct {
	store.Repository
	swaps atomic.Int64
}

func (f *flaky) SwapState(ctx context.Context, key string, old, value json.RawMessage) error {
	switch n := f.swaps.Add(1); {
	case n%6 == 3:
		return errors.New("not written")
	case n%6 == 0:
		return errors.Join(errors.New("written, perhaps"), f.Repository.SwapState(ctx, key, old, value))
	}
	return f.Repository.SwapState(ctx, key, old, value)
}

// TestBrokenDocument: what nobody can read is not taken.
func TestBrokenDocument(t *testing.T) {
	t.Parallel()
	db := open(t)
	if err := db.SetState(t.Context(), lease.Key, []byte(`"x"`)); err != nil {
		t.Fatal(err)
	}
	if err := lease.Hold(t.Context(), db, lease.Options{Term: term}, idle); err == nil || errors.Is(err, errWork) {
		t.Errorf("got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := lease.Hold(t.Context(), db, lease.Options{Term: term}, idle); err == nil || errors.Is(err, errWork) {
		t.Errorf("on a closed store: %v", err)
	}
}
