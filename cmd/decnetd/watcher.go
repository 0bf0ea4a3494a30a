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
	var names []string
	switch {
	case only != "":
		names = []string{only}
	case f.Mode == fleet.ModeLocal:
		names = interfacesOf(interfaces, f.Deckies)
	default:
		names = []string{f.Interface}
	}
	for _, name := range names {
		cfg, on := sniff.Config{Sink: sink, Deckies: w.known.Lookup, Methods: []sniff.Method{plus.New()}}, sniff.Interface{Name: name}
		if isLoopback(interfaces, name) {
			cfg.MaxFlows, cfg.MaxBuffer, on.Ring = loopbackFlows, loopbackBuffer, loopbackRing
		}
		w.sniffers = append(w.sniffers, listener{sniff.New(cfg), on})
	}
	return w, nil
}

// sniffDeployed runs a watcher on the network of what others deploy, from the first decky on,
// until ctx ends.
func sniffDeployed(ctx context.Context, db store.State, sink decnet.Sink, only string, log *slog.Logger) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	var w *watcher
	var running sync.WaitGroup
	defer running.Wait()
	for {
		doc, err := deployment.Read(ctx, db)
		switch {
		case err != nil || w == nil && len(doc.Deckies) == 0:
		case w == nil:
			if w, err = newWatcher(sink, doc.Fleet, only, log); err != nil {
				return err
			}
			running.Go(func() { _ = w.run(ctx) }) // which returns nil
		default:
			w.known.Set(doc.Deckies)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
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
