package compose

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/fleet/internal/look"
)

// maxHostname is the longest host name that Linux takes, in bytes.
const maxHostname = 64

// decky checks d and adds its containers.
func (t *translation) decky(d decnet.Decky) {
	at := place{decky: d.Name}
	check := func(err error) {
		if err != nil {
			t.fault(at, err)
		}
	}
	check(fleet.CheckName(d.Name))
	if len(d.Name) == 1 {
		t.fault(at, fmt.Errorf("the engine takes no container name of a single character: %w", decnet.ErrInvalid))
	}
	if key := strings.ToLower(d.Name); t.deckies[key] {
		t.fault(at, fmt.Errorf("there is a decky of this name already, letters count without their case: %w", decnet.ErrConflict))
	} else {
		t.deckies[key] = true
		t.claim(at)
	}
	check(t.address(d))
	check(t.address6(d))
	check(hostname(d.Hostname))
	check(fleet.CheckArchetype(d))
	sysctls, err := fleet.Sysctls(d.OSFamily)
	check(err)
	sysctls6, _ := fleet.Sysctls6(d.OSFamily) // has the same families
	distro, err := fleet.DistroOf(d.Distro)
	check(err)
	_, err = fleet.Identity(d)
	check(err)
	exits, err := fleet.ParseExits(d.Egress)
	check(err)
	if len(d.Services) == 0 {
		t.fault(at, fmt.Errorf("the decky runs no service: %w", decnet.ErrSemantic))
	}
	t.doc.Project.Services[d.Name] = t.holder(d, sysctls, sysctls6, exits)
	t.services(d, distro)
}

// claim takes the container name of a place, which no other may have.
func (t *translation) claim(at place) {
	name := ContainerName(at.decky, at.service)
	if other, ok := t.names[name]; ok {
		t.fault(at, fmt.Errorf("container %s is already that of %s: %w", name, other, decnet.ErrConflict))
		return
	}
	t.names[name] = at
}

// address says why d cannot have its address.
func (t *translation) address(d decnet.Decky) error {
	if !d.Addr.IsValid() {
		return fmt.Errorf("the decky has no address: %w", decnet.ErrInvalid)
	}
	return t.owns(d.Name, d.Addr, t.fleet.Subnet, t.fleet.Gateway)
}

// address6 says why d cannot have its second address.
func (t *translation) address6(d decnet.Decky) error {
	switch {
	case !d.Addr6.IsValid():
		return nil
	case !d.Addr6.Is6() || d.Addr6.Is4In6():
		return fmt.Errorf("second address %s is not of IPv6: %w", d.Addr6, decnet.ErrInvalid)
	case !t.fleet.Subnet6.IsValid():
		return fmt.Errorf("second address %s has no subnet, give net6 = in [general]: %w", d.Addr6, decnet.ErrSemantic)
	}
	return t.owns(d.Name, d.Addr6, t.fleet.Subnet6, t.fleet.Gateway6)
}

// owns gives a in subnet to a decky, or says why it cannot have it.
func (t *translation) owns(decky string, a netip.Addr, subnet netip.Prefix, gateway netip.Addr) error {
	refuse := func(why string) error {
		return fmt.Errorf("address %s is %s: %w", a, why, decnet.ErrSemantic)
	}
	if other, ok := t.addrs[a]; ok {
		return refuse("already that of " + other)
	}
	t.addrs[a] = decky
	switch {
	case a == gateway:
		return refuse("the gateway")
	case a == t.opt.Host, a == t.opt.Host6:
		return refuse("the host itself")
	case subnet.IsValid() && !subnet.Contains(a):
		return refuse("outside of the subnet " + subnet.Masked().String())
	case subnet.IsValid() && fleet.Reserved(subnet, a) != "":
		return refuse(fleet.Reserved(subnet, a) + " of the subnet " + subnet.Masked().String())
	}
	return nil
}

// hostname says why no machine can be called name (RFC 1123 section 2.1).
func hostname(name string) error {
	for label := range strings.SplitSeq(name, ".") {
		if len(name) > maxHostname || len(label) > 63 || !named(label, alphanum, alphanum+"-") || strings.HasSuffix(label, "-") {
			return fmt.Errorf("host name %.80q is not made of letters, digits, '-' and '.', at most %d: %w", name, maxHostname, decnet.ErrInvalid)
		}
	}
	return nil
}

// holder is the container that has the address of d.
func (t *translation) holder(d decnet.Decky, sysctls, sysctls6 map[string]string, exits []fleet.Exit) types.ServiceConfig {
	s := t.container(place{decky: d.Name}, Limits{}.or(32<<20, 64, 0.25))
	s.Image, s.PullPolicy = t.image(), t.pullPolicy()
	s.Command = types.ShellCommand{fleet.PotHold}
	s.User = root
	s.CapAdd = []string{"NET_ADMIN"}
	s.Hostname = d.Hostname
	s.Sysctls = types.Mapping{"net.ipv4.ip_unprivileged_port_start": "0"}
	s.Sysctls["net.ipv4.tcp_rmem"] = look.ReceiveMemory(d.OSFamily)
	maps.Copy(s.Sysctls, sysctls)
	if d.Addr.Is6() || d.Addr6.IsValid() {
		maps.Copy(s.Sysctls, sysctls6)
	}
	on := &types.ServiceNetworkConfig{}
	if d.Addr.Is4() {
		on.Ipv4Address = d.Addr.String()
		if d.Addr6.IsValid() {
			on.Ipv6Address = d.Addr6.String()
		}
	} else {
		on.Ipv6Address = d.Addr.String()
	}
	s.Networks = map[string]*types.ServiceNetworkConfig{t.opt.Network: on}
	// That of the place on the network would be refused by docker compose with an API older
	// than 1.44, and this one is passed over by some of its versions then: the holder sees to it.
	s.MacAddress = t.macs[d.Name].String()
	// The engine's resolver asks these servers from within the decky, where the egress
	// lock is. Without any, it would ask the servers of the host, from the host.
	for _, e := range exits {
		if e.Protocol == "udp" && e.To.Port() == 53 {
			s.DNS = append(s.DNS, e.To.Addr().String())
		}
	}
	if len(s.DNS) == 0 {
		s.DNS = types.StringList{t.fleet.Gateway.String()}
	}
	t.persona(&s, place{decky: d.Name}, fleet.Persona{Decky: d.Name, Addr: d.Addr, Addr6: d.Addr6, MAC: s.MacAddress, OSFamily: d.OSFamily, Egress: d.Egress})
	return s
}

// persona tells s who it is.
func (t *translation) persona(s *types.ServiceConfig, at place, p fleet.Persona) {
	text, err := p.Encode()
	if err != nil {
		t.fault(at, err)
		return
	}
	s.Environment[fleet.PersonaVar] = &text
}
