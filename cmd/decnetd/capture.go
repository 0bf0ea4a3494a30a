package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
)

// kinds are those of the fingerprints that captures give.
var kinds = []string{
	"ja3", "ja3s", "ja4", "ja4s", "ja4l_c", "ja4l_s", "ja4x", "ja4h", "ja4ssh", "ja4t", "ja4ts",
	"hassh", "hassh_server", "p0f_syn_sig", "p0f_synack_sig", "x509",
}

// results prints fingerprints as JSON, one object a line.
type results struct {
	kinds []string // none: all
	file  string
	out   *json.Encoder
	err   error
	stop  context.CancelFunc // ends what reads
}

func newResults(out io.Writer, selected []string) (*results, error) {
	for _, k := range selected {
		if !slices.Contains(kinds, k) {
			return nil, &usageError{fmt.Errorf("--kinds: %q is not one of %s", k, strings.Join(kinds, ", "))}
		}
	}
	return &results{kinds: selected, out: newEncoder(out)}, nil
}

func (r *results) print(f sniff.Result) {
	if r.err != nil || len(r.kinds) > 0 && !slices.Contains(r.kinds, f.Kind) {
		return
	}
	f.File = r.file
	if r.err = r.out.Encode(f); r.err != nil {
		r.stop()
	}
}

func newFingerprint() *cobra.Command {
	var selected []string
	cmd := &cobra.Command{
		Use:   "fingerprint FILE...",
		Short: "Capture files (pcap, pcapng, gzip of either, - for standard input) to fingerprints, one JSON object a line",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := newResults(cmd.OutOrStdout(), selected)
			if err != nil {
				return err
			}
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			r.stop = stop
			var errs []error
			for _, name := range args {
				err := r.read(ctx, name, cmd.InOrStdin())
				if r.err != nil {
					return r.err
				}
				if err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", name, err))
				}
			}
			return errors.Join(errs...)
		},
	}
	streamFlags(cmd, &selected)
	return cmd
}

// streamFlags are those of the commands that print results.
func streamFlags(cmd *cobra.Command, selected *[]string) {
	cmd.Flags().StringSliceVar(selected, "kinds", nil, "only these: "+strings.Join(kinds, ","))
	cmd.Flags().Bool("json", true, "one object a line, which is the only format")
}

// read prints the fingerprints of one capture file.
func (r *results) read(ctx context.Context, name string, stdin io.Reader) error {
	in, done, err := openInput(ctx, name, stdin)
	if err != nil {
		return err
	}
	defer done()
	r.file = name
	return sniff.Fingerprints(in, r.print, plus.New())
}

func newSniff() *cobra.Command {
	var selected []string
	var iface string
	var promiscuous bool
	cmd := &cobra.Command{
		Use:   "sniff --iface IFACE",
		Short: "The fingerprints of live traffic, one JSON object a line; at the end what was seen, on standard error",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if iface == "" {
				return &usageError{errors.New("--iface says where to listen, for example eth0")}
			}
			r, err := newResults(cmd.OutOrStdout(), selected)
			if err != nil {
				return err
			}
			r.file = iface
			ctx, stop := context.WithCancel(cmd.Context())
			defer stop()
			r.stop = stop
			s := sniff.New(sniff.Config{Results: r.print, Methods: []sniff.Method{plus.New()}})
			if err := s.Listen(ctx, sniff.Interface{Name: iface, Promiscuous: promiscuous}); err != nil {
				return err
			}
			c := s.Counters()
			fmt.Fprintf(cmd.ErrOrStderr(), "decnetd: %s: %d packets, %d dropped by the kernel, %d conversations, %d fingerprints\n",
				iface, c.Packets, c.KernelDropped, c.Flows, c.Fingerprints)
			return r.err
		},
	}
	cmd.Flags().StringVar(&iface, "iface", "", "interface to listen on")
	streamFlags(cmd, &selected)
	cmd.Flags().BoolVar(&promiscuous, "promiscuous", false, "also what is addressed to other hosts")
	return cmd
}
