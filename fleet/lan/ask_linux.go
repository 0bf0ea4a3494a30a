package lan

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// Probe asks the LAN of f whether another machine has one of addrs, which deckies of f
// have, for those who make deckies by other means than this package. window is how long
// an owner may take to answer; 0: one second. Where there is one the error wraps
// decnet.ErrConflict and names it. Its other errors are those of [Runtime.Apply].
func Probe(ctx context.Context, f decnet.Fleet, addrs []netip.Addr, window time.Duration) error {
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
	var wishes []wish
	busy := make(map[[6]byte]bool)
	for _, b := range all {
		busy[b.mac] = true
		for _, a := range b.addrs() {
			if slices.Contains(addrs, a) {
				wishes = append(wishes, wish{b.decky, a, b.mac})
			}
		}
	}
	if len(wishes) == 0 {
		return nil
	}
	if direct {
		return probeFrom(ctx, f.Interface, wishes, window)
	}
	if err := n.open(); err != nil {
		return err
	}
	defer n.shut()
	link := all[0]
	for busy[link.mac] {
		link.mac[5]++
	}
	return n.probe(ctx, wishes, link)
}

// probeFrom asks from the interface itself: no MACVLAN link can be beside those of IPvlan.
func probeFrom(ctx context.Context, name string, wishes []wish, window time.Duration) error {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("interface %q: %w", name, decnet.ErrNotFound)
	}
	socket, err := frameSocket(iface.Index)
	if err != nil {
		return err
	}
	defer socket.Close()
	taken, err := ask(ctx, socket, wishes, [6]byte(iface.HardwareAddr), window)
	if err != nil || len(taken) == 0 {
		return err
	}
	return conflict(taken)
}
