package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/lan"
)

// How many images are built, and how many containers changed or looked at, at a time.
const (
	builders = 4
	parallel = 8
)

// grace is how long a container may take to end before it is killed.
const grace = 3 * time.Second

// Apply makes the deckies those of f, which, when it has any, has the mode fleet.ModeMACVLAN or
// fleet.ModeIPVLAN, an interface, a subnet and a gateway. What is as f says is not touched:
// its containers keep running with their connections. Containers of other fleets, and
// those of none, are never touched.
//
// Before it changes anything, Apply builds and pulls the images that are missing and asks
// the LAN for the addresses that are new. An error until then changes nothing. It wraps
//   - decnet.ErrConflict when the network is another one (see Options.Replace), when a
//     container has a name that the fleet needs, or another machine an address,
//   - decnet.ErrNotFound when an image or the interface does not exist,
//   - decnet.ErrSemantic, decnet.ErrInvalid or decnet.ErrForbidden when the fleet cannot
//     become containers, for which see compose.New, or when privilege is missing,
//   - ErrNoEngine when the engine does not answer.
//
// Then one decky's failure keeps no other from being made, and the error is an ApplyError.
// A step that fails for what may pass, such as an engine that starts again, is repeated
// twice: see Options.Retry. When ctx ends Apply leaves what it has done; whatever ended
// it, the next Apply goes on from what is there.
func (r *Runtime) Apply(ctx context.Context, f decnet.Fleet) error {
	err := r.alone(ctx, func() error { return r.apply(ctx, f) })
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	return nil
}

func (r *Runtime) apply(ctx context.Context, f decnet.Fleet) error {
	if len(f.Deckies) == 0 {
		return r.down(ctx, nil)
	}
	p, err := r.planned(ctx, f)
	if err != nil {
		return err
	}
	if err := r.killLost(p.there); err != nil {
		return err
	}
	if err := r.prepare(ctx, p); err != nil {
		return err
	}
	own := f.Clone()
	r.mu.Lock()
	r.fleet = &own
	r.mu.Unlock()
	if errs := r.change(ctx, p); len(errs) > 0 {
		return r.failure(ctx, f, errs)
	}
	return nil
}

// planned is plan, again when the engine does not answer.
func (r *Runtime) planned(ctx context.Context, f decnet.Fleet) (p *plan, err error) {
	err = r.retry(ctx, Step{Action: ActionLook, Object: ObjectEngine, Name: r.engine.c.DaemonHost()}, func() error {
		if p, err = r.plan(ctx, f); err != nil && !errors.Is(err, ErrNoEngine) {
			return final{err}
		}
		return err
	})
	return p, err
}

// killLost ends what is left of those containers that do not run.
func (r *Runtime) killLost(list []existing) error {
	if !r.engine.local() {
		return nil
	}
	var ids []string
	for _, c := range list {
		if c.ended && len(c.id) == 64 {
			ids = append(ids, c.id)
		}
	}
	return killOrphans(ids)
}

// prepare does what touches no decky.
func (r *Runtime) prepare(ctx context.Context, p *plan) error {
	if r.engine.local() {
		if err := p.doc.MakeDirectories(); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(builders)
	if len(p.probe) > 0 {
		g.Go(func() error {
			return r.step(ctx, *p.probeStep(), func() error { return onlyOnce(lan.Probe(ctx, p.fleet, p.probe, r.opt.Probe)) })
		})
	}
	for _, w := range p.images {
		g.Go(func() error { return w.make(ctx, r) })
	}
	return g.Wait()
}

// change does the rest. It returns the failures.
func (r *Runtime) change(ctx context.Context, p *plan) []error {
	if errs := r.clear(ctx, p); len(errs) > 0 {
		return errs
	}
	if err := p.network.make(ctx, r); err != nil {
		return []error{err}
	}
	errs := r.raise(ctx, p)
	if p.host.Step != nil {
		if err := r.step(ctx, *p.host.Step, func() error { return onlyOnce(p.host.link.make()) }); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range p.volumes {
		if err := r.removeVolume(ctx, name); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// clear removes the containers that go, and those that are made anew.
func (r *Runtime) clear(ctx context.Context, p *plan) []error {
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
			if c.replaced() {
				services = append(services, removal(c.is, c.Reason))
			}
		}
		if d.holder.replaced() {
			holders = append(holders, removal(d.holder.is, d.holder.Reason))
		}
	}
	return append(r.removeAll(ctx, services), r.removeAll(ctx, holders)...)
}

func (r *Runtime) removeAll(ctx context.Context, list []containerWork) []error {
	return each(list, func(c containerWork) []error {
		return some(r.step(ctx, *c.Step, func() error {
			return r.limited(func() error { return r.removeContainer(ctx, c.is) })
		}))
	})
}

// removeContainer gives a container time to end and removes it. One that is not there is
// removed already.
func (r *Runtime) removeContainer(ctx context.Context, c existing) error {
	err := r.engine.stop(ctx, c.id, grace)
	if err == nil {
		err = r.killLost([]existing{c})
	}
	if err == nil {
		err = r.engine.remove(ctx, c.id)
	}
	return unless(err, decnet.ErrNotFound)
}

func (r *Runtime) removeVolume(ctx context.Context, name string) error {
	return r.step(ctx, Step{Action: ActionRemove, Object: ObjectVolume, Name: name}, func() error {
		return unless(r.engine.removeVolume(ctx, name), decnet.ErrNotFound)
	})
}

// raise makes and starts the containers of the deckies.
func (r *Runtime) raise(ctx context.Context, p *plan) []error {
	return each(p.deckies, func(d deckyWork) []error {
		holder, err := r.bring(ctx, p, d.holder, "")
		if err != nil {
			return some(err)
		}
		return each(d.services, func(c containerWork) []error {
			if c.is.id != "" && d.holder.is.id != "" && holder != d.holder.is.id {
				c.Step = c.step(ActionReplace, otherHolder)
			}
			_, err := r.bring(ctx, p, c, holder)
			return some(err)
		})
	})
}

// bring does the step of a container, and returns its ID. A container that does not start
// is made anew for the next attempt: an engine that was killed may have half of it.
func (r *Runtime) bring(ctx context.Context, p *plan, c containerWork, holder string) (id string, err error) {
	id = c.is.id
	if c.Step == nil {
		return id, nil
	}
	create := c.Action == ActionCreate || c.Action == ActionReplace
	err = r.step(ctx, *c.Step, func() error {
		if c.afterLock() {
			if err := r.locked(ctx, holder); err != nil {
				return err
			}
		}
		return r.limited(func() error {
			if create {
				if id, err = r.createContainer(ctx, p, c, holder); err != nil {
					return err
				}
			} else if c.Action == ActionRestart {
				if err := r.engine.stop(ctx, id, grace); err != nil {
					return err
				}
			}
			err := r.engine.start(ctx, id)
			if err == nil || errors.Is(err, ErrNoEngine) {
				return err
			}
			create = true
			return errors.Join(err, r.removeContainer(ctx, existing{id: id, ended: true}))
		})
	})
	return id, err
}

// lockTime is how long the holder of an address may take to lock its network.
const lockTime = time.Minute

// afterLock reports whether the container must not start before its network is locked, for
// which it does not wait by itself.
func (c containerWork) afterLock() bool {
	return c.service.DependsOn[c.Decky].Condition == types.ServiceConditionHealthy
}

// locked waits until a holder says that its network is locked.
func (r *Runtime) locked(ctx context.Context, holder string) error {
	for until := time.Now().Add(lockTime); ; {
		d, err := r.engine.inspect(ctx, holder)
		switch {
		case err != nil:
			return err
		case d.healthy:
			return nil
		case d.sick, time.Now().After(until):
			return onlyOnce(fmt.Errorf("its network is not locked: %s", cmp.Or(d.failure, "the container that holds it does not say so")))
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// createContainer makes the container of c. Where one of the fleet has its name, it is that
// of an attempt whose answer was lost, or one that goes.
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
		switch {
		case e.name != s.ContainerName || !r.owns(e):
		case e.id != c.is.id && e.labels[labelHash] == s.CustomLabels[labelHash] && (holder == "" || e.network == "container:"+holder):
			return e.id, nil
		default:
			if err := r.removeContainer(ctx, e); err != nil {
				return "", err
			}
			return r.engine.create(ctx, s, holder)
		}
	}
	return "", errors.Join(err, listErr)
}

// each calls do for all of list at a time, and returns the errors in the order of the list.
func each[T any](list []T, do func(T) []error) []error {
	errs := make([][]error, len(list))
	var wait sync.WaitGroup
	for i, v := range list {
		wait.Go(func() { errs[i] = do(v) })
	}
	wait.Wait()
	return slices.Concat(errs...)
}

// limited calls do when fewer than parallel other calls are under way.
func (r *Runtime) limited(do func() error) error {
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	return do()
}

// some returns a list of err, empty when it is nil.
func some(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

// unless returns err, nil when it is of a kind.
func unless(err, kind error) error {
	if errors.Is(err, kind) {
		return nil
	}
	return err
}
