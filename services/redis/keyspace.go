package redis

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

func keyHandlers() map[string]handler {
	return map[string]handler{
		"del":         del,
		"unlink":      del,
		"exists":      exists,
		"touch":       exists,
		"type":        typeOf,
		"ttl":         func(c *client, a [][]byte) { ttl(c, a, 1000, false) },
		"pttl":        func(c *client, a [][]byte) { ttl(c, a, 1, false) },
		"expiretime":  func(c *client, a [][]byte) { ttl(c, a, 1000, true) },
		"pexpiretime": func(c *client, a [][]byte) { ttl(c, a, 1, true) },
		"expire":      func(c *client, a [][]byte) { expire(c, a, 1000, false) },
		"pexpire":     func(c *client, a [][]byte) { expire(c, a, 1, false) },
		"expireat":    func(c *client, a [][]byte) { expire(c, a, 1000, true) },
		"pexpireat":   func(c *client, a [][]byte) { expire(c, a, 1, true) },
		"persist":     persist,
		"keys":        keys,
		"scan":        scan,
		"dbsize":      func(c *client, _ [][]byte) { c.integer(int64(len(c.db.names(c.now())))) },
		"randomkey":   randomkey,
		"rename":      func(c *client, a [][]byte) { rename(c, a, false) },
		"renamenx":    func(c *client, a [][]byte) { rename(c, a, true) },
		"copy":        copyKey,
		"move":        moveKey,
		"flushdb":     func(c *client, a [][]byte) { flush(c, a, c.db) },
		"flushall":    func(c *client, a [][]byte) { flush(c, a, c.world.dbs[:]...) },
		"select":      selectDB,
		"swapdb":      swapdb,
		"dump":        dump,
		"restore":     restore,

		"object|encoding": func(c *client, a [][]byte) {
			c.object(a[2], func(v *value) { c.text(v.encoding()) })
		},
		"object|refcount": func(c *client, a [][]byte) {
			c.object(a[2], func(v *value) { c.integer(v.references()) })
		},
		"object|idletime": func(c *client, a [][]byte) {
			c.object(a[2], func(v *value) { c.integer((c.now() - v.used) / 1000) })
		},
		"object|freq": func(c *client, a [][]byte) {
			c.object(a[2], func(*value) {
				c.fail("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
			})
		},
	}
}

func del(c *client, a [][]byte) {
	n := int64(0)
	for _, key := range a[1:] {
		if c.db.lookup(string(key), c.now()) != nil && c.db.remove(string(key)) {
			c.wrote(string(key))
			n++
		}
	}
	c.integer(n)
}

func exists(c *client, a [][]byte) {
	n := int64(0)
	for _, key := range a[1:] {
		if c.read(key) != nil {
			n++
		}
	}
	c.integer(n)
}

func typeOf(c *client, a [][]byte) {
	if v := c.db.lookup(string(a[1]), c.now()); v != nil {
		c.simple(string(v.kind))
	} else {
		c.simple("none")
	}
}

func ttl(c *client, a [][]byte, unit int64, absolute bool) {
	v := c.db.lookup(string(a[1]), c.now())
	switch {
	case v == nil:
		c.integer(-2)
	case v.expire == 0:
		c.integer(-1)
	case absolute:
		c.integer(v.expire / unit)
	case unit == 1:
		c.integer(v.expire - c.now())
	default:
		c.integer((v.expire - c.now() + 500) / 1000)
	}
}

func expire(c *client, a [][]byte, unit int64, absolute bool) {
	n, ok := c.int(a[2])
	if !ok {
		return
	}
	var nx, xx, gt, lt bool
	for _, o := range a[3:] {
		switch {
		case is(o, "nx"):
			nx = true
		case is(o, "xx"):
			xx = true
		case is(o, "gt"):
			gt = true
		case is(o, "lt"):
			lt = true
		default:
			c.fail("ERR Unsupported option " + string(o))
			return
		}
	}
	if nx && (xx || gt || lt) {
		c.fail("ERR NX and XX, GT or LT options at the same time are not compatible")
		return
	}
	if gt && lt {
		c.fail("ERR GT and LT options at the same time are not compatible")
		return
	}
	base := c.now()
	if absolute {
		base = 0
	}
	if n > math.MaxInt64/unit || n < math.MinInt64/unit || n*unit > math.MaxInt64-base {
		c.fail("ERR invalid expire time in '" + c.cmd.name + "' command")
		return
	}
	at := n*unit + base
	v := c.read(a[1])
	switch {
	case v == nil,
		nx && v.expire != 0,
		xx && v.expire == 0,
		gt && (v.expire == 0 || at <= v.expire),
		lt && v.expire != 0 && at >= v.expire:
		c.integer(0)
		return
	}
	if at <= c.now() {
		c.db.remove(string(a[1]))
	} else {
		v.expire = at
	}
	c.wrote(string(a[1]))
	c.integer(1)
}

func persist(c *client, a [][]byte) {
	v := c.read(a[1])
	if v == nil || v.expire == 0 {
		c.integer(0)
		return
	}
	v.expire = 0
	c.wrote(string(a[1]))
	c.integer(1)
}

func keys(c *client, a [][]byte) {
	c.texts(c.matching(c.db.names(c.now()), a[1])...)
}

func (c *client) matching(names []string, pattern []byte) []string {
	return slices.DeleteFunc(names, func(n string) bool { return !match(pattern, []byte(n)) })
}

// scanOptions are those of the SCAN commands.
type scanOptions struct {
	count   int
	pattern []byte
	kind    string
}

func (c *client) scanOptions(args [][]byte, withType bool) (scanOptions, bool) {
	o := scanOptions{count: 10, pattern: []byte("*")}
	for ; len(args) > 0; args = args[2:] {
		switch {
		case len(args) < 2:
			return o, c.refuse(errSyntax)
		case is(args[0], "count"):
			n, ok := c.int(args[1])
			if !ok {
				return o, false
			}
			if n < 1 {
				return o, c.refuse(errSyntax)
			}
			o.count = int(min(n, 1<<20))
		case is(args[0], "match"):
			o.pattern = args[1]
		case is(args[0], "type") && withType:
			o.kind = string(args[1])
		default:
			return o, c.refuse(errSyntax)
		}
	}
	return o, true
}

// cursor reads a SCAN cursor.
func (c *client) cursor(arg []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(arg), 10, 64)
	if err != nil {
		return 0, c.refuse("ERR invalid cursor")
	}
	return n, true
}

func scan(c *client, a [][]byte) {
	from, ok := c.cursor(a[1])
	if !ok {
		return
	}
	o, ok := c.scanOptions(a[2:], true)
	if !ok {
		return
	}
	names, next := c.world.scan(c.db.names(c.now()), from, o.count)
	names = slices.DeleteFunc(c.matching(names, o.pattern), func(n string) bool {
		return o.kind != "" && !is([]byte(o.kind), string(c.db.keys[n].kind))
	})
	c.array(2)
	c.text(strconv.FormatUint(next, 10))
	c.texts(names...)
}

// scanCollection answers HSCAN, SSCAN and ZSCAN. each lists the elements and reports
// whether the server would hold them in one piece, which it returns at once.
func (c *client) scanCollection(a [][]byte, k kind, each func(*value, func(string, []byte)) bool) {
	from, ok := c.cursor(a[2])
	if !ok {
		return
	}
	v, ok := c.find(a[1], k)
	if !ok {
		return
	}
	if v == nil {
		c.array(2)
		c.text("0")
		c.array(0)
		return
	}
	o, ok := c.scanOptions(a[3:], false)
	if !ok {
		return
	}
	var names []string
	second := map[string][]byte{}
	whole := each(v, func(name string, b []byte) {
		names = append(names, name)
		second[name] = b
	})
	next := uint64(0)
	if !whole {
		names, next = c.world.scan(names, from, o.count)
	}
	names = c.matching(names, o.pattern)
	c.array(2)
	c.text(strconv.FormatUint(next, 10))
	if k == kindSet {
		c.texts(names...)
		return
	}
	c.array(2 * len(names))
	for _, n := range names {
		c.text(n)
		c.bulk(second[n])
	}
}

func randomkey(c *client, _ [][]byte) {
	names := c.db.names(c.now())
	if len(names) == 0 {
		c.null()
		return
	}
	c.text(names[c.srv.random(len(names))])
}

func rename(c *client, a [][]byte, once bool) {
	v := c.read(a[1])
	if v == nil {
		c.fail(errNoKey)
		return
	}
	if once && c.db.lookup(string(a[2]), c.now()) != nil {
		c.integer(0)
		return
	}
	if !bytes.Equal(a[1], a[2]) {
		c.db.remove(string(a[1]))
		c.db.put(string(a[2]), v)
		c.wrote(string(a[1]))
	}
	if once {
		c.integer(1)
	} else {
		c.ok()
	}
}

// database reads a database number.
func (c *client) database(arg []byte, refusal string) (*db, bool) {
	n, ok := parseInt(arg)
	if !ok {
		return nil, c.refuse(refusal)
	}
	if n < 0 || n >= databases {
		return nil, c.refuse("ERR DB index is out of range")
	}
	return c.world.dbs[n], true
}

func copyKey(c *client, a [][]byte) {
	to, replace := c.db, false
	for i := 3; i < len(a); i++ {
		switch {
		case is(a[i], "replace"):
			replace = true
		case is(a[i], "db") && i+1 < len(a):
			var ok bool
			if to, ok = c.database(a[i+1], errNotInt); !ok {
				return
			}
			i++
		default:
			c.fail(errSyntax)
			return
		}
	}
	if to == c.db && bytes.Equal(a[1], a[2]) {
		c.fail("ERR source and destination objects are the same")
		return
	}
	v := c.read(a[1])
	if v == nil || !replace && to.lookup(string(a[2]), c.now()) != nil {
		c.integer(0)
		return
	}
	if !c.world.room(v.size) {
		c.fail(errOOM)
		return
	}
	to.put(string(a[2]), v.clone())
	c.world.touch()
	c.integer(1)
}

func moveKey(c *client, a [][]byte) {
	to, ok := c.database(a[2], errNotInt)
	if !ok {
		return
	}
	if to == c.db {
		c.fail("ERR source and destination objects are the same")
		return
	}
	v := c.read(a[1])
	if v == nil || to.lookup(string(a[1]), c.now()) != nil {
		c.integer(0)
		return
	}
	c.db.remove(string(a[1]))
	to.put(string(a[1]), v)
	c.world.touch()
	c.integer(1)
}

func flush(c *client, a [][]byte, dbs ...*db) {
	if len(a) > 2 || len(a) == 2 && !is(a[1], "sync") && !is(a[1], "async") {
		c.fail(errSyntax)
		return
	}
	for _, d := range dbs {
		d.flush()
	}
	c.world.touch()
	c.ok()
}

func selectDB(c *client, a [][]byte) {
	if d, ok := c.database(a[1], "ERR value is not an integer or out of range"); ok {
		c.db = d
		c.ok()
	}
}

func swapdb(c *client, a [][]byte) {
	x, ok := c.database(a[1], "ERR invalid first DB index")
	if !ok {
		return
	}
	y, ok := c.database(a[2], "ERR invalid second DB index")
	if !ok {
		return
	}
	x.keys, y.keys = y.keys, x.keys
	c.world.touch()
	c.ok()
}

// object runs then for the value at key.
func (c *client) object(key []byte, then func(*value)) {
	if v := c.db.lookup(string(key), c.now()); v != nil {
		then(v)
	} else {
		c.null()
	}
}

// references returns what OBJECT REFCOUNT shows: small integers are shared.
func (v *value) references() int64 {
	if n, ok := parseInt(v.str); ok && v.kind == kindString && n >= 0 && n < 10000 {
		return math.MaxInt32
	}
	return 1
}
