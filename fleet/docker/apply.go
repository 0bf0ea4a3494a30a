package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/decnet/decnet"
)

// How many images are built, and how many containers changed, at a time.
const (
	builders = 4
	parallel = 8
)

// grace is how long a container may take to end before it is killed.
const grace = 3 * time.Second

// Apply makes the deckies those of f.
func (r *Runtime) Apply(ctx context.Context, f decnet.Fleet) error {
	err := r.alone(ctx, func() error { return r.apply(ctx, f) })
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	return nil
}

func (r *Runtime) apply(ctx context.Context, f decnet.Fleet) error {
	p, err := r.plan(ctx, f)
	if err != nil {
		return err
	}
	if err := r.prepare(ctx, p); err != nil {
		return err
	}
	if err := r.clear(ctx, p); err != nil {
		return err
	}
	if err := p.network.make(ctx, r); err != nil {
		return err
	}
	if err := r.raise(ctx, p); err != nil {
		return err
	}
	for _, name := range p.volumes {
		if err := r.removeVolume(ctx, name); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.fleet = &f
	r.mu.Unlock()
	return nil
}

// prepare does what touches no decky.
func (r *Runtime) prepare(ctx context.Context, p *plan) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(builders)
	for _, w := range p.images {
		g.Go(func() error { return w.make(ctx, r) })
	}
	return g.Wait()
}

// clear removes the containers that go, and those that are made anew.
func (r *Runtime) clear(ctx context.Context, p *plan) error {
	var services, holders []containerWork
	for _, c := range p.remove {
		if isHolder(c.is) {
			holders = append(holders, c)
		} else {
			services = append(services, c)
		}
	}
	for _, d := range p.deckies {
		for _, c := range d.services {
			if c.Step != nil && c.Action == ActionReplace {
				services = append(services, removal(c.is, c.Reason))
			}
		}
		if d.holder.Step != nil && d.holder.Action == ActionReplace {
			holders = append(holders, removal(d.holder.is, d.holder.Reason))
		}
	}
	if err := r.removeAll(ctx, services); err != nil {
		return err
	}
	return r.removeAll(ctx, holders)
}

func (r *Runtime) removeAll(ctx context.Context, list []containerWork) error {
	return each(list, func(c containerWork) error {
		return r.step(ctx, *c.Step, func() error { return r.removeContainer(ctx, c.is.id) })
	})
}

// removeContainer gives a container time to end and removes it. One that is not there is
// removed already.
func (r *Runtime) removeContainer(ctx context.Context, id string) error {
	err := r.engine.stop(ctx, id, grace)
	if err == nil {
		err = r.engine.remove(ctx, id)
	}
	if errors.Is(err, decnet.ErrNotFound) {
		return nil
	}
	return err
}

func (r *Runtime) removeVolume(ctx context.Context, name string) error {
	return r.step(ctx, Step{Action: ActionRemove, Object: ObjectVolume, Name: name}, func() error {
		if err := r.engine.removeVolume(ctx, name); err != nil && !errors.Is(err, decnet.ErrNotFound) {
			return err
		}
		return nil
	})
}

// raise makes and starts the containers of the deckies.
func (r *Runtime) raise(ctx context.Context, p *plan) error {
	return each(p.deckies, func(d deckyWork) error {
		holder, err := r.bring(ctx, p, d.holder, "")
		if err != nil {
			return err
		}
		return each(d.services, func(c containerWork) error {
			_, err := r.bring(ctx, p, c, holder)
			return err
		})
	})
}

// bring does the step of a container, and returns its ID.
func (r *Runtime) bring(ctx context.Context, p *plan, c containerWork, holder string) (id string, err error) {
	id = c.is.id
	if c.Step == nil {
		return id, nil
	}
	err = r.step(ctx, *c.Step, func() error {
		switch c.Action {
		case ActionRestart:
			if err := r.engine.stop(ctx, id, grace); err != nil {
				return err
			}
		case ActionCreate, ActionReplace:
			if id, err = r.createContainer(ctx, p, c, holder); err != nil {
				return err
			}
		}
		return r.engine.start(ctx, id)
	})
	return id, err
}

// createContainer makes the container of c, or finds that an attempt before made it.
func (r *Runtime) createContainer(ctx context.Context, p *plan, c containerWork, holder string) (id string, err error) {
	s, volumes := p.volumesOf(c.service)
	for _, v := range volumes {
		if err := r.engine.createVolume(ctx, v); err != nil {
			return "", err
		}
	}
	id, err = r.engine.create(ctx, s, holder)
	if !errors.Is(err, decnet.ErrConflict) {
		return id, err
	}
	all, listErr := r.engine.containers(ctx)
	for _, e := range all {
		if e.name == s.ContainerName && r.owns(e) && e.labels[labelHash] == s.CustomLabels[labelHash] && e.id != c.is.id {
			return e.id, nil
		}
	}
	return "", errors.Join(err, listErr)
}

// each calls do for all of list, some at a time, and joins the errors.
func each[T any](list []T, do func(T) error) error {
	errs := make([]error, len(list))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, v := range list {
		g.Go(func() error { errs[i] = do(v); return nil })
	}
	_ = g.Wait() // no function of it gives an error
	return errors.Join(errs...)
}
