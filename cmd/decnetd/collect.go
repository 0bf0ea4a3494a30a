package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/collector"
	"github.com/decnet/decnet/collector/capture"
	"github.com/decnet/decnet/collector/forward"
	"github.com/decnet/decnet/collector/quarantine"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/fleet/docker"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/services/all"
	"github.com/decnet/decnet/store"
)

// collectFlags are the flags of decnetd collect.
type collectFlags struct {
	state
	engine    engineFlags
	logTarget string
}

func newCollect(env func(string) string) *cobra.Command {
	f := &collectFlags{state: state{env: env}}
	cmd := &cobra.Command{
		Use:   "collect",
		Short: "Collect what the containers of the fleet print, and the files that intruders leave in them",
		Long: "Collect what the containers of the fleet print into the spool of the data directory, decnet.log and decnet.json, and\n" +
			"keep the files that intruders leave in real daemons in its artifacts. It goes on where it stopped, without losing or\n" +
			"repeating a line. A decnetd up that runs later on the same data directory brings the spool into the database.\n\n" +
			"It changes no decky: containers that are removed or killed are brought back by decnetd up --runtime docker alone.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.logTarget != "" {
				if _, err := forward.New(f.logTarget, forward.Options{}); err != nil {
					return &usageError{fmt.Errorf("--log-target: %w", err)}
				}
			}
			return f.collect(cmd)
		},
	}
	f.state.flags(cmd)
	f.engine.find(cmd)
	cmd.Flags().StringVar(&f.logTarget, "log-target", "", "also forward every event as RFC 5424 over TCP to HOST:PORT, or tls:HOST:PORT")
	return cmd
}

func (f *collectFlags) collect(cmd *cobra.Command) (err error) {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	db, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	lock, err := lockData(f.data)
	if err != nil {
		return err
	}
	defer lock.Close()
	a := &assembly{db: db, log: slog.New(rfc5424.NewHandler(cmd.ErrOrStderr(), rfc5424.HandlerOptions{}))}
	a.logs = a.newLogs(f.engine.host, f.env)
	base := filepath.Join(f.data, "decnet.log")
	if a.collector, err = collector.New(base, collector.Options{Log: a.log}); err != nil {
		return err
	}
	a.others = decnet.Tee()
	var stages []stage
	if f.logTarget != "" {
		if a.forwarder, err = forward.New(f.logTarget, forward.Options{Log: a.log}); err != nil {
			return err
		}
		a.others = a.forwarder
		stages = append(stages, stage{name: "log target", run: a.forwarder.Run})
	}
	sink := decnet.Tee(a.collector, a.others)
	files, err := quarantine.New(filepath.Join(f.data, "artifacts"), quarantine.Options{})
	if err != nil {
		return err
	}
	defer files.Close()
	registry, err := all.Registry()
	if err != nil {
		return err
	}
	a.capture = capture.New(awaited{log: a.log, dial: func() (*docker.Runtime, error) {
		return f.engine.runtime(registry, fleetPlace{data: f.data}, false, nil, a.log)
	}}, files, sink, capture.Options{Log: a.log})
	stages = append([]stage{{name: "mutations", run: func(ctx context.Context) error { return tellMutations(ctx, db, sink, a.log) }}}, stages...)
	stages = append([]stage{{name: "captured files", run: a.capture.Run}}, stages...)
	stages = append(stages, stage{name: "collector", run: func(ctx context.Context) error { return a.collector.Run(ctx, a.sources()...) }})
	if _, err := fmt.Fprintf(out, "logs:     %s, %s\n\ndecnetd: ready\n", base, collector.Records(base)); err != nil {
		return err
	}
	return runStages(ctx, stages)
}

// tellMutations makes events of the mutations of other processes until ctx ends.
func tellMutations(ctx context.Context, db store.State, sink decnet.Sink, log *slog.Logger) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		if err := deployment.Tell(ctx, db, sink); err != nil && ctx.Err() == nil {
			log.Error("mutations", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
