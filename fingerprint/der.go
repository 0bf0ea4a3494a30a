package fingerprint

import (
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Tags of the DER elements that certificates are made of (X.690 section 8).
const (
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagOctetString     = 0x04
	tagOID             = 0x06
	tagT61String       = 0x14
	tagUTCTime         = 0x17
	tagUniversalString = 0x1c
	tagBMPString       = 0x1e
	tagBoolean         = 0x01
	tagSequence        = 0x30
	tagSet             = 0x31
	tagVersion         = 0xa0 // [0] of a TBSCertificate
	tagExtensions      = 0xa3 // [3] of a TBSCertificate
)

// der reads DER elements one after another. It takes lengths in any form but the
// indefinite one, and looks no further into an element than asked.
type der []byte

// next returns the element at the front: its tag (the first byte), its content, and all of
// its bytes. An element that does not fit is not ok, and ends the reading.
func (d *der) next() (tag byte, content, whole der, ok bool) {
	b := *d
	*d = nil
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag, length, head := b[0], int(b[1]), 2
	if length >= 0x80 {
		size := length & 0x7f
		if size == 0 || size > 4 || len(b) < 2+size {
			return 0, nil, nil, false
		}
		length, head = 0, 2+size
		for _, c := range b[2:head] {
			length = length<<8 | int(c)
		}
	}
	if tag&0x1f == 0x1f || length < 0 || length > len(b)-head { // tags of several bytes occur in no certificate
		return 0, nil, nil, false
	}
	end := head + length
	*d = b[end:]
	return tag, b[head:end:end], b[:end:end], true
}

// take returns the content of the element at the front if it has the given tag; otherwise
// it returns nothing and leaves the element there.
func (d *der) take(tag byte) (content der, ok bool) {
	rest := *d
	got, content, _, ok := rest.next()
	if !ok || got != tag {
		return nil, false
	}
	*d = rest
	return content, true
}

// OID is an object identifier: the content bytes of its DER.
type OID []byte

// String returns the dotted form, such as 2.5.4.3; an arc that exceeds 63 bits, or is cut
// off, is written as a question mark.
func (o OID) String() string {
	var arcs []string
	var arc uint64
	tooLong, open := false, false
	for _, c := range o {
		tooLong = tooLong || arc > 1<<56-1
		arc, open = arc<<7|uint64(c&0x7f), c&0x80 != 0
		if open {
			continue
		}
		switch {
		case tooLong:
			arcs = append(arcs, "?")
		case len(arcs) == 0:
			root := min(arc/40, 2)
			arcs = append(arcs, strconv.FormatUint(root, 10), strconv.FormatUint(arc-root*40, 10))
		default:
			arcs = append(arcs, strconv.FormatUint(arc, 10))
		}
		arc, tooLong = 0, false
	}
	if open {
		arcs = append(arcs, "?")
	}
	return strings.Join(arcs, ".")
}

// derTime reads a UTCTime or GeneralizedTime with its tag, seconds and zone optional.
func derTime(d *der) (t time.Time, ok bool) {
	tag, content, _, ok := d.next()
	if !ok || len(content) > 32 {
		return time.Time{}, false
	}
	text := string(content)
	if tag == tagUTCTime && len(text) >= 2 {
		// RFC 5280 section 4.1.2.5.1: 50 to 99 are of the last century.
		if text >= "50" {
			text = "19" + text
		} else {
			text = "20" + text
		}
	}
	for _, layout := range []string{
		"20060102150405Z0700", "200601021504Z0700", "20060102150405", "200601021504",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// derText decodes a string element; types that are not known to have another encoding are
// taken as they are.
func derText(tag byte, content []byte) string {
	switch {
	case tag == tagT61String: // in practice Latin-1
		runes := make([]rune, len(content))
		for i, c := range content {
			runes[i] = rune(c)
		}
		return string(runes)
	case tag == tagBMPString && len(content)%2 == 0:
		units := make([]uint16, len(content)/2)
		for i := range units {
			units[i] = uint16(content[2*i])<<8 | uint16(content[2*i+1])
		}
		return string(utf16.Decode(units))
	case tag == tagUniversalString && len(content)%4 == 0:
		runes := make([]rune, len(content)/4)
		for i := range runes {
			c := content[4*i:]
			runes[i] = rune(c[0])<<24 | rune(c[1])<<16 | rune(c[2])<<8 | rune(c[3])
		}
		return string(runes)
	}
	return string(content)
}

// integerText returns a two's complement INTEGER in upper-case hexadecimal without
// leading zeros.
func integerText(content []byte) string {
	n := new(big.Int).SetBytes(content)
	if len(content) > 0 && content[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(content))))
	}
	return strings.ToUpper(n.Text(16))
}

// bitLength returns the bits of a non-negative INTEGER.
func bitLength(content []byte) int { return new(big.Int).SetBytes(content).BitLen() }
