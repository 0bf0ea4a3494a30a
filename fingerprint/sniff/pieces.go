package sniff

import "slices"

// pieceCost is what keeping a piece costs beside its bytes: its place in a list that may
// be four times as long as it is used.
const pieceCost = 4 * 32

// piece is a stretch of bytes that came out of order.
type piece struct {
	at int64
	b  []byte
}

// pieces holds stretches of a byte stream that came out of order, sorted and without
// overlap: where two disagree, the bytes that came first count. The zero value is empty.
type pieces struct {
	list []piece
	cost int // memory held: that of the bytes, and pieceCost for each piece
}

// insert keeps a copy of those bytes of b, which stand at offset at, that are not there
// yet. It reports false, and keeps nothing more, when that would cost more than limit.
func (p *pieces) insert(at int64, b []byte, limit int) bool {
	i := len(p.list)
	for i > 0 && p.list[i-1].at > at {
		i--
	}
	if i > 0 {
		if last := p.list[i-1]; last.at+int64(len(last.b)) > at {
			overlap := last.at + int64(len(last.b)) - at
			if overlap >= int64(len(b)) {
				return true
			}
			at, b = at+overlap, b[overlap:]
		}
	}
	for len(b) > 0 {
		free := b
		if i < len(p.list) {
			free = b[:min(int64(len(b)), p.list[i].at-at)]
		}
		if len(free) > 0 {
			kept := slices.Clone(free)
			if p.cost+cap(kept)+pieceCost > limit {
				return false
			}
			p.cost += cap(kept) + pieceCost
			p.list = slices.Insert(p.list, i, piece{at, kept})
			i++
		}
		if len(free) == len(b) {
			return true
		}
		skip := int64(len(free)) + int64(len(p.list[i].b))
		if skip >= int64(len(b)) {
			return true
		}
		at, b = at+skip, b[skip:]
		i++
	}
	return true
}

// take removes and returns the first piece when it stands at offset at or before; what of
// it lies before at is cut off.
func (p *pieces) take(at int64) ([]byte, bool) {
	for len(p.list) > 0 && p.list[0].at <= at {
		first := p.list[0]
		p.list = slices.Delete(p.list, 0, 1)
		if cap(p.list) > 4*len(p.list) {
			p.list = slices.Clone(p.list)
		}
		p.cost -= cap(first.b) + pieceCost
		if skip := at - first.at; skip < int64(len(first.b)) {
			return first.b[skip:], true
		}
	}
	if len(p.list) == 0 {
		p.list = nil
	}
	return nil, false
}

// prefix returns how many bytes from offset 0 on are there without a gap.
func (p *pieces) prefix() int {
	end := int64(0)
	for _, q := range p.list {
		if q.at != end {
			break
		}
		end += int64(len(q.b))
	}
	return int(end)
}

// appendPrefix appends the bytes from offset 0 up to the first gap.
func (p *pieces) appendPrefix(dst []byte) []byte {
	end := int64(0)
	for _, q := range p.list {
		if q.at != end {
			break
		}
		end += int64(len(q.b))
		dst = append(dst, q.b...)
	}
	return dst
}
