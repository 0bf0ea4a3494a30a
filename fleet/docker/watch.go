package docker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// Process is the first process of a container that runs a service.
type Process struct {
	PID            int // as the engine's machine counts
	Decky, Service string
}

// settle is how long Watch gathers changes before it looks.
const settle = 50 * time.Millisecond

// Watch calls set with the processes of those containers that fleet.LabelWatch marks, at
// once and whenever they have changed, until ctx ends, and then returns nil. An engine that
// does not answer is waited for: its containers count as they were. One on another machine
// has no processes here.
func (r *Runtime) Watch(ctx context.Context, set func([]Process)) error {
	var last []Process
	known := false
	return r.follow(ctx, func(ctx context.Context) error {
		now, err := r.processes(ctx)
		if err == nil && (!known || !slices.Equal(now, last)) {
			set(slices.Clone(now))
			last, known = now, true
		}
		return err
	})
}

// Changes implements fleet.Watched.
func (r *Runtime) Changes(ctx context.Context, changed func()) error {
	return r.follow(ctx, func(context.Context) error {
		changed()
		return nil
	})
}

// follow calls look at once and after every change, again when it or the engine fails, until
// ctx ends, and then returns nil.
func (r *Runtime) follow(ctx context.Context, look func(context.Context) error) error {
	for ctx.Err() == nil {
		_ = r.followOnce(ctx, look) // after a failure, and after an end of ctx, the loop decides
		_ = pause(ctx, r.opt.Retry)
	}
	return nil
}

func (r *Runtime) followOnce(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, failed := r.engine.changes(ctx)
	for {
		if err := look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-changes:
			if err := pause(ctx, settle); err != nil {
				return err
			}
		}
	}
}

// pause waits for d. It returns an error when ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// processes lists what Watch tells, sorted.
func (r *Runtime) processes(ctx context.Context) ([]Process, error) {
	if !r.engine.local() {
		return nil, nil
	}
	all, err := r.engine.containers(ctx)
	if err != nil {
		return nil, err
	}
	var list []Process
	for _, c := range all {
		if !r.owns(c) || !c.running || c.labels[fleet.LabelWatch] == "" {
			continue
		}
		d, err := r.engine.inspect(ctx, c.id)
		switch {
		case errors.Is(err, decnet.ErrNotFound):
			continue
		case err != nil:
			return nil, err
		case d.pid != 0:
			list = append(list, Process{d.pid, c.labels[fleet.LabelDecky], c.labels[fleet.LabelService]})
		}
	}
	return list, nil
}
