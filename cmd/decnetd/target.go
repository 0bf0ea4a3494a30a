package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector/forward"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/store"
)

// deployedTarget is the log target that the document of what is deployed names at the time.
// Make one with newDeployedTarget.
type deployedTarget struct {
	db  store.State
	log *slog.Logger

	name string // belongs to Run
	mu   sync.Mutex
	to   *forward.Forwarder // nil: there is none
}

func newDeployedTarget(ctx context.Context, db store.State, log *slog.Logger) (*deployedTarget, error) {
	doc, err := deployment.Read(ctx, db)
	if err != nil {
		return nil, err
	}
	t := &deployedTarget{db: db, log: log}
	t.set(doc.LogTarget)
	return t, nil
}

// Emit implements decnet.Sink.
func (t *deployedTarget) Emit(e decnet.Event) {
	if to := t.now(); to != nil {
		to.Emit(e)
	}
}

// Status is that of the present target.
func (t *deployedTarget) Status() (dropped uint64, err error) {
	if to := t.now(); to != nil {
		return to.Status()
	}
	return 0, nil
}

func (t *deployedTarget) now() *forward.Forwarder {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.to
}

// Run forwards until ctx ends.
func (t *deployedTarget) Run(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	stop := t.start(ctx)
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if doc, err := deployment.Read(ctx, t.db); err == nil && doc.LogTarget != t.name {
			t.set(doc.LogTarget)
			stop()
			stop = t.start(ctx)
		}
	}
}

// start runs the present target, and returns what ends it.
func (t *deployedTarget) start(ctx context.Context) (stop func()) {
	to := t.now()
	if to == nil {
		return func() {}
	}
	return inBackground(ctx, to.Run)
}

// set makes a target the present one; "": there is none.
func (t *deployedTarget) set(name string) {
	var to *forward.Forwarder
	if name != "" {
		var err error
		if to, err = forward.New(name, forward.Options{Log: t.log}); err != nil {
			t.log.Error("log target", "err", err)
		}
	}
	t.name = name
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to = to
}
