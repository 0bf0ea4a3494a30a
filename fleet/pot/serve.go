package pot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/inprocess"
	"github.com/decnet/decnet/services"
)

// Options says what a container of a decky has beside its persona. The zero value works.
type Options struct {
	Sink      decnet.Sink        // nil: events are discarded
	Log       *slog.Logger       // nil: discarded
	Artifacts services.Artifacts // nil: captures are measured, reported and dropped
}

func (o Options) complete() Options {
	if o.Sink == nil {
		o.Sink = decnet.SinkFunc(func(decnet.Event) {})
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Serve waits until the network of the decky is locked, and runs the honeypot of p, which
// is one of reg, until ctx ends. Then it returns nil. Settings that the honeypot refuses, and
// a service that reg does not have, give an error that wraps decnet.ErrSemantic or
// decnet.ErrInvalid.
func Serve(ctx context.Context, reg *services.Registry, p fleet.Persona, opt Options) (err error) {
	opt = opt.complete()
	server, err := newServer(reg, p, opt)
	if err != nil {
		return err
	}
	ctx, unlocked, err := awaitLock(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlocked()
	var socks []services.Socket
	for _, port := range p.Ports {
		for _, addr := range p.Binds() {
			sock, err := inprocess.Bind(ctx, port, netip.AddrPortFrom(addr, port.Number))
			if err != nil {
				return err // what is bound ends with the process
			}
			socks = append(socks, sock)
		}
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			opt.Log.Error("server panicked", "panic", panicked, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	err = server.Serve(ctx, socks)
	if cause := context.Cause(ctx); errors.Is(cause, errUnlocked) {
		return cause
	}
	if err == nil && ctx.Err() == nil {
		err = errors.New("the server ended by itself")
	}
	return err
}

func newServer(reg *services.Registry, p fleet.Persona, opt Options) (services.Server, error) {
	if p.Service == "" {
		return nil, fmt.Errorf("the persona is that of the holder of an address, whose command is %s: %w", fleet.PotHold, decnet.ErrInvalid)
	}
	svc, err := reg.Lookup(p.Service)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, decnet.ErrInvalid)
	}
	id, err := p.Identity()
	if err != nil {
		return nil, err
	}
	host := new(services.Host)
	for _, s := range p.Beside {
		host.Serve(s)
	}
	return svc.New(services.Env{
		Decky: p.Decky, Identity: id, Sink: opt.Sink, Log: opt.Log.With("service", p.Service),
		Artifacts: opt.Artifacts, Host: host,
	}, p.Config)
}
