package redis

import (
	"bytes"
	"slices"
	"time"
)

func listHandlers() map[string]handler {
	return map[string]handler{
		"lpush":      func(c *client, a [][]byte) { push(c, a, true, false) },
		"rpush":      func(c *client, a [][]byte) { push(c, a, false, false) },
		"lpushx":     func(c *client, a [][]byte) { push(c, a, true, true) },
		"rpushx":     func(c *client, a [][]byte) { push(c, a, false, true) },
		"lpop":       func(c *client, a [][]byte) { pop(c, a, true) },
		"rpop":       func(c *client, a [][]byte) { pop(c, a, false) },
		"llen":       llen,
		"lrange":     lrange,
		"lindex":     lindex,
		"lset":       lset,
		"lrem":       lrem,
		"ltrim":      ltrim,
		"linsert":    linsert,
		"lpos":       lpos,
		"rpoplpush":  func(c *client, a [][]byte) { c.move(a[1], a[2], false, true) },
		"lmove":      lmove,
		"blpop":      func(c *client, a [][]byte) { blockingPop(c, a, true) },
		"brpop":      func(c *client, a [][]byte) { blockingPop(c, a, false) },
		"brpoplpush": brpoplpush,
	}
}

func push(c *client, a [][]byte, left, existing bool) {
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	if v == nil && existing {
		c.integer(0)
		return
	}
	if v, ok = c.open(a[1], kindList); !ok {
		return
	}
	for _, e := range a[2:] {
		c.add(v, e, left)
	}
	c.wrote(string(a[1]))
	c.integer(int64(len(v.list)))
}

// add puts e at an end of the list v.
func (c *client) add(v *value, e []byte, left bool) {
	if left {
		v.list = slices.Insert(v.list, 0, e)
	} else {
		v.list = append(v.list, e)
	}
	c.db.grow(v, len(e)+entrySize)
}

// take removes an element from an end of the list v.
func (c *client) take(v *value, left bool) []byte {
	at := len(v.list) - 1
	if left {
		at = 0
	}
	e := v.list[at]
	v.list = slices.Delete(v.list, at, at+1)
	c.db.grow(v, -len(e)-entrySize)
	return e
}

// popCount reads how many elements a command such as LPOP is to take; unsaid is what it is
// without a number, and excess the answer to more arguments.
func (c *client) popCount(a [][]byte, unsaid int64, excess string) (int64, bool) {
	switch len(a) {
	case 2:
		return unsaid, true
	case 3:
		if n, ok := parseInt(a[2]); ok && n >= 0 {
			return n, true
		}
		c.fail("ERR value is out of range, must be positive")
	default:
		c.fail(excess)
	}
	return 0, false
}

func pop(c *client, a [][]byte, left bool) {
	count, ok := c.popCount(a, -1, "ERR wrong number of arguments for '"+c.cmd.name+"' command")
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindList)
	switch {
	case !ok:
		return
	case v == nil && count < 0:
		c.null()
		return
	case v == nil:
		c.nullArray()
		return
	case count == 0:
		c.array(0)
		return
	case count < 0:
		c.bulk(c.take(v, left))
	default:
		n := min(int(min(count, int64(len(v.list)))), len(v.list))
		c.array(n)
		for range n {
			c.bulk(c.take(v, left))
		}
	}
	c.settle(a[1], v)
}

func llen(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindList)
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(len(v.list)))
	}
}

func (c *client) bounds(from, to []byte) (int64, int64, bool) {
	i, ok := c.int(from)
	if !ok {
		return 0, 0, false
	}
	j, ok := c.int(to)
	return i, j, ok
}

func lrange(c *client, a [][]byte) {
	from, to, ok := c.bounds(a[2], a[3])
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	if v == nil {
		c.array(0)
		return
	}
	i, j := span(from, to, len(v.list))
	c.bulks(v.list[i:max(i, j+1)][:j+1-i])
}

// at returns the index of a list that n means.
func at(n int64, size int) (int, bool) {
	if n < 0 {
		n += int64(size)
	}
	return int(n), n >= 0 && n < int64(size)
}

func lindex(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	if v == nil {
		c.null()
		return
	}
	n, ok := c.int(a[2])
	if !ok {
		return
	}
	if i, ok := at(n, len(v.list)); ok {
		c.bulk(v.list[i])
	} else {
		c.null()
	}
}

func lset(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	if v == nil {
		c.fail(errNoKey)
		return
	}
	n, ok := c.int(a[2])
	if !ok {
		return
	}
	i, ok := at(n, len(v.list))
	if !ok {
		c.fail(errRange)
		return
	}
	c.db.grow(v, len(a[3])-len(v.list[i]))
	v.list[i] = a[3]
	c.wrote(string(a[1]))
	c.ok()
}

func lrem(c *client, a [][]byte) {
	n, ok := c.int(a[2])
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	if v == nil {
		c.integer(0)
		return
	}
	fromEnd := n < 0
	limit := len(v.list)
	if n != 0 && n > -int64(limit) && n < int64(limit) {
		limit = int(max(n, -n))
	}
	if fromEnd {
		slices.Reverse(v.list)
	}
	removed := 0
	v.list = slices.DeleteFunc(v.list, func(e []byte) bool {
		if removed < limit && bytes.Equal(e, a[3]) {
			removed++
			return true
		}
		return false
	})
	if fromEnd {
		slices.Reverse(v.list)
	}
	if removed > 0 {
		c.db.grow(v, -removed*(len(a[3])+entrySize))
		c.settle(a[1], v)
	}
	c.integer(int64(removed))
}

func ltrim(c *client, a [][]byte) {
	from, to, ok := c.bounds(a[2], a[3])
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	if v != nil {
		i, j := span(from, to, len(v.list))
		for n, e := range v.list {
			if n < i || n > j {
				c.db.grow(v, -len(e)-entrySize)
			}
		}
		v.list = slices.Clone(v.list[i:max(i, j+1)][:j+1-i])
		c.settle(a[1], v)
	}
	c.ok()
}

func linsert(c *client, a [][]byte) {
	after := is(a[2], "after")
	if !after && !is(a[2], "before") {
		c.fail(errSyntax)
		return
	}
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	if v == nil {
		c.integer(0)
		return
	}
	i := slices.IndexFunc(v.list, func(e []byte) bool { return bytes.Equal(e, a[3]) })
	if i < 0 {
		c.integer(-1)
		return
	}
	if after {
		i++
	}
	v.list = slices.Insert(v.list, i, a[4])
	c.db.grow(v, len(a[4])+entrySize)
	c.wrote(string(a[1]))
	c.integer(int64(len(v.list)))
}

func lpos(c *client, a [][]byte) {
	rank, count, maxlen := int64(1), int64(-1), int64(0)
	for i := 3; i < len(a); i += 2 {
		if i+1 >= len(a) {
			c.fail(errSyntax)
			return
		}
		n, isInt := parseInt(a[i+1])
		switch {
		case is(a[i], "rank"):
			if !isInt || n == 0 {
				if !isInt {
					c.fail(errNotInt)
				} else {
					c.fail("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list")
				}
				return
			}
			rank = n
		case is(a[i], "count"):
			if !isInt || n < 0 {
				c.fail("ERR COUNT can't be negative")
				return
			}
			count = n
		case is(a[i], "maxlen"):
			if !isInt || n < 0 {
				c.fail("ERR MAXLEN can't be negative")
				return
			}
			maxlen = n
		default:
			c.fail(errSyntax)
			return
		}
	}
	v, ok := c.find(a[1], kindList)
	if !ok {
		return
	}
	var found []int64
	if v != nil {
		found = positions(v.list, a[2], rank, count, maxlen)
	}
	switch {
	case count >= 0:
		c.array(len(found))
		for _, p := range found {
			c.integer(p)
		}
	case len(found) > 0:
		c.integer(found[0])
	default:
		c.null()
	}
}

// positions returns where e is in list, from the rank-th match on, at most count (0: all,
// negative: one) after maxlen comparisons (0: all).
func positions(list [][]byte, e []byte, rank, count, maxlen int64) []int64 {
	var found []int64
	skip := max(rank, -rank) - 1
	for n := range list {
		if maxlen > 0 && int64(n) >= maxlen {
			break
		}
		i := n
		if rank < 0 {
			i = len(list) - 1 - n
		}
		if !bytes.Equal(list[i], e) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		found = append(found, int64(i))
		if count < 0 || count > 0 && int64(len(found)) == count {
			break
		}
	}
	return found
}

func lmove(c *client, a [][]byte) {
	var ends [2]bool
	for i, arg := range a[3:5] {
		switch {
		case is(arg, "left"):
			ends[i] = true
		case !is(arg, "right"):
			c.fail(errSyntax)
			return
		}
	}
	c.move(a[1], a[2], ends[0], ends[1])
}

// move takes an element from one list to another. It reports whether there was one, or
// an error was answered.
func (c *client) move(src, dst []byte, fromLeft, toLeft bool) bool {
	from, ok := c.find(src, kindList)
	if !ok {
		return true
	}
	if from == nil {
		c.null()
		return false
	}
	if _, ok := c.find(dst, kindList); !ok {
		return true
	}
	e := c.take(from, fromLeft)
	to, _ := c.open(dst, kindList)
	c.add(to, e, toLeft)
	c.settle(src, from)
	c.wrote(string(dst))
	c.bulk(e)
	return true
}

// timeout reads how long a blocking command waits.
func (c *client) timeout(arg []byte) (time.Duration, bool) {
	f, ok := c.float(arg, "ERR timeout is not a float or out of range")
	if !ok {
		return 0, false
	}
	if f < 0 {
		c.fail("ERR timeout is negative")
		return 0, false
	}
	if f > 1e9 {
		c.fail("ERR timeout is out of range")
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}

// wait repeats try at each write of another connection until it reports true, the time
// is over (0: never) or the session is. In a transaction it tries once. The world is
// unlocked while it waits, and what was answered before is sent.
func (c *client) wait(limit time.Duration, try func() bool) bool {
	if try() {
		return true
	}
	if c.inMulti {
		return false
	}
	if limit == 0 || limit > c.session.Idle() {
		limit = c.session.Idle()
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		if c.world.changed == nil {
			c.world.changed = make(chan struct{})
		}
		changed := c.world.changed
		c.world.mu.Unlock()
		over := c.flush() != nil
		select {
		case <-changed:
		case <-timer.C:
			over = true
		case <-c.ctx.Done():
			over = true
		}
		c.world.mu.Lock()
		if over {
			return false
		}
		if try() {
			return true
		}
	}
}

func blockingPop(c *client, a [][]byte, left bool) {
	limit, ok := c.timeout(a[len(a)-1])
	if !ok {
		return
	}
	done := c.wait(limit, func() bool {
		for _, key := range a[1 : len(a)-1] {
			v, ok := c.find(key, kindList)
			if !ok {
				return true
			}
			if v != nil {
				c.array(2)
				c.bulk(key)
				c.bulk(c.take(v, left))
				c.settle(key, v)
				return true
			}
		}
		return false
	})
	if !done {
		c.nullArray()
	}
}

func brpoplpush(c *client, a [][]byte) {
	limit, ok := c.timeout(a[3])
	if !ok {
		return
	}
	done := c.wait(limit, func() bool {
		if v, ok := c.find(a[1], kindList); ok && v == nil {
			return false
		}
		return c.move(a[1], a[2], false, true)
	})
	if !done {
		c.nullArray()
	}
}
