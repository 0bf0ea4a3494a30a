package lan

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet"
)

// Detect looks at an interface, "" is that of the default route, and takes its first IPv4
// address. It needs no privilege. An error wraps decnet.ErrNotFound when there is no such
// interface, no default route to tell one, or no address.
func Detect(iface string) (Surroundings, error) {
	s := Surroundings{Interface: iface}
	routes, err := netlink.RouteListFiltered(unix.AF_INET, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return s, fmt.Errorf("lan: routes: %w", err)
	}
	byDefault := func(r netlink.Route) bool {
		if r.Dst == nil {
			return true
		}
		bits, _ := r.Dst.Mask.Size()
		return bits == 0
	}
	var link netlink.Link
	if iface == "" {
		for _, r := range routes {
			if byDefault(r) && r.LinkIndex > 0 {
				if link, err = netlink.LinkByIndex(r.LinkIndex); err != nil {
					return s, fmt.Errorf("lan: interface of the default route: %w", err)
				}
				break
			}
		}
		if link == nil {
			return s, fmt.Errorf("lan: no default route tells the interface: %w", decnet.ErrNotFound)
		}
		s.Interface = link.Attrs().Name
	} else if link, err = netlink.LinkByName(iface); err != nil {
		return s, fmt.Errorf("lan: interface %q: %w", iface, decnet.ErrNotFound)
	}
	for _, r := range routes {
		if byDefault(r) && r.LinkIndex == link.Attrs().Index && r.Gw != nil {
			s.Gateway, _ = netip.AddrFromSlice(r.Gw.To4())
			break
		}
	}
	addrs, err := netlink.AddrList(link, unix.AF_INET)
	if err != nil {
		return s, fmt.Errorf("lan: interface %s: %w", s.Interface, err)
	}
	if len(addrs) == 0 {
		return s, fmt.Errorf("lan: interface %s has no IPv4 address to tell the subnet: %w", s.Interface, decnet.ErrNotFound)
	}
	s.Host, _ = netip.AddrFromSlice(addrs[0].IP.To4())
	bits, _ := addrs[0].Mask.Size()
	s.Subnet = netip.PrefixFrom(s.Host, bits).Masked()
	return s, nil
}
