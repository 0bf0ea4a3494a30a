package deployment

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/store"
)

// Options says who changes the deployment. Only Runtime is required.
type Options struct {
	// Runtime is what the document calls the runtime: "local", "lan" or "docker".
	Runtime string
	// Durable says that deckies of the runtime outlive the process, and that a change can
	// come to its end half way. A runtime that is not durable changes all or nothing.
	Durable bool

	By string // who this is, for people who have to wait for it
	// Process names this process, so that Alive of another one can look for it.
	Process string
	// Alive reports whether a process may still be there: false only when it is
	// certainly gone, so that nobody waits for its lease. nil: the lease decides.
	Alive func(process string) bool

	// Lease is how long a change of a process that was killed keeps others waiting.
	// 0: 20 seconds.
	Lease time.Duration
	// Waiting is called when the change of another has to be waited for, once for each.
	// nil: nobody is told.
	Waiting func(Change)

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discarded
}

// Deployment changes what is deployed. Make one with New; its methods are safe for
// concurrent use.
type Deployment struct {
	state   store.State
	runtime fleet.Runtime
	opt     Options

	turn chan struct{} // holds one value while nobody of this process changes anything
}

// New returns a Deployment of what runtime makes real, whose document is in state.
func New(state store.State, runtime fleet.Runtime, opt Options) *Deployment {
	if opt.Lease <= 0 {
		opt.Lease = 20 * time.Second
	}
	if opt.Waiting == nil {
		opt.Waiting = func(Change) {}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	d := &Deployment{state: state, runtime: runtime, opt: opt, turn: make(chan struct{}, 1)}
	d.turn <- struct{}{}
	return d
}

// Document returns what is deployed.
func (d *Deployment) Document(ctx context.Context) (Document, error) { return Read(ctx, d.state) }

// Outcome is what a change has made of a fleet.
type Outcome struct{ Before, After decnet.Fleet }

// LeftError is the error of a change that came to its end half way. It wraps the reason.
type LeftError struct {
	Err  error
	Left decnet.Fleet // what is deployed now, which the document says too
}

// Error says what is left, by name when that is not much.
func (e *LeftError) Error() string { return e.say(e.Err.Error()) }

// Explain says the same without what the machine said.
func (e *LeftError) Explain() string {
	return e.say(cmp.Or(fleet.Explain(e.Err), "the log of the system says why"))
}

func (e *LeftError) say(why string) string {
	const several = 8
	if len(e.Left.Deckies) == 0 {
		return why + "; no decky is deployed"
	}
	var names []string
	for _, d := range e.Left.Deckies[:min(several, len(e.Left.Deckies))] {
		names = append(names, d.Name)
	}
	if more := len(e.Left.Deckies) - several; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return why + "; deployed are now " + strings.Join(names, ", ")
}

// Unwrap returns the reason.
func (e *LeftError) Unwrap() error { return e.Err }

// Deploy makes the deckies those of the fleet that plan returns when it is given what is
// deployed, which it may change and return. plan may be called more than once; an error of
// it changes nothing. A decky that plan gives the services that it has keeps the time of its
// last mutation.
//
// When the runtime fails, the document says what is really there, and the error is a
// *LeftError if the runtime is durable. A document of another runtime with deckies that may
// still be there gives an error that wraps decnet.ErrConflict.
func (d *Deployment) Deploy(ctx context.Context, plan func(last decnet.Fleet) (decnet.Fleet, error)) (Outcome, error) {
	return d.change(ctx, order{what: "deploy", plan: func(last Document) (decnet.Fleet, error) {
		wanted, err := plan(last.Fleet.Clone())
		if err != nil {
			return wanted, err
		}
		wanted.Deckies = slices.Clone(wanted.Deckies)
		for i, w := range wanted.Deckies {
			if at := last.index(w.Name); at >= 0 {
				wanted.Deckies[i] = keepTime(w, last.Deckies[at])
			}
		}
		return wanted, nil
	}, apply: d.runtime.Apply})
}

// Remove takes the named deckies down, all of them when none is named. A name of which
// neither the document nor the runtime knows gives an error that wraps decnet.ErrNotFound,
// and nothing is removed.
func (d *Deployment) Remove(ctx context.Context, names ...string) (Outcome, error) {
	return d.change(ctx, order{what: "teardown", plan: func(last Document) (decnet.Fleet, error) {
		left := last.Fleet
		left.Deckies = slices.DeleteFunc(slices.Clone(last.Deckies), func(k decnet.Decky) bool {
			return len(names) == 0 || slices.Contains(names, k.Name)
		})
		unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return slices.ContainsFunc(last.Deckies, func(k decnet.Decky) bool { return k.Name == name })
		})
		if len(unknown) == 0 {
			return left, nil
		}
		there, err := d.runtime.Status(ctx)
		if err != nil {
			return left, err
		}
		for _, name := range unknown {
			if !slices.ContainsFunc(there, func(s fleet.DeckyStatus) bool { return s.Name == name }) {
				return left, notFound(name)
			}
		}
		return left, nil
	}, apply: func(ctx context.Context, _ decnet.Fleet) error {
		if len(names) == 0 {
			return d.runtime.Down(ctx)
		}
		for _, name := range names {
			// What somebody else has removed is removed.
			if err := d.runtime.Down(ctx, name); err != nil && !errors.Is(err, decnet.ErrNotFound) {
				return err
			}
		}
		return nil
	}})
}

// order is a change that is wanted.
type order struct {
	what string
	plan func(last Document) (decnet.Fleet, error)
	// follow is in the place of plan where Document.Planned changes too.
	follow func(last Document) (decnet.Fleet, map[string]string, error)
	apply  func(context.Context, decnet.Fleet) error // nil: the runtime has nothing to do

	stays bool // the document says the same afterwards, whatever has failed

	// also changes the rest of the document together with the fleet, when apply has not
	// failed.
	also func(doc *Document, out Outcome)
}

// planned returns what o makes of a document.
func (o order) planned(last Document) (decnet.Fleet, map[string]string, error) {
	if o.follow != nil {
		return o.follow(last)
	}
	wanted, err := o.plan(last)
	return wanted, last.Planned, err
}

// writeTime bounds how long the end of a change may take to be written down.
const writeTime = 10 * time.Second

// change waits for its turn, announces o, carries it out and writes down what has become
// of it.
func (d *Deployment) change(ctx context.Context, o order) (Outcome, error) {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()

	before, change, err := d.announce(ctx, o)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Before: before.Fleet, After: change.Wanted}
	failure := d.carryOut(ctx, o, change)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	switch {
	case failure != nil && (o.stays || !d.opt.Durable):
		out.After = before.Fleet
	case failure != nil:
		if out.After, err = d.present(ctx, before.Fleet, change.Wanted); err != nil {
			// Nobody knows what is there. The next change finds out.
			_, _ = update(ctx, d.state, func(doc *Document) error {
				if doc.Change != nil && doc.Change.ID == change.ID {
					doc.Change.Until = doc.Change.Since
				}
				return nil
			})
			return out, fmt.Errorf("%w; what is deployed now could not be found out: %w", failure, err)
		}
	}
	_, err = update(ctx, d.state, func(doc *Document) error {
		if doc.Change == nil || doc.Change.ID != change.ID {
			return errTakenOver
		}
		doc.Change = nil
		out.After.Deckies = withIntervals(out.After.Deckies, before.Deckies, doc.Deckies)
		doc.Fleet = out.After
		switch {
		case len(doc.Deckies) == 0:
			doc.Planned = nil
		case failure == nil:
			doc.Planned = change.Planned
		case d.opt.Durable && !o.stays:
			doc.Planned = carriedOut(doc.Planned, change.Planned)
		}
		if failure == nil && o.also != nil {
			o.also(doc, out)
		}
		return nil
	})
	if failure != nil && err == nil && d.opt.Durable && !o.stays {
		return out, &LeftError{Err: failure, Left: out.After}
	}
	return out, errors.Join(failure, err)
}

// errTakenOver is the error of a change that took longer than its lease.
var errTakenOver = fmt.Errorf("deployment: the change was taken for dead, and another has begun: %w", decnet.ErrConflict)

// withIntervals returns deckies with the mutation intervals that were set between two
// states of the document.
func withIntervals(deckies, before, now []decnet.Decky) []decnet.Decky {
	was := make(map[string]time.Duration, len(before))
	for _, d := range before {
		was[d.Name] = d.MutateInterval
	}
	set := make(map[string]time.Duration)
	for _, d := range now {
		if old, ok := was[d.Name]; ok && old != d.MutateInterval {
			set[d.Name] = d.MutateInterval
		}
	}
	deckies = slices.Clone(deckies)
	for i := range deckies {
		if interval, ok := set[deckies[i].Name]; ok {
			deckies[i].MutateInterval = interval
		}
	}
	return deckies
}

// pause is between two looks at a change that is waited for.
const pause = 200 * time.Millisecond

// announce waits until no change is under way and writes o into the document. It returns
// the document as it was before.
func (d *Deployment) announce(ctx context.Context, o order) (before Document, change Change, err error) {
	told := ""
	for {
		_, err = update(ctx, d.state, func(doc *Document) error {
			if c := doc.Change; c != nil && d.underWay(*c) {
				return &busyError{*c}
			}
			if doc.Runtime != d.opt.Runtime && doc.Durable && (len(doc.Deckies) > 0 || doc.Change != nil) {
				return fmt.Errorf("deployment: %d deckies are deployed by the runtime %s: %w", len(doc.Deckies), doc.Runtime, decnet.ErrConflict)
			}
			if c := doc.Change; c != nil && d.opt.Durable && c.What != repair {
				d.opt.Log.Warn("a change was cut off", "change", c.What, "by", c.By, "since", c.Since)
				if doc.Fleet, err = d.present(ctx, doc.Fleet, c.Wanted); err != nil {
					return err
				}
				doc.Planned = carriedOut(doc.Planned, c.Planned)
			}
			doc.Change = nil
			before = *doc
			wanted, planned, err := o.planned(before)
			if err != nil {
				return err
			}
			now := d.opt.Now().UTC()
			change = Change{
				ID: rand.Text(), What: o.what, By: d.opt.By, Process: d.opt.Process,
				Since: now, Until: now.Add(d.opt.Lease), Wanted: wanted, Planned: planned,
			}
			doc.Change, doc.Runtime, doc.Durable = &change, d.opt.Runtime, d.opt.Durable
			return nil
		})
		var busy *busyError
		if !errors.As(err, &busy) {
			return before, change, err
		}
		if busy.ID != told {
			told = busy.ID
			d.opt.Waiting(busy.Change)
		}
		select {
		case <-ctx.Done():
			return before, change, fmt.Errorf("deployment: %w: %w", busy, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// busyError says that a change of another is under way.
type busyError struct{ Change }

func (e *busyError) Error() string {
	return fmt.Sprintf("another %s is under way since %s, by %s", e.What, e.Since.Format(time.RFC3339), e.By)
}

// underWay reports whether the owner of c may still be at it.
func (d *Deployment) underWay(c Change) bool {
	if !d.opt.Now().Before(c.Until) {
		return false
	}
	return d.opt.Alive == nil || d.opt.Alive(c.Process)
}

// carryOut applies the change, and renews the lease until that is done.
func (d *Deployment) carryOut(ctx context.Context, o order, c Change) error {
	if o.apply == nil {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		cancel(d.renew(ctx, c))
	}()
	err := o.apply(ctx, c.Wanted)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = errors.Join(err, cause)
	}
	cancel(nil)
	<-renewing
	return err
}

// renew keeps the lease of c until ctx ends. It returns an error when the lease is lost.
func (d *Deployment) renew(ctx context.Context, c Change) error {
	tick := time.NewTicker(d.opt.Lease / 4)
	defer tick.Stop()
	until := c.Until
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next := d.opt.Now().UTC().Add(d.opt.Lease)
		_, err := update(ctx, d.state, func(doc *Document) error {
			if doc.Change == nil || doc.Change.ID != c.ID {
				return errTakenOver
			}
			doc.Change.Until = next
			return nil
		})
		switch {
		case err == nil:
			until = next
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errTakenOver) || !d.opt.Now().Before(until):
			return fmt.Errorf("deployment: the lease could not be renewed: %w", err)
		}
	}
}

// present finds out what is deployed between two fleets.
func (d *Deployment) present(ctx context.Context, old, wanted decnet.Fleet) (decnet.Fleet, error) {
	look := d.runtime.Status
	if i, ok := d.runtime.(fleet.Inventory); ok {
		look = i.Present
	}
	status, err := look(ctx)
	if err != nil {
		return decnet.Fleet{}, err
	}
	return present(status, old, wanted), nil
}

// present returns the fleet that a runtime has according to its status, half way from old
// to wanted.
func present(status []fleet.DeckyStatus, old, wanted decnet.Fleet) decnet.Fleet {
	there := make(map[string]fleet.DeckyStatus, len(status))
	for _, s := range status {
		there[s.Name] = s
	}
	before := make(map[string]decnet.Decky, len(old.Deckies))
	for _, k := range old.Deckies {
		before[k.Name] = k
	}
	left := old
	left.Deckies, left.Seed = nil, cmp.Or(old.Seed, wanted.Seed)
	for _, k := range wanted.Deckies {
		s, ok := there[k.Name]
		was, known := before[k.Name]
		delete(before, k.Name)
		switch {
		case !ok:
			continue
		case known && !is(k, s):
			k = was
		default:
			// The network is that of the deckies that are on it.
			header := wanted
			header.Deckies = left.Deckies
			left = header
		}
		left.Deckies = append(left.Deckies, k)
	}
	for _, k := range old.Deckies {
		_, more := before[k.Name]
		if _, ok := there[k.Name]; more && ok {
			left.Deckies = append(left.Deckies, k)
		}
	}
	return left
}

// is reports whether s can be the status of k.
func is(k decnet.Decky, s fleet.DeckyStatus) bool {
	names := make([]string, len(s.Services))
	for i := range s.Services {
		names[i] = s.Services[i].Name
	}
	slices.Sort(names)
	return k.Addr == s.Addr && k.Hostname == s.Hostname && slices.Equal(names, slices.Sorted(slices.Values(k.Services)))
}
