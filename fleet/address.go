package fleet

import (
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/decnet/decnet"
)

// Allocate returns the first n addresses of subnet, ascending from start (zero: from the
// first), that can be given to a machine and that taken does not refuse; nil refuses none.
// The network address (in IPv6 the anycast address of routers) and the IPv4 broadcast
// address are never given out, except in subnets so small that they have none (RFC 3021,
// RFC 6164). When there are fewer, the error wraps decnet.ErrSemantic and says how many.
func Allocate(subnet netip.Prefix, n int, start netip.Addr, taken func(netip.Addr) bool) ([]netip.Addr, error) {
	subnet = subnet.Masked()
	a := subnet.Addr()
	if start.IsValid() {
		if !subnet.Contains(start) {
			return nil, fmt.Errorf("fleet: first address %s is not in %s: %w", start, subnet, decnet.ErrSemantic)
		}
		a = start
	}
	var free []netip.Addr
	for ; len(free) < n && subnet.Contains(a); a = a.Next() {
		if Reserved(subnet, a) == "" && (taken == nil || !taken(a)) {
			free = append(free, a)
		}
	}
	if len(free) < n {
		return nil, fmt.Errorf("fleet: %s has %d free addresses, %d are needed: %w", subnet, len(free), n, decnet.ErrSemantic)
	}
	return free, nil
}

// Reserved says what keeps a from being the address of a machine in subnet, "" when
// nothing does.
func Reserved(subnet netip.Prefix, a netip.Addr) string {
	if subnet.Bits() >= subnet.Addr().BitLen()-1 {
		return ""
	}
	if a == subnet.Masked().Addr() {
		return "the network address"
	}
	if a.Is4() && a == lastAddr(subnet) {
		return "the broadcast address"
	}
	return ""
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Covering returns the smallest prefix that holds all of addrs, which are of one family;
// the zero Prefix when there are none.
func Covering(addrs []netip.Addr) netip.Prefix {
	if len(addrs) == 0 {
		return netip.Prefix{}
	}
	lo, hi := addrs[0], addrs[0]
	for _, a := range addrs {
		if a.Less(lo) {
			lo = a
		}
		if hi.Less(a) {
			hi = a
		}
	}
	x, y := lo.AsSlice(), hi.AsSlice()
	n := 0
	for i := range x {
		same := bits.LeadingZeros8(x[i] ^ y[i])
		n += same
		if same < 8 {
			break
		}
	}
	return netip.PrefixFrom(lo, n).Masked()
}

// loopbackBase is the first address of a local fleet.
var loopbackBase = netip.AddrFrom4([4]byte{127, 0, 10, 1})

// maxRefused bounds how many addresses in a row are looked at in vain: more than any fleet
// takes, and less than a range such as that of multicast has.
const maxRefused = 1 << 16

// nextLocal returns the first address from a upwards that taken does not refuse, and the
// zero Addr when there is none near. It skips IPv4 addresses that end in 0 or 255, which
// look like no machine's.
func nextLocal(a netip.Addr, taken func(netip.Addr) bool) netip.Addr {
	for range maxRefused {
		if !a.IsValid() {
			break
		}
		if noMachine := a.Is4() && (a.As4()[3] == 0 || a.As4()[3] == 255); !noMachine && !taken(a) {
			return a
		}
		a = a.Next()
	}
	return netip.Addr{}
}
