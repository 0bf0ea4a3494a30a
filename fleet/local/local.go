package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
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

	// PortOffset is added to the number of every port, so that none needs privilege.
	PortOffset int

	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // safe for concurrent use; nil: crypto/rand

	// Retry is the wait before a service that failed is started again. It doubles with
	// every failure, up to 64 times, and starts anew when the service has run for as long
	// as that. 0: one second.
	Retry time.Duration
}

// Runtime is a fleet.Runtime whose deckies live in this process. Make one with New; its
// methods are safe for concurrent use.
type Runtime struct{ r *inprocess.Runtime }

var (
	_ fleet.Runtime        = (*Runtime)(nil)
	_ fleet.SessionCounter = (*Runtime)(nil)
)

// New makes a Runtime that has the services of reg and no deckies.
func New(reg *services.Registry, opt Options) *Runtime {
	return &Runtime{inprocess.New(reg, inprocess.Options{
		Name: "local", Network: here{}, Sink: opt.Sink, Log: opt.Log, Artifacts: opt.Artifacts, Limits: opt.Limits,
		PortOffset: opt.PortOffset, Now: opt.Now, Rand: opt.Rand, Retry: opt.Retry,
	})}
}

// ErrStopped says that Run has ended, and the Runtime with it. It wraps decnet.ErrConflict.
var ErrStopped = inprocess.ErrStopped

// BindError says which endpoints could not be bound, why, and what can be done. It wraps
// the errors of the system.
type BindError = inprocess.BindError

// Run serves the deckies until ctx ends. It returns nil after all services have stopped
// and all sockets are closed. It can be called once.
func (r *Runtime) Run(ctx context.Context) error { return r.r.Run(ctx) }

// Apply makes the deckies those of f. It either succeeds or changes nothing: settings that
// a service refuses (decnet.ErrSemantic, decnet.ErrInvalid) and addresses that cannot be
// bound are found before anything is stopped. Services that are the same before and after
// keep running with their connections.
//
// When Apply returns all sockets are bound. They are served while Run runs, so Apply may
// come first. After Run has ended Apply gives ErrStopped.
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

// offsetWithoutPrivilege is what lifts every well-known port out of the privileged range.
const offsetWithoutPrivilege = 10_000

// PortOffset returns 0 where this process may bind ports below 1024, and 10000 where it
// may not.
func PortOffset() int {
	l, err := net.Listen("tcp4", "127.0.0.1:1")
	if err == nil {
		l.Close()
	}
	if errors.Is(err, os.ErrPermission) {
		return offsetWithoutPrivilege
	}
	return 0
}

// here is the network of this process: the deckies have addresses that it already has.
type here struct{}

func (here) Plan(decnet.Fleet) (inprocess.Change, error) { return here{}, nil }

func (here) Place(string) inprocess.Place { return here{} }

func (here) Prepare(context.Context) error { return nil }

func (here) Switch() error { return nil }

func (here) Finish() {}

func (here) Abandon() {}

func (here) Within(open func() error) error { return open() }

func (here) Advice(err error) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("ports below 1024 need privilege; run as root or use a port offset of %d", offsetWithoutPrivilege)
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program has it; stop that program, or use another address or port offset"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine does not have the address; use loopback or one of its own"
	}
	return ""
}
