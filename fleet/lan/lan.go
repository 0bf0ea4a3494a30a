package lan

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/inprocess"
	"github.com/decnet/decnet/services"
)

// Options says what the services of a fleet are given. The zero value works.
type Options struct {
	Sink      decnet.Sink        // nil: events are discarded
	Log       *slog.Logger       // nil: discarded
	Artifacts services.Artifacts // nil: captures are measured, reported and dropped
	Limits    services.Limits    // of each service of each decky; zero fields: its defaults

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // safe for concurrent use; nil: crypto/rand

	// Retry is the wait before a service that failed is started again. It doubles with
	// every failure, up to 64 times, and starts anew when the service has run for as long
	// as that. 0: one second.
	Retry time.Duration

	// Probe is how long the owner of an address that a decky is to have may take to say
	// so. 0: one second.
	Probe time.Duration
}

// Runtime is a fleet.Runtime whose deckies live in this process and on the LAN. Make one
// with New; its methods are safe for concurrent use.
type Runtime struct {
	r       *inprocess.Runtime
	network *network
}

var (
	_ fleet.Runtime        = (*Runtime)(nil)
	_ fleet.SessionCounter = (*Runtime)(nil)
)

// New makes a Runtime that has the services of reg and no deckies.
func New(reg *services.Registry, opt Options) *Runtime {
	if opt.Sink == nil {
		opt.Sink = decnet.SinkFunc(func(decnet.Event) {})
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Probe <= 0 {
		opt.Probe = time.Second
	}
	n := newNetwork(opt)
	return &Runtime{inprocess.New(reg, inprocess.Options{
		Name: "lan", Network: n, Sink: opt.Sink, Log: opt.Log, Artifacts: opt.Artifacts, Limits: opt.Limits,
		Now: opt.Now, Rand: opt.Rand, Retry: opt.Retry,
	}), n}
}

// ErrStopped says that Run has ended, and the Runtime with it. It wraps decnet.ErrConflict.
var ErrStopped = inprocess.ErrStopped

// BindError says which endpoints could not be bound, why, and what can be done. It wraps
// the errors of the system.
type BindError = inprocess.BindError

// Run serves the deckies until ctx ends. It returns nil after all services have stopped
// and no decky can be reached any more. It can be called once.
func (r *Runtime) Run(ctx context.Context) error { return r.r.Run(ctx) }

// Apply makes the deckies those of f, which has the mode fleet.ModeMACVLAN, an interface
// and a subnet. It either succeeds or changes nothing. Deckies that are the same before
// and after keep their namespaces, and services that are, keep running with their
// connections. A decky whose address, OS family, MAC address or network changes gets a new
// namespace, and its connections break.
//
// An error wraps
//   - decnet.ErrForbidden when the process lacks the privilege,
//   - decnet.ErrNotFound when there is no such interface,
//   - decnet.ErrConflict when the interface is down or another machine of the LAN answers
//     for an address,
//   - decnet.ErrSemantic or decnet.ErrInvalid when the fleet contradicts itself, when an
//     address is outside of the subnet, and for a service that only a container can run,
//   - errors.ErrUnsupported when the kernel lacks what it takes, which the text names.
//
// When Apply returns every decky answers on the network and all sockets are bound. They
// are served while Run runs, so Apply may come first. After Run has ended Apply gives
// ErrStopped.
func (r *Runtime) Apply(ctx context.Context, f decnet.Fleet) error { return r.r.Apply(ctx, f) }

// Down removes the named deckies, all of them when none is named. A name that is not known
// gives an error that wraps decnet.ErrNotFound, and nothing is removed.
func (r *Runtime) Down(ctx context.Context, deckies ...string) error {
	return r.r.Down(ctx, deckies...)
}

// Status tells how each decky fares, in the order of the fleet. A service that failed and
// waits to be started again is down, and so are all until Run is called.
func (r *Runtime) Status(ctx context.Context) ([]fleet.DeckyStatus, error) { return r.r.Status(ctx) }

// Sessions returns how many connections are open to each decky that has any.
func (r *Runtime) Sessions(ctx context.Context) (map[string]int, error) { return r.r.Sessions(ctx) }

// Namespace returns the path of a decky's network namespace, for tools such as nsenter:
//
//	nsenter --net=PATH ip address
//
// It holds as long as the decky does. A decky that is not known gives an error that wraps
// decnet.ErrNotFound.
func (r *Runtime) Namespace(decky string) (string, error) { return r.network.path(decky) }
