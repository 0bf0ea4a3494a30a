package fingerprint

import (
	"crypto/md5"
	"encoding/binary"
	"slices"
	"strconv"
)

// The raw forms of JA3 and JA4 are lists of numbers, and writing those is most of the work
// beside hashing. So the text of a number comes out of a table with what separates it from
// the next, and is stored as eight bytes of which only the first count.

// room returns dst with capacity for n numbers behind its length, and for what their
// stores reach beyond.
func room(dst []byte, n int) []byte { return slices.Grow(dst, 6*n+8) }

// trimmed drops the separator behind the last number, if any was written behind start.
func trimmed(b []byte, start int) []byte {
	if len(b) > start {
		b = b[:len(b)-1]
	}
	return b
}

// digits are the texts of numbers.
var digits = newDigitTables()

// commonHighs are the high bytes that cipher suites, extensions and groups commonly have,
// in ascending order. With these, none of them is GREASE.
const commonHighs = "\x00\x01\x13\x44\xc0\xcc\xfe\xff"

const pages = 1 + len(commonHighs)

type digitTables struct {
	// decimal holds the numbers with a dash behind and their length in the highest byte,
	// a page of 256 for each of commonHighs behind an empty page for all others.
	decimal [pages * 256]uint64
	page    [256]uint16 // where in decimal a high byte has its page
	hex     [256]uint16 // two digits
	// hexThenComma holds the digits again, two bytes further up, and a comma.
	hexThenComma [256]uint64
}

const hexDigits = "0123456789abcdef"

func newDigitTables() *digitTables {
	t := new(digitTables)
	for i := range t.hex {
		t.hex[i] = uint16(hexDigits[i>>4]) | uint16(hexDigits[i&15])<<8
		t.hexThenComma[i] = uint64(t.hex[i])<<16 | ','<<32
	}
	for i, high := range []byte(commonHighs) {
		page := (i + 1) << 8
		t.page[high] = uint16(page)
		for low := range 256 {
			var b [8]byte
			text := append(strconv.AppendInt(b[:0], int64(high)<<8|int64(low), 10), '-')
			b[7] = byte(len(text))
			t.decimal[page|low] = binary.LittleEndian.Uint64(b[:])
		}
	}
	return t
}

// appendDecimals appends the values of a wire list joined by dashes.
func appendDecimals(dst, list []byte, dropGREASE bool) []byte {
	dst = room(dst, len(list)/2)
	b, n := dst[:cap(dst)], len(dst)
	for {
		read, written := digits.decimals(b[n:], list)
		list, n = list[read:], n+written
		if len(list) < 2 {
			return trimmed(b[:n], len(dst))
		}
		if v := binary.BigEndian.Uint16(list); !dropGREASE || !IsGREASE(v) {
			n = len(append(strconv.AppendUint(b[:n], uint64(v), 10), '-'))
		}
		list = list[2:]
	}
}

// decimals writes the values at the front of list that are in the table. Inlined, its loop
// would keep its counters in memory.
//
//go:noinline
func (t *digitTables) decimals(b, list []byte) (read, written int) {
	for at := 1; at < len(list); at += 2 {
		text := t.decimal[t.page[list[at-1]]|uint16(list[at])]
		if text == 0 {
			break
		}
		binary.LittleEndian.PutUint64(b[written:written+8:written+8], text)
		written += int(text >> 56)
		read = at + 1
	}
	return read, written
}

// appendHexList appends the values of a wire list without GREASE, joined by commas, four
// digits each, and returns how many there are.
func appendHexList(dst, list []byte) ([]byte, int) {
	dst = room(dst, len(list)/2)
	b, n, t := dst[:cap(dst)], len(dst), digits
	for at := 1; at < len(list); at += 2 {
		high, low := list[at-1], list[at]
		if !IsGREASE(uint16(high)<<8 | uint16(low)) {
			binary.LittleEndian.PutUint64(b[n:n+8:n+8], t.hexComma(high, low))
			n += 5
		}
	}
	return trimmed(b[:n], len(dst)), (n - len(dst)) / 5
}

// hexComma returns the digits of two bytes and a comma in the lowest five bytes.
func (t *digitTables) hexComma(high, low byte) uint64 {
	return uint64(t.hex[high]) | t.hexThenComma[low]
}

// appendHexBytes appends each byte in two digits.
func appendHexBytes(dst, v []byte) []byte {
	t := digits
	for _, c := range v {
		dst = binary.LittleEndian.AppendUint16(dst, t.hex[c])
	}
	return dst
}

// workspace is enough for the raw form of nearly all hellos.
const workspace = 1 << 10

// hashMD5 replaces the text at the end of dst by its MD5 in hexadecimal.
func hashMD5(dst []byte, start int) []byte {
	sum := md5.Sum(dst[start:])
	return appendHexBytes(dst[:start], sum[:])
}
