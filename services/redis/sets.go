package redis

import "slices"

func setHandlers() map[string]handler {
	return map[string]handler{
		"sadd":        sadd,
		"srem":        func(c *client, a [][]byte) { c.removeMembers(a, kindSet) },
		"scard":       scard,
		"sismember":   sismember,
		"smismember":  smismember,
		"smembers":    smembers,
		"spop":        spop,
		"srandmember": srandmember,
		"smove":       smove,
		"sinter":      func(c *client, a [][]byte) { c.listSet(c.combine(a[1:], inter)) },
		"sunion":      func(c *client, a [][]byte) { c.listSet(c.combine(a[1:], union)) },
		"sdiff":       func(c *client, a [][]byte) { c.listSet(c.combine(a[1:], diff)) },
		"sinterstore": func(c *client, a [][]byte) { c.keepSet(a, inter) },
		"sunionstore": func(c *client, a [][]byte) { c.keepSet(a, union) },
		"sdiffstore":  func(c *client, a [][]byte) { c.keepSet(a, diff) },
		"sintercard":  sintercard,
		"sscan": func(c *client, a [][]byte) {
			c.scanCollection(a, kindSet, func(v *value, yield func(string, []byte)) bool {
				for _, m := range c.world.members(v) {
					yield(m, nil)
				}
				return v.intset()
			})
		},
	}
}

func sadd(c *client, a [][]byte) {
	v, ok := c.open(a[1], kindSet)
	if !ok {
		return
	}
	added := int64(0)
	for _, m := range a[2:] {
		if c.setField(v, m, nil) {
			added++
		}
	}
	if added > 0 {
		c.wrote(string(a[1]))
	}
	c.integer(added)
}

func scard(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindSet)
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(v.dict.len()))
	}
}

func sismember(c *client, a [][]byte) {
	if v, ok := c.find(a[1], kindSet); ok {
		_, there := v.field(a[2])
		c.flag(there)
	}
}

func smismember(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindSet)
	if !ok {
		return
	}
	c.array(len(a) - 2)
	for _, m := range a[2:] {
		_, there := v.field(m)
		c.flag(there)
	}
}

func smembers(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindSet)
	if !ok {
		return
	}
	var names []string
	if v != nil {
		names = c.world.members(v)
	}
	c.set(len(names))
	for _, n := range names {
		c.text(n)
	}
}

func spop(c *client, a [][]byte) {
	count, ok := c.popCount(a, -1, errSyntax)
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindSet)
	switch {
	case !ok:
		return
	case v == nil && count < 0:
		c.null()
		return
	case v == nil || count == 0:
		c.set(0)
		return
	}
	names := c.srv.sample(c.world.members(v), max(count, 1))
	if count >= 0 {
		c.set(len(names))
	}
	for _, n := range names {
		c.text(n)
		c.db.grow(v, -v.dict.remove(n))
	}
	c.settle(a[1], v)
}

func srandmember(c *client, a [][]byte) {
	if len(a) > 3 {
		c.fail(errSyntax)
		return
	}
	var count int64
	if len(a) == 3 {
		n, ok := c.int(a[2])
		if !ok {
			return
		}
		count = n
	}
	v, ok := c.find(a[1], kindSet)
	if !ok {
		return
	}
	var names []string
	if v != nil {
		names = c.world.members(v)
	}
	switch {
	case len(a) == 3:
		c.texts(c.srv.sample(names, count)...)
	case v == nil:
		c.null()
	default:
		c.text(names[c.srv.random(len(names))])
	}
}

func smove(c *client, a [][]byte) {
	from, ok := c.find(a[1], kindSet)
	if !ok {
		return
	}
	if _, ok := c.find(a[2], kindSet); !ok {
		return
	}
	if from == nil {
		c.integer(0)
		return
	}
	n := from.dict.remove(string(a[3]))
	if n == 0 {
		c.integer(0)
		return
	}
	c.db.grow(from, -n)
	to, _ := c.open(a[2], kindSet)
	c.setField(to, a[3], nil)
	c.settle(a[1], from)
	c.wrote(string(a[2]))
	c.integer(1)
}

type setOperation int

const (
	inter setOperation = iota
	union
	diff
)

// combine returns the members that op leaves of the sets at keys, nil and false after an
// error was answered.
func (c *client) combine(keys [][]byte, op setOperation) ([]string, bool) {
	sets := make([]*value, len(keys))
	for i, key := range keys {
		v, ok := c.find(key, kindSet)
		if !ok {
			return nil, false
		}
		sets[i] = v
	}
	counts := map[string]int{}
	var order []string
	for i, v := range sets {
		if v == nil {
			continue
		}
		for _, p := range v.dict.pairs {
			switch n, seen := counts[p.name]; {
			case op == union && !seen, op != union && i == 0:
				counts[p.name] = 1
				order = append(order, p.name)
			case op == inter && n == i:
				counts[p.name]++
			case op == diff && seen:
				counts[p.name]++
			}
		}
	}
	want := map[setOperation]int{inter: len(keys), union: 1, diff: 1}[op]
	return slices.DeleteFunc(order, func(m string) bool { return counts[m] != want }), true
}

// setOf makes a set of names.
func setOf(names []string) *value {
	v := &value{kind: kindSet}
	for _, n := range names {
		grown, _ := v.dict.set(n, nil)
		v.size += grown
	}
	return v
}

func (c *client) listSet(names []string, ok bool) {
	if !ok {
		return
	}
	names = c.world.members(setOf(names))
	c.set(len(names))
	for _, n := range names {
		c.text(n)
	}
}

func (c *client) keepSet(a [][]byte, op setOperation) {
	names, ok := c.combine(a[2:], op)
	if !ok {
		return
	}
	c.keep(a[1], setOf(names), len(names))
}

// keep stores the n elements of v at key, or removes key when there are none, and answers
// how many there are.
func (c *client) keep(key []byte, v *value, n int) {
	switch {
	case n == 0:
		if c.db.remove(string(key)) {
			c.wrote(string(key))
		}
	case !c.world.room(v.size):
		c.fail(errOOM)
		return
	default:
		c.store(key, v)
	}
	c.integer(int64(n))
}

// countedKeys reads "numkeys key …" at the beginning of args and returns the rest.
func (c *client) countedKeys(args [][]byte, refusal string) (keys, rest [][]byte, ok bool) {
	n, isInt := parseInt(args[0])
	if !isInt || n <= 0 {
		c.fail(refusal)
		return nil, nil, false
	}
	if n > int64(len(args)-1) {
		return nil, nil, c.refuse("ERR Number of keys can't be greater than number of args")
	}
	return args[1 : 1+n], args[1+n:], true
}

// refuse answers an error and returns false.
func (c *client) refuse(text string) bool {
	c.fail(text)
	return false
}

func sintercard(c *client, a [][]byte) {
	keys, rest, ok := c.countedKeys(a[1:], "ERR numkeys should be greater than 0")
	if !ok {
		return
	}
	limit := int64(0)
	for len(rest) > 0 {
		if !is(rest[0], "limit") || len(rest) < 2 {
			c.fail(errSyntax)
			return
		}
		n, isInt := parseInt(rest[1])
		if !isInt || n < 0 {
			c.fail("ERR LIMIT can't be negative")
			return
		}
		limit, rest = n, rest[2:]
	}
	names, ok := c.combine(keys, inter)
	if !ok {
		return
	}
	n := int64(len(names))
	if limit > 0 {
		n = min(n, limit)
	}
	c.integer(n)
}
