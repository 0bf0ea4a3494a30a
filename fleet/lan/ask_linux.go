package lan

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// Probe asks the LAN of f whether another machine has the address of one of the named
// deckies, for those who make deckies by other means than this package. window is how long
// an owner may take to answer; 0: one second. Where there is one the error wraps
// decnet.ErrConflict and names it. Its other errors are those of [Runtime.Apply].
func Probe(ctx context.Context, f decnet.Fleet, deckies []string, window time.Duration) error {
	if window <= 0 {
		window = time.Second
	}
	direct := f.Mode == fleet.ModeIPVLAN
	if direct {
		f.Mode = fleet.ModeMACVLAN // what is checked is the same
	}
	n := newNetwork(Options{Probe: window})
	all, err := n.blueprints(f)
	if err != nil {
		return err
	}
	hosts := slices.DeleteFunc(slices.Clone(all), func(b blueprint) bool { return !slices.Contains(deckies, b.decky) })
	if len(hosts) == 0 {
		return nil
	}
	if direct {
		return probeFrom(ctx, f.Interface, hosts, window)
	}
	if err := n.open(); err != nil {
		return err
	}
	defer n.shut()
	sender := hosts[0].mac
	for slices.ContainsFunc(all, func(b blueprint) bool { return b.mac == sender }) {
		sender[5]++
	}
	return n.probe(ctx, hosts, sender)
}

// probeFrom asks from the interface itself: no MACVLAN link can be beside those of IPvlan.
func probeFrom(ctx context.Context, name string, hosts []blueprint, window time.Duration) error {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("interface %q: %w", name, decnet.ErrNotFound)
	}
	socket, err := arpSocket(iface.Index)
	if err != nil {
		return err
	}
	defer socket.Close()
	taken, err := ask(ctx, socket, hosts, [6]byte(iface.HardwareAddr), window)
	if err != nil || len(taken) == 0 {
		return err
	}
	return conflict(taken)
}
