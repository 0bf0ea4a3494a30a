package inprocess

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// Options says what the services of a fleet are given. Only Name and Network are required.
type Options struct {
	Name    string // of the package that has the runtime, which errors begin with
	Network Network

	Sink      decnet.Sink        // nil: events are discarded
	Log       *slog.Logger       // nil: discarded
	Artifacts services.Artifacts // nil: captures are measured, reported and dropped
	Limits    services.Limits    // of each service of each decky; zero fields: its defaults

	// OwnIPv6 says that no two deckies share a place, so that each listens on all addresses
	// of IPv6 there: its second address, and those of the link.
	OwnIPv6 bool

	// PortOffset is added to the number of every port, so that none needs privilege.
	PortOffset int

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // safe for concurrent use; nil: crypto/rand

	// Retry is the wait before a service that failed is started again. It doubles with
	// every failure, up to 64 times, and starts anew when the service has run for as long
	// as that. 0: one second.
	Retry time.Duration
}

// Runtime is a fleet.Runtime. Its methods are safe for concurrent use.
type Runtime struct {
	reg *services.Registry
	opt Options

	applying sync.Mutex // held by whoever changes the fleet; taken before mu

	mu      sync.Mutex
	fleet   decnet.Fleet
	units   map[unitID]*unit
	sockets map[endpoint]*socket
	run     context.Context // of Run; nil before
	stopped bool
}

var (
	_ fleet.Runtime        = (*Runtime)(nil)
	_ fleet.SessionCounter = (*Runtime)(nil)
)

// New makes a Runtime that has the services of reg and no deckies.
func New(reg *services.Registry, opt Options) *Runtime {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	opt.Retry = cmp.Or(opt.Retry, time.Second)
	return &Runtime{reg: reg, opt: opt, units: make(map[unitID]*unit), sockets: make(map[endpoint]*socket)}
}

// ErrStopped says that Run has ended, and the Runtime with it. It wraps decnet.ErrConflict.
var ErrStopped = fmt.Errorf("the runtime has stopped: %w", decnet.ErrConflict)

// errorf makes an error that begins with the name of the runtime.
func (r *Runtime) errorf(format string, args ...any) error {
	return fmt.Errorf(r.opt.Name+": "+format, args...)
}

// Run serves the deckies until ctx ends. It returns nil after all services have stopped
// and all sockets are closed. It can be called once.
func (r *Runtime) Run(ctx context.Context) error {
	if err := r.startAll(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	r.applying.Lock()
	defer r.applying.Unlock()
	r.commit(decnet.Fleet{}, change{})
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	places, err := r.opt.Network.Plan(decnet.Fleet{})
	if err != nil {
		return r.errorf("%w", err)
	}
	if err := places.Switch(); err != nil {
		return r.errorf("%w", err)
	}
	places.Finish()
	return nil
}

// startAll starts the units of every Apply before Run.
func (r *Runtime) startAll(ctx context.Context) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run != nil {
		return r.errorf("Run was called twice: %w", decnet.ErrConflict)
	}
	r.run = ctx
	for _, u := range r.units {
		u.start(ctx)
	}
	return nil
}

// Apply makes the deckies those of f. It either succeeds or changes nothing: settings that
// a service refuses (decnet.ErrSemantic, decnet.ErrInvalid) and addresses that cannot be
// bound are found before anything is stopped. Services that are the same before and after
// keep running with their connections.
//
// When Apply returns all sockets are bound. They are served while Run runs, so Apply may
// come first. After Run has ended Apply gives ErrStopped.
func (r *Runtime) Apply(ctx context.Context, f decnet.Fleet) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	return r.apply(ctx, f.Clone())
}

// Down removes the named deckies, all of them when none is named. A name that is not known
// gives an error that wraps decnet.ErrNotFound, and nothing is removed.
func (r *Runtime) Down(ctx context.Context, deckies ...string) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	r.mu.Lock()
	left := r.fleet
	r.mu.Unlock()
	if len(deckies) == 0 {
		left.Deckies = nil
		return r.apply(ctx, left)
	}
	for _, name := range deckies {
		if !slices.ContainsFunc(left.Deckies, func(d decnet.Decky) bool { return d.Name == name }) {
			return r.errorf("decky %q: %w", name, decnet.ErrNotFound)
		}
	}
	left.Deckies = slices.DeleteFunc(slices.Clone(left.Deckies), func(d decnet.Decky) bool {
		return slices.Contains(deckies, d.Name)
	})
	return r.apply(ctx, left)
}

// Status tells how each decky fares, in the order of the fleet. A service that failed and
// waits to be started again is down, and so are all until Run is called.
func (r *Runtime) Status(context.Context) ([]fleet.DeckyStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]fleet.DeckyStatus, 0, len(r.fleet.Deckies))
	for _, d := range r.fleet.Deckies {
		status := fleet.DeckyStatus{Name: d.Name, Addr: d.Addr, Addr6: d.Addr6, Hostname: d.Hostname}
		for _, name := range slices.Sorted(slices.Values(d.Services)) {
			if u, ok := r.units[unitID{d.Name, name}]; ok {
				status.Services = append(status.Services, u.status())
			}
		}
		list = append(list, status)
	}
	return list, nil
}

// Sessions returns how many connections are open to each decky that has any.
func (r *Runtime) Sessions(context.Context) (map[string]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := make(map[string]int)
	for id, u := range r.units {
		if n := u.spec.host.Sessions(); n > 0 {
			open[id.decky] = n // the services of a decky have one host
		}
	}
	return open, nil
}

// change is what a commit does beside stopping what is in neither keep nor fresh.
type change struct {
	keep  map[unitID]bool      // units that go on
	fresh []*unit              // units to start
	bound map[endpoint]*socket // sockets that were bound for them
	used  map[endpoint]bool    // sockets that stay open
}

func (r *Runtime) apply(ctx context.Context, f decnet.Fleet) error {
	r.mu.Lock()
	stopped := r.stopped
	r.mu.Unlock()
	if stopped {
		return r.errorf("%w", ErrStopped)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	specs, err := r.specs(f)
	if err != nil {
		return err
	}
	places, err := r.opt.Network.Plan(f)
	if err != nil {
		return r.errorf("%w", err)
	}
	c := change{keep: make(map[unitID]bool), used: make(map[endpoint]bool)}
	for i := range specs {
		specs[i] = specs[i].in(places.Place(specs[i].id.decky))
		s := specs[i]
		if u, ok := r.units[s.id]; ok && u.spec.same(&s) {
			c.keep[s.id] = true
		} else {
			c.fresh = append(c.fresh, newUnit(s, &r.opt))
		}
		for _, e := range s.endpoints {
			c.used[e] = true
		}
	}
	if err := makeServers(c.fresh); err != nil {
		return r.errorf("%w", err)
	}
	if err := places.Prepare(ctx); err != nil {
		return r.errorf("%w", err)
	}
	if c.bound, err = r.bind(ctx, specs); err == nil {
		if err = places.Switch(); err != nil {
			closeAll(c.bound)
		}
	}
	if err != nil {
		places.Abandon()
		return r.errorf("%w", err)
	}
	r.commit(f, c)
	places.Finish()
	return nil
}

// commit cannot fail. The caller holds applying, which is what r.units and r.sockets
// change under.
func (r *Runtime) commit(f decnet.Fleet, c change) {
	var stale []*unit
	for id, u := range r.units {
		if !c.keep[id] {
			stale = append(stale, u)
			u.cancel()
		}
	}
	for _, u := range stale {
		u.wait()
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.fleet = f
	for _, u := range stale {
		delete(r.units, u.spec.id)
	}
	for e, s := range c.bound {
		r.sockets[e] = s
	}
	for e, s := range r.sockets {
		if !c.used[e] {
			s.close()
			delete(r.sockets, e)
		}
	}
	for _, u := range c.fresh {
		for _, e := range u.spec.endpoints {
			u.sockets = append(u.sockets, r.sockets[e])
		}
		r.units[u.spec.id] = u
		if r.run != nil {
			u.start(r.run)
		}
	}
}
