package probe

import (
	"net"
	"net/netip"
	"slices"
)

// special lists the networks that are not of the public Internet (IANA registries of
// special-purpose addresses, RFC 6890). They are probed only where they are allowed by
// name. Those for documentation are left out: nobody comes from them.
var special = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fec0::/10"),
}

// never lists what has no host behind it: the unspecified addresses with 0.0.0.0/8,
// multicast, and the reserved 240.0.0.0/4 with the broadcast address.
var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("::/128"),
	netip.MustParsePrefix("ff00::/8"),
}

// reach decides which addresses may be probed.
type reach struct {
	allow, deny []netip.Prefix
}

// permits reports whether the lists let addr, which is not mapped, be probed.
func (r *reach) permits(addr netip.Addr) bool {
	in := func(p netip.Prefix) bool { return p.Contains(addr) }
	switch {
	case !addr.IsValid() || addr.Zone() != "" || slices.ContainsFunc(never, in) || slices.ContainsFunc(r.deny, in):
		return false
	}
	if i := slices.IndexFunc(special, in); i >= 0 {
		return slices.ContainsFunc(r.allow, func(p netip.Prefix) bool { return in(p) && p.Bits() >= special[i].Bits() })
	}
	return len(r.allow) == 0 || slices.ContainsFunc(r.allow, in)
}

// names reports whether the allow list holds addr itself.
func (r *reach) names(addr netip.Addr) bool {
	return slices.ContainsFunc(r.allow, func(p netip.Prefix) bool { return p.IsSingleIP() && p.Addr() == addr })
}

// unmapped returns list with IPv4-mapped prefixes as those of IPv4.
func unmapped(list []netip.Prefix) []netip.Prefix {
	list = slices.Clone(list)
	for i, p := range list {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			list[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return list
}

// isOwn reports whether addr is one of this machine's interfaces.
func isOwn(addr netip.Addr) (bool, error) {
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(interfaces, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		if !ok {
			return false
		}
		own, _ := netip.AddrFromSlice(n.IP)
		return own.Unmap() == addr
	}), nil
}
