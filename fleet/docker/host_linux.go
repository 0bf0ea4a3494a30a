package docker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// hostLink is the interface by which this machine reaches the deckies of a fleet: what has
// a MACVLAN or IPvlan link on an interface cannot talk to that interface itself. It is
// found by its alias, so that each fleet has its own.
type hostLink struct {
	project string
	mode    string // fleet.ModeMACVLAN or fleet.ModeIPVLAN
	parent  netlink.Link
	source  net.IP   // this machine's own address on the LAN
	routes  []string // to each decky, and to nobody else: other machines keep their way
}

func hostAlias(project string) string { return "decnet fleet " + project }

// newHostLink returns the interface that f needs. It is nil where this machine has no
// IPv4 address on the LAN, so that it is not part of it.
func newHostLink(project string, f decnet.Fleet) (*hostLink, error) {
	h := &hostLink{project: project, mode: f.Mode}
	for _, d := range f.Deckies {
		if d.Addr.Is4() {
			h.routes = append(h.routes, netip.PrefixFrom(d.Addr, 32).String())
		}
	}
	if len(h.routes) == 0 {
		return nil, nil
	}
	slices.Sort(h.routes)
	var err error
	if h.parent, err = netlink.LinkByName(f.Interface); err != nil {
		return nil, fmt.Errorf("interface %q: %w", f.Interface, decnet.ErrNotFound)
	}
	own, err := netlink.AddrList(h.parent, netlink.FAMILY_V4)
	if err != nil {
		return nil, err
	}
	for _, a := range own {
		if ip, _ := netip.AddrFromSlice(a.IP.To4()); a.Scope == unix.RT_SCOPE_UNIVERSE && (!f.Subnet.IsValid() || f.Subnet.Contains(ip)) {
			h.source = a.IP
			return h, nil
		}
	}
	return nil, nil
}

// hostLinks returns the interfaces of a fleet.
func hostLinks(project string) ([]netlink.Link, error) {
	all, err := netlink.LinkList()
	return slices.DeleteFunc(all, func(l netlink.Link) bool { return l.Attrs().Alias != hostAlias(project) }), err
}

// stands reports whether the interface is as it should be, and gives it a name.
func (h *hostLink) stands() (yes bool, name string, err error) {
	links, err := hostLinks(h.project)
	if err != nil {
		return false, "", err
	}
	if len(links) != 1 {
		name, err = h.freeName()
		return false, name, err
	}
	a := links[0].Attrs()
	if !h.fits(links[0]) || a.Flags&net.FlagUp == 0 {
		return false, a.Name, nil
	}
	addrs, err := netlink.AddrList(links[0], netlink.FAMILY_V4)
	if err != nil || !slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.IP.Equal(h.source) }) {
		return false, a.Name, err
	}
	routes, err := routesBy(links[0])
	return slices.Equal(destinations(routes), h.routes), a.Name, err
}

// destinations returns where routes lead, sorted.
func destinations(routes []netlink.Route) []string {
	var list []string
	for _, r := range routes {
		list = append(list, r.Dst.String())
	}
	slices.Sort(list)
	return list
}

func (h *hostLink) fits(l netlink.Link) bool {
	return l.Attrs().ParentIndex == h.parent.Attrs().Index && l.Type() == h.mode
}

// freeName returns the first name that no interface has.
func (h *hostLink) freeName() (string, error) {
	all, err := netlink.LinkList()
	for n := 0; ; n++ {
		name := fmt.Sprint("decnet_", h.mode, n)
		if !slices.ContainsFunc(all, func(l netlink.Link) bool { return l.Attrs().Name == name }) {
			return name, err
		}
	}
}

func routesBy(l netlink.Link) ([]netlink.Route, error) {
	all, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{LinkIndex: l.Attrs().Index, Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
	return slices.DeleteFunc(all, func(r netlink.Route) bool { return r.Dst == nil }), err
}

// make makes what is missing of the interface, and removes what is too much.
func (h *hostLink) make() error {
	links, err := hostLinks(h.project)
	if err != nil {
		return err
	}
	var link netlink.Link
	for _, l := range links {
		if link == nil && h.fits(l) {
			link = l
		} else if err := netlink.LinkDel(l); err != nil {
			return needsRoot(err)
		}
	}
	if link == nil {
		if link, err = h.add(); err != nil {
			return needsRoot(err)
		}
	}
	return needsRoot(h.configure(link))
}

// add makes the interface.
func (h *hostLink) add() (netlink.Link, error) {
	name, err := h.freeName()
	if err != nil {
		return nil, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, h.parent.Attrs().Index
	var link netlink.Link = &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}
	if h.mode == fleet.ModeIPVLAN {
		link = &netlink.IPVlan{LinkAttrs: attrs, Mode: netlink.IPVLAN_MODE_L2}
	}
	err = netlink.LinkAdd(link)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, lacks(h.mode)
	}
	if err != nil {
		return nil, err
	}
	if link, err = netlink.LinkByName(name); err != nil {
		return nil, err
	}
	return link, netlink.LinkSetAlias(link, hostAlias(h.project))
}

func (h *hostLink) configure(link netlink.Link) error {
	// Two interfaces have the address now, and the LAN hears both. With the filter this
	// one answers only those that are reached by it, the deckies.
	if err := setConf(link, "ipv4", "arp_filter", "1"); err != nil {
		return err
	}
	if err := setConf(link, "ipv6", "disable_ipv6", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	own := &net.IPNet{IP: h.source, Mask: net.CIDRMask(32, 32)}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if !a.IP.Equal(h.source) {
			if err := netlink.AddrDel(link, &a); err != nil {
				return err
			}
		}
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: own}); err != nil {
		return fmt.Errorf("address %s: %w", own, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	routes, err := routesBy(link)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if !slices.Contains(h.routes, r.Dst.String()) {
			if err := netlink.RouteDel(&r); err != nil {
				return fmt.Errorf("route to %s: %w", r.Dst, err)
			}
		}
	}
	for _, text := range h.routes {
		_, to, err := net.ParseCIDR(text)
		if err != nil {
			return err
		}
		if err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: to, Src: h.source, Scope: netlink.SCOPE_LINK}); err != nil {
			return fmt.Errorf("route to %s: %w", to, err)
		}
	}
	return nil
}

// removeHostLinks removes the interfaces of a fleet, whose routes go with them.
func removeHostLinks(project string) error {
	links, err := hostLinks(project)
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := netlink.LinkDel(l); err != nil {
			return needsRoot(err)
		}
	}
	return nil
}

// hostLinkNames lists the interfaces of a fleet.
func hostLinkNames(project string) ([]string, error) {
	links, err := hostLinks(project)
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return names, err
}

func needsRoot(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("the interface by which this machine reaches its deckies needs root, or CAP_NET_ADMIN; it can be left out: %w", decnet.ErrForbidden)
	}
	return err
}

func setConf(link netlink.Link, family, key, value string) error {
	return os.WriteFile("/proc/sys/net/"+family+"/conf/"+link.Attrs().Name+"/"+key, []byte(value), 0)
}
