package probe

import "net/netip"

// recentSize is how many addresses recent holds at least once it has seen as many.
const recentSize = 8192

// recent remembers the addresses added last in bounded memory. The zero value is empty.
type recent struct{ now, before map[netip.Addr]struct{} }

func (r *recent) add(addr netip.Addr) {
	if len(r.now) >= recentSize {
		r.now, r.before = nil, r.now
	}
	if r.now == nil {
		r.now = make(map[netip.Addr]struct{})
	}
	r.now[addr] = struct{}{}
}

func (r *recent) has(addr netip.Addr) bool {
	_, ok := r.now[addr]
	if !ok {
		_, ok = r.before[addr]
	}
	return ok
}
