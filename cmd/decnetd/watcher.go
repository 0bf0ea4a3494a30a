package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fingerprint/sniff"
	"github.com/decnet/decnet/fingerprint/sniff/plus"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/deployment"
	"github.com/decnet/decnet/store"
)

// A sniffer on loopback sees one host, for which less memory does than for a LAN.
const (
	loopbackRing   = 1 << 20
	loopbackFlows  = 4096
	loopbackBuffer = 8 << 20
)

// watcher runs a sniffer on each interface that deckies have addresses on. One that may
// not run, or fails, is told of in the log and ends nothing else.
type watcher struct {
	sniffers []listener
	known    sniff.Deckies
	log      *slog.Logger

	mu     sync.Mutex
	failed map[string]error // by interface
}

type listener struct {
	*sniff.Sniffer
	on sniff.Interface
}

// newWatcher makes the sniffers for the deckies of f, or one on the interface only that is
// named.
func newWatcher(sink decnet.Sink, f decnet.Fleet, only string, log *slog.Logger) (*watcher, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	w := &watcher{failed: map[string]error{}, log: log}
	w.known.Set(f.Deckies)
	for _, name := range sniffed(interfaces, f, only) {
		cfg, on := sniff.Config{Sink: sink, Deckies: w.known.Lookup, Methods: []sniff.Method{plus.New()}}, sniff.Interface{Name: name}
		if isLoopback(interfaces, name) {
			cfg.MaxFlows, cfg.MaxBuffer, on.Ring = loopbackFlows, loopbackBuffer, loopbackRing
		}
		w.sniffers = append(w.sniffers, listener{sniff.New(cfg), on})
	}
	return w, nil
}

// sniffed names the interfaces to listen on for the deckies of f.
func sniffed(interfaces []net.Interface, f decnet.Fleet, only string) []string {
	switch {
	case only != "":
		return []string{only}
	case f.Mode == fleet.ModeLocal:
		return interfacesOf(interfaces, f.Deckies)
	}
	return []string{f.Interface}
}

// sniffDeployed runs a watcher on the network of what others deploy, from the first decky on,
// and on another when the fleet moves, until ctx ends.
func sniffDeployed(ctx context.Context, db store.State, sink decnet.Sink, only string, log *slog.Logger) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	var w *watcher
	var on []string
	stop := func() {}
	defer func() { stop() }()
	for {
		if doc, err := deployment.Read(ctx, db); err == nil && len(doc.Deckies) > 0 {
			interfaces, err := net.Interfaces()
			if err != nil {
				return err
			}
			names := sniffed(interfaces, doc.Fleet, only)
			if w == nil || !slices.Equal(on, names) {
				stop()
				if w, err = newWatcher(sink, doc.Fleet, only, log); err != nil {
					return err
				}
				on, stop = names, inBackground(ctx, w.run)
			}
			w.known.Set(doc.Deckies)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// inBackground calls run, and returns what ends it and waits for its end.
func inBackground(ctx context.Context, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = run(ctx) }) // which tells of errors itself
	return func() {
		cancel()
		running.Wait()
	}
}

// interfacesOf names the interfaces with the addresses of deckies. All of 127.0.0.0/8 is
// on the loopback interface, whatever addresses that says it has.
func interfacesOf(interfaces []net.Interface, deckies []decnet.Decky) []string {
	var names []string
	for _, i := range interfaces {
		addrs, _ := i.Addrs() // those of an interface that has just gone
		has := func(d decnet.Decky) bool {
			return i.Flags&net.FlagLoopback != 0 && d.Addr.IsLoopback() || slices.ContainsFunc(addrs, func(a net.Addr) bool {
				p, err := netip.ParsePrefix(a.String())
				return err == nil && (p.Addr().Unmap() == d.Addr.Unmap() || p.Addr() == d.Addr6)
			})
		}
		if slices.ContainsFunc(deckies, has) {
			names = append(names, i.Name)
		}
	}
	return names
}

func isLoopback(interfaces []net.Interface, name string) bool {
	return slices.ContainsFunc(interfaces, func(i net.Interface) bool { return i.Name == name && i.Flags&net.FlagLoopback != 0 })
}

func (w *watcher) run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, l := range w.sniffers {
		all.Go(func() {
			if err := l.Listen(ctx, l.on); err != nil {
				w.log.Warn("sniffer does not run", "interface", l.on.Name, "error", err)
				w.mu.Lock()
				w.failed[l.on.Name] = err
				w.mu.Unlock()
			}
		})
	}
	all.Wait()
	<-ctx.Done()
	return nil
}

// status reports whether there is anything that should run, and what failed of it. A
// sniffer without the privilege should not.
func (w *watcher) status() (running bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, l := range w.sniffers {
		if err := w.failed[l.on.Name]; errors.Is(err, decnet.ErrForbidden) {
			continue
		} else if err != nil {
			errs = append(errs, err)
		}
		running = true
	}
	return running, errors.Join(errs...)
}
