package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/api"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/ingest"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services/all"
	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/retention"
)

// apiFlags are the flags of decnetd api.
type apiFlags struct {
	state
	serverFlags
	engine    engineFlags
	keep      keepFlags
	retention retention.Options // what keep says
}

func newAPI(env func(string) string) *cobra.Command {
	f := &apiFlags{state: state{env: env}}
	cmd := &cobra.Command{
		Use:   "api",
		Short: "Bring the spool into the database and serve the API, and nothing else",
		Long: "Bring what decnetd collect puts into the spool of the data directory into the database, and serve the API. The\n" +
			"profiles of attackers are made by decnetd profile. Deckies in containers are deployed and mutated through the API\n" +
			"once the container engine and the program that containers run are there; mutations when it is time are made by\n" +
			"decnetd mutate --watch.\n\n" +
			"Environment:\n" + serverEnv,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := f.complete(cmd, env); err != nil {
				return &usageError{err}
			}
			if _, err := f.source(); err != nil {
				return err
			}
			if f.retention, err = f.keep.options(env); err != nil {
				return &usageError{err}
			}
			if err := checkEnv(env); err != nil {
				return err
			}
			show := newProgress(cmd.ErrOrStderr())
			defer show.end()
			std := streams{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
			return untilStopped(cmd.Context(), f.alone(cmd.Context(), "api", []string{roleAPI}, show, func(ctx context.Context, db store.Repository) error {
				return f.serve(ctx, std, show, db)
			}))
		},
	}
	f.state.flags(cmd)
	f.serverFlags.flags(cmd)
	f.engine.find(cmd)
	f.engine.program(cmd)
	f.keep.flags(cmd)
	return cmd
}

// serve runs the parts on a store whose spool is ours to read, until ctx ends.
func (f *apiFlags) serve(ctx context.Context, std streams, show *progress, db store.Repository) error {
	secret, err := tokenSecret(f.data, f.env)
	if err != nil {
		return err
	}
	files, err := quarantine.New(filepath.Join(f.data, "artifacts"), quarantine.Options{})
	if err != nil {
		return err
	}
	defer files.Close()
	a := &assembly{db: db, log: slog.New(rfc5424.NewHandler(std.err, rfc5424.HandlerOptions{}))}
	defer a.release()
	if err := a.listen(ctx, f.serverFlags); err != nil {
		return err
	}
	if err := a.newAudit(f.data); err != nil {
		return err
	}
	a.ingest(f.data, f.retention)
	if err := a.operate(ctx, f, show); err != nil {
		return err
	}
	if err := a.newServer(f.serverFlags, api.Config{Secret: secret, Artifacts: files, Audit: a.audit}, f.env); err != nil {
		return err
	}
	first, err := firstAdmin(ctx, db, f.env)
	if err != nil {
		return err
	}
	a.announceAPI(std.out, first)
	if _, err := fmt.Fprint(std.out, "\ndecnetd: ready\n"); err != nil {
		return err
	}
	return runStages(ctx, a.stages())
}

// newAudit makes the spool of the events of this process, for the one of the deckies belongs
// to the collector.
func (a *assembly) newAudit(data string) (err error) {
	if a.audit, err = collector.New(auditLog(data), collector.Options{Log: a.log}); err != nil {
		return err
	}
	a.ingestAudit(data)
	return nil
}

// ingestAudit makes what brings that spool into the store.
func (a *assembly) ingestAudit(data string) {
	a.audits = ingest.New(a.db, collector.Records(auditLog(data)), ingest.Options{Source: "audit", Log: a.log, OnCommit: a.committed})
}

func auditLog(data string) string { return filepath.Join(data, "audit.log") }

// operate makes what changes the fleet, where it is one of containers, once there is an engine.
func (a *assembly) operate(ctx context.Context, f *apiFlags, show *progress) (err error) {
	if _, err := inContainers(ctx, a.db); errors.Is(err, errElsewhere) {
		a.log.Info(err.Error())
	} else if err != nil {
		return err
	}
	if a.registry, err = all.Registry(); err != nil {
		return err
	}
	f.engine.wait = firstSign
	late := &lateEngine{log: a.log, lacks: "the fleet cannot be changed through the API until there is an engine", dial: func() (*docker.Runtime, error) {
		doc, err := deployment.Read(ctx, a.db)
		if err != nil {
			return nil, err
		}
		at := fleetPlace{data: f.data}
		at.host, at.host6 = hostOn(doc.Fleet)
		return f.engine.runtime(a.registry, at, true, show.step, a.log)
	}}
	_, _ = late.look() // Run looks again
	a.runtime = late
	turns := turns("decnetd api", show)
	turns.Log = a.log
	a.deployed = deployment.New(a.db, a.runtime, turns)
	// Without a sink: the collector tells of mutations.
	a.jobs = api.NewJobs(a.operator(deployment.NewMutator(a.deployed, a.registry, deployment.MutatorOptions{})), a.hub, a.log, nil)
	return nil
}

// announceAPI prints where the API is and how to log in.
func (a *assembly) announceAPI(out io.Writer, first *admin) {
	fmt.Fprintf(out, "API:      http://%s/api/v1\n", a.listener.Addr())
	if first == nil {
		return
	}
	fmt.Fprintf(out, "user:     %s\n", first.name)
	if first.generated {
		fmt.Fprintf(out, "password: %s (shown once; to be changed at the first log-in)\n", first.password)
	}
}

// firstAdmin makes the account that the first start makes; nil: there are accounts already.
func firstAdmin(ctx context.Context, users store.Users, env func(string) string) (*admin, error) {
	list, err := users.Users(ctx)
	if err != nil || len(list) > 0 {
		return nil, err
	}
	first := newAdmin(env)
	return first, first.create(ctx, users)
}

// untilStopped is nil for the error of a command that was told to stop while it started.
func untilStopped(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}
