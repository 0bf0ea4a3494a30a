package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/fingerprint/probe"
)

// finding is what one active probe prints.
type finding struct {
	kind string
	hash string
	rows [][]string // name and value, in the order of the table
}

// probes are the ways to probe a target that the operator names.
var probes = map[string]func(context.Context, string, probe.Config) (finding, error){
	"jarm": func(ctx context.Context, target string, cfg probe.Config) (finding, error) {
		r, err := probe.JARM(ctx, target, cfg)
		return finding{"jarm", r.Hash, [][]string{{"jarm", r.Hash}, {"raw", r.Raw()}}}, err
	},
	"hassh": func(ctx context.Context, target string, cfg probe.Config) (finding, error) {
		r, err := probe.HASSHServer(ctx, target, cfg)
		return finding{"hassh_server", r.Hash, [][]string{
			{"hassh_server", r.Hash}, {"raw", r.Raw}, {"ssh_banner", string(r.Hello.Banner)},
			{"kex_algorithms", string(r.Hello.Kex)}, {"host_key_algorithms", string(r.Hello.HostKey)},
			{"encryption_s2c", string(r.Hello.CipherS2C)}, {"mac_s2c", string(r.Hello.MACS2C)}, {"compression_s2c", string(r.Hello.CompS2C)},
		}}, err
	},
	"tcpfp": func(ctx context.Context, target string, cfg probe.Config) (finding, error) {
		r, err := probe.TCP(ctx, target, cfg)
		return finding{"tcpfp", r.Hash, [][]string{{"tcpfp", r.Hash}, {"raw", r.Raw}, {"p0f", r.P0f}}}, err
	},
}

func newProbe() *cobra.Command {
	var asJSON bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "probe jarm|hassh|tcpfp HOST:PORT",
		Short: "One active probe of a server",
		Long:  "One active probe of a server. A target that is named here is always probed, one on loopback too.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, ok := probes[args[0]]
			if !ok {
				return &usageError{fmt.Errorf("%q is not one of jarm, hassh and tcpfp", args[0])}
			}
			if _, _, err := net.SplitHostPort(args[1]); err != nil {
				return &usageError{fmt.Errorf("%q is not of the form HOST:PORT", args[1])}
			}
			if timeout <= 0 {
				return &usageError{errors.New("--timeout must be positive")}
			}
			f, err := run(cmd.Context(), args[1], probe.Config{Timeout: timeout})
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), args[1], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().DurationVar(&timeout, "timeout", 20*time.Second, "longest time for one connection")
	return cmd
}

func (f finding) print(out io.Writer, target string, asJSON bool) error {
	if asJSON {
		doc := map[string]string{"target": target, "kind": f.kind, "value": f.hash}
		for _, r := range f.rows {
			if r[0] != f.kind {
				doc[r[0]] = r[1]
			}
		}
		return printJSON(out, doc)
	}
	for _, r := range f.rows {
		if _, err := fmt.Fprintf(out, "%-20s %s\n", r[0], plain(r[1])); err != nil {
			return err
		}
	}
	return nil
}

// newProber makes the worker that probes attackers back, within allow.
func (a *assembly) newProber(ctx context.Context, allow []netip.Prefix) *probe.Worker {
	return probe.NewWorker(a.sensors, probe.NewStateMemory(a.db), probe.WorkerConfig{
		Allow: allow,
		Deckies: func() []netip.Addr {
			deckies, _ := a.runtime.Status(ctx)
			addrs := make([]netip.Addr, 0, 2*len(deckies))
			for _, d := range deckies {
				addrs = append(addrs, d.Addr)
				if d.Addr6.IsValid() {
					addrs = append(addrs, d.Addr6)
				}
			}
			return addrs
		},
		Log: a.log,
	})
}
