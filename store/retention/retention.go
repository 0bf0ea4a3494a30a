// Package retention keeps a store within bounds of age and size, so that it does not grow for
// ever.
//
//	keeper := retention.New(db, retention.Options{Age: 90 * 24 * time.Hour, Size: 10 << 30})
//	err := keeper.Run(ctx)
//
// It deletes in steps between which everything else goes on (see store.Retention).
package retention

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/decnet/decnet/store"
)

// Options says what is kept. With neither Age nor Size, that is everything.
type Options struct {
	Age time.Duration // what was last seen longer ago goes; 0: however old
	// Size is how many bytes of storage may be in use: when there are more, the oldest
	// records go, and what belongs to their time, until a twentieth is free again. Between
	// two looks the store may grow beyond it. 0: as many as there is room for.
	Size  int64
	Every time.Duration    // from the end of one look to the next; 0: a minute
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: discarded
}

// Store is what a Keeper works on; a store.Repository is one.
type Store interface {
	store.Retention
	store.Stats
}

// Keeper deletes what is not to be kept. Make one with [New].
type Keeper struct {
	store Store
	opts  Options

	// A database that cleans up behind a purge with delay would look too large again and
	// again: until it has come down to awaited bytes, or patience is over, nothing more is
	// deleted because of the size. These belong to the goroutine of Run.
	awaited  int64
	patience time.Time

	mu  sync.Mutex
	err error
}

// maxPatience is how long at most a purge by size waits for the space of the one before.
const maxPatience = time.Hour

// New returns a Keeper of s.
func New(s Store, opts Options) *Keeper {
	opts.Every = cmp.Or(opts.Every, time.Minute)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{store: s, opts: opts}
}

// Run keeps the store within its bounds until ctx ends, and returns nil then. Errors of the
// store are reported by Err and tried again. It is called once.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		_, err := k.Once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		k.note(err)
		tick.Reset(k.opts.Every)
	}
}

// note keeps err for Err.
func (k *Keeper) note(err error) {
	k.mu.Lock()
	before := k.err
	k.err = err
	k.mu.Unlock()
	if err != nil && before == nil {
		k.opts.Log.Error("what is too old or too much cannot be deleted", "error", err)
	}
}

// Err returns what is wrong at present; nil: all is well. It is safe for concurrent use.
func (k *Keeper) Err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// Once brings the store within its bounds, for those who do not want Run, and must not run at
// the same time as that. It says what was deleted, beside an error too.
func (k *Keeper) Once(ctx context.Context) (store.Purged, error) {
	var total store.Purged
	if k.opts.Age > 0 {
		p, err := k.store.Purge(ctx, k.opts.Now().Add(-k.opts.Age))
		k.count(&total, p, "too old")
		if err != nil {
			return total, err
		}
	}
	if k.opts.Size > 0 {
		return total, k.shrink(ctx, &total)
	}
	return total, nil
}

func (k *Keeper) count(total *store.Purged, p store.Purged, why string) {
	if p == (store.Purged{}) {
		return
	}
	total.Records += p.Records
	total.Bounties += p.Bounties
	total.Attackers += p.Attackers
	k.opts.Log.Info("deleted what is "+why, "records", p.Records, "bounties", p.Bounties, "attackers", p.Attackers)
}

// shrink deletes the oldest records while there is too much.
func (k *Keeper) shrink(ctx context.Context, total *store.Purged) error {
	size, err := k.size(ctx)
	for err == nil && size > k.opts.Size && !k.opts.Now().Before(k.patience) {
		var have store.Totals
		if have, err = k.store.Totals(ctx); err != nil || have.Records == 0 {
			return err // nothing that goes by its age takes the room
		}
		// The part of the records that is the part of the bytes beyond the goal.
		goal := k.opts.Size - k.opts.Size/20
		n := int(float64(have.Records)*float64(size-goal)/float64(size)) + 1
		var p store.Purged
		p, err = k.store.PurgeOldest(ctx, n)
		k.count(total, p, "too much")
		if err != nil {
			return err
		}
		k.awaited, k.patience = size-(size-goal)/2, k.opts.Now().Add(maxPatience)
		size, err = k.size(ctx)
	}
	return err
}

// size asks for the size, and ends the patience once it is what was awaited.
func (k *Keeper) size(ctx context.Context) (int64, error) {
	size, err := k.store.Size(ctx)
	if err == nil && size <= k.awaited {
		k.patience = time.Time{}
	}
	return size, err
}
