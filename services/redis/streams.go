package redis

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

func streamHandlers() map[string]handler {
	return map[string]handler{
		"xadd":      xadd,
		"xlen":      xlen,
		"xrange":    func(c *client, a [][]byte) { xrange(c, a, false) },
		"xrevrange": func(c *client, a [][]byte) { xrange(c, a, true) },
		"xdel":      xdel,
	}
}

const errStreamID = "ERR Invalid stream ID specified as stream command argument"

// parseID reads "ms" or "ms-seq"; seq is used when there is none.
func parseID(arg []byte, seq uint64) (streamID, bool) {
	ms, rest, dash := strings.Cut(string(arg), "-")
	m, err := strconv.ParseUint(ms, 10, 64)
	if err != nil {
		return streamID{}, false
	}
	if dash {
		if seq, err = strconv.ParseUint(rest, 10, 64); err != nil {
			return streamID{}, false
		}
	}
	return streamID{m, seq}, true
}

func xadd(c *client, a [][]byte) {
	i, noMake := 2, false
	if is(a[i], "nomkstream") {
		noMake = true
		i++
	}
	if len(a)-i < 3 || (len(a)-i-1)%2 != 0 {
		c.fail("ERR wrong number of arguments for 'xadd' command")
		return
	}
	auto := string(a[i]) == "*"
	ms, anySeq := strings.CutSuffix(string(a[i]), "-*")
	var id streamID
	if !auto {
		var ok bool
		if id, ok = parseID([]byte(ms), 0); !ok {
			c.fail(errStreamID)
			return
		}
	}
	v, ok := c.find(a[1], kindStream)
	if !ok {
		return
	}
	if v == nil && noMake {
		c.null()
		return
	}
	var last streamID
	if v != nil {
		last = v.lastID
	}
	switch {
	case auto:
		if id = (streamID{uint64(c.now()), 0}); id.compare(last) <= 0 {
			id = streamID{last.ms, last.seq + 1}
		}
	case anySeq && id.ms == last.ms && v != nil:
		id.seq = last.seq + 1
	case anySeq && id.ms == 0:
		id.seq = 1
	case id == streamID{}:
		c.fail("ERR The ID specified in XADD must be greater than 0-0")
		return
	}
	if v != nil && id.compare(last) <= 0 {
		c.fail("ERR The ID specified in XADD is equal or smaller than the target stream top item")
		return
	}
	v, _ = c.open(a[1], kindStream)
	e := entry{id, a[i+1:]}
	for _, f := range e.fields {
		c.db.grow(v, len(f)+entrySize)
	}
	v.entries = append(v.entries, e)
	v.lastID = id
	c.wrote(string(a[1]))
	c.text(id.String())
}

func xlen(c *client, a [][]byte) {
	v, ok := c.find(a[1], kindStream)
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(len(v.entries)))
	}
}

// rangeID reads an end of a range, "-", "+" or an ID that "(" excludes.
func rangeID(arg []byte, seq uint64) (id streamID, exclusive, ok bool) {
	switch {
	case string(arg) == "-":
		return streamID{}, false, true
	case string(arg) == "+":
		return streamID{math.MaxUint64, math.MaxUint64}, false, true
	case len(arg) > 0 && arg[0] == '(':
		id, ok = parseID(arg[1:], seq)
		return id, true, ok
	}
	id, ok = parseID(arg, seq)
	return id, false, ok
}

func xrange(c *client, a [][]byte, rev bool) {
	lo, hi := a[2], a[3]
	if rev {
		lo, hi = hi, lo
	}
	from, exFrom, ok1 := rangeID(lo, 0)
	to, exTo, ok2 := rangeID(hi, math.MaxUint64)
	if !ok1 || !ok2 {
		c.fail(errStreamID)
		return
	}
	count := int64(-1)
	switch {
	case len(a) == 4:
	case len(a) == 6 && is(a[4], "count"):
		n, ok := c.int(a[5])
		if !ok {
			return
		}
		count = max(n, 0)
	default:
		c.fail(errSyntax)
		return
	}
	v, ok := c.find(a[1], kindStream)
	if !ok {
		return
	}
	if count == 0 {
		c.nullArray()
		return
	}
	var list []entry
	if v != nil {
		for _, e := range v.entries {
			low, high := e.id.compare(from), e.id.compare(to)
			if low > 0 || low == 0 && !exFrom {
				if high < 0 || high == 0 && !exTo {
					list = append(list, e)
				}
			}
		}
	}
	if rev {
		slices.Reverse(list)
	}
	if count > 0 && int64(len(list)) > count {
		list = list[:count]
	}
	c.array(len(list))
	for _, e := range list {
		c.array(2)
		c.text(e.id.String())
		c.bulks(e.fields)
	}
}

func xdel(c *client, a [][]byte) {
	ids := map[streamID]bool{}
	for _, arg := range a[2:] {
		id, ok := parseID(arg, 0)
		if !ok {
			c.fail(errStreamID)
			return
		}
		ids[id] = true
	}
	v, ok := c.find(a[1], kindStream)
	if !ok {
		return
	}
	removed := int64(0)
	if v != nil {
		v.entries = slices.DeleteFunc(v.entries, func(e entry) bool {
			if !ids[e.id] {
				return false
			}
			for _, f := range e.fields {
				c.db.grow(v, -len(f)-entrySize)
			}
			removed++
			return true
		})
		if removed > 0 {
			c.wrote(string(a[1]))
		}
	}
	c.integer(removed)
}
