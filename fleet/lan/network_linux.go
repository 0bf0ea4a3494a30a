package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/inprocess"
)

// builders is how many namespaces are made at a time. The kernel waits more than it works.
const builders = 16

// network is the inprocess.Network of a Runtime.
type network struct {
	opt Options

	// Both belong to the namespace of the process. They are open while there are hosts.
	home  *os.File
	links *netlink.Handle

	mu    sync.Mutex
	hosts map[string]*host // by decky
}

func newNetwork(opt Options) *network {
	return &network{opt: opt, hosts: make(map[string]*host)}
}

func (n *network) open() (err error) {
	if n.home == nil {
		if n.home, err = currentNamespace(); err != nil {
			return err
		}
	}
	if n.links == nil {
		n.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	return err
}

func (n *network) shut() {
	if n.home != nil {
		n.home.Close()
	}
	if n.links != nil {
		n.links.Close()
	}
	n.home, n.links = nil, nil
}

func (n *network) path(decky string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h, ok := n.hosts[decky]
	if !ok {
		return "", fmt.Errorf("lan: decky %q: %w", decky, decnet.ErrNotFound)
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.ns.Fd()), nil
}

// change is an inprocess.Change.
type change struct {
	n     *network
	fresh []blueprint
	stay  map[string]*host
	gone  []*host

	made map[string]*host // of fresh, by decky
}

// Plan compares the hosts that are wanted with those that are there.
func (n *network) Plan(f decnet.Fleet) (inprocess.Change, error) {
	blueprints, err := n.blueprints(f)
	if err != nil {
		return nil, err
	}
	up, err := n.linksUp()
	if err != nil {
		return nil, err
	}
	c := &change{n: n, stay: make(map[string]*host), made: make(map[string]*host)}
	for _, b := range blueprints {
		if h, ok := n.hosts[b.decky]; ok && h.blueprint == b && (up[h.on()] || !h.listed) {
			c.stay[b.decky] = h
		} else {
			c.fresh = append(c.fresh, b)
			c.made[b.decky] = &host{blueprint: b}
		}
	}
	for name, h := range n.hosts {
		if c.stay[name] == nil {
			c.gone = append(c.gone, h)
		}
	}
	return c, nil
}

// blueprints says what f needs, and refuses what cannot be.
func (n *network) blueprints(f decnet.Fleet) ([]blueprint, error) {
	if len(f.Deckies) == 0 {
		return nil, nil
	}
	if f.Mode != fleet.ModeMACVLAN {
		return nil, fmt.Errorf("the mode of the fleet is %q, a fleet on the LAN without an engine has %s: %w", f.Mode, fleet.ModeMACVLAN, decnet.ErrSemantic)
	}
	parent, err := parentLink(f.Interface)
	if err != nil {
		return nil, err
	}
	macs, err := fleet.MACs(f)
	if err != nil {
		return nil, err
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	owners := make(map[netip.Addr]string)
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			owners[p.Addr()] = "this machine"
		}
	}
	if f.Gateway.IsValid() {
		owners[f.Gateway] = "the gateway"
	}
	list := make([]blueprint, 0, len(f.Deckies))
	for _, d := range f.Deckies {
		if err := checkAddr(d.Addr, f.Subnet, owners); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		owners[d.Addr] = d.Name
		list = append(list, blueprint{
			decky: d.Name, parent: parent, addr: netip.PrefixFrom(d.Addr, f.Subnet.Bits()),
			gateway: f.Gateway, mac: [6]byte(macs[d.Name]), family: d.OSFamily,
		})
	}
	return list, nil
}

// parentLink finds the interface that the links of the deckies sit on.
func parentLink(name string) (index int, err error) {
	if name == "" {
		return 0, fmt.Errorf("a fleet on the LAN needs an interface, for example interface = eth0 in [general]: %w", decnet.ErrSemantic)
	}
	iface, err := net.InterfaceByName(name)
	switch {
	case err != nil:
		return 0, fmt.Errorf("interface %q: %w", name, decnet.ErrNotFound)
	case iface.Flags&net.FlagLoopback != 0 || len(iface.HardwareAddr) != 6:
		return 0, fmt.Errorf("interface %s is not Ethernet, deckies cannot have MAC addresses on it: %w", name, decnet.ErrSemantic)
	case iface.Flags&net.FlagUp == 0:
		return 0, fmt.Errorf("interface %s is down (ip link set %s up): %w", name, name, decnet.ErrConflict)
	}
	return iface.Index, nil
}

// checkAddr refuses an address that no machine in the subnet can have, or that is taken.
func checkAddr(a netip.Addr, subnet netip.Prefix, owners map[netip.Addr]string) error {
	switch {
	case !subnet.IsValid():
		return fmt.Errorf("a fleet on the LAN needs a subnet, for example net = 192.168.1.0/24 in [general]: %w", decnet.ErrSemantic)
	case !a.Is4():
		return fmt.Errorf("address %s is not IPv4, which is what deckies on the LAN have without an engine: %w", a, decnet.ErrSemantic)
	case !subnet.Contains(a):
		return fmt.Errorf("address %s is outside of the subnet %s: %w", a, subnet, decnet.ErrSemantic)
	case owners[a] != "":
		return fmt.Errorf("address %s is already that of %s: %w", a, owners[a], decnet.ErrSemantic)
	}
	if _, err := fleet.Allocate(subnet, 1, a, func(other netip.Addr) bool { return other != a }); err != nil {
		return fmt.Errorf("address %s is not that of a machine in the subnet %s: %w", a, subnet, decnet.ErrSemantic)
	}
	return nil
}

// Place returns the host of a decky.
func (c *change) Place(decky string) inprocess.Place {
	if h, ok := c.stay[decky]; ok {
		return h
	}
	return c.made[decky]
}

// Prepare asks the LAN for the addresses that are new and builds the namespaces meanwhile.
func (c *change) Prepare(ctx context.Context) error {
	if len(c.fresh) == 0 {
		return nil
	}
	if err := c.n.open(); err != nil {
		return err
	}
	c.n.warnOfNeighbours(len(c.stay) + len(c.made))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(builders + 1)
	if hosts, sender := c.unknown(); len(hosts) > 0 {
		g.Go(func() error { return c.n.probe(ctx, hosts, sender) })
	}
	for _, b := range c.fresh {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return c.n.build(c.made[b.decky])
		})
	}
	if err := g.Wait(); err != nil {
		c.Abandon()
		return err
	}
	return nil
}

// warnOfNeighbours says when the kernel's table of neighbours, which all namespaces share,
// has little room for as many hosts. A namespace that is not the first cannot know.
func (n *network) warnOfNeighbours(hosts int) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
	if err != nil {
		return
	}
	if limit, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && 2*hosts > limit {
		n.opt.Log.Warn("the table of neighbours is small for this fleet; raise the sysctl net.ipv4.neigh.default.gc_thresh3", "deckies", hosts, "entries", limit)
	}
}

// unknown returns the hosts whose addresses are not those of the fleet already, and a MAC
// address that is not in use.
func (c *change) unknown() (hosts []blueprint, sender [6]byte) {
	known := make(map[netip.Addr]bool)
	busy := make(map[[6]byte]bool)
	for _, h := range c.n.hosts {
		known[h.addr.Addr()] = true
		busy[h.mac] = true
	}
	for _, b := range c.fresh {
		if !known[b.addr.Addr()] {
			hosts = append(hosts, b)
		}
	}
	if len(hosts) > 0 {
		for sender = hosts[0].mac; busy[sender]; {
			sender[5]++
		}
	}
	return hosts, sender
}

// Switch silences the hosts that go and lets the new ones answer.
func (c *change) Switch() error {
	taken := c.taken()
	for _, h := range taken {
		if err := h.down(); err != nil {
			c.n.opt.Log.Warn("decky could not be silenced", "decky", h.decky, "err", err)
		}
	}
	var up errgroup.Group
	up.SetLimit(builders)
	for _, h := range c.made {
		up.Go(h.up)
	}
	if err := up.Wait(); err != nil {
		for _, h := range c.made {
			_ = h.down()
		}
		for _, h := range taken {
			err = errors.Join(err, h.up())
		}
		return err
	}
	return nil
}

// taken returns the hosts that go and whose address or MAC address a new one has.
func (c *change) taken() []*host {
	addrs, macs := make(map[netip.Addr]bool), make(map[[6]byte]bool)
	for _, b := range c.fresh {
		addrs[b.addr.Addr()], macs[b.mac] = true, true
	}
	return slices.DeleteFunc(slices.Clone(c.gone), func(h *host) bool { return !addrs[h.addr.Addr()] && !macs[h.mac] })
}

// Finish makes the new hosts those of the network, and waits until the others are gone.
func (c *change) Finish() {
	for _, h := range c.gone {
		if h.lingers() {
			if err := h.down(); err != nil {
				c.n.opt.Log.Warn("decky could not be silenced", "decky", h.decky, "err", err)
			}
		}
		h.close()
	}
	c.keep()
	if err := c.n.awaitGone(c.gone); err != nil {
		c.n.opt.Log.Warn("deckies linger", "err", err)
	}
	if len(c.n.hosts) == 0 {
		c.n.shut()
	}
}

func (c *change) keep() {
	up, err := c.n.linksUp()
	if err != nil {
		c.n.opt.Log.Warn("links cannot be watched", "err", err)
	}
	for _, h := range c.made {
		h.listed = up[h.on()]
	}
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	clear(c.n.hosts)
	for _, set := range []map[string]*host{c.stay, c.made} {
		for name, h := range set {
			c.n.hosts[name] = h
		}
	}
}

// Abandon gives back what Prepare made.
func (c *change) Abandon() {
	for _, h := range c.made {
		h.close()
	}
	if len(c.n.hosts) == 0 {
		c.n.shut()
	}
}

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
