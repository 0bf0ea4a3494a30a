package compose

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

const (
	digits   = "0123456789"
	lower    = "abcdefghijklmnopqrstuvwxyz"
	letters  = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alphanum = letters + digits
)

// named reports whether s is made of the characters in set, the first of them from first.
func named(s, first, set string) bool {
	return s != "" && strings.Trim(s, set) == "" && strings.Contains(first, s[:1])
}

// network checks what the whole fleet shares and describes the network.
func (t *translation) network() {
	refuse := func(format string, args ...any) { t.fault(place{}, fmt.Errorf(format, args...)) }
	f := t.fleet
	if !named(t.opt.Project, lower+digits, lower+digits+"-_") {
		refuse("project %q is not made of a-z, 0-9, - and _, starting with a letter or digit: %w", t.opt.Project, decnet.ErrInvalid)
	}
	if !named(t.opt.Network, alphanum, alphanum+"-_.") {
		refuse("network %q is not made of letters, digits, '-', '_' and '.', starting with a letter or digit: %w", t.opt.Network, decnet.ErrInvalid)
	}
	if err := imageName(t.image()); err != nil {
		t.fault(place{}, err)
	}
	if f.Mode != fleet.ModeMACVLAN && f.Mode != fleet.ModeIPVLAN {
		refuse("containers need the mode macvlan or ipvlan, not %q: %w", f.Mode, decnet.ErrSemantic)
	}
	if !t.opt.External && (f.Interface == "" || len(f.Interface) > 15 || strings.ContainsAny(f.Interface, "/ \t\r\n\v\f\x00")) {
		refuse("%q is not the name of a network interface of the host, give interface = in [general]: %w", f.Interface, decnet.ErrSemantic)
	}
	if !f.Subnet.IsValid() {
		refuse("the fleet has no subnet, give net = in [general]: %w", decnet.ErrSemantic)
		return
	}
	t.gateway(f.Subnet, f.Gateway, "gw")
	if f.Subnet6.IsValid() {
		t.gateway(f.Subnet6, f.Gateway6, "gw6")
		if !f.Subnet.Addr().Is4() || !f.Subnet6.Addr().Is6() || f.Subnet6.Addr().Is4In6() {
			refuse("the subnets %s and %s are not one of IPv4 and one of IPv6: %w", f.Subnet, f.Subnet6, decnet.ErrSemantic)
		}
	}
	n := types.NetworkConfig{Name: t.opt.Network}
	if t.opt.External {
		n.External = true
		t.doc.Project.Networks[t.opt.Network] = n
		return
	}
	n.Driver = f.Mode
	n.DriverOpts = types.Options{"parent": f.Interface}
	if f.Mode == fleet.ModeIPVLAN {
		n.DriverOpts["ipvlan_mode"] = "l2"
	}
	if f.Subnet.Addr().Is6() || f.Subnet6.IsValid() {
		n.EnableIPv6 = new(bool)
		*n.EnableIPv6 = true
	}
	if f.Subnet.Addr().Is6() {
		n.EnableIPv4 = new(bool)
	}
	n.Ipam.Config = []*types.IPAMPool{t.pool(f.Subnet, f.Gateway)}
	if f.Subnet6.IsValid() {
		n.Ipam.Config = append(n.Ipam.Config, t.pool(f.Subnet6, f.Gateway6))
	}
	n.Labels = types.Labels{LabelFleet: t.opt.Project}
	t.doc.Project.Networks[t.opt.Network] = n
}

// gateway checks that of a subnet, which key of [general] names.
func (t *translation) gateway(subnet netip.Prefix, gw netip.Addr, key string) {
	refuse := func(format string, args ...any) { t.fault(place{}, fmt.Errorf(format, args...)) }
	switch {
	case !gw.IsValid():
		refuse("the fleet has no gateway in %s, give %s = in [general]; without one the engine takes an address that a decky may have: %w", subnet, key, decnet.ErrSemantic)
	case !subnet.Contains(gw):
		refuse("gateway %s is not in the subnet %s, where the engine needs it: %w", gw, subnet, decnet.ErrSemantic)
	case fleet.Reserved(subnet, gw) != "":
		refuse("gateway %s is %s: %w", gw, fleet.Reserved(subnet, gw), decnet.ErrSemantic)
	}
}

// pool describes a subnet. Of IPv4 the engine may give out the smallest range that has the
// addresses of all deckies; those of IPv6 are all over the subnet.
func (t *translation) pool(subnet netip.Prefix, gw netip.Addr) *types.IPAMPool {
	pool := &types.IPAMPool{Subnet: subnet.Masked().String(), Gateway: gw.String()}
	var addrs []netip.Addr
	for _, d := range t.fleet.Deckies {
		if subnet.Contains(d.Addr) { // refused later when not
			addrs = append(addrs, d.Addr)
		}
	}
	if len(addrs) > 0 && subnet.Addr().Is4() {
		pool.IPRange = fleet.Covering(addrs).String()
	}
	return pool
}
