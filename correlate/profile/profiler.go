package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Store is what a Profiler uses of a store; see store.Records and store.Attackers for what
// the methods promise.
type Store interface {
	Records(ctx context.Context, f store.Filter) ([]store.Record, error)
	Profiles(ctx context.Context, addrs []netip.Addr) (map[netip.Addr]store.Profile, error)
	FoldProfiles(ctx context.Context, profiles []store.Profile, from, through int64) error
	ProfiledThrough(ctx context.Context) (int64, error)
}

// Options tunes a Profiler. The zero value works.
type Options struct {
	Interval time.Duration    // longest wait for new records; 0: 5 s
	Batch    int              // records folded in one transaction; 0: 1000
	Log      *slog.Logger     // nil: discarded
	Now      func() time.Time // nil: time.Now
}

// Profiler folds records into the profiles of attackers. Make one with New; its methods
// are safe for concurrent use. Several profilers, also of different processes, may work on
// one store: each record is folded once.
type Profiler struct {
	store Store
	opt   Options
	wake  chan struct{}

	mu  sync.Mutex
	err error
}

// New makes a Profiler over s.
func New(s Store, opt Options) *Profiler {
	opt.Interval = cmp.Or(opt.Interval, 5*time.Second)
	opt.Batch = cmp.Or(opt.Batch, 1000)
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Profiler{store: s, opt: opt, wake: make(chan struct{}, 1)}
}

// Run folds new records until ctx ends, when it returns nil. It looks for them when it is
// woken and at every interval. When the store fails it logs that and tries again.
func (p *Profiler) Run(ctx context.Context) error {
	ticker := time.NewTicker(p.opt.Interval)
	defer ticker.Stop()
	for {
		_, err := p.CatchUp(ctx)
		if ctx.Err() != nil {
			return nil
		}
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		if err != nil {
			p.opt.Log.Error("profiling failed", "err", err, "retry_in", p.opt.Interval)
			select { // not before the interval is over, however often it is woken
			case <-ctx.Done():
			case <-ticker.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-p.wake:
		}
	}
}

// Wake tells Run that there are new records. It does not block.
func (p *Profiler) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Err returns why Run could not fold the latest records, nil when it could.
func (p *Profiler) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// CatchUp folds all records that have not been folded yet, batch by batch, and returns
// their number.
func (p *Profiler) CatchUp(ctx context.Context) (int, error) {
	total := 0
	from, err := p.store.ProfiledThrough(ctx)
	if err != nil {
		return 0, fmt.Errorf("profile: %w", err)
	}
	for {
		records, err := p.store.Records(ctx, store.Filter{AfterID: cmp.Or(from, -1), Limit: p.opt.Batch})
		if err != nil {
			return total, fmt.Errorf("profile: %w", err)
		}
		if len(records) == 0 {
			return total, nil
		}
		through := records[len(records)-1].ID
		profiles, err := p.fold(ctx, records)
		if err != nil {
			return total, fmt.Errorf("profile: records %d to %d: %w", records[0].ID, through, err)
		}
		switch err := p.store.FoldProfiles(ctx, profiles, from, through); {
		case errors.Is(err, decnet.ErrConflict):
			// Another profiler was faster.
			if from, err = p.store.ProfiledThrough(ctx); err != nil {
				return total, fmt.Errorf("profile: %w", err)
			}
			continue
		case err != nil:
			return total, fmt.Errorf("profile: records %d to %d: %w", records[0].ID, through, err)
		}
		total += len(records)
		from = through
		if len(records) < p.opt.Batch {
			return total, nil
		}
	}
}

// fold returns the profiles of the attackers in records, in the order of appearance.
func (p *Profiler) fold(ctx context.Context, records []store.Record) ([]store.Profile, error) {
	var addrs []netip.Addr
	seen := make(map[netip.Addr]bool)
	for i := range records {
		if a := records[i].Attacker.Unmap(); a.IsValid() && !seen[a] {
			seen[a] = true
			addrs = append(addrs, a)
		}
	}
	stored, err := p.store.Profiles(ctx, addrs)
	if err != nil {
		return nil, err
	}
	states := make(map[netip.Addr]*state, len(addrs))
	for a, old := range stored {
		if states[a], err = read(old); err != nil {
			p.opt.Log.Warn("profile starts anew from its totals", "err", err)
		}
	}
	for i := range records {
		if err := p.foldRecord(ctx, states, &records[i]); err != nil {
			return nil, err
		}
	}
	profiles := make([]store.Profile, 0, len(addrs))
	for _, a := range addrs {
		s, ok := states[a]
		if !ok {
			continue // only instruments have seen it
		}
		old, ok := stored[a]
		if !ok {
			old.Addr = a
		}
		next, err := s.profile(old, p.opt.Now())
		if err != nil {
			return nil, err
		}
		profiles = append(profiles, next)
	}
	return profiles, nil
}

func (p *Profiler) foldRecord(ctx context.Context, states map[netip.Addr]*state, r *store.Record) error {
	addr := r.Attacker.Unmap()
	if !addr.IsValid() {
		return nil
	}
	s, known := states[addr]
	switch {
	case r.FromSensor():
		if known {
			s.sense(&r.Event)
		}
		return nil
	case r.Decky == "":
		return nil
	case !known:
		s = &state{Version: stateVersion}
		states[addr] = s
		if err := p.senseEarlier(ctx, s, r); err != nil {
			return err
		}
	}
	s.add(&r.Event)
	return nil
}

// maxEarlier is how many records of the sniffer before an attacker's first are looked at.
const maxEarlier = 64

// senseEarlier folds in what the sniffer saw of an attacker before r, the attacker's first
// record: the SYN of a connection is seen before the connection is accepted. Until then
// there is no profile to keep it in, because an address that only sent packets is not one.
func (p *Profiler) senseEarlier(ctx context.Context, s *state, r *store.Record) error {
	earlier, err := p.store.Records(ctx, store.Filter{
		Search: "attacker:" + r.Attacker.Unmap().String() + " service:sniffer", End: r.Time, Limit: maxEarlier,
	})
	if err != nil {
		return err
	}
	slices.SortFunc(earlier, func(a, b store.Record) int { return cmp.Compare(a.ID, b.ID) })
	for i := range earlier {
		if e := &earlier[i]; e.ID < r.ID && e.FromSensor() {
			s.sense(&e.Event)
		}
	}
	return nil
}
