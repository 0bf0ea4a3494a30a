package lan

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
)

// blueprint is all that makes the machine which others on the LAN see.
type blueprint struct {
	decky   string
	parent  int // index of the interface
	mtu     int // of the interface
	mac     [6]byte
	addr    netip.Prefix
	gateway netip.Addr // zero: none
	// Of IPv6; zero: none.
	addr6    netip.Prefix
	link6    netip.Addr
	gateway6 netip.Addr
	family   string
	exits    string // what the egress lock lets out, separated by spaces
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
	for _, gw := range []netip.Addr{f.Gateway, f.Gateway6} {
		if gw.IsValid() {
			owners[gw] = "the gateway"
		}
	}
	list := make([]blueprint, 0, len(f.Deckies))
	for _, d := range f.Deckies {
		if err := fleet.CheckArchetype(d); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		if err := checkAddr(d.Addr, f.Subnet, owners); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		owners[d.Addr] = d.Name
		b := blueprint{
			decky: d.Name, parent: parent.Index, mtu: parent.MTU, mac: [6]byte(macs[d.Name]), family: d.OSFamily,
			addr: netip.PrefixFrom(d.Addr, f.Subnet.Bits()), gateway: f.Gateway,
		}
		if d.Addr6.IsValid() {
			if err := b.addIPv6(f, d, owners); err != nil {
				return nil, fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		exits, err := fleet.ParseExits(d.Egress)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		b.exits = strings.Trim(fmt.Sprint(exits), "[]")
		list = append(list, b)
	}
	return list, nil
}

// addIPv6 gives b the second address of d, which nobody in owners may have.
func (b *blueprint) addIPv6(f decnet.Fleet, d decnet.Decky, owners map[netip.Addr]string) (err error) {
	switch {
	case !f.Subnet6.IsValid():
		return fmt.Errorf("second address %s has no subnet, for example net6 = fd00:1::/64 in [general]: %w", d.Addr6, decnet.ErrSemantic)
	case !d.Addr6.Is6() || d.Addr6.Is4In6():
		return fmt.Errorf("second address %s is not IPv6: %w", d.Addr6, decnet.ErrSemantic)
	}
	if err := checkMachine(d.Addr6, f.Subnet6, owners); err != nil {
		return err
	}
	owners[d.Addr6] = d.Name
	b.addr6, b.gateway6 = netip.PrefixFrom(d.Addr6, f.Subnet6.Bits()), f.Gateway6
	b.link6, err = fleet.LinkLocal(d, b.mac[:])
	return err
}

// parentLink finds the interface that the links of the deckies sit on.
func parentLink(name string) (*net.Interface, error) {
	if name == "" {
		return nil, fmt.Errorf("a fleet on the LAN needs an interface, for example interface = eth0 in [general]: %w", decnet.ErrSemantic)
	}
	iface, err := net.InterfaceByName(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("interface %q: %w", name, decnet.ErrNotFound)
	case iface.Flags&net.FlagLoopback != 0 || len(iface.HardwareAddr) != 6:
		return nil, fmt.Errorf("interface %s is not Ethernet, deckies cannot have MAC addresses on it: %w", name, decnet.ErrSemantic)
	case iface.Flags&net.FlagUp == 0:
		return nil, fmt.Errorf("interface %s is down (ip link set %s up): %w", name, name, decnet.ErrConflict)
	}
	return iface, nil
}

// checkAddr refuses what cannot be the first address of a decky.
func checkAddr(a netip.Addr, subnet netip.Prefix, owners map[netip.Addr]string) error {
	switch {
	case !subnet.IsValid():
		return fmt.Errorf("a fleet on the LAN needs a subnet, for example net = 192.168.1.0/24 in [general]: %w", decnet.ErrSemantic)
	case !a.Is4():
		return fmt.Errorf("address %s is not IPv4, which is what deckies on the LAN have first without an engine: %w", a, decnet.ErrSemantic)
	}
	return checkMachine(a, subnet, owners)
}

// checkMachine refuses an address that no machine in the subnet can have, or that is taken.
func checkMachine(a netip.Addr, subnet netip.Prefix, owners map[netip.Addr]string) error {
	switch {
	case !subnet.Contains(a):
		return fmt.Errorf("address %s is outside of the subnet %s: %w", a, subnet, decnet.ErrSemantic)
	case owners[a] != "":
		return fmt.Errorf("address %s is already that of %s: %w", a, owners[a], decnet.ErrSemantic)
	}
	if fleet.Reserved(subnet, a) != "" {
		return fmt.Errorf("address %s is not that of a machine in the subnet %s: %w", a, subnet, decnet.ErrSemantic)
	}
	return nil
}
