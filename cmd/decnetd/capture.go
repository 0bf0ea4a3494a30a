package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
	"github.com/decnet/decnet/fleet"
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
}

func newResults(out io.Writer, selected []string) (*results, error) {
	for _, k := range selected {
		if !slices.Contains(kinds, k) {
			return nil, &usageError{fmt.Errorf("--kinds: %q is not one of %s", k, strings.Join(kinds, ", "))}
		}
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return &results{kinds: selected, out: e}, nil
}

func (r *results) print(f sniff.Result) {
	if r.err != nil || len(r.kinds) > 0 && !slices.Contains(r.kinds, f.Kind) {
		return
	}
	f.File = r.file
	r.err = r.out.Encode(f)
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
			for _, name := range args {
				if err := r.read(name, cmd.InOrStdin()); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return r.err
		},
	}
	cmd.Flags().StringSliceVar(&selected, "kinds", nil, "only these: "+strings.Join(kinds, ","))
	return cmd
}

// read prints the fingerprints of one capture file.
func (r *results) read(name string, stdin io.Reader) error {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	r.file = name
	return sniff.Fingerprints(in, r.print, plus.New())
}

func newSniff() *cobra.Command {
	var selected []string
	var iface string
	var promiscuous bool
	cmd := &cobra.Command{
		Use:   "sniff --iface IFACE",
		Short: "The fingerprints of live traffic, one JSON object a line",
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
			s := sniff.New(sniff.Config{Results: r.print, Methods: []sniff.Method{plus.New()}})
			if err := s.Listen(cmd.Context(), sniff.Interface{Name: iface, Promiscuous: promiscuous}); err != nil {
				return err
			}
			return r.err
		},
	}
	cmd.Flags().StringVar(&iface, "iface", "", "interface to listen on")
	cmd.Flags().StringSliceVar(&selected, "kinds", nil, "only these: "+strings.Join(kinds, ","))
	cmd.Flags().BoolVar(&promiscuous, "promiscuous", false, "also what is addressed to other hosts")
	return cmd
}

// The sniffer of the local runtime watches one host's loopback, for which less memory
// does than for a LAN.
const (
	loopback       = "lo"
	loopbackRing   = 1 << 20
	loopbackFlows  = 4096
	loopbackBuffer = 8 << 20
)

// watcher runs the sniffer beside the deckies. Without the privilege it does nothing; any
// other failure is reported and ends nothing else.
type watcher struct {
	sniffer *sniff.Sniffer
	iface   sniff.Interface
	failure atomic.Pointer[error]
}

func newWatcher(sink decnet.Sink, f decnet.Fleet) *watcher {
	var known sniff.Deckies
	known.Set(f.Deckies)
	cfg, iface := sniff.Config{Sink: sink, Deckies: known.Lookup}, sniff.Interface{Name: f.Interface}
	if f.Mode == fleet.ModeLocal {
		cfg.MaxFlows, cfg.MaxBuffer = loopbackFlows, loopbackBuffer
		iface = sniff.Interface{Name: loopback, Ring: loopbackRing}
	}
	return &watcher{sniffer: sniff.New(cfg), iface: iface}
}

func (w *watcher) run(ctx context.Context) error {
	err := w.sniffer.Listen(ctx, w.iface)
	if err != nil && !errors.Is(err, decnet.ErrForbidden) {
		w.failure.Store(&err)
	}
	<-ctx.Done()
	return nil
}

// Err returns why the sniffer ended before its time, nil when it did not.
func (w *watcher) Err() error {
	if err := w.failure.Load(); err != nil {
		return *err
	}
	return nil
}
