package fingerprint

import "encoding/binary"

// eachExtension calls f with each extension of a block of which all lengths are right,
// until it returns false.
func eachExtension(block []byte, f func(typ uint16, body []byte) bool) {
	for len(block) > 0 {
		typ, body, rest, ok := cutExtension(block)
		if !ok || !f(typ, body) {
			return
		}
		block = rest
	}
}

// cutExtension cuts the first extension off a block.
func cutExtension(block []byte) (typ uint16, body, rest []byte, ok bool) {
	if len(block) < 4 || len(block) < 4+int(binary.BigEndian.Uint16(block[2:])) {
		return 0, nil, nil, false
	}
	end := 4 + int(binary.BigEndian.Uint16(block[2:]))
	return binary.BigEndian.Uint16(block), block[4:end:end], block[end:], true
}

// typeList keeps the types of the extensions of a hello, so that the block need not be
// walked again: of the first ones, and how many there are.
type typeList struct {
	count int
	first [64]byte
}

func (l *typeList) add(typ uint16) {
	if i := 2 * l.count; i < len(l.first) {
		binary.BigEndian.PutUint16(l.first[i:], typ)
	}
	l.count++
}

// bytes returns the types of the extensions in block, those that were added, as a list of
// two bytes each. It allocates only for more than are kept.
func (l *typeList) bytes(block []byte) []byte {
	if 2*l.count <= len(l.first) {
		return l.first[:2*l.count]
	}
	list := make([]byte, 0, 2*l.count)
	eachExtension(block, func(typ uint16, _ []byte) bool {
		list = binary.BigEndian.AppendUint16(list, typ)
		return true
	})
	return list
}
