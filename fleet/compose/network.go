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
	switch {
	case !f.Gateway.IsValid():
		refuse("the fleet has no gateway, give gw = in [general]; without one the engine takes an address that a decky may have: %w", decnet.ErrSemantic)
	case !f.Subnet.Contains(f.Gateway):
		refuse("gateway %s is not in the subnet %s: %w", f.Gateway, f.Subnet, decnet.ErrSemantic)
	case fleet.Reserved(f.Subnet, f.Gateway) != "":
		refuse("gateway %s is %s: %w", f.Gateway, fleet.Reserved(f.Subnet, f.Gateway), decnet.ErrSemantic)
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
	if f.Subnet.Addr().Is6() {
		n.EnableIPv4, n.EnableIPv6 = new(bool), new(bool)
		*n.EnableIPv6 = true
	}
	pool := &types.IPAMPool{Subnet: f.Subnet.Masked().String(), Gateway: f.Gateway.String()}
	if len(f.Deckies) > 0 {
		pool.IPRange = t.covering().String()
	}
	n.Ipam.Config = []*types.IPAMPool{pool}
	n.Labels = types.Labels{LabelFleet: t.opt.Project}
	t.doc.Project.Networks[t.opt.Network] = n
}

// covering returns the smallest prefix that has the addresses of all deckies.
func (t *translation) covering() netip.Prefix {
	var addrs []netip.Addr
	for _, d := range t.fleet.Deckies {
		if t.fleet.Subnet.Contains(d.Addr) { // refused later when not
			addrs = append(addrs, d.Addr)
		}
	}
	return fleet.Covering(addrs)
}

// hardwareAddresses gives every decky its own, where it can have one.
func (t *translation) hardwareAddresses() {
	if len(t.faults) > 0 || t.fleet.Mode != fleet.ModeMACVLAN {
		return
	}
	macs, err := fleet.MACs(t.fleet)
	if err != nil {
		t.fault(place{}, err)
		return
	}
	for _, d := range t.fleet.Deckies {
		t.doc.Project.Services[d.Name].Networks[t.opt.Network].MacAddress = macs[d.Name].String()
	}
}
