package deployment

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// Document is what the store keeps at store.FleetKey. Its JSON is that of the fleet with
// further keys, so that it can be read as a decnet.Fleet. The zero value is that of a
// system on which nothing was ever deployed.
type Document struct {
	decnet.Fleet        // what is deployed
	Runtime      string `json:"runtime,omitempty"` // where; "" when nothing was ever deployed
	Durable      bool   `json:"durable,omitempty"` // without the process that has the runtime

	Change *Change `json:"change,omitempty"` // under way, or cut off; nil: neither
	// Planned says what of the deckies Follow planned, and under "" of the fleet: a digest by
	// name. It tells what of a plan is new.
	Planned map[string]string `json:"planned,omitempty"`

	Requests []Request  `json:"requests,omitempty"` // of mutations, for the process that has the runtime
	Untold   []Mutation `json:"untold,omitempty"`   // that no event was made of so far
}

// Change is a change that was announced and has not come to its end.
type Change struct {
	ID      string       `json:"id"`
	What    string       `json:"what"`    // "deploy", "teardown", "mutation" or "repair"
	By      string       `json:"by"`      // for people
	Process string       `json:"process"` // Options.Process of its owner
	Since   time.Time    `json:"since"`
	Until   time.Time    `json:"until"`  // the end of the lease, unless it is renewed
	Wanted  decnet.Fleet `json:"wanted"` // what it leads to

	Planned map[string]string `json:"planned,omitempty"` // Document.Planned of then
}

// Request asks for the mutation of one decky.
type Request struct {
	ID     string    `json:"id"`
	Decky  string    `json:"decky"`
	Since  time.Time `json:"since"`
	Now    bool      `json:"now,omitempty"`    // even when somebody is connected
	Failed string    `json:"failed,omitempty"` // why it cannot be; the one who asked takes it away
}

// Mutation is a decky that was given other services.
type Mutation struct {
	Time    time.Time `json:"time"`
	Decky   string    `json:"decky"`
	Old     []string  `json:"old_services"`
	New     []string  `json:"new_services"`
	Trigger Trigger   `json:"trigger"`
}

// Trigger is what made a decky change.
type Trigger string

// The triggers.
const (
	Scheduled Trigger = "scheduled" // its interval
	Operator  Trigger = "operator"  // somebody asked for it
)

// Bounds of what a document keeps for others. What is older goes.
const (
	maxRequests  = 1000
	maxUntold    = 1000
	requestsLast = 10 * time.Minute // after they failed
)

// Read returns the document of s, the zero Document when there is none.
func Read(ctx context.Context, s store.State) (Document, error) {
	doc, _, err := read(ctx, s)
	return doc, err
}

func read(ctx context.Context, s store.State) (doc Document, raw json.RawMessage, err error) {
	raw, err = s.State(ctx, store.FleetKey)
	if errors.Is(err, decnet.ErrNotFound) {
		return doc, nil, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		return doc, raw, fmt.Errorf("deployment: fleet document: %w", err)
	}
	return doc, raw, nil
}

// swapAttempts is how often a swap is tried that the store does not answer.
const swapAttempts = 3

// update changes the document by edit, which may be called several times. An error of edit
// changes nothing.
func update(ctx context.Context, s store.State, edit func(*Document) error) (Document, error) {
	var tried json.RawMessage
	for failures := 0; ; {
		doc, raw, err := read(ctx, s)
		if err != nil {
			return doc, err
		}
		if tried != nil && bytes.Equal(raw, tried) {
			return doc, nil // the store had done it, only its answer was lost
		}
		if err := edit(&doc); err != nil {
			return doc, err
		}
		value, err := json.Marshal(doc)
		if err != nil {
			return doc, fmt.Errorf("deployment: fleet document: %w", err)
		}
		err = s.SwapState(ctx, store.FleetKey, raw, value)
		switch {
		case err == nil:
			return doc, nil
		case errors.Is(err, decnet.ErrConflict):
			continue
		}
		if failures++; failures == swapAttempts || ctx.Err() != nil {
			return doc, err
		}
		tried = value
	}
}

// SetInterval says how often a decky changes from now on; 0: never, whatever the fleet
// says. A decky that is not deployed gives an error that wraps decnet.ErrNotFound, a negative
// interval one that wraps decnet.ErrInvalid.
func SetInterval(ctx context.Context, s store.State, decky string, interval time.Duration) error {
	if interval < 0 {
		return fmt.Errorf("deployment: interval %s is negative: %w", interval, decnet.ErrInvalid)
	}
	_, err := update(ctx, s, func(doc *Document) error {
		i := doc.index(decky)
		if i < 0 {
			return notFound(decky)
		}
		doc.Deckies[i].MutateInterval = cmp.Or(interval, -1)
		return nil
	})
	return err
}

// index returns where the decky is among doc.Deckies, -1 when it is not.
func (doc *Document) index(decky string) int {
	return slices.IndexFunc(doc.Deckies, func(d decnet.Decky) bool { return d.Name == decky })
}

func notFound(decky string) error {
	return fmt.Errorf("deployment: no decky is called %q: %w", decky, decnet.ErrNotFound)
}
