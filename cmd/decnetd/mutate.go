package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services/all"
	"github.com/decnet/decnet/store"
)

// mutateFlags are the flags of decnetd mutate.
type mutateFlags struct {
	state
	engine   engineFlags
	mutation mutationFlags
	deckies  []string
	all      bool
	watch    bool
	asJSON   bool
}

func newMutate(env func(string) string) *cobra.Command {
	f := &mutateFlags{state: state{env: env}}
	cmd := &cobra.Command{
		Use:   "mutate",
		Short: "Give deckies other services",
		Long: "Give deckies other services: those of --decky, with --all every one, and otherwise those whose time has come.\n\n" +
			"A decky that somebody is connected to is left alone until that ends or the time of --grace has passed. Deckies\n" +
			"that live in a decnetd up are changed by that process, which also changes those whose time has come by itself.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.all && len(f.deckies) > 0:
				return &usageError{errors.New("--all and --decky exclude each other")}
			case f.watch && (f.all || len(f.deckies) > 0):
				return &usageError{errors.New("--watch changes deckies when their time has come: it takes no --all or --decky")}
			}
			if err := f.mutation.check(cmd); err != nil {
				return &usageError{err}
			}
			return f.mutate(cmd)
		},
	}
	f.state.flags(cmd)
	f.engine.find(cmd)
	f.engine.program(cmd)
	f.mutation.graceFlag(cmd, "grace")
	cmd.Flags().StringSliceVar(&f.deckies, "decky", nil, "names of deckies to change now, separated by commas")
	cmd.Flags().BoolVar(&f.all, "all", false, "change every decky now")
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "change deckies whenever their time has come, until interrupted")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

// mutationRow is what has become of one decky.
type mutationRow struct {
	Decky string   `json:"decky"`
	Old   []string `json:"old_services"`
	New   []string `json:"new_services"`
	Error string   `json:"error,omitempty"` // why it has not changed
}

func (f *mutateFlags) mutate(cmd *cobra.Command) error {
	ctx := cmd.Context()
	src, err := f.existing()
	if err != nil {
		return err
	}
	db, err := src.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is written when a change ends
	doc, err := deployment.Read(ctx, db)
	if err == nil {
		doc.Fleet, err = deployment.Current(ctx, db)
	}
	if err != nil {
		return err
	}
	if len(doc.Deckies) == 0 {
		return errors.New("no decky is deployed: use decnetd deploy or decnetd up first")
	}
	var results []deployment.Result
	if doc.Durable {
		results, err = f.directly(cmd, db, doc)
	} else {
		results, err = f.byTheDaemon(ctx, db, doc)
	}
	if err != nil || f.watch {
		return err
	}
	return f.print(cmd, results)
}

// chosen are the deckies that are to change, or those that are due.
func (f *mutateFlags) chosen(doc deployment.Document) []string {
	switch {
	case len(f.deckies) > 0:
		return f.deckies
	case !f.all:
		names, _ := fleet.Due(doc.Fleet, time.Now())
		return names
	}
	var names []string
	for _, d := range doc.Deckies {
		names = append(names, d.Name)
	}
	return names
}

// directly changes containers.
func (f *mutateFlags) directly(cmd *cobra.Command, db store.Repository, doc deployment.Document) ([]deployment.Result, error) {
	registry, err := all.Registry()
	if err != nil {
		return nil, err
	}
	show := newProgress(cmd.ErrOrStderr())
	defer show.end()
	at := fleetPlace{data: f.data}
	at.host, at.host6 = hostOn(doc.Fleet)
	rt, err := f.engine.runtime(registry, at, true, show.step, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rt.Close() }()
	if rt.Remote() && f.mutation.grace >= 0 {
		return nil, errors.New("the container engine is on another machine, so nobody knows who is connected: say with --grace 0 that deckies may change under them")
	}
	opt := turns("decnetd mutate", show)
	if f.watch {
		opt.Log = slog.New(rfc5424.NewHandler(cmd.ErrOrStderr(), rfc5424.HandlerOptions{}))
	}
	m := deployment.NewMutator(deployment.New(db, rt, opt), registry, deployment.MutatorOptions{
		Grace: f.mutation.grace,
		Postponed: func(decky string, sessions int, until time.Time) {
			show.say(fmt.Sprintf("%s: %d connections are open, waiting until they end or it is %s", decky, sessions, until.Local().Format(time.TimeOnly)))
		},
	})
	switch {
	case f.watch:
		return nil, m.Run(cmd.Context())
	case f.all || len(f.deckies) > 0:
		return m.Mutate(cmd.Context(), f.chosen(doc)...)
	}
	return m.Due(cmd.Context())
}

// byTheDaemon has the process change its deckies that they live in.
func (f *mutateFlags) byTheDaemon(ctx context.Context, db store.Repository, doc deployment.Document) ([]deployment.Result, error) {
	switch {
	case !f.served():
		return nil, fmt.Errorf("the deckies live in decnetd up --runtime %s, which does not run on %s: start it first", doc.Runtime, f.data)
	case f.watch:
		return nil, errors.New("the decnetd up that has the deckies changes them by itself: --watch is for containers")
	}
	names := f.chosen(doc)
	results := make([]deployment.Result, len(names))
	var waiting sync.WaitGroup
	for i, name := range names {
		results[i].Decky = name
		for _, d := range doc.Deckies {
			if d.Name == name {
				results[i].Old = d.Services
			}
		}
		r, err := deployment.Ask(ctx, db, name, f.mutation.grace < 0)
		if err != nil {
			results[i].Err = err
			continue
		}
		waiting.Go(func() { results[i].New, results[i].Err = deployment.Answer(ctx, db, r) })
	}
	waiting.Wait()
	return results, ctx.Err()
}

func (f *mutateFlags) print(cmd *cobra.Command, results []deployment.Result) error {
	list := []mutationRow{}
	var rows [][]string
	var failed []string
	for _, r := range results {
		row := mutationRow{Decky: r.Decky, Old: r.Old, New: r.New}
		if row.Old == nil {
			row.Old = []string{}
		}
		if row.New == nil {
			row.New = []string{}
		}
		cells := []string{r.Decky, strings.Join(r.Old, ", "), strings.Join(r.New, ", "), ""}
		if r.Err != nil {
			row.Error = explain(r.Err)
			cells[3] = row.Error
			// That a decky cannot change is news only for whoever named it.
			if len(f.deckies) > 0 || !strings.Contains(row.Error, explain(fleet.ErrImmutable)) {
				failed = append(failed, r.Decky+": "+row.Error)
			}
		}
		list, rows = append(list, row), append(rows, cells)
	}
	switch out := cmd.OutOrStdout(); {
	case f.asJSON:
		if err := printJSON(out, list); err != nil {
			return err
		}
	case len(rows) == 0:
		fmt.Fprintln(out, "no decky is due")
	case len(failed) < len(rows):
		printTable(out, []string{"DECKY", "HAD", "HAS", ""}, rows)
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "; "))
	}
	return nil
}
