package sniff

import "slices"

// Limits of the fragments that are kept: how many datagrams, how many bytes of all and
// of one, and for how long.
const (
	maxDatagrams      = 256
	maxFragmentBytes  = 4 << 20
	maxDatagram       = 64<<10 - 1
	datagramCostLimit = 2 * (maxDatagram + 1)
	fragmentLife      = 30e9
)

type fragmentKey struct {
	src, dst address
	id       uint32
	proto    uint8
	v6       bool
}

// datagram is an IP packet of which not all fragments have come.
type datagram struct {
	key   fragmentKey
	head  []byte // IP header of the first fragment
	parts pieces
	size  int // of the payload; -1 while the last fragment is missing
	born  int64
}

// appendTo appends the whole packet.
func (g *datagram) appendTo(dst []byte) []byte {
	dst = g.parts.appendPrefix(append(dst, g.head...))
	return dst[:len(g.head)+g.size]
}

// fragments puts IP fragments together. The zero value is ready.
type fragments struct {
	held  map[fragmentKey]*datagram
	order []*datagram // oldest first; some may be gone from held
	cost  int
}

// add keeps a fragment. It returns the datagram when that is complete, and false when the
// fragment was not kept.
func (f *fragments) add(key fragmentKey, now int64, head, body []byte, offset int, more bool) (*datagram, bool) {
	if len(body) == 0 || len(head)+offset+len(body) > maxDatagram || more && len(body)%8 != 0 {
		return nil, false
	}
	g := f.held[key]
	if g != nil && now-g.born > fragmentLife {
		f.remove(key)
		g = nil
	}
	if g == nil {
		f.makeRoom(now)
		if f.held == nil {
			f.held = make(map[fragmentKey]*datagram)
		}
		g = &datagram{key: key, size: -1, born: now}
		f.held[key] = g
		f.order = append(f.order, g)
	}
	before := g.parts.cost
	kept := g.parts.insert(int64(offset), body, datagramCostLimit)
	f.cost += g.parts.cost - before
	if !kept {
		f.remove(key)
		return nil, false
	}
	if offset == 0 && g.head == nil {
		g.head = slices.Clone(head)
	}
	if !more && g.size < 0 {
		g.size = offset + len(body)
	}
	if g.head == nil || g.size < 0 || g.parts.prefix() < g.size {
		return nil, true
	}
	return g, true
}

// makeRoom removes the oldest datagrams until another may be begun.
func (f *fragments) makeRoom(now int64) {
	for len(f.order) > 0 {
		g := f.order[0]
		if f.held[g.key] == g {
			if len(f.held) < maxDatagrams && f.cost < maxFragmentBytes-datagramCostLimit && now-g.born <= fragmentLife {
				break
			}
			f.remove(g.key)
		}
		f.order[0] = nil
		f.order = f.order[1:]
	}
	if len(f.order) >= 4*maxDatagrams {
		f.order = slices.DeleteFunc(f.order, func(g *datagram) bool { return f.held[g.key] != g })
	}
}

func (f *fragments) remove(key fragmentKey) {
	if g := f.held[key]; g != nil {
		f.cost -= g.parts.cost
		delete(f.held, key)
	}
}
