// Package lease makes one process the only one that has a role on a store, whatever machine
// the others are on.
//
//	opts := lease.Options{Roles: []string{"api"}, Holder: "decnetd on sensor-1"}
//	err := lease.Hold(ctx, db, opts, func(ctx context.Context) error { return system.Run(ctx) })
//
// The leases are a document of the store, in which each holder changes its own again and
// again. Others take a lease only when it has been given back, when its holder is known to be
// gone, or when they have watched it for a while and it did not change: no clock is compared
// with that of another machine.
package lease

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Key is the State key of the leases: an object with one for each role.
const Key = "leases"

// Whole is the role of those who name none.
const Whole = "store"

// DefaultTerm is what the zero value of Options.Term means.
const DefaultTerm = 20 * time.Second

// giveBackTime bounds how long Hold tries to give the lease back.
const giveBackTime = time.Second

// ErrLost is the cause of the end of the context that Hold has made, when another holds a
// lease of its or the store was emptied.
var ErrLost = errors.New("the store is no longer ours")

// HeldError is the error of Hold while another holds a lease that is asked for. It wraps
// decnet.ErrConflict.
type HeldError struct {
	Role   string
	Holder string // the one of its Options
}

// Error names the holder.
func (e *HeldError) Error() string { return "in use by " + e.Holder }

// Unwrap returns decnet.ErrConflict.
func (e *HeldError) Unwrap() error { return decnet.ErrConflict }

// Options say who asks for leases. The zero value works.
type Options struct {
	// Roles are what the holder wants to be alone with: all of them or none. nil: Whole,
	// which is a role like any other.
	Roles []string

	Holder string // who that is, for the messages that others get

	// Process names the process so that Alive can tell whether it may still be there. nil:
	// nobody knows, and a holder that was killed keeps its leases for their term.
	Process string
	Alive   func(process string) bool

	// Term is how long others watch a lease that does not change before they take it; it is
	// renewed four times as often. All processes must have the same. 0: DefaultTerm.
	Term time.Duration

	// Waiting, unless nil, is called once when a lease that somebody holds is watched.
	Waiting func(holder string)
}

// document is what the store keeps, by role.
type document map[string]entry

// entry is the lease of one role. That of a role which is not in the document was given back.
type entry struct {
	ID      string `json:"id"` // of one call of Hold
	Holder  string `json:"holder"`
	Process string `json:"process,omitempty"`
	Renewed int    `json:"renewed"` // how often
}

// Hold takes the leases of the roles, calls f, and gives them back when f has returned. While
// another holds one of them, Hold returns a [*HeldError], after a quarter of the term at most;
// it takes leases from a holder that does nothing for a whole term. The context of f ends with
// the cause [ErrLost] when a lease was lost, as it is when the process was suspended for long;
// f must then write nothing more. Hold returns the error of f, and ErrLost.
func Hold(ctx context.Context, s store.State, opts Options, f func(context.Context) error) error {
	opts.Term = cmp.Or(opts.Term, DefaultTerm)
	if len(opts.Roles) == 0 {
		opts.Roles = []string{Whole}
	}
	l := &leases{state: s, opts: opts, own: entry{ID: rand.Text(), Holder: opts.Holder, Process: opts.Process}}
	if err := l.take(ctx); err != nil {
		return err
	}
	working, end := context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	lost := make(chan error, 1)
	go func() {
		err := l.renew(renewing)
		end(err)
		lost <- err
	}()
	err := f(working)
	stop()
	if lerr := <-lost; lerr != nil {
		return errors.Join(err, lerr)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	l.giveBack(ctx)
	return err
}

// leases are those of one call of Hold.
type leases struct {
	state store.State
	opts  Options
	own   entry
}

// swap writes doc, with the own leases in it, in place of old.
func (l *leases) swap(ctx context.Context, old json.RawMessage, doc document) error {
	for _, role := range l.opts.Roles {
		doc[role] = l.own
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return l.state.SwapState(ctx, Key, old, text)
}

// read returns what is stored, as it is and understood.
func (l *leases) read(ctx context.Context) (json.RawMessage, document, error) {
	text, err := l.state.State(ctx, Key)
	if errors.Is(err, decnet.ErrNotFound) {
		return nil, document{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, nil, fmt.Errorf("lease: %w", err)
	}
	if doc == nil {
		doc = document{}
	}
	return text, doc, nil
}

// take waits until it is known whether all leases are free, and takes them then.
func (l *leases) take(ctx context.Context) error {
	tick := time.NewTicker(l.opts.Term / 40)
	defer tick.Stop()
	var first document
	var since time.Time
	for {
		text, doc, err := l.read(ctx)
		if err != nil {
			return err
		}
		if since.IsZero() {
			first, since = maps.Clone(doc), time.Now()
			if held := l.held(doc); len(held) > 0 && l.opts.Waiting != nil {
				l.opts.Waiting(held[0].Holder)
			}
		}
		held := l.held(doc)
		for _, h := range held {
			if doc[h.Role] != first[h.Role] {
				return h
			}
		}
		if len(held) == 0 || time.Since(since) >= l.opts.Term {
			err := l.swap(ctx, text, doc)
			if !errors.Is(err, decnet.ErrConflict) {
				return err
			}
			continue // somebody was faster: with one of these, or with others
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// held returns who may hold which of the leases.
func (l *leases) held(doc document) (list []*HeldError) {
	for _, role := range l.opts.Roles {
		if e, ok := doc[role]; ok && (l.opts.Alive == nil || l.opts.Alive(e.Process)) {
			list = append(list, &HeldError{role, e.Holder})
		}
	}
	return list
}

// renew changes the document until ctx ends, or another has one of the leases.
func (l *leases) renew(ctx context.Context) error {
	tick := time.NewTicker(l.opts.Term / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		l.own.Renewed++
		for {
			text, doc, err := l.read(ctx)
			if err != nil {
				break // who cannot reach the store cannot write either
			}
			if err := l.lost(doc); err != nil {
				return err
			}
			if err := l.swap(ctx, text, doc); !errors.Is(err, decnet.ErrConflict) {
				break // what became of it the next turn tells
			}
		}
	}
}

// lost says which of the leases is not ours any more.
func (l *leases) lost(doc document) error {
	for _, role := range l.opts.Roles {
		switch e, ok := doc[role]; {
		case !ok:
			return fmt.Errorf("%w: it was reset", ErrLost)
		case e.ID != l.own.ID:
			return fmt.Errorf("%w: it is in use by %s", ErrLost, e.Holder)
		}
	}
	return nil
}

// giveBack spares the next one the wait; when it cannot, the term ends the leases.
func (l *leases) giveBack(ctx context.Context) {
	for {
		text, doc, err := l.read(ctx)
		if err != nil || l.lost(doc) != nil {
			return
		}
		for _, role := range l.opts.Roles {
			delete(doc, role)
		}
		left, err := json.Marshal(doc)
		if err != nil || !errors.Is(l.state.SwapState(ctx, Key, text, left), decnet.ErrConflict) {
			return
		}
	}
}
