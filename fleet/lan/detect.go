package lan

import "net/netip"

// Surroundings is what this machine knows of the LAN that an interface is on.
type Surroundings struct {
	Interface string
	Subnet    netip.Prefix
	Host      netip.Addr // this machine's own address in Subnet
	Gateway   netip.Addr // zero: there is no default route by Interface
}
