package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/services/all"
)

// teardownFlags are the flags of decnetd teardown.
type teardownFlags struct {
	state
	engine engineFlags
	all    bool
	ids    []string
	images bool
	asJSON bool
}

func newTeardown(env func(string) string) *cobra.Command {
	f := &teardownFlags{state: state{env: env}}
	cmd := &cobra.Command{
		Use:   "teardown",
		Short: "Take deckies down",
		Long: "Take deckies down: those of --id, or with --all the whole fleet with its network, also what a deploy that failed\n" +
			"has left. What was collected stays.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.all == (len(f.ids) > 0):
				return &usageError{errors.New("which deckies? Give --all, or --id NAME")}
			case f.images && !f.all:
				return &usageError{errors.New("--images goes with --all")}
			}
			return f.teardown(cmd)
		},
	}
	f.state.flags(cmd)
	f.engine.find(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "all deckies")
	cmd.Flags().StringSliceVar(&f.ids, "id", nil, "names of deckies, separated by commas")
	cmd.Flags().BoolVar(&f.images, "images", false, "with --all: the images too that were built for the fleet")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (f *teardownFlags) teardown(cmd *cobra.Command) error {
	ctx := cmd.Context()
	last, err := f.peek(ctx)
	if err != nil {
		return err
	}
	if err := f.notInUp(last); err != nil {
		return err
	}
	registry, err := all.Registry()
	if err != nil {
		return err
	}
	show := newProgress(cmd.ErrOrStderr())
	defer show.end()
	rt, err := f.engine.runtime(registry, fleetPlace{data: f.data}, false, show.step, nil)
	if err != nil {
		return err
	}
	defer func() { _ = rt.Close() }()
	db, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is written when a change ends
	out, err := deployment.New(db, rt, turns("decnetd teardown", show)).Remove(ctx, f.ids...)
	if err != nil {
		return err
	}
	if f.images {
		if err := rt.RemoveImages(ctx); err != nil {
			return err
		}
	}
	show.end()
	return deploying{Runtime: runtimeDocker, Deckies: deployRows(out.Before, out.After), Steps: []docker.Step{}}.print(cmd, f.asJSON)
}
