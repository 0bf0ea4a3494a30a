package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/correlate/profile"
	"github.com/decnet/decnet/rfc5424"
	"github.com/decnet/decnet/store"
)

func newProfile(env func(string) string) *cobra.Command {
	s := &state{env: env}
	var opt profile.Options
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Make the profiles of attackers, and nothing else",
		Long: "Make the profiles of attackers from the records of the database, and go on with new ones until interrupted.\n" +
			"decnetd api brings the records there.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Interval <= 0 {
				return &usageError{fmt.Errorf("--interval must be more than 0, not %s", opt.Interval)}
			}
			show := newProgress(cmd.ErrOrStderr())
			defer show.end()
			return untilStopped(cmd.Context(), s.alone(cmd.Context(), "profile", []string{roleProfile}, show, func(ctx context.Context, db store.Repository) error {
				a := &assembly{db: db, log: slog.New(rfc5424.NewHandler(cmd.ErrOrStderr(), rfc5424.HandlerOptions{}))}
				opt.Log = a.log
				a.profiler = profile.New(db, opt)
				if _, err := fmt.Fprint(cmd.OutOrStdout(), "decnetd: ready\n"); err != nil {
					return err
				}
				return runStages(ctx, a.stages())
			}))
		},
	}
	s.flags(cmd)
	cmd.Flags().DurationVarP(&opt.Interval, "interval", "i", 2*time.Second, "how often to look for new records")
	return cmd
}
