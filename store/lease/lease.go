// Package lease makes one process the only one that works on a store, whatever machine the
// others are on.
//
//	err := lease.Hold(ctx, db, lease.Options{Holder: "decnetd on sensor-1"}, func(ctx context.Context) error {
//		return system.Run(ctx)
//	})
//
// The lease is a document of the store that its holder changes again and again. Others take it
// only when it has been given back, when its holder is known to be gone, or when they have
// watched it for a while and it did not change: no clock is compared with that of another
// machine.
package lease

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Key is the State key of the lease.
const Key = "lease"

// DefaultTerm is what the zero value of Options.Term means.
const DefaultTerm = 20 * time.Second

// giveBackTime bounds how long Hold tries to give the lease back.
const giveBackTime = time.Second

// ErrLost is the cause of the end of the context that Hold has made, when another holds the
// lease or the store was emptied.
var ErrLost = errors.New("the store is no longer ours")

// HeldError is the error of Hold while another holds the lease. It wraps decnet.ErrConflict.
type HeldError struct {
	Holder string // the one of its Options
}

// Error names the holder.
func (e *HeldError) Error() string { return "in use by " + e.Holder }

// Unwrap returns decnet.ErrConflict.
func (e *HeldError) Unwrap() error { return decnet.ErrConflict }

// Options say who asks for a lease. The zero value works.
type Options struct {
	Holder string // who that is, for the messages that others get

	// Process names the process so that Alive can tell whether it may still be there. nil:
	// nobody knows, and a holder that was killed keeps the lease for its term.
	Process string
	Alive   func(process string) bool

	// Term is how long others watch a lease that does not change before they take it; it is
	// renewed four times as often. All processes must have the same. 0: DefaultTerm.
	Term time.Duration

	// Waiting, unless nil, is called once when a lease that somebody holds is watched.
	Waiting func(holder string)
}

// document is what the store keeps; null: the lease was given back.
type document struct {
	ID      string `json:"id"` // of one call of Hold
	Holder  string `json:"holder"`
	Process string `json:"process,omitempty"`
	Renewed int    `json:"renewed"` // how often
}

// Hold takes the lease of the store, calls f, and gives the lease back when f has returned.
// While another holds it, Hold returns a [*HeldError], after a quarter of the term at most; it takes the lease from a holder that does nothing for a whole term. The
// context of f ends with the cause [ErrLost] when the lease was lost, as it is when the process
// was suspended for long; f must then write nothing more. Hold returns the error of f, and
// ErrLost.
func Hold(ctx context.Context, s store.State, opts Options, f func(context.Context) error) error {
	opts.Term = cmp.Or(opts.Term, DefaultTerm)
	l := &lease{state: s, opts: opts, doc: document{ID: rand.Text(), Holder: opts.Holder, Process: opts.Process}}
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

// lease is one that was taken.
type lease struct {
	state store.State
	opts  Options
	doc   document
}

// swap writes the document in place of old.
func (l *lease) swap(ctx context.Context, old json.RawMessage) error {
	text, err := json.Marshal(l.doc)
	if err != nil {
		return err
	}
	return l.state.SwapState(ctx, Key, old, text)
}

// read returns what is stored, and who holds the lease; nil: nobody.
func (l *lease) read(ctx context.Context) (json.RawMessage, *document, error) {
	text, err := l.state.State(ctx, Key)
	if errors.Is(err, decnet.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var holder *document
	if err := json.Unmarshal(text, &holder); err != nil {
		return nil, nil, fmt.Errorf("lease: %w", err)
	}
	return text, holder, nil
}

// take waits until it is known whether the lease is free, and takes it then.
func (l *lease) take(ctx context.Context) error {
	tick := time.NewTicker(l.opts.Term / 40)
	defer tick.Stop()
	var seen json.RawMessage
	var since time.Time
	for {
		text, holder, err := l.read(ctx)
		if err != nil {
			return err
		}
		free := holder == nil || l.opts.Alive != nil && !l.opts.Alive(holder.Process)
		switch {
		case since.IsZero():
			seen, since = text, time.Now()
			if !free && l.opts.Waiting != nil {
				l.opts.Waiting(holder.Holder)
			}
		case !free && !bytes.Equal(seen, text):
			return &HeldError{holder.Holder}
		}
		if free || time.Since(since) >= l.opts.Term {
			err := l.swap(ctx, text)
			if !errors.Is(err, decnet.ErrConflict) {
				return err
			}
			continue // somebody was faster, and is named next
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// renew changes the document until ctx ends, or another has changed it.
func (l *lease) renew(ctx context.Context) error {
	tick := time.NewTicker(l.opts.Term / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		text, holder, err := l.read(ctx)
		switch {
		case err != nil:
			continue // who cannot reach the store cannot write either
		case holder == nil:
			return fmt.Errorf("%w: it was reset", ErrLost)
		case holder.ID != l.doc.ID:
			return fmt.Errorf("%w: it is in use by %s", ErrLost, holder.Holder)
		}
		l.doc.Renewed++
		_ = l.swap(ctx, text) // what became of it the next turn tells
	}
}

// giveBack spares the next one the wait; when it cannot, the term ends the lease.
func (l *lease) giveBack(ctx context.Context) {
	text, holder, err := l.read(ctx)
	if err == nil && holder != nil && holder.ID == l.doc.ID {
		_ = l.state.SwapState(ctx, Key, text, []byte("null"))
	}
}
