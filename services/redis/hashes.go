package redis

import (
	"math"
	"strconv"
)

func hashHandlers() map[string]handler {
	return map[string]handler{
		"hset":         func(c *client, a [][]byte) { hset(c, a, false) },
		"hmset":        func(c *client, a [][]byte) { hset(c, a, true) },
		"hsetnx":       hsetnx,
		"hget":         hget,
		"hmget":        hmget,
		"hdel":         hdel,
		"hlen":         hlen,
		"hstrlen":      hstrlen,
		"hexists":      hexists,
		"hgetall":      func(c *client, a [][]byte) { hlist(c, a, true, true) },
		"hkeys":        func(c *client, a [][]byte) { hlist(c, a, true, false) },
		"hvals":        func(c *client, a [][]byte) { hlist(c, a, false, true) },
		"hincrby":      hincrby,
		"hincrbyfloat": hincrbyfloat,
		"hrandfield":   hrandfield,
		"hscan":        hscan,
	}
}

func hset(c *client, a [][]byte, plain bool) {
	if len(a)%2 != 0 {
		c.fail("ERR wrong number of arguments for '" + c.cmd.name + "' command")
		return
	}
	v, ok := c.open(a[1], kindHash)
	if !ok {
		return
	}
	fresh := int64(0)
	for i := 2; i < len(a); i += 2 {
		if c.setField(v, a[i], a[i+1]) {
			fresh++
		}
	}
	c.wrote(string(a[1]))
	if plain {
		c.ok()
	} else {
		c.integer(fresh)
	}
}

// setField sets a field of the hash, or adds a member to the set, v.
func (c *client) setField(v *value, name, val []byte) bool {
	grown, added := v.dict.set(string(name), val)
	c.db.grow(v, grown)
	return added
}

func hsetnx(c *client, a [][]byte) {
	v, ok := c.open(a[1], kindHash)
	if !ok {
		return
	}
	if _, there := v.dict.get(string(a[2])); there {
		c.integer(0)
		return
	}
	c.setField(v, a[2], a[3])
	c.wrote(string(a[1]))
	c.integer(1)
}

// field returns a field of a hash that may be missing.
func (v *value) field(name []byte) ([]byte, bool) {
	if v == nil {
		return nil, false
	}
	return v.dict.get(string(name))
}

func (c *client) bulkOrNull(b []byte, there bool) {
	if there {
		c.bulk(b)
	} else {
		c.null()
	}
}

func hget(c *client, a [][]byte) {
	if v, ok := c.find(a[1], kindHash); ok {
		c.bulkOrNull(v.field(a[2]))
	}
}

func hmget(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindHash)
	if !ok {
		return
	}
	c.array(len(a) - 2)
	for _, name := range a[2:] {
		c.bulkOrNull(v.field(name))
	}
}

func hdel(c *client, a [][]byte) { c.removeMembers(a, kindHash) }

// removeMembers removes fields of a hash or members of a set.
func (c *client) removeMembers(a [][]byte, k kind) {
	v, ok := c.find(a[1], k)
	if !ok {
		return
	}
	removed := int64(0)
	if v != nil {
		for _, name := range a[2:] {
			if n := v.dict.remove(string(name)); n > 0 {
				c.db.grow(v, -n)
				removed++
			}
		}
		if removed > 0 {
			c.settle(a[1], v)
		}
	}
	c.integer(removed)
}

func hlen(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindHash)
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(v.dict.len()))
	}
}

func hstrlen(c *client, a [][]byte) {
	if v, ok := c.find(a[1], kindHash); ok {
		b, _ := v.field(a[2])
		c.integer(int64(len(b)))
	}
}

func hexists(c *client, a [][]byte) {
	if v, ok := c.find(a[1], kindHash); ok {
		_, there := v.field(a[2])
		c.flag(there)
	}
}

func hlist(c *client, a [][]byte, names, values bool) {
	v, ok := c.find(a[1], kindHash)
	if !ok {
		return
	}
	var pairs []pair
	if v != nil {
		pairs = c.world.pairsInOrder(v)
	}
	if names && values {
		c.mapping(len(pairs))
	} else {
		c.array(len(pairs))
	}
	for _, p := range pairs {
		if names {
			c.text(p.name)
		}
		if values {
			c.bulk(p.value)
		}
	}
}

func hincrby(c *client, a [][]byte) {
	by, ok := c.int(a[3])
	if !ok {
		return
	}
	v, ok := c.open(a[1], kindHash)
	if !ok {
		return
	}
	n := int64(0)
	if b, there := v.field(a[2]); there {
		if n, ok = parseInt(b); !ok {
			c.fail("ERR hash value is not an integer")
			return
		}
	}
	if by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by {
		c.fail("ERR increment or decrement would overflow")
		return
	}
	c.setField(v, a[2], strconv.AppendInt(nil, n+by, 10))
	c.wrote(string(a[1]))
	c.integer(n + by)
}

func hincrbyfloat(c *client, a [][]byte) {
	by, ok := c.float(a[3], errNotFloat)
	if !ok {
		return
	}
	v, ok := c.open(a[1], kindHash)
	if !ok {
		return
	}
	sum := 0.0
	if b, there := v.field(a[2]); there {
		if sum, ok = c.float(b, "ERR hash value is not a float"); !ok {
			return
		}
	}
	sum += by
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		c.fail("ERR increment would produce NaN or Infinity")
		return
	}
	text := formatHuman(sum)
	c.setField(v, a[2], []byte(text))
	c.wrote(string(a[1]))
	c.text(text)
}

func hrandfield(c *client, a [][]byte) {
	withValues := len(a) == 4 && is(a[3], "withvalues")
	if len(a) > 4 || len(a) == 4 && !withValues {
		c.fail(errSyntax)
		return
	}
	var count int64
	if len(a) > 2 {
		n, ok := c.int(a[2])
		if !ok {
			return
		}
		count = n
	}
	v, ok := c.find(a[1], kindHash)
	if !ok {
		return
	}
	if len(a) == 2 {
		if v == nil {
			c.null()
		} else {
			c.text(v.dict.pairs[c.srv.random(v.dict.len())].name)
		}
		return
	}
	var names []string
	if v != nil {
		for _, p := range v.dict.pairs {
			names = append(names, p.name)
		}
	}
	names = c.srv.sample(names, count)
	switch {
	case !withValues:
		c.texts(names...)
	case c.resp3:
		c.array(len(names))
		for _, n := range names {
			b, _ := v.dict.get(n)
			c.array(2)
			c.text(n)
			c.bulk(b)
		}
	default:
		c.array(2 * len(names))
		for _, n := range names {
			b, _ := v.dict.get(n)
			c.text(n)
			c.bulk(b)
		}
	}
}

func hscan(c *client, a [][]byte) {
	c.scanCollection(a, kindHash, func(v *value, yield func(name string, b []byte)) bool {
		for _, p := range c.world.pairsInOrder(v) {
			yield(p.name, p.value)
		}
		return v.encoding() == "listpack"
	})
}
