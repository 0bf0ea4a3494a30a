package fleet

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
)

// slaac is the length of prefixes in which machines make addresses themselves (RFC 4862).
const slaac = 64

// linkLocal6 is the prefix of the addresses that every interface makes for itself.
var linkLocal6 = netip.MustParsePrefix("fe80::/64")

// LinkLocal returns the IPv6 address that d, whose network card has mac, gives itself on
// its link: from its MAC address, or at random for good where its operating system does
// that, and then on Windows with the end that [decnet.Decky.Addr6] has. A seed that is not
// one, and a mac that is not of six bytes, give an error that wraps decnet.ErrInvalid.
func LinkLocal(d decnet.Decky, mac net.HardwareAddr) (netip.Addr, error) {
	id, err := Identity(d)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(mac) != 6 {
		return netip.Addr{}, fmt.Errorf("fleet: %s: hardware address %q is not of six bytes: %w", d.Name, mac, decnet.ErrInvalid)
	}
	if madeOfMAC(d) {
		return join(linkLocal6, eui64(mac)), nil
	}
	return join(linkLocal6, stableID(d, id, linkLocal6, 0)), nil
}

// assignAddrs6 gives an IPv6 address to each decky among drafts that asks for none: the
// one that the machine would make itself.
func (p *planner) assignAddrs6(drafts []draft) error {
	subnet := p.fleet.Subnet6
	if !subnet.IsValid() {
		return nil
	}
	macs, err := MACs(p.fleet)
	if err != nil {
		return err
	}
	asked := make(map[string]*draft, len(drafts))
	for i := range drafts {
		asked[drafts[i].name] = &drafts[i]
	}
	for i := range p.fleet.Deckies {
		d := &p.fleet.Deckies[i]
		draft, ok := asked[d.Name]
		if !ok || d.Addr6.IsValid() {
			continue
		}
		mac := macs[d.Name]
		if p.fleet.Mode == ModeIPVLAN {
			mac = nil // all have that of the host
		}
		if d.Addr6, err = p.address6(*d, mac); err != nil {
			return fmt.Errorf("fleet: %s: %w", draft.at(""), err)
		}
		p.addrs[d.Addr6] = d.Name
	}
	return nil
}

// maxTries is how many addresses of its own making a decky tries before it takes the first
// that is free.
const maxTries = 64

func (p *planner) address6(d decnet.Decky, mac net.HardwareAddr) (netip.Addr, error) {
	id, err := Identity(d)
	if err != nil {
		return netip.Addr{}, err
	}
	refused := func(a netip.Addr) bool { return p.refusal(a, p.side6()) != "" }
	if mac != nil && p.fleet.Subnet6.Bits() <= slaac && madeOfMAC(d) {
		if a := join(p.fleet.Subnet6, eui64(mac)); !refused(a) {
			return a, nil
		}
	}
	for try := range uint64(maxTries) {
		if a := join(p.fleet.Subnet6, stableID(d, id, p.fleet.Subnet6, try)); !refused(a) {
			return a, nil
		}
	}
	free, err := Allocate(p.fleet.Subnet6, 1, netip.Addr{}, refused)
	if err != nil {
		return netip.Addr{}, err
	}
	return free[0], nil
}

// madeOfMAC reports whether machines such as d make the ends of their addresses of their
// MAC addresses. Windows does not, and neither does NetworkManager, which the server
// editions of some distributions have.
func madeOfMAC(d decnet.Decky) bool {
	switch d.OSFamily {
	case "windows", "windows_server":
		return false
	case "linux":
		return !slices.Contains([]string{"rocky9", "centos7", "fedora", "kali"}, d.Distro)
	}
	return true
}

// eui64 makes the end of an address of a MAC address (RFC 4291, appendix A).
func eui64(mac net.HardwareAddr) uint64 {
	return binary.BigEndian.Uint64([]byte{mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}

// stableID makes one that does not change in a network and tells nothing (RFC 7217), none
// that has a meaning of its own (RFC 5453). That of Windows is the same in all networks.
func stableID(d decnet.Decky, id services.Identity, in netip.Prefix, try uint64) uint64 {
	label := fmt.Sprintf("ip6:%s:%d", in.Masked(), try)
	if d.OSFamily == "windows" || d.OSFamily == "windows_server" {
		label = fmt.Sprintf("ip6:%d", try)
	}
	const anycast = 0xfdffffffffffff80
	r := id.Rand(label)
	for {
		if n := r.Uint64(); n != 0 && n&^0x7f != anycast {
			return n
		}
	}
}

// join returns the address in p that ends in id, or in as much of it as there is room for.
func join(p netip.Prefix, id uint64) netip.Addr {
	a := p.Masked().Addr().As16()
	low := binary.BigEndian.Uint64(a[8:])
	if host := 128 - p.Bits(); host < 64 {
		id &= 1<<host - 1
	}
	binary.BigEndian.PutUint64(a[8:], low|id)
	return netip.AddrFrom16(a)
}
