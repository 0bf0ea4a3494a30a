package docker

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

// Options says how the containers of a fleet are made. The zero value works where the image
// compose.DefaultImage exists.
type Options struct {
	// Host is the address of the engine, such as unix:///run/docker.sock. "": that of the
	// variable DOCKER_HOST, with DOCKER_CERT_PATH and DOCKER_TLS_VERIFY as every client of
	// an engine reads them, or the default socket.
	Host string

	// Pot is the path of the executable decnet-pot, from which the image that most
	// containers run is built. "": the image that Compose.Image names exists, or can be
	// pulled.
	Pot string

	// Compose says what the containers are. Its Project is the name of the fleet.
	Compose compose.Options

	// Replace makes Apply replace a network of the fleet that has another driver, parent
	// or subnet than it needs, and all containers on it. Otherwise that is an error.
	Replace bool

	NoCache bool // images are built anew, from the first line of their Dockerfile
	Pull    bool // images that are not built are pulled even if they exist

	// NoHostInterface leaves out the interface by which this machine reaches its deckies,
	// which needs root. There is none either for an engine on another machine.
	NoHostInterface bool

	// Progress is called when a step begins, says something, and ends; from one goroutine
	// at a time. nil: nobody is told.
	Progress func(Step)

	Log *slog.Logger // nil: discarded

	// Retry is the wait after the first failure of a step. It doubles with the second; the
	// third is final. 0: five seconds.
	Retry time.Duration

	// Dial is how long the engine may take to answer New. 0: 15 seconds.
	Dial time.Duration

	// Probe is how long the owner of an address that a decky is to have may take to say
	// so. 0: one second. Negative: nobody is asked.
	Probe time.Duration
}

// Runtime is a fleet.Runtime whose deckies are containers. Make one with New; its methods
// are safe for concurrent use. The deckies outlive it.
type Runtime struct {
	engine engine
	reg    *services.Registry
	opt    Options
	say    *progress
	turn   chan struct{} // holds a token while the fleet is being changed
	slots  chan struct{} // holds one for each container that is being changed

	mu    sync.Mutex
	fleet *decnet.Fleet // as last applied; nil: not by this Runtime
}

var (
	_ fleet.Runtime        = (*Runtime)(nil)
	_ fleet.Inventory      = (*Runtime)(nil)
	_ fleet.SessionCounter = (*Runtime)(nil)
	_ fleet.Watched        = (*Runtime)(nil)
)

// New makes a Runtime that has the services of reg, on the engine that opt names. An
// engine that does not answer gives an error that wraps ErrNoEngine, one that is too old
// an error that wraps errors.ErrUnsupported.
func New(reg *services.Registry, opt Options) (*Runtime, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	opt.Retry = cmp.Or(opt.Retry, 5*time.Second)
	opt.Probe = cmp.Or(opt.Probe, time.Second)
	opt.Compose.Project = cmp.Or(opt.Compose.Project, compose.DefaultProject)
	opt.Compose.Network = cmp.Or(opt.Compose.Network, compose.DefaultNetwork)
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(opt.Dial, 15*time.Second))
	defer cancel()
	e, err := dial(ctx, opt.Host)
	if err != nil {
		return nil, err
	}
	return &Runtime{engine: e, reg: reg, opt: opt, say: &progress{call: opt.Progress}, turn: make(chan struct{}, 1), slots: make(chan struct{}, parallel)}, nil
}

// Close ends the connections to the engine. The deckies stay.
func (r *Runtime) Close() error { return r.engine.c.Close() }

// Remote reports whether the engine is on another machine, whose kernel says nothing here:
// Sessions knows of nobody, Watch of no process, and no address is probed.
func (r *Runtime) Remote() bool { return !r.engine.local() }

// alone calls f while nothing else of this Runtime changes the fleet.
func (r *Runtime) alone(ctx context.Context, f func() error) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}
