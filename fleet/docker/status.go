package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/services"
)

// Status tells how each decky fares. Deckies come in the order of the fleet that this
// Runtime applied last, with what the engine lacks of them as down. A Runtime that applied
// none tells of the containers that there are, sorted by name; see StatusOf.
func (r *Runtime) Status(ctx context.Context) ([]fleet.DeckyStatus, error) {
	r.mu.Lock()
	f := r.fleet
	r.mu.Unlock()
	if f != nil {
		return r.StatusOf(ctx, *f)
	}
	return r.Present(ctx)
}

// Present tells of the containers that there are of deckies, sorted by name, whatever was
// applied. A service without container is not among those of its decky.
func (r *Runtime) Present(ctx context.Context) ([]fleet.DeckyStatus, error) {
	seen, err := r.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	var list []fleet.DeckyStatus
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		holder := seen[name][""]
		d := fleet.DeckyStatus{Name: name, Hostname: holder.hostname}
		if len(holder.addrs) > 0 {
			d.Addr = holder.addrs[0]
		}
		if len(holder.addrs) > 1 {
			d.Addr6 = holder.addrs[1]
		}
		for _, service := range slices.Sorted(maps.Keys(seen[name])) {
			if service == "" {
				continue
			}
			s := state(service, seen[name])
			s.Ports = portsOf(seen[name][service].env)
			d.Services = append(d.Services, s)
		}
		list = append(list, d)
	}
	return list, nil
}

// StatusOf tells how each decky of f fares, in its order. It says of what f has and the
// engine has not that it is down, and nothing of what f does not have.
func (r *Runtime) StatusOf(ctx context.Context, f decnet.Fleet) ([]fleet.DeckyStatus, error) {
	seen, err := r.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	reg, err := fleet.WithCustom(r.reg, f)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	list := make([]fleet.DeckyStatus, 0, len(f.Deckies))
	for _, d := range f.Deckies {
		ports, err := fleet.Ports(reg, d.Services)
		if err != nil {
			return nil, fmt.Errorf("docker: %s: %w", d.Name, err)
		}
		status := fleet.DeckyStatus{Name: d.Name, Addr: d.Addr, Addr6: d.Addr6, Hostname: d.Hostname}
		for _, service := range slices.Sorted(slices.Values(d.Services)) {
			s := state(service, seen[d.Name])
			s.Ports = ports[service]
			status.Services = append(status.Services, s)
		}
		list = append(list, status)
	}
	return list, nil
}

// look inspects all containers of the fleet: by decky, and by service.
func (r *Runtime) look(ctx context.Context) (map[string]map[string]details, error) {
	all, err := r.engine.containers(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	seen := make(map[string]map[string]details)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, c := range all {
		if !r.owns(c) {
			continue
		}
		g.Go(func() error {
			d, err := r.engine.inspect(ctx, c.id)
			if errors.Is(err, decnet.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			decky := c.labels[compose.LabelDecky]
			if seen[decky] == nil {
				seen[decky] = make(map[string]details)
			}
			seen[decky][c.labels[compose.LabelService]] = d
			return nil
		})
	}
	return seen, g.Wait()
}

// state judges one service of a decky whose containers are given.
func state(service string, containers map[string]details) fleet.ServiceStatus {
	s := fleet.ServiceStatus{Name: service, State: fleet.StateDown}
	c, ok := containers[service]
	if !ok {
		s.Err = "absent: there is no container"
		return s
	}
	s.Restarts, s.Err, s.Since = c.restarts, c.failure, c.started
	holder, ok := containers[""]
	switch {
	case !c.running:
		s.Since, s.Err = c.ended, cmp.Or(c.failure, "stopped")
	case !ok:
		s.Err = "the container with its network is absent"
	case !holder.running:
		s.Since, s.Err = holder.ended, "the container with its network does not run"
	case c.started.Before(holder.started):
		s.Since, s.Err = holder.started, "it runs in a network that is gone"
	default:
		s.State = fleet.StateUp
	}
	return s
}

// portsOf reads from what a container was told which ports it serves.
func portsOf(env []string) []services.Port {
	for _, e := range env {
		if text, ok := strings.CutPrefix(e, fleet.PersonaVar+"="); ok {
			if p, err := fleet.ParsePersona(text); err == nil {
				return p.Ports
			}
		}
	}
	return nil
}
