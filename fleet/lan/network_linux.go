package lan

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/internal/egress"
	"github.com/decnet/decnet/fleet/internal/inprocess"
)

// builders is how many namespaces are made at a time. The kernel waits more than it works.
const builders = 16

// network is the inprocess.Network of a Runtime.
type network struct {
	opt Options

	// The first two belong to the namespace of the process. All are open while there are
	// hosts.
	home     *os.File
	links    *netlink.Handle
	reporter *egress.Reporter

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
		if n.links, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
			return err
		}
	}
	if n.reporter == nil {
		n.reporter, err = egress.NewReporter(n.opt.Sink, n.opt.Now)
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
	if n.reporter != nil {
		n.reporter.Close()
	}
	n.home, n.links, n.reporter = nil, nil, nil
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
	if wishes, sender := c.unknown(); len(wishes) > 0 {
		link := c.fresh[0]
		link.mac = sender
		g.Go(func() error { return c.n.probe(ctx, wishes, link) })
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

// warnOfNeighbours says when the kernel's tables of neighbours, which all namespaces share,
// have little room for as many hosts. A namespace that is not the first cannot know.
func (n *network) warnOfNeighbours(hosts int) {
	for _, kind := range []string{"ipv4", "ipv6"} {
		key := "net." + kind + ".neigh.default.gc_thresh3"
		text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(key, ".", "/"))
		if err != nil {
			continue
		}
		if limit, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && 2*hosts > limit {
			n.opt.Log.Warn("the table of neighbours is small for this fleet; raise the sysctl "+key, "deckies", hosts, "entries", limit)
		}
	}
}

// addrs returns the addresses that b has in its subnets.
func (b blueprint) addrs() []netip.Addr {
	if b.addr6.IsValid() {
		return []netip.Addr{b.addr.Addr(), b.addr6.Addr()}
	}
	return []netip.Addr{b.addr.Addr()}
}

// unknown returns the addresses that are not those of the fleet already, and a MAC address
// that is not in use.
func (c *change) unknown() (wishes []wish, sender [6]byte) {
	known := make(map[netip.Addr]bool)
	busy := make(map[[6]byte]bool)
	for _, h := range c.n.hosts {
		for _, a := range h.addrs() {
			known[a] = true
		}
		busy[h.mac] = true
	}
	for _, b := range c.fresh {
		for _, a := range b.addrs() {
			if !known[a] {
				wishes = append(wishes, wish{b.decky, a, b.mac})
			}
		}
	}
	for sender = c.fresh[0].mac; busy[sender]; {
		sender[5]++
	}
	return wishes, sender
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
		for _, a := range b.addrs() {
			addrs[a] = true
		}
		macs[b.mac] = true
	}
	return slices.DeleteFunc(slices.Clone(c.gone), func(h *host) bool {
		return !macs[h.mac] && !slices.ContainsFunc(h.addrs(), func(a netip.Addr) bool { return addrs[a] })
	})
}

// Finish makes the new hosts those of the network, and waits until the others are gone.
func (c *change) Finish() {
	c.keep()
	for _, h := range c.gone {
		if h.lingers() {
			if err := h.down(); err != nil {
				c.n.opt.Log.Warn("decky could not be silenced", "decky", h.decky, "err", err)
			}
		}
		h.close()
	}
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
