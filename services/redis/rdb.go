package redis

import (
	"encoding/binary"
	"hash/crc64"
	"math"
	"strconv"
)

// The types and the version of the server's file format, which DUMP shares.
const (
	rdbVersion    = 10
	rdbString     = 0
	rdbSet        = 2
	rdbZset2      = 5
	rdbHash       = 4
	rdbIntset     = 11
	rdbHashPacked = 16
	rdbZsetPacked = 17
	rdbQuicklist2 = 18

	rdbAux      = 0xfa
	rdbResizeDB = 0xfb
	rdbExpireMS = 0xfc
	rdbSelectDB = 0xfe
	rdbEOF      = 0xff
)

// rdbSum is the checksum of the format: the CRC-64 of Jones, without the complements of
// hash/crc64.
func rdbSum(b []byte) uint64 {
	return ^crc64.Update(^uint64(0), crc64.MakeTable(0x95ac9329ac4bc9b5), b)
}

func appendLength(b []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, 0x40|byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 0x80), uint32(n))
}

// appendText writes a string, small integers in their short form. Longer texts are not
// compressed, which every reader accepts.
func appendText(b, text []byte) []byte {
	if n, ok := parseInt(text); ok && len(text) <= 11 {
		switch {
		case n == int64(int8(n)):
			return append(b, 0xc0, byte(n))
		case n == int64(int16(n)):
			return binary.LittleEndian.AppendUint16(append(b, 0xc1), uint16(n))
		case n == int64(int32(n)):
			return binary.LittleEndian.AppendUint32(append(b, 0xc2), uint32(n))
		}
	}
	return append(appendLength(b, len(text)), text...)
}

// appendValue writes the type and the content of v.
func (w *world) appendValue(b []byte, v *value, key []byte) []byte {
	typed := func(kind byte) []byte {
		b = append(b, kind)
		if key != nil {
			b = appendText(b, key)
		}
		return b
	}
	switch v.kind {
	case kindList:
		b = typed(rdbQuicklist2)
		b = appendLength(b, 1)
		b = appendLength(b, 2) // a packed node
		pack := listpack(v.list)
		return append(appendLength(b, len(pack)), pack...)
	case kindSet:
		names := w.members(v)
		if v.intset() {
			b = typed(rdbIntset)
			pack := intset(names)
			return append(appendLength(b, len(pack)), pack...)
		}
		b = appendLength(typed(rdbSet), len(names))
		for _, n := range names {
			b = appendText(b, []byte(n))
		}
		return b
	case kindHash:
		pairs := w.pairsInOrder(v)
		if v.encoding() != "listpack" {
			b = appendLength(typed(rdbHash), len(pairs))
			for _, p := range pairs {
				b = appendText(appendText(b, []byte(p.name)), p.value)
			}
			return b
		}
		var flat [][]byte
		for _, p := range pairs {
			flat = append(flat, []byte(p.name), p.value)
		}
		b = typed(rdbHashPacked)
		pack := listpack(flat)
		return append(appendLength(b, len(pack)), pack...)
	case kindZset:
		list := v.ranked()
		if v.encoding() != "listpack" {
			b = appendLength(typed(rdbZset2), len(list))
			for i := len(list) - 1; i >= 0; i-- {
				b = appendText(b, []byte(list[i].name))
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(list[i].score))
			}
			return b
		}
		var flat [][]byte
		for _, m := range list {
			flat = append(flat, []byte(m.name), []byte(formatScore(m.score)))
		}
		b = typed(rdbZsetPacked)
		pack := listpack(flat)
		return append(appendLength(b, len(pack)), pack...)
	}
	return appendText(typed(rdbString), v.str)
}

// intset packs sorted integers at the width that the widest needs.
func intset(names []string) []byte {
	width := uint32(2)
	nums := make([]int64, len(names))
	for i, n := range names {
		nums[i], _ = strconv.ParseInt(n, 10, 64)
		switch {
		case nums[i] != int64(int32(nums[i])):
			width = 8
		case nums[i] != int64(int16(nums[i])):
			width = max(width, 4)
		}
	}
	b := binary.LittleEndian.AppendUint32(nil, width)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(nums)))
	for _, n := range nums {
		for i := range width {
			b = append(b, byte(n>>(8*i)))
		}
	}
	return b
}

// listpack packs elements: total size, count, each entry followed by its length for
// reading backwards, and the end mark.
func listpack(list [][]byte) []byte {
	b := make([]byte, 6)
	for _, e := range list {
		start := len(b)
		b = appendPacked(b, e)
		b = appendBackLength(b, len(b)-start)
	}
	b = append(b, 0xff)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint16(b[4:], uint16(min(len(list), math.MaxUint16)))
	return b
}

func appendPacked(b, e []byte) []byte {
	if n, ok := parseInt(e); ok {
		switch {
		case n >= 0 && n <= 127:
			return append(b, byte(n))
		case n >= -4096 && n <= 4095:
			return append(b, 0xc0|byte(n>>8)&0x1f, byte(n))
		case n == int64(int16(n)):
			return binary.LittleEndian.AppendUint16(append(b, 0xf1), uint16(n))
		case n >= -1<<23 && n < 1<<23:
			return append(b, 0xf2, byte(n), byte(n>>8), byte(n>>16))
		case n == int64(int32(n)):
			return binary.LittleEndian.AppendUint32(append(b, 0xf3), uint32(n))
		}
		return binary.LittleEndian.AppendUint64(append(b, 0xf4), uint64(n))
	}
	switch n := len(e); {
	case n < 64:
		b = append(b, 0x80|byte(n))
	case n < 4096:
		b = append(b, 0xe0|byte(n>>8), byte(n))
	default:
		b = binary.LittleEndian.AppendUint32(append(b, 0xf0), uint32(n))
	}
	return append(b, e...)
}

// appendBackLength writes n in groups of 7 bits, the first group last.
func appendBackLength(b []byte, n int) []byte {
	groups := 1
	for n>>(7*groups) != 0 {
		groups++
	}
	for g := groups - 1; g >= 0; g-- {
		x := byte(n>>(7*g)) & 0x7f
		if g != groups-1 {
			x |= 0x80
		}
		b = append(b, x)
	}
	return b
}

func dump(c *client, a [][]byte) {
	v := c.read(a[1])
	if v == nil || v.kind == kindStream {
		c.null()
		return
	}
	b := c.world.appendValue(nil, v, nil)
	b = append(b, rdbVersion, 0)
	c.bulk(binary.LittleEndian.AppendUint64(b, rdbSum(b)))
}

// restore takes back strings. What else a payload can hold is refused as a payload that
// does not fit its checksum.
func restore(c *client, a [][]byte) {
	const bad = "ERR DUMP payload version or checksum are wrong"
	ms, ok := parseInt(a[2])
	replace, absolute := false, false
	for _, o := range a[4:] {
		switch {
		case is(o, "replace"):
			replace = true
		case is(o, "absttl"):
			absolute = true
		default:
			c.fail(errSyntax)
			return
		}
	}
	if !replace && c.db.lookup(string(a[1]), c.now()) != nil {
		c.fail("BUSYKEY Target key name already exists.")
		return
	}
	if !ok {
		c.fail(errNotInt)
		return
	}
	if ms < 0 {
		c.fail("ERR Invalid TTL value, must be >= 0")
		return
	}
	text, ok := undump(a[3])
	if !ok {
		c.fail(bad)
		return
	}
	v := newString(text)
	if ms > 0 {
		v.expire = ms
		if !absolute {
			v.expire += c.now()
		}
	}
	c.store(a[1], v)
	c.ok()
}

// undump returns the string in a payload of DUMP.
func undump(p []byte) ([]byte, bool) {
	if len(p) < 12 || p[0] != rdbString {
		return nil, false
	}
	body, foot := p[:len(p)-8], p[len(p)-8:]
	version := binary.LittleEndian.Uint16(body[len(body)-2:])
	if version > rdbVersion || binary.LittleEndian.Uint64(foot) != rdbSum(body) {
		return nil, false
	}
	body = body[1 : len(body)-2]
	switch kind, n := body[0]>>6, int(body[0]&0x3f); {
	case kind == 0:
		body = body[1:]
		return body, len(body) == n
	case kind == 1 && len(body) >= 2:
		n = n<<8 | int(body[1])
		body = body[2:]
		return body, len(body) == n
	case body[0] == 0x80 && len(body) >= 5:
		n := binary.BigEndian.Uint32(body[1:])
		body = body[5:]
		return body, uint64(len(body)) == uint64(n)
	case body[0] == 0xc0 && len(body) == 2:
		return strconv.AppendInt(nil, int64(int8(body[1])), 10), true
	case body[0] == 0xc1 && len(body) == 3:
		return strconv.AppendInt(nil, int64(int16(binary.LittleEndian.Uint16(body[1:]))), 10), true
	case body[0] == 0xc2 && len(body) == 5:
		return strconv.AppendInt(nil, int64(int32(binary.LittleEndian.Uint32(body[1:]))), 10), true
	}
	return nil, false
}

// snapshot is the file that SAVE would write.
func (s *server) snapshot(w *world) []byte {
	b := []byte("REDIS0010")
	for _, aux := range [][2]string{
		{"redis-ver", s.cfg["version"]}, {"redis-bits", "64"},
		{"ctime", strconv.FormatInt(s.env.Now().Unix(), 10)},
		{"used-mem", strconv.Itoa(s.usedMemory(w))}, {"aof-base", "0"},
	} {
		b = append(b, rdbAux)
		b = appendText(appendText(b, []byte(aux[0])), []byte(aux[1]))
	}
	now := s.env.Now().UnixMilli()
	for i, d := range w.dbs {
		names := d.names(now)
		if len(names) == 0 {
			continue
		}
		b = appendLength(append(b, rdbSelectDB), i)
		b = appendLength(append(b, rdbResizeDB), len(names))
		b = appendLength(b, len(d.expiring(names)))
		for _, n := range names {
			v := d.keys[n]
			if v.kind == kindStream {
				continue
			}
			if v.expire != 0 {
				b = binary.LittleEndian.AppendUint64(append(b, rdbExpireMS), uint64(v.expire))
			}
			b = w.appendValue(b, v, []byte(n))
		}
	}
	b = append(b, rdbEOF)
	return binary.LittleEndian.AppendUint64(b, rdbSum(b))
}

// expiring returns those of names that have a time to live.
func (d *db) expiring(names []string) []string {
	var out []string
	for _, n := range names {
		if d.keys[n].expire != 0 {
			out = append(out, n)
		}
	}
	return out
}
