package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
)

// networkWork says what is to be done so that the network of a fleet is as wanted.
type networkWork struct {
	*Step // nil: nothing

	wanted types.NetworkConfig
	is     present
}

// networkFor compares the network of doc with that of the engine. Where the engine's is
// another one and may not be replaced the error wraps decnet.ErrConflict.
func (r *Runtime) networkFor(ctx context.Context, doc *compose.Document, all []existing) (networkWork, error) {
	w := networkWork{wanted: doc.Project.Networks[r.opt.Compose.Network]}
	var err error
	w.is, err = r.engine.network(ctx, w.wanted.Name)
	step := &Step{Action: ActionCreate, Object: ObjectNetwork, Name: w.wanted.Name}
	switch {
	case errors.Is(err, decnet.ErrNotFound) && bool(w.wanted.External):
		return w, fmt.Errorf("network %s, which is said to exist: %w", w.wanted.Name, decnet.ErrNotFound)
	case errors.Is(err, decnet.ErrNotFound):
		w.Step = step
		return w, nil
	case err != nil:
		return w, err
	case bool(w.wanted.External):
		return w, nil
	}
	is, wanted := describe(w.is.driver, w.is.options, w.is.pools), describe(w.wanted.Driver, w.wanted.DriverOpts, values(w.wanted.Ipam.Config))
	if is == wanted {
		return w, nil
	}
	refuse := func(advice string) (networkWork, error) {
		return w, fmt.Errorf("network %s exists as %s, and the fleet needs %s; %s: %w", w.wanted.Name, is, wanted, advice, decnet.ErrConflict)
	}
	switch owner := w.is.labels[compose.LabelFleet]; {
	case owner == "":
		return refuse("it is not one of a fleet, so remove it yourself or give the fleet another network name")
	case owner != r.opt.Compose.Project:
		return refuse(fmt.Sprintf("it is that of the fleet %s, so give this one another network name", owner))
	case !r.opt.Replace:
		return refuse("let it be replaced, or remove the fleet first")
	}
	for _, c := range all {
		if slices.Contains(c.networks, w.is.id) && !r.owns(c) {
			return refuse(fmt.Sprintf("it cannot be replaced, as container %s is on it and not one of the fleet", c.name))
		}
	}
	step.Action, step.Reason = ActionReplace, fmt.Sprintf("it is %s, and is to be %s", is, wanted)
	w.Step = step
	return w, nil
}

// make makes the network, after what was on it has gone.
func (w networkWork) make(ctx context.Context, r *Runtime) error {
	if w.Step == nil {
		return nil
	}
	return r.step(ctx, *w.Step, func() error {
		is, err := r.engine.network(ctx, w.wanted.Name) // that of a first attempt may be there
		switch {
		case errors.Is(err, decnet.ErrNotFound):
		case err != nil:
			return err
		case is.id != w.is.id:
			return nil
		default:
			if err := r.engine.removeNetwork(ctx, is.id); err != nil {
				return err
			}
		}
		return r.engine.createNetwork(ctx, w.wanted)
	})
}

// describe says in words what counts of a network: the same words for the same network.
func describe(driver string, options map[string]string, pools []types.IPAMPool) string {
	text := driver
	if mode := options["ipvlan_mode"]; driver == "ipvlan" && mode != "" {
		text += " " + mode
	}
	if parent := options["parent"]; parent != "" {
		text += " on " + parent
	}
	var subnets []string
	for _, p := range pools {
		subnet := p.Subnet
		if parsed, err := netip.ParsePrefix(subnet); err == nil {
			subnet = parsed.Masked().String()
		}
		if gateway, err := netip.ParseAddr(p.Gateway); err == nil {
			subnet += " by " + gateway.String()
		}
		subnets = append(subnets, subnet)
	}
	slices.Sort(subnets)
	if len(subnets) > 0 {
		text += " with " + strings.Join(subnets, " and ")
	}
	return text
}

func values(pools []*types.IPAMPool) []types.IPAMPool {
	list := make([]types.IPAMPool, 0, len(pools))
	for _, p := range pools {
		list = append(list, *p)
	}
	return list
}
