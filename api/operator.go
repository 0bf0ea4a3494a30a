package api

import (
	"context"
	"fmt"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/store"
)

// NewOperator returns the Operator of what d has deployed and m mutates, whose document is
// in s and whose deckies have services of reg. place, unless it is nil, says what is known
// of the network that last is on, such as the host's own addresses. No document may name
// files of the machine, whatever place says.
func NewOperator(s store.State, d *deployment.Deployment, m *deployment.Mutator, reg *services.Registry, place func(last decnet.Fleet) fleet.Options) Operator {
	if place == nil {
		place = func(decnet.Fleet) fleet.Options { return fleet.Options{} }
	}
	return &operator{s, d, m, reg, place}
}

type operator struct {
	state    store.State
	deployed *deployment.Deployment
	mutator  *deployment.Mutator
	registry *services.Registry
	place    func(decnet.Fleet) fleet.Options
}

func (o *operator) Plan(ini []byte, last decnet.Fleet) (decnet.Fleet, error) {
	opt := o.place(last)
	opt.Existing, opt.NoFiles = last, true
	described, err := fleet.DescribesDeckies(ini)
	if err == nil && !described {
		return last, fmt.Errorf("no section describes a decky: %w", decnet.ErrSemantic)
	}
	return fleet.FromINI(o.registry, ini, opt)
}

func (o *operator) Deploy(ctx context.Context, plan func(decnet.Fleet) (decnet.Fleet, error)) (decnet.Fleet, error) {
	out, err := o.deployed.Deploy(ctx, plan)
	return out.After, err
}

func (o *operator) Mutate(ctx context.Context, decky string) ([]string, error) {
	results, err := o.mutator.Mutate(ctx, decky)
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		return r.New, r.Err
	}
	return nil, fmt.Errorf("api: %s was not mutated: %w", decky, decnet.ErrNotFound)
}

func (o *operator) SetInterval(ctx context.Context, decky string, every time.Duration) error {
	return deployment.SetInterval(ctx, o.state, decky, every)
}
