package fingerprint

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// valueSet is a set of numbers with commonHighs: a bit for each number of the pages of
// digitTables, and a bit for each word that is not zero.
type valueSet struct {
	bits  [pages * 4]uint64
	words uint64
}

// appendSortedHex is appendHexList in ascending order. Without names it leaves the types of
// server_name and ALPN out, which are counted all the same.
//
// The lists of hellos are in no order that a branch could foresee, so that comparing costs
// as much as hashing what was sorted. But nearly always they hold, beside GREASE, different
// values with one of commonHighs, and these are sorted by setting bits.
func appendSortedHex(dst, list []byte, names bool) ([]byte, int) {
	var set valueSet
	count, ok := set.add(list)
	if !ok {
		return appendComparedHex(dst, list, names)
	}
	if !names {
		const first = 256 / 64 // the word of the values 0 to 63
		set.bits[first] &^= 1<<extServerName | 1<<extALPN
	}
	dst = room(dst, count)
	n := len(dst) + set.put(dst[len(dst):cap(dst)])
	return trimmed(dst[:n], len(dst)), count
}

// add adds the values of a wire list without GREASE and returns how many they are. It is
// not ok when one of them comes twice or has another high byte.
func (s *valueSet) add(list []byte) (count int, ok bool) {
	t := digits
	for at := 1; at < len(list); at += 2 {
		high, low := list[at-1], list[at]
		i := t.page[high] | uint16(low)
		if i < 256 {
			if IsGREASE(uint16(high)<<8 | uint16(low)) {
				continue
			}
			return 0, false
		}
		word, bit := i>>6, uint64(1)<<(i&63)
		if s.bits[word]&bit != 0 {
			return 0, false
		}
		s.bits[word] |= bit
		s.words |= 1 << word
		count++
	}
	return count, true
}

// put writes the values in ascending order, each with a comma behind, and returns the
// number of bytes.
func (s *valueSet) put(b []byte) int {
	n, t := 0, digits
	for words := s.words; words != 0; words &= words - 1 {
		word := bits.TrailingZeros64(words)
		high, low := commonHighs[word>>2-1], byte(word&3)<<6
		for w := s.bits[word]; w != 0; w &= w - 1 {
			binary.LittleEndian.PutUint64(b[n:n+8:n+8], t.hexComma(high, low|byte(bits.TrailingZeros64(w))))
			n += 5
		}
	}
	return n
}

// appendComparedHex is appendSortedHex for any values.
func appendComparedHex(dst, list []byte, names bool) ([]byte, int) {
	var buf [128]uint16
	values, count := buf[:0], 0
	for ; len(list) > 1; list = list[2:] {
		v := binary.BigEndian.Uint16(list)
		if IsGREASE(v) {
			continue
		}
		count++
		if names || v != extServerName && v != extALPN {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	dst = room(dst, len(values))
	b, n := dst[:cap(dst)], len(dst)
	for _, v := range values {
		binary.LittleEndian.PutUint64(b[n:n+8:n+8], digits.hexComma(byte(v>>8), byte(v)))
		n += 5
	}
	return trimmed(b[:n], len(dst)), count
}
