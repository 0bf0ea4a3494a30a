// Package inprocess converges a fleet whose services are goroutines of this process. What
// fleet/local and fleet/lan have in common is here; where the sockets of a decky are opened
// is what a [Network] decides.
package inprocess

import (
	"context"

	"github.com/decnet/decnet"
)

// Network gives each decky of a fleet the place where its sockets are opened. A Runtime
// calls it from one goroutine at a time.
type Network interface {
	// Plan says what has to be done so that the deckies of f have their places. It does
	// none of it. A fleet that cannot be there gives an error; the empty one never does.
	Plan(f decnet.Fleet) (Change, error)
}

// Change turns the places of one fleet into those of another. Prepare comes first, then
// Switch, then Finish. Abandon takes the place of what is left of them after a failure.
type Change interface {
	// Place returns where the sockets of a decky of the new fleet are opened. It is the
	// same as before, compared with ==, where the decky stays as it is.
	Place(decky string) Place
	// Prepare makes the places that are new, in which sockets can be bound from then on.
	// Nobody on the network notices. It makes all of them or none.
	Prepare(ctx context.Context) error
	// Switch makes the new places reachable and those that go unreachable, or changes
	// nothing.
	Switch() error
	// Finish gives back the places that go. No socket is open there any more.
	Finish()
	// Abandon gives back the places that Prepare made.
	Abandon()
}

// Place is where the sockets of one decky are opened. It is comparable, and its methods
// are safe for concurrent use.
type Place interface {
	// Within calls open such that the sockets it opens are there.
	Within(open func() error) error
	// Advice says why a socket could not be bound there and what can be done; "" leaves
	// it to the error of the system.
	Advice(err error) string
}
