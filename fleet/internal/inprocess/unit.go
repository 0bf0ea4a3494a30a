package inprocess

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// unit is one service of one decky, kept running.
type unit struct {
	spec    *spec
	opt     *Options
	server  services.Server // the next to serve
	sockets []*socket       // in the order of spec.endpoints

	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	state fleet.ServiceStatus
}

func newUnit(s spec, opt *Options) *unit {
	return &unit{
		spec:  &s,
		opt:   opt,
		state: fleet.ServiceStatus{Name: s.id.service, State: fleet.StateDown, Ports: s.ports, Since: opt.Now()},
	}
}

func (u *unit) log() *slog.Logger {
	return u.opt.Log.With("decky", u.spec.id.decky, "service", u.spec.id.service)
}

func (u *unit) makeServer() (err error) {
	u.server, err = u.spec.svc.New(services.Env{
		Decky: u.spec.id.decky, Identity: u.spec.identity, Sink: u.opt.Sink, Log: u.log(),
		Now: u.opt.Now, Rand: u.opt.Rand, Limits: u.opt.Limits, Artifacts: u.opt.Artifacts,
		Host: u.spec.host, Listen: u.spec.listen,
	}, u.spec.config)
	return err
}

// start serves until ctx ends or the unit is cancelled.
func (u *unit) start(ctx context.Context) {
	ctx, u.stop = context.WithCancel(ctx)
	u.set(fleet.StateUp, nil)
	u.running.Go(func() { u.keepRunning(ctx) })
}

// cancel makes the unit stop; wait returns when it has. A unit that was never started has
// nothing to stop.
func (u *unit) cancel() {
	if u.stop != nil {
		u.stop()
	}
}

func (u *unit) wait() { u.running.Wait() }

func (u *unit) keepRunning(ctx context.Context) {
	longest := 64 * u.opt.Retry
	wait := u.opt.Retry
	for {
		began := time.Now()
		err := u.serve(ctx)
		if ctx.Err() != nil {
			u.set(fleet.StateDown, nil)
			return
		}
		if time.Since(began) >= longest {
			wait = u.opt.Retry
		}
		u.set(fleet.StateDown, err)
		u.log().Error("service failed", "err", err, "retry_in", wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, longest)
	}
}

// serve runs one server from start to end. It returns nil only when ctx has ended.
func (u *unit) serve(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			u.log().Error("server panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	restarted := u.server == nil
	if restarted {
		if err := u.makeServer(); err != nil {
			return err
		}
	}
	server := u.server
	u.server = nil
	socks := make([]services.Socket, 0, len(u.sockets))
	defer func() {
		for _, s := range socks {
			closeSocket(s)
		}
	}()
	for i, s := range u.sockets {
		sock, err := s.open(u.spec.port(i))
		if err != nil {
			return err
		}
		socks = append(socks, sock)
	}
	if restarted {
		u.set(fleet.StateUp, nil)
	}
	// The server owns what it is given, and may change the slice too.
	if err := server.Serve(ctx, slices.Clone(socks)); err != nil || ctx.Err() != nil {
		return err
	}
	return errors.New("the server ended by itself")
}

func (u *unit) set(state fleet.State, failure error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.State, u.state.Since = state, u.opt.Now()
	if failure != nil {
		u.state.Err = failure.Error()
		u.state.Restarts++
	}
}

func (u *unit) status() fleet.ServiceStatus {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}
