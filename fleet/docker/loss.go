package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// Losses implements fleet.Watched. A container that the engine starts again is not lost, and
// one with other settings or another image than f asks for is not either: it works.
func (r *Runtime) Losses(ctx context.Context, f decnet.Fleet) ([]fleet.Loss, error) {
	if len(f.Deckies) == 0 {
		return nil, nil
	}
	p, err := r.plan(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	var list []fleet.Loss
	for _, d := range p.deckies {
		add := func(c containerWork, what string) {
			if what != "" {
				list = append(list, fleet.Loss{Decky: d.decky.Name, What: "container " + c.service.ContainerName + " " + what})
			}
		}
		add(d.holder, d.holder.is.lost())
		for _, c := range d.services {
			switch what := c.is.lost(); {
			case what != "":
				add(c, what)
			case d.holder.is.id == "" || d.holder.is.restarting || c.is.restarting:
			case c.is.network != "container:"+d.holder.is.id, p.seen[c.is.id].started.Before(p.seen[d.holder.is.id].started):
				add(c, "is in a network that is gone")
			}
		}
	}
	slices.SortStableFunc(list, func(a, b fleet.Loss) int { return strings.Compare(a.Decky, b.Decky) })
	return list, nil
}

// lost says what has become of a container that does not run, "" when it does.
func (c existing) lost() string {
	switch {
	case c.id == "":
		return "is gone"
	case c.paused:
		return "is paused"
	case !c.running && !c.restarting:
		return "does not run"
	}
	return ""
}
