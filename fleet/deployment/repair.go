package deployment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// RepairOptions says how Repair works. The zero value is usable.
type RepairOptions struct {
	// Sink takes the events decky_lost and decky_repaired. nil: nobody is told.
	Sink decnet.Sink
	// Settle is how long something is missing before it is brought back, so that an engine
	// that is at it itself is not disturbed. 0: five seconds.
	Settle time.Duration
	// Retry is the wait after the first repair. It doubles with each further one, up to 64
	// times, until nothing was missing for that long. 0: five seconds.
	Retry time.Duration
}

// repair is Change.What of a repair.
const repair = "repair"

// Repair brings back what others take away of the deckies that the document has, by the Apply
// of the runtime, until ctx ends. What fails is logged and tried again. Each loss becomes an
// event decky_lost of the service fleet, and its end an event decky_repaired, with the field
// lost (a JSON list of texts). It returns nil, at once when the runtime is not a fleet.Watched.
func (d *Deployment) Repair(ctx context.Context, opt RepairOptions) error {
	runtime, ok := d.runtime.(fleet.Watched)
	if !ok {
		return nil
	}
	r := &repairer{d: d, runtime: runtime, opt: opt, changed: make(chan struct{}, 1), lost: make(map[string][]string)}
	r.opt.Settle = cmp.Or(opt.Settle, 5*time.Second)
	r.opt.Retry = cmp.Or(opt.Retry, 5*time.Second)
	if r.opt.Sink == nil {
		r.opt.Sink = decnet.SinkFunc(func(decnet.Event) {})
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		if err := runtime.Changes(ctx, r.wake); err != nil && ctx.Err() == nil {
			d.opt.Log.Error("deckies are not watched", "err", err)
		}
	})
	r.run(ctx)
	return nil
}

// repairer is what Repair knows.
type repairer struct {
	d       *Deployment
	runtime fleet.Watched
	opt     RepairOptions
	changed chan struct{} // holds a value when there may be something to see

	lost  map[string][]string // by decky, that were told of
	last  time.Time           // of the last repair
	times int                 // of repairs before it was quiet for long
	told  string              // the last failure
}

func (r *repairer) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *repairer) run(ctx context.Context) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
		case <-again:
		}
		select { // several changes are one
		case <-ctx.Done():
			return
		case <-time.After(r.opt.Settle / 10):
		}
		wait, err := r.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && err.Error() != r.told {
			r.d.opt.Log.Error("deckies are not repaired", "err", err)
		}
		if r.told = ""; err != nil {
			r.told, wait = err.Error(), max(wait, r.backOff())
		}
		if again = nil; wait > 0 {
			again = time.After(wait)
		}
	}
}

// backOff is the wait after the last repair.
func (r *repairer) backOff() time.Duration { return r.opt.Retry << min(max(r.times-1, 0), 6) }

// look repairs what is missing since the last look. It returns when to look again, 0 when
// there is nothing to look for.
func (r *repairer) look(ctx context.Context) (wait time.Duration, err error) {
	doc, err := r.d.Document(ctx)
	if err != nil {
		return 0, err
	}
	if doc.Runtime != r.d.opt.Runtime {
		return 0, nil
	}
	if doc.Change != nil {
		return r.opt.Settle, nil
	}
	list, err := r.runtime.Losses(ctx, doc.Fleet)
	if err != nil {
		return 0, err
	}
	fresh := r.tell(list)
	switch since := time.Since(r.last); {
	case len(list) == 0:
		if since > r.backOff() {
			r.times = 0
		}
		return 0, nil
	case fresh:
		return r.opt.Settle, nil
	case r.times > 0 && since < r.backOff():
		return r.backOff() - since, nil
	}
	r.times++
	_, err = r.d.change(ctx, order{what: repair, stays: true, apply: r.d.runtime.Apply, plan: func(last Document) (decnet.Fleet, error) {
		return last.Fleet, nil
	}})
	r.last = time.Now()
	if err != nil {
		return 0, fmt.Errorf("repair: %w", err)
	}
	r.wake()
	return 0, nil
}

// tell makes events of what is missing, and of what is back. It reports whether something
// is missing that was not at the last look.
func (r *repairer) tell(list []fleet.Loss) (fresh bool) {
	now := make(map[string][]string)
	for _, l := range list {
		now[l.Decky] = append(now[l.Decky], l.What)
	}
	for decky, what := range now {
		if slices.ContainsFunc(what, func(w string) bool { return !slices.Contains(r.lost[decky], w) }) {
			fresh = true
			r.d.opt.Log.Warn("something of a decky is missing", "decky", decky, "lost", what)
			r.opt.Sink.Emit(r.event(decky, "decky_lost", decnet.SeverityWarning, what))
		}
	}
	for decky, what := range r.lost {
		if _, still := now[decky]; !still {
			r.d.opt.Log.Info("a decky is as it was", "decky", decky, "lost", what)
			r.opt.Sink.Emit(r.event(decky, "decky_repaired", decnet.SeverityNotice, what))
		}
	}
	r.lost = now
	return fresh
}

func (r *repairer) event(decky, kind string, severity decnet.Severity, what []string) decnet.Event {
	text, _ := json.Marshal(what) // strings always can be
	return decnet.Event{
		Time: r.d.opt.Now().UTC(), Decky: decky, Service: "fleet", Type: kind, Severity: severity,
		Fields: []decnet.Field{decnet.F("lost", string(text))},
	}
}
