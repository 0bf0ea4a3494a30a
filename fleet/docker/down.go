package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
)

// Down removes the named deckies with their volumes, all of them when none is named. A
// name that is not known gives an error that wraps decnet.ErrNotFound, and nothing is
// removed. With the last decky go the network, unless something else is on it, and the
// interface of this machine. Images stay: see RemoveImages.
func (r *Runtime) Down(ctx context.Context, deckies ...string) error {
	err := r.alone(ctx, func() error { return r.down(ctx, deckies) })
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	return nil
}

func isHolder(c existing) bool { return c.labels[compose.LabelService] == "" }

func (r *Runtime) down(ctx context.Context, deckies []string) error {
	all, err := r.engine.containers(ctx)
	if err != nil {
		return err
	}
	var services, holders []containerWork
	known, stays := make(map[string]bool), false
	for _, c := range all {
		if !r.owns(c) {
			continue
		}
		decky := c.labels[compose.LabelDecky]
		known[decky] = true
		switch {
		case len(deckies) > 0 && !slices.Contains(deckies, decky):
			stays = true
		case isHolder(c):
			holders = append(holders, removal(c, ""))
		default:
			services = append(services, removal(c, ""))
		}
	}
	for _, name := range deckies {
		if !known[name] {
			return fmt.Errorf("decky %q: %w", name, decnet.ErrNotFound)
		}
	}
	if errs := append(r.removeAll(ctx, services), r.removeAll(ctx, holders)...); len(errs) > 0 {
		return errors.Join(errs...)
	}
	r.forget(deckies)
	volumes, err := r.engine.volumes(ctx, r.opt.Compose.Project)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if !stays || slices.ContainsFunc(services, func(c containerWork) bool { return slices.Contains(c.is.volumes, v) }) {
			err = errors.Join(err, r.removeVolume(ctx, v))
		}
	}
	if stays || err != nil {
		return err
	}
	return errors.Join(r.dropNetwork(ctx), r.dropHostLinks(ctx))
}

// dropHostLinks removes the interface of this machine.
func (r *Runtime) dropHostLinks(ctx context.Context) error {
	if r.opt.NoHostInterface || !r.engine.local() {
		return nil
	}
	names, err := hostLinkNames(r.opt.Compose.Project)
	if err != nil || len(names) == 0 {
		return err
	}
	return r.step(ctx, Step{Action: ActionRemove, Object: ObjectInterface, Name: strings.Join(names, ", ")}, func() error {
		return onlyOnce(removeHostLinks(r.opt.Compose.Project))
	})
}

// forget takes deckies out of the fleet as it was last applied.
func (r *Runtime) forget(deckies []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fleet == nil {
		return
	}
	f := *r.fleet
	f.Deckies = slices.DeleteFunc(slices.Clone(f.Deckies), func(d decnet.Decky) bool {
		return len(deckies) == 0 || slices.Contains(deckies, d.Name)
	})
	r.fleet = &f
}

// dropNetwork removes the network, if a fleet made it and nothing is on it.
func (r *Runtime) dropNetwork(ctx context.Context) error {
	n, err := r.engine.network(ctx, r.opt.Compose.Network)
	switch {
	case errors.Is(err, decnet.ErrNotFound):
		return nil
	case err != nil:
		return err
	case n.labels[compose.LabelFleet] == "":
		return nil
	}
	all, err := r.engine.containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if slices.Contains(c.networks, n.id) || c.network == r.opt.Compose.Network {
			return nil
		}
	}
	return r.step(ctx, Step{Action: ActionRemove, Object: ObjectNetwork, Name: r.opt.Compose.Network}, func() error {
		return unless(r.engine.removeNetwork(ctx, n.id), decnet.ErrNotFound)
	})
}

// RemoveImages removes the images that were built for the fleet and that no container
// has. Parts of them that other images share stay.
func (r *Runtime) RemoveImages(ctx context.Context) error {
	err := r.alone(ctx, func() error {
		names, err := r.engine.images(ctx, compose.LabelFleet+"="+r.opt.Compose.Project)
		if err != nil {
			return err
		}
		all, err := r.engine.containers(ctx)
		if err != nil {
			return err
		}
		var errs []error
		for _, id := range slices.Sorted(maps.Keys(names)) {
			if slices.ContainsFunc(all, func(c existing) bool { return c.image == id }) {
				continue
			}
			errs = append(errs, r.step(ctx, Step{Action: ActionRemove, Object: ObjectImage, Name: names[id]}, func() error {
				return unless(r.engine.removeImage(ctx, id), decnet.ErrNotFound)
			}))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	return nil
}
