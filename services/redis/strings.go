package redis

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

const errStringTooBig = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"

func stringHandlers() map[string]handler {
	return map[string]handler{
		"get":         get,
		"set":         set,
		"setnx":       func(c *client, a [][]byte) { c.flag(c.setUnless(a[1], a[2], true)) },
		"setex":       func(c *client, a [][]byte) { setWithTTL(c, a, 1000) },
		"psetex":      func(c *client, a [][]byte) { setWithTTL(c, a, 1) },
		"getset":      getset,
		"getdel":      getdel,
		"getex":       getex,
		"mget":        mget,
		"mset":        func(c *client, a [][]byte) { mset(c, a, false) },
		"msetnx":      func(c *client, a [][]byte) { mset(c, a, true) },
		"append":      appendValue,
		"strlen":      strlen,
		"incr":        func(c *client, a [][]byte) { c.increment(a[1], 1) },
		"decr":        func(c *client, a [][]byte) { c.increment(a[1], -1) },
		"incrby":      incrby,
		"decrby":      decrby,
		"incrbyfloat": incrbyfloat,
		"getrange":    getrange,
		"substr":      getrange,
		"setrange":    setrange,
		"setbit":      setbit,
		"getbit":      getbit,
		"bitcount":    bitcount,
	}
}

func get(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindString)
	switch {
	case !ok:
	case v == nil:
		c.null()
	default:
		c.bulk(v.str)
	}
}

// expiry reads EX, PX, EXAT and PXAT. It returns the moment in Unix milliseconds.
func (c *client) expiry(option, arg []byte, command string) (int64, bool) {
	n, ok := c.int(arg)
	if !ok {
		return 0, false
	}
	invalid := "ERR invalid expire time in '" + command + "' command"
	if n <= 0 {
		c.fail(invalid)
		return 0, false
	}
	absolute := strings.HasSuffix(strings.ToLower(string(option)), "at")
	if option[0] == 'e' || option[0] == 'E' {
		if n > math.MaxInt64/1000 {
			c.fail(invalid)
			return 0, false
		}
		n *= 1000
	}
	if !absolute {
		if n > math.MaxInt64-c.now() {
			c.fail(invalid)
			return 0, false
		}
		n += c.now()
	}
	return n, true
}

func isExpiry(arg []byte) bool {
	return is(arg, "ex") || is(arg, "px") || is(arg, "exat") || is(arg, "pxat")
}

func set(c *client, a [][]byte) {
	var nx, xx, keep, wantOld bool
	var expire, expiryArg []byte
	for i := 3; i < len(a); i++ {
		switch {
		case is(a[i], "nx") && !xx:
			nx = true
		case is(a[i], "xx") && !nx:
			xx = true
		case is(a[i], "get"):
			wantOld = true
		case is(a[i], "keepttl") && expire == nil:
			keep = true
		case isExpiry(a[i]) && expire == nil && !keep && i+1 < len(a):
			expire, expiryArg = a[i], a[i+1]
			i++
		default:
			c.fail(errSyntax)
			return
		}
	}
	fresh := newString(a[2])
	if expire != nil {
		at, ok := c.expiry(expire, expiryArg, "set")
		if !ok {
			return
		}
		fresh.expire = at
	}
	old := c.read(a[1])
	if wantOld {
		if old != nil && old.kind != kindString {
			c.fail(errWrongType)
			return
		}
		if old == nil {
			c.null()
		} else {
			c.bulk(old.str)
		}
	}
	if nx && old != nil || xx && old == nil {
		if !wantOld {
			c.null()
		}
		return
	}
	if keep && old != nil {
		fresh.expire = old.expire
	}
	c.store(a[1], fresh)
	if !wantOld {
		c.ok()
	}
}

// setUnless sets key, unless it exists and once is set.
func (c *client) setUnless(key, val []byte, once bool) bool {
	if once && c.read(key) != nil {
		return false
	}
	c.store(key, newString(val))
	return true
}

func setWithTTL(c *client, a [][]byte, unit int64) {
	option := "px"
	if unit == 1000 {
		option = "ex"
	}
	at, ok := c.expiry([]byte(option), a[2], c.cmd.name)
	if !ok {
		return
	}
	v := newString(a[3])
	v.expire = at
	c.store(a[1], v)
	c.ok()
}

func getset(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	if v == nil {
		c.null()
	} else {
		c.bulk(v.str)
	}
	c.store(a[1], newString(a[2]))
}

func getdel(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	if v == nil {
		c.null()
		return
	}
	c.bulk(v.str)
	c.db.remove(string(a[1]))
	c.wrote(string(a[1]))
}

func getex(c *client, a [][]byte) {
	expire, persist := int64(0), false
	switch {
	case len(a) == 2:
	case len(a) == 3 && is(a[2], "persist"):
		persist = true
	case len(a) == 4 && isExpiry(a[2]):
		at, ok := c.expiry(a[2], a[3], "getex")
		if !ok {
			return
		}
		expire = at
	default:
		c.fail(errSyntax)
		return
	}
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	if v == nil {
		c.null()
		return
	}
	c.bulk(v.str)
	if expire != 0 || persist {
		v.expire = expire
		c.wrote(string(a[1]))
	}
}

func mget(c *client, a [][]byte) {
	c.array(len(a) - 1)
	for _, key := range a[1:] {
		if v := c.read(key); v != nil && v.kind == kindString {
			c.bulk(v.str)
		} else {
			c.null()
		}
	}
}

func mset(c *client, a [][]byte, once bool) {
	if len(a)%2 == 0 {
		c.fail("ERR wrong number of arguments for '" + c.cmd.name + "' command")
		return
	}
	if once {
		for i := 1; i < len(a); i += 2 {
			if c.read(a[i]) != nil {
				c.integer(0)
				return
			}
		}
	}
	for i := 1; i < len(a); i += 2 {
		c.store(a[i], newString(a[i+1]))
	}
	if once {
		c.integer(1)
	} else {
		c.ok()
	}
}

func appendValue(c *client, a [][]byte) {
	v, ok := c.open(a[1], kindString)
	if !ok {
		return
	}
	v.raw = len(v.str) > 0
	v.str = append(bytes.Clone(v.str), a[2]...)
	c.db.grow(v, len(a[2]))
	c.wrote(string(a[1]))
	c.integer(int64(len(v.str)))
}

func strlen(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindString)
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(len(v.str)))
	}
}

func incrby(c *client, a [][]byte) {
	if n, ok := c.int(a[2]); ok {
		c.increment(a[1], n)
	}
}

func decrby(c *client, a [][]byte) {
	n, ok := c.int(a[2])
	if !ok {
		return
	}
	if n == math.MinInt64 {
		c.fail("ERR decrement would overflow")
		return
	}
	c.increment(a[1], -n)
}

func (c *client) increment(key []byte, by int64) {
	v, ok := c.find(key, kindString)
	if !ok {
		return
	}
	n := int64(0)
	if v != nil {
		if n, ok = c.int(v.str); !ok {
			return
		}
	}
	if by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by {
		c.fail("ERR increment or decrement would overflow")
		return
	}
	c.replace(key, v, strconv.AppendInt(nil, n+by, 10))
	c.integer(n + by)
}

// replace makes text the string at key and keeps the time to live of old.
func (c *client) replace(key []byte, old *value, text []byte) {
	v := newString(text)
	if old != nil {
		v.expire = old.expire
	}
	c.store(key, v)
}

func incrbyfloat(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	sum := 0.0
	if v != nil {
		if sum, ok = c.float(v.str, errNotFloat); !ok {
			return
		}
	}
	by, ok := c.float(a[2], errNotFloat)
	if !ok {
		return
	}
	sum += by
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		c.fail("ERR increment would produce NaN or Infinity")
		return
	}
	text := formatHuman(sum)
	c.replace(a[1], v, []byte(text))
	c.text(text)
}

// formatHuman prints a sum the way INCRBYFLOAT does: with 17 decimals at most, and no
// zeros at the end. The server adds long doubles, so the shortest form is the nearest.
func formatHuman(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func getrange(c *client, a [][]byte) {
	from, ok := c.int(a[2])
	if !ok {
		return
	}
	to, ok := c.int(a[3])
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	if v == nil || from < 0 && to < 0 && from > to {
		c.bulk(nil)
		return
	}
	if to < 0 {
		to = max(0, to+int64(len(v.str)))
	}
	if i, j := span(from, to, len(v.str)); i <= j {
		c.bulk(v.str[i : j+1])
	} else {
		c.bulk(nil)
	}
}

// widen returns the bytes of v, at least n of them, or answers that they do not fit.
func (c *client) widen(v *value, n int) ([]byte, bool) {
	var have []byte
	if v != nil {
		have = v.str
	}
	if n > len(have) && !c.world.room(n) {
		c.fail(errOOM)
		return nil, false
	}
	wide := make([]byte, max(n, len(have)))
	copy(wide, have)
	return wide, true
}

func setrange(c *client, a [][]byte) {
	at, ok := c.int(a[2])
	if !ok {
		return
	}
	if at < 0 {
		c.fail("ERR offset is out of range")
		return
	}
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	if len(a[3]) == 0 {
		strlen(c, a[:2])
		return
	}
	if at > maxBulk-int64(len(a[3])) {
		c.fail(errStringTooBig)
		return
	}
	wide, ok := c.widen(v, int(at)+len(a[3]))
	if !ok {
		return
	}
	copy(wide[at:], a[3])
	c.replace(a[1], v, wide)
	c.db.keys[string(a[1])].raw = true
	c.integer(int64(len(wide)))
}

func (c *client) bitOffset(arg []byte) (int64, bool) {
	n, ok := parseInt(arg)
	if !ok || n < 0 || n>>3 >= maxBulk {
		c.fail("ERR bit offset is not an integer or out of range")
		return 0, false
	}
	return n, true
}

func setbit(c *client, a [][]byte) {
	at, ok := c.bitOffset(a[2])
	if !ok {
		return
	}
	if len(a[3]) != 1 || a[3][0]&^1 != '0' {
		c.fail("ERR bit is not an integer or out of range")
		return
	}
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	wide, ok := c.widen(v, int(at>>3)+1)
	if !ok {
		return
	}
	mask := byte(0x80) >> (at & 7)
	c.flag(wide[at>>3]&mask != 0)
	wide[at>>3] &^= mask
	if a[3][0] == '1' {
		wide[at>>3] |= mask
	}
	c.replace(a[1], v, wide)
	c.db.keys[string(a[1])].raw = true
}

func getbit(c *client, a [][]byte) {
	at, ok := c.bitOffset(a[2])
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	c.flag(v != nil && int(at>>3) < len(v.str) && v.str[at>>3]&(0x80>>(at&7)) != 0)
}

func bitcount(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindString)
	if !ok {
		return
	}
	from, to, unit := int64(0), int64(-1), int64(8)
	switch len(a) {
	case 2:
	case 5:
		switch {
		case is(a[4], "bit"):
			unit = 1
		case !is(a[4], "byte"):
			c.fail(errSyntax)
			return
		}
		fallthrough
	case 4:
		if from, ok = c.int(a[2]); !ok {
			return
		}
		if to, ok = c.int(a[3]); !ok {
			return
		}
	default:
		c.fail(errSyntax)
		return
	}
	if v == nil {
		c.integer(0)
		return
	}
	i, j := span(from, to, len(v.str)*8/int(unit))
	count := int64(0)
	for bit := i * int(unit); bit < (j+1)*int(unit) && i <= j; bit++ {
		if v.str[bit>>3]&(0x80>>(bit&7)) != 0 {
			count++
		}
	}
	c.integer(count)
}
