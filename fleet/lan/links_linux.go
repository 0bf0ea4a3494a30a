package lan

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// awaitGone waits until the kernel has taken down the links of hosts: the interface below
// has a filter for the MAC address of each link that is up. Those that a host of the network
// has now do not count.
func (n *network) awaitGone(hosts []*host) error {
	ours := make(map[link]bool, len(n.hosts))
	for _, h := range n.hosts {
		ours[h.on()] = true
	}
	pending := slices.DeleteFunc(slices.Clone(hosts), func(h *host) bool { return ours[h.on()] })
	for wait, until := time.Millisecond, time.Now().Add(dying); ; wait = min(2*wait, 50*time.Millisecond) {
		if len(pending) == 0 {
			return nil
		}
		up, err := n.linksUp()
		if err != nil {
			return err
		}
		pending = slices.DeleteFunc(pending, func(h *host) bool { return !up[h.on()] })
		if len(pending) > 0 && time.Now().After(until) {
			return fmt.Errorf("%d links are still there after %s", len(pending), dying)
		}
		time.Sleep(wait)
	}
}

// link is a MACVLAN link by the interface below and its MAC address.
type link struct {
	parent int
	mac    [6]byte
}

func (h *host) on() link { return link{h.parent, h.mac} }

// linksUp returns the links that are up, of ours and of others, as far as the interfaces
// below list them: one that leaves the work to its hardware does not.
func (n *network) linksUp() (map[link]bool, error) {
	up := make(map[link]bool)
	if n.links == nil {
		return up, nil
	}
	list, err := n.links.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	for _, entry := range list {
		if len(entry.HardwareAddr) == 6 {
			up[link{entry.LinkIndex, [6]byte(entry.HardwareAddr)}] = true
		}
	}
	return up, nil
}
