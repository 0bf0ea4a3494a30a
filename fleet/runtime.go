package fleet

import (
	"context"
	"net/netip"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// Runtime makes a fleet real. Its methods are safe for concurrent use.
type Runtime interface {
	// Apply makes the running deckies those of f: it adds, changes and removes. It keeps
	// nothing of f, which the caller may change afterwards.
	Apply(ctx context.Context, f decnet.Fleet) error
	// Status tells how each decky fares, in the order of the fleet.
	Status(ctx context.Context) ([]DeckyStatus, error)
	// Down removes the named deckies, all of them when none is named. A name that is
	// not known gives an error that wraps decnet.ErrNotFound, and nothing is removed.
	Down(ctx context.Context, deckies ...string) error
}

// SessionCounter is an add-on interface of a Runtime that knows who is connected.
type SessionCounter interface {
	// Sessions returns how many connections are open to each decky that has any.
	Sessions(ctx context.Context) (map[string]int, error)
}

// Watched is an add-on interface of a Runtime whose deckies others can harm, because they do
// not live in this process.
type Watched interface {
	// Changes calls changed at once, and whenever something may have become of a decky,
	// until ctx ends, and then returns nil.
	Changes(ctx context.Context, changed func()) error
	// Losses tells what of the deckies of f is not there or does not run, and that nobody
	// but Apply brings back; sorted by decky.
	Losses(ctx context.Context, f decnet.Fleet) ([]Loss, error)
}

// Loss is something of a decky that is not as Apply left it.
type Loss struct{ Decky, What string }

// Inventory is an add-on interface of a Runtime that finds its deckies again, whoever made
// them.
type Inventory interface {
	// Present tells of the deckies that there are, sorted by name, with the services that
	// there are of them, whatever was applied.
	Present(ctx context.Context) ([]DeckyStatus, error)
}

// State says how a service or a decky fares.
type State string

// The states. A decky is up when all of its services are, down when none is, and degraded
// otherwise.
const (
	StateUp       State = "up"
	StateDegraded State = "degraded"
	StateDown     State = "down"
)

// DeckyStatus is the state of one decky.
type DeckyStatus struct {
	Name     string
	Addr     netip.Addr
	Addr6    netip.Addr // a second address, of IPv6; zero: none
	Hostname string
	Services []ServiceStatus // sorted by name
}

// State sums up the states of the services.
func (d DeckyStatus) State() State {
	up := 0
	for _, s := range d.Services {
		if s.State == StateUp {
			up++
		}
	}
	switch up {
	case len(d.Services):
		return StateUp
	case 0:
		return StateDown
	}
	return StateDegraded
}

// ServiceStatus is the state of one service of a decky.
type ServiceStatus struct {
	Name     string
	State    State           // StateUp or StateDown
	Ports    []services.Port // as the service declares them
	Since    time.Time       // when it came into State
	Restarts int             // after failures
	Err      string          // why it last failed; "" when it never did
}
