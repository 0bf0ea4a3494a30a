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
	addr    netip.Prefix
	gateway netip.Addr // zero: none
	mac     [6]byte
	family  string
	exits   string // what the egress lock lets out, separated by spaces
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
		exits, err := fleet.ParseExits(d.Egress)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		list = append(list, blueprint{
			decky: d.Name, parent: parent, addr: netip.PrefixFrom(d.Addr, f.Subnet.Bits()),
			gateway: f.Gateway, mac: [6]byte(macs[d.Name]), family: d.OSFamily,
			exits: strings.Trim(fmt.Sprint(exits), "[]"),
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
