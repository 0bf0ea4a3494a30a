package main

import (
	"context"
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
		Short: "Collect what the containers of the fleet see, and nothing else",
		Long: "Collect what the containers of the fleet print, the files that intruders leave in them and what a sniffer sees (as\n" +
			"root) into the spool of the data directory: decnet.log, decnet.json and artifacts.\n" +
			"It goes on where it stopped, without losing or repeating a line. A decnetd api beside it, or a decnetd up that runs\n" +
			"later on the same data directory, brings the spool into the database.\n\n" +
			"It changes no decky: containers that are removed or killed are brought back by decnetd up --runtime docker alone.\n\n" +
			"Environment:\n" +
			"  DECNET_SNIFFER_IFACE  the one interface to sniff on; otherwise that of the fleet",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.logTarget != "" {
				if _, err := forward.New(f.logTarget, forward.Options{}); err != nil {
					return &usageError{fmt.Errorf("--log-target: %w", err)}
				}
			}
			show := newProgress(cmd.ErrOrStderr())
			defer show.end()
			std := streams{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
			return untilStopped(cmd.Context(), f.alone(cmd.Context(), "collect", []string{roleCollect}, show, func(ctx context.Context, db store.Repository) error {
				return f.collect(ctx, std, db)
			}))
		},
	}
	f.state.flags(cmd)
	f.engine.find(cmd)
	cmd.Flags().StringVar(&f.logTarget, "log-target", "", "also forward every event as RFC 5424 over TCP to HOST:PORT, or tls:HOST:PORT (default: log_target in [general] of what is deployed at the time)")
	return cmd
}

// collect runs the parts on a store whose spool is ours to write, until ctx ends.
func (f *collectFlags) collect(ctx context.Context, std streams, db store.Repository) error {
	a := &assembly{db: db, log: slog.New(rfc5424.NewHandler(std.err, rfc5424.HandlerOptions{}))}
	var err error
	if f.logTarget == "" {
		a.target, err = newDeployedTarget(ctx, db, a.log)
	} else {
		a.target, err = forward.New(f.logTarget, forward.Options{Log: a.log})
	}
	if err != nil {
		return err
	}
	sinks, err := a.newCollector(f.data)
	if err != nil {
		return err
	}
	sink := decnet.Tee(sinks...)
	a.others = decnet.Tee(sinks[1:]...)
	a.logs = a.newLogs(f.engine.host, f.env)
	files, err := quarantine.New(filepath.Join(f.data, "artifacts"), quarantine.Options{})
	if err != nil {
		return err
	}
	defer files.Close()
	registry, err := all.Registry()
	if err != nil {
		return err
	}
	f.engine.wait = firstSign
	a.capture = capture.New(awaited{&lateEngine{log: a.log, lacks: "files are not kept until there is an engine", dial: func() (*docker.Runtime, error) {
		return f.engine.runtime(registry, fleetPlace{data: f.data}, false, nil, a.log)
	}}}, files, sink, capture.Options{Log: a.log})
	first := []stage{
		{name: "mutations", run: func(ctx context.Context) error { return tellMutations(ctx, db, sink, a.log) }},
		{name: "sniffer", run: func(ctx context.Context) error {
			return sniffDeployed(ctx, db, sink, f.env("DECNET_SNIFFER_IFACE"), a.log)
		}},
	}
	base := filepath.Join(f.data, "decnet.log")
	if _, err := fmt.Fprintf(std.out, "logs:     %s, %s\n\ndecnetd: ready\n", base, collector.Records(base)); err != nil {
		return err
	}
	return runStages(ctx, append(first, a.stages()...))
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
