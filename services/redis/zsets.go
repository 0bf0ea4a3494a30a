package redis

import (
	"cmp"
	"math"
	"slices"
)

const errMinMax = "ERR min or max is not a float"

func zsetHandlers() map[string]handler {
	m := map[string]handler{
		"zadd":          zadd,
		"zincrby":       zincrby,
		"zscore":        zscore,
		"zmscore":       zmscore,
		"zcard":         zcard,
		"zrem":          zrem,
		"zcount":        zcount,
		"zlexcount":     zlexcount,
		"zrank":         func(c *client, a [][]byte) { zrank(c, a, false) },
		"zrevrank":      func(c *client, a [][]byte) { zrank(c, a, true) },
		"zrange":        zrange,
		"zrevrange":     func(c *client, a [][]byte) { c.rangeBy(a[1], a[2:4], a[4:], zquery{rev: true, fixed: true}) },
		"zrangebyscore": func(c *client, a [][]byte) { c.rangeBy(a[1], a[2:4], a[4:], zquery{by: byScore, fixed: true}) },
		"zrevrangebyscore": func(c *client, a [][]byte) {
			c.rangeBy(a[1], a[2:4], a[4:], zquery{by: byScore, rev: true, fixed: true})
		},
		"zrangebylex":      func(c *client, a [][]byte) { c.rangeBy(a[1], a[2:4], a[4:], zquery{by: byLex, fixed: true}) },
		"zrevrangebylex":   func(c *client, a [][]byte) { c.rangeBy(a[1], a[2:4], a[4:], zquery{by: byLex, rev: true, fixed: true}) },
		"zremrangebyrank":  func(c *client, a [][]byte) { zremrange(c, a, byRank) },
		"zremrangebyscore": func(c *client, a [][]byte) { zremrange(c, a, byScore) },
		"zremrangebylex":   func(c *client, a [][]byte) { zremrange(c, a, byLex) },
		"zpopmin":          func(c *client, a [][]byte) { zpop(c, a, false) },
		"zpopmax":          func(c *client, a [][]byte) { zpop(c, a, true) },
		"zscan":            zscan,
	}
	return m
}

// setScore sets the score of a member of the sorted set v.
func (c *client) setScore(v *value, name string, score float64) {
	if v.scores == nil {
		v.scores = map[string]float64{}
	}
	if _, ok := v.scores[name]; !ok {
		c.db.grow(v, len(name)+entrySize)
	}
	v.scores[name] = score
}

func (c *client) dropMember(v *value, name string) bool {
	if _, ok := v.scores[name]; !ok {
		return false
	}
	delete(v.scores, name)
	c.db.grow(v, -len(name)-entrySize)
	return true
}

func zadd(c *client, a [][]byte) {
	var nx, xx, gt, lt, ch, incr bool
	i := 2
options:
	for ; i < len(a); i++ {
		switch {
		case is(a[i], "nx"):
			nx = true
		case is(a[i], "xx"):
			xx = true
		case is(a[i], "gt"):
			gt = true
		case is(a[i], "lt"):
			lt = true
		case is(a[i], "ch"):
			ch = true
		case is(a[i], "incr"):
			incr = true
		default:
			break options
		}
	}
	pairs := a[i:]
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		c.fail(errSyntax)
		return
	case nx && xx:
		c.fail("ERR XX and NX options at the same time are not compatible")
		return
	case gt && (nx || lt) || lt && nx:
		c.fail("ERR GT, LT, and/or NX options at the same time are not compatible")
		return
	case incr && len(pairs) > 2:
		c.fail("ERR INCR option supports a single increment-element pair")
		return
	}
	scores := make([]float64, 0, len(pairs)/2)
	for j := 0; j < len(pairs); j += 2 {
		f, ok := c.float(pairs[j], errNotFloat)
		if !ok {
			return
		}
		scores = append(scores, f)
	}
	v, ok := c.find(a[1], kindZset)
	if !ok {
		return
	}
	if v == nil {
		if xx {
			if incr {
				c.null()
			} else {
				c.integer(0)
			}
			return
		}
		v, _ = c.open(a[1], kindZset)
	}
	added, updated, result, done := int64(0), int64(0), 0.0, false
	for j, score := range scores {
		name := string(pairs[2*j+1])
		old, there := v.scores[name]
		if incr {
			score += old
			if math.IsNaN(score) {
				c.fail("ERR resulting score is not a number (NaN)")
				return
			}
		}
		switch {
		case there && (nx || gt && score <= old || lt && score >= old), !there && xx:
			continue
		case !there:
			added++
		case score != old:
			updated++
		}
		c.setScore(v, name, score)
		result, done = score, true
	}
	if added+updated > 0 {
		c.wrote(string(a[1]))
	}
	switch {
	case incr && !done:
		c.null()
	case incr:
		c.double(result)
	case ch:
		c.integer(added + updated)
	default:
		c.integer(added)
	}
}

func zincrby(c *client, a [][]byte) {
	by, ok := c.float(a[2], errNotFloat)
	if !ok {
		return
	}
	v, ok := c.open(a[1], kindZset)
	if !ok {
		return
	}
	sum := v.scores[string(a[3])] + by
	if math.IsNaN(sum) {
		c.fail("ERR resulting score is not a number (NaN)")
		return
	}
	c.setScore(v, string(a[3]), sum)
	c.wrote(string(a[1]))
	c.double(sum)
}

func (v *value) score(name []byte) (float64, bool) {
	if v == nil {
		return 0, false
	}
	f, ok := v.scores[string(name)]
	return f, ok
}

func zscore(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindZset)
	if !ok {
		return
	}
	if f, there := v.score(a[2]); there {
		c.double(f)
	} else {
		c.null()
	}
}

func zmscore(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindZset)
	if !ok {
		return
	}
	c.array(len(a) - 2)
	for _, m := range a[2:] {
		if f, there := v.score(m); there {
			c.double(f)
		} else {
			c.null()
		}
	}
}

func zcard(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindZset)
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(len(v.scores)))
	}
}

func zrem(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindZset)
	if !ok {
		return
	}
	removed := int64(0)
	if v != nil {
		for _, m := range a[2:] {
			if c.dropMember(v, string(m)) {
				removed++
			}
		}
		if removed > 0 {
			c.settle(a[1], v)
		}
	}
	c.integer(removed)
}

func zrank(c *client, a [][]byte, rev bool) {
	v, ok := c.find(a[1], kindZset)
	if !ok {
		return
	}
	if _, there := v.score(a[2]); !there {
		c.null()
		return
	}
	list := v.ranked()
	i := slices.IndexFunc(list, func(m member) bool { return m.name == string(a[2]) })
	if rev {
		i = len(list) - 1 - i
	}
	c.integer(int64(i))
}

type rangeKind int

const (
	byRank rangeKind = iota
	byScore
	byLex
)

// zquery is a range command with its options.
type zquery struct {
	by     rangeKind
	rev    bool
	fixed  bool // BYSCORE, BYLEX and REV are not options of this command
	scores bool
	limit  bool
	offset int64
	count  int64
}

func zrange(c *client, a [][]byte) { c.rangeBy(a[1], a[2:4], a[4:], zquery{}) }

func (c *client) rangeBy(key []byte, bounds, options [][]byte, q zquery) {
	q.count = -1
	for i := 0; i < len(options); i++ {
		switch o := options[i]; {
		case is(o, "withscores") && q.by != byLex:
			q.scores = true
		case is(o, "limit") && i+2 < len(options) && (q.by != byRank || !q.fixed):
			var ok bool
			if q.offset, q.count, ok = c.bounds(options[i+1], options[i+2]); !ok {
				return
			}
			q.limit = true
			i += 2
		case is(o, "rev") && !q.fixed:
			q.rev = true
		case is(o, "byscore") && !q.fixed:
			q.by = byScore
		case is(o, "bylex") && !q.fixed:
			q.by = byLex
		default:
			c.fail(errSyntax)
			return
		}
	}
	switch {
	case q.limit && q.count != -1 && q.by == byRank:
		c.fail("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
		return
	case q.scores && q.by == byLex:
		c.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
		return
	}
	list, ok := c.selected(key, bounds, q)
	if !ok {
		return
	}
	if q.offset < 0 || q.offset >= int64(len(list)) {
		list = nil
	} else {
		list = list[q.offset:]
	}
	if q.count >= 0 && q.count < int64(len(list)) {
		list = list[:q.count]
	}
	c.listMembers(list, q.scores)
}

func (c *client) listMembers(list []member, scores bool) {
	switch {
	case !scores:
		c.array(len(list))
		for _, m := range list {
			c.text(m.name)
		}
	case c.resp3:
		c.array(len(list))
		for _, m := range list {
			c.array(2)
			c.text(m.name)
			c.double(m.score)
		}
	default:
		c.array(2 * len(list))
		for _, m := range list {
			c.text(m.name)
			c.double(m.score)
		}
	}
}

// selected returns the members that q selects, before LIMIT.
func (c *client) selected(key []byte, bounds [][]byte, q zquery) ([]member, bool) {
	lo, hi := bounds[0], bounds[1]
	if q.rev && q.by != byRank {
		lo, hi = hi, lo
	}
	var low, high func(member) bool // within the lower and the upper end
	var from, to int64
	switch q.by {
	case byRank:
		var ok bool
		if from, to, ok = c.bounds(lo, hi); !ok {
			return nil, false
		}
	case byScore:
		min, exMin, ok1 := scoreBound(lo)
		max, exMax, ok2 := scoreBound(hi)
		if !ok1 || !ok2 {
			return nil, c.refuse(errMinMax)
		}
		low = func(m member) bool { return m.score > min || !exMin && m.score == min }
		high = func(m member) bool { return m.score < max || !exMax && m.score == max }
	case byLex:
		min, ok1 := lexBound(lo)
		max, ok2 := lexBound(hi)
		if !ok1 || !ok2 {
			return nil, c.refuse("ERR min or max not valid string range item")
		}
		low = func(m member) bool { return min.below(m.name) }
		high = func(m member) bool { return max.above(m.name) }
	}
	v, ok := c.find(key, kindZset)
	if !ok || v == nil {
		return nil, ok
	}
	list := v.ranked()
	if low != nil && (!low(list[len(list)-1]) || !high(list[0])) {
		return nil, true
	}
	if q.rev {
		slices.Reverse(list)
		low, high = high, low
	}
	if low == nil {
		i, j := span(from, to, len(list))
		return list[i:max(i, j+1)][:j+1-i], true
	}
	// The server walks from the first member within one end to the first beyond the
	// other, which matters where a range by name is asked of members of many scores.
	if i := slices.IndexFunc(list, low); i >= 0 {
		list = list[i:]
	} else {
		list = nil
	}
	if i := slices.IndexFunc(list, func(m member) bool { return !high(m) }); i >= 0 {
		list = list[:i]
	}
	return list, true
}

func scoreBound(arg []byte) (f float64, exclusive, ok bool) {
	if len(arg) > 0 && arg[0] == '(' {
		exclusive, arg = true, arg[1:]
	}
	f, ok = parseFloat(arg)
	return f, exclusive, ok
}

// lexRange is one end of a range by name.
type lexRange struct {
	infinite  int // -1 and 1 for - and +
	exclusive bool
	name      string
}

func lexBound(arg []byte) (lexRange, bool) {
	switch {
	case len(arg) == 1 && arg[0] == '-':
		return lexRange{infinite: -1}, true
	case len(arg) == 1 && arg[0] == '+':
		return lexRange{infinite: 1}, true
	case len(arg) > 0 && arg[0] == '(':
		return lexRange{exclusive: true, name: string(arg[1:])}, true
	case len(arg) > 0 && arg[0] == '[':
		return lexRange{name: string(arg[1:])}, true
	}
	return lexRange{}, false
}

func (l lexRange) below(name string) bool {
	d := cmp.Compare(l.name, name)
	return l.infinite < 0 || l.infinite == 0 && (d < 0 || d == 0 && !l.exclusive)
}

func (l lexRange) above(name string) bool {
	d := cmp.Compare(l.name, name)
	return l.infinite > 0 || l.infinite == 0 && (d > 0 || d == 0 && !l.exclusive)
}

func zcount(c *client, a [][]byte) {
	if list, ok := c.selected(a[1], a[2:4], zquery{by: byScore}); ok {
		c.integer(int64(len(list)))
	}
}

func zlexcount(c *client, a [][]byte) {
	if list, ok := c.selected(a[1], a[2:4], zquery{by: byLex}); ok {
		c.integer(int64(len(list)))
	}
}

func zremrange(c *client, a [][]byte, by rangeKind) {
	list, ok := c.selected(a[1], a[2:4], zquery{by: by})
	if !ok {
		return
	}
	if v := c.db.lookup(string(a[1]), c.now()); v != nil && len(list) > 0 {
		for _, m := range list {
			c.dropMember(v, m.name)
		}
		c.settle(a[1], v)
	}
	c.integer(int64(len(list)))
}

func zpop(c *client, a [][]byte, highest bool) {
	count, ok := c.popCount(a, 1, errSyntax)
	if !ok {
		return
	}
	v, ok := c.find(a[1], kindZset)
	if !ok {
		return
	}
	if v == nil || count == 0 {
		c.array(0)
		return
	}
	list := v.ranked()
	if highest {
		slices.Reverse(list)
	}
	list = list[:min(count, int64(len(list)))]
	for _, m := range list {
		c.dropMember(v, m.name)
	}
	c.settle(a[1], v)
	if c.resp3 && len(a) == 2 {
		c.array(2)
		c.text(list[0].name)
		c.double(list[0].score)
		return
	}
	c.listMembers(list, true)
}

func zscan(c *client, a [][]byte) {
	c.scanCollection(a, kindZset, func(v *value, yield func(string, []byte)) bool {
		for _, m := range v.ranked() {
			yield(m.name, []byte(formatScore(m.score)))
		}
		return v.encoding() == "listpack"
	})
}
